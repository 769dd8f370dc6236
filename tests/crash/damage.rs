//! The log of records, cut at any byte and with any bit turned: what is read of it is what was written, and what is missing
//! is told.

use std::fs;
use std::path::Path;

use flightdeck::edge::store::{Store, StoreError};
use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::time::Time;
use tempfile::TempDir;

use super::deck::Dice;
use super::runs::{some, wanted};

/// As many as lie on a few pages.
const RECORDS: u64 = 120;
/// What is kept of how things stand, beside them.
const KEPT: &str = "all that was so far";

/// A log as an engine leaves it: closed, all in one file; or killed, with its newest part beside it.
struct Log {
    folder: TempDir,
    records: Vec<(Stamp, Record)>,
}

const FILES: [&str; 2] = ["records.db", "records.db-wal"];

fn log() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live/records.db");
    let mut store = Store::open(&live).unwrap();
    let agent = AgentId::parse("solo").unwrap();
    let mut records = Vec::new();
    let mut write = |store: &mut Store, numbers: std::ops::Range<u64>| {
        for number in numbers {
            let state = AgentState::Idle;
            let record = Record::StateChanged { agent: agent.clone(), state, why: format!("for the {number}th time") };
            let at = Time(i64::try_from(number).unwrap() * 1000);
            let stamps = store.append(at, std::slice::from_ref(&record)).unwrap();
            records.push((stamps[0], record));
        }
    };
    write(&mut store, 0..RECORDS / 2);
    store.keep_checkpoint(KEPT.to_string()).unwrap();
    drop(store);
    let mut store = Store::open(&live).unwrap();
    write(&mut store, RECORDS / 2..RECORDS);
    let killed = folder.path().join("killed");
    fs::create_dir(&killed).unwrap();
    for file in FILES {
        fs::copy(live.with_file_name(file), killed.join(file)).unwrap();
    }
    drop(store);
    fs::create_dir(folder.path().join("closed")).unwrap();
    fs::copy(&live, folder.path().join("closed/records.db")).unwrap();
    Log { folder, records }
}

/// A copy of the log of such an engine, one of whose files is now this.
fn damaged(log: &Log, kind: &str, file: &str, bytes: &[u8]) -> TempDir {
    let copy = tempfile::tempdir_in(log.folder.path()).unwrap();
    for name in FILES {
        let from = log.folder.path().join(kind).join(name);
        if name == file {
            fs::write(copy.path().join(name), bytes).unwrap();
        } else if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
        let path = copy.path().join(name);
        if path.exists() {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
    copy
}

/// What is read was written; where some of it is missing, that is told, or it is the newest end of a log that was never closed.
fn judge(log: &Log, folder: &Path, newest_may_go: bool, what: &str) {
    let mut store = match Store::open(&folder.join("records.db")) {
        Ok(store) => store,
        // Its version was hit: then it is refused as a newer one's, whole, and nothing is begun.
        Err(StoreError::Newer { .. }) => return,
        Err(error) => panic!("{what}: {error}"),
    };
    let mut read = Vec::new();
    let folded =
        store.fold(|stamp, record| read.push((stamp, record))).unwrap_or_else(|error| panic!("{what}: {error}"));
    let told = store.rescued().is_some() || !folded.corrupt.is_empty();
    for one in &read {
        let index = usize::try_from(one.0.seq).unwrap() - 1;
        assert_eq!(log.records.get(index), Some(one), "{what}: read what nobody wrote");
    }
    let prefix = read.iter().zip(&log.records).all(|(one, other)| one == other);
    assert!(
        read.len() == log.records.len() || told || (newest_may_go && prefix),
        "{what}: {} are lost in silence",
        log.records.len() - read.len()
    );
    if let Some(kept) = store.checkpoint() {
        assert_eq!((kept.state.as_str(), kept.stamp.seq), (KEPT, RECORDS / 2), "{what}: kept is what nobody kept");
        assert!(store.rescued().is_none(), "{what}: of a log that lost something a state is believed");
    }
    if let Some(rescued) = store.rescued() {
        assert!(rescued.aside.exists(), "{what}: the damaged file is not kept");
    }
}

#[test]
fn a_log_cut_at_any_byte_keeps_its_valid_part_and_tells_of_the_rest() {
    let log = log();
    for (kind, file, newest_may_go) in
        [("closed", "records.db", false), ("killed", "records.db", false), ("killed", "records.db-wal", true)]
    {
        let whole = fs::read(log.folder.path().join(kind).join(file)).unwrap();
        // An empty file is a fresh log; whether there should be one, the lock's epoch tells.
        let cuts: Vec<usize> = (if file == "records.db" { 1 } else { 0 }..whole.len()).collect();
        let all = cuts.len();
        let few = usize::try_from(wanted("FLIGHTDECK_CRASH_CUTS").unwrap_or(60)).unwrap();
        let cuts = some(cuts, few);
        for cut in &cuts {
            let copy = damaged(&log, kind, file, &whole[..*cut]);
            judge(&log, copy.path(), newest_may_go, &format!("{kind} {file} cut at {cut}"));
        }
        println!("cuts of {kind} {file}: {} of {all}, 0 broken", cuts.len());
    }
}

#[test]
fn a_log_with_any_bits_turned_keeps_its_valid_part_and_tells_of_the_rest() {
    let log = log();
    let times = wanted("FLIGHTDECK_CRASH_FLIPS").unwrap_or(60);
    let mut dice = Dice(wanted("FLIGHTDECK_CRASH_SEED").unwrap_or(3));
    for (kind, file, newest_may_go) in [("closed", "records.db", false), ("killed", "records.db-wal", true)] {
        let whole = fs::read(log.folder.path().join(kind).join(file)).unwrap();
        for time in 0..times {
            let mut bytes = whole.clone();
            let count = 1 + dice.below(8);
            let turned: Vec<(usize, u64)> =
                (0..count).map(|_| (usize::try_from(dice.below(bytes.len() as u64)).unwrap(), dice.below(8))).collect();
            turned.iter().for_each(|(at, bit)| bytes[*at] ^= 1 << bit);
            let copy = damaged(&log, kind, file, &bytes);
            judge(&log, copy.path(), newest_may_go, &format!("{kind} {file} time {time}: bits {turned:?}"));
        }
        println!("turned bits in {kind} {file}: {times} times, 0 broken");
    }
}
