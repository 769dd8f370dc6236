//! Faults of the tmux server, its panes and its names.

use flightdeck::edge::process::{Alive, alive, identity};
use flightdeck::edge::spawn;
use flightdeck::edge::tmux::inject::{self, Injected};
use flightdeck::edge::tmux::server::{self, StartError};
use flightdeck::edge::tmux::session::{self, Killed, StartAgentError};
use flightdeck::edge::tmux::{Probe, screen};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::effect::{LaunchSpec, Refusal};
use flightdeck::pilot::fact::Identity;
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::deck::{Dice, id, signal_to};
use super::messages::submitted;
use super::plan::{PROGRAM, Plan};
use super::shim::{receiver, shim};
use super::sim::scenario;
use super::sources::{told, workspace};
use super::support::awake::awake_ms;
use super::support::{self, Lab, NONCE, run, tag, until};
use super::terminal::Terminal;

const IDLE: &str = "on *: say yes\n";

#[test]
fn t1_a_server_that_dies_is_one_event_and_survivors_end_before_anybody_is_started_again() {
    let names = ["one", "two", "three"];
    // Everybody leaves a child that no hang-up reaches (V12).
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: leak; say yes\n"));
    let deck = plan.set("restart.stage", "2 in 2s").up();
    names.iter().for_each(|name| deck.prompted(name, 1));
    let old = deck.survivors();
    assert!(old.len() >= 6, "{old:?}");
    signal_to(&deck.server_identity(), Signal::KILL);
    names.iter().for_each(|name| deck.ready(name, 2));
    assert!(old.iter().all(|life| alive(life) == Alive::No), "somebody of the old lives is left");
    assert_eq!(deck.count(|record| matches!(record, Record::ServerLost)), 1);
    let charged =
        |record: &Record| matches!(record, Record::BackedOff { .. } | Record::MassDeath { .. } | Record::Held { .. });
    assert_eq!(deck.count(charged), 0, "{}", deck.story());
    names.iter().for_each(|name| deck.prompted(name, 2));
    assert_eq!(deck.servers().len(), 1);

    // Twenty of them are back within a minute.
    let story = scenario("tmux-dies");
    let lost = story.all(|record| matches!(record, Record::ServerLost).then_some(()));
    assert_eq!(lost.len(), 1, "{}", story.told());
    let back = story.all(|record| matches!(record, Record::Started { .. }).then_some(()));
    let again: Vec<u64> =
        back.iter().filter(|(at, ())| *at >= lost[0].0).map(|(at, ())| (*at - lost[0].0).as_secs()).collect();
    assert!(again.len() == 20 && again.iter().all(|after| *after < 60), "{again:?}");
}

#[test]
fn t2_a_paste_into_a_dead_pane_is_refused_and_the_server_lives() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", "exit 7").await;
        let pane = &agent.place.pane;
        until("its death", async || {
            screen::capture(&lab.client, pane).await.is_ok_and(|screen| screen.is_some_and(|screen| screen.mode.dead))
        })
        .await;
        for _ in 0..3 {
            let pasted = inject::paste(&lab.client, pane, "fd-1", "hello").await;
            assert_eq!(pasted, Ok(Injected::Refused(Refusal::PaneDead)));
            let pressed = inject::press_key(&lab.client, pane, "Enter").await;
            assert_eq!(pressed, Ok(Injected::Refused(Refusal::PaneDead)));
        }
        assert_eq!(lab.tmux(&["list-buffers"]), "");
        let probed = server::probe(&lab.spec.program, &lab.spec.socket, None).await;
        assert_eq!(probed, Probe::Answering(lab.server.clone()));
    });
    for (version, verdict) in [("3.2a", "warn"), ("3.3a", "warn"), ("3.4", "ok"), ("next-3.6", "ok")] {
        let said = doctor_on(version);
        let line = said.lines().find(|line| line.contains("tmux ") && line.contains(version)).expect("a line of it");
        assert_eq!(line.split_whitespace().next(), Some(verdict), "{said}");
        assert_eq!(said.contains("pastes into a dead pane"), verdict == "warn", "{said}");
    }
}

