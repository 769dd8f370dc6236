//! When a usage limit ends, from the words an agent shows for it (fault C6).
//!
//! Understood are spans (`in 1h 12m`, `3 days 4 hours`), seconds or milliseconds since the epoch, RFC 3339, and clock
//! times with or without a date, `am`/`pm`, and a zone by its IANA name or `UTC` (`5:10pm (Europe/Paris)`, `2am`,
//! `Nov 24, 5pm (UTC)`, `17:00`). Anything else is `None`: then a person is asked; a zone that is not known is not
//! guessed. A clock time that comes twice, when clocks are set back, is the later one; one that never comes, when they
//! are set forward, is as much after the jump as it stood behind its beginning.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use regex::{Captures, Regex};

use super::time::{Now, Time};

/// Longer texts are no times.
const TEXT_CAP: usize = 300;
/// No provider's limit lasts longer; a monthly one does.
const FARTHEST: Duration = Duration::from_hours(32 * 24);
/// A clock time this little ago has just passed, it does not mean tomorrow: screens are old, and clocks differ.
const JUST_PASSED: i64 = 15 * 60 * 1000;
/// A date without a year this far back means next year.
const LAST_YEAR: u64 = 180;
/// Minutes of the longest jump forward: a zone once left out a whole day.
const LONGEST_JUMP: i64 = 25 * 60;

static SPAN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:in\s+)?((?:[0-9]{1,6}\s*(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)[\s,]*(?:and\s+)?)+)\.?$",
    )
});
static PART: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)([0-9]{1,6})\s*([dhms])"));
static EPOCH: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:[0-9]{10}|[0-9]{13})$"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?ix)^
        (?:(?P<tomorrow>tomorrow)[\s,]+(?:at\s+)?
         |(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})[\s,]+(?:at\s+)?
         |(?P<month>[a-z]{3,9})\.?\s+(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?(?:,?\s+(?P<year>[0-9]{4}))?[\s,]+(?:at\s+)?
         |(?P<day2>[0-9]{1,2})(?:st|nd|rd|th)?\s+(?P<month2>[a-z]{3,9})\.?(?:,?\s+(?P<year2>[0-9]{4}))?[\s,]+(?:at\s+)?
        )?
        (?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?
        \s*(?P<half>[ap]\.?m\b\.?)?
        (?:\s*\(\s*(?P<zone>[^)]{1,40}?)\s*\)|\s*(?P<bare>UTC|GMT|Z|[a-z]+/[a-z_/+-]+)\b)?
        [\s.]*$",
    )
});

/// The steady time at which a limit ends; times without a zone are UTC.
pub fn reset_time(text: &str, now: Now) -> Option<Time> {
    reset_time_in(text, now, Tz::UTC)
}

/// The same for who knows in which zone the agent's machine writes its times.
pub fn reset_time_in(text: &str, now: Now, local: Tz) -> Option<Time> {
    if text.len() > TEXT_CAP {
        return None;
    }
    let text = without_lead(text);
    let wall = span(text)
        .map(|span| now.wall + span)
        .or_else(|| epoch(text))
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| Time::from_utc(time.to_utc())))
        .or_else(|| clock(text, now.wall, local))?;
    (wall.since(now.wall) <= FARTHEST).then(|| now.steady_of(wall))
}

/// The text after words that only lead up to a time.
fn without_lead(text: &str) -> &str {
    let mut text = text.trim();
    let leads = ["resets", "reset", "again", "at", "until", "on", "·", ":"];
    while let Some(rest) = leads.iter().find_map(|lead| {
        let rest =
            text.get(..lead.len()).filter(|head| head.eq_ignore_ascii_case(lead)).map(|_| &text[lead.len()..])?;
        rest.starts_with(' ').then(|| rest.trim_start())
    }) {
        text = rest;
    }
    text
}

