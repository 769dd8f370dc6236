//! A screen divided into its parts: turn, composer, footer. Finds places, judges nothing.

use std::borrow::Cow;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

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
/// Of these an answer's own line may begin with.
const BULLETS: [char; 3] = ['●', '⏺', '•'];

pub(super) struct Page<'a> {
    backend: &'a Backend,
    lines: Vec<Line<'a>>,
    /// The same with a blank for each grey letter, where colours are known.
    solid: Vec<Cow<'a, str>>,
    /// Lines of the composer, from its first to the one before its close.
    composer: Option<Range<usize>>,
    /// After the echoed user line, above the composer.
    turn: Range<usize>,
    width: Width,
    title: Line<'a>,
}

/// A line of a screen: right-trimmed, without control characters, measured once for all who ask.
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) columns: usize,
    kind: LineKind,
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
        let end = composer.as_ref().map_or(lines.len(), |composer| composer.start);
        let turn = answer_start(backend, &lines[..end])..end;
        Page { backend, lines, solid, composer, turn, width, title: Line::of(&screen.title) }
    }

    pub(super) fn width(&self) -> Width {
        self.width
    }

    pub(super) fn above_composer(&self) -> &[Line<'a>] {
        &self.lines[..self.turn.end]
    }

    /// The filled lines of a region; of a turn only its last block when `last_block`.
    pub(super) fn region(&self, region: Region, last_block: bool) -> Vec<&Line<'a>> {
        match region {
            // Which line is the last is known when wrapped ones are put together.
            Region::Screen | Region::LastLine => filled(&self.lines),
            Region::Tail => {
                let lines = filled(&self.lines);
                let above = lines.len().saturating_sub(TAIL);
                lines[above..].to_vec()
            }
            Region::Turn if last_block => filled(&self.lines[self.last_block()]),
            Region::Turn => filled(&self.lines[self.turn.clone()]),
            Region::Footer => self.composer.as_ref().map_or(Vec::new(), |composer| {
                // Without a close line the composer goes on to the end, and there is no footer.
                let below = composer.end.saturating_add(1).min(self.lines.len());
                filled(&self.lines[below..])
            }),
            Region::Title => filled(std::slice::from_ref(&self.title)),
        }
    }

    pub(super) fn composer_text(&self) -> Option<Composer> {
        let range = self.composer.clone()?;
        let rule = &self.backend.composer;
        let (mut text, mut solid) = (Vec::new(), Vec::new());
        for (at, line) in self.lines[range.clone()].iter().map(|line| &*line.text).enumerate() {
            let opened = if at == 0 || rule.above.is_none() { rule.open.captures(line) } else { None };
            let part = match opened {
                Some(captures) => captures.name("text").map_or(0..0, |text| text.range()),
                None => 0..line.len(),
            };
            solid.push(self.not_grey(range.start + at, part.clone()).trim().to_string());
            text.push(line[part].trim().to_string());
        }
        let (text, solid) = (text.join("\n").trim().to_string(), solid.join("\n").trim().to_string());
        let hint = rule.placeholder.iter().any(|hint| hint.is_match(&text));
        let other_mode =
            |mode: &regex::Regex| mode.is_match(&joined(&self.lines[range.start..].iter().collect::<Vec<_>>()));
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
    fn not_grey(&self, at: usize, part: Range<usize>) -> String {
        let line = &*self.lines[at].text;
        let Some(solid) = self.solid.get(at) else { return line[part].to_string() };
        // Both have the same letters at the same places, each of its own number of bytes.
        let before = line[..part.start].chars().count();
        solid.chars().skip(before).take(line[part].chars().count()).collect()
    }

    /// The last line of the answer, put together where it was wrapped, without its bullet.
    pub(super) fn final_line(&self) -> Option<String> {
        let answer: Vec<&Line<'_>> =
            self.lines[self.turn.clone()].iter().filter(|line| !self.is_chrome(line)).collect();
        let line = wrap::joined(&answer, self.width).into_iter().rfind(|line| !line.trim().is_empty())?;
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
        line.kind != LineKind::Filled || self.backend.chrome.iter().any(|chrome| chrome.is_match(&line.text))
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
        if line.len() <= LINE_CAP && is_plain(line) {
            // Most lines.
            let text = line.trim_end_matches(' ');
            let kind = if text.is_empty() { LineKind::Blank } else { LineKind::Filled };
            return Line { text: Cow::Borrowed(text), columns: text.len(), kind };
        }
        let text = visible(line);
        if let Some(columns) = rule_columns(&text) {
            return Line { text, columns, kind: LineKind::Rule };
        }
        let kind = if text.trim().is_empty() { LineKind::Blank } else { LineKind::Filled };
        let columns = columns(&text);
        Line { text, columns, kind }
    }
}