/// What the doctor says of a tmux that calls itself so.
fn doctor_on(version: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let tmux = shim(&folder, &format!("echo tmux {version}"));
    std::os::unix::fs::symlink(tmux, folder.path().join("tmux")).expect("a link");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let run = spawn::blocking(PROGRAM).arg("doctor").current_dir(&folder).env("PATH", path).output().expect("it runs");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn t3_a_server_that_hangs_proves_nothing_about_anybody() {
    let deck = Plan::new()
        .agent("solo", "on *: say yes; wait 1s\non wake: say awake; wait 60s\n")
        .agent("other", IDLE)
        .set("stall.idle", "2s")
        .set("stall.grace", "1s")
        .set("agents.other.autostart", false)
        .up();
    deck.prompted("solo", 1);
    let server = deck.server_identity();
    signal_to(&server, Signal::STOP);
    deck.until("an unknown state", || matches!(deck.agent("solo").state, AgentState::Unknown { .. }).then_some(()));
    // A start that is asked for meanwhile waits as well.
    deck.tell(&Command::Start { agent: id("other") });
    deck.saw("silence", |record| matches!(record, Record::ServerSilent { .. }).then_some(()));
    deck.until("more silence than any deadline", || {
        let view = deck.status();
        (view.at.since(deck.agent("solo").since).as_secs() >= 8).then_some(())
    });
    signal_to(&server, Signal::CONT);
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    deck.prompted("other", 1);
    deck.until("a known state", || matches!(deck.agent("solo").state, AgentState::Waiting { .. }).then_some(()));
    assert_eq!((deck.starts("solo"), deck.starts("other")), (1, 1), "{}", deck.story());
    let harm = |record: &Record| {
        matches!(record, Record::Found { .. } | Record::Exited { .. } | Record::ServerLost | Record::Stopped { .. })
    };
    assert_eq!(deck.count(harm), 0, "{}", deck.story());
}

#[test]
fn t4_a_server_whose_socket_was_removed_is_called_back_and_never_doubled() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    std::fs::remove_file(deck.socket()).expect("a socket");
    // The connection that is open goes on; the next engine has to find the server by itself.
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    let message = deck.send("solo", "still there");
    deck.settled(message);
    assert_eq!((deck.servers().len(), deck.starts("solo"), deck.submits("solo").len()), (1, 1, 2));
}

#[test]
fn t5_a_name_that_begins_another_name_never_hits_it() {
    run(async {
        let lab = Lab::new().await;
        let short = lab.start("build", "exec cat").await;
        let long = lab.start("build2", "exec cat").await;
        assert_eq!(session::kill_session(&lab.client, &short.place, &tag("build", 1)).await, Ok(Killed::Yes));
        assert_eq!(session::kill_session(&lab.client, &short.place, &tag("build", 1)).await, Ok(Killed::Missing));
        let panes = session::list_panes(&lab.client, &lab.server, NONCE).await.expect("a list");
        assert_eq!(panes.len(), 1);
        assert_eq!((&panes[0].place, panes[0].pid, panes[0].dead), (&long.place, long.pid, None));
    });
}

#[test]
fn t6_a_foreign_session_with_an_agents_name_is_left_alone_and_named() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).set("agents.solo.autostart", false).up();
    deck.prompted("other", 1);
    deck.tmux(&["new-session", "-d", "-s", "solo", "sh", "-c", "echo mine; exec sleep 600"]);
    let foreign = deck.tmux(&["display-message", "-p", "-t", "=solo:", "#{pane_pid} #{session_id}"]);
    let (pid, session) = foreign.trim().split_once(' ').expect("two words");
    let life = identity(pid.parse().expect("a pid")).expect("it lives");
    deck.tell(&Command::Start { agent: id("solo") });
    let why = deck.saw("a refusal", |record| match record {
        Record::StartDelayed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains(session), "{why} does not name {session}");
    deck.send("solo", "not for you");
    deck.tell(&Command::Stop { agent: id("solo") });
    deck.until("its stop", || (deck.agent("solo").state == AgentState::Stopped).then_some(()));
    assert_eq!(alive(&life), Alive::Yes);
    assert_eq!(deck.screen("solo").trim(), "mine");
    signal_to(&life, Signal::KILL);
}

