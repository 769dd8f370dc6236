//! Faults of what is written down: the log of records, and the folder it lies in.

use std::fs;
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::process::{Alive, alive};
use flightdeck::edge::store::{Filter, Page, Reader, Store};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::Record;
use flightdeck::pilot::time::Time;
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

#[test]
fn s3_a_damaged_log_is_set_aside_and_told_and_nobody_is_started_again() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    let names = ["solo", "other"];
    names.iter().for_each(|name| deck.prompted(name, 1));
    let lives = names.map(|name| deck.process(name));
    let log = deck.state_dir().join("records.db");
    for damage in ["the lock is gone", "a page is overwritten", "the log is gone"] {
        deck.end_engine(Signal::TERM);
        let mut bytes = fs::read(&log).expect("the log");
        let half = bytes.len() / 2;
        match damage {
            "the lock is gone" => fs::remove_file(deck.state_dir().join("lock")).expect("our own file"),
            "the log is gone" => fs::remove_file(&log).expect("our own file"),
            _ => {
                bytes[half / 4096 * 4096..][..8192].fill(0x5a);
                fs::write(&log, bytes).expect("our own file");
            }
        }
        deck.forget_log();
        deck.start_engine();
        deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
        let alerts = deck.status().alerts;
        let told = |word: &str| alerts.iter().any(|alert| alert.contains(word));
        let seen = match damage {
            // Nothing is lost with it: the epoch is in the log as well.
            "the lock is gone" => alerts.is_empty(),
            "the log is gone" => told("is gone"),
            _ => told("damaged"),
        };
        assert!(seen, "{damage}: {alerts:?}");
        let message = deck.send("solo", damage);
        assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{damage}: {}", deck.story());
        assert!(lives.iter().all(|life| alive(life) == Alive::Yes), "{damage}: {}", deck.story());
    }
    let aside = fs::read_dir(deck.state_dir()).expect("a folder").flatten();
    assert!(
        aside.filter(|entry| entry.file_name().to_string_lossy().contains("damaged")).count() >= 1,
        "kept as evidence"
    );
    // A start prompt whose proof was lost with the log may be said again; the operator's words are said once.
    let words: Vec<String> = deck.submits("solo").into_iter().filter(|words| !words.contains("begin")).collect();
    assert_eq!(words, ["the lock is gone", "a page is overwritten", "the log is gone"]);
}

#[test]
fn s8_readers_see_whole_records_and_the_writer_waits_for_none_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/records.db");
    let mut store = Store::open(&path).expect("a log");
    store.append(Time(0), &[Record::WatchMended]).expect("a record");
    let readers: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            let read = move || {
                let reader = Reader::open(&path).expect("a log");
                let mut seen = 0;
                while seen < 401 {
                    let rows = reader.rows(&Filter::default(), Page::After(seen), 50).expect("rows");
                    for row in rows {
                        assert_eq!(row.stamp.seq, seen + 1);
                        assert_eq!(row.record(), Ok(Record::WatchMended));
                        seen += 1;
                    }
                }
            };
            spawn::thread("reader", read).expect("a thread")
        })
        .collect();
    for round in 0..100 {
        let begun = clock::monotonic_ms();
        store
            .append(Time(round), &[Record::WatchMended, Record::WatchMended, Record::WatchMended, Record::WatchMended])
            .expect("records");
        assert!(clock::monotonic_ms() - begun < 4_000, "round {round} waited for a reader");
    }
    readers.into_iter().for_each(|reader| reader.join().expect("it saw all of them"));
}

#[test]
fn s9_an_engine_whose_folder_is_taken_away_ends_and_no_agent_is_touched() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let life = deck.process("solo");
    let aside = deck.outside().join("aside");
    fs::rename(deck.state_dir(), &aside).expect("moved away");
    let status = deck.engine_ends();
    assert_eq!(status.code(), Some(3), "{}", deck.said());
    assert_eq!(alive(&life), Alive::Yes);
    // Put back, all of it is as before.
    let _ = fs::remove_dir_all(deck.state_dir());
    fs::rename(&aside, deck.state_dir()).expect("moved back");
    deck.start_engine();
    let message = deck.send("solo", "as before");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!((deck.starts("solo"), deck.process("solo")), (1, life));
}

#[test]
fn s6_a_years_log_is_cut_by_its_age_and_its_last_day_is_read_in_a_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/records.db");
    let mut store = Store::open(&path).expect("a log");
    let day = 86_400_000;
    let some = vec![Record::WatchMended; 200];
    for number in 0..365 {
        store.append(Time(number * day), &some).expect("records");
    }
    let reader = Reader::open(&path).expect("a log");
    let begun = clock::monotonic_ms();
    let filter = Filter { since: Some(Time(364 * day)), ..Filter::default() };
    let rows = reader.rows(&filter, Page::After(0), 1_000).expect("rows");
    let took = clock::monotonic_ms() - begun;
    assert_eq!(rows.len(), 200);
    assert!(took < 1_000, "{took} ms");
    // What is old goes, unless it is still needed; no number is used twice.
    let pruned = store.prune(Time(300 * day), |_| false).expect("pruned");
    assert_eq!(pruned, 300 * 200);
    let stamps = store.append(Time(366 * day), &[Record::WatchMended]).expect("a record");
    assert_eq!(stamps[0].seq, 365 * 200 + 1);
    let oldest = reader.rows(&Filter::default(), Page::After(0), 1).expect("rows");
    assert_eq!(oldest[0].stamp.at, Time(300 * day));
}