fn visible(line: &str) -> Cow<'_, str> {
    let blank = [' ', '\t', '\n'];
    // Almost every line is as it should be, and what separates is long.
    if line.len() <= LINE_CAP && !line.chars().any(|c| !is_drawn(c) && is_hostile(c)) {
        return Cow::Borrowed(line.trim_end_matches(blank));
    }
    let mut seen: String = line.chars().filter(|c| !is_hostile(*c)).take(LINE_CAP).collect();
    seen.truncate(seen.trim_end_matches(blank).len());
    Cow::Owned(seen)
}

/// Columns that a line takes.
pub(super) fn columns(line: &str) -> usize {
    if is_plain(line) { line.len() } else { line.width() }
}

/// Letters of one byte and one column each, none of which acts.
fn is_plain(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn filled<'l, 'a>(lines: &'l [Line<'a>]) -> Vec<&'l Line<'a>> {
    lines.iter().filter(|line| line.kind == LineKind::Filled).collect()
}

pub(super) fn joined(lines: &[&Line<'_>]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    lines.join("\n")
}

/// How wide a line is that only separates; `None`: it does more. It is drawn of letters of one column.
fn rule_columns(line: &str) -> Option<usize> {
    let drawn = line.trim_start();
    if !drawn.starts_with(is_drawn) || !drawn.chars().all(is_drawn) {
        return None;
    }
    // Each of them is as long as any other.
    let count = drawn.len() / '─'.len_utf8();
    (count >= 8).then(|| count + line[..line.len() - drawn.len()].chars().count())
}

fn is_drawn(c: char) -> bool {
    matches!(c, '─' | '▔' | '╌' | '═' | '━' | '▀' | '╹')
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
        margin || is_gutter(&line.text) || backend.chrome.iter().any(|chrome| chrome.is_match(&line.text))
    };
    lines[at + 1..].iter().position(ends).map_or(lines.len(), |more| at + 1 + more)
}

fn find_composer(backend: &Backend, lines: &[Line<'_>]) -> Option<Range<usize>> {
    (0..lines.len()).rev().find_map(|at| composer_at(backend, lines, at))
}

fn composer_at(backend: &Backend, lines: &[Line<'_>], at: usize) -> Option<Range<usize>> {
    let rule = &backend.composer;
    let closes = |line: &Line<'_>| rule.close.as_ref().is_some_and(|close| close.is_match(&line.text));
    let text = &*lines[at].text;
    // Most lines don't, and a look alone takes no memory.
    if !rule.open.is_match(text) || closes(&lines[at]) {
        return None;
    }
    let captures = rule.open.captures(text)?;
    // A box scrolled past its first line shows none of what `above` asks for: `open` matches without its text then.
    if let Some(above) = rule.above.as_ref().filter(|_| captures.name("text").is_some())
        && !at.checked_sub(1).is_some_and(|up| above.is_match(&lines[up].text))
    {
        return None;
    }
    let end = match rule.close {
        Some(_) => at + 1 + lines[at + 1..].iter().position(closes)?,
        None => lines.iter().rposition(|line| line.kind != LineKind::Blank).map_or(at, |last| last.max(at)) + 1,
    };
    if rule.close.is_some() && filled(&lines[end + 1..]).len() > FOOTER_CAP {
        return None;
    }
    // A box without a line above it is every line that begins like it.
    let own = |line: &Line<'_>| rule.above.is_none() && rule.open.is_match(&line.text) && !closes(line);
    let more = lines[..at].iter().rev().take_while(|line| own(line)).count();
    Some(at - more..end)
}