#[test]
fn t8_a_message_waits_while_somebody_scrolls() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    deck.tmux(&["copy-mode", "-t", "=solo:"]);
    let message = deck.send("solo", "our words");
    deck.waits_for(message, "copy mode");
    assert_eq!(deck.tmux(&["display-message", "-p", "-t", "=solo:", "#{pane_in_mode}"]).trim(), "1");
    deck.press("solo", &["-X", "cancel"]);
    submitted(&deck, message);
    assert_eq!(deck.submits("solo")[1..], ["our words"]);
}

#[test]
fn t9_typing_into_a_pane_that_would_lose_it_is_refused_with_the_reason() {
    run(async {
        let lab = Lab::new().await;
        let agent = lab.start("builder", &receiver(false)).await;
        let pane = agent.place.pane.as_str();
        lab.shows(pane, "ready").await;
        let states: [(&[&str], &[&str], Refusal); 3] = [
            (&["copy-mode", "-t", pane], &["copy-mode", "-q", "-t", pane], Refusal::InMode),
            (&["select-pane", "-d", "-t", pane], &["select-pane", "-e", "-t", pane], Refusal::InputOff),
            (
                &["set", "-wt", pane, "synchronize-panes", "on"],
                &["set", "-wt", pane, "synchronize-panes", "off"],
                Refusal::Synchronized,
            ),
        ];
        for (enter, leave, refusal) in states {
            lab.tmux(enter);
            let pasted = inject::paste(&lab.client, pane, "fd-1", "hello").await;
            assert_eq!(pasted, Ok(Injected::Refused(refusal.clone())));
            let pressed = inject::press_key(&lab.client, pane, "Enter").await;
            assert_eq!(pressed, Ok(Injected::Refused(refusal)));
            lab.tmux(leave);
        }
        let missing = inject::paste(&lab.client, "%99", "fd-1", "hello").await;
        assert_eq!(missing, Ok(Injected::Refused(Refusal::PaneMissing)));
        assert_eq!(inject::press_key(&lab.client, "%99", "Enter").await, Ok(Injected::Refused(Refusal::PaneMissing)));
        assert_eq!(inject::press_key(&lab.client, pane, "x").await, Ok(Injected::Done));
        until("the key", async || std::fs::read(lab.path("in")).expect("its input") == b"x").await;
        assert_eq!(lab.tmux(&["list-buffers"]), "");
    });
    // A message waits for that, with the reason and what to do, and is said once when it is over.
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let ways: [(&[&str], &[&str], &str); 2] = [
        (&["select-pane", "-d", "-t", "=solo:"], &["select-pane", "-e", "-t", "=solo:"], "select-pane -e"),
        (
            &["set", "-wt", "=solo:", "synchronize-panes", "on"],
            &["set", "-wt", "=solo:", "synchronize-panes", "off"],
            "switch synchronize-panes off",
        ),
    ];
    for (off, on, advice) in ways {
        deck.tmux(off);
        let message = deck.send("solo", advice);
        deck.waits_for(message, advice);
        deck.tmux(on);
        submitted(&deck, message);
    }
    assert_eq!(deck.submits("solo")[1..], ways.map(|(_, _, advice)| advice.to_string()));
}

#[test]
fn t10_a_draft_is_neither_lost_nor_merged() {
    let script = "on draft: say go on; draft half a thought\non *: say yes\n";
    let deck = Plan::new().agent("solo", script).set("delivery.blocked_alert", "2s").up();
    deck.prompted("solo", 1);
    submitted(&deck, deck.send("solo", "draft"));
    deck.until("the draft", || deck.screen("solo").contains("half a thought").then_some(()));
    let message = deck.send("solo", "our words");
    deck.waits_for(message, "draft");
    // It waits for somebody, so somebody is told; the draft stays what it was.
    let told = format!("{message} can't be delivered to solo: somebody's draft");
    deck.until("an alert", || deck.status().alerts.iter().any(|alert| alert.starts_with(&told)).then_some(()));
    let screen = deck.screen("solo");
    assert!(screen.contains("half a thought") && !screen.contains("our words"), "{screen}");
    deck.press("solo", &["-l", " and the rest"]);
    deck.press("solo", &["Enter"]);
    submitted(&deck, message);
    assert_eq!(deck.submits("solo")[1..], ["draft", "half a thought and the rest", "our words"]);
}

