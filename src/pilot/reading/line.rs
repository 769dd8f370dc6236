//! A line of a screen: trimmed and measured, and asked but once what its backend knows it as. Programs draw most of their lines again
//! and again: what is known of a line on one picture holds for it on the next.

use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};

use unicode_width::UnicodeWidthStr;

use crate::config::model::Backend;
use crate::pilot::message::is_hostile;

/// Characters of a line that are looked at.
const LINE_CAP: usize = 1000;
/// What a line's end may be filled with.
const BLANK: [char; 3] = [' ', '\t', '\n'];
/// A line that stood on the picture before is looked for among so many.
const REACH: usize = 64;

/// A line of a screen: right-trimmed, without control characters, measured once for all who ask.
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) columns: usize,
    pub(super) kind: LineKind,
    answers: Cell<Answers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    Blank,
    /// It only separates.
    Rule,
    Filled,
}

/// Whether a line opens a composer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens {
    No,
    /// It does, and these of its bytes are text.
    Yes(Option<(usize, usize)>),
}

/// What a backend knows a line as, as far as anybody asked.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    chrome: Option<bool>,
    user: Option<bool>,
    opens: Option<Opens>,
    closes: Option<bool>,
    calm: Option<u64>,
}

/// What is known of the lines of a picture, for the next one of the same program.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The backend that was asked, by its name.
    backend: String,
    lines: Vec<KnownLine>,
}

/// A line, without its text.
#[derive(Clone, Copy, Debug)]
struct KnownLine {
    /// So many bytes of it are its text. `None`: it has letters that are not shown.
    end: Option<usize>,
    columns: usize,
    kind: LineKind,
    answers: Answers,
}

/// These lines; what is known of those that stood on the picture before is taken over.
pub(super) fn read<'a>(backend: &Backend, lines: &'a [String], before: Option<(&[String], &Known)>) -> Vec<Line<'a>> {
    let fits = |(old, known): &(&[String], &Known)| known.backend == backend.name && known.lines.len() == old.len();
    let (old, known) = before.filter(fits).map_or((&[][..], &[][..]), |(old, known)| (old, &known.lines[..]));
    let mut from = 0;
    let mut seen = |line: &'a String| -> Option<Line<'a>> {
        // What is empty stands everywhere, and is read in no time.
        if line.is_empty() {
            return None;
        }
        let at = from + old[from..].iter().take(REACH).position(|other| other == line)?;
        from = at + 1;
        Some(Line::again(line, &known[at]))
    };
    lines.iter().map(|line| seen(line).unwrap_or_else(|| Line::of(line))).collect()
}

/// What is known of these lines by now.
pub(super) fn known(backend: &Backend, lines: &[Line<'_>]) -> Known {
    Known { backend: backend.name.clone(), lines: lines.iter().map(Line::known).collect() }
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let text = visible(line);
        let (columns, kind) = match rule_columns(&text) {
            Some(columns) => (columns, LineKind::Rule),
            None if text.trim().is_empty() => (columns(&text), LineKind::Blank),
            None => (columns(&text), LineKind::Filled),
        };
        Line { text, columns, kind, answers: Cell::default() }
    }

    /// The same line on another picture.
    fn again(line: &'a str, known: &KnownLine) -> Self {
        let text = known.end.map_or_else(|| visible(line), |end| Cow::Borrowed(&line[..end]));
        Line { text, columns: known.columns, kind: known.kind, answers: Cell::new(known.answers) }
    }

    fn known(&self) -> KnownLine {
        let end = if let Cow::Borrowed(text) = &self.text { Some(text.len()) } else { None };
        KnownLine { end, columns: self.columns, kind: self.kind, answers: self.answers.get() }
    }

    pub(super) fn is_filled(&self) -> bool {
        self.kind == LineKind::Filled
    }

    /// It says nothing.
    pub(super) fn is_chrome(&self, backend: &Backend) -> bool {
        let is = || backend.chrome.iter().any(|chrome| chrome.is_match(&self.text));
        self.asked(|answers| &mut answers.chrome, is)
    }

    /// It echoes what the user said.
    pub(super) fn is_user(&self, backend: &Backend) -> bool {
        let is = || backend.user_line.as_ref().is_some_and(|user| user.is_match(&self.text));
        self.asked(|answers| &mut answers.user, is)
    }

    /// It closes a composer.
    pub(super) fn closes(&self, backend: &Backend) -> bool {
        let does = || backend.composer.close.as_ref().is_some_and(|close| close.is_match(&self.text));
        self.asked(|answers| &mut answers.closes, does)
    }

    pub(super) fn opens(&self, backend: &Backend) -> Opens {
        self.asked(|answers| &mut answers.opens, || opens(backend, &self.text))
    }

    /// A number that is equal for two lines that differ only in what moves by itself; 0: nothing else is in it.
    pub(super) fn calm(&self, backend: &Backend) -> u64 {
        self.asked(|answers| &mut answers.calm, || calm(backend, &self.text))
    }

    fn asked<T: Copy>(&self, of: impl Fn(&mut Answers) -> &mut Option<T>, ask: impl FnOnce() -> T) -> T {
        let mut answers = self.answers.get();
        if let Some(known) = *of(&mut answers) {
            return known;
        }
        let told = ask();
        *of(&mut answers) = Some(told);
        self.answers.set(answers);
        told
    }
}

