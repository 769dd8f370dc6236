//! The end of a limit, from an agent's words: never further ahead than any limit lasts, the same on both axes of time, and not
//! long past where no date is named.

use chrono_tz::Tz;
use flightdeck::pilot::limit::{reset_time, reset_time_in};
use flightdeck::pilot::time::{Now, Time};

use super::{Target, about, check, outcome};

pub(super) const TARGET: Target = Target { name: "limit", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "resets ",
    "in ",
    "at ",
    "until ",
    "tomorrow ",
    "1h 12m",
    "3 days 4 hours",
    "999999d",
    "5:10pm",
    "12am",
    "17:00",
    "23:59:60",
    "24:00",
    "(Europe/Paris)",
    "(UTC)",
    " America/New_York",
    "(Pacific/Apia)",
    "(Australia/Lord_Howe)",
    "Nov 24, ",
    "Feb 29 ",
    "29 Feb 2028 ",
    "2026-03-29 02:30 ",
    "1795262400",
    "9999999999999",
    "2026-11-21T12:00:00+01:00",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "p.m.",
    "th",
    ",",
    "ſ",
    "K",
];

/// Longest that a limit lasts, and how much a clock's time may have just passed.
const FARTHEST: i64 = 32 * 24 * 3_600_000;
const JUST_PASSED: i64 = 15 * 60_000;

fn seeds() -> Vec<Vec<u8>> {
    let table = include_str!("../../limits.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = table.filter_map(|line| line.rsplit_once(" => ")?.0.split_once(" | "));
    rows.map(|(_, text)| text.as_bytes().to_vec()).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(input);
    // An ordinary day, a leap day, the double hour of Paris, the end of a year, and clocks nobody set.
    let walls = [1_795_262_400_000, 1_835_438_399_000, 1_792_890_000_000, 1_798_761_599_999, 0, i64::MAX, i64::MIN];
    let mut kinds = String::new();
    for wall in walls {
        let now = Now { steady: Time(1_000_000_000), wall: Time(wall) };
        let Some(at) = reset_time(&text, now) else {
            kinds.push('-');
            continue;
        };
        let ahead = at.0.saturating_sub(now.steady.0);
        check(ahead <= FARTHEST, || format!("{at:?} is further ahead than any limit"))?;
        let dated = text.chars().filter(char::is_ascii_digit).count() > 6 || names_a_month(&text);
        check(dated || ahead >= -JUST_PASSED || wall.unsigned_abs() > 1 << 60, || {
            format!("{ahead} ms ago without a date")
        })?;
        kinds.push_str(&format!("{}{} ", ahead >= 0, about(usize::try_from(ahead.unsigned_abs()).unwrap_or(0))));
    }
    let now = Now::at(Time(walls[0]));
    for zone in [Tz::Europe__Paris, Tz::Pacific__Apia, Tz::Australia__Lord_Howe] {
        if let Some(at) = reset_time_in(&text, now, zone) {
            check(at.0 - now.steady.0 <= FARTHEST, || format!("{at:?} is further ahead than any limit"))?;
        }
    }
    Ok(outcome(&kinds.replace(|c: char| c.is_ascii_digit(), "n")) ^ u64::from(about(text.len())))
}

fn names_a_month(text: &str) -> bool {
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.to_ascii_lowercase();
    months.iter().any(|month| text.contains(month))
}
