//! What must outlive a restart: how often a fault happened, until when a limit holds, which conversations are poisoned.
//! One small file each, in a folder; without a folder it lasts as long as the process.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder, or what stands for it.
#[derive(Debug)]
pub(super) struct Tally {
    dir: Option<PathBuf>,
    counts: BTreeMap<String, u64>,
}

impl Tally {
    /// In `dir`; without one, inside the `.git` of the folder we are in.
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        let dir = dir.or_else(|| Path::new(".git").is_dir().then(|| PathBuf::from(".git/flightdeck-demo")));
        let dir = dir.filter(|dir| std::fs::create_dir_all(dir).is_ok());
        Tally { dir, counts: BTreeMap::new() }
    }

    /// Counts one more; how often it had happened before. Written before what is counted happens: it may be our end.
    pub(super) fn count(&mut self, name: &str) -> u64 {
        let seen = self.counts.entry(name.to_string()).or_default();
        let mut before = *seen;
        *seen += 1;
        if let Some(path) = self.path(name) {
            before = std::fs::metadata(&path).map_or(0, |meta| meta.len());
            if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
                // A count that can't be written is one that happens again: harmless in a test, and seen there.
                let _ = file.write_all(b".");
            }
        }
        before
    }

    /// Whether it was ever counted.
    pub(super) fn has(&self, name: &str) -> bool {
        self.counts.contains_key(name) || self.path(name).is_some_and(|path| path.exists())
    }

    /// A remembered number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let text = std::fs::read_to_string(self.path(name)?).ok()?;
        text.trim().parse().ok()
    }

    /// Remembers a number.
    pub(super) fn remember(&self, name: &str, number: i64) {
        if let Some(path) = self.path(name) {
            let _ = std::fs::write(path, number.to_string());
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
        self.dir.as_ref().map(|dir| dir.join(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_survives_the_process() {
        let dir = tempfile::tempdir().expect("a folder");
        let new = || Tally::new(Some(dir.path().join("state")));
        assert_eq!(new().count("crash"), 0);
        assert_eq!(new().count("crash"), 1);
        assert!(new().has("crash") && !new().has("stall"));
        new().remember("limit", 77);
        assert_eq!(new().number("limit"), Some(77));
    }
}