fn opens(backend: &Backend, text: &str) -> Opens {
    let open = &backend.composer.open;
    // Most lines don't, and a look alone takes no memory.
    let captures = if open.is_match(text) { open.captures(text) } else { None };
    let part = |captures: regex::Captures<'_>| captures.name("text").map(|text| (text.start(), text.end()));
    captures.map_or(Opens::No, |captures| Opens::Yes(part(captures)))
}

fn calm(backend: &Backend, text: &str) -> u64 {
    let masked = masked(backend, text);
    let left = masked.trim();
    if left.is_empty() {
        return 0;
    }
    // It is never written down, so it may be another number in another version.
    let mut calm = DefaultHasher::new();
    left.hash(&mut calm);
    calm.finish()
}

/// The line without what moves by itself.
fn masked<'a>(backend: &Backend, line: &'a str) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(line);
    for mask in &backend.masks {
        if mask.is_match(&text) {
            text = Cow::Owned(mask.replace_all(&text, "").into_owned());
        }
    }
    text
}

/// A line as it is shown.
pub(super) fn visible(line: &str) -> Cow<'_, str> {
    // Almost every line is as it should be.
    if line.len() <= LINE_CAP && (plain_columns(line).is_some() || !line.chars().any(is_hostile)) {
        return Cow::Borrowed(line.trim_end_matches(BLANK));
    }
    let mut seen: String = line.chars().filter(|c| !is_hostile(*c)).take(LINE_CAP).collect();
    seen.truncate(seen.trim_end_matches(BLANK).len());
    Cow::Owned(seen)
}

/// Columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    plain_columns(text).unwrap_or_else(|| text.width())
}

/// Columns of a text of letters that take one each, whatever stands beside them, and none of which acts; `None`: it has others.
/// Beside ASCII these are the signs that programs draw with.
fn plain_columns(text: &str) -> Option<usize> {
    let (mut rest, mut columns) = (text.as_bytes(), 0);
    while let Some(first) = rest.first() {
        let bytes = match (first, rest) {
            (b' '..=b'~', _) => 1,
            // The blank that does not break, and ·
            (0xc2, [_, 0xa0 | 0xb7, ..]) => 2,
            // – — ‘ ’ “ ” • …
            (0xe2, [_, 0x80, 0x93 | 0x94 | 0x98 | 0x99 | 0x9c | 0x9d | 0xa2 | 0xa6, ..]) => 3,
            // Boxes, blocks, and of the shapes ■ to ▿ and ●
            (0xe2, [_, 0x94..=0x96, _, ..] | [_, 0x97, 0x8f, ..]) => 3,
            // ⎿ ⏺ ⏵; ✓ ✔ ✗ ✘ ✢ ✳ ✶ ✻ ✽; ❯
            (0xe2, [_, 0x8e, 0xbf, ..] | [_, 0x8f, 0xba | 0xb5, ..] | [_, 0x9d, 0xaf, ..]) => 3,
            (0xe2, [_, 0x9c, 0x93 | 0x94 | 0x97 | 0x98 | 0xa2 | 0xb3 | 0xb6 | 0xbb | 0xbd, ..]) => 3,
            _ => return None,
        };
        (rest, columns) = (&rest[bytes..], columns + 1);
    }
    Some(columns)
}

