use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::edge::clock;
use crate::pilot::id::{AgentId, EffectId};
use crate::pilot::record::{Actor, AgentState, Order, Wish};

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

fn wished(name: &str) -> Record {
    Record::Wished { agent: agent(name), wish: Wish::Running, by: Actor::Operator }
}

/// A mix as a working fleet writes it.
fn some_record(n: u64) -> Record {
    let builder = agent("builder");
    match n % 4 {
        0 => Record::StateChanged {
            agent: builder,
            state: AgentState::Waiting { until: Time(1_795_225_128_123) },
            why: "its last line is `WAITING-UNTIL: 2026-11-21T01:38:48Z`".to_string(),
        },
        1 => Record::Ordered {
            id: EffectId(n),
            agent: Some(builder),
            order: Order::Submit { message: crate::pilot::id::MessageId(n) },
            epoch: 3,
        },
        2 => Record::Done { id: EffectId(n - 1) },
        _ => wished("adversary"),
    }
}

fn all(store: &Store) -> (Vec<(Stamp, Record)>, Folded) {
    let mut seen = Vec::new();
    let folded = store.fold(|stamp, record| seen.push((stamp, record))).unwrap();
    (seen, folded)
}

/// A log of `count` records in one file, closed.
fn written(path: &Path, count: u64) {
    let mut store = Store::open(path).unwrap();
    let records: Vec<_> = (0..count).map(some_record).collect();
    store.append(Time(1_000), &records).unwrap();
}

#[test]
fn what_was_appended_is_folded_in_order_also_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/records.db");
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.last(), None);
    let first = store.append(Time(5), &[wished("builder"), Record::WatchMended]).unwrap();
    assert_eq!(first, [Stamp { seq: 1, at: Time(5) }, Stamp { seq: 2, at: Time(5) }]);
    assert_eq!(store.append(Time(6), &[]).unwrap(), []);
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.last(), Some(first[1]));
    assert_eq!(store.append(Time(7), &[Record::ServerLost]).unwrap()[0].seq, 3);
    let (seen, folded) = all(&store);
    assert_eq!(seen.iter().map(|(stamp, _)| (stamp.seq, stamp.at.0)).collect::<Vec<_>>(), [(1, 5), (2, 5), (3, 7)]);
    assert_eq!(seen[0].1, wished("builder"));
    assert_eq!(folded, Folded { records: 3, ..Folded::default() });
}

#[test]
fn the_log_is_readable_by_us_alone_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/records.db");
    let before = rustix::process::umask(rustix::fs::Mode::empty());
    let mut store = Store::open(&path).unwrap();
    store.append(Time(1), &[wished("builder")]).unwrap();
    rustix::process::umask(before);
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["records.db", "records.db-wal", "records.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn a_planted_link_is_no_log() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("victim"), "").unwrap();
    let path = dir.path().join("records.db");
    std::os::unix::fs::symlink(dir.path().join("victim"), &path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::File(FileError::NotRegular(_)))));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(dir.path().join("victim"), dir.path().join("records.db-wal")).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::File(FileError::NotRegular(_)))));
    assert_eq!(std::fs::read(dir.path().join("victim")).unwrap(), b"");
}

