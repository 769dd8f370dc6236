//! Faults of engines beside each other, and of the machine that all of it runs on.

use std::fs;
use std::time::Duration;

use flightdeck::edge::process::{Alive, alive, identity, tree};
use flightdeck::edge::spawn;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::fact::Identity;
use flightdeck::pilot::record::{AgentState, Illness, Record};
use rustix::process::{Pid, Signal, kill_process};

use super::deck::{Deck, id};
use super::plan::Plan;
use super::sim::play;

const IDLE: &str = "on *: say yes\n";

#[test]
fn p10_a_second_engine_is_turned_away_and_one_that_wakes_after_a_take_over_touches_nothing() {
    second_is_turned_away();
    woken_after_a_take_over();
}

/// With the number of the first one.
fn second_is_turned_away() {
    let deck = Plan::new().agent("solo", IDLE).up();
    let first = deck.engine_pid();
    let mut second = deck.another_engine();
    let status = deck.until("the second's end", || second.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(3), "{}", deck.said());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let whose = format!("process {} on {host} since 20", first.as_raw_nonzero());
    assert!(deck.said().contains(&whose), "{whose}: {}", deck.said());
    assert_eq!(deck.status().engine_pid, u32::try_from(first.as_raw_nonzero().get()).expect("a pid"));
}

/// A stopped engine that wakes after a take-over touches nothing and ends.
fn woken_after_a_take_over() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let mut old = deck.part_with_engine();
    kill_process(Pid::from_child(&old), Signal::STOP).expect("our child");
    fs::remove_file(deck.state_dir().join("lock")).expect("the operator takes the lock away");
    deck.start_engine();
    looked(&deck);
    let message = deck.send("solo", "from the new one");
    deck.settled(message);

    // Both see this death; one of them may act on it.
    deck.kill("solo", Signal::KILL);
    kill_process(Pid::from_child(&old), Signal::CONT).expect("our child");
    let status = deck.until("the old one's end", || old.try_wait().expect("our child"));
    assert_eq!(status.code(), Some(3));
    deck.ready("solo", 2);
    deck.prompted("solo", 3);
    assert_eq!((deck.starts("solo"), deck.status().epoch), (2, 2), "{}", deck.story());
    let seqs: Vec<u64> = deck.records().iter().map(|(stamp, _)| stamp.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

/// Waits until the engine has looked at everything once.
fn looked(deck: &Deck) {
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
}

#[test]
fn p13_a_number_that_belongs_to_another_process_now_is_nobody_we_know() {
    let mut child = spawn::blocking("sleep").arg("600").spawn().expect("sleep is installed");
    let real = identity(child.id()).expect("it lives");
    assert_eq!(alive(&real), Alive::Yes);
    let reused = Identity { started: real.started + 1, ..real.clone() };
    let rebooted = Identity { boot: "another boot".to_string(), ..real.clone() };
    for other in [&reused, &rebooted] {
        assert_eq!(alive(other), Alive::No, "{other:?}");
        assert_eq!(tree(Some(other), None), Some(Vec::new()), "{other:?}");
    }
    // What the runner wrote down of an agent's last life names it: the start is not kept back, and it is not ended.
    let deck = Plan::new().agent("solo", IDLE).set("agents.solo.autostart", false).up();
    for other in [&reused, &rebooted] {
        let note = deck.state_dir().join("agents/solo.json");
        fs::create_dir_all(note.parent().expect("a folder")).expect("a folder");
        fs::write(&note, serde_json::to_vec(other).expect("JSON")).expect("a file");
        let before = deck.starts("solo");
        deck.tell(&Command::Start { agent: id("solo") });
        deck.ready("solo", before + 1);
        deck.tell(&Command::Stop { agent: id("solo") });
        deck.until("its end", || (deck.agent("solo").state == AgentState::Stopped).then_some(()));
    }
    assert_eq!(alive(&real), Alive::Yes, "a process that is not ours was ended");
    child.kill().expect("our child");
    child.wait().expect("our child");
}

#[test]
fn p17_an_agent_that_ends_every_tmux_it_knows_does_not_find_ours() {
    let script = "env > ../../seen; TMUX_TMPDIR=\"$PWD\" tmux kill-server 2> ../../said; exec \"$0\" demo-agent \"$@\"";
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).behind("solo", script).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let seen = fs::read_to_string(deck.workspace.join("seen")).expect("its environment");
    assert!(!seen.lines().any(|line| line.starts_with("TMUX")), "{seen}");
    assert!(!fs::read_to_string(deck.workspace.join("said")).expect("it tried").is_empty());
    assert_eq!((deck.servers().len(), deck.starts("other")), (1, 1));
    assert_eq!(deck.count(|record| matches!(record, Record::ServerLost)), 0, "{}", deck.story());
}

#[test]
fn p19_after_a_reboot_those_come_back_that_should_run_and_nobody_else() {
    let story = play(
        "# A reboot.\nagents: builder adversary w1 w2\nconfig agents.w2: autostart = false\n\n1m operator stop w1\n\
         2m operator hold adversary not now\n3m engine is killed\n3m tmux dies\n30m engine starts\n40m end\n",
    );
    assert_eq!(["builder", "w1", "w2"].map(|agent| story.starts(agent)), [2, 1, 0], "{}", story.told());
    let held = &story.state().agents[&id("adversary")].held;
    assert!(held.is_some(), "a hold ended by itself\n{}", story.told());
    let charged = |record: &Record| matches!(record, Record::BackedOff { .. } | Record::MassDeath { .. });
    assert_eq!(story.count(charged), 0, "{}", story.told());
    assert!(story.submitted().iter().all(|times| *times == 1), "{}", story.told());
}

#[test]
fn p20_while_the_machine_starves_nobody_is_judged() {
    let mut text = "# Starved.\nagents: builder\n\n0s builder next: works 10s, says no marker\n".to_string();
    for minute in (1..40).step_by(2) {
        text += &format!("{minute}m engine is late by 45s\n");
    }
    let story = play(&(text + "60m end\n"));
    let found = story.all(|record| match record {
        Record::Found { illness, .. } => Some(*illness),
        _ => None,
    });
    let late = story.all(|record| matches!(record, Record::Hiccuped { .. }).then_some(()));
    assert_eq!(late.len(), 20, "{}", story.told());
    let [(at, Illness::Stalled)] = found.as_slice() else { panic!("{found:?}\n{}", story.told()) };
    assert!(*at >= late[19].0 + Duration::from_secs(180), "judged at {at:?} although it was late at {:?}", late[19].0);
}
