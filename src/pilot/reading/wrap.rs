//! Lines that a program has broken only because the terminal is narrow, put together again, so that a rule gives the
//! same verdict at 40 and at 200 columns (fault T12). A guess: nothing on a screen says why a line ended.

use std::borrow::Cow;

use super::line::{Line, columns};
use super::page::Width;

/// Columns that programs leave free at the right.
const SLACK: usize = 4;
/// A word of this width is broken anywhere: whether it would have fitted says nothing.
const LONGEST_WORD: usize = 30;
/// Lines put together into one, at most: a paragraph.
const JOIN_CAP: usize = 12;

/// The lines, none of them empty, with every continuation appended to the line it belongs to.
pub(super) fn joined<'l>(lines: &[&'l Line<'_>], width: Width) -> Vec<Cow<'l, str>> {
    let mut whole: Vec<Cow<'l, str>> = Vec::with_capacity(lines.len());
    let mut parts = 0;
    let mut last: Option<&Line<'_>> = None;
    for line in lines {
        if parts < JOIN_CAP
            && let (Some(last), Some(open)) = (last.filter(|last| continues(last, &line.text, width)), whole.last_mut())
        {
            if !is_cut(last, width) {
                open.to_mut().push(' ');
            }
            open.to_mut().push_str(line.text.trim_start());
            parts += 1;
        } else {
            whole.push(Cow::Borrowed(&*line.text));
            parts = 1;
        }
        last = Some(line);
    }
    whole
}

/// Whether the line was cut inside a word: it fills the screen to its last column. What ends a sentence ends a word as well.
fn is_cut(line: &Line<'_>, width: Width) -> bool {
    width.known && line.columns >= width.columns && !line.text.ends_with(['?', '!', ';'])
}

/// Whether `line` goes on with what `last` began: there was no room for its first word.
pub(super) fn continues(last: &Line<'_>, line: &str, width: Width) -> bool {
    let room = width.columns.saturating_sub(SLACK);
    // Where the longest word had room, any had.
    if last.columns + 1 + LONGEST_WORD <= room {
        return false;
    }
    let text = line.trim_start();
    let word = columns(text.split(' ').next().unwrap_or_default()).min(LONGEST_WORD);
    last.columns + 1 + word > room && starts_amid(text)
}

/// Whether a line can begin inside a sentence: not with a sign of its own, a list's mark or a marker.
fn starts_amid(text: &str) -> bool {
    let after_number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = after_number.len() < text.len() && after_number.starts_with(". ");
    let listed = text.starts_with("- ") || text.starts_with("* ") || numbered;
    let sign = text.starts_with(|c| "●⏺•■✗✘✕✔⎿└├│┃▎❯›>✻✢✳✶✽⚠△▣─▔╌╭╰".contains(c));
    !listed && !sign && !text.starts_with("WAITING-UNTIL")
}
