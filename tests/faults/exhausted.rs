//! Faults of a machine that gives no more: no descriptors, no processes.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::process::{Alive, alive};
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::view::View;
use rustix::process::{Resource, Rlimit, Signal, prlimit};

use super::deck::{Deck, signal_to, text};
use super::failing::{self, Failing};
use super::plan::Plan;

const IDLE: &str = "on *: say yes; wait 60s\n";

/// How many descriptors the engine may have.
fn limit(deck: &Deck, most: u64) {
    let limit = Rlimit { current: Some(most), maximum: Some(4096) };
    prlimit(Some(deck.engine_pid()), Resource::Nofile, limit).expect("our own child");
}

/// It keeps what it has and gets no other: the lowest number that is free, of many looks, is its limit.
fn exhaust(deck: &Deck) {
    let folder = format!("/proc/{}/fd", deck.engine_pid().as_raw_nonzero());
    let free = || {
        let entries = fs::read_dir(&folder).expect("our own child").flatten();
        let had: BTreeSet<u64> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        (0..).find(|number| !had.contains(number)).expect("some number")
    };
    limit(deck, (0..50).map(|_| free()).min().expect("fifty"));
}

fn look(client: &mut Client) -> View {
    match client.ask(&Command::Status, Duration::from_secs(60)) {
        Ok(Answer::Status { view }) => *view,
        other => panic!("{other:?}"),
    }
}

#[test]
fn p15_without_descriptors_or_processes_the_engine_stays_says_so_and_goes_on_when_there_are_some() {
    let script = format!("once slow on go: think 2s; say yes\n{IDLE}");
    let deck = Plan::new().agent("solo", IDLE).agent("other", &script).laid_out();
    let failing = Failing::within(&deck.outside());
    *deck.variables.borrow_mut() = failing.variables();
    deck.start_engine();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let other = deck.process("other");
    let mut before = Client::connect(&deck.state_dir()).expect("an engine");
    look(&mut before);
    // Not one more, not even for one that is given back.
    limit(&deck, 3);
    deck.kill("solo", Signal::KILL);
    deck.saw("its death", |record| matches!(record, Record::Exited { .. }).then_some(()));
    deck.until("an alert", || {
        let alerts = look(&mut before).alerts;
        alerts.iter().any(|alert| alert.contains("descriptors")).then_some(())
    });
    // Who asks only now is answered as well, by what was kept for that.
    exhaust(&deck);
    assert!(deck.status().alerts.iter().any(|alert| alert.contains("descriptors")));
    assert_eq!(deck.starts("solo"), 1);
    limit(&deck, 1024);
    deck.prompted("solo", 2);
    assert_eq!((deck.starts("solo"), deck.starts("other"), alive(&other)), (2, 1, Alive::Yes), "{}", deck.story());
    deck.until("no alert", || {
        (!look(&mut before).alerts.iter().any(|alert| alert.contains("descriptors"))).then_some(())
    });

    // The end of a turn that could not be read is told by nobody again, and is heard all the same.
    let go = deck.send("other", "go");
    assert!(matches!(deck.settled(go), Stage::Submitted { .. }), "{}", deck.story());
    failing.fail(&["open"], "spool/", failing::EMFILE);
    let spool = deck.state_dir().join("spool/other.jsonl");
    deck.until("the end of its turn", || {
        let last = text(&spool).lines().last()?.contains("turn_ended");
        last.then_some(())
    });
    failing.heal();
    deck.until("it was heard", || (deck.agent("other").state == AgentState::Idle).then_some(()));

    // No process either: the engine can't speak to tmux, whose end is no reason to end as well.
    failing.fail(&["spawn"], "/", failing::EAGAIN);
    signal_to(&deck.server_identity(), Signal::KILL);
    deck.until("an alert", || {
        let alerts = look(&mut before).alerts;
        alerts.iter().any(|alert| alert.contains("temporarily unavailable")).then_some(())
    });
    assert_eq!(deck.starts("other"), 1);
    failing.heal();
    deck.until("both are back", || (deck.starts("solo") == 3 && deck.starts("other") == 2).then_some(()));
    deck.one_of_each();
}
