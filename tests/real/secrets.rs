//! Where a secret must not be found.

use std::fs;
use std::path::{Path, PathBuf};

use super::deck::Deck;

pub(crate) fn in_no_argv(canary: &str) {
    for entry in fs::read_dir("/proc").expect("a process table").flatten() {
        assert!(!holds(&entry.path().join("cmdline"), canary), "in the arguments of {:?}", entry.path());
    }
}

/// Neither the state, nor the logs, nor what the engines said.
pub(crate) fn in_no_file(deck: &Deck, but: &[PathBuf], canary: &str) {
    let mut folders = vec![deck.workspace.clone(), deck.home.clone(), deck.outside()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !but.contains(&path) {
                files += 1;
                assert!(!holds(&path, canary), "in {}", path.display());
            }
        }
    }
    assert!(files > 20, "{files} files were looked at");
}

pub(crate) fn holds(path: &Path, canary: &str) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    bytes.windows(canary.len()).any(|part| part == canary.as_bytes())
}
