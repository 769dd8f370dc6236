//! A frame as a text that can be read and compared: its rows, and behind each a hash of the row's styles.

use flightdeck::cockpit::canvas::Canvas;
use flightdeck::cockpit::model::Model;
use flightdeck::cockpit::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use unicode_width::UnicodeWidthStr;

/// Wider frames are written with their runs of equal signs counted: nobody reads 500 columns.
const WIDE: u16 = 200;
/// A run this long is counted.
const RUN: usize = 16;

/// One frame.
pub(crate) struct Picture {
    buffer: Buffer,
    cursor: Option<Position>,
}

impl Picture {
    /// Draws the model as the terminal would get it.
    pub(crate) fn of(model: &Model) -> Self {
        Picture::on(model, model.size)
    }

    /// Draws it on a terminal of which the model may not have heard yet.
    pub(crate) fn on(model: &Model, (width, height): (u16, u16)) -> Self {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal of cells");
        terminal
            .draw(|frame| {
                if let Some(at) = view::draw(model, frame.buffer_mut()) {
                    frame.set_cursor_position(at);
                }
            })
            .expect("cells can be drawn to");
        let backend = terminal.backend();
        let cursor = backend.cursor_visible().then(|| backend.cursor_position());
        Picture { buffer: backend.buffer().clone(), cursor }
    }

    /// The terminal shows the same.
    pub(crate) fn is_on<W: std::io::Write>(&self, terminal: &Canvas<W>) -> bool {
        let differs = terminal.shown().diff_iter(&self.buffer).next().is_some();
        terminal.shown().area == self.buffer.area && !differs
    }

    /// The rows, each without the blanks at its end.
    pub(crate) fn text(&self) -> String {
        self.rows().map(|row| words(row).trim_end().to_string() + "\n").collect()
    }

    pub(crate) fn cells(&self) -> &[Cell] {
        &self.buffer.content
    }

    /// Rows with their styles' hashes, equal rows counted, and the cursor.
    pub(crate) fn styled(&self) -> String {
        let width = usize::from(self.buffer.area.width);
        let rows: Vec<String> = self.rows().map(|row| line(row, width)).collect();
        let mut text = String::new();
        let mut at = 0;
        while at < rows.len() {
            let same = rows[at..].iter().take_while(|row| **row == rows[at]).count();
            text += &rows[at];
            text.push('\n');
            if same > 3 {
                text += &format!("≡ {} more like this\n", same - 1);
            }
            at += if same > 3 { same } else { 1 };
        }
        let cursor = self.cursor.map_or("no cursor".to_string(), |at| format!("cursor at {},{}", at.x, at.y));
        text + &cursor
    }

    /// Compares it with `tests/cockpit/snapshots/NAME.WIDTHxHEIGHT.snap`.
    #[track_caller]
    pub(crate) fn is(&self, name: &str) {
        let area = self.buffer.area;
        let name = format!("{name}.{}x{}", area.width, area.height);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.styled()));
    }

    fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        self.buffer.content.chunks(usize::from(self.buffer.area.width.max(1)))
    }
}

fn line(row: &[Cell], width: usize) -> String {
    let words = words(row);
    let words = if width > usize::from(WIDE) { counted(&words) } else { words };
    format!("{words}▏{:04x}", hash(row))
}

/// The signs of a row; what a wide one covers is left out.
fn words(row: &[Cell]) -> String {
    let mut words = String::new();
    let mut covered = 0;
    for cell in row {
        if covered > 0 {
            covered -= 1;
            continue;
        }
        words += cell.symbol();
        covered = cell.symbol().width().saturating_sub(1);
    }
    words
}

fn counted(words: &str) -> String {
    let signs: Vec<char> = words.chars().collect();
    let runs = signs.chunk_by(|one, next| one == next);
    runs.map(|run| if run.len() < RUN { run.iter().collect() } else { format!("⟪{}×{}⟫", run[0], run.len()) }).collect()
}

/// FNV-1a of all that a row's cells say but their signs, folded to four digits.
fn hash(row: &[Cell]) -> u16 {
    let styles =
        row.iter().map(|cell| format!("{:?}{:?}{:?}{:?}", cell.fg, cell.bg, cell.underline_color, cell.modifier));
    let mut hash: u32 = 0x811c_9dc5;
    for byte in styles.flat_map(String::into_bytes) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    (hash ^ (hash >> 16)) as u16
}
