//! Spans of time and rates as people write them: `"180s"`, `"1h30m"`, `"3 in 10m"`; each within a range that is told.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::quoted;

/// Longest text that is tried as a span; the longest sensible one has some 20 characters.
const TEXT_CAP: usize = 64;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// What was found and what was expected.
pub type Refused = (String, String);

/// A span within a range.
pub fn span(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, Refused> {
    let expected = || format!("a duration from {} to {}", shown(*range.start()), shown(*range.end()));
    let no_span =
        || (format!("{} is no duration", quoted(text)), format!("{}, such as \"90s\" or \"1h30m\"", expected()));
    if text.len() > TEXT_CAP {
        return Err(no_span());
    }
    match humantime::parse_duration(text) {
        Ok(span) if range.contains(&span) => Ok(span),
        Ok(_) => Err((format!("{} is out of range", quoted(text)), expected())),
        Err(_) => Err(no_span()),
    }
}

/// How many within what: `"3 in 10m"`.
pub fn rate(
    text: &str,
    counts: &RangeInclusive<u32>,
    spans: &RangeInclusive<Duration>,
) -> Result<(u32, Duration), Refused> {
    let expected = "a count and a duration, such as \"3 in 10m\"".to_string();
    let no_rate = || (format!("{} is no rate", quoted(text)), expected);
    let Some((count, within)) = text.split_once(" in ") else { return Err(no_rate()) };
    let Ok(count) = count.trim().parse::<u32>() else { return Err(no_rate()) };
    if !counts.contains(&count) {
        let expected = format!("{} to {} in a duration", counts.start(), counts.end());
        return Err((format!("the count {count} is out of range"), expected));
    }
    Ok((count, span(within.trim(), spans)?))
}

/// A span as it would be written: `90s` as `1m30s`.
pub fn shown(span: Duration) -> String {
    if span < SECOND && !span.is_zero() {
        return format!("{}ms", span.as_millis());
    }
    let mut left = span.as_secs();
    let mut text = String::new();
    for (unit, seconds) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if left >= seconds {
            text.push_str(&format!("{}{unit}", left / seconds));
            left %= seconds;
        }
    }
    if text.is_empty() { "0s".to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_their_range_and_nonsense_is_refused_with_it() {
        let range = SECOND..=DAY;
        assert_eq!(span("180s", &range), Ok(180 * SECOND));
        assert_eq!(span("1h30m", &range), Ok(90 * MINUTE));
        assert_eq!(span("24h", &range), Ok(DAY));
        let nonsense = ["", "-1s", "1e308s", "5 minutes ago", "10", "NaN", "99999999999999999999s", "m"];
        for text in nonsense {
            let (found, expected) = span(text, &range).expect_err(text);
            assert!(found.contains("no duration"), "{text}: {found}");
            assert!(expected.starts_with("a duration from 1s to 1d"), "{text}: {expected}");
        }
        for text in ["0", "0s", "999ms", "25h", "100years"] {
            let (found, expected) = span(text, &range).expect_err(text);
            assert_eq!((found, expected.as_str()), (format!("{text:?} is out of range"), "a duration from 1s to 1d"));
        }
        assert!(span(&"1s".repeat(500_000), &range).is_err());
    }

    #[test]
    fn rates_have_a_count_and_a_span() {
        let read = |text| rate(text, &(1..=100), &(SECOND..=DAY));
        assert_eq!(read("3 in 10m"), Ok((3, 10 * MINUTE)));
        for text in ["", "3", "3 per 10m", "0 in 10m", "101 in 10m", "-1 in 1s", "3 in never", "3 in 2d"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_shown_as_it_is_written() {
        for (millis, text) in [(0, "0s"), (100, "100ms"), (90_000, "1m30s"), (86_400_000, "1d"), (5_400_000, "1h30m")] {
            assert_eq!(shown(Duration::from_millis(millis)), text);
        }
    }
}
