//! The append-only log of records: `records.db`, one row per record. One writer; readers never block it.
//!
//! Rows carry a checksum, and what does not prove itself is left out and reported ([`Corrupt`]), never guessed at. A file
//! that SQLite itself finds damaged is set aside and its readable rows are carried over: lost state must not look like a
//! fresh workspace (fault S3). Nothing here knows what a record means, and nothing is retried: a full disk is told
//! ([`StoreError::Full`]) and the caller goes on without new intents (fault S1).

mod checkpoint;
mod reader;
mod rescue;
pub mod screens;
pub mod scribe;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

#[cfg(debug_assertions)]
use super::failpoint;
use super::files::{self, FileError};
use crate::config::fnv::fnv;
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

pub use checkpoint::Checkpoint;
pub use reader::{Filter, PAGE_CAP, Page, Reader, Row};

/// Version of the tables; a newer one in the file is refused, not rewritten (fault K9).
const SCHEMA: i64 = 1;
/// Only a checkpoint of a reader's connection can be in our way, and for milliseconds.
const BUSY: Duration = Duration::from_secs(5);
/// Bytes of write-ahead log kept between checkpoints; a burst may need more and gives it back.
const WAL_KEPT: i64 = 4 << 20;
/// KiB of pages that a connection keeps which writes a log: at its end, and each once. SQLite's own 2 MiB fill up within an hour.
const CACHE: i64 = 512;
/// SQLite takes a file shorter than its least page for an empty one, which is what must not happen to a torn log.
const HEADER: u64 = 512;
const TABLES: &str = "
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, agent TEXT, json TEXT NOT NULL,
        sum INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX records_at ON records (at);
    CREATE INDEX records_agent ON records (agent, seq) WHERE agent IS NOT NULL;
    CREATE INDEX records_kind ON records (kind, seq);
";

/// Why the log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{} has format {found}, this flightdeck knows up to {SCHEMA}: use the newer flightdeck; nothing was changed",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("no room to write {}: free some space, it goes on by itself", path.display())]
    Full { path: PathBuf },
    #[error("{} is damaged: {why}", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("{}: {cause}", path.display())]
    Sqlite { path: PathBuf, cause: rusqlite::Error },
    #[error("a record can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl StoreError {
    fn of(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let system = match &cause {
            rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
            _ => 0,
        };
        match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly) => StoreError::Full { path },
            // A write-ahead log or index that can't be extended comes as an I/O error of these kinds.
            Some(ErrorCode::SystemIoFailure) if is_out_of_room(system) => StoreError::Full { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path, why: cause.to_string() }
            }
            Some(_) | None => StoreError::Sqlite { path, cause },
        }
    }
}

/// A stretch of the log that can't be read. `seq` is its first number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrupt {
    pub seq: u64,
    pub why: String,
}

/// What [`Store::fold`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Records handed over.
    pub records: u64,
    /// What was left out. More than [`CORRUPT_CAP`] are counted in `unlisted` only.
    pub corrupt: Vec<Corrupt>,
    pub unlisted: u64,
}

/// A log that is damaged throughout would otherwise fill the memory with complaints.
pub const CORRUPT_CAP: usize = 100;

/// The writer's end of the log. One per workspace: the caller holds the workspace's lock.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Connection,
    last: Option<Stamp>,
    /// All older records have been looked through for what is old: what is kept for ever is not read each time.
    pruned: Time,
    /// As it was when we opened: whatever replaces its file meanwhile is another one.
    program: Option<String>,
    rescued: Option<Rescued>,
}

/// A damaged file was replaced at opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescued {
    /// Where the damaged file lies now.
    pub aside: PathBuf,
    pub why: String,
    pub kept: u64,
    pub lost: Vec<Corrupt>,
}

