//! What changed in an `INBOX-<agent>.md`: a file that only ever grows, by entries that begin with a line
//!
//! ```text
//! ### 2026-11-21T05:00:00Z from builder
//! ```
//!
//! at the margin and outside of code fences: the time in UTC as RFC 3339 with `Z`, the sender a name of at most 32
//! letters, digits, `_` and `-`. Compares two versions, says how many entries are new, and reads none of them.

use chrono::DateTime;

use super::done::lines;

/// How one version follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxChange {
    /// So many new entries, and what was there before is untouched.
    Appended(u32),
    /// Old text was changed or taken away: nobody can say what is new.
    Rewritten,
    /// Nothing but blanks.
    Same,
    /// New text that holds no entry, or bytes that are no text of a sane size.
    Flawed,
}

/// What is new in `new`; a file that was not there before is empty.
pub fn new_entries(old: &[u8], new: &[u8]) -> InboxChange {
    // Blanks at the end come and go with editors.
    let kept = old.trim_ascii_end();
    let Some(grown) = new.strip_prefix(kept) else { return InboxChange::Rewritten };
    if grown.trim_ascii().is_empty() {
        return InboxChange::Same;
    }
    if !kept.is_empty() && !breaks_line(grown) {
        return InboxChange::Rewritten;
    }
    // Counted in whole files: only so an open fence of the old part is known.
    let (Some(before), Some(after)) = (entries(kept), entries(new)) else { return InboxChange::Flawed };
    match after.saturating_sub(before) {
        0 => InboxChange::Flawed,
        more => InboxChange::Appended(u32::try_from(more).unwrap_or(u32::MAX)),
    }
}

/// Whether the new part begins on a line of its own.
fn breaks_line(grown: &[u8]) -> bool {
    grown.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b'\n')
}

fn entries(text: &[u8]) -> Option<usize> {
    lines(text).map(|lines| lines.filter(|line| is_entry(line)).count())
}

fn is_entry(line: &str) -> bool {
    let heading = line.trim_end_matches([' ', '\t', '\r']).strip_prefix("### ");
    let Some((time, sender)) = heading.and_then(|heading| heading.split_once(" from ")) else { return false };
    let utc = time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z');
    let named = (1..=32).contains(&sender.len())
        && sender.starts_with(|c: char| c.is_ascii_alphanumeric())
        && sender.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    utc && named && DateTime::parse_from_rfc3339(time).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "# INBOX\n\n### 2026-11-21T05:00:00Z from builder\n\nLook at 1a.\n";
    const TWO: &str = "\n### 2026-11-21T06:00:00.5Z from op-1\nAnd at 1b.\n";

    fn change(old: &str, new: &str) -> InboxChange {
        new_entries(old.as_bytes(), new.as_bytes())
    }

    #[test]
    fn new_entries_are_counted() {
        let both = format!("{ONE}{TWO}");
        assert_eq!(change("", ONE), InboxChange::Appended(1));
        assert_eq!(change("", &both), InboxChange::Appended(2));
        assert_eq!(change(ONE, &both), InboxChange::Appended(1));
        assert_eq!(change(ONE.trim_end(), &both), InboxChange::Appended(1));
        assert_eq!(change(&format!("{ONE}\n\n"), &both), InboxChange::Appended(1));
        assert_eq!(change("", "### 2026-11-21T05:00:00Z from night_shift-2\n"), InboxChange::Appended(1));
        assert_eq!(change(ONE, &format!("{ONE}one more word\n{TWO}")), InboxChange::Appended(1));
    }

    #[test]
    fn the_same_text_is_no_news() {
        assert_eq!(change("", ""), InboxChange::Same);
        assert_eq!(change(ONE, ONE), InboxChange::Same);
        assert_eq!(change(ONE, ONE.trim_end()), InboxChange::Same);
        assert_eq!(change(ONE, &format!("{ONE}\n \n")), InboxChange::Same);
    }

    #[test]
    fn whatever_touches_old_text_is_a_rewrite() {
        assert_eq!(change(ONE, ""), InboxChange::Rewritten);
        assert_eq!(change(ONE, TWO), InboxChange::Rewritten);
        assert_eq!(change(ONE, &ONE.replace("1a", "1b")), InboxChange::Rewritten);
        assert_eq!(change(ONE, &format!("{}, now{TWO}", ONE.trim_end())), InboxChange::Rewritten);
        assert_eq!(change(ONE, &format!("{TWO}{ONE}")), InboxChange::Rewritten);
    }

    #[test]
    fn text_without_an_entry_is_flawed() {
        let bad = [
            "hello",
            "### from builder",
            "### 2026-11-21 from builder",
            "### 2026-11-21T05:00:00 from builder",
            "### 2026-11-21T05:00:00+00:00 from builder",
            "### 2026-11-21 05:00:00Z from builder",
            "### 2026-13-21T05:00:00Z from builder",
            "### 2026-11-21T05:00:00Z from ",
            "### 2026-11-21T05:00:00Z from two words",
            "### 2026-11-21T05:00:00Z from -builder",
            "### 2026-11-21T05:00:00Z from a-name-of-thirty-three-letters-now",
            "### 2026-11-21T05:00:00Z from \u{1b}[31m",
            "### 2026-11-21T05:00:00Z by builder",
            "## 2026-11-21T05:00:00Z from builder",
            " ### 2026-11-21T05:00:00Z from builder",
            "> ### 2026-11-21T05:00:00Z from builder",
            "```\n### 2026-11-21T05:00:00Z from builder\n```",
        ];
        for text in bad {
            assert_eq!(change("", text), InboxChange::Flawed, "{text}");
            assert_eq!(change(ONE, &format!("{ONE}{text}")), InboxChange::Flawed, "{text}");
        }
        assert_eq!(new_entries(b"", b"\xff\xfe"), InboxChange::Flawed);
        assert_eq!(new_entries(b"", &vec![b'x'; (1 << 20) + 1]), InboxChange::Flawed);
    }
}
