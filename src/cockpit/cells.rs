//! What a pane shows, read into cells by a terminal emulator of its own (vt100), so that nothing in it can act on the operator's.

use std::num::NonZeroU16;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthChar;

/// What the DEC line-drawing set shows for the characters from `_` to `~`.
const LINES: [char; 32] = [
    ' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤',
    '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];
const SHIFT_OUT: char = '\u{e}';
const SHIFT_IN: char = '\u{f}';
/// Columns of the emulator beyond the pane's, for letters that become wide at its edge.
const MARGIN: u16 = 4;
/// What stands for bytes that are no text. The emulator leaves it out, by which all after it would move to the left, so a
/// character of no meaning takes its place there.
const NO_TEXT: char = '\u{fffd}';
const STAND_IN: char = '\u{f8ff}';
/// Longest numbers of a colour: two true colours and every modifier are half as long.
const COLOUR: usize = 100;

/// Reads text with SGR sequences into cells, one row of text a row.
pub fn read(text: &str, (columns, rows): (u16, u16)) -> Buffer {
    let mut parser = parser(columns.saturating_add(MARGIN), rows);
    let text = drawn_lines(&coloured(text)).replace(NO_TEXT, STAND_IN.encode_utf8(&mut [0; 4]));
    // Each row is put in its place, so that a full one does not wrap into the next.
    for (row, line) in text.split('\n').take(usize::from(rows)).enumerate() {
        parser.process(format!("\x1b[{};1H", row + 1).as_bytes());
        parser.process(cut(line, columns).as_bytes());
    }
    let screen = parser.screen();
    let mut cells = Buffer::empty(Rect::new(0, 0, columns, rows));
    for y in 0..rows {
        for x in 0..columns {
            let Some(cell) = screen.cell(y, x).filter(|cell| !cell.is_wide_continuation()) else { continue };
            let target = &mut cells[(x, y)];
            target.set_style(style(cell));
            if cell.contents().starts_with(STAND_IN) {
                target.set_char(NO_TEXT);
            } else if cell.has_contents() {
                target.set_symbol(cell.contents());
            }
        }
    }
    cells
}

/// Rows that go on in each other's colours, made so that each can be read by itself. The emulator follows the colours alone: letters would
/// need a place.
pub fn separate(rows: &[String]) -> Vec<String> {
    let mut parser = parser(MARGIN, 1);
    let joined = rows.join("\n");
    let joined = coloured(&joined);
    let whole = drawn_lines(&joined);
    let one = |row: &str| {
        let begins = parser.screen().attributes_formatted();
        parser.process(sequences(row).as_bytes());
        begins + row
    };
    whole.split('\n').take(rows.len()).map(one).collect()
}

/// The text without all that is neither a letter nor a colour: tmux writes no more, and whatever else stands there could move the emulator's
/// cursor to where it panics, or have it wipe itself a thousand times.
fn coloured(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | SHIFT_OUT | SHIFT_IN)) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control()) {
        kept.push_str(&rest[..at]);
        let control = rest[at..].chars().next().expect("it was found");
        rest = &rest[at + control.len_utf8()..];
        match control {
            '\n' | SHIFT_OUT | SHIFT_IN => kept.push(control),
            '\u{1b}' => {
                let (colour, after) = sequence(rest);
                if let Some(colour) = colour {
                    kept.push('\u{1b}');
                    kept.push_str(colour);
                }
                rest = after;
            }
            _ => {}
        }
    }
    kept.push_str(rest);
    kept.into()
}

/// What follows an escape character: its sequence, where that is about colours, and the text behind it.
fn sequence(text: &str) -> (Option<&str>, &str) {
    // At the latest where its row ends, which is not looked for: a row may be thousands of escape characters.
    let ends = |begin: usize, last: fn(char) -> bool| {
        let found = text[begin..].char_indices().find(|(_, c)| *c == '\n' || last(*c));
        found.map_or(text.len(), |(at, c)| begin + at + if c == '\n' { 0 } else { c.len_utf8() })
    };
    match text.chars().next() {
        Some('[') => {
            let end = ends(1, |c| matches!(c, '@'..='~') || c.is_control());
            let (sequence, after) = text.split_at(end);
            let numbers = sequence[1..].strip_suffix('m').filter(|numbers| numbers.len() <= COLOUR);
            let colour =
                numbers.is_some_and(|numbers| numbers.bytes().all(|b| b.is_ascii_digit() || b";:".contains(&b)));
            (colour.then_some(sequence), after)
        }
        // A title, a link, words for a device: up to its end, or that of the row.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            let end = ends(1, |c| matches!(c, '\u{7}' | '\u{1b}' | '\u{9c}'));
            (None, text[end..].strip_prefix('\\').unwrap_or(&text[end..]))
        }
        Some(' '..='/') => (None, &text[ends(0, |c| !matches!(c, ' '..='/'))..]),
        Some('\n') | None => (None, text),
        Some(other) => (None, &text[other.len_utf8()..]),
    }
}

