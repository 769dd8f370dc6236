//! What an engine kept of its state in the log, beside what the log comes to: nobody but the engine's own program takes it up.

use std::path::Path;

use flightdeck::edge::store::{Filter, Page, Reader};
use flightdeck::pilot::state::State;
use rusqlite::{Connection, OpenFlags};

/// After which record the state was kept last, and which is the newest. It must be the fold of all records up to the first.
pub(crate) fn state(log: &Path) -> (u64, u64) {
    let db = Connection::open_with_flags(log, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a log");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let (seq, words) = db.query_row("SELECT seq, state FROM checkpoint", [], row).expect("it was kept");
    let seq = u64::try_from(seq).expect("a number of a record");
    let kept: State = serde_json::from_str(&words).expect("a state");
    let reader = Reader::open(log).expect("a log");
    let mut folded = State::default();
    while folded.seq < seq {
        let page = reader.rows(&Filter::default(), Page::After(folded.seq), 10_000).expect("a page of it");
        assert!(!page.is_empty(), "record {seq} is not in the log");
        for row in page.iter().take_while(|row| row.stamp.seq <= seq) {
            folded.apply(row.stamp, &row.record().expect("a readable record"));
        }
    }
    let open = |state: &State| state.unsettled().cloned().collect::<Vec<_>>();
    assert!(kept.remembers_the_same(&folded), "after record {seq}:\n{kept:?}\n{folded:?}");
    assert_eq!(open(&kept), open(&folded), "after record {seq}");
    let newest = reader.rows(&Filter::default(), Page::Newest, 1).expect("a page of it");
    (seq, newest.first().map_or(0, |row| row.stamp.seq))
}
