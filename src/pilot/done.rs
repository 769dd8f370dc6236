//! When a status file says that its phase is done: one line that is exactly `## DONE`, at the margin, with nothing but
//! blanks behind it, outside of code fences and comments (faults F1, F2). A quote, a list, indented code or another word
//! is something else by the first byte of its line. Reads no file and knows nothing of phases: whose file it is, the
//! caller knows by its name.

/// Larger files are no status files; ten years of status fit.
pub const STATUS_CAP: usize = 1024 * 1024;

/// Whether the bytes of a status file say that it is done.
///
/// Bytes that are not UTF-8, hold a NUL (so UTF-16 too) or exceed [`STATUS_CAP`] say nothing, and nothing is not done.
/// A fence or comment that is never closed hides all that follows.
pub fn is_done(text: &[u8]) -> bool {
    lines(text).is_some_and(|mut lines| lines.any(|line| line.trim_end_matches([' ', '\t', '\r']) == "## DONE"))
}

/// The lines of a markdown text that stand outside of code fences and comments; `None` for what is no text.
pub(super) fn lines(text: &[u8]) -> Option<impl Iterator<Item = &str>> {
    if text.len() > STATUS_CAP || text.contains(&0) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let mut hidden = Hidden::No;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Some(text.split('\n').filter(move |line| {
        let before = hidden;
        hidden = hidden.after(line);
        before == Hidden::No && hidden == Hidden::No
    }))
}

/// Why the lines from here on don't count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hidden {
    No,
    /// In a fence of so many of this character.
    Fence(char, usize),
    Comment,
}

impl Hidden {
    fn after(self, line: &str) -> Self {
        match self {
            Hidden::No => match fence(line) {
                Some((mark, length, _)) => Hidden::Fence(mark, length),
                None if opens_comment(line) => Hidden::Comment,
                None => Hidden::No,
            },
            Hidden::Fence(mark, length) => match fence(line) {
                Some((other, long, "")) if other == mark && long >= length => Hidden::No,
                _ => self,
            },
            Hidden::Comment if line.contains("-->") => Hidden::No,
            Hidden::Comment => self,
        }
    }
}

/// A fence's character, its length, and what follows it. At any depth: in a list it stands further in.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let text = line.trim();
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = text.trim_start_matches(mark);
    let length = text.len() - rest.len();
    // Three back-ticks with more of them behind are code inside a line.
    (length >= 3 && !(mark == '`' && rest.contains('`'))).then_some((mark, length, rest.trim()))
}

/// Whether a comment begins here and goes on: not one that is closed again, nor one inside code.
fn opens_comment(line: &str) -> bool {
    let Some(at) = line.rfind("<!--") else { return false };
    let in_code = line[..at].matches('`').count() % 2 == 1;
    !in_code && !line[at..].contains("-->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_line_is_done() {
        let done: [&[u8]; 14] = [
            b"## DONE",
            b"## DONE\n",
            b"## DONE\r\n",
            b"## DONE  \t\n",
            b"# STATUS 1a\n\nall good\n\n## DONE\n\nmore\n",
            b"\xef\xbb\xbf## DONE\n",
            b"```\ncode\n```\n## DONE\n",
            b"~~~\n```\n~~~\n## DONE\n",
            b"````\n```\n## DONE\n````\n## DONE\n",
            b"<!-- a -->\n## DONE\n",
            b"<!--\nx\n-->\n## DONE\n",
            b"say `<!--` here\n## DONE\n",
            b"```inline``` code\n## DONE\n",
            b"- a list\n## DONE\n",
        ];
        for text in done {
            assert!(is_done(text), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn nothing_that_looks_like_it_is_done() {
        let open: [&[u8]; 32] = [
            b"",
            b"\n",
            b"# DONE",
            b"### DONE",
            b"##DONE",
            b"##  DONE",
            b"##\tDONE",
            b"## Done",
            b"## DONE.",
            b"## DONE ##",
            b"## DONE (almost)",
            b"## DONE: 1a",
            b"## NOT DONE",
            b" ## DONE",
            b"    ## DONE",
            b"\t## DONE",
            b"> ## DONE",
            b"- ## DONE",
            b"1. ## DONE",
            b"write `## DONE` when finished",
            b"`## DONE`",
            b"\\## DONE",
            b"```\n## DONE\n```\n",
            b"~~~ text\n## DONE\n~~~\n",
            b"````\n```\n## DONE\n```\n",
            b"```\n## DONE\n",
            b"  ```\n## DONE\n  ```\n",
            b"<!--\n## DONE\n-->\n",
            b"done? <!-- not yet\n## DONE\n-->\n",
            b"\xff\xfe#\0#\0 \0D\0O\0N\0E\0\n\0",
            b"## DONE\n\0",
            b"\xfe## DONE\n## DONE\n",
        ];
        for text in open {
            assert!(!is_done(text), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_file_of_an_insane_size_is_not_done() {
        let mut text = b"## DONE\n".to_vec();
        text.resize(STATUS_CAP, b'x');
        assert!(is_done(&text));
        text.push(b'x');
        assert!(!is_done(&text));
    }

    #[test]
    fn every_half_written_file_is_open_until_its_last_byte() {
        let text = "# STATUS 1a\n\n```\n## DONE\n```\nétat: bon\n\n## DONE";
        for end in 0..text.len() {
            assert!(!is_done(&text.as_bytes()[..end]), "{end}");
        }
        assert!(is_done(text.as_bytes()));
    }
}
