//! Text with ANSI colours in, an SVG picture of it out: how the pictures in `docs/pictures` are made.
//!
//! ```sh
//! tmux capture-pane -e -p | cargo run --example ansi2svg -- 140 > picture.svg
//! ```
//!
//! The same text gives the same bytes. Each letter has its place, and what draws lines and bars is drawn as lines and bars, so that
//! the picture looks alike whatever monospace font is found. It embeds no font and runs nothing.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use flightdeck::cockpit::cells;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Half a column and half a row, in the picture's units, so that centres are whole numbers.
const HALF: (u16, u16) = (4, 9);
const WIDE: u16 = 2 * HALF.0;
const TALL: u16 = 2 * HALF.1;
/// From the top of a row to where letters stand.
const BASE: u16 = 13;
/// Air around the text.
const EDGE: u16 = 10;
const PAPER: &str = "#14161a";
const INK: &str = "#d7dae0";

fn main() -> std::io::Result<()> {
    let columns =
        std::env::args().nth(1).and_then(|word| word.parse().ok()).filter(|columns| (1..=500).contains(columns));
    let Some(columns) = columns else {
        return Err(std::io::Error::other("say the number of columns, 1 to 500: ansi2svg 140 < text > picture.svg"));
    };
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    std::io::stdout().write_all(svg(&text, columns).as_bytes())
}

fn svg(text: &str, columns: u16) -> String {
    let text = text.trim_end_matches('\n');
    let rows = u16::try_from(text.split('\n').count()).unwrap_or(u16::MAX).min(500);
    let cells = cells::read(text, (columns, rows));
    let (width, height) = (columns * WIDE + 2 * EDGE, rows * TALL + 2 * EDGE);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace\" \
         font-size=\"13\" fill=\"{INK}\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g transform=\"translate({EDGE} {EDGE})\">\n"
    );
    for y in 0..rows {
        papers(&cells, y, &mut out);
        inks(&cells, y, &mut out);
    }
    out + "</g>\n</svg>\n"
}

/// Backgrounds of a row.
fn papers(cells: &Buffer, y: u16, out: &mut String) {
    for (x, length, look) in runs(cells, y, |cell, _| Look::of(cell).paper) {
        if let Some(paper) = look {
            let (left, top, wide) = (x * WIDE, y * TALL, length * WIDE);
            let _ =
                writeln!(out, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{TALL}\" fill=\"{paper}\"/>");
        }
    }
}

/// What is written on them.
fn inks(cells: &Buffer, y: u16, out: &mut String) {
    for (x, length, (look, kind)) in runs(cells, y, |cell, x| (Look::of(cell), Kind::of(cell.symbol(), x))) {
        let (left, top, wide) = (x * WIDE, y * TALL, length * WIDE);
        if look.underlined {
            let _ = writeln!(out, "<path d=\"M{left} {}h{wide}\"{}/>", top + TALL - 2, look.stroke());
        }
        match kind {
            Kind::Letters => letters(cells, (x..x + length, y), &look, out),
            Kind::Sign(_) => {
                let (middle, base, sign) = (left + wide / 2, top + BASE, escaped(cells[(x, y)].symbol()));
                let _ = writeln!(out, "<text x=\"{middle}\" y=\"{base}\" text-anchor=\"middle\"{look}>{sign}</text>");
            }
            Kind::Line => {
                let _ = writeln!(out, "<path d=\"M{left} {}h{wide}\"{}/>", top + HALF.1, look.stroke());
            }
            Kind::Drawn(c, _) => drawn(c, (left, top), &look, out),
        }
    }
}

