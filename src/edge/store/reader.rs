//! Reading the log: for the engine's fold, for `events`, and for clients that follow. Reads in short steps, because a
//! reader that stays inside one transaction keeps the write-ahead log from being emptied.

use std::path::{Path, PathBuf};

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{BUSY, CORRUPT_CAP, Corrupt, Folded, SCHEMA, StoreError, checksum};
use crate::edge::files::{FileError, owned};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

/// Most rows one page holds, so that no answer grows with the age of the workspace.
pub const PAGE_CAP: u32 = 10_000;

/// One row as it lies in the file. Its text stays readable where the record is of a kind that only a newer flightdeck
/// knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub stamp: Stamp,
    pub kind: String,
    pub agent: Option<String>,
    pub json: String,
    pub(super) sum: i64,
}

impl Row {
    /// The record, or why the row is not believed.
    pub fn record(&self) -> Result<Record, String> {
        self.intact()?;
        serde_json::from_str(&self.json).map_err(|cause| format!("no record we know: {cause}"))
    }

    /// Whether the row is as it was written.
    pub fn intact(&self) -> Result<(), String> {
        match checksum(self.stamp, &self.json) == self.sum {
            true => Ok(()),
            false => Err("its checksum does not fit".to_string()),
        }
    }

    pub(super) fn read(row: &rusqlite::Row) -> rusqlite::Result<Self> {
        Ok(Row {
            stamp: Stamp { seq: unsigned(row.get(0)?), at: Time(row.get(1)?) },
            kind: text(row.get_ref(2)?),
            agent: Some(row.get_ref(3)?).filter(|agent| *agent != ValueRef::Null).map(text),
            json: text(row.get_ref(4)?),
            sum: row.get(5)?,
        })
    }
}

/// Which rows of the filtered ones are wanted; always returned oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Those after this number.
    After(u64),
    /// The last ones before this number.
    Before(u64),
    /// The newest.
    Newest,
}

/// What `events` may be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub since: Option<Time>,
    pub agent: Option<AgentId>,
    pub kind: Option<String>,
}

/// A reader of its own, for other processes and for clients that are behind. Never writes, never blocks the writer.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    db: Connection,
}

impl Reader {
    /// Opens an existing log.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let io = |cause: std::io::Error| match cause.kind() {
            std::io::ErrorKind::NotFound => FileError::Missing(path.to_path_buf()),
            _ => FileError::Io { path: path.to_path_buf(), cause },
        };
        let meta = path.symlink_metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(FileError::NotRegular(path.to_path_buf()).into());
        }
        owned(path, &meta)?;
        let path = path.canonicalize().map_err(io)?;
        let wrong = |cause| StoreError::of(&path, cause);
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(wrong)?;
        db.busy_timeout(BUSY).map_err(wrong)?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
        if found > SCHEMA {
            return Err(StoreError::Newer { path, found });
        }
        Ok(Reader { path, db })
    }

    /// At most `limit` rows that pass the filter, oldest first.
    pub fn rows(&self, filter: &Filter, page: Page, limit: u32) -> Result<Vec<Row>, StoreError> {
        let (clause, values) = clause(filter, page);
        let order = match page {
            Page::After(_) => "ASC",
            Page::Before(_) | Page::Newest => "DESC",
        };
        let limit = limit.min(PAGE_CAP);
        let query = format!(
            "SELECT seq, at, kind, agent, json, sum FROM records WHERE {clause} ORDER BY seq {order} LIMIT {limit}"
        );
        let mut rows = self.collect(&query, values).map_err(|cause| StoreError::of(&self.path, cause))?;
        if order == "DESC" {
            rows.reverse();
        }
        Ok(rows)
    }

    fn collect(&self, query: &str, values: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
        let mut select = self.db.prepare_cached(query)?;
        select.query_map(params_from_iter(values), Row::read)?.collect()
    }
}

/// Hands over all believable records behind a number in order.
pub(super) fn fold(db: &Connection, seq: u64, mut each: impl FnMut(Stamp, Record)) -> rusqlite::Result<Folded> {
    let mut folded = Folded::default();
    walk(db, seq, |step| match step {
        Step::Row(row) => match row.record() {
            Ok(record) => {
                folded.records += 1;
                each(row.stamp, record);
                Ok(())
            }
            Err(why) => {
                folded.note(Corrupt { seq: row.stamp.seq, why });
                Ok(())
            }
        },
        Step::Damage(corrupt) => {
            folded.note(corrupt);
            Ok(())
        }
    })?;
    Ok(folded)
}

