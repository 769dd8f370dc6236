//! The engine's own log, as far as verbs show it: its last lines.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::workspace;

/// Bytes read from the end of the file; fifteen lines have some 3000.
const TAIL_BYTES: u64 = 16 * 1024;

/// The last lines of the newest log file; none where there is none or it can't be read.
pub fn tail(root: &Path, lines: usize) -> Vec<String> {
    let text = newest(root).and_then(|path| end_of(&path).ok()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(ToString::to_string).collect()
}

/// The newest log file.
pub fn newest(root: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(workspace::state_dir(root).join("log")).ok()?;
    let names = entries.flatten().map(|entry| entry.path());
    // The day stands in the name, so that the last name is the newest day.
    names.filter(|path| path.extension().is_some_and(|end| end == "log")).max()
}

fn end_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