/// Each letter has its own place, so that no font can shift it; blanks need none.
fn letters(cells: &Buffer, (columns, y): (std::ops::Range<u16>, u16), look: &Look, out: &mut String) {
    let written: Vec<(u16, &str)> =
        columns.map(|x| (x, cells[(x, y)].symbol())).filter(|(_, symbol)| *symbol != " ").collect();
    if written.is_empty() {
        return;
    }
    let places: Vec<String> = written.iter().map(|(x, _)| (x * WIDE).to_string()).collect();
    let words: String = written.iter().map(|(_, symbol)| *symbol).collect();
    let (places, base, words) = (places.join(" "), y * TALL + BASE, escaped(&words));
    let _ = writeln!(out, "<text x=\"{places}\" y=\"{base}\"{look}>{words}</text>");
}

/// Lines, corners and bars.
fn drawn(c: char, (left, top): (u16, u16), look: &Look, out: &mut String) {
    let (right, bottom, x, y) = (left + WIDE, top + TALL, left + HALF.0, top + HALF.1);
    let path = match c {
        '│' => format!("M{x} {top}V{bottom}"),
        '┊' => format!("M{x} {}v3m0 3v3m0 3v3", top + 2),
        '╭' => format!("M{right} {y}Q{x} {y} {x} {bottom}"),
        '╮' => format!("M{left} {y}Q{x} {y} {x} {bottom}"),
        '╰' => format!("M{right} {y}Q{x} {y} {x} {top}"),
        '╯' => format!("M{left} {y}Q{x} {y} {x} {top}"),
        bar => {
            let (eighths, faint) = if bar == '░' { (8, " fill-opacity=\"0.25\"") } else { (bar as u16 - 0x2580, "") };
            // A row of 18 has no whole eighths: in quarters of a unit they are.
            let tall = f32::from(eighths * TALL) / 8.0;
            let top = f32::from(bottom) - tall;
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{top}\" width=\"{WIDE}\" height=\"{tall}\" fill=\"{}\"{faint}/>",
                look.ink
            );
            return;
        }
    };
    let _ = writeln!(out, "<path d=\"{path}\"{}/>", look.stroke());
}

/// Neighbours that look alike: first column, number of columns, what they have in common.
fn runs<T: PartialEq>(cells: &Buffer, y: u16, of: impl Fn(&Cell, u16) -> T) -> Vec<(u16, u16, T)> {
    let mut runs: Vec<(u16, u16, T)> = Vec::new();
    let mut x = 0;
    while x < cells.area.width {
        let cell = &cells[(x, y)];
        let wide = u16::try_from(unicode_width::UnicodeWidthStr::width(cell.symbol())).unwrap_or(1).max(1);
        let kind = of(cell, x);
        match runs.last_mut() {
            Some((_, length, last)) if *last == kind => *length += wide,
            _ => runs.push((x, wide, kind)),
        }
        x += wide;
    }
    runs
}

/// How a cell is drawn. Signs and shapes stand for themselves, each with its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// ASCII, blanks among it.
    Letters,
    /// Anything else: nobody knows how wide another font draws it.
    Sign(u16),
    Line,
    Drawn(char, u16),
}

impl Kind {
    fn of(symbol: &str, x: u16) -> Self {
        match symbol.chars().next() {
            None => Kind::Letters,
            Some('─') => Kind::Line,
            Some(c @ ('│' | '┊' | '╭' | '╮' | '╰' | '╯' | '░' | '▁'..='█')) => Kind::Drawn(c, x),
            Some(' '..='~') => Kind::Letters,
            Some(_) => Kind::Sign(x),
        }
    }
}

/// Colours and attributes of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    ink: String,
    paper: Option<String>,
    underlined: bool,
    attributes: String,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (mut ink, mut paper) = (colour(cell.fg), colour(cell.bg));
        if cell.modifier.contains(Modifier::REVERSED) {
            (ink, paper) = (Some(paper.unwrap_or(PAPER.to_string())), Some(ink.unwrap_or(INK.to_string())));
        }
        let attributes = [
            (Modifier::BOLD, " font-weight=\"bold\""),
            (Modifier::DIM, " fill-opacity=\"0.6\""),
            (Modifier::ITALIC, " font-style=\"italic\""),
        ];
        let has = attributes.into_iter().filter(|(modifier, _)| cell.modifier.contains(*modifier));
        let underlined = cell.modifier.contains(Modifier::UNDERLINED);
        Look {
            ink: ink.unwrap_or(INK.to_string()),
            paper,
            underlined,
            attributes: has.map(|(_, words)| words).collect(),
        }
    }

    fn stroke(&self) -> String {
        format!(" stroke=\"{}\" fill=\"none\"", self.ink)
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ink != INK {
            write!(f, " fill=\"{}\"", self.ink)?;
        }
        f.write_str(&self.attributes)
    }
}

