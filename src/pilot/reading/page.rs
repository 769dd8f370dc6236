//! A screen divided into its parts: turn, composer, footer. Finds places, judges nothing.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use regex::Captures;
use unicode_width::UnicodeWidthStr;

use super::rows::{Rows, Text};
use super::{Composer, wrap};
use crate::config::model::{Backend, Region};
use crate::pilot::fact::Screen;
use crate::pilot::message::is_hostile;

/// Lines of a screen that are looked at, counted from its end: tmux allows far taller ones, people don't have them.
const LINES_CAP: usize = 500;
/// Characters of a line that are looked at.
const LINE_CAP: usize = 1000;
/// Lines in `Region::Tail`: the tallest dialog seen has 13.
const TAIL: usize = 14;
/// Filled lines below a composer; with more, what looked like one is old text above a dialog.
const FOOTER_CAP: usize = 12;
/// Signs that begin a block of a turn: answers, errors, results of tools.
const GUTTER: &str = "●⏺•■✗✘✕✔⎿└";
/// What a line's end may be filled with.
const BLANK: [char; 3] = [' ', '\t', '\n'];
/// Of these an answer's own line may begin with.
const BULLETS: [char; 3] = ['●', '⏺', '•'];

pub(super) struct Page<'a> {
    backend: &'a Backend,
    lines: Vec<Line<'a>>,
    rows: Rows,
    /// The lines with a blank for each grey letter, where colours are known.
    solid: Vec<Cow<'a, str>>,
    composer: Option<Place>,
    /// After the echoed user line, above the composer.
    turn: Range<usize>,
    width: Width,
    title: Line<'a>,
}

/// Where the composer is.
struct Place {
    /// From its first line to the one before its close.
    lines: Range<usize>,
    /// The line at which it was recognised, and what of it is text, as looking for that takes long.
    opened: (usize, Range<usize>),
}

/// A line of a screen: right-trimmed, without control characters, measured once for all who ask.
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) columns: usize,
    kind: LineKind,
    /// Whether the backend knows it as one that says nothing; asked for more than once.
    chrome: OnceCell<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    Blank,
    /// It only separates.
    Rule,
    Filled,
}

