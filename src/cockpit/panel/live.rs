//! The live pane of the selected agent, in its own colours and at its own size: what does not fit is scrolled to, and the
//! agent's window is never resized.
//!
//! A pane's text is read by a terminal emulator of its own (vt100), so that nothing in it can act on the operator's.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::num::NonZeroU16;

use crate::cockpit::action::Action;
use crate::cockpit::theme::Theme;
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
}

#[derive(Debug)]
struct Seen {
    size: (u16, u16),
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
        let cells = emulate(&pane.text, size);
        self.seen = Some(Seen {
            size,
            cursor: pane.cursor.filter(|at| at.0 < size.0 && at.1 < size.1),
            cells,
            history: pane.history,
            dead: pane.dead,
            in_mode: pane.in_mode,
        });
    }

    /// Scrolls over a pane that is larger than its place, which has so many columns and rows, and stops at its edges;
    /// `false`: the action means nothing here.
    pub fn go(&mut self, action: Action, place: (u16, u16)) -> bool {
        match action {
            Action::Up => self.below = self.below.saturating_add(1),
            Action::Down => self.below = self.below.saturating_sub(1),
            Action::PageUp => self.below = self.below.saturating_add(10),
            Action::PageDown => self.below = self.below.saturating_sub(10),
            Action::Left => self.left = self.left.saturating_sub(SIDEWAYS),
            Action::Right => self.left = self.left.saturating_add(SIDEWAYS),
            Action::First => (self.left, self.below) = (0, u16::MAX),
            Action::Last => (self.left, self.below) = (0, 0),
            _ => return false,
        }
        let size = self.seen.as_ref().map_or((0, 0), |seen| seen.size);
        self.left = self.left.min(size.0.saturating_sub(place.0));
        self.below = self.below.min(size.1.saturating_sub(place.1));
        true
    }

    /// What its title adds: size, scrollback, how it stands.
    pub fn note(&self) -> String {
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
        let seen = self.seen.as_ref()?;
        let (width, height) = (area.width.min(seen.size.0), area.height.min(seen.size.1));
        let left = self.left.min(seen.size.0 - width);
        let hidden = seen.size.1 - height;
        let top = hidden - self.below.min(hidden);
        for y in 0..height {
            for x in 0..width {
                let Some(cell) = seen.cells.cell((x + left, y + top)) else { continue };
                let mut cell = cell.clone();
                if !theme.colours {
                    (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
                }
                buffer[(area.x + x, area.y + y)] = cell;
            }
            // A wide character that is cut in half at either edge becomes a blank.
            blank_halves(buffer, area, y, width);
        }
        if let Some((x, y)) =
            seen.cursor.filter(|at| (left..left + width).contains(&at.0) && (top..top + height).contains(&at.1))
        {
            let cell = &mut buffer[(area.x + x - left, area.y + y - top)];
            cell.modifier.toggle(Modifier::REVERSED);
        }
        Some(())
    }
}

fn blank_halves(buffer: &mut Buffer, area: Rect, y: u16, width: u16) {
    use unicode_width::UnicodeWidthStr;
    if width == 0 {
        return;
    }
    let last = &mut buffer[(area.x + width - 1, area.y + y)];
    if last.symbol().width() > 1 {
        last.set_symbol(" ");
    }
}

/// Reads text with SGR sequences into cells.
fn emulate(text: &str, (columns, rows): (u16, u16)) -> Buffer {
    let at_least_1 = |n: u16| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
    let mut parser = vt100::Parser::new(at_least_1(rows), at_least_1(columns), 0);
    let lines: Vec<&str> = text.split('\n').take(usize::from(rows)).collect();
    // Each row is put in its place, so that a full one does not wrap into the next.
    for (row, line) in lines.iter().enumerate() {
        parser.process(format!("\x1b[{};1H", row + 1).as_bytes());
        parser.process(line.as_bytes());
    }
    let screen = parser.screen();
    let mut cells = Buffer::empty(Rect::new(0, 0, columns, rows));
    for y in 0..rows {
        for x in 0..columns {
            let Some(cell) = screen.cell(y, x).filter(|cell| !cell.is_wide_continuation()) else { continue };
            let target = &mut cells[(x, y)];
            target.set_style(style(cell));
            if cell.has_contents() {
                target.set_symbol(cell.contents());
            }
        }
    }
    cells
}

fn style(cell: &vt100::Cell) -> Style {
    let mut style = Style::new().fg(color(cell.fgcolor())).bg(color(cell.bgcolor()));
    let modifiers = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    for (_, modifier) in modifiers.into_iter().filter(|(on, _)| *on) {
        style = style.add_modifier(modifier);
    }
    style
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
