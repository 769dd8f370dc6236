//! Each promise is kept by every source that this system has.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use super::*;
use crate::edge::spawn;
use crate::pilot::id::{AgentId, Incarnation};
use look::{alive, identity, search, survivors, tree, work};
use source::Source;
use table::Entry;

/// Makes a test of each function for each source.
macro_rules! by_every_source {
    ($($test:ident)*) => {
        #[cfg(target_os = "linux")]
        mod by_procfs {
            $(#[test] fn $test() { super::$test(&crate::edge::process::procfs::SOURCE); })*
        }
        mod by_portable {
            $(#[test] fn $test() { super::$test(&crate::edge::process::portable::SOURCE); })*
        }
    };
}

by_every_source! {
    we_are_alive_and_a_reaped_child_is_not
    another_start_time_and_another_boot_are_another_process
    a_process_whose_number_was_given_away_gets_no_signal
    an_agent_is_ended_with_all_that_tries_to_outlive_it
    orphans_in_the_agents_session_are_its_own_even_without_a_tag
    what_can_not_be_ended_is_told_with_its_name_and_age
    orphans_of_a_dead_agent_are_found_by_their_tag
    a_polite_agent_is_asked_and_may_finish_its_work
    a_suspended_agent_sees_the_term_as_well
    we_ourselves_and_our_ancestors_are_never_ended
    busy_children_show_as_work_and_quiet_ones_only_by_their_age
    one_launched_by_hand_is_found_and_ours_is_not
    a_start_is_told_in_seconds_since_the_epoch
}

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

fn we_are_alive_and_a_reaped_child_is_not(source: &'static Source) {
    let us = identity(source, std::process::id()).unwrap();
    assert_eq!(alive(source, &us), Alive::Yes);
    let (mut child, _lines) = shell("exec sleep 600", None);
    let process = identity(source, child.id()).unwrap();
    assert_eq!(alive(source, &process), Alive::Yes);
    child.kill().unwrap();
    // Dead but not waited for: a zombie.
    until("the child is a zombie", || alive(source, &process) == Alive::No);
    assert_eq!(identity(source, child.id()), None);
    child.wait().unwrap();
    assert_eq!(alive(source, &process), Alive::No);
}

fn another_start_time_and_another_boot_are_another_process(source: &'static Source) {
    let us = identity(source, std::process::id()).unwrap();
    assert_eq!(alive(source, &Identity { started: us.started + 1, ..us.clone() }), Alive::No);
    assert_eq!(alive(source, &Identity { boot: "another".to_string(), ..us }), Alive::No);
}

fn a_process_whose_number_was_given_away_gets_no_signal(source: &'static Source) {
    let (mut child, _lines) = shell("exec sleep 600", None);
    let now = identity(source, child.id()).unwrap();
    let before = Identity { started: now.started - 1, ..now.clone() };
    assert_eq!(run(ending::end(source, Some(&before), None, Duration::ZERO)), Ok(Vec::new()));
    let other_boot = Identity { boot: "another".to_string(), ..now.clone() };
    assert_eq!(run(ending::end(source, Some(&other_boot), None, Duration::ZERO)), Ok(Vec::new()));
    assert_eq!(alive(source, &now), Alive::Yes);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn an_agent_is_ended_with_all_that_tries_to_outlive_it(source: &'static Source) {
    let tag = tag(&nonce());
    // One child ignores TERM and HUP, one also has a session and a parent of its own, one is stopped.
    let script = "trap '' HUP TERM
        sh -c 'trap \"\" HUP TERM; echo $$; while :; do sleep 600; done' &
        setsid sh -c 'trap \"\" HUP TERM; sh -c \"echo \\$\\$; exec sleep 600\" & sleep 600' &
        sh -c 'echo $$; kill -STOP $$; exec sleep 600' &
        wait";
    let (mut child, mut lines) = shell(script, Some(&tag));
    let agent = identity(source, child.id()).unwrap();
    let others: Vec<_> = (0..3).map(|_| identity(source, number(&mut lines)).unwrap()).collect();
    let tree = tree(source, Some(&agent), Some(&tag)).unwrap();
    assert!(others.iter().chain([&agent]).all(|process| tree.contains(process)), "{tree:?}");
    assert!(!tree.contains(&identity(source, std::process::id()).unwrap()));
    assert_eq!(run(ending::end(source, Some(&agent), Some(&tag), Duration::from_millis(300))), Ok(Vec::new()));
    for process in &tree {
        assert_eq!(alive(source, process), Alive::No);
    }
    assert_eq!(survivors(source, &tag.nonce), Some(Vec::new()));
    child.wait().unwrap();
}

fn what_can_not_be_ended_is_told_with_its_name_and_age(source: &'static Source) {
    let (mut child, _lines) = shell("exec sleep 600", None);
    let name = |entry: Option<Entry>| entry.is_some_and(|entry| entry.name == "sleep");
    until("it is another program", || (source.entry)(child.id()).is_ok_and(name));
    let process = identity(source, child.id()).unwrap();
    let out_of_reach = Source { take: |_| None, ..*source };
    let left = run(ending::end(&out_of_reach, Some(&process), None, Duration::ZERO)).unwrap();
    let [(pid, what)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*pid, child.id());
    assert!(what.starts_with("sleep, ") && what.ends_with("s old"), "{what}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn orphans_in_the_agents_session_are_its_own_even_without_a_tag(source: &'static Source) {
    let mut command = spawn::blocking("setsid");
    let script = "echo $$; (sh -c 'echo $$; exec sleep 600' &); echo ready; exec sleep 600";
    let mut started = command.args(["sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(started.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    said.retain(|line| line != "ready");
    let pids: Vec<Identity> = said.iter().map(|line| identity(source, line.parse().unwrap()).unwrap()).collect();
    let [agent, orphan] = &pids[..] else { panic!("{pids:?}") };
    assert!(tree(source, Some(agent), None).unwrap().contains(orphan));
    assert_eq!(run(ending::end(source, Some(agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!([alive(source, agent), alive(source, orphan)], [Alive::No; 2]);
    started.wait().unwrap();
}

fn orphans_of_a_dead_agent_are_found_by_their_tag(source: &'static Source) {
    let tag = tag(&nonce());
    let (mut child, mut lines) = shell("setsid sh -c 'echo $$; exec sleep 600' & exec true", Some(&tag));
    let orphan = identity(source, number(&mut lines)).unwrap();
    let agent_pid = child.id();
    child.wait().unwrap();
    // While it becomes another program its environment can't be read for a moment.
    let found = Some(vec![(tag.clone(), orphan.clone())]);
    until("it is found", || survivors(source, &tag.nonce) == found);
    let gone = Identity { pid: agent_pid, ..orphan.clone() };
    assert_eq!(run(ending::end(source, Some(&gone), Some(&tag), Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(alive(source, &orphan), Alive::No);
}

fn a_polite_agent_is_asked_and_may_finish_its_work(source: &'static Source) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("saved");
    let script = format!("trap 'echo bye > {}; exit 0' TERM; echo ready; while :; do sleep 0.01; done", file.display());
    let (mut child, mut lines) = shell(&script, None);
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let agent = identity(source, child.id()).unwrap();
    assert_eq!(run(ending::end(source, Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "bye\n");
    child.wait().unwrap();
}

fn a_suspended_agent_sees_the_term_as_well(source: &'static Source) {
    let (mut child, mut lines) = shell("trap 'echo woken; exit 0' TERM; echo $$; kill -STOP $$; echo never", None);
    let agent = identity(source, number(&mut lines)).unwrap();
    until("it is stopped", || work(source, &agent, None, Duration::ZERO).is_some_and(|work| work.suspended));
    assert_eq!(run(ending::end(source, Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert_eq!(lines.next().unwrap().unwrap(), "woken");
    child.wait().unwrap();
}

fn we_ourselves_and_our_ancestors_are_never_ended(source: &'static Source) {
    let us = identity(source, std::process::id()).unwrap();
    let parent = identity(source, std::os::unix::process::parent_id()).unwrap();
    assert_eq!(tree(source, Some(&us), None), Some(Vec::new()));
    assert!(!tree(source, Some(&parent), None).unwrap().contains(&parent));
}

fn busy_children_show_as_work_and_quiet_ones_only_by_their_age(source: &'static Source) {
    let (mut child, mut lines) = shell("while :; do :; done & echo $!; wait", None);
    let agent = identity(source, child.id()).unwrap();
    let busy = number(&mut lines);
    let first = work(source, &agent, None, Duration::from_secs(20)).unwrap();
    until("its child used processor time", || {
        work(source, &agent, None, Duration::from_secs(20)).is_some_and(|now| now.children_cpu > first.children_cpu)
    });
    assert_eq!(work(source, &agent, None, Duration::from_secs(20)).unwrap().late_children, 0);
    assert_eq!(run(ending::end(source, Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    assert!(identity(source, busy).is_none());
    assert_eq!(work(source, &agent, None, Duration::ZERO), None);
    child.wait().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn processor_time_of_children_that_ended_still_counts() {
    let source = &procfs::SOURCE;
    let burn = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";
    let (mut child, mut lines) =
        shell(&format!("sh -c '{burn}'; echo done; read never < /dev/zero || exec sleep 600"), None);
    let agent = identity(source, child.id()).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "done");
    assert!(work(source, &agent, None, Duration::ZERO).unwrap().children_cpu > Duration::ZERO);
    assert_eq!(run(ending::end(source, Some(&agent), None, Duration::from_secs(10))), Ok(Vec::new()));
    child.wait().unwrap();
}

fn one_launched_by_hand_is_found_and_ours_is_not(source: &'static Source) {
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
    assert_eq!(search(source, &names, dir.path(), &tag.nonce), Search::None);
    let mut ours = start(true, &inside);
    let mut elsewhere = start(false, Path::new("/"));
    until("both run", || {
        [&ours, &elsewhere]
            .iter()
            .all(|child| look::names_of(source, &(source.entry)(child.id()).unwrap().unwrap()).contains(&name))
    });
    assert_eq!(search(source, &names, dir.path(), &tag.nonce), Search::None);
    let mut by_hand = start(false, &inside);
    until("it runs", || search(source, &names, dir.path(), &tag.nonce) == Search::Found { pid: by_hand.id() });
    assert!(matches!(search(source, &names, &dir.path().join("missing"), &tag.nonce), Search::Unknown { .. }));
    for child in [&mut ours, &mut elsewhere, &mut by_hand] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn a_start_is_told_in_seconds_since_the_epoch(source: &'static Source) {
    let (mut child, _lines) = shell("exec sleep 600", None);
    let now = crate::edge::clock::wall().0 / 1000;
    let began = (source.began_s)(identity(source, child.id()).unwrap().started).unwrap();
    // Boot time is told in whole seconds.
    assert!(began.abs_diff(now) <= 2, "{began} at {now}");
    child.kill().unwrap();
    child.wait().unwrap();
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