/// How wide a line is that only separates; `None`: it does more. It is drawn of letters of one column and three bytes each.
fn rule_columns(line: &str) -> Option<usize> {
    let drawn = line.trim_start();
    let count = drawn.len() / 3;
    let only = count >= 8 && drawn.len() == 3 * count && drawn.as_bytes().chunks_exact(3).all(is_drawn);
    only.then(|| count + line[..line.len() - drawn.len()].chars().count())
}

/// ─ ━ ═ ╌ ╹ ▀ ▔
fn is_drawn(letter: &[u8]) -> bool {
    matches!(letter, [0xe2, 0x94, 0x80 | 0x81] | [0xe2, 0x95, 0x8c | 0x90 | 0xb9] | [0xe2, 0x96, 0x80 | 0x94])
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar;

    use super::*;

    fn letters() -> impl Iterator<Item = char> {
        (0..=0x10_ffff).filter_map(char::from_u32)
    }

    #[test]
    fn plain_letters_take_one_column_each_and_never_act() {
        let mut all = String::new();
        for letter in letters() {
            let text = letter.to_string();
            let Some(columns) = plain_columns(&text) else { continue };
            assert_eq!((columns, letter.width()), (1, Some(1)), "{letter:?}");
            assert!(!is_hostile(letter), "{letter:?}");
            all.push(letter);
        }
        // Whatever they stand beside.
        let reversed: String = all.chars().rev().collect();
        for text in [&all, &reversed] {
            assert_eq!(plain_columns(text), Some(text.width()));
            assert!(text.chars().count() > 200, "{text}");
        }
        for other in ["\u{25b6}\u{fe0f}", "e\u{301}", "日本", "a\tb", "👍", "\u{200b}"] {
            assert_eq!(plain_columns(other), None, "{other:?}");
        }
    }

    #[test]
    fn no_letter_that_acts_gets_by() {
        for letter in letters().filter(|letter| is_hostile(*letter)) {
            let text = format!("● a{letter}b  ");
            let line = Line::of(&text);
            assert_eq!((&*line.text, line.columns, line.kind), ("● ab", 4, LineKind::Filled), "{letter:?}");
        }
        for letter in letters().filter(|letter| !is_hostile(*letter) && !letter.is_whitespace()) {
            let text = format!("a{letter}b ");
            assert_eq!(&*Line::of(&text).text, text.trim_end_matches(' '), "{letter:?}");
        }
    }

    #[test]
    fn a_separator_is_drawn_from_edge_to_edge_of_signs_of_one_column() {
        let drawn = "─━═╌╹▀▔─";
        for (text, shown, columns) in [
            (drawn.to_string(), drawn.to_string(), 8),
            (format!("  {drawn} \t\n"), format!("  {drawn}"), 10),
            ("─".repeat(LINE_CAP), "─".repeat(LINE_CAP), LINE_CAP),
            (format!("\u{a0}{drawn}"), format!("\u{a0}{drawn}"), 9),
            ("──\u{7}──────".to_string(), "─".repeat(8), 8),
        ] {
            let line = Line::of(&text);
            assert_eq!((&*line.text, line.columns, line.kind), (&*shown, columns, LineKind::Rule), "{text:?}");
        }
        for text in ["───────", "──── 1 ────", "────────x", "x────────", "─── ─────", "────────é", ""]
        {
            assert_ne!(Line::of(text).kind, LineKind::Rule, "{text:?}");
        }
        for text in ["", "  ", " \u{a0} ", "\u{3000}", "\u{7}"] {
            assert_eq!(Line::of(text).kind, LineKind::Blank, "{text:?}");
        }
    }
}
