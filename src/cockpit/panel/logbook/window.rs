//! The part of the log that is in memory: a run of entries without holes, the selected one, and the first one shown. It says which page
//! it lacks; it reads nothing itself.

use std::collections::VecDeque;

use crate::cockpit::archive::{Entry, Leaf};
use crate::edge::store::Page;

/// Entries kept in memory: five pages.
pub(super) const KEPT: usize = 1_000;
/// Entries that are to be there beyond the selected one, so that a page of the largest screen never waits.
const MARGIN: usize = 120;

/// The run of entries.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// The selected entry.
    pub(super) at: usize,
    /// The first one shown.
    pub(super) top: usize,
    /// Newest number of the log that is known of.
    pub(super) known: u64,
    /// Everything between these numbers was looked at.
    back_to: u64,
    on_to: u64,
    /// Nothing passes before the first entry, nothing after the last.
    start: bool,
    end: bool,
}

impl Window {
    /// Nothing is in memory of a log that goes up to this number.
    pub(super) fn of(known: u64) -> Self {
        Window { known, ..Window::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn selected(&self) -> Option<&Entry> {
        self.entries.get(self.at)
    }

    pub(super) fn is_at_start(&self) -> bool {
        self.start
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.end
    }

    /// The last entry is selected.
    pub(super) fn is_last(&self) -> bool {
        self.at + 1 >= self.entries.len()
    }

    /// Down to which number a search has come, while it has not come to the start.
    pub(super) fn looked_back_to(&self) -> Option<u64> {
        (!self.start && self.on_to > 0).then_some(self.back_to)
    }

    /// The entries on a screen of so many rows, with their places.
    pub(super) fn shown(&self, rows: usize) -> impl Iterator<Item = (usize, &Entry)> + Clone {
        self.entries.iter().enumerate().skip(self.top).take(rows)
    }

    /// Moves the selection; it stops at both ends of what is in memory.
    pub(super) fn go(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.entries.len().saturating_sub(1));
    }

    /// Keeps the selection on a screen of so many rows.
    pub(super) fn settle(&mut self, rows: usize) {
        let rows = rows.max(1);
        let most = self.entries.len().saturating_sub(rows);
        self.top = self.top.clamp((self.at + 1).saturating_sub(rows), self.at).min(most);
    }

    /// The page that is to be read next: the selection is near an edge behind which there may be more.
    pub(super) fn lacks(&self) -> Option<Page> {
        if !self.start && self.at < MARGIN {
            return Some(Page::Before(self.back_to));
        }
        let near = self.at + MARGIN >= self.entries.len();
        (!self.end && near).then_some(Page::After(self.on_to))
    }

    /// Begins anew with the first or the newest page.
    pub(super) fn begin(&mut self, page: Page, leaf: Leaf) {
        let known = self.known.max(leaf.last);
        *self = Window::of(known);
        match page {
            Page::After(seq) => {
                (self.back_to, self.on_to, self.start) = (seq, seq, true);
                self.push(leaf);
            }
            Page::Newest | Page::Before(_) => {
                self.on_to = leaf.last.max(leaf.entries.last().map_or(0, |entry| entry.stamp.seq));
                (self.back_to, self.start) = (leaf.reached, leaf.ended);
                self.entries = leaf.entries.into();
                self.end = self.known <= self.on_to;
                self.at = self.entries.len().saturating_sub(1);
            }
        }
    }

    /// Puts a page before or behind what there is, and forgets what is far away at the other side.
    pub(super) fn extend(&mut self, page: Page, leaf: Leaf) {
        self.known = self.known.max(leaf.last);
        match page {
            Page::Before(seq) if seq == self.back_to => self.unshift(leaf),
            Page::After(seq) if seq == self.on_to => self.push(leaf),
            // The window has moved on since that was asked.
            Page::Before(_) | Page::After(_) | Page::Newest => {}
        }
    }

    fn unshift(&mut self, leaf: Leaf) {
        let more = leaf.entries.len();
        (self.back_to, self.start) = (leaf.reached, leaf.ended);
        leaf.entries.into_iter().rev().for_each(|entry| self.entries.push_front(entry));
        (self.at, self.top) = if more == self.entries.len() {
            // The first that a search finds; the newest of them is the nearest.
            (more.saturating_sub(1), 0)
        } else {
            (self.at + more, self.top + more)
        };
        if self.entries.len() > KEPT {
            self.entries.truncate(KEPT);
            self.on_to = self.entries.back().map_or(self.on_to, |entry| entry.stamp.seq);
            self.end = false;
        }
    }

    fn push(&mut self, leaf: Leaf) {
        self.on_to = if leaf.ended { leaf.reached.max(leaf.last) } else { leaf.reached };
        self.end = leaf.ended && self.known <= self.on_to;
        self.entries.extend(leaf.entries);
        self.trim_front();
    }

    fn trim_front(&mut self) {
        let over = self.entries.len().saturating_sub(KEPT);
        if over > 0 {
            self.entries.drain(..over);
            (self.at, self.top) = (self.at.saturating_sub(over), self.top.saturating_sub(over));
            self.back_to = self.entries.front().map_or(self.back_to, |entry| entry.stamp.seq);
            self.start = false;
        }
    }

    /// The log goes up to this number; what was not heard has to be read.
    pub(super) fn reaches(&mut self, seq: u64) {
        self.known = self.known.max(seq);
        self.end &= self.known <= self.on_to;
    }

    /// A record was written; `entry`: it passes. Tells whether that can be seen.
    pub(super) fn heard(&mut self, seq: u64, entry: Option<Entry>, follow: bool) -> bool {
        let next = seq == self.on_to + 1;
        self.known = self.known.max(seq);
        if !self.end || !next {
            self.end &= seq <= self.on_to;
            return self.end || self.on_to > 0;
        }
        let Some(entry) = entry else {
            self.on_to = seq;
            return true;
        };
        if !follow && self.entries.len() >= KEPT {
            // Who reads far above keeps what is around; the end is read again when it is wanted.
            self.end = false;
            return true;
        }
        self.on_to = seq;
        self.entries.push_back(entry);
        if follow {
            self.trim_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cockpit::archive::{News, PAGE};
    use crate::pilot::fact::Stamp;
    use crate::pilot::time::Time;

    fn entry(seq: u64) -> Entry {
        Entry { stamp: Stamp { seq, at: Time(0) }, agent: None, news: News::Engine, words: String::new() }
    }

    /// A log of `last` records, read as the archive reads it.
    fn leaf(page: Page, last: u64) -> Leaf {
        let (from, to) = match page {
            Page::After(seq) => (seq + 1, (seq + u64::from(PAGE)).min(last)),
            Page::Before(seq) => (seq.saturating_sub(u64::from(PAGE)).max(1), seq.saturating_sub(1)),
            Page::Newest => (last.saturating_sub(u64::from(PAGE) - 1).max(1), last),
        };
        let entries: Vec<Entry> = (from..=to).map(entry).collect();
        let ended = entries.len() < PAGE as usize;
        let reached = if matches!(page, Page::After(_)) { to } else { from };
        Leaf { entries, reached, ended, last }
    }

    fn opened(page: Page, last: u64) -> Window {
        let mut window = Window::default();
        window.begin(page, leaf(page, last));
        window
    }

    /// Reads what it lacks, until it lacks nothing.
    fn fill(window: &mut Window, last: u64) {
        while let Some(page) = window.lacks() {
            window.extend(page, leaf(page, last));
        }
    }

    fn seqs(window: &Window) -> Vec<u64> {
        window.entries.iter().map(|entry| entry.stamp.seq).collect()
    }

    #[test]
    fn it_opens_at_the_newest_and_reads_back_as_the_operator_goes_up() {
        let mut window = opened(Page::Newest, 10_000);
        fill(&mut window, 10_000);
        assert_eq!((window.selected().unwrap().stamp.seq, window.len()), (10_000, 200));
        assert!(window.is_at_end() && window.is_last() && !window.is_at_start());
        for _ in 0..100 {
            window.go(-100);
            fill(&mut window, 10_000);
            assert!(window.len() <= KEPT);
            let seqs = seqs(&window);
            assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no hole and no double");
        }
        assert_eq!(window.selected().unwrap().stamp.seq, 1);
        assert!(window.is_at_start() && !window.is_at_end());
        window.go(-1);
        assert_eq!(window.selected().unwrap().stamp.seq, 1, "it stops at the first");
    }

    #[test]
    fn it_opens_at_the_first_and_reads_on_to_the_end() {
        let mut window = opened(Page::After(0), 2_500);
        assert_eq!(window.selected().unwrap().stamp.seq, 1);
        for _ in 0..50 {
            fill(&mut window, 2_500);
            window.go(100);
        }
        assert_eq!(window.selected().unwrap().stamp.seq, 2_500);
        assert!(window.is_at_end() && window.is_last() && !window.is_at_start());
        assert_eq!(window.len(), KEPT);
        assert_eq!(window.lacks(), None);
    }

    #[test]
    fn what_is_shown_stays_where_it_is_while_pages_come_and_go() {
        let mut window = opened(Page::Newest, 5_000);
        window.go(-150);
        window.settle(20);
        let top = window.shown(20).next().unwrap().1.stamp.seq;
        fill(&mut window, 5_000);
        window.settle(20);
        assert_eq!(window.shown(20).next().unwrap().1.stamp.seq, top);
        assert_eq!(window.selected().unwrap().stamp.seq, 4_850);
    }

    #[test]
    fn the_live_tail_grows_and_is_bounded() {
        let mut window = opened(Page::Newest, 50);
        for seq in 51..=3_000 {
            window.heard(seq, (seq % 2 == 0).then(|| entry(seq)), true);
            window.go(isize::MAX / 2);
        }
        assert_eq!((window.selected().unwrap().stamp.seq, window.len()), (3_000, KEPT));
        assert_eq!(window.lacks(), None);
        assert!(window.is_at_end());
    }

    #[test]
    fn who_reads_far_above_is_not_moved_by_what_comes() {
        let mut window = opened(Page::Newest, 5_000);
        while window.len() < KEPT {
            window.go(-100);
            fill(&mut window, 5_000);
        }
        let before = (seqs(&window), window.at);
        assert!(window.is_at_end());
        for seq in 5_001..=5_100 {
            window.heard(seq, Some(entry(seq)), false);
        }
        assert_eq!((seqs(&window), window.at), before);
        assert!(!window.is_at_end(), "the end has to be read again");
        window.go(isize::MAX / 2);
        fill(&mut window, 5_100);
        window.go(isize::MAX / 2);
        assert_eq!(window.selected().unwrap().stamp.seq, 5_100);
    }

    #[test]
    fn what_was_not_heard_is_read_and_what_was_read_is_not_heard_twice() {
        let mut window = opened(Page::Newest, 100);
        window.heard(99, Some(entry(99)), true);
        window.heard(100, Some(entry(100)), true);
        assert!(window.is_at_end() && window.len() == 100);
        window.heard(103, Some(entry(103)), true);
        window.go(isize::MAX / 2);
        assert_eq!(window.lacks(), Some(Page::After(100)), "101 and 102 were told while nobody listened");
        fill(&mut window, 103);
        assert_eq!(seqs(&window)[99..], [100, 101, 102, 103]);
        assert!(window.is_at_end());
    }

    #[test]
    fn a_search_that_finds_nothing_on_a_page_goes_on_behind_it() {
        let mut window = Window::default();
        let found = |reached, seqs: &[u64], ended| Leaf {
            entries: seqs.iter().copied().map(entry).collect(),
            reached,
            ended,
            last: 20_000,
        };
        window.begin(Page::Newest, found(15_001, &[], false));
        assert_eq!(window.lacks(), Some(Page::Before(15_001)));
        assert_eq!(window.looked_back_to(), Some(15_001));
        window.extend(Page::Before(15_001), found(10_001, &[10_500, 14_000], false));
        assert_eq!(window.selected().unwrap().stamp.seq, 14_000, "the newest that fits");
        window.extend(Page::Before(10_001), found(1, &[7], true));
        assert_eq!(window.selected().unwrap().stamp.seq, 14_000);
        assert_eq!((window.lacks(), window.looked_back_to()), (None, None));
    }

    #[test]
    fn an_empty_log_is_no_trouble() {
        let mut window = opened(Page::Newest, 0);
        window.go(1);
        window.go(-1);
        window.settle(0);
        assert_eq!((window.len(), window.lacks()), (0, None));
        window.heard(1, Some(entry(1)), true);
        assert_eq!(window.len(), 1);
    }
}