#[test]
fn t11_somebodys_own_pane_beside_an_agent_changes_nothing_for_it() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    deck.tmux(&["split-window", "-t", "=solo:", "sh", "-c", "cat; :"]);
    let message = deck.send("solo", "to the agent");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    deck.kill("solo", Signal::KILL);
    deck.prompted("solo", 3);
    // Its pane is closed under it, and the other one keeps the session.
    deck.tmux(&["split-window", "-t", "=solo:", "sh", "-c", "cat; :"]);
    let pane = deck.agent("solo").pane.expect("a pane");
    deck.tmux(&["kill-pane", "-t", &pane]);
    deck.prompted("solo", 4);
    assert_eq!(deck.starts("solo"), 3);
}

#[test]
fn t13_servers_and_clients_of_different_protocols_are_silent_with_both_named() {
    run(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let words = "protocol version mismatch (client 9, server 8)";
        let lab = Lab::with_program("tmux", folder).await;
        let script = format!("[ \"$1\" = -V ] && echo tmux 3.7 || {{ echo '{words}' >&2; exit 1; }}");
        let odd = shim(&lab.folder, &script);
        let probed = server::probe(odd.as_os_str(), &lab.spec.socket, Some(&lab.server)).await;
        let Probe::Silent(why) = probed else { panic!("{probed:?}") };
        assert!(why.contains("3.7") && why.contains("client 9, server 8"), "{why}");
    });
    // An upgrade under a running deck: what agents do is unknown, nobody is touched, and all is as before with the old one.
    let deck = Plan::new().agent("solo", IDLE).laid_out();
    let tools = deck.outside().join("tools");
    std::fs::create_dir(&tools).expect("a folder");
    let new = "[ \"$1\" = -V ] && { echo tmux 3.7; exit; }; echo 'protocol version mismatch (client 9, server 8)' >&2; exit 1";
    let script =
        format!("#!/bin/sh\nif [ -e {0}/new ]; then {new}; fi\nPATH=${{PATH#*:}} exec tmux \"$@\"\n", tools.display());
    let tmux = tools.join("tmux");
    std::fs::write(&tmux, script).expect("a file");
    std::fs::set_permissions(&tmux, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    *deck.shims.borrow_mut() = Some(tools.clone());
    deck.start_engine();
    deck.prompted("solo", 1);
    let life = deck.process("solo");
    std::fs::write(tools.join("new"), "").expect("a file");
    deck.tmux(&["detach-client", "-s", "=_flightdeck"]);
    let why = deck.until("silence", || Some(deck.status().tmux).filter(|tmux| tmux.starts_with("silent")));
    assert!(
        why.contains("3.7") && why.contains("client 9, server 8") && why.contains("put the old tmux back"),
        "{why}"
    );
    deck.until("an unknown state", || matches!(deck.agent("solo").state, AgentState::Unknown { .. }).then_some(()));
    std::fs::remove_file(tools.join("new")).expect("a file");
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    submitted(&deck, deck.send("solo", "as before"));
    assert_eq!((deck.starts("solo"), deck.process("solo")), (1, life), "{}", deck.story());
}

#[test]
fn t15_the_operators_tmux_is_neither_read_nor_touched() {
    let plan = Plan::new().agent("solo", IDLE);
    let deck = plan.laid_out();
    let canary = deck.home.join("canary");
    let hostile = format!(
        "set -g remain-on-exit off\nset -g base-index 7\nset -g default-command 'false'\nrun-shell 'touch {0}'\n\
         set-hook -g session-created 'run-shell \"touch {0}\"'\n",
        canary.display()
    );
    std::fs::write(deck.home.join(".tmux.conf"), hostile).expect("a file");
    let elsewhere = deck.home.display().to_string();
    *deck.variables.borrow_mut() = vec![
        ("TMUX", format!("{elsewhere}/their.sock,1,0")),
        ("TMUX_PANE", "%0".to_string()),
        ("TMUX_TMPDIR", elsewhere.clone()),
    ];
    deck.start_engine();
    deck.prompted("solo", 1);
    assert!(!canary.exists());
    let output = spawn::blocking("tmux")
        .arg("-S")
        .arg(deck.socket())
        .args(["-N", "list-sessions", "-F", "#{session_name}"])
        .output();
    let sessions = String::from_utf8(output.expect("tmux").stdout).expect("text");
    assert_eq!(sessions.lines().collect::<Vec<_>>(), ["_flightdeck", "solo"]);
    let left: Vec<_> =
        std::fs::read_dir(&elsewhere).expect("a home").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("tmux-")), "a server of theirs: {left:?}");
}

