#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use super::*;
use crate::edge::spawn;

fn tag(nonce: &str) -> Tag {
    Tag { nonce: nonce.to_string(), agent: AgentId::parse("builder").unwrap(), incarnation: Incarnation(3) }
}

/// A nonce that no other test and no other run has.
fn nonce() -> String {
    let dir = tempfile::tempdir().unwrap();
    dir.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_string()
}

/// A shell that runs `script`; its tag, if any, and its output by lines.
fn shell(script: &str, tag: Option<&Tag>) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = spawn::blocking("sh");
    command.args(["-c", script]).stdout(Stdio::piped());
    if let Some(tag) = tag {
        command.env(OWNER, tag.to_string());
    }
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn number(lines: &mut Lines<BufReader<ChildStdout>>) -> u32 {
    lines.next().unwrap().unwrap().trim().parse().unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = crate::edge::clock::monotonic_ms() + 10_000;
    while !holds() {
        assert!(crate::edge::clock::monotonic_ms() < deadline, "not within ten seconds: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn we_are_alive_and_a_reaped_child_is_not() {
    let us = identity(std::process::id()).unwrap();
    assert_eq!(alive(&us), Alive::Yes);
    let (mut child, _lines) = shell("exec sleep 600", None);
    let process = identity(child.id()).unwrap();
    assert_eq!(alive(&process), Alive::Yes);
    child.kill().unwrap();
    // Dead but not waited for: a zombie.
    until("the child is a zombie", || alive(&process) == Alive::No);
    assert_eq!(identity(child.id()), None);
    child.wait().unwrap();
    assert_eq!(alive(&process), Alive::No);
}

#[test]
fn another_start_time_and_another_boot_are_another_process() {
    let us = identity(std::process::id()).unwrap();
    assert_eq!(alive(&Identity { started: us.started + 1, ..us.clone() }), Alive::No);
    assert_eq!(alive(&Identity { boot: "another".to_string(), ..us }), Alive::No);
}

#[test]
fn a_process_whose_number_was_given_away_gets_no_signal() {
    let (mut child, _lines) = shell("exec sleep 600", None);
    let now = identity(child.id()).unwrap();
    let before = Identity { started: now.started - 1, ..now.clone() };
    assert_eq!(run(end(Some(&before), None, Duration::ZERO)), Ok(Vec::new()));
    let other_boot = Identity { boot: "another".to_string(), ..now.clone() };
    assert_eq!(run(end(Some(&other_boot), None, Duration::ZERO)), Ok(Vec::new()));
    assert_eq!(alive(&now), Alive::Yes);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_agent_is_ended_with_all_that_tries_to_outlive_it() {
    let tag = tag(&nonce());
    // One child ignores TERM and HUP, one also has a session and a parent of its own, one is stopped.
    let script = "trap '' HUP TERM
        sh -c 'trap \"\" HUP TERM; echo $$; while :; do sleep 600; done' &
        setsid sh -c 'trap \"\" HUP TERM; sh -c \"echo \\$\\$; exec sleep 600\" & sleep 600' &
        sh -c 'echo $$; kill -STOP $$; exec sleep 600' &
        wait";
    let (mut child, mut lines) = shell(script, Some(&tag));
    let agent = identity(child.id()).unwrap();
    let others: Vec<_> = (0..3).map(|_| identity(number(&mut lines)).unwrap()).collect();
    let tree = tree(Some(&agent), Some(&tag)).unwrap();
    assert!(others.iter().chain([&agent]).all(|process| tree.contains(process)), "{tree:?}");
    assert!(!tree.contains(&identity(std::process::id()).unwrap()));
    assert_eq!(run(end(Some(&agent), Some(&tag), Duration::from_millis(300))), Ok(Vec::new()));
    for process in &tree {
        assert_eq!(alive(process), Alive::No);
    }
    assert_eq!(survivors(&tag.nonce), Some(Vec::new()));
    child.wait().unwrap();
}

#[test]
fn orphans_in_the_agents_session_are_its_own_even_without_a_tag() {
    let mut command = spawn::blocking("setsid");
    let script = "echo $$; (sh -c 'echo $$; exec sleep 600' &); echo ready; exec sleep 600";
    let mut started = command.args(["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(started.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    said.retain(|line| line != "ready");
    let pids: Vec<Identity> = said.iter().map(|line| identity(line.parse().unwrap()).unwrap()).collect();
    let [agent, orphan] = &pids[..] else { panic!("{pids:?}") };
    assert!(tree(Some(agent), None).unwrap().contains(orphan));
    assert_eq!(run(end(Some(agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!([alive(agent), alive(orphan)], [Alive::No; 2]);
    started.wait().unwrap();
}

#[test]
fn orphans_of_a_dead_agent_are_found_by_their_tag() {
    let tag = tag(&nonce());
    let (mut child, mut lines) = shell("setsid sh -c 'echo $$; exec sleep 600' & exec true", Some(&tag));
    let orphan = identity(number(&mut lines)).unwrap();
    let agent_pid = child.id();
    child.wait().unwrap();
    until("it has a new name", || survivors(&tag.nonce).is_some_and(|found| found.len() == 1));
    assert_eq!(survivors(&tag.nonce), Some(vec![(tag.clone(), orphan.clone())]));
    let gone = Identity { pid: agent_pid, ..orphan.clone() };
    assert_eq!(run(end(Some(&gone), Some(&tag), Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(alive(&orphan), Alive::No);
}

#[test]
fn a_polite_agent_is_asked_and_may_finish_its_work() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("saved");
    let script = format!("trap 'echo bye > {}; exit 0' TERM; echo ready; while :; do sleep 0.01; done", file.display());
    let (mut child, mut lines) = shell(&script, None);
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let agent = identity(child.id()).unwrap();
    assert_eq!(run(end(Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "bye\n");
    child.wait().unwrap();
}

#[test]
fn a_suspended_agent_sees_the_term_as_well() {
    let (mut child, mut lines) = shell("trap 'echo woken; exit 0' TERM; echo $$; kill -STOP $$; echo never", None);
    let agent = identity(number(&mut lines)).unwrap();
    until("it is stopped", || work(&agent, None, Duration::ZERO).is_some_and(|work| work.suspended));
    assert_eq!(run(end(Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(lines.next().unwrap().unwrap(), "woken");
    child.wait().unwrap();
}

#[test]
fn we_ourselves_and_our_ancestors_are_never_ended() {
    let us = identity(std::process::id()).unwrap();
    let parent = identity(std::os::unix::process::parent_id()).unwrap();
    assert_eq!(tree(Some(&us), None), Some(Vec::new()));
    assert!(!tree(Some(&parent), None).unwrap().contains(&parent));
}

#[test]
fn busy_children_show_as_work_and_quiet_ones_only_by_their_age() {
    let (mut child, mut lines) = shell("while :; do :; done & echo $!; wait", None);
    let agent = identity(child.id()).unwrap();
    let busy = number(&mut lines);
    let first = work(&agent, None, Duration::from_secs(20)).unwrap();
    until("its child used processor time", || {
        work(&agent, None, Duration::from_secs(20)).is_some_and(|now| now.children_cpu > first.children_cpu)
    });
    assert_eq!(work(&agent, None, Duration::from_secs(20)).unwrap().late_children, 0);
    assert_eq!(run(end(Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert!(identity(busy).is_none());
    assert_eq!(work(&agent, None, Duration::ZERO), None);
    child.wait().unwrap();
}

#[test]
fn processor_time_of_children_that_ended_still_counts() {
    let burn = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
    let (mut child, mut lines) =
        shell(&format!("sh -c '{burn}'; echo done; read never < /dev/zero || exec sleep 600"), None);
    let agent = identity(child.id()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "done");
    assert!(work(&agent, None, Duration::ZERO).unwrap().children_cpu > Duration::ZERO);
    assert_eq!(run(end(Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    child.wait().unwrap();
}

#[test]
fn one_launched_by_hand_is_found_and_ours_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let name = format!("agent-{}", nonce());
    let names = [name.clone()];
    std::os::unix::fs::symlink("/bin/sleep", inside.join(&name)).unwrap();
    let tag = tag(&nonce());
    let start = |tagged: bool, cwd: &Path| {
        let mut command = spawn::blocking(inside.join(&name));
        command.arg("600").current_dir(cwd);
        if tagged {
            command.env(OWNER, tag.to_string());
        }
        command.spawn().unwrap()
    };
    assert_eq!(search(&names, dir.path(), &tag.nonce), Search::None);
    let mut ours = start(true, &inside);
    let mut elsewhere = start(false, Path::new("/"));
    until("both run", || {
        [&ours, &elsewhere]
            .iter()
            .all(|child| table::names(&table::entry(child.id()).unwrap().unwrap()).contains(&name))
    });
    assert_eq!(search(&names, dir.path(), &tag.nonce), Search::None);
    let mut by_hand = start(false, &inside);
    until("it runs", || search(&names, dir.path(), &tag.nonce) == Search::Found { pid: by_hand.id() });
    assert!(matches!(search(&names, &dir.path().join("missing"), &tag.nonce), Search::Unknown { .. }));
    for child in [&mut ours, &mut elsewhere, &mut by_hand] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn tags_have_one_form() {
    let text = "n0nce/builder/3";
    assert_eq!(Tag::parse(text), Some(tag("n0nce")));
    assert_eq!(tag("n0nce").to_string(), text);
    for wrong in ["", "/builder/3", "n/builder", "n/builder/3/4", "n/Builder/3", "n/builder/x", "n/../3"] {
        assert_eq!(Tag::parse(wrong), None, "{wrong}");
    }
}
