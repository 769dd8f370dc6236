//! Choosing one of many by typing a part of its name.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::crossterm::event::{Event, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// Makes an entry of a typed text, if it is one.
pub type Read<T> = fn(&str) -> Option<(String, T)>;

/// Entries, what was typed, and which of the matching ones is chosen.
#[derive(Debug)]
pub struct Choice<T> {
    pub title: String,
    pub input: Input,
    entries: Vec<(String, T)>,
    /// Entries that match, best first.
    matching: Vec<usize>,
    /// What a typed text stands for by itself, where any may be typed.
    read: Option<Read<T>>,
    /// The last entry: the typed text itself.
    typed: Option<(String, T)>,
    pub at: usize,
    /// The first one in sight when the mouse chose last: what it points at stays under it.
    top: usize,
}

impl<T: Clone + PartialEq> Choice<T> {
    /// All entries match an empty text.
    pub fn new(title: impl Into<String>, entries: Vec<(String, T)>) -> Self {
        let matching = (0..entries.len()).collect();
        Choice {
            title: title.into(),
            input: Input::default(),
            entries,
            matching,
            read: None,
            typed: None,
            at: 0,
            top: 0,
        }
    }

    /// What is typed can be chosen too, when `read` makes something of it.
    #[must_use]
    pub fn or_typed(mut self, read: Read<T>) -> Self {
        self.read = Some(read);
        self
    }

    /// Other entries under the same text.
    pub fn fill(&mut self, entries: Vec<(String, T)>) {
        self.entries = entries;
        self.find();
    }

    /// A key that is no action edits the text.
    pub fn edit(&mut self, key: KeyEvent) {
        self.input.handle_event(&Event::Key(key));
        self.find();
    }

    /// Pasted text is text.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            self.input.handle(tui_input::InputRequest::InsertChar(c));
        }
        self.find();
    }

    fn find(&mut self) {
        let pattern = Pattern::parse(self.input.value(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(at, (name, _))| Some((pattern.score(Utf32Str::new(name, &mut buffer), &mut matcher)?, at)))
            .collect();
        scored.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.matching = scored.into_iter().map(|(_, at)| at).collect();
        let typed = self.read.and_then(|read| read(self.input.value().trim()));
        self.typed = typed.filter(|(_, typed)| self.entries.iter().all(|(_, entry)| entry != typed));
        (self.at, self.top) = (0, 0);
    }

    /// The next or an earlier one; it stops at both ends.
    pub fn go(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.count().saturating_sub(1));
    }

    /// The first one in sight where so many fit.
    pub fn first(&self, fit: usize) -> usize {
        self.top.min(self.at).max((self.at + 1).saturating_sub(fit.max(1)))
    }

    /// Goes to this one, without moving what is in sight where so many fit. Tells whether it was chosen already.
    pub fn select(&mut self, entry: usize, fit: usize) -> bool {
        let entry = entry.min(self.count().saturating_sub(1));
        self.top = self.first(fit);
        std::mem::replace(&mut self.at, entry) == entry
    }

    /// Names of the matching ones, best first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let found = self.matching.iter().map(|at| self.entries[*at].0.as_str());
        found.chain(self.typed.iter().map(|(name, _)| name.as_str()))
    }

    /// How many match.
    pub fn count(&self) -> usize {
        self.matching.len() + usize::from(self.typed.is_some())
    }

    /// What is chosen.
    pub fn chosen(&self) -> Option<T> {
        let found = self.matching.get(self.at).map(|at| self.entries[*at].1.clone());
        found.or_else(|| self.typed.as_ref().map(|(_, typed)| typed.clone()))
    }
}
