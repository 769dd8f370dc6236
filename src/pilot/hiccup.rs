//! What a record keeps of a hiccup: whole milliseconds.

use serde::{Deserialize, Serialize};

use super::fact::Hiccup;

/// A hiccup, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hiccup", rename_all = "snake_case")]
pub enum HiccupNote {
    Late { ms: u64 },
    Slept { ms: u64 },
    ClockMoved { ms: i64 },
}

impl From<&Hiccup> for HiccupNote {
    fn from(hiccup: &Hiccup) -> Self {
        let whole = |span: &std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        match hiccup {
            Hiccup::Late(by) => HiccupNote::Late { ms: whole(by) },
            Hiccup::Slept(span) => HiccupNote::Slept { ms: whole(span) },
            Hiccup::ClockMoved(ms) => HiccupNote::ClockMoved { ms: *ms },
        }
    }
}
