//! Reads what was written down: the engine's records while it goes on, the agents' own logs at the end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flightdeck::edge::store::{Filter, Page, Reader};
use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::Record;

use super::checker::{Fate, Recorded};

/// The records as far as they were read.
pub(crate) struct Ledger {
    path: PathBuf,
    reader: Option<Reader>,
    after: u64,
    pub(crate) messages: BTreeMap<u64, Recorded>,
    /// Each stage of each message that is not settled, in the engine's words.
    open: BTreeMap<u64, Stage>,
    /// How often each kind of record came.
    pub(crate) kinds: BTreeMap<String, usize>,
}

impl Ledger {
    pub(crate) fn of(workspace: &Path) -> Ledger {
        Ledger {
            path: workspace.join(".flightdeck/records.db"),
            reader: None,
            after: 0,
            messages: BTreeMap::new(),
            open: BTreeMap::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// Reads what is new.
    pub(crate) fn read_on(&mut self) {
        if self.reader.is_none() {
            self.reader = Reader::open(&self.path).ok();
        }
        let Some(reader) = &self.reader else { return };
        // One that is being written to may be busy for a moment: the next look reads it.
        let rows = reader.rows(&Filter::default(), Page::After(self.after), 10_000).unwrap_or_default();
        for row in rows {
            self.after = row.stamp.seq;
            *self.kinds.entry(row.kind.clone()).or_default() += 1;
            self.take(row.record().expect("a readable record"));
        }
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::MessageQueued { message } => {
                let number = message.id.0;
                let recorded = Recorded {
                    agent: message.agent.to_string(),
                    by_engine: message.origin != Origin::Operator,
                    text: message.text,
                    fate: Fate::Open("queued".to_string()),
                    doubted: false,
                    mixed: false,
                };
                let before = self.messages.insert(number, recorded);
                assert!(before.is_none(), "m{number} was queued twice");
                self.open.insert(number, Stage::Queued { why: None });
            }
            Record::MessageMoved { message, stage, .. } => {
                let recorded = self.messages.get_mut(&message.0).expect("it was queued");
                recorded.doubted |= matches!(stage, Stage::Uncertain { .. });
                recorded.mixed = matches!(&stage, Stage::Submitted { evidence } if evidence.contains("other words"));
                recorded.fate = fate(&stage);
                if stage.settled() {
                    self.open.remove(&message.0);
                } else {
                    self.open.insert(message.0, stage);
                }
            }
            _ => {}
        }
    }

    /// How many are on their way to an agent.
    pub(crate) fn open_for(&self, agent: &str) -> usize {
        self.open.keys().filter(|number| self.messages[number].agent == agent).count()
    }

    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn settled(&self) -> usize {
        self.messages.len() - self.open.len()
    }

    /// What is on its way and where it stands, for messages of failures.
    pub(crate) fn told(&self) -> Vec<String> {
        let line =
            |(number, stage): (&u64, &Stage)| format!("m{number} for {}: {stage:?}", self.messages[number].agent);
        self.open.iter().map(line).collect()
    }

    /// Agents for which something waits that only a person puts right, with the engine's words; those with anything typed are
    /// left alone.
    pub(crate) fn blocked(&self) -> BTreeMap<String, String> {
        let mut blocked = BTreeMap::new();
        for (number, stage) in &self.open {
            if let Stage::Queued { why: Some(why) } = stage {
                blocked.insert(self.messages[number].agent.clone(), why.clone());
            }
        }
        for (number, stage) in &self.open {
            if !matches!(stage, Stage::Queued { .. }) {
                blocked.remove(&self.messages[number].agent);
            }
        }
        blocked
    }
}

fn fate(stage: &Stage) -> Fate {
    match stage {
        Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } => Fate::Open(format!("{stage:?}")),
        Stage::Submitted { .. } => Fate::Submitted,
        Stage::TypedNotSubmitted => Fate::Stuck,
        Stage::Uncertain { why } => Fate::Uncertain(why.clone()),
        Stage::Refused { why } | Stage::Expired { why } => Fate::Ended(why.clone()),
    }
}

/// What an agent took in, by its own log.
pub(crate) fn submits(workspace: &Path, agent: &str) -> Vec<String> {
    field(&workspace.join(format!("{agent}.submits")), "text")
}

/// What became of each Enter, by the same agent's log.
pub(crate) fn enters(workspace: &Path, agent: &str) -> Vec<String> {
    field(&workspace.join(format!("{agent}.enters")), "enter")
}

pub(crate) fn bytes(workspace: &Path, agent: &str) -> Vec<u8> {
    fs::read(workspace.join(format!("{agent}.bytes"))).unwrap_or_default()
}

fn field(path: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| -> serde_json::Value { serde_json::from_str(line).expect("a line of JSON") };
    text.lines().map(|words| line(words)[name].as_str().expect("a text").to_string()).collect()
}
