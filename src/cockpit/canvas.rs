//! What the terminal shows, and what goes out to change it: only cells that differ from it.

use std::io::{self, Write};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::pilot::time::Time;

use super::model::Model;
use super::view;

/// The cells of a terminal as it shows them, and the way to it.
pub struct Canvas<W: Write> {
    backend: CrosstermBackend<W>,
    shown: Buffer,
    /// Where the next frame is drawn; what it holds between two frames is of no use.
    next: Buffer,
    /// The terminal's cursor, where it is shown.
    cursor: Option<Position>,
    /// The model's time in the last frame.
    at: Time,
}

impl<W: Write> Canvas<W> {
    /// The canvas of a terminal that shows nothing yet. What is written goes out at the end of each frame, at once when `writer` holds
    /// a frame back until then.
    pub fn new(writer: W) -> Self {
        let backend = CrosstermBackend::new(writer);
        Canvas { backend, shown: Buffer::default(), next: Buffer::default(), cursor: None, at: Time(0) }
    }

    /// Wipes the terminal; the next frame is drawn whole.
    pub fn clear(&mut self, (width, height): (u16, u16)) -> io::Result<()> {
        let whole = Rect::new(0, 0, width, height);
        self.shown = Buffer::empty(whole);
        self.next = Buffer::empty(whole);
        self.cursor = None;
        self.backend.hide_cursor()?;
        self.backend.clear()
    }

    /// Draws the model. Of a terminal that has another size now, every cell.
    pub fn draw(&mut self, model: &Model) -> io::Result<()> {
        let (width, height) = model.size;
        if (self.shown.area.width, self.shown.area.height) != (width, height) {
            self.clear(model.size)?;
        }
        self.next.reset();
        let cursor = view::draw(model, &mut self.next);
        self.backend.draw(self.shown.diff_iter(&self.next))?;
        std::mem::swap(&mut self.shown, &mut self.next);
        self.at = model.now;
        self.show_cursor(cursor)?;
        Backend::flush(&mut self.backend)
    }

    /// Draws the parts that the clock alone has changed since the last frame, and compares no others.
    pub fn age(&mut self, model: &Model) -> io::Result<()> {
        let same = (self.shown.area.width, self.shown.area.height) == model.size;
        let Some(parts) = view::ageing(model, self.at).filter(|_| same) else { return self.draw(model) };
        for part in parts {
            let before = cut(&self.shown, part.area);
            let after = part.cells(model);
            self.backend.draw(before.diff_iter(&after))?;
            paste(&mut self.shown, &after);
        }
        self.at = model.now;
        Backend::flush(&mut self.backend)
    }

    /// The cells as the terminal has them.
    pub fn shown(&self) -> &Buffer {
        &self.shown
    }

    fn show_cursor(&mut self, cursor: Option<Position>) -> io::Result<()> {
        match cursor {
            Some(at) => {
                self.backend.show_cursor()?;
                self.backend.set_cursor_position(at)?;
            }
            None if self.cursor.is_some() => self.backend.hide_cursor()?,
            None => {}
        }
        self.cursor = cursor;
        Ok(())
    }
}

/// A part of a buffer.
fn cut(whole: &Buffer, area: Rect) -> Buffer {
    let mut part = Buffer { area, content: Vec::with_capacity(usize::from(area.width) * usize::from(area.height)) };
    for row in area.rows() {
        let from = whole.index_of(row.x, row.y);
        part.content.extend_from_slice(&whole.content[from..from + usize::from(row.width)]);
    }
    part
}

/// Puts a part back into its place.
fn paste(whole: &mut Buffer, part: &Buffer) {
    for row in part.area.rows() {
        let (to, from, width) = (whole.index_of(row.x, row.y), part.index_of(row.x, row.y), usize::from(row.width));
        whole.content[to..to + width].clone_from_slice(&part.content[from..from + width]);
    }
}
