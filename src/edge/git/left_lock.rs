//! Locks that a git left in a clone when it was killed: every later git there fails until somebody takes them away. We need none, and
//! never do that (fault G9): only who works there can know that nobody is at it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tracking;
use crate::edge::clock;
use crate::pilot::time::Time;

/// Those that stop the commands of an agent.
const NAMES: [&str; 4] = ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"];

/// A lock that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftLock {
    pub path: PathBuf,
    /// By its file's time.
    pub age: Duration,
}

/// The locks in the clone of this working folder.
pub fn locks(folder: &Path) -> Vec<LeftLock> {
    let Some(git_dir) = tracking::own_git_dir(folder) else { return Vec::new() };
    let now = clock::wall();
    let found = |name: &str| {
        let path = git_dir.join(name);
        let made = path.symlink_metadata().ok()?.mtime();
        Some(LeftLock { path, age: Duration::from_secs(now.since(Time(made.saturating_mul(1000))).as_secs()) })
    };
    NAMES.into_iter().filter_map(found).collect()
}
