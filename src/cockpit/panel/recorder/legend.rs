//! What the signs of the chart mean. Those that it shows stand first, the others follow as far as there is room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::chart::{ABSENT, mark_style};
use crate::cockpit::lanes::MarkKind;
use crate::cockpit::theme::Theme;
use crate::cockpit::tint::Tint;
use crate::cockpit::view::put_line;

/// What the chart shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    tints: [bool; Tint::ALL.len()],
    marks: [bool; MarkKind::ALL.len()],
    absence: bool,
}

impl Shown {
    /// A state is shown.
    pub(super) fn tint(&mut self, tint: Tint) {
        self.tints[tint as usize] = true;
    }

    /// A mark is shown.
    pub(super) fn mark(&mut self, kind: MarkKind) {
        self.marks[kind as usize] = true;
    }

    /// A time without an engine is shown.
    pub(super) fn absence(&mut self) {
        self.absence = true;
    }
}

/// One sign, and whether it is shown.
struct Entry {
    sign: &'static str,
    style: Style,
    word: &'static str,
    shown: bool,
}

/// Draws it.
pub(super) fn draw(theme: &Theme, shown: &Shown, area: Rect, buffer: &mut Buffer) {
    let mut spans = Vec::new();
    let mut left = usize::from(area.width);
    for entry in entries(theme, shown) {
        let before = Span::raw(if spans.is_empty() { " " } else { "  " });
        let entry =
            [before, Span::styled(entry.sign, entry.style), Span::styled(format!(" {}", entry.word), theme.dim)];
        // A word of which a part is cut off is no help.
        let need: usize = entry.iter().map(Span::width).sum();
        if need > left {
            break;
        }
        left -= need;
        spans.extend(entry);
    }
    put_line(buffer, area, 0, &Line::from(spans));
}

/// All signs, those that are shown first.
fn entries(theme: &Theme, shown: &Shown) -> Vec<Entry> {
    let tints = Tint::ALL.into_iter().map(|tint| Entry {
        sign: tint.sign(),
        style: theme.tint(tint),
        word: tint.word(),
        shown: shown.tints[tint as usize],
    });
    // Who is held has the sign as a state.
    let marks = MarkKind::ALL.into_iter().filter(|kind| *kind != MarkKind::Held).map(|kind| Entry {
        sign: kind.sign(),
        style: mark_style(theme, kind),
        word: kind.word(),
        shown: shown.marks[kind as usize],
    });
    let absence = Entry { sign: ABSENT, style: theme.tint(Tint::Unknown), word: "no engine", shown: shown.absence };
    let mut entries: Vec<Entry> = tints.chain(marks).chain([absence]).collect();
    entries.sort_by_key(|entry| !entry.shown);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::ThemeName;

    fn legend(shown: &Shown, width: u16) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        draw(&Theme::new(ThemeName::Dark, false), shown, area, &mut buffer);
        (0..width).map(|x| buffer[(x, 0)].symbol()).collect()
    }

    #[test]
    fn what_the_chart_shows_is_told_first_and_in_whole_words() {
        let mut shown = Shown::default();
        shown.tint(Tint::Held);
        shown.tint(Tint::Working);
        shown.mark(MarkKind::Exited);
        shown.absence();
        assert_eq!(legend(&shown, 46), " ● working  ■ held  ✖ ended  ░ no engine      ");
        for width in 0..200 {
            let words = legend(&shown, width);
            let whole = words.split("  ").map(str::trim).filter(|word| !word.is_empty());
            for word in whole {
                let (_, word) = word.split_once(' ').unwrap_or_else(|| panic!("{word:?} at {width}"));
                let known = entries(&Theme::new(ThemeName::Dark, false), &shown).iter().any(|entry| entry.word == word);
                assert!(known, "{word:?} at {width}");
            }
        }
    }

    #[test]
    fn an_empty_chart_has_the_legend_of_all_states() {
        assert_eq!(legend(&Shown::default(), 32), " ● working  ◷ waiting  ○ idle   ");
    }
}
