//! What senders write down: each wish before it is said, its answer when there is one. In memory for the judge, and in a file
//! beside the workspace for whoever looks into it later.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::json;

use super::checker::{Answer, Wish};

/// All wishes of a run.
pub(crate) struct Book {
    pages: Mutex<Pages>,
    /// Wishes that were given out so far, and how many there will be.
    next: AtomicU64,
    pub(crate) wanted: u64,
    /// Of each agent, how many messages are on their way; counted by whoever follows the records.
    open: Vec<AtomicUsize>,
}

struct Pages {
    wishes: Vec<Wish>,
    file: File,
}

impl Book {
    pub(crate) fn new(path: &Path, wanted: u64, agents: usize) -> Book {
        let file = File::create(path).expect("a file for wishes");
        let pages = Mutex::new(Pages { wishes: Vec::new(), file });
        Book { pages, next: AtomicU64::new(0), wanted, open: (0..agents).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// The number of one more wish, until there are enough.
    pub(crate) fn take(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.wanted).then_some(number)
    }

    /// How many were given out.
    pub(crate) fn taken(&self) -> u64 {
        self.next.load(Ordering::Relaxed).min(self.wanted)
    }

    /// Writes a wish down; where its answer belongs.
    pub(crate) fn wish(&self, sender: &str, agent: &str, text: &str) -> usize {
        let wish = Wish {
            sender: sender.to_string(),
            agent: agent.to_string(),
            text: text.to_string(),
            answer: Answer::None,
            told: None,
        };
        let mut pages = self.pages.lock().expect("no writer panicked");
        pages.wishes.push(wish);
        let entry = pages.wishes.len() - 1;
        let line = json!({ "wish": entry, "sender": sender, "agent": agent, "text": text });
        writeln!(pages.file, "{line}").expect("room on the disk");
        entry
    }

    pub(crate) fn answer(&self, entry: usize, answer: Answer, told: Option<String>) {
        let mut pages = self.pages.lock().expect("no writer panicked");
        let line = json!({ "wish": entry, "answer": format!("{answer:?}"), "told": told });
        writeln!(pages.file, "{line}").expect("room on the disk");
        let wish = &mut pages.wishes[entry];
        (wish.answer, wish.told) = (answer, told);
    }

    pub(crate) fn wishes(&self) -> Vec<Wish> {
        self.pages.lock().expect("no writer panicked").wishes.clone()
    }

    pub(crate) fn set_open(&self, agent: usize, count: usize) {
        self.open[agent].store(count, Ordering::Relaxed);
    }

    /// The first agent from this one on for which fewer than `most` wait.
    pub(crate) fn free_from(&self, first: usize, most: usize) -> Option<usize> {
        let count = self.open.len();
        (0..count).map(|step| (first + step) % count).find(|agent| self.open[*agent].load(Ordering::Relaxed) < most)
    }
}
