//! Screens as they were when something was decided: `screens.db`, a file of its own, so that the log of records stays
//! small. It is evidence for people and nothing depends on it: it may be thrown away whole, and a damaged one is.
//!
//! The writer works in a thread of its own, which begins with the first screen; whoever keeps screens never waits for it.
//! Nothing here knows which screens are worth keeping.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{StoreError, begin, place, reader, with_suffix};
use crate::edge::files::{FileError, owned};
use crate::edge::spawn;
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;

/// Name of the file inside the state folder.
pub const NAME: &str = "screens.db";
/// Bytes kept: some 20,000 screens, which is months of a fleet.
const ROOM: i64 = 64 << 20;
/// Bytes written between two looks at the size and the age of the file.
const LOOK: usize = 1 << 20;
/// Rounds that wait for the thread; more are lost, since a disk this slow has other work to do.
const WAITING: usize = 64;
/// After this long without a screen the file is closed and its memory given back.
const IDLE: Duration = Duration::from_secs(10);
const SCHEMA: i64 = 1;
const TABLES: &str = "
    CREATE TABLE screens (
        id INTEGER PRIMARY KEY, agent TEXT NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL, lines TEXT NOT NULL
    ) STRICT;
    CREATE INDEX screens_agent ON screens (agent, at);
    CREATE INDEX screens_at ON screens (at);
";

/// An agent's screen as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptScreen {
    /// The time of the record it was kept with, on the steady clock.
    pub at: Time,
    /// The visible rows, from the top, without colours.
    pub lines: Vec<String>,
}

/// One screen on its way into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenRow {
    pub agent: AgentId,
    /// Time and number of the record it is kept with.
    pub at: Time,
    pub seq: u64,
    pub lines: Vec<String>,
}

/// What one round keeps.
struct Batch {
    rows: Vec<ScreenRow>,
    /// Screens from before this are dropped at the next look.
    oldest: Time,
}

/// The writer's end. The thread ends with it.
#[derive(Debug)]
pub struct ScreensKeeper {
    path: PathBuf,
    thread: Option<SyncSender<Batch>>,
}

impl ScreensKeeper {
    /// A keeper for this file, which need not be there; nothing is opened before the first screen is kept.
    pub fn new(path: PathBuf) -> Self {
        ScreensKeeper { path, thread: None }
    }

    /// Keeps the screens of one round, in one transaction, and forgets those from before `oldest` in time. Never waits; what
    /// can't be kept is lost, and the log says so once.
    pub fn keep(&mut self, rows: Vec<ScreenRow>, oldest: Time) {
        if rows.is_empty() {
            return;
        }
        if self.thread.is_none() {
            self.thread = start(self.path.clone());
        }
        if let Some(thread) = &self.thread {
            // A full queue or a thread that is gone loses a screen, not a decision.
            let _ = thread.try_send(Batch { rows, oldest });
        }
    }
}

fn start(path: PathBuf) -> Option<SyncSender<Batch>> {
    let (sender, batches) = sync_channel(WAITING);
    match spawn::thread("screens", move || write_all(&path, &batches)) {
        Ok(_) => Some(sender),
        Err(error) => {
            tracing::warn!(%error, "screens can't be kept");
            None
        }
    }
}

