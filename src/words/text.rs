//! Outside text on its way to the operator's terminal: the encoder (fault U3). Pane text, commit subjects, file
//! contents, paths and error texts of other programs go through here before anybody sees them.
//!
//! It makes text harmless, not pretty: wrapping and colours are the caller's.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::pilot::message::is_hostile;

/// The text as one line: line breaks and tabs become spaces, whatever could act on a terminal is dropped.
pub fn line(text: &str) -> String {
    let spaced = text.trim_end_matches(['\n', '\r']).replace("\r\n", " ");
    spaced.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).filter(|c| !is_hostile(*c)).collect()
}

/// The text with its lines kept: tabs become four spaces, whatever could act on a terminal is dropped.
pub fn block(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\t', "    ").chars().filter(|c| !is_hostile(*c)).collect()
}

/// Cut to so many columns, with `…` in place of what was cut. Expects one clean line.
pub fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_string();
    }
    let mut clipped = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        // One column is kept for the mark itself.
        if used >= columns {
            break;
        }
        clipped.push(c);
    }
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

/// The same in ASCII, column for column: our own signs by look-alikes, other letters by `?`.
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{0}'..='\u{7f}' => plain.push(c),
            '●' => plain.push('*'),
            '○' => plain.push('o'),
            '◐' | '…' => plain.push('~'),
            '△' => plain.push('^'),
            '·' | '–' | '—' => plain.push('-'),
            '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            other => plain.extend(std::iter::repeat_n('?', other.width().unwrap_or(0))),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        let hostile = "a\u{1b}]52;c;aGk=\u{7}b\u{9b}31mc\u{90}q\u{9c}d\u{202e}e\u{8}\u{7f}f";
        assert_eq!(line(hostile), "a]52;c;aGk=b31mcqdef");
        assert_eq!(block("one\r\ntwo\tthree\rfour\n\u{1b}c"), "one\ntwo    threefour\nc");
        assert_eq!(line("one\r\ntwo\tthree\rfour\n"), "one two three four");
    }

    #[test]
    fn a_clipped_text_never_takes_more_columns_than_it_was_given() {
        assert_eq!(clip("builder", 7), "builder");
        assert_eq!(clip("builder", 6), "build…");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("日本語", 0), "");
    }

    #[test]
    fn in_ascii_every_column_stays_where_it_was() {
        assert_eq!(ascii("● builder  日本 né… ●"), "* builder  ???? n?~ *");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_only_harmless_text_comes_out(text in ".*", wild in prop::collection::vec(any::<char>(), 0..40)) {
            let text = text + &wild.into_iter().collect::<String>();
            prop_assert!(!line(&text).chars().any(|c| c.is_control() || is_hostile(c)));
            prop_assert!(!block(&text).chars().any(|c| (c.is_control() && c != '\n') || is_hostile(c)));
            prop_assert!(clip(&line(&text), 10).width() <= 10);
            prop_assert!(ascii(&line(&text)).is_ascii());
        }
    }
}
