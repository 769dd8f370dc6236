//! The inputs that are kept in the repository, and those that a hunt adds or finds wrong.

use std::path::{Path, PathBuf};

use flightdeck::config::fnv::fnv;

use super::targets::Target;

/// Most files that are kept for a target, and the largest of them: a corpus is read by every test run.
const MOST: usize = 60;
const LARGEST: usize = 2 * 1024;

/// What is kept for a target, by the names of the files.
pub(crate) fn kept(target: &Target) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder(target)) else { return Vec::new() };
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (name(&path), std::fs::read(&path).expect("a file of the corpus")))
        .collect();
    inputs.sort();
    inputs
}

/// Keeps the smallest of these, as many as there is room for.
pub(crate) fn keep(target: &Target, inputs: &[Vec<u8>]) {
    let mut small: Vec<&Vec<u8>> = inputs.iter().filter(|input| input.len() <= LARGEST).collect();
    small.sort_by_key(|input| input.len());
    small.dedup();
    let room = MOST.saturating_sub(kept(target).len());
    for input in small.into_iter().take(room) {
        write(&folder(target), input);
    }
}

/// Saves an input that was not borne; where.
pub(crate) fn save(target: &Target, input: &[u8]) -> PathBuf {
    write(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target.name), input)
}

/// A folder of recorded inputs of other tests, all files below it.
pub(crate) fn recorded(folder: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(std::fs::read(path).expect("a file"));
            }
        }
    }
    found
}

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target.name)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn write(folder: &Path, input: &[u8]) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join(format!("{:016x}", fnv(input.iter().copied())));
    std::fs::write(&path, input).expect("a file");
    path
}
