//! All that the log knows of one thing: of a record, of a message, of what was decided about an agent.

use crate::edge::store::{Filter, Page, Reader, Row, StoreError};
use crate::pilot::fact::Stamp;
use crate::pilot::id::{AgentId, MessageId};
use crate::pilot::message::{Message, Stage};
use crate::pilot::record::{Actor, Record};

use super::entries::Entry;
use super::news;

/// Neighbours on either side of a record.
const NEIGHBOURS: u32 = 6;
/// Decisions about an agent that are told.
const DECISIONS: usize = 12;
/// Rows of one step of a look back.
const STEP: u32 = 200;
/// Steps of a look back: 20 000 rows, some days of a busy agent.
const STEPS: u32 = 100;
/// Moves of one message that are told; a submit key is pressed a few times at most.
const MOVES: usize = 200;

/// A record with those before and after it of the same agent (of the whole log where it is about none).
#[derive(Clone, Debug, Default)]
pub struct Vicinity {
    /// `None`: there is no such record any more.
    pub row: Option<Row>,
    pub before: Vec<Entry>,
    pub after: Vec<Entry>,
}

/// A message and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    /// `None`: the log does not reach back to where it was queued.
    pub queued: Option<(Stamp, Message)>,
    pub moves: Vec<(Stamp, Stage)>,
}

/// Something that was decided about an agent, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub entry: Entry,
    pub evidence: Vec<String>,
}

/// The record of this number.
pub(super) fn vicinity(log: &Reader, seq: u64) -> Result<Vicinity, StoreError> {
    let row = log.rows(&Filter::default(), Page::After(seq.saturating_sub(1)), 1)?.pop();
    let Some(row) = row.filter(|row| row.stamp.seq == seq) else { return Ok(Vicinity::default()) };
    let filter = Filter { agent: row.agent.as_deref().and_then(AgentId::parse), ..Filter::default() };
    let entries = |page| Ok::<_, StoreError>(log.rows(&filter, page, NEIGHBOURS)?.iter().map(Entry::read).collect());
    let (before, after) = (entries(Page::Before(seq))?, entries(Page::After(seq))?);
    Ok(Vicinity { row: Some(row), before, after })
}

/// Everything about this message.
pub(super) fn letter(log: &Reader, id: MessageId) -> Result<Letter, StoreError> {
    let mut queued = None;
    look_back(log, &of_kind("message_queued"), |stamp, record| {
        if let Record::MessageQueued { message } = record
            && message.id == id
        {
            queued = Some((stamp, message));
        }
        queued.is_none()
    })?;
    let since = queued.as_ref().map_or(0, |(stamp, _)| stamp.seq);
    let mut moves = Vec::new();
    look_back(log, &of_kind("message_moved"), |stamp, record| {
        if let Record::MessageMoved { message, stage, .. } = record
            && message == id
        {
            moves.push((stamp, stage));
        }
        stamp.seq > since && moves.len() < MOVES
    })?;
    moves.reverse();
    Ok(Letter { queued, moves })
}

/// What was decided about this agent last, newest first.
pub(super) fn decisions(log: &Reader, agent: &AgentId) -> Result<Vec<Decision>, StoreError> {
    let mut decisions = Vec::new();
    let filter = Filter { agent: Some(agent.clone()), ..Filter::default() };
    look_back(log, &filter, |stamp, record| {
        if is_decision(&record) {
            decisions.push(Decision { entry: Entry::of(stamp, &record), evidence: news::evidence(&record) });
        }
        decisions.len() < DECISIONS
    })?;
    Ok(decisions)
}

/// It tells why an agent was started, ended, held or left alone.
pub fn is_decision(record: &Record) -> bool {
    matches!(
        record,
        Record::Started { .. }
            | Record::Exited { .. }
            | Record::Stopped { .. }
            | Record::Found { .. }
            | Record::BackedOff { .. }
            | Record::StartDelayed { .. }
            | Record::Held { .. }
            | Record::Released { .. }
            | Record::LimitReached { .. }
            | Record::LimitLifted { .. }
            | Record::SightLost { .. }
            | Record::SightRegained { .. }
            | Record::Quarantined { .. }
            | Record::Routed { .. }
            | Record::AccountRefused { .. }
            | Record::Wished { by: Actor::Operator, .. }
    )
}

fn of_kind(kind: &str) -> Filter {
    Filter { kind: Some(kind.to_string()), ..Filter::default() }
}

/// Hands over records from the newest back while `each` wants more.
fn look_back(log: &Reader, filter: &Filter, mut each: impl FnMut(Stamp, Record) -> bool) -> Result<(), StoreError> {
    let mut page = Page::Newest;
    for _ in 0..STEPS {
        let rows = log.rows(filter, page, STEP)?;
        let Some(first) = rows.first().map(|row| row.stamp.seq) else { return Ok(()) };
        for row in rows.iter().rev() {
            // A row that can't be read is shown in the logbook as that.
            if let Ok(record) = row.record()
                && !each(row.stamp, record)
            {
                return Ok(());
            }
        }
        page = Page::Before(first);
    }
    Ok(())
}