#[test]
fn a_newer_format_is_refused_with_both_numbers_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    written(&path, 3);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path).unwrap_err().to_string();
    assert!(refused.contains("format 2") && refused.contains("up to 1"), "{refused}");
    assert!(matches!(Reader::open(&path), Err(StoreError::Newer { found: 2, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn rows_that_do_not_prove_themselves_are_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    written(&path, 8);
    let db = Connection::open(&path).unwrap();
    db.execute("UPDATE records SET json = replace(json, 'running', 'stopped') WHERE seq = 4", []).unwrap();
    db.execute("UPDATE records SET json = '{\"kind\":' WHERE seq = 6", []).unwrap();
    let newer = r#"{"kind":"from_the_future","x":1}"#;
    let sum = checksum(Stamp { seq: 7, at: Time(1_000) }, newer);
    db.execute("UPDATE records SET json = ?1, sum = ?2 WHERE seq = 7", params![newer, sum]).unwrap();
    drop(db);
    let mut store = Store::open(&path).unwrap();
    let (seen, folded) = all(&store);
    assert_eq!(seen.iter().map(|(stamp, _)| stamp.seq).collect::<Vec<_>>(), [1, 2, 3, 5, 8]);
    assert_eq!(folded.corrupt.iter().map(|corrupt| corrupt.seq).collect::<Vec<_>>(), [4, 6, 7]);
    assert!(folded.corrupt[0].why.contains("checksum"), "{folded:?}");
    assert!(folded.corrupt[2].why.contains("from_the_future"), "{folded:?}");
    assert_eq!(store.append(Time(2_000), &[Record::WatchMended]).unwrap()[0].seq, 9);
}

#[test]
fn a_file_with_a_destroyed_page_keeps_its_other_rows_and_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    written(&path, 2_000);
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4096 * 10)).unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
    drop(file);
    let mut store = Store::open(&path).unwrap();
    let rescued = store.rescued().unwrap().clone();
    assert!(rescued.kept > 1_900 && rescued.kept < 2_000, "{rescued:?}");
    assert!(!rescued.lost.is_empty() && rescued.aside.exists(), "{rescued:?}");
    assert_eq!(all(&store).1.records, rescued.kept);
    assert_eq!(store.last().unwrap().seq, 2_000);
    assert_eq!(store.append(Time(2_000), &[Record::WatchMended]).unwrap()[0].seq, 2_001);
    drop(store);
    assert!(Store::open(&path).unwrap().rescued().is_none());
}

#[test]
fn a_log_cut_anywhere_is_never_a_panic_and_never_silently_empty() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.db");
    written(&whole, 300);
    let mut bytes = Vec::new();
    std::fs::File::open(&whole).unwrap().read_to_end(&mut bytes).unwrap();
    for cut in (1..bytes.len()).step_by(bytes.len() / 23) {
        let path = dir.path().join(format!("{cut}.db"));
        std::fs::write(&path, &bytes[..cut]).unwrap();
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let mut store = Store::open(&path).unwrap();
        let folded = all(&store).1;
        let told = folded.records + u64::try_from(folded.corrupt.len()).unwrap() == 300;
        assert!(store.rescued().is_some() || told, "cut at {cut}: {folded:?}");
        store.append(Time(2_000), &[Record::WatchMended]).unwrap();
    }
}

#[test]
fn a_bit_flipped_anywhere_is_never_a_panic_and_never_a_false_record() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.db");
    written(&whole, 60);
    let bytes = std::fs::read(&whole).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 151) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        let path = dir.path().join(format!("{at}.db"));
        std::fs::write(&path, &bad).unwrap();
        rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let store = match Store::open(&path) {
            Ok(store) => store,
            // The format number itself was hit: refused, which loses nothing.
            Err(StoreError::Newer { .. }) => continue,
            Err(other) => panic!("bit at {at}: {other}"),
        };
        for (stamp, record) in all(&store).0 {
            assert_eq!(record, some_record(stamp.seq - 1), "bit at {at}");
        }
    }
}

#[test]
fn a_full_disk_is_told_as_such_and_takes_nothing_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    written(&path, 10);
    let mut store = Store::open(&path).unwrap();
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages).unwrap();
    let many: Vec<_> = (0..1_000).map(some_record).collect();
    assert!(matches!(store.append(Time(1), &many), Err(StoreError::Full { .. })));
    assert_eq!(store.last().unwrap().seq, 10);
    assert_eq!(all(&store).1.records, 10);
    store.db.pragma_update(None, "max_page_count", i64::from(u32::MAX >> 1)).unwrap();
    assert_eq!(store.append(Time(1), &many).unwrap()[0].seq, 11);
}

