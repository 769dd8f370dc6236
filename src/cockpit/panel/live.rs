//! The live pane of the selected agent, in its own colours and at its own size: what does not fit is scrolled to, and the
//! agent's window is never resized.
//! Above its first row begins its history ([`super::past`]), which stands still while it is read.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::past::{Past, Step};
use crate::cockpit::action::Action;
use crate::cockpit::archive::Question;
use crate::cockpit::theme::Theme;
use crate::cockpit::{cells, sixteen};
use crate::edge::tmux::oneshot::{HistoryPage, Span};
use crate::pilot::view::PaneView;

/// Largest pane that is drawn; more than any window has.
const MOST: (u16, u16) = (1_000, 500);
/// Columns that a key moves the window over a wide pane.
const SIDEWAYS: u16 = 8;

/// What was seen of the pane, and which part of it is shown.
#[derive(Debug, Default)]
pub struct Live {
    seen: Option<Seen>,
    /// Columns and rows hidden at the left and at the bottom.
    pub left: u16,
    pub below: u16,
    /// Its history is read instead.
    past: Option<Past>,
}

#[derive(Debug)]
struct Seen {
    size: (u16, u16),
    /// Rows down to the last one that holds anything: a program that has just begun fills its window from the top.
    used: u16,
    cursor: Option<(u16, u16)>,
    cells: Buffer,
    history: u32,
    dead: bool,
    in_mode: bool,
}

impl Live {
    /// Another pane is looked at.
    pub fn forget(&mut self) {
        *self = Live::default();
    }

    /// Takes a new picture of the pane.
    pub fn show(&mut self, pane: &PaneView) {
        let size = (pane.size.0.clamp(1, MOST.0), pane.size.1.clamp(1, MOST.1));
        let cells = cells::read(&pane.text, size);
        let cursor = pane.cursor.filter(|at| at.0 < size.0 && at.1 < size.1);
        self.seen = Some(Seen {
            size,
            used: used(&cells, cursor),
            cursor,
            cells,
            history: pane.history,
            dead: pane.dead,
            in_mode: pane.in_mode,
        });
    }

    /// Scrolls over a pane that is larger than its place of so many columns and rows, and above its top into its history. `None`: the action
    /// means nothing here.
    pub fn go(&mut self, action: Action, room: (u16, u16), pane: Option<&str>) -> Option<Vec<Question>> {
        match action {
            Action::Left => self.left = self.left.min(self.widest(room.0)).saturating_sub(SIDEWAYS),
            Action::Right => self.left = self.left.saturating_add(SIDEWAYS).min(self.widest(room.0)),
            Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last => {
                return Some(self.scroll(action, room.1, pane));
            }
            Action::Back if self.past.is_some() => self.past = None,
            _ => return None,
        }
        Some(Vec::new())
    }

    fn scroll(&mut self, action: Action, room: u16, pane: Option<&str>) -> Vec<Question> {
        if let Some(past) = &mut self.past {
            return match past.go(action, usize::from(room)) {
                Step::Stay => Vec::new(),
                Step::Look(question) => vec![question],
                Step::Leave => {
                    (self.past, self.below) = (None, 0);
                    Vec::new()
                }
            };
        }
        let hidden = self.seen.as_ref().map_or(0, |seen| seen.used.saturating_sub(room));
        let page = room.saturating_sub(1).max(1);
        let wanted = match action {
            Action::Up => self.below.saturating_add(1),
            Action::PageUp => self.below.saturating_add(page),
            Action::First => u16::MAX,
            Action::Down => self.below.saturating_sub(1),
            Action::PageDown => self.below.saturating_sub(page),
            _ => 0,
        };
        if action == Action::Last {
            self.left = 0;
        }
        let history = self.seen.as_ref().is_some_and(|seen| seen.history > 0);
        let at_top = self.below >= hidden;
        self.below = wanted.min(hidden);
        match pane.filter(|_| history && at_top && wanted > hidden) {
            Some(pane) => {
                let up = if action == Action::First { usize::MAX } else { usize::from(wanted) };
                let (past, question) = Past::begin(pane.to_string(), up);
                self.past = Some(past);
                vec![question]
            }
            None => Vec::new(),
        }
    }

    /// The most columns that can be hidden at the left of a place of that width.
    fn widest(&self, width: u16) -> u16 {
        self.seen.as_ref().map_or(0, |seen| seen.size.0.saturating_sub(width))
    }

