//! What to do about a log that SQLite finds damaged: carry every row that can be read into a new file and set the old
//! one aside, whole, for whoever wants to know. The checksums of the rows decide later what is believed.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::reader::{self, Step};
use super::{CORRUPT_CAP, Corrupt, Rescued, StoreError, begin, connect, with_suffix};
use crate::edge::files::{self, FileError};

/// Replaces the damaged file at `path`; the old one gets the first free name beside it.
pub(super) fn rescue(path: &Path, why: String) -> Result<Rescued, StoreError> {
    let fresh = with_suffix(path, ".rescue");
    remove(&fresh)?;
    drop(files::open_private(&fresh)?);
    let (kept, lost) = carry_over(path, &fresh)?;
    let aside = (1..u32::MAX).map(|n| with_suffix(path, &format!(".damaged-{n}")));
    let aside = aside.into_iter().find(|aside| aside.symlink_metadata().is_err()).unwrap_or_else(|| path.to_path_buf());
    rename(path, &aside)?;
    for companion in ["-wal", "-shm"] {
        let from = with_suffix(path, companion);
        if from.symlink_metadata().is_ok() {
            rename(&from, &with_suffix(&aside, companion))?;
        }
    }
    rename(&fresh, path)?;
    Ok(Rescued { aside, why, kept, lost })
}

fn carry_over(old: &Path, fresh: &Path) -> Result<(u64, Vec<Corrupt>), StoreError> {
    let mut to = connect(fresh)?;
    let wrong = |cause| StoreError::of(fresh, cause);
    let transaction = begin(&mut to).map_err(wrong)?;
    let (kept, lost) = copy(old, &transaction).map_err(wrong)?;
    transaction.commit().map_err(wrong)?;
    // One file to rename instead of three. It stays in the mode in which it is opened again: each change of that costs half
    // a dozen syncs, which are all that a rescue waits for.
    to.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(wrong)?;
    to.close().map_err(|(_, cause)| wrong(cause))?;
    Ok((kept, lost))
}

fn copy(old: &Path, to: &Connection) -> rusqlite::Result<(u64, Vec<Corrupt>)> {
    let (mut kept, mut lost) = (0, Vec::new());
    let from = Connection::open_with_flags(old, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
    if from.table_exists(None, "records").is_ok_and(|exists| !exists) {
        return Ok((0, vec![Corrupt { seq: 1, why: "no table of records is left in it".to_string() }]));
    }
    let mut insert =
        to.prepare("INSERT OR IGNORE INTO records (seq, at, kind, agent, json, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    reader::walk(&from, 0, |step| {
        match step {
            Step::Row(row) => {
                let (seq, at) = (reader::signed(row.stamp.seq), row.stamp.at.0);
                kept += insert.execute(params![seq, at, row.kind, row.agent, row.json, row.sum])?;
            }
            Step::Damage(corrupt) if lost.len() < CORRUPT_CAP => lost.push(corrupt),
            Step::Damage(_) => {}
        }
        Ok(())
    })?;
    Ok((u64::try_from(kept).unwrap_or(u64::MAX), lost))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
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

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|cause| FileError::Io { path: from.to_path_buf(), cause }.into())
}