/// A row without the letters that have no room: the emulator panics when a letter at its edge becomes wide by what follows it.
fn cut(row: &str, columns: u16) -> String {
    let mut used = 0;
    thinned(row, |letter| {
        // The sign for "as an emoji" makes what stands before it wide.
        used += if letter == '\u{fe0f}' { 1 } else { letter.width().unwrap_or(0) };
        used <= usize::from(columns)
    })
}

/// The escape sequences of a row, without its letters.
fn sequences(row: &str) -> String {
    thinned(row, |_| false)
}

/// A row with all its escape sequences, and of its letters those that are to stay.
fn thinned(row: &str, mut stays: impl FnMut(char) -> bool) -> String {
    let mut sequence = Sequence::No;
    let kept = |c: &char| {
        sequence = sequence.after(*c);
        sequence != Sequence::No || stays(*c)
    };
    row.chars().filter(kept).collect()
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    let at_least_1 = |n: u16| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
    vt100::Parser::new(at_least_1(rows), at_least_1(columns), 0)
}

/// tmux puts cells of the line-drawing set between SO and SI, as letters: they become what they show. Letters within an escape
/// sequence stay, since they are no cells.
fn drawn_lines(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(SHIFT_OUT) {
        return text.into();
    }
    let mut drawn = String::with_capacity(text.len() * 2);
    let (mut out, mut sequence) = (false, Sequence::No);
    for c in text.chars() {
        sequence = sequence.after(c);
        match c {
            SHIFT_OUT => out = true,
            SHIFT_IN => out = false,
            '_'..='~' if out && sequence == Sequence::No => drawn.push(LINES[c as usize - '_' as usize]),
            other => drawn.push(other),
        }
    }
    drawn.into()
}

/// Where in an escape sequence a character stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    No,
    Escape,
    Control,
    /// Its last character.
    End,
}

impl Sequence {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (_, '\u{1b}') => Sequence::Escape,
            (Sequence::Escape, '[') => Sequence::Control,
            (Sequence::Escape, _) | (Sequence::Control, '@'..='~') => Sequence::End,
            (Sequence::Control, _) => Sequence::Control,
            (Sequence::No | Sequence::End, _) => Sequence::No,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &Buffer, y: u16) -> String {
        (0..cells.area.width).map(|x| cells[(x, y)].symbol()).collect()
    }

    #[test]
    fn line_drawing_is_drawn_and_colours_within_it_stay_colours() {
        let cells = read("\u{e}lqk\u{f}lqk\n\u{e}x\u{1b}[31mmj\u{1b}(Bx\nq\u{f}q", (6, 3));
        assert_eq!([row(&cells, 0), row(&cells, 1), row(&cells, 2)], ["┌─┐lqk", "│└┘│  ", "─q    "]);
        assert_eq!(cells[(1, 1)].fg, Color::Indexed(1));
    }

    #[test]
    fn only_colours_are_obeyed() {
        let moved = "a\u{1b}[99;999H🏳\u{fe0f}\n\u{1b}[773C\u{1b}[2Jb\u{1b}]8;;http://e\u{1b}\\c\u{1b}(0q\u{9b}31m\u{8}d\u{1b}[32me";
        let cells = read(moved, (9, 2));
        assert_eq!([row(&cells, 0), row(&cells, 1)], ["a🏳\u{fe0f}       ", "bcq31mde "]);
        assert_eq!(cells[(7, 1)].fg, Color::Indexed(2));
        assert_eq!(read("x\u{1b}\ny\u{1b}]open\nz\u{1b}[3", (3, 3))[(0, 2)].symbol(), "z");
    }

    #[test]
    fn bytes_that_are_no_text_keep_their_place() {
        assert_eq!(row(&read("a\u{fffd}\u{fffd}b", (5, 1)), 0), "a\u{fffd}\u{fffd}b ");
    }

    #[test]
    fn a_letter_at_the_edge_may_become_wide_by_what_follows_it() {
        for columns in 1..=3 {
            let text = "xyz"[..usize::from(columns)].to_string() + "\u{fe0f}\u{200d}\u{fe0f}";
            assert_eq!(row(&read(&text, (columns, 1)), 0).chars().next(), Some('x'), "{columns} columns");
        }
    }

    #[test]
    fn a_wide_letter_with_a_mark_is_separated_from_the_rows_below_it() {
        let rows = separate(&["\u{1b}[32m🏳\u{fe0f}\u{200d}🌈 日\u{301}".to_string(), "green".to_string()]);
        assert_eq!(read(&rows[1], (5, 1))[(0, 0)].fg, Color::Indexed(2));
    }

    #[test]
    fn a_row_by_itself_has_the_colours_it_goes_on_in() {
        let rows = separate(&["\u{1b}[31mred\u{e}".to_string(), "q\u{f}".to_string(), "\u{1b}[mplain".to_string()]);
        let cells = read(&rows[1], (3, 1));
        assert_eq!((cells[(0, 0)].symbol(), cells[(0, 0)].fg), ("─", Color::Indexed(1)));
        assert_eq!(read(&rows[2], (5, 1))[(0, 0)].fg, Color::Reset);
    }
}