    /// A page of history has come, or can't be had: why.
    pub fn take(&mut self, span: &Span, page: Result<HistoryPage, String>) -> Option<String> {
        let past = self.past.as_mut()?;
        match page {
            Ok(page) => {
                past.take(span, page);
                None
            }
            Err(why) => {
                if !past.fail() {
                    self.past = None;
                }
                Some(format!("its history can't be read: {why}"))
            }
        }
    }

    /// What its title adds: size, scrollback, how it stands. `back` is the key that leads back from the history.
    pub fn note(&self, room: u16, back: &str) -> String {
        match &self.past {
            Some(past) if past.waits() => return "reading its history …".to_string(),
            Some(past) => {
                let above = past.window(usize::from(room)).1;
                return format!("history: {above} lines above, {back} to come back");
            }
            None => {}
        }
        let Some(seen) = &self.seen else { return String::new() };
        let mut note = format!("{}x{}", seen.size.0, seen.size.1);
        if seen.history > 0 {
            note += &format!(" +{}", seen.history);
        }
        if seen.in_mode {
            note += " · somebody scrolls in it";
        }
        if seen.dead {
            note += " · ended";
        }
        note
    }

    /// Draws it; `None`: nothing was seen yet.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<()> {
        if let Some(cells) = self.history(area.height) {
            paint(&cells, (self.left, 0), area, buffer, theme);
            return Some(());
        }
        let seen = self.seen.as_ref()?;
        let rows = self.rows(seen, area.height);
        let (width, top) = (area.width.min(seen.size.0), rows.start);
        let left = self.left.min(seen.size.0 - width);
        paint(&seen.cells, (left, top), area, buffer, theme);
        if let Some((x, y)) = seen.cursor.filter(|at| (left..left + width).contains(&at.0) && rows.contains(&at.1)) {
            let cell = &mut buffer[(area.x + x - left, area.y + y - top)];
            cell.modifier.toggle(Modifier::REVERSED);
        }
        Some(())
    }

    /// The rows in sight in a place of so many, each to its end, without colours. `None`: nothing was seen yet.
    pub fn plain(&self, room: u16) -> Option<String> {
        if let Some(cells) = self.history(room) {
            return Some(plain(&cells, 0..cells.area.height));
        }
        let seen = self.seen.as_ref()?;
        Some(plain(&seen.cells, self.rows(seen, room)))
    }

    /// The part of its history that is read, if it is.
    fn history(&self, room: u16) -> Option<Buffer> {
        let past = self.past.as_ref().filter(|past| !past.waits())?;
        let (rows, _) = past.window(usize::from(room));
        let size = (past.columns.clamp(1, MOST.0), u16::try_from(rows.len()).unwrap_or(MOST.1).max(1));
        Some(cells::read(&rows.join("\n"), size))
    }

    /// The rows of the pane that are in sight.
    fn rows(&self, seen: &Seen, room: u16) -> Range<u16> {
        let height = room.min(seen.used);
        let hidden = seen.used - height;
        let top = hidden - self.below.min(hidden);
        top..top + height
    }
}

/// Rows as text, without the blanks that fill them up.
fn plain(cells: &Buffer, rows: Range<u16>) -> String {
    let row = |y: u16| {
        let (mut row, mut x) = (String::new(), 0);
        while x < cells.area.width {
            let sign = cells[(x, y)].symbol();
            row += sign;
            // A wide letter has the next cell too.
            x += u16::try_from(sign.width()).unwrap_or(1).max(1);
        }
        row.trim_end().to_string() + "\n"
    };
    rows.map(row).collect::<String>().trim_end().to_string()
}

/// Rows down to the last one with a letter, a background or the cursor.
fn used(cells: &Buffer, cursor: Option<(u16, u16)>) -> u16 {
    let holds =
        |y: u16| (0..cells.area.width).any(|x| cells[(x, y)].symbol() != " " || cells[(x, y)].bg != Color::Reset);
    let last = (0..cells.area.height).rev().find(|y| holds(*y));
    last.max(cursor.map(|at| at.1)).map_or(1, |row| row + 1)
}

