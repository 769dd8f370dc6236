//! Faults of what is written down: the log of records, and the folder it lies in.

use std::fs;
use std::time::Duration;

use flightdeck::edge::process::{self, Alive, alive};
use flightdeck::edge::store::{Filter, Page, Reader, Store};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::time::Time;
use rustix::process::{Resource, Rlimit, Signal, prlimit};

use super::deck::{Deck, signal_to};
use super::plan::{PROGRAM, Plan};
use super::sim::play;
use super::support::awake::awake_ms;

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
    let solo = deck.process("solo");
    leave(&deck, Some(ROOM));
    signal_to(&solo, Signal::KILL);
    let alerted = || deck.status().alerts.iter().any(|alert| alert.contains("can't be written"));
    deck.until("an alert", || alerted().then_some(()));
    let begin = clock::monotonic_ms();
    let (before, known) = (tries(&deck), deck.records().len());

    // What is asked now is refused at once, with the reason.
    let refused = deck.verb(&["send", "other", "refused"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(5), "{said}");
    assert!(said.contains("records can't be written, so nothing was done: ") && said.contains("doctor"), "{said}");

    // However much happens meanwhile, it is tried again once a second, and told all the while.
    (0..40).for_each(|_| drop(deck.status()));
    deck.until("three more tries", || {
        assert!(alerted(), "the alert was taken back for another try");
        (tries(&deck) >= before + 3).then_some(())
    });
    let seconds = usize::try_from((clock::monotonic_ms() - begin) / 1000).expect("no long time");
    let tried = tries(&deck) - before;
    assert!(tried <= seconds + 1, "{tried} tries in {seconds} s");
    assert_eq!((deck.starts("solo"), deck.submits("other").len(), deck.records().len()), (1, 1, known));

    leave(&deck, None);
    deck.prompted("solo", 2);
    let kept = deck.send("other", "kept");
    assert!(matches!(deck.settled(kept), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("other")[1..], ["kept"], "what was refused came after all");
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
    let deck = Plan::new().agent("solo", IDLE).laid_out();
    let path = deck.state_dir().join("records.db");
    let mut store = Store::open(&path).expect("a log");
    store.append(Time(0), &[Record::WatchMended]).expect("a record");
    let all = 1 + 4 * 200;
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let path = path.clone();
            let read = move || {
                let reader = Reader::open(&path).expect("a log");
                let mut seen = 0;
                while seen < all {
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
    // One of another version, with a query of its own, stays in the middle of a reading for all the time.
    let other =
        rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a log");
    let mut select = other.prepare("SELECT seq, json FROM records ORDER BY seq").expect("its columns");
    let mut slow = select.query([]).expect("a reading");
    slow.next().expect("a row").expect("a row");
    let mut killed = 0;
    for round in 0..200 {
        let begun = awake_ms();
        let four = [Record::WatchMended, Record::WatchMended, Record::WatchMended, Record::WatchMended];
        store.append(Time(round), &four).expect("records");
        assert!(awake_ms() - begun < 4_000, "round {round} waited for a reader");
        // Programs that read are killed in the middle of it.
        if round % 20 == 0 {
            let mut verb = spawn::blocking(PROGRAM);
            verb.args(["events", "--json", "--limit", "10000", "--workspace"])
                .arg(&deck.workspace)
                .stdout(std::process::Stdio::piped());
            let mut events = verb.stderr(std::process::Stdio::null()).spawn().expect("it runs");
            let deadline = clock::monotonic_ms() + 10_000;
            let opened = || {
                let open = fs::read_dir(format!("/proc/{}/fd", events.id())).into_iter().flatten().flatten();
                open.flat_map(|fd| fs::read_link(fd.path())).any(|file| file.starts_with(deck.state_dir()))
            };
            let mut reads = opened();
            while !reads && clock::monotonic_ms() < deadline && process::identity(events.id()).is_some() {
                reads = opened();
            }
            killed += usize::from(reads);
            // Where it had ended already it was no reader; there are enough others.
            let _ = events.kill();
            events.wait().expect("its end");
        }
    }
    drop(slow);
    readers.into_iter().for_each(|reader| reader.join().expect("it saw all of them"));
    assert!(killed > 0, "nobody was killed while reading");
    let rest = store.append(Time(1_000), &[Record::WatchMended]).expect("a record");
    assert_eq!(rest[0].seq, all + 1);
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
    let begun = awake_ms();
    let filter = Filter { since: Some(Time(364 * day)), ..Filter::default() };
    let rows = reader.rows(&filter, Page::After(0), 1_000).expect("rows");
    let took = awake_ms() - begun;
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

#[test]
fn s7_a_disk_that_an_agent_fills_is_told_with_the_file_and_nobody_is_started_on_the_rest_of_it() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).laid_out();
    let clone = deck.workspace.join("clones/solo");
    // A disk of 4 MiB in a namespace of its own; where there is none to be had, the simulated one has to do.
    let disk = format!("mount -t tmpfs -o size=4m none {0} && cd {0} && exec \"$0\" \"$@\"", clone.display());
    let small = ["unshare", "-rm", "sh", "-c", &disk];
    let may = spawn::blocking(small[0]).args(&small[1..]).arg("true").output();
    if may.is_ok_and(|output| output.status.success()) {
        deck.start_engine_under(&small);
        ["solo", "other"].iter().for_each(|name| deck.prompted(name, 1));
        let alert = || deck.status().alerts.into_iter().find(|alert| alert.contains("% of the disk of"));
        assert_eq!(alert(), None);
        // Seen from the agent's side of the namespace.
        let inside = |name: &str| format!("/proc/{}/root{}", deck.process("solo").pid, clone.join(name).display());
        fs::write(inside("tail"), vec![0; 100 << 10]).expect("room");
        fs::write(inside("output.log"), vec![0; 3700 << 10]).expect("room");
        let low = deck.until("a word of it", alert);
        assert!(low.contains("clones/solo") && low.contains("clones/solo/output.log"), "{low}");
        assert!(low.contains("filling up"), "{low}");
        fs::write(inside("rest"), vec![0; 236 << 10]).expect("room");
        deck.until("the second word", || alert().filter(|alert| alert.contains("nobody is started")));
        deck.kill("other", Signal::KILL);
        deck.until("a start that waits", || {
            deck.agent("other").next.filter(|next| next.what.contains("when there is room again"))
        });
        assert_eq!(deck.starts("other"), 1);
        fs::write(inside("output.log"), "").expect("room");
        deck.prompted("other", 2);
        deck.until("no alert", || alert().is_none().then_some(()));
    }
    for (disk, starts) in [("disk 9% 500", 2), ("disk 1% 500", 1), ("disk 1% 50000", 2)] {
        let story =
            play(&format!("# Room.\nagents: builder\n\n10s {disk}\n1m builder exits 1\n10m disk 50% 500\n20m end\n"));
        let early = story.all(|record| match record {
            Record::Started { .. } => Some(()),
            _ => None,
        });
        let early = early.iter().filter(|(at, ())| *at < Duration::from_mins(10)).count();
        assert_eq!((early, story.starts("builder")), (starts, 2), "{disk}\n{}", story.told());
        let told = story.all(|record| match record {
            Record::Alerted { what, .. } if what.contains("% of the disk") => Some(what.clone()),
            _ => None,
        });
        assert_eq!(told.len(), usize::from(!disk.ends_with("50000")), "{told:?}");
    }
}
