//! Outside text on its way to the operator's terminal: the encoder (fault U3). Pane text, commit subjects, file
//! contents, paths and error texts of other programs go through here before anybody sees them, whoever shows them.
//!
//! It makes text harmless, not pretty: wrapping and colours are the caller's.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::pilot::message::is_hostile;

/// Marks above and below one letter. No script needs more, and more would run over the lines around it.
const MARKS: usize = 4;

/// The text as one line: line breaks and tabs become spaces, whatever could act on a terminal or can't be seen is dropped.
pub fn line(text: &str) -> String {
    if is_plain(text) {
        return text.to_string();
    }
    let spaced = text.trim_end_matches(['\n', '\r']).replace("\r\n", " ");
    seen(spaced.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }))
}

/// Most of what we show: nothing in it needs a second look.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// The text with its lines kept: tabs become four spaces, whatever could act on a terminal or can't be seen is dropped.
pub fn block(text: &str) -> String {
    seen(text.replace("\r\n", "\n").replace('\t', "    ").chars())
}

/// Characters that act on a terminal, hide what a text says, or make two texts look the same.
pub fn is_unseen(c: char) -> bool {
    let space =
        matches!(c, '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{ad}' | '\u{34f}' | '\u{180e}');
    let filler = matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}');
    let tag = matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    is_hostile(c) || space || filler || tag
}

/// What of it may be shown. Joiners stay where they join something: in emoji and in scripts that need them, not in words of
/// ASCII.
fn seen(chars: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    let mut marks = 0;
    for c in chars.filter(|c| !is_unseen(*c)) {
        let joins_nothing =
            matches!(c, '\u{200c}' | '\u{200d}') && shown.chars().next_back().is_none_or(|c| c.is_ascii());
        marks = if c != '\n' && c.width() == Some(0) { marks + 1 } else { 0 };
        if !joins_nothing && marks <= MARKS {
            shown.push(c);
        }
    }
    shown
}

/// Cut to so many columns, with `…` in place of what was cut. Expects one clean line.
pub fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_string();
    }
    let mut clipped = String::new();
    let mut used = 0;
    for (c, wide) in columns_of(text) {
        used += wide;
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

/// Letters and their columns. The sign for "as an emoji" makes what stands before it wide.
fn columns_of(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = chars.next()?;
        Some((c, if chars.peek() == Some(&'\u{fe0f}') { 2 } else { c.width().unwrap_or(0) }))
    })
}

