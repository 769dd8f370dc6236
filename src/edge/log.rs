//! Our own log: `.flightdeck/log/flightdeck.YYYY-MM-DD.log`, one file a day, the oldest removed, each bounded, 0600.
//!
//! Written by a thread of its own, so that a slow disk never holds up the engine; lines that don't fit are dropped.
//! Never the place for secrets or for what agents say, and never the terminal.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::clock;
use super::files::{self, FileError};

/// Directives as in `tracing_subscriber::EnvFilter`: `debug`, `flightdeck::edge=trace`, …
pub const FILTER: &str = "FLIGHTDECK_LOG";
const USUAL: &str = "info";
/// Bytes a day: something that logs in a loop must not fill the disk (fault S7). A busy fleet writes some hundred kB.
const DAY_CAP: u64 = 32 << 20;
/// Lines that wait for the disk; the place for them is taken at once, and the usual 128 000 are 4 MB.
const WAITING: usize = 4_096;
const PREFIX: &str = "flightdeck.";
const SUFFIX: &str = ".log";

/// Keeps the log's thread alive; what waits is written when it is dropped.
#[must_use]
#[derive(Debug)]
pub struct Guard {
    _worker: tracing_appender::non_blocking::WorkerGuard,
}

/// Sends all tracing of this process to files in `dir`, of which `keep` are kept. A filter that can't be understood is
/// replaced by the usual one.
pub fn start(dir: &Path, keep: usize) -> Result<Guard, FileError> {
    let lines = tracing_appender::non_blocking::NonBlockingBuilder::default().buffered_lines_limit(WAITING);
    let (writer, worker) = lines.finish(Daily::open(dir, keep)?);
    let filter = std::env::var(FILTER).unwrap_or_default();
    let subscriber = subscriber(writer, &filter);
    // Only the first one counts: a process has one engine, and a test may have had one before.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(Guard { _worker: worker })
}

fn subscriber<W>(writer: W, filter: &str) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).ok().filter(|_| !filter.is_empty());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(USUAL));
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).with_env_filter(filter).finish()
}

/// A file that becomes another one at midnight, UTC.
#[derive(Debug)]
struct Daily {
    dir: PathBuf,
    keep: usize,
    day: NaiveDate,
    file: File,
    written: u64,
}

impl Daily {
    fn open(dir: &Path, keep: usize) -> Result<Self, FileError> {
        Self::of(dir, keep, today())
    }

    fn of(dir: &Path, keep: usize, day: NaiveDate) -> Result<Self, FileError> {
        files::private_dir(dir)?;
        let file = files::append_private(&dir.join(format!("{PREFIX}{day}{SUFFIX}")))?;
        let written = file.metadata().map_or(0, |meta| meta.len());
        let daily = Daily { dir: dir.to_path_buf(), keep: keep.max(1), day, file, written };
        daily.prune();
        Ok(daily)
    }

    /// Removes all but the newest; what is in the way of that is the operator's own and stays.
    fn prune(&self) {
        let Ok(entries) = self.dir.read_dir() else { return };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let ours = |name: &String| {
            let day = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
            day.is_some_and(|day| day.parse::<NaiveDate>().is_ok())
        };
        let mut names: Vec<String> = names.filter(ours).collect();
        names.sort_unstable();
        for name in names.iter().rev().skip(self.keep) {
            let _ = std::fs::remove_file(self.dir.join(name));
        }
    }

    fn write_on(&mut self, day: NaiveDate, line: &[u8]) -> io::Result<()> {
        if day != self.day {
            *self = Self::of(&self.dir, self.keep, day).map_err(|error| io::Error::other(error.to_string()))?;
        }
        if self.written >= DAY_CAP {
            return Ok(());
        }
        self.written += u64::try_from(line.len()).unwrap_or(0);
        self.file.write_all(line)?;
        if self.written >= DAY_CAP {
            self.file.write_all(b"this day's log is full; nothing more is written until tomorrow\n")?;
        }
        Ok(())
    }
}

impl Write for Daily {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_on(today(), line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn today() -> NaiveDate {
    clock::wall().utc().date_naive()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            dir.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    #[test]
    fn each_day_has_its_file_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let before = rustix::process::umask(rustix::fs::Mode::empty());
        let mut daily = Daily::of(&log, 2, day(9)).unwrap();
        std::fs::write(log.join("flightdeck.notes.log"), "the operator's").unwrap();
        for n in 9..=12 {
            daily.write_on(day(n), format!("line {n}\n").as_bytes()).unwrap();
        }
        rustix::process::umask(before);
        assert_eq!(names(&log), ["flightdeck.2026-11-11.log", "flightdeck.2026-11-12.log", "flightdeck.notes.log"]);
        let last = log.join("flightdeck.2026-11-12.log");
        assert_eq!(std::fs::read_to_string(&last).unwrap(), "line 12\n");
        assert_eq!(last.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(log.metadata().unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_day_is_bounded_also_when_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut daily = Daily::of(dir.path(), 2, day(9)).unwrap();
        daily.write_on(day(9), b"first\n").unwrap();
        drop(daily);
        let mut daily = Daily::of(dir.path(), 2, day(9)).unwrap();
        assert_eq!(daily.written, 6);
        daily.written = DAY_CAP - 1;
        for _ in 0..3 {
            daily.write_on(day(9), b"second\n").unwrap();
        }
        let text = std::fs::read_to_string(dir.path().join("flightdeck.2026-11-09.log")).unwrap();
        assert_eq!(text.matches("second").count(), 1);
        assert!(text.starts_with("first\n") && text.contains("log is full"), "{text}");
    }

    #[test]
    fn what_is_traced_is_in_the_file_once_the_guard_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, worker) = tracing_appender::non_blocking(Daily::open(dir.path(), 3).unwrap());
        tracing::subscriber::with_default(subscriber(writer, "nonsense[[["), || {
            tracing::info!(agent = "builder", "started");
            tracing::debug!("too quiet to be kept");
            tracing::warn!("hostile \u{1b}[2J text");
        });
        drop(worker);
        let file = dir.path().join(&names(dir.path())[0]);
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("INFO") && text.contains("started agent=\"builder\""), "{text}");
        assert!(!text.contains("too quiet") && !text.contains('\u{1b}'), "{text}");
    }
}
