//! Marks: moments at which something happened to an agent, or to the whole fleet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::pilot::fact::Stamp;
use crate::pilot::time::Time;

use super::Point;

/// What happened to an agent; the more telling, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// A message was proved to be submitted.
    Submitted,
    /// A claim or a review was pushed that concerns it.
    Claim,
    Review,
    Started,
    Released,
    Stopped,
    /// Nobody can say whether a message has come through.
    Doubt,
    Exited,
    /// Something was wrong with it.
    Found,
    Alerted,
    Held,
}

impl MarkKind {
    /// All, in their order.
    pub const ALL: [MarkKind; 11] = [
        MarkKind::Submitted,
        MarkKind::Claim,
        MarkKind::Review,
        MarkKind::Started,
        MarkKind::Released,
        MarkKind::Stopped,
        MarkKind::Doubt,
        MarkKind::Exited,
        MarkKind::Found,
        MarkKind::Alerted,
        MarkKind::Held,
    ];

    /// One column wide.
    pub fn sign(self) -> &'static str {
        match self {
            MarkKind::Submitted => "✉",
            MarkKind::Claim => "◆",
            MarkKind::Review => "◇",
            MarkKind::Started => "↻",
            MarkKind::Released => "□",
            MarkKind::Stopped => "▾",
            MarkKind::Doubt => "?",
            MarkKind::Exited => "✖",
            MarkKind::Found => "!",
            MarkKind::Alerted => "⚑",
            MarkKind::Held => "■",
        }
    }

    /// A word for the legend.
    pub fn word(self) -> &'static str {
        match self {
            MarkKind::Submitted => "message",
            MarkKind::Claim => "claim",
            MarkKind::Review => "review",
            MarkKind::Started => "start",
            MarkKind::Released => "released",
            MarkKind::Stopped => "stop",
            MarkKind::Doubt => "in doubt",
            MarkKind::Exited => "ended",
            MarkKind::Found => "ill",
            MarkKind::Alerted => "needs you",
            MarkKind::Held => "held",
        }
    }
}

/// One moment of one agent, by the number of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(Point);

impl Mark {
    /// At a record.
    pub fn new(stamp: Stamp, kind: MarkKind) -> Self {
        Mark(Point::new(stamp.at, stamp.seq, kind as u8))
    }

    /// When.
    pub fn at(self) -> Time {
        self.0.at
    }

    /// Number of the record.
    pub fn seq(self) -> u64 {
        self.0.seq()
    }

    /// What.
    pub fn kind(self) -> MarkKind {
        MarkKind::ALL.get(self.0.code()).copied().unwrap_or(MarkKind::Submitted)
    }
}

/// An agent's marks, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Marks(VecDeque<Mark>);

/// Marks of one cell that are looked at: who draws a month of pings in one column needs no exact answer.
const LOOKED_AT: usize = 64;

impl Marks {
    /// Adds one at the end, at the last one's time at the earliest.
    pub fn push(&mut self, mark: Mark) {
        let last = self.0.back().map_or(mark.at(), |last| last.at());
        make_room(&mut self.0, 1);
        self.0.push_back(Mark(mark.0.not_before(last)));
    }

    /// Puts what was before in front.
    pub fn put_before(&mut self, older: Marks) {
        make_room(&mut self.0, older.0.len());
        older.0.into_iter().rev().for_each(|mark| self.0.push_front(mark));
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the oldest was.
    pub fn oldest(&self) -> Option<Time> {
        self.0.front().map(|mark| mark.at())
    }

    /// Forgets those before; returns how many.
    pub fn forget_before(&mut self, until: Time) -> usize {
        let gone = self.first_from(until);
        self.0.drain(..gone);
        gone
    }

    /// Those of a span of time, oldest first; of very many only some.
    pub fn within(&self, from: Time, to: Time) -> impl Iterator<Item = Mark> {
        let (first, end) = (self.first_from(from), self.first_from(to));
        self.0.range(first..end.max(first)).take(LOOKED_AT).copied()
    }

    /// The last one before a moment.
    pub fn before(&self, at: Time) -> Option<Mark> {
        self.first_from(at).checked_sub(1).and_then(|place| self.0.get(place)).copied()
    }

    /// The first one from a moment on.
    pub fn from(&self, at: Time) -> Option<Mark> {
        self.0.get(self.first_from(at)).copied()
    }

    /// The most telling one of a span of time.
    pub fn telling(&self, from: Time, to: Time) -> Option<Mark> {
        self.within(from, to).max_by_key(|mark| mark.kind())
    }

    fn first_from(&self, at: Time) -> usize {
        self.0.partition_point(|mark| mark.at() < at)
    }
}

/// Grows by a quarter and not by a half: there may be a million of them.
fn make_room(marks: &mut VecDeque<Mark>, more: usize) {
    if marks.capacity() - marks.len() < more {
        marks.reserve_exact(more + marks.len() / 4);
    }
}

/// What happened to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FleetKind {
    Engine,
    Resumed,
    Paused,
    EmergencyStop,
    MassDeath,
    Phase,
    Complete,
    Claim,
    Review,
}

impl FleetKind {
    /// One column wide.
    pub fn sign(self) -> &'static str {
        match self {
            FleetKind::Engine => "↑",
            FleetKind::Resumed => "▹",
            FleetKind::Paused => "‖",
            FleetKind::EmergencyStop => "■",
            FleetKind::MassDeath => "✖",
            FleetKind::Phase => "▶",
            FleetKind::Complete => "✓",
            FleetKind::Claim => "◆",
            FleetKind::Review => "◇",
        }
    }

    /// It came with a push.
    pub fn is_pushed(self) -> bool {
        matches!(self, FleetKind::Claim | FleetKind::Review)
    }
}

/// One moment of the whole fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetMark {
    pub at: Time,
    pub seq: u64,
    pub kind: FleetKind,
    pub label: Box<str>,
}

impl FleetMark {
    /// It lies in this span of time.
    pub fn is_within(&self, from: Time, span: Duration) -> bool {
        self.at >= from && self.at < from + span
    }
}
