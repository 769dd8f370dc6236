//! A screen divided into its parts: turn, composer, footer. Finds places, judges nothing.

use std::borrow::Cow;
use std::ops::Range;

use super::line::{self, Known, Line, LineKind, Opens};
use super::rows::{Rows, Text};
use super::{Composer, wrap};
use crate::config::model::{Backend, Region};
use crate::pilot::fact::Screen;

/// Lines of a screen that are looked at, counted from its end: tmux allows far taller ones, people don't have them.
const LINES_CAP: usize = 500;
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
    rows: Rows,
    /// The lines with a blank for each grey letter, where colours are known.
    solid: Vec<Cow<'a, str>>,
    /// From its first line to the one before its close.
    composer: Option<Range<usize>>,
    /// After the echoed user line, above the composer.
    turn: Range<usize>,
    width: Width,
    title: Line<'a>,
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
        Page::after(backend, screen, None)
    }

    /// The same where it is known what stood on the picture before.
    pub(super) fn after(backend: &'a Backend, screen: &'a Screen, before: Option<(&Screen, &Known)>) -> Self {
        let before = before.map(|(screen, known)| (last_lines(&screen.lines), known));
        let lines = line::read(backend, last_lines(&screen.lines), before);
        let skipped = screen.lines.len().saturating_sub(LINES_CAP);
        let solid = screen.solid.iter().skip(skipped).map(|line| line::visible(line)).collect();
        let width = width(&lines, usize::from(screen.columns));
        let composer = find_composer(backend, &lines);
        let end = composer.as_ref().map_or(lines.len(), |composer| composer.start);
        let turn = answer_start(backend, &lines[..end])..end;
        let rows = Rows::of(&lines, width);
        Page { backend, lines, rows, solid, composer, turn, width, title: Line::of(&screen.title) }
    }

    /// What is known of its lines, for the next picture.
    pub(super) fn known(&self) -> Known {
        line::known(self.backend, &self.lines)
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
                Some(composer) => self.rows.within(&(composer.end.saturating_add(1)..self.lines.len())),
                None => 0..0,
            },
        };
        self.rows.text(&rows, &self.lines, self.width)
    }

    pub(super) fn composer_text(&self) -> Option<Composer> {
        let lines = self.composer.as_ref()?;
        let rule = &self.backend.composer;
        let (mut text, mut solid) = (String::new(), String::new());
        for at in lines.clone() {
            let line = &*self.lines[at].text;
            let part = match self.lines[at].opens(self.backend) {
                Opens::Yes(text) if at == lines.start || rule.above.is_none() => {
                    text.map_or(0..0, |(from, to)| from..to)
                }
                Opens::Yes(_) | Opens::No => 0..line.len(),
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
        let lines = self.above_composer();
        let at = lines.iter().rposition(|line| line.is_user(self.backend))?;
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

fn joined(lines: &[Line<'_>]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
    lines.join("\n")
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
    let Some(at) = lines.iter().rposition(|line| line.is_user(backend)) else { return 0 };
    let ends = |line: &Line<'_>| {
        let margin = !line.text.is_empty() && !line.text.starts_with([' ', '\t']);
        margin || is_gutter(&line.text) || line.is_chrome(backend)
    };
    lines[at + 1..].iter().position(ends).map_or(lines.len(), |more| at + 1 + more)
}

fn find_composer(backend: &Backend, lines: &[Line<'_>]) -> Option<Range<usize>> {
    (0..lines.len()).rev().find_map(|at| composer_at(backend, lines, at))
}

/// The lines of the composer that this line opens.
fn composer_at(backend: &Backend, lines: &[Line<'_>], at: usize) -> Option<Range<usize>> {
    let rule = &backend.composer;
    let Opens::Yes(text) = lines[at].opens(backend) else { return None };
    if lines[at].closes(backend) {
        return None;
    }
    // A box scrolled past its first line shows none of what `above` asks for: `open` matches without its text then.
    if let Some(above) = rule.above.as_ref().filter(|_| text.is_some())
        && !at.checked_sub(1).is_some_and(|up| above.is_match(&lines[up].text))
    {
        return None;
    }
    let end = match rule.close {
        Some(_) => at + 1 + lines[at + 1..].iter().position(|line| line.closes(backend))?,
        None => lines.iter().rposition(|line| line.kind != LineKind::Blank).map_or(at, |last| last.max(at)) + 1,
    };
    if rule.close.is_some() && lines[end + 1..].iter().filter(|line| line.is_filled()).count() > FOOTER_CAP {
        return None;
    }
    // A box without a line above it is every line that begins like it.
    let own = |line: &Line<'_>| rule.above.is_none() && line.opens(backend) != Opens::No && !line.closes(backend);
    let more = lines[..at].iter().rev().take_while(|line| own(line)).count();
    Some(at - more..end)
}

/// Those of a screen that are looked at.
fn last_lines(lines: &[String]) -> &[String] {
    &lines[lines.len().saturating_sub(LINES_CAP)..]
}
