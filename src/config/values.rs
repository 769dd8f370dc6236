//! Reading single TOML values: a word of a list, a number or a duration in a range, a text by its grammar. Each says
//! what it found and what it expected; places and keys are added by those who know them.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::duration;
use super::nearest::nearest;
use super::problem::{Problem, quoted};
use super::text::Text;

/// Longest list in a configuration; the longest sensible ones (phases) have some dozens of elements.
const LIST_CAP: usize = 500;

/// Why a value was refused.
#[derive(Debug)]
pub struct Wrong {
    /// The element that is wrong, when it is not the whole value.
    pub span: Option<Range<usize>>,
    pub found: String,
    pub expected: String,
    pub nearest: Option<String>,
    /// What else is wrong in the same value.
    pub also: Vec<Wrong>,
}

type Value<'s> = Spanned<DeValue<'s>>;

impl Wrong {
    pub fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Wrong { span: None, found: found.into(), expected: expected.into(), nearest: None, also: Vec::new() }
    }

    /// The problems it makes at a key.
    pub fn at(self, text: &Text, key: &str, whole: Range<usize>) -> Vec<Problem> {
        let span = self.span.unwrap_or_else(|| whole.clone());
        let problem = Problem::at(text, span, key, self.found).expected(self.expected);
        let mut problems = vec![problem.nearest(self.nearest.as_deref())];
        problems.extend(self.also.into_iter().flat_map(|wrong| wrong.at(text, key, whole.clone())));
        problems
    }

    fn kind(value: &Value<'_>, expected: impl Into<String>) -> Self {
        Wrong::new(format!("found {}", kind(value.get_ref())), expected)
    }
}

/// The kind of a value with its article.
pub fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Any string.
pub fn string(value: &Value<'_>) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err(Wrong::kind(value, "a string")),
    }
}

/// A string that `check` takes; else `expected` is told.
pub fn checked<T>(expected: &str, check: impl Fn(&str) -> Option<T>) -> impl Fn(&Value<'_>) -> Result<T, Wrong> {
    move |value| {
        let text = string(value).map_err(|wrong| Wrong { expected: expected.to_string(), ..wrong })?;
        check(&text).ok_or_else(|| Wrong::new(format!("found {}", quoted(&text)), expected))
    }
}

/// A string that `check` refuses with a reason of its own.
pub fn judged<T>(check: impl Fn(&str) -> Result<T, Wrong>) -> impl Fn(&Value<'_>) -> Result<T, Wrong> {
    move |value| check(&string(value)?)
}

/// `true` or `false`.
pub fn flag(value: &Value<'_>) -> Result<bool, Wrong> {
    match value.get_ref() {
        DeValue::Boolean(flag) => Ok(*flag),
        DeValue::String(text) if matches!(text.as_ref(), "true" | "false") => {
            Err(Wrong::new(format!("found the string {text:?}"), format!("{text} without quotes")))
        }
        _ => Err(Wrong::kind(value, "true or false")),
    }
}

/// One of some words.
pub fn word<T: Copy>(what: &'static str, words: &[(&'static str, T)]) -> impl Fn(&Value<'_>) -> Result<T, Wrong> {
    let words = words.to_vec();
    move |value| {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let text =
            string(value).map_err(|wrong| Wrong { expected: format!("a string, {}", one_of(&names)), ..wrong })?;
        let found = words.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| unknown(what, &text, &names))
    }
}

/// A name that is none of the known ones.
pub fn unknown(what: &str, text: &str, known: &[&str]) -> Wrong {
    let near = nearest(text, known.iter().copied()).map(str::to_string);
    Wrong { nearest: near, ..Wrong::new(format!("unknown {what} {}", quoted(text)), one_of(known)) }
}

/// The known names as they are told; more than a screenful helps nobody.
pub fn one_of(known: &[&str]) -> String {
    match known {
        [] => "none: there is none".to_string(),
        [only] => (*only).to_string(),
        _ if known.len() > 30 => format!("one of {}, … ({} in all)", known[..30].join(", "), known.len()),
        _ => format!("one of {}", known.join(", ")),
    }
}

/// A whole number within a range.
pub fn whole(range: RangeInclusive<u32>) -> impl Fn(&Value<'_>) -> Result<u32, Wrong> {
    move |value| {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let DeValue::Integer(number) = value.get_ref() else { return Err(Wrong::kind(value, expected)) };
        let read = u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number));
        read.ok_or_else(|| Wrong::new(format!("{} is out of range", shortened(number.as_str())), expected))
    }
}

/// A duration within a range.
pub fn span(range: RangeInclusive<Duration>) -> impl Fn(&Value<'_>) -> Result<Duration, Wrong> {
    move |value| match value.get_ref() {
        DeValue::String(text) => duration::span(text, &range).map_err(|(found, expected)| Wrong::new(found, expected)),
        other => {
            let (from, to) = (duration::shown(*range.start()), duration::shown(*range.end()));
            let wrong = Wrong::kind(value, format!("a duration from {from} to {to}, such as \"90s\""));
            // A bare number is nearly always seconds.
            let meant = other.as_integer().map(|number| format!("{}s", number.as_str()));
            Err(Wrong { nearest: meant.filter(|text| duration::span(text, &range).is_ok()), ..wrong })
        }
    }
}

/// How many within what, as `"3 in 10m"`.
pub fn rate(
    counts: RangeInclusive<u32>,
    spans: RangeInclusive<Duration>,
) -> impl Fn(&Value<'_>) -> Result<(u32, Duration), Wrong> {
    move |value| match value.get_ref() {
        DeValue::String(text) => {
            duration::rate(text, &counts, &spans).map_err(|(found, expected)| Wrong::new(found, expected))
        }
        _ => Err(Wrong::kind(value, "a count and a duration, such as \"3 in 10m\"")),
    }
}

/// A list; all elements that are wrong are told.
pub fn list<T>(
    expected: &str,
    each: impl Fn(&Value<'_>) -> Result<T, Wrong>,
) -> impl Fn(&Value<'_>) -> Result<Vec<Spanned<T>>, Wrong> {
    move |value| {
        let DeValue::Array(array) = value.get_ref() else { return Err(Wrong::kind(value, expected)) };
        if array.len() > LIST_CAP {
            return Err(Wrong::new(format!("{} elements", array.len()), format!("at most {LIST_CAP}")));
        }
        let mut read = Vec::new();
        let mut wrongs = Vec::new();
        for element in array {
            match each(element) {
                Ok(value) => read.push(Spanned::new(element.span(), value)),
                Err(wrong) => wrongs.push(Wrong { span: wrong.span.or(Some(element.span())), ..wrong }),
            }
        }
        match wrongs.pop() {
            None => Ok(read),
            Some(last) => Err(Wrong { also: wrongs, ..last }),
        }
    }
}

fn shortened(digits: &str) -> String {
    let short: String = digits.chars().take(24).collect();
    if short.len() < digits.len() { format!("{short}…") } else { short }
}
