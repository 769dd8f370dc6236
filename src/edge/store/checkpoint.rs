//! The state as it was after a record, beside the records: a start folds what came later, and not all that ever was. It spares
//! time and nothing else. Only the very program that wrote it takes it up again, since another may fold otherwise; whatever
//! does not prove itself is not there, and everything is folded.

use std::os::unix::fs::MetadataExt;

use rusqlite::{Connection, OptionalExtension, params};

use super::reader;
use crate::config::fnv::fnv;
use crate::pilot::fact::Stamp;
use crate::pilot::time::Time;

/// Older programs that know the log don't know this table, and pass it by.
pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS checkpoint (
        only INTEGER PRIMARY KEY CHECK (only = 1), seq INTEGER NOT NULL, at INTEGER NOT NULL, pruned INTEGER NOT NULL,
        program TEXT NOT NULL, state TEXT NOT NULL, sum INTEGER NOT NULL
    ) STRICT;
";

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last record that is folded into it.
    pub stamp: Stamp,
    /// Up to then the log has been looked through for what is old.
    pub pruned: Time,
    /// In the program's own words.
    pub state: String,
}

/// Tells builds of the program apart, by its file and when that was put there. `None`: it is gone, or another lies in its place.
pub(super) fn program() -> Option<String> {
    let meta = std::env::current_exe().and_then(std::fs::metadata).ok()?;
    let version = env!("CARGO_PKG_VERSION");
    Some(format!("{version} {} {} {}.{}", meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
}

/// The one that is good for this program and for a log that ends there.
pub(super) fn load(db: &Connection, program: &str, last: Stamp) -> rusqlite::Result<Option<Checkpoint>> {
    let mut select = db.prepare("SELECT seq, at, pruned, state, sum FROM checkpoint WHERE program = ?1")?;
    let found = select.query_row([program], |row| {
        let stamp = Stamp { seq: reader::unsigned(row.get(0)?), at: Time(row.get(1)?) };
        let known = Checkpoint { stamp, pruned: Time(row.get(2)?), state: row.get(3)? };
        let sound = checksum(&known) == row.get::<_, i64>(4)?;
        // A clock that ran far ahead for a while had it look through times that have yet to come.
        Ok(sound.then(|| Checkpoint { pruned: known.pruned.min(stamp.at), ..known }))
    });
    Ok(found.optional()?.flatten().filter(|known| known.stamp.seq <= last.seq))
}

/// Takes the place of the one before.
pub(super) fn save(db: &Connection, program: &str, known: &Checkpoint) -> rusqlite::Result<()> {
    let (seq, at, pruned, sum) = (reader::signed(known.stamp.seq), known.stamp.at.0, known.pruned.0, checksum(known));
    let mut replace = db.prepare_cached(
        "INSERT OR REPLACE INTO checkpoint (only, seq, at, pruned, program, state, sum) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    replace.execute(params![seq, at, pruned, program, known.state, sum])?;
    Ok(())
}

fn checksum(known: &Checkpoint) -> i64 {
    let places = [known.stamp.seq.to_le_bytes(), known.stamp.at.0.to_le_bytes(), known.pruned.0.to_le_bytes()];
    i64::from_le_bytes(fnv(places.into_iter().flatten().chain(known.state.bytes())).to_le_bytes())
}