#[test]
fn readers_page_and_filter_and_never_hold_up_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    assert!(matches!(Reader::open(&path), Err(StoreError::File(FileError::Missing(_)))));
    let mut store = Store::open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    for n in 0..40 {
        store.append(Time(n * 10), &[some_record(n.unsigned_abs())]).unwrap();
    }
    let inside = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    inside.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
    store.append(Time(400), &[wished("adversary")]).unwrap();

    let seqs = |filter: &Filter, page, limit| {
        reader.rows(filter, page, limit).unwrap().iter().map(|row| row.stamp.seq).collect::<Vec<_>>()
    };
    let any = Filter::default();
    assert_eq!(seqs(&any, Page::After(0), 3), [1, 2, 3]);
    assert_eq!(seqs(&any, Page::After(39), 30), [40, 41]);
    assert_eq!(seqs(&any, Page::Newest, 2), [40, 41]);
    assert_eq!(seqs(&any, Page::Before(40), 3), [37, 38, 39]);
    assert_eq!(seqs(&any, Page::Before(3), 9), [1, 2]);
    assert_eq!(seqs(&any, Page::Before(1), 9), [0_u64; 0]);
    assert_eq!(seqs(&any, Page::Before(u64::MAX), 1), [41]);
    assert_eq!(seqs(&Filter { since: Some(Time(385)), ..any.clone() }, Page::After(0), 9), [40, 41]);
    let adversary = Filter { agent: Some(agent("adversary")), ..any.clone() };
    assert_eq!(seqs(&adversary, Page::Newest, 3), [36, 40, 41]);
    assert_eq!(seqs(&adversary, Page::Before(40), 1), [36]);
    let both = Filter { kind: Some("wished".to_string()), ..adversary.clone() };
    assert_eq!(seqs(&both, Page::Newest, 2), [40, 41]);
    assert_eq!(seqs(&both, Page::After(8), 1), [12]);
    assert_eq!(seqs(&Filter { kind: Some("done".to_string()), ..both }, Page::Newest, 2), [0_u64; 0]);
    let done = Filter { kind: Some("done".to_string()), ..any };
    assert_eq!(seqs(&done, Page::After(0), 2), [3, 7]);
    assert_eq!(reader.rows(&done, Page::After(0), 1).unwrap()[0].record().unwrap(), some_record(2));
}

#[test]
fn a_closed_log_can_be_read_without_an_engine() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    written(&path, 5);
    assert_eq!(Reader::open(&path).unwrap().rows(&Filter::default(), Page::After(0), 100).unwrap().len(), 5);
    written(&path, 5);
    assert_eq!(Reader::open(&path).unwrap().rows(&Filter::default(), Page::After(0), 100).unwrap().len(), 10);
}

#[test]
fn pruning_drops_only_what_is_old_and_not_kept_and_reuses_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let mut store = Store::open(&path).unwrap();
    for n in 0..12 {
        store.append(Time(n), &[some_record(n.unsigned_abs())]).unwrap();
    }
    let keep = |record: &Record| matches!(record, Record::Wished { .. });
    assert_eq!(store.prune(Time(8), keep).unwrap(), 6);
    assert_eq!(all(&store).0.iter().map(|(stamp, _)| stamp.seq).collect::<Vec<_>>(), [4, 8, 9, 10, 11, 12]);
    store.prune(Time(i64::MAX), |_| false).unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.append(Time(20), &[Record::WatchMended]).unwrap()[0].seq, 13);
}

#[test]
fn a_kept_state_spares_the_records_before_it_and_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/records.db");
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.checkpoint(), None);
    let stamps = store.append(Time(5), &[wished("builder"), Record::WatchMended]).unwrap();
    store.prune(Time(3), |_| true).unwrap();
    store.keep_checkpoint("a state".to_string()).unwrap();
    store.keep_checkpoint("the state".to_string()).unwrap();
    store.append(Time(7), &[Record::ServerLost]).unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    let known = Checkpoint { stamp: stamps[1], pruned: Time(3), state: "the state".to_string() };
    assert_eq!(store.checkpoint(), Some(known));
    let mut seen = Vec::new();
    let folded = store.fold_after(2, |stamp, record| seen.push((stamp.seq, record))).unwrap();
    assert_eq!((seen, folded.records), (vec![(3, Record::ServerLost)], 1));
    assert_eq!(all(&store).1.records, 3);
    // A clock that is years ahead, and put right.
    store.prune(Time(1_000), |_| true).unwrap();
    store.keep_checkpoint("a later state".to_string()).unwrap();
    assert_eq!(store.checkpoint().unwrap().pruned, Time(7));
}

