//! A page of text: headings, passages, and words that hang behind a lead, wrapped to whatever width there is and scrolled. All text
//! in it is taken for outside text.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cockpit::action::Action;
use crate::cockpit::theme::Theme;
use crate::cockpit::tint::Tint;
use crate::cockpit::view::{put_line, put_right};
use crate::words::text;

/// The columns that the leads of a list of fields take.
const FIELD: usize = 14;
/// Rows that are drawn of one sheet; the longest message has fewer at a usual width.
const MOST_ROWS: usize = 10_000;

/// How words are meant; the theme knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Text,
    Dim,
    Strong,
    Title,
    Accent,
    Good,
    Warn,
    Bad,
    State(Tint),
}

impl Tone {
    /// Its style.
    pub fn style(self, theme: &Theme) -> Style {
        match self {
            Tone::Text => theme.text,
            Tone::Dim => theme.dim,
            Tone::Strong => theme.strong,
            Tone::Title => theme.title,
            Tone::Accent => theme.accent,
            Tone::Good => theme.good,
            Tone::Warn => theme.warn,
            Tone::Bad => theme.bad,
            Tone::State(tint) => theme.tint(tint),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Passage {
    lead: String,
    words: String,
    tone: Tone,
}

/// The page, top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet(Vec<Passage>);

impl Sheet {
    /// A heading, with an empty line above it.
    pub fn heading(&mut self, words: &str) {
        if !self.0.is_empty() {
            self.say("", Tone::Text);
        }
        self.say(words, Tone::Title);
    }

    /// A passage; its own line breaks are kept.
    pub fn say(&mut self, words: &str, tone: Tone) {
        self.point("", words, tone);
    }

    /// Words that hang behind a lead like `14:05:07 `, which stands there once and dim.
    pub fn point(&mut self, lead: &str, words: &str, tone: Tone) {
        self.0.push(Passage { lead: text::line(lead), words: text::block(words), tone });
    }

    /// One field of a list.
    pub fn field(&mut self, name: &str, words: &str) {
        self.point(&format!("  {name:<FIELD$} "), words, Tone::Text);
    }

    /// The whole page as plain text, for the clipboard.
    pub fn plain(&self) -> String {
        self.0.iter().map(|passage| format!("{}{}\n", passage.lead, passage.words)).collect()
    }

    /// Its rows at this width.
    pub fn rows(&self, width: u16, theme: &Theme) -> Vec<Line<'static>> {
        let mut rows = Vec::new();
        for passage in &self.0 {
            passage.wrap(usize::from(width).max(8), theme, &mut rows);
            if rows.len() >= MOST_ROWS {
                break;
            }
        }
        rows
    }

    /// Draws it from row `scroll` on, as far as it goes.
    pub fn draw(&self, scroll: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let rows = self.rows(area.width, theme);
        let first = scroll.min(most(rows.len(), area));
        let below = rows.len().saturating_sub(first + usize::from(area.height));
        for (row, line) in (0..area.height).zip(rows.iter().skip(first)) {
            put_line(buffer, area, row, line);
        }
        if below > 0 {
            let more = Line::styled(format!(" {below} more ▼"), theme.accent);
            put_right(buffer, area, area.height.saturating_sub(1), &more);
        }
    }

    /// Where an action scrolls to, from `scroll`; `None`: it is no scrolling.
    pub fn go(&self, scroll: usize, action: Action, area: Rect, theme: &Theme) -> Option<usize> {
        let most = most(self.rows(area.width, theme).len(), area);
        let page = usize::from(area.height).saturating_sub(2).max(1);
        let scroll = scroll.min(most);
        let to = match action {
            Action::Down => scroll + 1,
            Action::Up => scroll.saturating_sub(1),
            Action::PageDown => scroll + page,
            Action::PageUp => scroll.saturating_sub(page),
            Action::First => 0,
            Action::Last => most,
            _ => return None,
        };
        Some(to.min(most))
    }
}

fn most(rows: usize, area: Rect) -> usize {
    rows.saturating_sub(usize::from(area.height))
}

impl Passage {
    fn wrap(&self, width: usize, theme: &Theme, rows: &mut Vec<Line<'static>>) {
        // A lead that would leave no room for its words stands above them.
        let hang = if self.lead.width() * 2 > width { 2 } else { self.lead.width() };
        let mut lead = self.lead.clone();
        if hang != lead.width() && !lead.is_empty() {
            rows.push(Line::styled(std::mem::take(&mut lead), theme.dim));
        }
        let style = self.tone.style(theme);
        for line in self.words.split('\n') {
            for row in wrap(line, width - hang) {
                let before = format!("{:hang$}", std::mem::take(&mut lead));
                rows.push(Line::from(vec![Span::styled(before, theme.dim), Span::styled(row, style)]));
            }
        }
    }
}

/// One line cut into rows of at most `width` columns, between words where that is possible. At least one row.
pub fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let (mut row, mut used) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        if used > 0 && used + word.trim_end().width() > width {
            rows.push(std::mem::take(&mut row));
            used = 0;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            // A word that is longer than a row is cut where the row ends; a space there is not taken to the next one.
            if used + wide > width && used > 0 {
                if c == ' ' {
                    continue;
                }
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push(c);
            used += wide;
        }
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::ThemeName;

    fn shown(sheet: &Sheet, width: u16) -> Vec<String> {
        let theme = Theme::new(ThemeName::Dark, false);
        sheet.rows(width, &theme).iter().map(|line| line.to_string().trim_end().to_string()).collect()
    }

    #[test]
    fn words_are_wrapped_between_words_and_long_ones_where_the_row_ends() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("  let x = 1;", 20), ["  let x = 1;"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn words_hang_behind_their_lead_and_below_one_that_is_too_wide() {
        let mut sheet = Sheet::default();
        sheet.point("14:05 ", "one two\nthree", Tone::Text);
        assert_eq!(shown(&sheet, 14), ["14:05 one two", "      three"]);
        assert_eq!(shown(&sheet, 10), ["14:05", "  one two", "  three"]);
    }

    #[test]
    fn scrolling_stops_at_both_ends() {
        let theme = Theme::new(ThemeName::Dark, false);
        let mut sheet = Sheet::default();
        (0..10).for_each(|n| sheet.say(&n.to_string(), Tone::Text));
        let area = Rect::new(0, 0, 20, 4);
        let go = |from, action| sheet.go(from, action, area, &theme);
        assert_eq!(go(0, Action::Up), Some(0));
        assert_eq!(go(0, Action::PageDown), Some(2));
        assert_eq!(go(5, Action::Down), Some(6));
        assert_eq!(go(6, Action::Down), Some(6));
        assert_eq!(go(99, Action::Up), Some(5), "one that stood below the end comes back at once");
        assert_eq!(go(0, Action::Last), Some(6));
        assert_eq!(go(0, Action::Follow), None);
    }

    #[test]
    fn nothing_of_a_sheet_can_act_on_a_terminal() {
        let mut sheet = Sheet::default();
        sheet.point("\u{1b}[2J ", "a\u{1b}]52;c;x\u{7}b\tc", Tone::Text);
        assert_eq!(shown(&sheet, 40), ["[2J a]52;c;xb    c"]);
    }
}
