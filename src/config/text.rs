//! The text of one file and the places in it. Knows nothing of what the text means.

use super::problem::Problem;

/// Line and column, both from 1; columns are characters, as editors count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// A file's name and content, decoded.
#[derive(Clone, Debug)]
pub struct Text {
    pub name: String,
    /// Without a byte order mark.
    pub text: String,
    /// Byte offset at which each line begins.
    starts: Vec<usize>,
}

impl Text {
    /// Decodes a file: UTF-8, with or without a byte order mark.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, Box<Problem>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Text::of(name, text)),
            Err(why) => Err(Box::new(not_utf8(name, bytes, why.valid_up_to()))),
        }
    }

    /// A text that is already one.
    pub fn of(name: &str, text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        Text { name: name.to_string(), text: text.to_string(), starts }
    }

    /// Where a byte offset is; beyond the end: the end.
    pub fn place(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        Place { line, column }
    }

    /// Lines of more bytes than that.
    pub fn lines_over(&self, bytes: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let lines = (1..=self.starts.len()).map(|line| self.line(line));
        lines.filter(move |line| line.len() > bytes)
    }

    /// The bytes of one line, from 1, without its line break; the last one for lines beyond the end.
    pub fn line(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.starts[line.clamp(1, self.starts.len()) - 1];
        let length = self.text[start..].lines().next().map_or(0, str::len);
        start..start + length
    }
}

fn not_utf8(name: &str, bytes: &[u8], offset: usize) -> Problem {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Problem::of(name, "the text is UTF-16").expected("UTF-8").help("save it as UTF-8");
    }
    let good = Text::of(name, &String::from_utf8_lossy(&bytes[..offset]));
    Problem::at(&good, offset..offset, "", format!("byte {:#04x} at offset {offset} is not UTF-8", bytes[offset]))
        .help("save it as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = Text::of("f", "äb\r\nc\n");
        assert_eq!(text.place(0), Place { line: 1, column: 1 });
        assert_eq!(text.place(2), Place { line: 1, column: 2 });
        assert_eq!(text.place(5), Place { line: 2, column: 1 });
        assert_eq!(text.place(999), Place { line: 3, column: 1 });
        assert_eq!(&text.text[text.line(1)], "äb");
        assert_eq!(&text.text[text.line(9)], "");
    }

    #[test]
    fn a_file_that_is_no_text_says_at_which_byte() {
        let problem = Text::decode("f", b"ok\nab\xffc").expect_err("it is Latin-1");
        assert_eq!(problem.to_string(), "f:2:3: byte 0xff at offset 5 is not UTF-8; save it as UTF-8");
        assert!(Text::decode("f", b"\xff\xfea\0").expect_err("it is UTF-16").found.contains("UTF-16"));
        assert_eq!(Text::decode("f", b"\xef\xbb\xbfa").expect("a BOM is fine").text, "a");
    }
}