/// `None`: the terminal's own.
fn colour(colour: Color) -> Option<String> {
    const NAMED: [u32; 16] = [
        0x14161a, 0xff7b72, 0x56d364, 0xe3b341, 0x6cb6ff, 0xb392f0, 0x76e3ea, 0xb1bac4, 0x6e7681, 0xffa198, 0x7ee787,
        0xf2cc60, 0x9cd0ff, 0xd2a8ff, 0xb3f0ff, 0xffffff,
    ];
    let hex = match colour {
        Color::Reset => return None,
        Color::Rgb(red, green, blue) => u32::from(red) << 16 | u32::from(green) << 8 | u32::from(blue),
        Color::Black => NAMED[0],
        Color::Red => NAMED[1],
        Color::Green => NAMED[2],
        Color::Yellow => NAMED[3],
        Color::Blue => NAMED[4],
        Color::Magenta => NAMED[5],
        Color::Cyan => NAMED[6],
        Color::Gray => NAMED[7],
        Color::DarkGray => NAMED[8],
        Color::LightRed => NAMED[9],
        Color::LightGreen => NAMED[10],
        Color::LightYellow => NAMED[11],
        Color::LightBlue => NAMED[12],
        Color::LightMagenta => NAMED[13],
        Color::LightCyan => NAMED[14],
        Color::White => NAMED[15],
        Color::Indexed(index @ 0..16) => NAMED[usize::from(index)],
        // A cube of six steps each, then 24 greys, as xterm has them.
        Color::Indexed(index @ 16..232) => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * u32::from(n) };
            let n = index - 16;
            step(n / 36) << 16 | step(n / 6 % 6) << 8 | step(n % 6)
        }
        Color::Indexed(index) => (8 + 10 * u32::from(index - 232)) * 0x01_01_01,
    };
    Some(format!("#{hex:06x}"))
}

/// Outside text is data, here too. What XML can't hold at all becomes a blank.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_each_letter_has_its_place_and_colour() {
        let seen = svg("\x1b[1;31ma <b>&\x1b[0m", 20);
        let red = "<text x=\"0 16 24 32 40\" y=\"13\" fill=\"#ff7b72\" font-weight=\"bold\">a&lt;b&gt;&amp;</text>";
        assert!(seen.contains(red), "{seen}");
        assert!(!seen.contains("<b>"), "{seen}");
    }

    #[test]
    fn a_wide_character_takes_two_columns() {
        let seen = svg("漢x", 20);
        assert!(seen.contains("<text x=\"8\" y=\"13\" text-anchor=\"middle\">漢</text>"), "{seen}");
        assert!(seen.contains("<text x=\"16\" y=\"13\">x</text>"), "{seen}");
    }

    #[test]
    fn lines_and_bars_are_shapes_and_reversed_cells_have_a_background() {
        let seen = svg("──│▄\n\x1b[7mx\x1b[0m", 20);
        assert!(seen.contains("<path d=\"M0 9h16\""), "{seen}");
        assert!(seen.contains("<path d=\"M20 0V18\""), "{seen}");
        assert!(seen.contains("<rect x=\"24\" y=\"9\" width=\"8\" height=\"9\""), "{seen}");
        assert!(seen.contains("<rect x=\"0\" y=\"18\" width=\"8\" height=\"18\" fill=\"#d7dae0\"/>"), "{seen}");
        assert_eq!(seen, svg("──│▄\n\x1b[7mx\x1b[0m", 20));
    }
}
