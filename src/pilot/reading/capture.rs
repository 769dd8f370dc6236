//! A screen as `tmux capture-pane` prints it, with colours (`-e`) or without: its letters, and which of them are grey. Obeys
//! no sequence: those that are not about grey are left out.
//!
//! Programs write hints in grey into an empty composer; without colours they look like somebody's draft.

use super::super::fact::Screen;
use super::super::message::is_hostile;

/// How the letters that follow are drawn.
#[derive(Clone, Copy, Default)]
struct Pen {
    faint: bool,
    inverse: bool,
}

type Letter = (char, Pen);

/// The screen of a captured text.
pub fn screen(text: &str) -> Screen {
    let mut pen = Pen::default();
    // A colour lasts beyond the end of its line.
    let rows: Vec<Vec<Letter>> = text.lines().map(|line| letters(line, &mut pen)).collect();
    let grey = rows.iter().flatten().any(|(_, pen)| pen.faint);
    let shown = |row: &Vec<Letter>| trimmed(row.iter().map(|(c, _)| *c).collect());
    Screen {
        lines: rows.iter().map(shown).collect(),
        solid: if grey { rows.iter().map(|row| trimmed(solid(row))).collect() } else { Vec::new() },
        ..Screen::default()
    }
}

fn trimmed(mut line: String) -> String {
    line.truncate(line.trim_end().len());
    line
}

/// A program that draws its own cursor inverts the letter on which it stands: before a grey one it belongs to the hint.
fn solid(row: &[Letter]) -> String {
    let grey = |at: usize| {
        let faint = |at: usize| row.get(at).is_some_and(|(_, pen)| pen.faint);
        faint(at) || (row[at].1.inverse && faint(at + 1))
    };
    row.iter().enumerate().map(|(at, (c, _))| if grey(at) { ' ' } else { *c }).collect()
}

fn letters(line: &str, pen: &mut Pen) -> Vec<Letter> {
    let mut letters = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{1b}' => rest = after_sequence(rest, pen),
            c if is_hostile(c) => {}
            c => letters.push((c, *pen)),
        }
    }
    letters
}

/// What follows the sequence that begins behind an escape character.
fn after_sequence<'a>(rest: &'a str, pen: &mut Pen) -> &'a str {
    let mut chars = rest.chars();
    match chars.next() {
        Some('[') => {
            let body = chars.as_str();
            let Some(end) = body.find(|c: char| ('@'..='~').contains(&c)) else { return "" };
            if body[end..].starts_with('m') {
                pen.take(&body[..end]);
            }
            &body[end + 1..]
        }
        // Titles, links and the like end with a bell or with `ESC \`.
        Some(']' | 'P' | '^' | '_' | 'X') => {
            let body = chars.as_str();
            let end = body.find(['\u{7}', '\u{1b}']).map_or("", |end| &body[end + 1..]);
            end.strip_prefix('\\').unwrap_or(end)
        }
        // The choice of a set of letters.
        Some('(' | ')' | '*' | '+') => {
            chars.next();
            chars.as_str()
        }
        Some(_) | None => chars.as_str(),
    }
}

impl Pen {
    /// Takes the numbers of one `ESC [ … m`.
    fn take(&mut self, numbers: &str) {
        let mut numbers = numbers.split(';');
        while let Some(number) = numbers.next() {
            match number {
                "" | "0" => *self = Pen::default(),
                "2" => self.faint = true,
                "22" => self.faint = false,
                "7" => self.inverse = true,
                "27" => self.inverse = false,
                // A colour: of the 256 its number follows, else three parts, of which none is an order of its own.
                "38" | "48" | "58" => {
                    let parts = if numbers.next() == Some("5") { 1 } else { 3 };
                    numbers.by_ref().take(parts).for_each(drop);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_letters_and_the_cursor_before_them_are_blanks_in_the_solid_lines() {
        let seen = screen("a\u{1b}[2mb\u{1b}[0mc\n\u{1b}[7mO\u{1b}[0;2mnce\u{1b}[22m x\u{1b}[7my\u{1b}[0mz");
        assert_eq!(seen.lines, ["abc", "Once xyz"]);
        assert_eq!(seen.solid, ["a c", "     xyz"]);
    }

    #[test]
    fn grey_lasts_over_the_end_of_a_line_and_numbers_of_colours_are_no_orders() {
        assert_eq!(screen("\u{1b}[2ma\nb").solid, ["", ""]);
        assert_eq!(screen("\u{1b}[38;5;2ma\u{1b}[48;2;2;2;2mb\u{1b}[38:5:2mc").solid, Vec::<String>::new());
    }

    #[test]
    fn other_sequences_are_left_out_and_a_broken_one_ends_its_line() {
        let seen =
            screen("\u{1b}]0;title\u{7}a\u{1b}]8;;x\u{1b}\\b\u{1b}(Bc\u{1b}[3Jd\u{1b}Me\u{1b}[1;\nf\u{7}\u{202e}g  ");
        assert_eq!(seen.lines, ["abcde", "fg"]);
    }
}
