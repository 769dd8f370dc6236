//! Points in time as the pilot sees them.
//!
//! The pilot has two axes. *Steady* time never jumps: the engine anchors it to the wall clock when it starts and then
//! advances it by the boot-time clock. Every deadline and every record is on it. *Wall* time is what a clock on the wall
//! says; it is needed only to read times that others wrote (a marker, "resets 5pm") and is converted at once.
//! Nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds since the Unix epoch, UTC. Written as RFC 3339 with milliseconds (`2026-11-21T01:38:48.123Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub i64);

/// What the engine's clock said when it took an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The axis that never jumps; all deadlines are on it.
    pub steady: Time,
    /// What the machine's clock says; for reading times that others wrote.
    pub wall: Time,
}

impl Now {
    /// Both axes at the same point, as they are until somebody sets the machine's clock.
    pub fn at(time: Time) -> Self {
        Now { steady: time, wall: time }
    }

    /// The steady time of a moment that somebody wrote down in wall time.
    pub fn steady_of(&self, wall: Time) -> Time {
        Time(wall.0.saturating_sub(self.wall.0).saturating_add(self.steady.0))
    }

    /// The wall time of a steady moment, for showing it to people.
    pub fn wall_of(&self, steady: Time) -> Time {
        Time(steady.0.saturating_sub(self.steady.0).saturating_add(self.wall.0))
    }
}

impl Time {
    /// Time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The beginning of its day, UTC.
    pub fn midnight(self) -> Time {
        Time(self.0.saturating_sub(self.0.rem_euclid(DAY_MS)))
    }

    /// The beginning of the next day, UTC.
    pub fn next_midnight(self) -> Time {
        Time(self.midnight().0.saturating_add(DAY_MS))
    }

    /// The calendar form; the epoch for values that no calendar has.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// From the calendar form.
    pub fn from_utc(time: DateTime<Utc>) -> Self {
        Time(time.timestamp_millis())
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(Time::from_utc(time.to_utc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_set_back_a_day_moves_no_deadline() {
        let before = Now::at(Time(1_000_000));
        let after = Now { steady: Time(1_001_000), wall: Time(1_001_000 - 86_400_000) };
        let written = Time(after.wall.0 + 60_000);
        assert_eq!(after.steady_of(written), before.steady + Duration::from_secs(61));
        assert_eq!(after.wall_of(after.steady_of(written)), written);
    }

    #[test]
    fn a_time_survives_its_text() {
        let time = Time(1_795_225_128_123);
        let text = serde_json::to_string(&time).expect("a time is text");
        assert_eq!(serde_json::from_str::<Time>(&text).expect("its own text"), time);
    }
}