#[test]
fn t17_a_missing_or_odd_tmux_is_named() {
    run(async {
        type Expected = fn(&StartError) -> bool;
        let table: [(&str, Expected); 10] = [
            ("echo tmux 2.9a", |error| matches!(error, StartError::TooOld { found } if found == "2.9a")),
            ("echo screen 4", |error| matches!(error, StartError::NoTmux { .. })),
            ("exit 1", |error| matches!(error, StartError::NoTmux { .. })),
            (r"printf 'tmux \377\033[31m'", |error| matches!(error, StartError::NoTmux { .. })),
            ("head -c 1000000 /dev/zero", |error| matches!(error, StartError::NoTmux { .. })),
            (
                "[ \"$1\" = -V ] && echo tmux 3.3a || { echo no >&2; exit 1; }",
                |error| matches!(error, StartError::Failed(words) if words == "no"),
            ),
            ("[ \"$1\" = -V ] && echo tmux 3.3a || exit 0", |error| matches!(error, StartError::Failed(_))),
            ("[ \"$1\" = -V ] && exec sleep 60", |error| matches!(error, StartError::Failed(_))),
            ("[ \"$1\" = -V ] && echo tmux 3.3a || kill -SEGV $$", |error| matches!(error, StartError::Failed(_))),
            ("kill -KILL $$", |error| matches!(error, StartError::NoTmux { .. })),
        ];
        for (script, expected) in table {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let spec = support::spec(shim(&folder, script), &folder);
            let error = server::start_server(&spec, None).await.expect_err(script);
            assert!(expected(&error), "{script}: {error:?}");
            assert!(!error.to_string().is_empty());
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = server::version("no-such-tmux".as_ref()).await.expect_err("is missing");
        assert!(matches!(error, StartError::Missing(_)), "{error:?}");
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "echo tmux 3.3a").expect("a file");
        let error = server::version(plain.as_os_str()).await.expect_err("can't be run");
        assert!(matches!(error, StartError::NotRunnable { .. }), "{error:?}");
        // Words beside the answer are no harm.
        let noisy = shim(&folder, "echo 'warning: odd terminal' >&2; exec tmux \"$@\"");
        let lab = Lab::with_program(noisy, tempfile::tempdir().expect("a temporary folder")).await;
        assert!(server::version(lab.spec.program.as_os_str()).await.is_ok());
    });
    without_tmux();
}

/// The program where no tmux is in PATH: `up` says so with its code, an engine stays and starts everybody when there is one.
fn without_tmux() {
    let deck = Plan::new().agent("solo", IDLE).laid_out();
    let bare = deck.outside().join("bare");
    std::fs::create_dir(&bare).expect("a folder");
    let mut up = spawn::blocking(PROGRAM);
    up.args(["up", "--workspace"]).arg(&deck.workspace).env("PATH", &bare).env("HOME", &deck.home);
    let output = up.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let advice = "tmux is not installed or not in PATH; install tmux 3.2 or newer";
    assert!(said.contains(advice) && said.contains("flightdeck doctor"), "{said}");
    *deck.variables.borrow_mut() = vec![("PATH", bare.display().to_string())];
    deck.start_engine();
    deck.until("an alert", || deck.status().alerts.iter().any(|alert| alert.contains(advice)).then_some(()));
    let path = std::env::var_os("PATH").expect("a path");
    let tmux = std::env::split_paths(&path).map(|folder| folder.join("tmux")).find(|tmux| tmux.exists());
    std::os::unix::fs::symlink(tmux.expect("tmux is installed"), bare.join("tmux")).expect("a link");
    deck.prompted("solo", 1);
    assert_eq!(deck.starts("solo"), 1);
}