impl Store {
    /// Opens or creates the log. The folder is made private, the file 0600; both are refused when others can write them.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = place(path)?;
        let (db, rescued) = match connect(&path) {
            Ok(db) => (db, None),
            Err(StoreError::Damaged { why, .. }) => {
                let rescued = rescue::rescue(&path, why)?;
                (connect(&path)?, Some(rescued))
            }
            Err(other) => return Err(other),
        };
        let last = last(&db).map_err(|cause| StoreError::of(&path, cause))?;
        Ok(Store { path, db, last, pruned: Time(i64::MIN), program: checkpoint::program(), rescued })
    }

    /// The newest record's place; `None`: a log without records, which is a fresh workspace or one whose log was lost
    /// (the lock's epoch tells which).
    pub fn last(&self) -> Option<Stamp> {
        self.last
    }

    /// What opening had to do about a damaged file; to be told to the operator.
    pub fn rescued(&self) -> Option<&Rescued> {
        self.rescued.as_ref()
    }

    /// Adds records at the end, all or none. They are safe from a crash of ours when this returns; a power cut may
    /// take the last ones, but never leaves a half.
    pub fn append(&mut self, at: Time, records: &[Record]) -> Result<Vec<Stamp>, StoreError> {
        let first = self.last.map_or(1, |last| last.seq + 1);
        let rows = (first..).zip(records).map(|(seq, record)| Ready::of(Stamp { seq, at }, record));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.insert(&rows).map_err(|cause| StoreError::of(&self.path, cause))?;
        self.last = rows.last().map(|row| row.stamp).or(self.last);
        Ok(rows.into_iter().map(|row| row.stamp).collect())
    }

    /// The same, and safe from a power cut as well when it returns: for what somebody is told that it is done (fault S4).
    pub fn append_durably(&mut self, at: Time, records: &[Record]) -> Result<Vec<Stamp>, StoreError> {
        let synchronous = |db: &Connection, how: &str| db.pragma_update(None, "synchronous", how);
        synchronous(&self.db, "FULL").map_err(|cause| StoreError::of(&self.path, cause))?;
        let appended = self.append(at, records);
        // Where that fails, the next records only take longer; said as an error, those that were written would come again.
        let _ = synchronous(&self.db, "NORMAL");
        appended
    }

    /// Hands over all records from the first to the last.
    pub fn fold(&self, each: impl FnMut(Stamp, Record)) -> Result<Folded, StoreError> {
        self.fold_after(0, each)
    }

    /// The same with those behind this number alone.
    pub fn fold_after(&self, seq: u64, each: impl FnMut(Stamp, Record)) -> Result<Folded, StoreError> {
        reader::fold(&self.db, seq, each).map_err(|cause| StoreError::of(&self.path, cause))
    }

    /// What is known without a fold: the state as this very program kept it. `None`: all must be folded.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        let known = checkpoint::load(&self.db, self.program.as_deref()?, self.last?).unwrap_or_else(|cause| {
            tracing::warn!(%cause, "the kept state can't be read: all records are folded");
            None
        })?;
        self.pruned = known.pruned;
        Some(known)
    }

    /// Keeps the state as it is after the last record.
    pub fn keep_checkpoint(&mut self, state: String) -> Result<(), StoreError> {
        let (Some(program), Some(stamp)) = (&self.program, self.last) else { return Ok(()) };
        let known = Checkpoint { stamp, pruned: self.pruned, state };
        checkpoint::save(&self.db, program, &known).map_err(|cause| StoreError::of(&self.path, cause))?;
        #[cfg(debug_assertions)]
        failpoint::reached("store.checkpoint");
        Ok(())
    }

    /// Drops records older than `before` for which `keep` says no; returns how many. The last record always stays, so
    /// that no number is ever used twice; so do rows that can't be read, as evidence.
    pub fn prune(&mut self, before: Time, keep: impl Fn(&Record) -> bool) -> Result<u64, StoreError> {
        let pruned = self.drop_old(self.pruned, before, keep);
        let dropped = pruned.map_err(|cause| StoreError::of(&self.path, cause))?;
        self.pruned = self.pruned.max(before);
        Ok(dropped)
    }

    fn insert(&mut self, rows: &[Ready]) -> rusqlite::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let transaction = begin(&mut self.db)?;
        #[cfg(debug_assertions)]
        failpoint::reached("store.begun");
        for row in rows {
            row.insert(&transaction)?;
        }
        #[cfg(debug_assertions)]
        failpoint::reached("store.inserted");
        transaction.commit()?;
        #[cfg(debug_assertions)]
        failpoint::reached("store.committed");
        Ok(())
    }

    fn drop_old(&mut self, since: Time, before: Time, keep: impl Fn(&Record) -> bool) -> rusqlite::Result<u64> {
        let last = self.last.map_or(0, |last| reader::signed(last.seq));
        let transaction = begin(&mut self.db)?;
        let mut dropped = 0;
        {
            let mut old = transaction.prepare(
                "SELECT seq, at, kind, agent, json, sum FROM records WHERE at >= ?3 AND at < ?1 AND seq < ?2",
            )?;
            let mut delete = transaction.prepare("DELETE FROM records WHERE seq = ?1")?;
            let mut rows = old.query(params![before.0, last, since.0])?;
            while let Some(row) = rows.next()? {
                let row = Row::read(row)?;
                if row.record().is_ok_and(|record| !keep(&record)) {
                    dropped += u64::try_from(delete.execute([reader::signed(row.stamp.seq)])?).unwrap_or(0);
                }
            }
        }
        transaction.commit()?;
        Ok(dropped)
    }
}