fn span(text: &str) -> Option<Duration> {
    let parts = SPAN.captures(text)?.get(1)?.as_str();
    let seconds = PART.captures_iter(parts).try_fold(0_u64, |sum, part| {
        let count: u64 = part[1].parse().ok()?;
        let unit = match part[2].to_ascii_lowercase().as_str() {
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            _ => 1,
        };
        Some(sum + count * unit)
    })?;
    Some(Duration::from_secs(seconds))
}

fn epoch(text: &str) -> Option<Time> {
    let number: i64 = EPOCH.find(text)?.as_str().parse().ok()?;
    Some(Time(if text.len() == 10 { number * 1000 } else { number }))
}

fn clock(text: &str, wall: Time, local: Tz) -> Option<Time> {
    let found = CLOCK.captures(text)?;
    let zone = match found.name("zone").or_else(|| found.name("bare")) {
        Some(name) => zone(name.as_str())?,
        None => local,
    };
    let time = time_of_day(&found)?;
    let today = wall.utc().with_timezone(&zone).date_naive();
    if let Some(date) = date(&found, today)? {
        return instant(zone, date.and_time(time));
    }
    let at = instant(zone, today.and_time(time))?;
    if at.0 >= wall.0.saturating_sub(JUST_PASSED) {
        return Some(at);
    }
    instant(zone, today.checked_add_days(Days::new(1))?.and_time(time))
}

fn time_of_day(found: &Captures<'_>) -> Option<NaiveTime> {
    let number = |name: &str| found.name(name).map_or(Some(0), |text| text.as_str().parse::<u32>().ok());
    let (hour, minute, second) = (number("hour")?, number("minute")?, number("second")?);
    let hour = match found.name("half").map(|half| half.as_str().starts_with(['p', 'P'])) {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(after_noon) => hour % 12 + if after_noon { 12 } else { 0 },
        // A bare number is no time of day.
        None if found.name("minute").is_none() => return None,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// `Some(None)`: no date is named. `None`: one that no calendar has.
fn date(found: &Captures<'_>, today: NaiveDate) -> Option<Option<NaiveDate>> {
    if found.name("tomorrow").is_some() {
        return Some(Some(today.checked_add_days(Days::new(1))?));
    }
    if let Some(iso) = found.name("iso") {
        return Some(Some(iso.as_str().parse().ok()?));
    }
    let Some(name) = found.name("month").or_else(|| found.name("month2")) else { return Some(None) };
    let month = month(name.as_str())?;
    let day: u32 = found.name("day").or_else(|| found.name("day2"))?.as_str().parse().ok()?;
    if let Some(year) = found.name("year").or_else(|| found.name("year2")) {
        return Some(Some(NaiveDate::from_ymd_opt(year.as_str().parse().ok()?, month, day)?));
    }
    // A date without a year is the one nearest to today that is not long past.
    let oldest = today.checked_sub_days(Days::new(LAST_YEAR))?;
    let years = [today.year() - 1, today.year(), today.year() + 1];
    years.iter().find_map(|year| NaiveDate::from_ymd_opt(*year, month, day).filter(|date| *date >= oldest)).map(Some)
}

fn month(name: &str) -> Option<u32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.to_ascii_lowercase();
    let known = |full: &&str| **full == name || full[..3] == name || (name == "sept" && full.starts_with("sept"));
    (1..).zip(NAMES).find(|(_, full)| known(full)).map(|(number, _)| number)
}

fn zone(name: &str) -> Option<Tz> {
    match name.to_ascii_uppercase().as_str() {
        "UTC" | "GMT" | "Z" => Some(Tz::UTC),
        _ => chrono_tz::TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name)),
    }
}

fn instant(zone: Tz, local: NaiveDateTime) -> Option<Time> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(_, at) => Some(Time::from_utc(at.to_utc())),
        LocalResult::None => (1..=LONGEST_JUMP).find_map(|minutes| {
            let span = chrono::Duration::minutes(minutes);
            let before = zone.from_local_datetime(&local.checked_sub_signed(span)?).latest()?;
            Some(Time::from_utc(before.to_utc() + span))
        }),
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern: the tests use each")
}
