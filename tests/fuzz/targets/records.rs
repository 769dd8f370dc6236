//! What is remembered. An even first byte: records as text, a line each, folded into a state. An odd one: damage to a log of known
//! records, of which every record that is still believed must be one of them, and those beside the damage must still be there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flightdeck::edge::store::{Filter, PAGE_CAP, Page, Reader, Store, StoreError};
use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::time::Time;
use flightdeck::words::sentence::sentence;

use super::{Target, about, check, chosen, outcome};

pub(super) const TARGET: Target = Target { name: "records", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "{\"kind\":\"watch_mended\"}\n",
    "{\"kind\":\"phase_entered\",\"phase\":\"1a\",\"stale_done\":false}\n",
    "\"kind\":",
    "\"agent\":\"builder\"",
    "\"agent\":null",
    "\"at\":\"2026-11-21T01:38:48.123Z\"",
    "\"at\":\"9999-12-31T23:59:59-23:59\"",
    "\"incarnation\":4294967295",
    "\"id\":18446744073709551615",
    "\"epoch\":0",
    "\"state\":{\"state\":\"down\"}",
    "\\u0000",
    "\\u001b[31m",
    "\u{1}\0\0\u{10}\0",
    "\0\0\0\0",
    "SQLite format 3",
    "CREATE TABLE records",
];

/// Lines of one input that are folded.
const LINES: usize = 300;
/// A moment on the steady axis to begin at.
const BEGIN: i64 = 1_795_233_874_520;

/// A log of known records: the file's bytes, each record by its number, and where its text stands in the file.
struct Log {
    bytes: Vec<u8>,
    records: BTreeMap<u64, (Time, String)>,
    places: BTreeMap<u64, Range<usize>>,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let folder = folder();
    let path = folder.path().join("records.db");
    let mut store = Store::open(&path).expect("a new log");
    let mut records = BTreeMap::new();
    for (at, record) in old().into_iter().take(120) {
        let json = serde_json::to_string(&record).expect("JSON");
        let stamps = store.append(at, &[record]).expect("room");
        records.insert(stamps[0].seq, (at, json));
    }
    drop(store);
    let bytes = std::fs::read(&path).expect("the log");
    let place = |json: &str| bytes.windows(json.len()).position(|window| window == json.as_bytes());
    let places = records.iter().filter_map(|(seq, (_, json))| {
        let start = place(json)?;
        Some((*seq, start..start + json.len()))
    });
    let places = places.collect();
    Log { bytes, records, places }
});

/// Where files cost no disk, if there is such a place.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

fn old() -> Vec<(Time, Record)> {
    let read = |line: &str| {
        let mut fields = line.splitn(3, '\t').skip(1);
        let at = Time(fields.next()?.parse().ok()?);
        Some((at, serde_json::from_str(fields.next()?).ok()?))
    };
    include_str!("../../old_records.jsonl").lines().filter_map(read).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let stored: Vec<&str> =
        include_str!("../../old_records.jsonl").lines().filter_map(|line| line.splitn(3, '\t').nth(2)).collect();
    let told: Vec<&str> = include_str!("../../cli/records.jsonl").lines().collect();
    let text = |lines: &[&str]| [b"\0", lines.join("\n").as_bytes()].concat();
    let mut seeds: Vec<Vec<u8>> = stored.chunks(12).chain(told.chunks(4)).map(text).collect();
    seeds.push(text(&stored));
    for at in 0..60_u8 {
        seeds.push(vec![1, 0, at, at.wrapping_mul(37), at % 4, at, 0xff, 0, at]);
    }
    seeds
}

fn run(input: &[u8]) -> Result<u64, String> {
    match chosen(input, 2) {
        (0, text) => folded(&String::from_utf8_lossy(text)),
        (_, damage) => damaged(damage),
    }
}

fn folded(text: &str) -> Result<u64, String> {
    let mut state = State::default();
    let (mut kinds, mut refused) = (String::new(), 0);
    for (seq, line) in (1_u64..).zip(text.lines().take(LINES)) {
        let Ok(record) = serde_json::from_str::<Record>(line) else {
            refused += 1;
            continue;
        };
        let json = serde_json::to_string(&record).map_err(|why| format!("it can't be written: {why}"))?;
        let again: Result<Record, _> = serde_json::from_str(&json);
        let same = again.as_ref().is_ok_and(|again| *again == record);
        check(same, || format!("written anew it is another record: {again:?} of {json}"))?;
        state.apply(Stamp { seq, at: Time(BEGIN + i64::try_from(seq).unwrap_or(0)) }, &record);
        // The same once more, as after a crash in the middle of things, and at a time that no clock shows.
        state.apply(Stamp { seq, at: Time(i64::MAX) }, &record);
        check(!sentence(&record).is_empty(), || format!("nothing is said of {json}"))?;
        kinds.push_str(json.split('"').nth(3).unwrap_or_default());
    }
    if kinds.len() > 40 {
        kinds = about(kinds.len()).to_string().replace(|c: char| c.is_ascii_digit(), "n");
    }
    Ok(outcome(&kinds) ^ u64::from(about(refused)) ^ (u64::from(about(state.outbox.len())) << 8))
}