#[test]
fn t7_what_tmux_would_run_is_refused_or_stays_a_text() {
    // Names by a grammar in which nothing of a format can be written.
    let mut dice = Dice(0x7a11);
    let chars: Vec<char> = "ab-_0#(){}$;`%:.=@ \n'\"\\A".chars().collect();
    let mut good = 0;
    for _ in 0..10_000 {
        let length = 1 + dice.below(5);
        let name: String =
            (0..length).map(|_| chars[usize::try_from(dice.below(chars.len() as u64)).expect("small")]).collect();
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        let taken = AgentId::parse(&name).is_some();
        assert_eq!(taken, plain && name.starts_with(|c: char| c.is_ascii_lowercase()), "{name:?}");
        good += usize::from(taken);
    }
    assert!(good > 50, "{good}");
    for (key, value) in [("dir", "clones/#(touch x)"), ("dir", "a#{pid}"), ("backend", "#(touch x)")] {
        let agent = "[agents.one]\nrole = 'other'\n";
        let rest = if key == "dir" { "backend = 'demo'" } else { "dir = 'x'" };
        let problems = told(&workspace(&format!("version = 1\n{agent}{rest}\n{key} = '{value}'\n")));
        assert!(problems.iter().any(|problem| problem.contains(&format!("agents.one.{key}"))), "{value}: {problems:?}");
    }
    run(async {
        let lab = Lab::new().await;
        let canary = lab.path("canary");
        let hostile = format!("#(touch {0})#{{pid}}", canary.display());
        // Titles, arguments, folders: what is drawn and what is asked about each of them.
        let script = format!("printf '\\033]2;%s\\007\\033k%s\\033\\134there' '{hostile}' '{hostile}'; exec cat");
        let agent = lab.start("builder", &script).await;
        lab.shows(&agent.place.pane, "there").await;
        lab.tmux(&["set", "-g", "status-right", "#{pane_title} #{window_name}"]);
        lab.tmux(&["list-panes", "-a", "-F", "#{pane_title} #{session_name}"]);
        let screen = screen::capture(&lab.client, &agent.place.pane).await.expect("it answers").expect("a pane");
        assert_eq!(screen.title, hostile);
        assert_eq!(inject::paste(&lab.client, &agent.place.pane, "fd-1", &hostile).await, Ok(Injected::Done));
        let folder = lab.path("#(touch canary)");
        std::fs::create_dir(&folder).expect("a folder");
        let spec = LaunchSpec { cwd: folder, ..lab.launch(vec!["cat".to_string()]) };
        let started = session::start_agent(&lab.client, &lab.server, &tag("other", 1), &spec).await;
        assert!(matches!(started, Err(StartAgentError::NoCwd(_))), "{started:?}");
        let panes = session::list_panes(&lab.client, &lab.server, NONCE).await.expect("a list");
        assert_eq!(panes.len(), 1);
        assert!(!canary.exists() && !lab.path("canary").exists(), "something was run");
    });
}

#[test]
fn t12_a_screen_is_read_alike_however_wide_it_is() {
    let script = "on *: say yes; wait 60s\n";
    let sizes = [("narrow", 40, 12), ("usual", 120, 40), ("wide", 500, 200)];
    let plan = sizes.iter().fold(Plan::new(), |plan, (name, columns, rows)| {
        plan.agent(name, script).set(&format!("agents.{name}.size"), vec![*columns, *rows])
    });
    let plan = plan.agent("long", script).behind("long", "seq 50000; exec \"$0\" demo-agent \"$@\"");
    let deck = plan.set("capture.history", 50_000).up();
    let words = format!("{} and the end", "a text that has to be wrapped where there is no room ".repeat(6));
    for (name, ..) in sizes {
        deck.prompted(name, 1);
        submitted(&deck, deck.send(name, &words));
        deck.until("a wait", || matches!(deck.agent(name).state, AgentState::Waiting { .. }).then_some(()));
        assert_eq!(deck.submits(name)[1..], [words.as_str()], "{name}");
    }
    // Somebody makes the window narrow, tiny, huge, and usable again.
    let resize = |columns: &str, rows: &str| {
        deck.tmux(&["resize-window", "-t", "=usual:", "-x", columns, "-y", rows]);
    };
    for (columns, rows) in [("40", "12"), ("1", "1"), ("20", "10"), ("500", "200"), ("200", "50")] {
        resize(columns, rows);
        if columns != "1" {
            submitted(&deck, deck.send("usual", &format!("at {columns} columns")));
        }
    }
    let said = deck.submits("usual").split_off(2);
    assert_eq!(said, ["at 40 columns", "at 20 columns", "at 500 columns", "at 200 columns"]);
    // However much has gone by above the screen, a look takes the screen.
    deck.prompted("long", 1);
    let history = deck.tmux(&["display-message", "-p", "-t", "=long:", "#{history_size}"]);
    assert!(history.trim().parse::<u32>().expect("a number") > 40_000, "{history}");
    let begun = awake_ms();
    submitted(&deck, deck.send("long", &words));
    let took = awake_ms() - begun;
    assert!(took < 10_000, "{took} ms");
    assert_eq!(deck.submits("long")[1..], [words.as_str()]);
    let found = deck.count(|record| matches!(record, Record::Found { .. } | Record::SightLost { .. }));
    assert_eq!((sizes.map(|(name, ..)| deck.starts(name)), found), ([1, 1, 1], 0), "{}", deck.story());
}

