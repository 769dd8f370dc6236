//! What is to become of one file of the user's home, and doing it: nothing behind a link, nothing that belongs to somebody
//! else, written whole with its mode kept, and what was there before beside it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::edge::files;

/// Larger files are no settings.
const CAP: u64 = 4 * 1024 * 1024;
/// Pairs of lines that are compared; a command has some dozens of lines.
const DIFFED: usize = 1_000_000;

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) path: PathBuf,
    /// What it held when that was decided; `None`: it was not there.
    pub(super) old: Option<Vec<u8>>,
    pub(super) change: Change,
    /// What changes, a line each, with `+` or `-` before it.
    pub(super) lines: Vec<String>,
    /// What stays although it was asked for, and why.
    pub(super) kept: Vec<String>,
}

/// What is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// Replaced, or made. `ours`: nobody else's words are in it, so that nothing has to be kept.
    Written {
        new: Vec<u8>,
        ours: bool,
    },
    Removed,
    /// Its program is asked to change it, with these words one after the other: it writes that file itself all the time.
    Asked {
        calls: Vec<Vec<String>>,
    },
}

impl Change {
    /// The word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Change::Nothing => "unchanged",
            Change::Written { .. } | Change::Asked { .. } => "written",
            Change::Removed => "removed",
        }
    }
}

/// What a file below `base` holds; `None` where it is not there. An error is why it must be left alone.
pub(super) fn read(base: &Path, below: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut path = base.to_path_buf();
    let parts: Vec<_> = below.components().collect();
    for (at, part) in parts.iter().enumerate() {
        path.push(part);
        let meta = match path.symlink_metadata() {
            Ok(meta) => meta,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(format!("{}: {cause}", path.display())),
        };
        if meta.is_symlink() {
            return Err(format!("{} is a symbolic link, which is not followed", path.display()));
        }
        files::owned(&path, &meta).map_err(|why| why.to_string())?;
        let folder = at + 1 < parts.len();
        if folder != meta.is_dir() {
            return Err(format!("{} is no {}", path.display(), if folder { "folder" } else { "regular file" }));
        }
    }
    files::read_bounded(&path, CAP).map(Some).map_err(|why| why.to_string())
}

/// Does it, unless the file is another one than when it was decided.
pub(super) fn carry_out(base: &Path, deed: &Deed) -> Result<(), String> {
    if deed.change == Change::Nothing {
        return Ok(());
    }
    let below = deed.path.strip_prefix(base).map_err(|_| format!("{} is elsewhere", deed.path.display()))?;
    if read(base, below)? != deed.old {
        return Err(format!("{} was changed by somebody else in this moment", deed.path.display()));
    }
    match &deed.change {
        Change::Nothing | Change::Asked { .. } => Ok(()),
        Change::Removed => std::fs::remove_file(&deed.path).map_err(|why| format!("{}: {why}", deed.path.display())),
        Change::Written { new, ours } => write(&deed.path, deed.old.as_deref(), new, *ours),
    }
}

fn write(path: &Path, old: Option<&[u8]>, new: &[u8], ours: bool) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|why| format!("{}: {why}", folder.display()))?;
    }
    // What is new may hold what others need not read.
    let mode = path.symlink_metadata().map_or(files::PRIVATE, |meta| meta.mode() & 0o777);
    if let (Some(old), false) = (old, ours) {
        files::write_atomic(&backup(path), old, mode).map_err(|why| why.to_string())?;
    }
    files::write_atomic(path, new, mode).map_err(|why| why.to_string())
}

/// Where the former content of a changed file is kept.
pub(super) fn backup(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".flightdeck-backup");
    path.with_file_name(name)
}

/// The lines in which two texts differ, as a diff has them: those of the old one with `-`, of the new one with `+`.
pub(super) fn diff(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len().saturating_mul(new.len()) > DIFFED {
        return vec![format!("- {} lines", old.len()), format!("+ {} lines", new.len())];
    }
    // How many lines are alike from here on, at most: the longest common subsequence.
    let mut alike = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            let same = if old[at] == new[to] { alike[at + 1][to + 1] + 1 } else { 0 };
            alike[at][to] = same.max(alike[at + 1][to]).max(alike[at][to + 1]);
        }
    }
    let (mut at, mut to, mut lines) = (0, 0, Vec::new());
    while at < old.len() || to < new.len() {
        if at < old.len() && to < new.len() && old[at] == new[to] {
            (at, to) = (at + 1, to + 1);
        } else if at < old.len() && (to == new.len() || alike[at + 1][to] >= alike[at][to + 1]) {
            lines.push(format!("- {}", old[at]));
            at += 1;
        } else {
            lines.push(format!("+ {}", new[to]));
            to += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_names_what_goes_and_what_comes() {
        assert_eq!(diff("a\nb\nc\nd", "a\nx\nc\nd\ne"), ["- b", "+ x", "+ e"]);
        assert_eq!(diff("", "a"), ["+ a"]);
        assert_eq!(diff("a", ""), ["- a"]);
        assert_eq!(diff("a\nb", "a\nb"), Vec::<String>::new());
    }
}