/// A record on its way into the file.
struct Ready {
    stamp: Stamp,
    kind: String,
    agent: Option<String>,
    json: String,
}

impl Ready {
    fn of(stamp: Stamp, record: &Record) -> Result<Self, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Kind {
            kind: String,
        }
        let json = serde_json::to_string(record)?;
        let Kind { kind } = serde_json::from_str(&json)?;
        Ok(Ready { stamp, kind, agent: record.agent().map(ToString::to_string), json })
    }

    fn insert(&self, transaction: &Transaction) -> rusqlite::Result<()> {
        let mut insert = transaction
            .prepare_cached("INSERT INTO records (seq, at, kind, agent, json, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let sum = checksum(self.stamp, &self.json);
        let seq = reader::signed(self.stamp.seq);
        insert.execute(params![seq, self.stamp.at.0, self.kind, self.agent, self.json, sum])?;
        Ok(())
    }
}

/// FNV-1a over place, time and text: enough to find flipped bits, no defence against an author.
fn checksum(stamp: Stamp, json: &str) -> i64 {
    let place = stamp.seq.to_le_bytes().into_iter().chain(stamp.at.0.to_le_bytes());
    i64::from_le_bytes(fnv(place.chain(json.bytes())).to_le_bytes())
}

/// The file's real place, private and there, so that SQLite can be told to follow no link.
fn place(path: &Path) -> Result<PathBuf, StoreError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    files::private_dir(dir)?;
    let dir = dir.canonicalize().map_err(|cause| FileError::Io { path: dir.to_path_buf(), cause })?;
    let path = dir.join(path.file_name().unwrap_or_default());
    drop(files::open_private(&path)?);
    for companion in ["-wal", "-shm"] {
        let companion = with_suffix(&path, companion);
        if companion.symlink_metadata().is_ok() {
            drop(files::open_private(&companion)?);
        }
    }
    Ok(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let size = path.metadata().map_or(0, |meta| meta.len());
    if (1..HEADER).contains(&size) {
        return Err(StoreError::Damaged { path: path.to_path_buf(), why: format!("only {size} bytes are left of it") });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let wrong = |cause| StoreError::of(path, cause);
    let mut db = Connection::open_with_flags(path, flags).map_err(wrong)?;
    db.busy_timeout(BUSY).map_err(wrong)?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
    if found > SCHEMA {
        return Err(StoreError::Newer { path: path.to_path_buf(), found });
    }
    prepare(&mut db, found).map_err(wrong)?;
    let health: String = db.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(wrong)?;
    if health != "ok" {
        return Err(StoreError::Damaged { path: path.to_path_buf(), why: health });
    }
    if let Err(cause) = db.execute_batch(checkpoint::TABLE) {
        tracing::warn!(%cause, "there is no place to keep the state: starts fold all records");
    }
    Ok(db)
}

/// How a log is written.
fn as_log(db: &Connection, synchronous: &str) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "journal_size_limit", WAL_KEPT)?;
    db.pragma_update(None, "cache_size", -CACHE)
}

fn prepare(db: &mut Connection, found: i64) -> rusqlite::Result<()> {
    as_log(db, "NORMAL")?;
    if found == 0 {
        let transaction = begin(db)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    Ok(())
}

fn begin(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn last(db: &Connection) -> rusqlite::Result<Option<Stamp>> {
    let mut newest = db.prepare("SELECT seq, at FROM records ORDER BY seq DESC LIMIT 1")?;
    let mut rows = newest.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Stamp { seq: reader::unsigned(row.get(0)?), at: Time(row.get(1)?) }))
}

fn is_out_of_room(extended: i32) -> bool {
    use rusqlite::ffi;
    [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_SHMMAP, ffi::SQLITE_IOERR_TRUNCATE]
        .contains(&extended)
}

#[cfg(test)]
mod tests;
