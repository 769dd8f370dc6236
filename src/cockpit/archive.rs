//! What the log and the kept screens remember, read by a thread of its own so that no page of history ever holds up a key. Questions are
//! answered in their order; the pilot's own picture comes from the engine and not from here.

mod dossier;
mod entries;
mod news;

use std::path::{Path, PathBuf};
use std::sync::mpsc as questions;

use tokio::sync::mpsc;

use crate::edge::spawn;
use crate::edge::store::screens;
use crate::edge::store::{Filter, Page, Reader, Row, StoreError};
use crate::edge::tmux::oneshot::{HistoryPage, OneShot, Span};
use crate::pilot::id::{AgentId, MessageId};

use super::cells;
use super::ground::{self, Ground, Wanted};
use super::happening::Happening;
use super::panel::recorder::past;
use super::senses::Sensed;

pub use dossier::{Decision, Letter, Vicinity, is_decision};
pub use entries::{Entry, Leaf, PAGE, Sieve};
pub use news::{News, evidence};

/// Something to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Rows of the log, oldest first, at most `limit`.
    Rows { filter: Filter, page: Page, limit: u32 },
    /// A page of the logbook.
    Entries { sieve: Sieve, page: Page },
    /// One record, by its number.
    Record { seq: u64 },
    /// One message: its text and its history.
    Letter { message: MessageId },
    /// What was decided about an agent last.
    Decisions { agent: AgentId },
    /// A page of the past for the flight recorder.
    Past(past::Stretch),
    /// What the records say at the recorder's cursor, and the screen as it was.
    Moment(past::Moment),
    /// A file of the workspace.
    Ground(Wanted),
    /// A page of what a pane has shown.
    Scrollback(Span),
}

/// What was found; each answer carries its question, so that one that came too late is known as such.
#[derive(Debug)]
pub enum Found {
    Rows {
        question: Question,
        rows: Result<Vec<Row>, String>,
    },
    Entries {
        question: Question,
        leaf: Result<Leaf, String>,
    },
    Record {
        question: Question,
        vicinity: Result<Box<Vicinity>, String>,
    },
    Letter {
        question: Question,
        letter: Result<Box<Letter>, String>,
    },
    /// Newest first.
    Decisions {
        question: Question,
        decisions: Result<Vec<Decision>, String>,
    },
    Past {
        stretch: past::Stretch,
        past: Result<past::Past, String>,
    },
    Moment {
        moment: past::Moment,
        told: past::Told,
    },
    Ground(Ground),
    Scrollback {
        span: Span,
        page: Result<HistoryPage, String>,
    },
}

/// The thread's end for those who ask. The thread ends with it.
pub(super) struct Archive(questions::Sender<Question>);

impl Archive {
    /// Reads in the state folder `dir` from now on.
    pub(super) fn open(dir: &Path, root: &Path, sensed: mpsc::Sender<Sensed>) -> std::io::Result<Self> {
        let (sender, asked) = questions::channel();
        let mut shelf = Shelf::new(dir, root);
        spawn::thread("archive", move || {
            while let Ok(question) = asked.recv() {
                let found = shelf.answer(question);
                if sensed.blocking_send(Sensed::Happening(Happening::Found(found))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Archive(sender))
    }

    /// Asks; the answer comes as [`Happening::Found`].
    pub(super) fn ask(&self, question: Question) {
        // The thread ends only when the cockpit does.
        let _ = self.0.send(question);
    }
}

/// The files of one workspace and its panes, and how questions are answered from them.
#[derive(Debug)]
pub struct Shelf {
    records: PathBuf,
    screens: PathBuf,
    root: PathBuf,
    tmux: OneShot,
    /// Opened at the first question: it may not be there before.
    log: Option<Reader>,
}

impl Shelf {
    /// Nothing is opened yet.
    pub fn new(dir: &Path, root: &Path) -> Self {
        Shelf {
            records: dir.join("records.db"),
            screens: dir.join(screens::NAME),
            root: root.to_path_buf(),
            tmux: OneShot::new("tmux", dir.join("tmux.sock")),
            log: None,
        }
    }

    /// Looks it up.
    pub fn answer(&mut self, question: Question) -> Found {
        match &question {
            Question::Rows { filter, page, limit } => {
                let rows = self.read(|log| log.rows(filter, *page, *limit));
                Found::Rows { question, rows }
            }
            Question::Entries { sieve, page } => {
                let leaf = self.read(|log| entries::leaf(log, sieve, *page));
                Found::Entries { question, leaf }
            }
            Question::Record { seq } => {
                let vicinity = self.read(|log| dossier::vicinity(log, *seq)).map(Box::new);
                Found::Record { question, vicinity }
            }
            Question::Letter { message } => {
                let letter = self.read(|log| dossier::letter(log, *message)).map(Box::new);
                Found::Letter { question, letter }
            }
            Question::Decisions { agent } => {
                let decisions = self.read(|log| dossier::decisions(log, agent));
                Found::Decisions { question, decisions }
            }
            Question::Past(stretch) => {
                let past = self.read(|log| past::read(log, stretch));
                Found::Past { stretch: *stretch, past }
            }
            Question::Moment(moment) => {
                let records = self.read(|log| past::sentences(log, moment)).unwrap_or_default();
                let told = past::Told { records, screen: past::screen(&self.screens, moment) };
                Found::Moment { moment: moment.clone(), told }
            }
            Question::Ground(wanted) => Found::Ground(ground::look(&self.root, wanted)),
            Question::Scrollback(span) => Found::Scrollback { span: span.clone(), page: self.page(span) },
        }
    }

    /// What a pane has shown: one process of tmux, and never a second control client (docs/decisions/0007).
    fn page(&self, span: &Span) -> Result<HistoryPage, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let page = runtime.map_err(|cause| cause.to_string())?.block_on(self.tmux.page(span));
        let mut page = page.map_err(|why| why.to_string())?;
        page.rows = cells::separate(&page.rows);
        Ok(page)
    }

    /// Reads with the open log; after a failure it is opened anew.
    fn read<T>(&mut self, read: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, String> {
        let open = match self.log.take() {
            Some(open) => open,
            None => Reader::open(&self.records).map_err(|why| why.to_string())?,
        };
        let got = read(&open).map_err(|why| why.to_string());
        if got.is_ok() {
            self.log = Some(open);
        }
        got
    }
}

#[cfg(test)]
mod tests;
