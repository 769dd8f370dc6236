//! Processes on this machine: who lives, what belongs to an agent, and ending it whole.
//!
//! A process is its [`Identity`] (boot, pid, start time), never a bare pid: no signal leaves for anything else (fault P13).
//! What belongs to an agent is found by descent, by session and by the owner tag in the environment, so that neither
//! setsid nor a new parent hides it (faults P11, V12). What can't be read is unknown, never dead.
//!
//! Linux tells all of it by `/proc` and process file descriptors; elsewhere a slower and coarser source takes their place
//! (`process/portable.rs`). Knows nothing of tmux.

mod ending;
mod grip;
mod look;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
#[cfg(target_os = "linux")]
mod procfs;
mod source;
mod table;
mod tag;

use std::path::Path;
use std::time::Duration;

use crate::pilot::fact::{Identity, Search, Work};

pub(in crate::edge) use source::HERE;
pub(in crate::edge) use table::Entry;
pub use tag::Tag;

/// Variable by which everything an agent starts can be told as its own.
pub const OWNER: &str = "FLIGHTDECK_OWNER";

/// Whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    Yes,
    /// Gone, a zombie, another process under the same number, or of another boot.
    No,
    /// It can't be told.
    Unknown,
}

/// Who the process with this number is now; `None` when there is none or it can't be told.
pub fn identity(pid: u32) -> Option<Identity> {
    look::identity(HERE, pid)
}

/// Whether exactly this process still lives.
pub fn alive(process: &Identity) -> Alive {
    look::alive(HERE, process)
}

/// Everything that belongs to an agent and lives: `process` and its descendants, the sessions they lead, and whatever
/// carries the tag. `None`: the process table can't be read.
pub fn tree(process: Option<&Identity>, tag: Option<&Tag>) -> Option<Vec<Identity>> {
    look::tree(HERE, process, tag)
}

/// What is still alive of any agent of this workspace. `None`: the process table can't be read.
pub fn survivors(nonce: &str) -> Option<Vec<(Tag, Identity)>> {
    look::survivors(HERE, nonce)
}

/// What the processes below an agent are doing. A child counts as late when it began more than `late_after` after the
/// agent. `None`: the agent is not alive, or it can't be told.
pub fn work(process: &Identity, tag: Option<&Tag>, late_after: Duration) -> Option<Work> {
    look::work(HERE, process, tag, late_after)
}

/// Whether a program of one of these names works in `dir` without being one of ours: launched by hand. Looks at programs
/// of our own user only; a folder of ours is no place for others.
pub fn search(names: &[String], dir: &Path, nonce: &str) -> Search {
    look::search(HERE, names, dir, nonce)
}

/// Ends `process`, what is below it and whatever carries `tag`: TERM, then KILL after `grace`. Returns what is left: pid
/// and name; empty when all is gone. An error means that nobody can say, because the process table can't be read.
pub async fn end(process: Option<&Identity>, tag: Option<&Tag>, grace: Duration) -> Result<Vec<(u32, String)>, String> {
    ending::end(HERE, process, tag, grace).await
}

#[cfg(test)]
mod tests;
