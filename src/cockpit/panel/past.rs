//! What a pane has shown before: its history as tmux keeps it, read page by page and shown frozen, while the agent goes on.

use crate::cockpit::action::Action;
use crate::cockpit::archive::Question;
use crate::edge::tmux::oneshot::{HistoryPage, Span};

/// Lines of one page.
const PAGE: u32 = 1_000;
/// An older page is asked for when fewer lines than this are left above.
const AHEAD: usize = 200;
/// Rows kept; more than tmux keeps.
const MOST: usize = 20_000;

/// The history of one pane, from some line down to the bottom of its screen as it was when the first page was read.
#[derive(Debug)]
pub struct Past {
    pane: String,
    pub columns: u16,
    rows: Vec<String>,
    /// Lines of history above the first row held. While tmux drops old lines this number is off by those.
    above: u32,
    /// Lines of history when a page was read last.
    history: u32,
    /// Rows hidden below.
    up: usize,
    asked: Option<Span>,
}

/// Where a key leads.
#[derive(Debug, PartialEq)]
pub enum Step {
    Stay,
    Look(Question),
    /// Back to the present.
    Leave,
}

impl Past {
    /// Begins with the newest page; `up` rows will be hidden below.
    pub fn begin(pane: String, up: usize) -> (Self, Question) {
        let span = Span { pane: pane.clone(), from: -i64::from(PAGE), to: None };
        let question = Question::Scrollback(span.clone());
        (Past { pane, columns: 0, rows: Vec::new(), above: 0, history: 0, up, asked: Some(span) }, question)
    }

    /// A page has come; one that was not asked for is none of ours.
    pub fn take(&mut self, span: &Span, page: HistoryPage) {
        if self.asked.as_ref() != Some(span) {
            return;
        }
        self.asked = None;
        let first = u32::try_from(i64::from(page.history) + span.from).unwrap_or(0);
        if self.rows.is_empty() {
            (self.columns, self.above, self.rows) = (page.columns, first, page.rows);
        } else if page.history < self.history {
            // It was cleared; what we hold is all there is.
            self.above = 0;
        } else {
            // Lines that came meanwhile have moved the page down: what we hold already is left out.
            let new = usize::try_from(self.above.saturating_sub(first)).unwrap_or(0);
            let mut rows: Vec<String> = page.rows.into_iter().take(new).collect();
            self.above = self.above.min(first);
            rows.append(&mut self.rows);
            self.rows = rows;
        }
        self.history = page.history;
        if self.rows.len() >= MOST {
            self.above = 0;
        }
    }

    /// It could not be read. Tells whether there is something to show all the same.
    pub fn fail(&mut self) -> bool {
        (self.asked, self.above) = (None, 0);
        !self.rows.is_empty()
    }

    /// Nothing has come yet.
    pub fn waits(&self) -> bool {
        self.rows.is_empty()
    }

    /// Moves a window of so many rows.
    pub fn go(&mut self, action: Action, room: usize) -> Step {
        let page = room.saturating_sub(1).max(1);
        self.up = self.up.min(self.highest(room));
        match action {
            Action::Up => self.up += 1,
            Action::PageUp => self.up += page,
            Action::First => self.up = usize::MAX,
            Action::Down | Action::PageDown if self.up == 0 => return Step::Leave,
            Action::Down => self.up -= 1,
            Action::PageDown => self.up = self.up.saturating_sub(page),
            Action::Last | Action::Back => return Step::Leave,
            _ => {}
        }
        self.older(room)
    }

    fn older(&mut self, room: usize) -> Step {
        let near = self.up.saturating_add(room).saturating_add(AHEAD) > self.rows.len();
        if !self.waits() {
            self.up = self.up.min(self.highest(room));
        }
        if !near || self.above == 0 || self.asked.is_some() {
            return Step::Stay;
        }
        // Counted from the top of the screen, upwards.
        let to = i64::from(self.above) - 1 - i64::from(self.history);
        let span = Span { pane: self.pane.clone(), from: to + 1 - i64::from(PAGE), to: Some(to) };
        self.asked = Some(span.clone());
        Step::Look(Question::Scrollback(span))
    }

    fn highest(&self, room: usize) -> usize {
        if self.waits() { usize::MAX } else { self.rows.len().saturating_sub(room) }
    }

    /// The rows in a window of so many, and how many lines are above it.
    pub fn window(&self, room: usize) -> (&[String], usize) {
        let end = self.rows.len() - self.up.min(self.highest(room)).min(self.rows.len());
        let start = end.saturating_sub(room);
        (&self.rows[start..end], start + usize::try_from(self.above).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: std::ops::Range<u32>) -> Vec<String> {
        numbers.map(|number| number.to_string()).collect()
    }

    fn page(history: u32, numbers: std::ops::Range<u32>) -> HistoryPage {
        HistoryPage { history, columns: 80, rows: rows(numbers) }
    }

    fn first(past: &Past) -> (&str, usize) {
        let (rows, above) = past.window(10);
        (rows[0].as_str(), above)
    }

    #[test]
    fn older_pages_are_read_as_the_window_comes_near_them_and_join_without_a_seam() {
        let (mut past, question) = Past::begin("%1".to_string(), 20);
        let Question::Scrollback(span) = question else { panic!("a page") };
        assert_eq!(past.go(Action::Up, 10), Step::Stay, "the first page is on its way");
        // 1500 lines of history and a screen of 20.
        past.take(&span, page(1_500, 500..1_520));
        assert_eq!(first(&past), ("1489", 1_489));
        let Step::Look(Question::Scrollback(older)) = past.go(Action::First, 10) else { panic!("an older page") };
        assert_eq!((older.from, older.to), (-2_000, Some(-1_001)));
        assert_eq!(first(&past), ("500", 500));
        // Seven lines came meanwhile, which moves the page down by as many.
        past.take(&older, page(1_507, 0..507));
        assert_eq!(first(&past), ("500", 500), "what was looked at stays where it is");
        assert_eq!(past.go(Action::First, 10), Step::Stay);
        assert_eq!(first(&past), ("0", 0));
        assert_eq!(past.window(2_000).0, rows(0..1_520));
    }

    #[test]
    fn down_at_the_end_and_last_lead_back_to_the_present() {
        let (mut past, question) = Past::begin("%1".to_string(), 1);
        let Question::Scrollback(span) = question else { panic!("a page") };
        past.take(&span, page(5, 0..25));
        assert_eq!(past.go(Action::Down, 10), Step::Stay);
        assert_eq!(first(&past), ("15", 15));
        assert_eq!(past.go(Action::Down, 10), Step::Leave);
        assert_eq!(past.go(Action::Last, 10), Step::Leave);
    }

    #[test]
    fn a_cleared_history_and_foreign_pages_change_nothing() {
        let (mut past, question) = Past::begin("%1".to_string(), 0);
        let Question::Scrollback(span) = question else { panic!("a page") };
        past.take(&span, page(3_000, 2_000..3_020));
        let Step::Look(Question::Scrollback(older)) = past.go(Action::First, 10) else { panic!("an older page") };
        past.take(&span, page(9, 0..9));
        past.take(&older, page(3, 0..3));
        assert_eq!(past.go(Action::First, 10), Step::Stay);
        assert_eq!(first(&past).0, "2000");
    }
}
