//! The marker: an agent's last words before it waits, `WAITING-UNTIL: <RFC 3339 with zone>`, alone on the final line of
//! its last answer (fault C2).
//!
//! Strict, since a time that was guessed wrong ends a healthy agent: whatever is not exactly a marker is either no marker
//! or a flawed one, which counts as none and is told by its flaw. Tolerated around it are what agents' programs and their
//! markdown put there: an answer's bullet, blanks, and one pair of back-ticks or of `**`. Judges no time: one far ahead
//! or long past is read as it stands.

use chrono::DateTime;

use super::message::is_hostile;
use super::time::Time;

const WORD: &str = "WAITING-UNTIL";

/// What a final line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marker {
    /// An ordinary line.
    None,
    /// Waits until then, in wall time.
    At(Time),
    /// Meant as a marker, and not one: why.
    Flawed(&'static str),
}

/// Reads one line.
pub fn parse(line: &str) -> Marker {
    let line = bare(line);
    let Some((word, rest)) = split_word(line) else { return Marker::None };
    let Some(rest) = rest.strip_prefix(':') else {
        // Prose may begin with the words; in capitals and with its hyphen it was meant.
        let meant = word == WORD && (rest.is_empty() || rest.starts_with(' '));
        return if meant { Marker::Flawed("no colon after the word") } else { Marker::None };
    };
    if word != WORD {
        return Marker::Flawed("the word is not written WAITING-UNTIL");
    }
    if rest.contains(WORD) {
        return Marker::Flawed("two markers on one line");
    }
    if rest.chars().any(is_hostile) {
        return Marker::Flawed("a control character");
    }
    match rest.trim_matches(' ') {
        "" => Marker::Flawed("no time"),
        text => time(text),
    }
}

fn bare(line: &str) -> &str {
    let line = line.trim_matches([' ', '\t', '\u{a0}', '\r', '\n']);
    let line = line.strip_prefix(['●', '⏺', '•']).unwrap_or(line).trim_start_matches([' ', '\u{a0}']);
    let pairs = ["**", "`"];
    let inside = pairs.iter().find_map(|pair| line.strip_prefix(pair)?.strip_suffix(pair));
    inside.unwrap_or(line)
}

/// The word in any spelling, and what follows it.
fn split_word(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_at_checked(WORD.len())?;
    let mut spelled = word.chars().map(|c| if matches!(c, '_' | ' ') { '-' } else { c.to_ascii_uppercase() });
    WORD.chars().all(|c| spelled.next() == Some(c)).then_some((word, rest))
}

fn time(text: &str) -> Marker {
    let Some((_, clock)) = text.split_at_checked(10).filter(|(date, _)| shaped(date, "0000-00-00")) else {
        return Marker::Flawed("not a time");
    };
    let Some(clock) = clock.strip_prefix(['T', 't']) else {
        return Marker::Flawed("no T between date and time");
    };
    let Some((_, rest)) = clock.split_at_checked(8).filter(|(clock, _)| shaped(clock, "00:00:00")) else {
        return Marker::Flawed("not a time of hours, minutes and seconds");
    };
    let zone = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    // "-00:00" says that the zone is not known (RFC 3339, 4.3).
    if zone.is_empty() || zone.starts_with("-00:00") || !zone.starts_with(['Z', 'z', '+', '-']) {
        return Marker::Flawed("no time zone");
    }
    let offset = zone.get(..6).is_some_and(|offset| shaped(&offset.replace('-', "+"), "+00:00"));
    let length = if zone.starts_with(['Z', 'z']) { 1 } else { 6 };
    if length == 6 && !offset {
        return Marker::Flawed("not a time zone");
    }
    if zone.len() > length {
        return Marker::Flawed("text after the time");
    }
    DateTime::parse_from_rfc3339(text)
        .map_or(Marker::Flawed("no such time in the calendar"), |time| Marker::At(Time::from_utc(time.to_utc())))
}

/// Whether each `0` of the shape, which is as long as the text, stands for a digit and everything else for itself.
fn shaped(text: &str, shape: &str) -> bool {
    text.bytes().zip(shape.bytes()).all(|(have, want)| if want == b'0' { have.is_ascii_digit() } else { have == want })
}