/// What was done to the bytes, and where.
fn apply(damage: &[u8], bytes: &mut Vec<u8>) -> Vec<Range<usize>> {
    let mut touched = Vec::new();
    let mut rest = damage;
    while let [a, b, c, how, count, more @ ..] = rest {
        rest = more;
        if bytes.is_empty() {
            break;
        }
        let at = u32::from_be_bytes([0, *a, *b, *c]) as usize % bytes.len();
        let count = usize::from(*count);
        let end = (at + count.max(1)).min(bytes.len());
        match how % 5 {
            0 => {
                let taken = more.len().min(end - at);
                bytes[at..at + taken].copy_from_slice(&more[..taken]);
                rest = &more[taken..];
            }
            1 => bytes[at] ^= 1 << (count % 8),
            2 => bytes[at..end].fill(0),
            3 if count > 200 => bytes.truncate(at),
            _ => {
                let from = (at * 7 + count) % bytes.len();
                let taken = (bytes.len() - from).min(end - at);
                bytes.copy_within(from..from + taken, at);
            }
        }
        touched.push(at..end.max(at + 1));
        if how % 5 == 3 && count > 200 {
            touched.push(at..usize::MAX);
        }
    }
    touched
}

fn damaged(damage: &[u8]) -> Result<u64, String> {
    let mut bytes = LOG.bytes.clone();
    let touched = apply(damage, &mut bytes);
    let folder = folder();
    let path = folder.path().join("records.db");
    write_private(&path, &bytes);
    let looked = looked_at(&path)?;
    let mut store = match Store::open(&path) {
        Ok(store) => store,
        Err(why) => return Ok(outcome(&format!("{looked} {}", of(&why)))),
    };
    let rescued = store.rescued().is_some();
    let mut believed = BTreeMap::new();
    let mut wrong = Ok(());
    let folded = store.fold(|stamp, record| {
        let json = serde_json::to_string(&record).unwrap_or_default();
        if wrong.is_ok() {
            wrong = genuine(stamp, &json);
        }
        believed.insert(stamp.seq, ());
    });
    wrong?;
    let corrupt = folded.as_ref().map_or(0, |folded| folded.corrupt.len());
    // Damage within the texts of some records is no reason to lose any other.
    let inside =
        |range: &Range<usize>| LOG.places.values().any(|place| place.start <= range.start && range.end <= place.end);
    if touched.iter().all(inside) {
        let hit = |place: &Range<usize>| touched.iter().any(|range| range.start < place.end && place.start < range.end);
        let lost = LOG.places.iter().find(|(seq, place)| !hit(place) && !believed.contains_key(*seq));
        check(lost.is_none(), || format!("record {:?} is lost to damage of others", lost.map(|(seq, _)| seq)))?;
    }
    // The engine goes on in what is left.
    let went_on = store.append(Time(BEGIN), &[Record::WatchMended]).is_ok();
    drop(store);
    let words = format!("{looked} {rescued} {} {went_on} {}", folded.is_ok(), "c".repeat(about(corrupt) as usize));
    Ok(outcome(&format!("{words} {}", "b".repeat(about(believed.len()) as usize))))
}

/// The same by a reader of another process.
fn looked_at(path: &Path) -> Result<String, String> {
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(why) => return Ok(of(&why)),
    };
    match reader.rows(&Filter::default(), Page::After(0), PAGE_CAP) {
        Ok(rows) => {
            for row in rows {
                if row.record().is_ok() {
                    genuine(row.stamp, &row.json)?;
                }
            }
            Ok("rows".to_string())
        }
        Err(why) => Ok(of(&why)),
    }
}

fn genuine(stamp: Stamp, json: &str) -> Result<(), String> {
    let known = LOG.records.get(&stamp.seq).is_some_and(|(at, known)| *at == stamp.at && known == json);
    check(known, || format!("a record that nobody wrote: {} {json}", stamp.seq))
}

fn of(why: &StoreError) -> String {
    format!("{why:?}").chars().take_while(|c| c.is_ascii_alphabetic()).collect()
}

fn write_private(path: &PathBuf, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, bytes).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
}