/// The part of the cells that begins at `from`, as much as fits.
fn paint(cells: &Buffer, from: (u16, u16), area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (columns, rows) = (cells.area.width, cells.area.height);
    let left = from.0.min(columns.saturating_sub(area.width));
    let (width, height) = (area.width.min(columns - left), area.height.min(rows.saturating_sub(from.1)));
    for y in 0..height {
        for x in 0..width {
            let Some(cell) = cells.cell((x + left, y + from.1)) else { continue };
            let mut cell = cell.clone();
            if !theme.colours {
                (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
            } else if theme.sixteen {
                (cell.fg, cell.bg) = (sixteen::nearest(cell.fg), sixteen::nearest(cell.bg));
            }
            buffer[(area.x + x, area.y + y)] = cell;
        }
        // A wide character that is cut in half at either edge becomes a blank.
        blank_halves(buffer, area, y, width);
    }
}

fn blank_halves(buffer: &mut Buffer, area: Rect, y: u16, width: u16) {
    if width == 0 {
        return;
    }
    let last = &mut buffer[(area.x + width - 1, area.y + y)];
    if last.symbol().width() > 1 {
        last.set_symbol(" ");
    }
}

#[cfg(test)]
mod tests {
    use crate::cockpit::archive::{Found, Question};
    use crate::cockpit::happening::{Errand, Happening};
    use crate::cockpit::update::stand::{Stand, agent};
    use crate::edge::link::Heard;
    use crate::edge::tmux::oneshot::HistoryPage;
    use crate::pilot::id::Incarnation;
    use crate::pilot::view::PaneView;

    /// A pane of so many columns and 50 rows, each with its number, below 500 lines of history.
    fn looking(columns: u16) -> Stand {
        let mut stand = Stand::new();
        let rows: Vec<String> = (0..50).map(|row| format!("row {row:<3}{}", "x".repeat(70))).collect();
        let pane = PaneView {
            agent: agent("builder"),
            incarnation: Incarnation(1),
            size: (columns, 50),
            cursor: None,
            history: 500,
            dead: false,
            in_mode: false,
            text: rows.join("\n"),
        };
        stand.take(Happening::Heard(Heard::Pane(Box::new(pane))));
        stand.press("tab");
        stand
    }

    fn asked(errands: &[Errand]) -> Option<Question> {
        match errands {
            [Errand::Look(question)] => Some(question.clone()),
            _ => None,
        }
    }

    #[test]
    fn of_a_pane_that_is_used_at_its_top_only_the_top_is_shown() {
        let mut stand = Stand::new();
        let text = format!("hello{}", "\n".repeat(58));
        let pane = PaneView {
            agent: agent("builder"),
            incarnation: Incarnation(1),
            size: (80, 60),
            cursor: Some((2, 3)),
            history: 0,
            dead: false,
            in_mode: false,
            text,
        };
        stand.take(Happening::Heard(Heard::Pane(Box::new(pane))));
        assert!(stand.shown().contains("│hello"), "{}", stand.shown());
    }

    #[test]
    fn above_the_top_of_the_pane_is_its_history_and_the_way_back() {
        let mut stand = looking(80);
        assert!(stand.press("page-up").is_empty());
        assert!(stand.shown().contains("row 0 "), "{}", stand.shown());
        let Some(Question::Scrollback(span)) = asked(&stand.press("k")) else { panic!("its history") };
        assert_eq!((span.pane.as_str(), span.from, span.to), ("%1", -1_000, None));
        assert!(stand.shown().contains("reading its history"), "{}", stand.shown());
        let rows = (0..550).map(|line| format!("\u{1b}[32mline {line} ")).collect();
        let page = Ok(HistoryPage { history: 500, columns: 80, rows });
        stand.take(Happening::Found(Found::Scrollback { span, page }));
        let shown = stand.shown();
        assert!(shown.contains("line 499 ") && shown.contains("history: 499 lines above, G to come back"), "{shown}");
        stand.press("g");
        assert!(stand.shown().contains("line 0 "), "{}", stand.shown());
        let copied = stand.press("y");
        assert!(matches!(&copied[..], [Errand::Copy(text)] if text.starts_with("line 0\nline 1\n")), "{copied:?}");
        stand.press("end");
        assert!(stand.shown().contains("row 49"), "{}", stand.shown());
    }

    #[test]
    fn a_history_that_cannot_be_read_is_told_and_the_present_stays() {
        let mut stand = looking(80);
        let Some(Question::Scrollback(span)) = asked(&stand.press("g g")) else { panic!("its history") };
        let page = Err("tmux: can't find pane: %1".to_string());
        stand.take(Happening::Found(Found::Scrollback { span, page }));
        let shown = stand.shown();
        assert!(shown.contains("can't find pane") && shown.contains("row 0 "), "{shown}");
    }

    #[test]
    fn a_wide_pane_is_moved_under_its_window() {
        let mut stand = looking(80);
        stand.press("right");
        assert!(stand.shown().contains("│xxx") && !stand.shown().contains("row 49"), "{}", stand.shown());
        stand.press("left");
        assert!(stand.shown().contains("row 49"));
    }
}