/// How wide a program may draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub(super) columns: usize,
    /// It was told or can be seen; otherwise it is the widest line's, which may have ended of itself.
    pub(super) known: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(backend: &'a Backend, screen: &'a Screen) -> Self {
        let skipped = screen.lines.len().saturating_sub(LINES_CAP);
        let lines: Vec<Line<'_>> = screen.lines[skipped..].iter().map(|line| Line::of(line)).collect();
        let solid = screen.solid.iter().skip(skipped).map(|line| visible(line)).collect();
        let width = width(&lines, usize::from(screen.columns));
        let composer = find_composer(backend, &lines);
        let end = composer.as_ref().map_or(lines.len(), |composer| composer.lines.start);
        let turn = answer_start(backend, &lines[..end])..end;
        let rows = Rows::of(&lines, width);
        Page { backend, lines, rows, solid, composer, turn, width, title: Line::of(&screen.title) }
    }

    pub(super) fn above_composer(&self) -> &[Line<'a>] {
        &self.lines[..self.turn.end]
    }

    /// The filled lines of a region; of a turn only its last block when `last_block`.
    pub(super) fn text(&self, region: Region, last_block: bool) -> Text<'_> {
        let rows = match region {
            Region::Title => {
                let whole = if self.title.is_filled() { Cow::Borrowed(&*self.title.text) } else { Cow::Borrowed("") };
                return Text { whole, raw: None };
            }
            Region::LastLine => {
                let all = self.rows.last(usize::MAX);
                return Text { whole: self.rows.last_line(&all, &self.lines, self.width), raw: None };
            }
            Region::Screen => self.rows.last(usize::MAX),
            Region::Tail => self.rows.last(TAIL),
            Region::Turn if last_block => self.rows.within(&self.last_block()),
            Region::Turn => self.rows.within(&self.turn),
            Region::Footer => match &self.composer {
                // Without a close line the composer goes on to the end, and there is no footer.
                Some(composer) => self.rows.within(&(composer.lines.end.saturating_add(1)..self.lines.len())),
                None => 0..0,
            },
        };
        self.rows.text(&rows, &self.lines, self.width)
    }

    pub(super) fn composer_text(&self) -> Option<Composer> {
        let Place { lines, opened } = self.composer.as_ref()?;
        let rule = &self.backend.composer;
        let (mut text, mut solid) = (String::new(), String::new());
        for at in lines.clone() {
            let line = &*self.lines[at].text;
            let part = match opened {
                (known, part) if at == *known => part.clone(),
                _ if at == lines.start || rule.above.is_none() => {
                    rule.open.captures(line).map_or(0..line.len(), |captures| text_of(&captures).unwrap_or(0..0))
                }
                _ => 0..line.len(),
            };
            if at > lines.start {
                text.push('\n');
                solid.push('\n');
            }
            solid.push_str(self.not_grey(at, part.clone()).trim());
            text.push_str(line[part].trim());
        }
        let (text, solid) = (text.trim().to_string(), solid.trim().to_string());
        let hint = rule.placeholder.iter().any(|hint| hint.is_match(&text));
        let other_mode = |mode: &regex::Regex| mode.is_match(&joined(&self.lines[lines.start..]));
        let collapsed = rule.collapsed.as_ref().is_some_and(|collapsed| collapsed.is_match(&text));
        Some(Composer {
            collapsed,
            other_mode: rule.other_mode.as_ref().is_some_and(other_mode),
            text: match (hint, collapsed) {
                (true, _) => String::new(),
                // A stand-in may be grey, and is somebody's text all the same.
                (false, true) => text,
                (false, false) => solid,
            },
        })
    }

    /// A part of a line without what is grey in it; all of it where no colours are known.
    fn not_grey(&self, at: usize, part: Range<usize>) -> Cow<'_, str> {
        let line = &*self.lines[at].text;
        let Some(solid) = self.solid.get(at) else { return Cow::Borrowed(&line[part]) };
        // Both have the same letters at the same places, each of its own number of bytes.
        let before = line[..part.start].chars().count();
        solid.chars().skip(before).take(line[part].chars().count()).collect()
    }

    /// The last line of the answer, put together where it was wrapped, without its bullet.
    pub(super) fn final_line(&self) -> Option<String> {
        // From the end up, as far as it may be wrapped.
        let mut answer: Vec<&Line<'_>> = Vec::new();
        for line in self.lines[self.turn.clone()].iter().rev().filter(|line| !self.is_chrome(line)) {
            if answer.last().is_some_and(|below| !wrap::continues(line, &below.text, self.width)) {
                break;
            }
            answer.push(line);
        }
        answer.reverse();
        let line = wrap::joined(&answer, self.width).pop()?;
        let line = line.trim();
        Some(line.strip_prefix(BULLETS).map_or(line, str::trim_start).to_string()).filter(|line| !line.is_empty())
    }

    pub(super) fn last_line_of_sense(&self) -> &str {
        let sense = |lines: &[Line<'_>]| lines.iter().rposition(|line| !self.is_chrome(line) && !is_aside(&line.text));
        let last = sense(self.above_composer()).or_else(|| sense(&self.lines));
        last.map_or("", |at| &*self.lines[at].text)
    }

    /// The user's last echoed words: the line that matched and the indented ones below it.
    pub(super) fn last_echo(&self) -> Option<String> {
        let user = self.backend.user_line.as_ref()?;
        let lines = self.above_composer();
        let at = lines.iter().rposition(|line| user.is_match(&line.text))?;
        let first = lines[at].text.trim_start_matches(|c: char| !c.is_alphanumeric() && !c.is_whitespace());
        let more = lines[at + 1..].iter().map(|line| &*line.text).take_while(|line| line.starts_with("  "));
        Some(more.fold(first.to_string(), |echo, line| echo + line))
    }

    fn is_chrome(&self, line: &Line<'_>) -> bool {
        !line.is_filled() || line.is_chrome(self.backend)
    }

    fn last_block(&self) -> Range<usize> {
        let begins = |line: &Line<'_>| is_gutter(&line.text) && !self.is_chrome(line);
        let start = self.turn.clone().rfind(|at| begins(&self.lines[*at])).unwrap_or(self.turn.start);
        start..self.turn.end
    }
}

/// The line without what moves by itself.
pub(super) fn masked<'a>(backend: &Backend, line: &'a str) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(line);
    for mask in &backend.masks {
        if mask.is_match(&text) {
            text = Cow::Owned(mask.replace_all(&text, "").into_owned());
        }
    }
    text
}

