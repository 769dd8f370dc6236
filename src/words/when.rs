//! Times and spans as people read them: short, UTC, two units at most.

use std::time::Duration;

use crate::pilot::time::Time;

/// `4m12s`, `3h05m`, `2d4h`: the two largest units, nothing below a second.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        (_, _, _) => format!("{days}d{hours}h"),
    }
}

/// One unit only: `4m`, for columns and phone messages.
pub fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m", seconds / 60),
        3600..=86_399 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// In how long a moment is, seen from `now`: `in 5s`, `now`.
pub fn until(at: Time, now: Time) -> String {
    let left = at.since(now);
    if left < Duration::from_secs(1) { "now".to_string() } else { format!("in {}", span(left)) }
}

/// `2026-11-21 01:38:48`
pub fn stamp(time: Time) -> String {
    time.utc().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `01:38:48`
pub fn clock(time: Time) -> String {
    time.utc().format("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_two_units_and_in_one() {
        let table = [
            (0, "0s", "0s"),
            (59, "59s", "59s"),
            (252, "4m12s", "4m"),
            (3900, "1h05m", "1h"),
            (86_399, "23h59m", "23h"),
            (187_200, "2d4h", "2d"),
        ];
        for (seconds, long, brief) in table {
            let given = Duration::from_secs(seconds);
            assert_eq!((span(given).as_str(), short(given).as_str()), (long, brief));
        }
    }

    #[test]
    fn a_moment_that_has_passed_is_now() {
        assert_eq!(until(Time(5_000), Time(9_000)), "now");
        assert_eq!(until(Time(69_000), Time(9_000)), "in 1m00s");
    }
}
