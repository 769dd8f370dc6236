//! A log that can't be written.

use std::fs;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::Record;
use rustix::process::{Resource, Rlimit, Signal, prlimit};

use super::deck::{Deck, id};
use super::plan::Plan;

const IDLE: &str = "on *: say yes; wait 60s\n";
/// Room for the trace, and none at the end of the log.
const ROOM: u64 = 64 * 1024;

/// From here on the engine can make no file longer than this.
fn leave(deck: &Deck, room: Option<u64>) {
    prlimit(Some(deck.engine_pid()), Resource::Fsize, Rlimit { current: room, maximum: None }).expect("our own child");
}

/// How often the engine has told that it can't write.
fn tries(deck: &Deck) -> usize {
    let log = fs::read_dir(deck.state_dir().join("log")).expect("a folder");
    let texts = log.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a trace"));
    texts.map(|text| text.matches("records can't be written").count()).sum()
}

#[test]
fn s1_with_a_full_disk_nothing_is_done_nothing_is_lost_and_it_is_told() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).laid_out();
    deck.start_hardened_engine();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    deck.until("a log longer than the room", || {
        let log = fs::metadata(deck.state_dir().join("records.db-wal")).expect("a log").len();
        (log > ROOM).then_some(()).or_else(|| {
            deck.tell(&Command::Reload);
            None
        })
    });
    leave(&deck, Some(ROOM));
    deck.kill("solo", Signal::KILL);
    deck.until("an alert", || {
        deck.status().alerts.iter().any(|alert| alert.contains("can't be written")).then_some(())
    });
    let begin = clock::monotonic_ms();
    let (before, known) = (tries(&deck), deck.records().len());

    // What is asked now is taken, and answered when it is written.
    let mut client = Client::connect(&deck.state_dir()).expect("an engine");
    let send = Command::Send { agent: id("other"), text: "kept".to_string() };
    client.ask(&send, Duration::from_millis(300)).expect_err("nothing is promised that is not written");

    // However much happens meanwhile, it is tried again once a second.
    (0..40).for_each(|_| drop(deck.status()));
    deck.until("three more tries", || {
        drop(deck.status());
        (tries(&deck) >= before + 3).then_some(())
    });
    let seconds = usize::try_from((clock::monotonic_ms() - begin) / 1000).expect("no long time");
    let tried = tries(&deck) - before;
    assert!(tried <= seconds + 1, "{tried} tries in {seconds} s");
    assert_eq!((deck.starts("solo"), deck.submits("other").len(), deck.records().len()), (1, 1, known));

    leave(&deck, None);
    deck.prompted("solo", 2);
    let kept = deck.saw("the message", |record| match record {
        Record::MessageQueued { message } if message.origin == Origin::Operator => Some(message.id),
        _ => None,
    });
    assert!(matches!(deck.settled(kept), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("other")[1..], ["kept"]);
    assert_eq!(deck.count(|record| matches!(record, Record::Exited { .. })), 1, "{}", deck.story());
    let alerts = deck.status().alerts;
    assert!(!alerts.iter().any(|alert| alert.contains("can't be written")), "{alerts:?}");
    let seqs: Vec<u64> = deck.records().iter().map(|(stamp, _)| stamp.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}