/// Cut into rows of at most so many columns, between words where there are any. Expects one clean line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = word.width();
        if used > 0 && used + 1 + wide <= columns {
            rows.last_mut().expect("it begins with one row").push(' ');
            used += 1;
        } else if used > 0 {
            rows.push(String::new());
            used = 0;
        }
        for (c, wide) in columns_of(word) {
            if used + wide > columns && used > 0 {
                rows.push(String::new());
                used = 0;
            }
            rows.last_mut().expect("it begins with one row").push(c);
            used += wide;
        }
    }
    rows
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

    /// What comes in, and the one line that is shown.
    const CORPUS: [(&str, &str, &str); 24] = [
        ("colours", "a\u{1b}[31mb\u{1b}[0m", "a[31mb[0m"),
        ("a cleared screen", "\u{1b}[2J\u{1b}[Hx", "[2J[Hx"),
        ("the other screen", "\u{1b}[?1049hx", "[?1049hx"),
        ("a terminal's reset", "\u{1b}cx", "cx"),
        ("a question whose answer is typed", "\u{1b}[6n\u{1b}[c\u{5}x", "[6n[cx"),
        ("the clipboard, OSC 52", "a\u{1b}]52;c;aGk=\u{7}b", "a]52;c;aGk=b"),
        ("a link, OSC 8", "\u{1b}]8;;http://e\u{1b}\\x\u{1b}]8;;\u{1b}\\", "]8;;http://e\\x]8;;\\"),
        ("a title, OSC 0", "\u{1b}]0;root\u{7}x", "]0;rootx"),
        ("a device's string, DCS", "\u{1b}P1$r0m\u{1b}\\x", "P1$r0m\\x"),
        ("a tmux passthrough", "\u{1b}Ptmux;\u{1b}\u{1b}[2J\u{1b}\\x", "Ptmux;[2J\\x"),
        ("an application's string, APC", "\u{1b}_Gx\u{1b}\\", "_Gx\\"),
        ("C1: CSI, DCS, OSC, ST", "\u{9b}31m\u{90}q\u{9d}0;x\u{9c}", "31mq0;x"),
        ("C1: next line and index", "a\u{85}b\u{84}c\u{8d}d", "abcd"),
        ("backspaces over what was said", "safe\u{8}\u{8}\u{8}\u{8}evil", "safeevil"),
        ("a return to the line's start", "safe\revil", "safe evil"),
        ("bell, NUL, DEL, shift", "a\u{7}\0\u{7f}\u{e}\u{f}b", "ab"),
        ("overrides of direction", "a\u{202e}b\u{202d}c\u{202a}d\u{202b}e\u{202c}f", "abcdef"),
        ("isolates of direction", "a\u{2066}b\u{2067}c\u{2068}d\u{2069}e", "abcde"),
        ("marks of direction", "a\u{200e}b\u{200f}c\u{61c}d", "abcd"),
        ("spaces of no width", "a\u{200b}b\u{2060}c\u{feff}d\u{ad}e\u{180e}f", "abcdef"),
        ("joiners that join nothing", "ro\u{200d}ot\u{200c}", "root"),
        ("fillers and tags", "a\u{3164}b\u{115f}c\u{e0041}d\u{fff9}e", "abcde"),
        ("other line breaks", "a\u{2028}b\u{2029}c\u{b}d\u{c}e", "abcde"),
        ("a tower of marks", "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x", "e\u{301}\u{301}\u{301}\u{301}x"),
    ];

    #[test]
    fn nothing_that_acts_on_a_terminal_gets_through() {
        for (what, outside, shown) in CORPUS {
            assert_eq!(line(outside), shown, "{what}");
            assert_eq!(line(&block(outside)), line(outside).replace("safe evil", "safeevil"), "{what}");
        }
        assert_eq!(block("one\r\ntwo\tthree\rfour\n\u{1b}c"), "one\ntwo    threefour\nc");
        assert_eq!(line("one\r\ntwo\tthree\rfour\n"), "one two three four");
    }

    #[test]
    fn what_people_write_is_shown_as_they_wrote_it() {
        for text in ["日本語", "👩‍👩‍👧 ❤️ 🏳️‍🌈", "می‌خواهم", "क्‍ष", "née e\u{301}te\u{301}", "● WAITING – “ok”…"]
        {
            assert_eq!((line(text).as_str(), block(text).as_str()), (text, text));
        }
    }

    #[test]
    fn a_clipped_text_never_takes_more_columns_than_it_was_given() {
        assert_eq!(clip("builder", 7), "builder");
        assert_eq!(clip("builder", 6), "build…");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("日本語", 0), "");
        // Two letters of one column each, made wide by what follows them.
        assert_eq!(clip("🏳\u{fe0f}🏳\u{fe0f}", 3), "🏳\u{fe0f}…");
    }

    #[test]
    fn a_text_is_wrapped_between_words_and_within_those_that_are_too_long() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("🏳\u{fe0f}🏳\u{fe0f}", 3), ["🏳\u{fe0f}", "🏳\u{fe0f}"]);
    }

    #[test]
    fn in_ascii_every_column_stays_where_it_was() {
        assert_eq!(ascii("● builder  日本 né… ●"), "* builder  ???? n?~ *");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_only_harmless_text_comes_out(text in ".*", wild in prop::collection::vec(any::<char>(), 0..40)) {
            let text = text + &wild.into_iter().collect::<String>();
            prop_assert!(!line(&text).chars().any(|c| c.is_control() || is_unseen(c)));
            prop_assert!(!block(&text).chars().any(|c| (c.is_control() && c != '\n') || is_unseen(c)));
            prop_assert!(clip(&line(&text), 10).width() <= 10);
            prop_assert!(ascii(&line(&text)).is_ascii());
        }
    }
}
