//! From when a verb tells: a time, or how long ago.

use std::time::Duration;

use crate::edge::clock;
use crate::pilot::time::Time;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Time(Time),
    Ago(Duration),
}

impl Since {
    /// `2026-11-21T01:38:48Z` or `2h`; `None`: neither.
    pub(super) fn parse(word: &str) -> Option<Since> {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(word) {
            return Some(Since::Time(Time::from_utc(time.to_utc())));
        }
        humantime::parse_duration(word).ok().map(Since::Ago)
    }

    /// The moment, seen from now.
    pub(super) fn time(self) -> Time {
        match self {
            Since::Time(time) => time,
            Since::Ago(span) => clock::wall() - span,
        }
    }
}
