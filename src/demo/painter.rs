//! Brings rows to a terminal: below what was printed before (inline), or on the alternate screen. Only rows that changed
//! are written, and each frame is one string, so that a reader of the pane seldom sees half of one.
//!
//! Writes nothing itself.

use std::collections::VecDeque;
use std::fmt::Write;

use super::screen::{Block, printable, wrap};

/// Lines kept for drawing again after a change of size.
const KEPT: usize = 1000;

/// The way a program uses the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
    /// Output scrolls into the terminal's history.
    #[default]
    Inline,
    /// The alternate screen: no history, composer at the bottom.
    Alternate,
}

/// Knows what the terminal shows.
#[derive(Debug)]
pub(super) struct Painter {
    mode: Mode,
    /// Columns and rows.
    size: (usize, usize),
    lines: VecDeque<String>,
    /// The last lines that were not drawn yet.
    fresh: usize,
    /// What was drawn last; `None`: nothing that can be relied on.
    shown: Option<Block>,
}

impl Painter {
    pub(super) fn new(mode: Mode, size: (u16, u16)) -> Self {
        Painter { mode, size: cells(size), lines: VecDeque::new(), fresh: 0, shown: None }
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// A line for the transcript, whatever is in it.
    pub(super) fn print(&mut self, line: &str) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(printable(line));
        self.fresh = (self.fresh + 1).min(self.lines.len());
    }

    /// What is on the screen now is at places nobody knows: the next frame draws all of it.
    pub(super) fn resize(&mut self, size: (u16, u16)) {
        self.size = cells(size);
        self.shown = None;
    }

    /// What to write so that the terminal shows the transcript and this block; empty when it does already.
    pub(super) fn frame(&mut self, block: Block) -> String {
        let fresh = std::mem::take(&mut self.fresh);
        let drawn = match (self.mode, self.shown.take()) {
            (Mode::Inline, Some(shown)) if fresh == 0 && shown.rows.len() == block.rows.len() => patch(&shown, &block),
            (Mode::Inline, Some(shown)) => self.append(&shown, &block, fresh),
            (Mode::Inline, None) => self.redraw(&block),
            (Mode::Alternate, shown) => return self.alternate(&shown.unwrap_or_default(), block),
        };
        self.shown = Some(block);
        framed(drawn)
    }

    /// What to write at the end: the block goes, the transcript stays.
    pub(super) fn farewell(&mut self) -> String {
        match self.mode {
            Mode::Inline => self.frame(Block { rows: vec![String::new()], cursor: (0, 0) }),
            Mode::Alternate => String::new(),
        }
    }

    fn append(&self, shown: &Block, block: &Block, fresh: usize) -> String {
        let mut out = up(shown.cursor.0);
        out.push_str("\r\x1b[J");
        for line in self.lines.iter().skip(self.lines.len() - fresh) {
            for row in wrap(line, self.size.0) {
                out.push_str(&row);
                out.push_str("\r\n");
            }
        }
        out + &placed(block)
    }

    fn redraw(&self, block: &Block) -> String {
        let mut out = "\x1b[H\x1b[2J".to_string();
        for row in self.tail(self.size.1 - block.rows.len().min(self.size.1)) {
            out.push_str(&row);
            out.push_str("\r\n");
        }
        out + &placed(block)
    }

    fn alternate(&mut self, shown: &Block, block: Block) -> String {
        let mut rows = self.tail(self.size.1.saturating_sub(block.rows.len()));
        rows.resize(self.size.1.saturating_sub(block.rows.len()), String::new());
        let cursor = (rows.len() + block.cursor.0, block.cursor.1);
        rows.extend(block.rows);
        let now = Block { rows, cursor };
        let mut out = if shown.rows.is_empty() { "\x1b[2J".to_string() } else { String::new() };
        for (n, row) in now.rows.iter().enumerate() {
            if shown.rows.get(n).is_none_or(|before| before != row) {
                let _ = write!(out, "\x1b[{};1H\x1b[2K{row}", n + 1);
            }
        }
        if !out.is_empty() || shown.cursor != now.cursor {
            let _ = write!(out, "\x1b[{};{}H", now.cursor.0 + 1, now.cursor.1 + 1);
        }
        self.shown = Some(now);
        framed(out)
    }

    /// The last rows of the transcript, at most `height`.
    fn tail(&self, height: usize) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for line in self.lines.iter().rev() {
            if rows.len() >= height {
                break;
            }
            rows.extend(wrap(line, self.size.0).into_iter().rev());
        }
        rows.truncate(height);
        rows.reverse();
        rows
    }
}

/// Replaces the rows that differ; both blocks have the same number.
fn patch(shown: &Block, block: &Block) -> String {
    if shown == block {
        return String::new();
    }
    let mut out = up(shown.cursor.0);
    out.push('\r');
    for (n, (before, row)) in shown.rows.iter().zip(&block.rows).enumerate() {
        if n > 0 {
            out.push_str("\r\x1b[B");
        }
        if before != row {
            // Cleared first: after a row of full width the cursor stands on its last cell.
            out.push_str("\x1b[2K");
            out.push_str(row);
        }
    }
    out + &to_cursor(block)
}

/// A block from the cursor downwards.
fn placed(block: &Block) -> String {
    block.rows.join("\r\n") + &to_cursor(block)
}

/// From the block's last row to its cursor.
fn to_cursor(block: &Block) -> String {
    let mut out = up(block.rows.len() - 1 - block.cursor.0);
    out.push('\r');
    if block.cursor.1 > 0 {
        let _ = write!(out, "\x1b[{}C", block.cursor.1);
    }
    out
}

fn up(rows: usize) -> String {
    if rows > 0 { format!("\x1b[{rows}A") } else { String::new() }
}

/// Cursor hidden and automatic wrap off while drawing: a row of full width must not push the next one down.
fn framed(drawn: String) -> String {
    if drawn.is_empty() { drawn } else { format!("\x1b[?25l\x1b[?7l{drawn}\x1b[?7h\x1b[?25h") }
}

fn cells((columns, rows): (u16, u16)) -> (usize, usize) {
    (usize::from(columns.max(1)), usize::from(rows.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(rows: &[&str], cursor: (usize, usize)) -> Block {
        Block { rows: rows.iter().map(|row| (*row).to_string()).collect(), cursor }
    }

    #[test]
    fn an_unchanged_screen_writes_nothing() {
        for mode in [Mode::Inline, Mode::Alternate] {
            let mut painter = Painter::new(mode, (20, 5));
            painter.print("hello");
            assert!(painter.frame(block(&["a", "b"], (0, 1))).contains("hello"));
            assert_eq!(painter.frame(block(&["a", "b"], (0, 1))), "");
            assert_ne!(painter.frame(block(&["a", "b"], (0, 2))), "");
        }
    }

    #[test]
    fn only_the_changed_row_is_written() {
        let mut painter = Painter::new(Mode::Inline, (20, 5));
        painter.frame(block(&["spin one", "rule", "text"], (2, 3)));
        let drawn = painter.frame(block(&["spin two", "rule", "text"], (2, 3)));
        assert!(drawn.contains("spin two") && !drawn.contains("rule") && !drawn.contains("text"), "{drawn:?}");
    }
}
