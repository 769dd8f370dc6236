//! The text being written: typed characters and pastes, long ones shown as `[Pasted text #1 +20 lines]`.
//!
//! Has no cursor to move: everything happens at the end. Draws nothing.

/// A paste of at least this many lines is collapsed, as Claude Code does.
const COLLAPSE_LINES: usize = 4;
/// A paste of more than this many characters is collapsed, as Claude Code does.
const COLLAPSE_CHARS: usize = 800;
/// Text above this is dropped: twice the largest paste.
const TEXT_CAP: usize = 8 * 1024 * 1024;

/// Whether long pastes are shown in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Collapse {
    #[default]
    On,
    Off,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Pasted { number: u32, text: String },
}

/// What stands after the `❯`.
#[derive(Debug, Default)]
pub(super) struct Composer {
    pieces: Vec<Piece>,
    collapse: Collapse,
    /// Collapsed pastes so far: the number of the next one is one more.
    pastes: u32,
}

impl Composer {
    pub(super) fn new(collapse: Collapse) -> Self {
        Composer { collapse, ..Composer::default() }
    }

    /// Nothing to submit.
    pub(super) fn is_blank(&self) -> bool {
        self.text().trim().is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Types one character; `'\n'` begins a new line.
    pub(super) fn push(&mut self, c: char) {
        if self.text_len() >= TEXT_CAP {
            return;
        }
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push(c);
        } else {
            self.pieces.push(Piece::Text(c.to_string()));
        }
    }

    /// Takes in a paste; its line breaks become LF, as agents do with them.
    pub(super) fn paste(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
        if text.is_empty() || self.text_len() + text.len() > TEXT_CAP {
            return;
        }
        let long = text.split('\n').count() >= COLLAPSE_LINES || text.chars().count() > COLLAPSE_CHARS;
        if long && self.collapse == Collapse::On {
            self.pastes += 1;
            self.pieces.push(Piece::Pasted { number: self.pastes, text });
        } else if let Some(Piece::Text(before)) = self.pieces.last_mut() {
            before.push_str(&text);
        } else {
            self.pieces.push(Piece::Text(text));
        }
    }

    /// Takes back one character, or a whole collapsed paste.
    pub(super) fn backspace(&mut self) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.pop();
            if !text.is_empty() {
                return;
            }
        }
        self.pieces.pop();
    }

    /// Clears the last line; an empty one goes altogether, so that repeating it clears all.
    pub(super) fn clear_line(&mut self) {
        while let Some(piece) = self.pieces.last_mut() {
            let Piece::Text(text) = piece else {
                self.pieces.pop();
                continue;
            };
            match text.rfind('\n') {
                Some(at) if at + 1 == text.len() => text.truncate(at),
                Some(at) => text.truncate(at + 1),
                None => {
                    self.pieces.pop();
                    continue;
                }
            }
            if text.is_empty() {
                self.pieces.pop();
            }
            return;
        }
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// The full text: what is submitted.
    pub(super) fn text(&self) -> String {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Pasted { text, .. } => text.as_str(),
        });
        texts.collect()
    }

    /// What is shown.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => shown.push_str(text),
                Piece::Pasted { number, text } => match text.matches('\n').count() {
                    0 => shown.push_str(&format!("[Pasted text #{number}]")),
                    lines => shown.push_str(&format!("[Pasted text #{number} +{lines} lines]")),
                },
            }
        }
        shown
    }

    fn text_len(&self) -> usize {
        let lens = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Pasted { text, .. } => text.len(),
        });
        lens.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_paste_is_collapsed_and_submitted_whole() {
        let mut composer = Composer::new(Collapse::On);
        let text = (0..21).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        composer.push('x');
        composer.paste(text.as_bytes());
        composer.paste("y".repeat(801).as_bytes());
        assert_eq!(composer.shown(), "x[Pasted text #1 +20 lines][Pasted text #2]");
        assert_eq!(composer.text(), format!("x{text}{}", "y".repeat(801)));
        composer.backspace();
        assert_eq!(composer.shown(), "x[Pasted text #1 +20 lines]");
    }

    #[test]
    fn short_pastes_and_those_with_collapsing_off_stand_as_they_are() {
        let mut composer = Composer::new(Collapse::On);
        composer.paste(b"a\r\nb\rc");
        assert_eq!(composer.shown(), "a\nb\nc");
        let mut composer = Composer::new(Collapse::Off);
        composer.paste(b"1\n2\n3\n4\n5");
        assert_eq!(composer.shown(), "1\n2\n3\n4\n5");
    }

    #[test]
    fn clearing_lines_one_by_one_ends_empty() {
        let mut composer = Composer::new(Collapse::Off);
        composer.paste(b"one\ntwo\nthree");
        let seen: Vec<String> = std::iter::from_fn(|| {
            composer.clear_line();
            (!composer.is_empty()).then(|| composer.shown())
        })
        .collect();
        assert_eq!(seen, ["one\ntwo\n", "one\ntwo", "one\n", "one"]);
    }
}
