//! The machine's clocks: the only file that reads them, and the only one that waits.
//!
//! Steady time is the boot-time clock, anchored once to the wall clock, so that it counts a suspended laptop's sleep and
//! never jumps when somebody sets the time (`Instant` does not count suspend on Linux).
#![expect(clippy::disallowed_methods, reason = "this is the one file that reads clocks and waits")]

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::pilot::fact::Hiccup;
use crate::pilot::time::{Now, Time};

/// A wall-clock step smaller than this is drift and NTP slew, not news.
const WALL_STEP: i64 = 2_000;
/// A sleep shorter than this harms no deadline.
const SLEPT: Duration = Duration::from_secs(2);
/// Waits are cut to this, so that a suspended machine notices soon after it wakes: timers count only waking time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The deadline of an outside call has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {0:?}")]
pub struct Late(pub Duration);

/// Steady and wall time of this machine, as seen by one engine.
#[derive(Clone, Debug)]
pub struct Clock {
    /// What to add to the boot-time clock to get steady time, in milliseconds.
    anchor: i64,
    /// Wall minus steady at the last check.
    offset: i64,
    /// Boot-time minus monotonic at the last check: grows by every sleep.
    slept: i64,
}

impl Clock {
    /// Anchored so that steady time is the wall clock's now, but never before `last`, the newest record's time.
    pub fn anchored(last: Option<Time>) -> Self {
        let wall = wall().0;
        let start = last.map_or(wall, |last| wall.max(last.0));
        Clock { anchor: start - boottime(), offset: wall - start, slept: boottime() - monotonic() }
    }

    /// Both axes, now.
    pub fn now(&self) -> Now {
        Now { steady: Time(self.anchor + boottime()), wall: wall() }
    }

    /// What happened to the clocks since the last check: a sleep of the machine, a step of the wall clock.
    pub fn check(&mut self) -> Vec<Hiccup> {
        let mut hiccups = Vec::new();
        let slept = boottime() - monotonic();
        let span = Duration::from_millis(u64::try_from(slept - self.slept).unwrap_or(0));
        if span >= SLEPT {
            hiccups.push(Hiccup::Slept(span));
        }
        self.slept = slept;
        let now = self.now();
        let offset = now.wall.0 - now.steady.0;
        if (offset - self.offset).abs() >= WALL_STEP {
            hiccups.push(Hiccup::ClockMoved(offset - self.offset));
            self.offset = offset;
        }
        hiccups
    }

    /// Waits for a steady moment; returns early (at most 30 s at a time) so that the caller can look at the clocks.
    pub async fn wait_until(&self, at: Option<Time>) {
        let left = at.map_or(LONGEST_WAIT, |at| at.since(self.now().steady));
        tokio::time::sleep(left.min(LONGEST_WAIT)).await;
    }
}

/// Lets `call` run for at most `span`.
pub async fn within<T>(span: Duration, call: impl Future<Output = T>) -> Result<T, Late> {
    tokio::time::timeout(span, call).await.map_err(|_| Late(span))
}

/// Waits for `span`: for gaps that a protocol asks for (a paste before its submit key), never for luck.
pub async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

/// Waits for `span` in a thread that is no part of the engine (the demo agent, set-up, command-line verbs).
pub fn block(span: Duration) {
    std::thread::sleep(span);
}

/// The wall clock.
pub fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that only goes forward, for measuring spans: milliseconds since some point before the program began.
pub fn monotonic_ms() -> i64 {
    monotonic()
}

/// What is left of a span that began at this point of [`monotonic_ms`]; `None`: it is over.
pub fn left(began: i64, span: Duration) -> Option<Duration> {
    let gone = Duration::from_millis(u64::try_from(monotonic() - began).unwrap_or(0));
    span.checked_sub(gone).filter(|left| !left.is_zero())
}

fn monotonic() -> i64 {
    millis(clock_gettime(ClockId::Monotonic))
}

#[cfg(target_os = "linux")]
fn boottime() -> i64 {
    millis(clock_gettime(ClockId::Boottime))
}

// macOS's CLOCK_MONOTONIC goes on while the machine sleeps, which is what boot time is on Linux.
#[cfg(not(target_os = "linux"))]
fn boottime() -> i64 {
    monotonic()
}

fn millis(time: rustix::time::Timespec) -> i64 {
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_time_never_starts_before_the_last_record() {
        let future = wall() + Duration::from_secs(3600);
        let clock = Clock::anchored(Some(future));
        assert!(clock.now().steady >= future);
        assert!(clock.now().wall < future);
    }

    #[test]
    fn a_quiet_clock_reports_nothing() {
        let mut clock = Clock::anchored(None);
        assert_eq!(clock.check(), Vec::new());
    }
}