#[test]
fn a_state_that_does_not_prove_itself_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    for (why, change) in [
        ("of another program", "UPDATE checkpoint SET program = '0.0.1 1 2 3.4'"),
        ("changed", "UPDATE checkpoint SET state = 'the stale'"),
        ("of another place", "UPDATE checkpoint SET seq = seq - 1"),
        ("looked through to another time", "UPDATE checkpoint SET pruned = 9"),
        ("ahead of the log", "DELETE FROM records WHERE seq = 3"),
        (
            "no number",
            "ALTER TABLE checkpoint RENAME TO old; CREATE TABLE checkpoint AS
             SELECT only, seq, 'x' AS at, pruned, program, state, sum FROM old",
        ),
        ("not there", "DROP TABLE checkpoint"),
    ] {
        let path = dir.path().join(format!("{why}.db"));
        written(&path, 3);
        let mut store = Store::open(&path).unwrap();
        store.keep_checkpoint("the state".to_string()).unwrap();
        assert!(store.checkpoint().is_some(), "{why}");
        drop(store);
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        assert_eq!(Store::open(&path).unwrap().checkpoint(), None, "{why}");
    }
}

#[test]
fn a_hundred_thousand_records_are_folded_within_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records.db");
    let records: Vec<_> = (0..100_000).map(some_record).collect();
    let began = clock::monotonic_ms();
    Store::open(&path).unwrap().append(Time(1_000), &records).unwrap();
    let appended = clock::monotonic_ms();
    let store = Store::open(&path).unwrap();
    let opened = clock::monotonic_ms();
    let mut count = 0;
    store.fold(|_, _| count += 1).unwrap();
    let folded = clock::monotonic_ms();
    println!("append {} ms, open {} ms, fold {} ms", appended - began, opened - appended, folded - opened);
    assert_eq!(count, 100_000);
    // The product's figure is one second, optimised; this is a debug build on a machine that may be busy.
    assert!(folded - opened < 10_000);
}

/// Where the pages of the table lie in the file: its root, and the root's children in order.
fn tree(path: &Path) -> (usize, usize, Vec<usize>) {
    let db = Connection::open(path).unwrap();
    let number = |query: &str| db.query_row(query, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let page = number("PRAGMA page_size");
    let root = (number("SELECT rootpage FROM sqlite_schema WHERE name = 'records'") - 1) * page;
    drop(db);
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(bytes[root], 5, "the root has children");
    let cells = usize::from(u16::from_be_bytes([bytes[root + 3], bytes[root + 4]]));
    let cell =
        |at: usize| root + usize::from(u16::from_be_bytes([bytes[root + 12 + 2 * at], bytes[root + 13 + 2 * at]]));
    (page, root, (0..cells).map(cell).collect())
}

#[test]
fn a_log_whose_pages_lead_back_to_rows_that_were_read_is_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/records.db");
    written(&path, 600);
    let (page, root, cells) = tree(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = u32::from_be_bytes(bytes[root + 8..root + 12].try_into().unwrap()) as usize;
    // The last page but one is the first once more, and the last one is nothing.
    let (first, again) = (cells[0], cells[cells.len() - 1]);
    bytes.copy_within(first..first + 4, again);
    bytes[(last - 1) * page..last * page].fill(0);
    std::fs::write(&path, bytes).unwrap();

    let (seen, _) = all(&Store::open(&path).unwrap());
    let seqs: Vec<u64> = seen.iter().map(|(stamp, _)| stamp.seq).collect();
    assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
    assert!(seqs.len() > 400, "{} of 600", seqs.len());
}
