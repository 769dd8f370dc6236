//! The log as lines to be read: which records pass, what kind of news each is, and pages of them. Only sentences are kept of a page,
//! so that a record with a long text weighs no more than another.

use crate::edge::store::{Filter, Page, Reader, Row, StoreError};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::words::sentence::sentence;
use crate::words::text;

use super::news::{self, News};

/// Entries of one page.
pub const PAGE: u32 = 200;
/// Rows that one question looks through for words: some 50 ms, so that other questions need not wait for long.
const LOOKED_THROUGH: u32 = 5_000;
/// Columns of a sentence that are kept; a line of the widest screen.
const WIDEST: usize = 400;

/// Which records pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sieve {
    pub filter: Filter,
    /// Each of these words must be in the sentence, the kind or the evidence; upper and lower case are the same.
    pub words: String,
}

impl Sieve {
    /// Does this one pass?
    pub fn passes(&self, record: &Record) -> bool {
        let agent = self.filter.agent.as_ref().is_none_or(|agent| record.agent() == Some(agent));
        agent
            && self.filter.kind.as_ref().is_none_or(|kind| record.kind() == *kind)
            && Words::of(&self.words).are_in(record, &sentence(record), &record.kind())
    }
}

/// The words looked for, in lower case.
struct Words(Vec<String>);

impl Words {
    fn of(words: &str) -> Self {
        Words(words.to_lowercase().split_whitespace().map(str::to_string).collect())
    }

    fn are_in(&self, record: &Record, sentence: &str, kind: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let line = format!("{} {kind}", sentence.to_lowercase());
        let missing = |word: &&String| !line.contains(word.as_str());
        let mut missing = self.0.iter().filter(missing).peekable();
        if missing.peek().is_none() {
            return true;
        }
        let evidence = news::evidence(record).join("\n").to_lowercase();
        missing.all(|word| evidence.contains(word.as_str()))
    }
}

/// One record as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub stamp: Stamp,
    pub agent: Option<AgentId>,
    pub news: News,
    /// Its sentence; outside text made harmless.
    pub words: String,
}

impl Entry {
    /// The line of a record.
    pub fn of(stamp: Stamp, record: &Record) -> Self {
        Entry::told(stamp, record, &sentence(record))
    }

    fn told(stamp: Stamp, record: &Record, sentence: &str) -> Self {
        Entry { stamp, agent: record.agent().cloned(), news: News::of(record), words: text::clip(sentence, WIDEST) }
    }

    /// A row that no record can be read from is told as that.
    fn unreadable(row: &Row, why: &str) -> Self {
        let words = text::line(&format!("a record of kind {} can't be read: {why}", row.kind));
        Entry {
            stamp: row.stamp,
            agent: row.agent.as_deref().and_then(AgentId::parse),
            news: News::Trouble,
            words: text::clip(&words, WIDEST),
        }
    }

    /// The line of a row.
    pub fn read(row: &Row) -> Self {
        match row.record() {
            Ok(record) => Entry::of(row.stamp, &record),
            Err(why) => Entry::unreadable(row, &why),
        }
    }
}

/// Some entries, oldest first, and how far the log was looked through for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    pub entries: Vec<Entry>,
    /// The number up to which, or down to which, every record was looked at.
    pub reached: u64,
    /// Nothing more passes in this direction.
    pub ended: bool,
    /// The newest number of the log when this was read.
    pub last: u64,
}

/// Reads a page. With words to be looked for it may have fewer entries than there are: the next question goes on at `reached`.
pub(super) fn leaf(log: &Reader, sieve: &Sieve, page: Page) -> Result<Leaf, StoreError> {
    let last = log.rows(&Filter::default(), Page::Newest, 1)?.first().map_or(0, |row| row.stamp.seq);
    if !sieve.words.trim().is_empty() {
        return search(log, sieve, page, last);
    }
    let rows = log.rows(&sieve.filter, page, PAGE)?;
    let ended = rows.len() < PAGE as usize;
    let reached = match page {
        Page::After(after) => rows.last().map_or(after, |row| row.stamp.seq),
        Page::Newest | Page::Before(_) => rows.first().map_or(0, |row| row.stamp.seq),
    };
    Ok(Leaf { entries: rows.iter().map(Entry::read).collect(), reached, ended, last })
}

fn search(log: &Reader, sieve: &Sieve, page: Page, last: u64) -> Result<Leaf, StoreError> {
    let words = Words::of(&sieve.words);
    let onwards = matches!(page, Page::After(_));
    let (mut page, mut looked) = (page, 0);
    let mut leaf = Leaf { last, ..Leaf::default() };
    // Found on the way back are gathered newest first.
    while looked < LOOKED_THROUGH && leaf.entries.len() < PAGE as usize && !leaf.ended {
        let mut rows = log.rows(&sieve.filter, page, PAGE)?;
        looked += PAGE;
        leaf.ended = rows.len() < PAGE as usize;
        if !onwards {
            rows.reverse();
        }
        let Some(edge) = rows.last().map(|row| row.stamp.seq) else { break };
        leaf.entries.extend(rows.iter().filter_map(|row| found(row, &words)));
        page = if onwards { Page::After(edge) } else { Page::Before(edge) };
    }
    leaf.reached = match page {
        Page::After(seq) | Page::Before(seq) => seq,
        Page::Newest => 0,
    };
    if !onwards {
        leaf.entries.reverse();
    }
    Ok(leaf)
}

fn found(row: &Row, words: &Words) -> Option<Entry> {
    match row.record() {
        Ok(record) => {
            let sentence = sentence(&record);
            words.are_in(&record, &sentence, &row.kind).then(|| Entry::told(row.stamp, &record, &sentence))
        }
        // What nobody can read is in nobody's way.
        Err(_) => None,
    }
}
