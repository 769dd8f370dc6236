//! What arrived at the model server: the ground truth of all tests of delivery.

use super::asked::{Asked, Wire};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Milliseconds since the epoch, when its body was complete.
    pub at_ms: i64,
    pub path: String,
    /// With which key or token it came.
    pub credential: String,
    pub kind: Kind,
    /// None for what asks nothing of a model.
    pub asked: Option<Asked>,
    /// What was done, as a directive says it.
    pub behaviour: String,
    pub end: End,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The agent's own work.
    Main,
    /// A title, a summary, a probe.
    Side,
    /// No question to a model: lists, counts, pings.
    Other,
}

/// How the answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not yet.
    Open,
    Complete,
    /// The client went away before the end.
    ClientLeft,
    /// The connection was cut on purpose.
    Cut,
}

impl Entry {
    /// What the user said last; empty where the request has no user.
    pub fn prompt(&self) -> String {
        self.asked.as_ref().map(Asked::prompt).unwrap_or_default()
    }

    pub fn wire(&self) -> Option<Wire> {
        self.asked.as_ref().map(|asked| asked.wire)
    }
}