#[test]
fn t14_agents_that_come_and_go_leave_nothing_open_in_the_server() {
    run(async {
        let lab = Lab::new().await;
        let open = || std::fs::read_dir(format!("/proc/{}/fd", lab.server.pid)).expect("its descriptors").count();
        let mut counts = Vec::new();
        for round in 1..=500 {
            let agent = lab.start_as(&tag("builder", round), "exec cat").await.expect("starts");
            let killed = session::kill_session(&lab.client, &agent.place, &tag("builder", round)).await;
            assert_eq!(killed, Ok(Killed::Yes));
            counts.push(open());
        }
        let least = counts[0];
        until("as few as before", async || open() <= least).await;
        assert_eq!(lab.tmux(&["list-sessions", "-F", "#{session_name}"]), "_flightdeck", "{counts:?}");
    });
}

/// Everything that runs in the session of this terminal.
fn of_session(terminal: &Terminal<'_>) -> Vec<Identity> {
    let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_string();
    let table = std::fs::read_dir("/proc").expect("a process table");
    let pids = table.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok());
    let session = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(3).map(|sid| sid == shell)) == Some(true)
    };
    pids.filter(session).filter_map(identity).collect()
}

#[test]
fn t16_a_logout_and_the_end_of_one_child_cost_nobody_else_its_life() {
    let deck = Plan::new().agent("solo", "on *: child sleep 300s\n").agent("other", IDLE).laid_out();
    // Somebody logs in, brings it up, and logs out: all that ran in that terminal ends, and the terminal too.
    let login = Terminal::beside(&deck);
    login.say(&format!("{PROGRAM} up --workspace {}", deck.workspace.display()));
    login.shows("flightdeck status");
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let engine = deck.status().engine_pid;
    let lives = ["solo", "other"].map(|name| deck.process(name));
    let session = of_session(&login);
    assert!(!session.is_empty() && session.iter().all(|life| life.pid != engine), "{session:?}");
    session.iter().for_each(|life| signal_to(life, Signal::HUP));
    session.iter().for_each(|life| signal_to(life, Signal::KILL));
    drop(login);
    // Of one agent a child is killed, as by a kernel out of memory.
    let child = deck.until("a child", || {
        let pid = lives[0].pid;
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        identity(children.split_whitespace().next()?.parse().ok()?)
    });
    signal_to(&child, Signal::KILL);
    submitted(&deck, deck.send("other", "still there"));
    assert!(lives.iter().all(|life| alive(life) == Alive::Yes), "{}", deck.story());
    assert_eq!((deck.status().engine_pid, deck.starts("solo"), deck.starts("other")), (engine, 1, 1));

    // As a service: its end is that of the engine alone, and one child that the kernel kills stops nothing else.
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md")).expect("a page");
    let unit = page.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a unit");
    for line in ["KillMode=process", "OOMPolicy=continue", "Restart=on-failure", "RestartPreventExitStatus=2 3"] {
        assert!(unit.lines().any(|said| said == line), "{line} is not in\n{unit}");
    }
    assert!(unit.contains("flightdeck watch --workspace ") && page.contains("loginctl enable-linger"), "{unit}");
}
