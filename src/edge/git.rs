//! The watched branch: what was pushed to it, told as [`Event::PushSeen`](crate::pilot::event::Event::PushSeen), and the
//! status file in the Builder's own clone.
//!
//! ```text
//!   bell     ref files change ──ring──┐
//!   watcher  every interval, at a poke┴─> remote: a folder ──────────────────────┐
//!                                         remote: a URL ─> mirror (system git) ──┴─> shelf ─> lineage, tree ─> Push
//! ```
//!
//! It never runs git, hooks or anything else in a folder that an agent can write: such folders are read as files, or by
//! libgit2, which only reads. It changes no remote, no clone and no configuration of the operator. Reading at each
//! interval is the truth; the bell only makes it sooner.

mod aside;
mod bell;
mod left_lock;
mod lineage;
mod mirror;
mod regular;
mod remote;
mod shelf;
mod status_file;
mod tracking;
mod tree;
mod watcher;

pub use left_lock::{LeftLock, locks};
pub use mirror::NETWORK_DEADLINE;
pub use status_file::{LocalStatus, StatusTarget};
pub use watcher::{WatchSettings, Watcher};

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// libgit2 says so; our own mirror is then built anew.
    #[error("{}", .0.message())]
    Repository(#[from] git2::Error),
    /// It can't be helped by reading again; the sentence for the operator.
    #[error("{0}")]
    Told(String),
    /// A repository format libgit2 does not know; the system's git may.
    #[error("{0}")]
    Unsupported(String),
}