fn write_all(path: &Path, batches: &Receiver<Batch>) {
    let mut file: Option<ScreensFile> = None;
    let mut told = false;
    loop {
        let batch = match &file {
            Some(_) => batches.recv_timeout(IDLE),
            None => batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => {
                file = None;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let written = match &mut file {
            Some(file) => file.write(&batch),
            None => ScreensFile::open(path).and_then(|opened| file.insert(opened).write(&batch)),
        };
        match written {
            Ok(()) => told = false,
            Err(error) => {
                if !told {
                    tracing::warn!(%error, "screens can't be kept; it is tried again with the next one");
                }
                (file, told) = (None, true);
            }
        }
    }
}

/// The open file.
struct ScreensFile {
    path: PathBuf,
    db: Connection,
    /// Bytes written since the last look.
    fresh: usize,
    room: i64,
}

impl ScreensFile {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let path = place(path)?;
        let db = match connect(&path) {
            Err(StoreError::Damaged { .. }) => {
                remove(&path)?;
                drop(crate::edge::files::open_private(&path)?);
                connect(&path)?
            }
            other => other?,
        };
        // The first write looks.
        Ok(ScreensFile { path, db, fresh: LOOK, room: ROOM })
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.insert(batch).map_err(|cause| StoreError::of(&self.path, cause))?;
        self.fresh += batch.rows.iter().flat_map(|row| &row.lines).map(String::len).sum::<usize>();
        if self.fresh >= LOOK {
            self.shrink(batch.oldest).map_err(|cause| StoreError::of(&self.path, cause))?;
            self.fresh = 0;
        }
        Ok(())
    }

    fn insert(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let transaction = begin(&mut self.db)?;
        for row in &batch.rows {
            let mut insert =
                transaction.prepare_cached("INSERT INTO screens (agent, at, seq, lines) VALUES (?1, ?2, ?3, ?4)")?;
            let lines = row.lines.join("\n");
            insert.execute(params![row.agent.as_str(), row.at.0, reader::signed(row.seq), lines])?;
        }
        transaction.commit()
    }

    /// Drops what is too old, and the oldest tenth as often as it takes to have room. Freed pages are used again, so the
    /// file itself grows no further.
    fn shrink(&mut self, oldest: Time) -> rusqlite::Result<()> {
        self.db.execute("DELETE FROM screens WHERE at < ?1", [oldest.0])?;
        while self.used()? > self.room {
            let tenth = "DELETE FROM screens WHERE id IN
                (SELECT id FROM screens ORDER BY at, id LIMIT (SELECT count(*) / 10 + 1 FROM screens))";
            if self.db.execute(tenth, [])? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn used(&self) -> rusqlite::Result<i64> {
        let number = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?)
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let wrong = |cause| StoreError::of(path, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(path, flags).map_err(wrong)?;
    db.busy_timeout(super::BUSY).map_err(wrong)?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
    if found > SCHEMA {
        return Err(StoreError::Newer { path: path.to_path_buf(), found });
    }
    prepare(&mut db, found).map_err(wrong)?;
    Ok(db)
}

fn prepare(db: &mut Connection, found: i64) -> rusqlite::Result<()> {
    // A power cut may take this file, which is no more than evidence; no write of ours waits for a disk.
    super::as_log(db, "OFF")?;
    if found == 0 {
        let transaction = begin(db)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
        transaction.commit()?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let path = with_suffix(path, suffix);
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::Io { path, cause }.into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A reader for other processes; never blocks the writer.
#[derive(Debug)]
pub struct ScreensReader {
    db: Connection,
}

impl ScreensReader {
    /// Opens an existing file. [`FileError::Missing`]: no screen was kept yet.
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
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let wrong = |cause| StoreError::of(path, cause);
        let db = Connection::open_with_flags(path, flags).map_err(wrong)?;
        db.busy_timeout(super::BUSY).map_err(wrong)?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrong)?;
        match found {
            SCHEMA => Ok(ScreensReader { db }),
            // Its first screen is on its way.
            0 => Err(FileError::Missing(path.to_path_buf()).into()),
            _ => Err(StoreError::Newer { path: path.to_path_buf(), found }),
        }
    }

    /// The newest screen of the agent that was kept at or before `at`, on the clock of the records. `None`: there is none,
    /// or it can't be read.
    pub fn at(&self, agent: &AgentId, at: Time) -> Option<KeptScreen> {
        let newest = "SELECT at, lines FROM screens WHERE agent = ?1 AND at <= ?2 ORDER BY at DESC, id DESC LIMIT 1";
        let mut select = self.db.prepare_cached(newest).ok()?;
        let row = select.query_row(params![agent.as_str(), at.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
        let (at, lines) = row.optional().ok()??;
        Some(KeptScreen { at: Time(at), lines: lines.split('\n').map(str::to_string).collect() })
    }
}

#[cfg(test)]
mod tests;
