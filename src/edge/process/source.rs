//! Where facts about processes come from: the same questions to `/proc` and to what other systems have.

use std::io;
use std::path::PathBuf;

use super::grip::Grip;
use super::table::{Entry, Table};
use crate::pilot::fact::Identity;

/// That of the system we run on.
#[cfg(target_os = "linux")]
pub(in crate::edge) static HERE: &Source = &super::procfs::SOURCE;
#[cfg(not(target_os = "linux"))]
pub(in crate::edge) static HERE: &Source = &super::portable::SOURCE;

/// How each question is asked. Tests ask all sources that this system has.
#[derive(Debug)]
pub(in crate::edge) struct Source {
    /// A text that every start time is valid under, and under no other one; `None`: it can't be told.
    pub(super) boot: fn() -> Option<&'static str>,
    /// All processes; who carries which tag and whose process it is only with `true`, since that costs as much again.
    pub(in crate::edge) all: fn(bool) -> io::Result<Table>,
    /// One process now; `None`: there is none. An error proves nothing.
    pub(in crate::edge) entry: fn(u32) -> io::Result<Option<Entry>>,
    /// What it was started with, its name first; empty where it can't be read.
    pub(in crate::edge) arguments: fn(u32) -> Vec<Vec<u8>>,
    /// The program it runs.
    pub(super) file: fn(u32) -> Option<PathBuf>,
    /// Where it works.
    pub(super) cwd: fn(u32) -> io::Result<PathBuf>,
    /// The unit of start times and CPU time.
    pub(super) ticks_per_second: fn() -> u64,
    /// A start time in seconds since the epoch.
    pub(in crate::edge) began_s: fn(u64) -> Option<i64>,
    /// A grip on exactly this process; `None`: it has ended, or can't be had.
    pub(super) take: fn(&Identity) -> Option<Grip>,
}