/// Separators go from edge to edge, as long as nothing is wider than they are; else it is the pane's own width. Where nobody told
/// that, the widest line is the best guess.
fn width(lines: &[Line<'_>], pane: usize) -> Width {
    let rule = lines.iter().filter(|line| line.kind == LineKind::Rule).map(|line| line.columns).max();
    let line = lines.iter().map(|line| line.columns).max().unwrap_or(0);
    match rule {
        Some(columns) if pane == 0 || columns >= line => Width { columns, known: true },
        _ if pane > 0 => Width { columns: pane, known: true },
        _ => Width { columns: line, known: false },
    }
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        let text = visible(line);
        let (columns, kind) = match rule_columns(&text) {
            Some(columns) => (columns, LineKind::Rule),
            None if text.trim().is_empty() => (columns(&text), LineKind::Blank),
            None => (columns(&text), LineKind::Filled),
        };
        Line { text, columns, kind, chrome: OnceCell::new() }
    }

    pub(super) fn is_filled(&self) -> bool {
        self.kind == LineKind::Filled
    }

    fn is_chrome(&self, backend: &Backend) -> bool {
        *self.chrome.get_or_init(|| backend.chrome.iter().any(|chrome| chrome.is_match(&self.text)))
    }
}

fn visible(line: &str) -> Cow<'_, str> {
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

fn joined(lines: &[Line<'_>]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    lines.join("\n")
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

/// A line that says only that there is more, or which key shows it: `… +67 lines (ctrl+o to expand)`, `(ctrl+b to run in
/// background)`. It belongs to an answer, and tells nothing of it.
fn is_aside(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['⎿', '└', '│']).trim_start();
    let folded = line.strip_prefix("… +").is_some_and(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.strip_prefix(" line")
            .is_some_and(|rest| matches!(rest.trim_start_matches('s').chars().next(), None | Some(' ')))
    });
    let key = line.strip_prefix("(ctrl").map(str::trim_start).filter(|rest| rest.ends_with(')'));
    folded || key.is_some_and(|rest| rest.starts_with(['+', '-']))
}

/// Signs stand at the margin, results below them; deeper inside a line they are part of an answer or of an echo.
fn is_gutter(line: &str) -> bool {
    let result = line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(['⎿', '└']));
    result || line.starts_with(is_sign)
}

/// A sign at which a block of a turn begins.
pub(super) fn is_sign(c: char) -> bool {
    GUTTER.contains(c)
}

/// Where the answer begins: below the last echoed user line and what belongs to that echo. An echo goes on indented up
/// to a gutter sign, a chrome line or a line at the margin.
fn answer_start(backend: &Backend, lines: &[Line<'_>]) -> usize {
    let user = |line: &Line<'_>| backend.user_line.as_ref().is_some_and(|user| user.is_match(&line.text));
    let Some(at) = lines.iter().rposition(user) else { return 0 };
    let ends = |line: &Line<'_>| {
        let margin = !line.text.is_empty() && !line.text.starts_with([' ', '\t']);
        margin || is_gutter(&line.text) || line.is_chrome(backend)
    };
    lines[at + 1..].iter().position(ends).map_or(lines.len(), |more| at + 1 + more)
}

fn find_composer(backend: &Backend, lines: &[Line<'_>]) -> Option<Place> {
    (0..lines.len()).rev().find_map(|at| composer_at(backend, lines, at))
}

fn composer_at(backend: &Backend, lines: &[Line<'_>], at: usize) -> Option<Place> {
    let rule = &backend.composer;
    let closes = |line: &Line<'_>| rule.close.as_ref().is_some_and(|close| close.is_match(&line.text));
    let text = &*lines[at].text;
    // Most lines don't, and a look alone takes no memory.
    if !rule.open.is_match(text) || closes(&lines[at]) {
        return None;
    }
    let part = text_of(&rule.open.captures(text)?);
    // A box scrolled past its first line shows none of what `above` asks for: `open` matches without its text then.
    if let Some(above) = rule.above.as_ref().filter(|_| part.is_some())
        && !at.checked_sub(1).is_some_and(|up| above.is_match(&lines[up].text))
    {
        return None;
    }
    let end = match rule.close {
        Some(_) => at + 1 + lines[at + 1..].iter().position(closes)?,
        None => lines.iter().rposition(|line| line.kind != LineKind::Blank).map_or(at, |last| last.max(at)) + 1,
    };
    if rule.close.is_some() && lines[end + 1..].iter().filter(|line| line.is_filled()).count() > FOOTER_CAP {
        return None;
    }
    // A box without a line above it is every line that begins like it.
    let own = |line: &Line<'_>| rule.above.is_none() && rule.open.is_match(&line.text) && !closes(line);
    let more = lines[..at].iter().rev().take_while(|line| own(line)).count();
    Some(Place { lines: at - more..end, opened: (at, part.unwrap_or(0..0)) })
}

/// What of a line that opens a composer is text.
fn text_of(opened: &Captures<'_>) -> Option<Range<usize>> {
    opened.name("text").map(|text| text.range())
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
