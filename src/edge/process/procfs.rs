//! `/proc`, read whole at one moment. Every file in it may vanish or be refused at any time; one that vanished is a
//! process that ended, one that is refused is told.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::grip;
use super::source::Source;
use super::table::{Entry, Table};
use super::tag::Tag;
use crate::edge::files::{self, FileError};

/// Linux: start times and CPU time are in clock ticks, start times since boot.
pub(super) static SOURCE: Source = Source {
    boot,
    all,
    entry,
    arguments,
    file,
    cwd,
    ticks_per_second: rustix::param::clock_ticks_per_second,
    began_s,
    take: |process| grip::descriptor(&SOURCE, process),
};

/// A line of fifty numbers and a name of at most 64 bytes.
const STAT_CAP: u64 = 4096;
/// The kernel lets arguments and environment together be a quarter of the stack limit: 2 MiB with the usual 8.
const ENVIRON_CAP: u64 = 4 << 20;

/// All of them; the environments only `with_tags`, since they cost as much as the rest.
fn all(with_tags: bool) -> io::Result<Table> {
    let us = rustix::process::geteuid().as_raw();
    let mut entries = BTreeMap::new();
    for dir in Path::new("/proc").read_dir()? {
        let Some(pid) = dir.ok().and_then(|dir| dir.file_name().to_str()?.parse().ok()) else { continue };
        let Ok(Some(mut entry)) = entry(pid) else { continue };
        entry.own = owner(pid) == Some(us);
        if with_tags {
            (entry.tag, entry.environ_known) = tag(pid);
        }
        entries.insert(pid, entry);
    }
    Table::new(entries)
}

fn entry(pid: u32) -> io::Result<Option<Entry>> {
    match read(pid, "stat", STAT_CAP) {
        Ok(stat) => match parse(&stat) {
            Some(entry) if entry.pid == pid => Ok(Some(entry)),
            Some(_) | None => Err(io::Error::new(io::ErrorKind::InvalidData, "its stat line has an unknown form")),
        },
        Err(cause) if is_gone(&cause) => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// `pid (name) state parent group session …`: the name may itself hold spaces and brackets, so the last `)` counts.
fn parse(stat: &[u8]) -> Option<Entry> {
    let stat = String::from_utf8_lossy(stat);
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let pid = stat.get(..open)?.trim().parse().ok()?;
    let name = stat.get(open + 1..close)?;
    let fields: Vec<&str> = stat.get(close + 1..)?.split_ascii_whitespace().collect();
    // Numbers as in proc(5); the fields after the name begin with number 3.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let state = *fields.first()?;
    // A process whose first thread ended while others go on looks like a zombie with several threads.
    let lives = !matches!(state, "Z" | "X" | "x") || number(20)? > 1;
    Some(Entry {
        pid,
        parent: u32::try_from(number(4)?).ok()?,
        session: u32::try_from(number(6)?).ok()?,
        started: number(22)?,
        name: name.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
        lives,
        stopped: state == "T",
        own_cpu: number(14)?.saturating_add(number(15)?),
        waited_cpu: number(16)?.saturating_add(number(17)?),
        tag: None,
        environ_known: false,
        own: false,
    })
}

fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let line = read(pid, "cmdline", ENVIRON_CAP).unwrap_or_default();
    line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

fn file(pid: u32) -> Option<PathBuf> {
    let file = std::fs::read_link(path(pid, "exe")).ok()?.to_string_lossy().into_owned();
    Some(PathBuf::from(file.trim_end_matches(" (deleted)")))
}

fn cwd(pid: u32) -> io::Result<PathBuf> {
    std::fs::read_link(path(pid, "cwd"))
}

/// The boot id, where the machine tells it.
fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let text = files::read_bounded(Path::new("/proc/sys/kernel/random/boot_id"), STAT_CAP).ok()?;
        let text = String::from_utf8(text).ok()?;
        Some(text.trim().to_string()).filter(|text| !text.is_empty())
    };
    BOOT.get_or_init(read).as_deref()
}

/// By today's setting of the clock.
fn began_s(started: u64) -> Option<i64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: i64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + i64::try_from(started / rustix::param::clock_ticks_per_second().max(1)).ok()?)
}

/// The owner tag, and whether the environment could be read at all.
fn tag(pid: u32) -> (Option<Tag>, bool) {
    let Ok(environ) = read(pid, "environ", ENVIRON_CAP) else { return (None, false) };
    (Tag::among(environ.split(|byte| *byte == 0)), true)
}

fn owner(pid: u32) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc").join(pid.to_string()).metadata().ok().map(|meta| meta.uid())
}

fn read(pid: u32, what: &str, cap: u64) -> io::Result<Vec<u8>> {
    files::read_bounded(&path(pid, what), cap).map_err(|error| match error {
        FileError::Missing(_) => io::ErrorKind::NotFound.into(),
        FileError::Io { cause, .. } => cause,
        other => io::Error::other(other.to_string()),
    })
}

fn path(pid: u32, what: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(what)
}

/// The directory was there and the process went while it was read.
fn is_gone(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::NotFound || cause.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        let line = b"42 (a) Z 1 (b c) T 7 42 40 0 -1 4194304 1 2 3 4 50 60 70 80 20 0 1 0 987654 1 2\n";
        let entry = parse(line).unwrap();
        assert_eq!((entry.pid, entry.parent, entry.session, entry.started), (42, 7, 40, 987_654));
        assert_eq!((entry.name.as_str(), entry.stopped, entry.lives), ("a) Z 1 (b c", true, true));
        assert_eq!((entry.own_cpu, entry.waited_cpu), (110, 150));
    }

    #[test]
    fn a_zombie_does_not_live_unless_other_threads_of_it_do() {
        let line = |threads| format!("9 (x) Z 1 9 9 0 -1 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 5 0");
        assert!(!parse(line(1).as_bytes()).unwrap().lives);
        assert!(parse(line(2).as_bytes()).unwrap().lives);
    }

    proptest::proptest! {
        #[test]
        fn no_stat_line_makes_the_parser_panic(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn half_stat_lines_are_refused(cut in 0_usize..75) {
            let line = b"42 (a) S 7 42 40 0 -1 4194304 1 2 3 4 50 60 70 80 20 0 1 0 987654 1 2\n";
            proptest::prop_assert!(parse(&line[..cut.min(58)]).is_none());
        }
    }
}