impl Folded {
    fn note(&mut self, corrupt: Corrupt) {
        if self.corrupt.len() < CORRUPT_CAP {
            self.corrupt.push(corrupt);
        } else {
            self.unlisted += 1;
        }
    }
}

/// What a walk through the log comes upon.
pub(super) enum Step {
    Row(Row),
    /// Nothing can be read from here to the next row.
    Damage(Corrupt),
}

/// A page of SQLite holds some twenty records: after this many steps of one the damage is larger than a page, and steps
/// begin to double so that the end of the numbers is reached at once.
const SMALL_STEPS: u32 = 256;

/// Goes through all rows behind a number to the last, and over stretches that SQLite can't read.
pub(super) fn walk(
    db: &Connection,
    seq: u64,
    mut each: impl FnMut(Step) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let (mut next, mut tries) = (seq.saturating_add(1), 0_u32);
    loop {
        let end = stretch(db, next, |row| {
            // Flipped bits in the tree of pages lead back to rows that were read: following them would never end.
            if row.stamp.seq < next {
                return Err(goes_back());
            }
            (next, tries) = (row.stamp.seq.saturating_add(1), 0);
            each(Step::Row(row))
        });
        match end {
            Ok(()) => return Ok(()),
            Err(cause) if is_damage(&cause) => {
                if tries == 0 {
                    each(Step::Damage(Corrupt { seq: next, why: cause.to_string() }))?;
                }
                tries += 1;
                next += 1_u64.checked_shl(tries.saturating_sub(SMALL_STEPS)).unwrap_or(u64::MAX >> 1);
                if next > i64::MAX.unsigned_abs() >> 1 {
                    return Ok(());
                }
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// Rows from `first` on, until the end or the first one that SQLite can't give.
fn stretch(db: &Connection, first: u64, mut each: impl FnMut(Row) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut select =
        db.prepare_cached("SELECT seq, at, kind, agent, json, sum FROM records WHERE seq >= ?1 ORDER BY seq")?;
    let mut rows = select.query([signed(first)])?;
    while let Some(row) = rows.next()? {
        each(Row::read(row)?)?;
    }
    Ok(())
}

fn goes_back() -> rusqlite::Error {
    let why = "the numbers of its rows go back".into();
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Integer, why)
}

/// Not the machine's trouble of the moment, but bytes that are wrong and will stay so.
fn is_damage(cause: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(cause.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        || matches!(
            cause,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        )
}

pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

fn clause(filter: &Filter, page: Page) -> (String, Vec<Value>) {
    let mut parts = Vec::new();
    let mut values = Vec::new();
    let (least, most) = match page {
        Page::After(seq) => (seq, None),
        Page::Before(seq) => (0, Some(seq)),
        Page::Newest => (0, None),
    };
    // One bound alone is followed by SQLite.
    if let Some(since) = filter.since {
        // By the index of times to the first of them, and on in order: else a whole year is gone through for its last day.
        parts.push(
            "seq > max(?, (SELECT coalesce(min(seq), 0) - 1 FROM records INDEXED BY records_at WHERE at >= ?)) AND at >= ?",
        );
        values.extend([signed(least), since.0, since.0].map(Value::Integer));
    } else {
        parts.push("seq > ?");
        values.push(Value::Integer(signed(least)));
    }
    if let Some(most) = most {
        parts.push("seq < ?");
        values.push(Value::Integer(signed(most)));
    }
    if let Some(agent) = &filter.agent {
        // There are many kinds and few agents: with both, the index of kinds has fewer rows to go through, and the sign keeps SQLite
        // from taking the other.
        parts.push(if filter.kind.is_some() { "+agent = ?" } else { "agent = ?" });
        values.push(Value::Text(agent.to_string()));
    }
    if let Some(kind) = &filter.kind {
        parts.push("kind = ?");
        values.push(Value::Text(kind.clone()));
    }
    (parts.join(" AND "), values)
}

/// Whatever lies in a text column; flipped bits may have made it no text any more.
fn text(value: ValueRef) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    }
}
