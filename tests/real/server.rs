//! A tmux server that dies, hangs or hides, and sessions that are not ours.

use flightdeck::edge::process::{Alive, alive, identity};
use flightdeck::edge::spawn;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::deck::{id, signal_to};
use super::plan::Plan;

const IDLE: &str = "on *: say yes\n";

#[test]
fn fault_t1_a_server_that_dies_is_one_event_and_survivors_end_before_anybody_is_started_again() {
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
}

#[test]
fn fault_t3_a_server_that_hangs_proves_nothing_about_anybody() {
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
fn fault_t4_a_server_whose_socket_was_removed_is_called_back_and_never_doubled() {
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
fn fault_t6_a_foreign_session_with_an_agents_name_is_left_alone_and_named() {
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
fn fault_t15_the_operators_tmux_is_neither_read_nor_touched() {
    let plan = Plan::new().agent("solo", IDLE);
    let deck = plan.laid_out();
    let canary = deck.home.join("canary");
    let hostile = format!(
        "set -g remain-on-exit off\nset -g base-index 7\nset -g default-command 'false'\nrun-shell 'touch {0}'\n\
         set-hook -g session-created 'run-shell \"touch {0}\"'\n",
        canary.display()
    );
    std::fs::write(deck.home.join(".tmux.conf"), hostile).expect("a file");
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
}

#[test]
fn a_connection_that_is_cut_is_made_again_and_nobody_notices() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    deck.tmux(&["kill-session", "-t", "=_flightdeck"]);
    let message = deck.send("solo", "without the anchor");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    let client = std::fs::read_to_string(deck.socket().with_extension("client")).expect("the client's number");
    let pid = client.split_whitespace().next().expect("a number").parse().expect("a number");
    signal_to(&identity(pid).expect("it lives"), Signal::KILL);
    let message = deck.send("solo", "without the client");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("solo")[1..], ["without the anchor", "without the client"]);
    let harm = |record: &Record| matches!(record, Record::Exited { .. } | Record::ServerLost | Record::Stopped { .. });
    assert_eq!((deck.count(harm), deck.starts("solo"), deck.servers().len()), (0, 1, 1), "{}", deck.story());
}

#[test]
fn fault_t11_somebodys_own_pane_beside_an_agent_changes_nothing_for_it() {
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
