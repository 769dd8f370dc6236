//! What the flight recorder remembers: per agent a lane of states and marks, and the marks of the whole fleet. Folded from
//! records, which come from two sides: the past from the log, newest first and in pages, the present over the link. Both sides
//! say which numbers they cover, so that they meet without a gap and without anything twice.
//!
//! It keeps no words: a point knows the number of its record, which is looked up when somebody points at it.

mod mark;
mod track;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::message::Stage;
use crate::pilot::record::{HiccupNote, Record};
use crate::pilot::time::Time;

use super::tint::Tint;

pub use mark::{FleetKind, FleetMark, Mark, MarkKind, Marks};
pub use track::{CODES, Point, Track};

/// As far back as lanes go.
pub const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// Points and marks in all: 32 MiB, which is the fleet of a week that changes its mind three times a second.
pub const MOST: usize = 2_000_000;
/// Fleet marks; phases and pushes are made by agents that think for minutes.
const MOST_OF_FLEET: usize = 10_000;
/// A new engine that takes charge sooner after the last record is an upgrade, not an absence.
const ABSENCE: Duration = Duration::from_secs(10);

/// The lanes of all agents, from the records `from..=to`.
#[derive(Clone, Debug)]
pub struct Lanes {
    agents: BTreeMap<AgentId, Lane>,
    fleet: VecDeque<FleetMark>,
    /// Times without an engine, or in which the machine slept.
    absences: VecDeque<(Time, Time)>,
    from: u64,
    to: u64,
    /// Times of the first and the last record, whatever they tell.
    times: Option<(Time, Time)>,
    /// The first record is an engine's start: how long there was none is known with the record before.
    begins_with_engine: bool,
    count: usize,
    rewritten: u64,
}

/// One agent's.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Codes are places in [`Tint::ALL`].
    pub states: Track,
    pub marks: Marks,
}

impl Lanes {
    /// Nothing yet; the first record will be the one after number `seq`.
    pub fn after(seq: u64) -> Self {
        Lanes {
            agents: BTreeMap::new(),
            fleet: VecDeque::new(),
            absences: VecDeque::new(),
            from: seq + 1,
            to: seq,
            times: None,
            begins_with_engine: false,
            count: 0,
            rewritten: 0,
        }
    }

    /// Number of the first record that was, or would be, taken in here.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Number of the last record that was taken in.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// Time of the first record.
    pub fn oldest(&self) -> Option<Time> {
        self.times.map(|times| times.0)
    }

    /// Time of the last record.
    pub fn newest(&self) -> Option<Time> {
        self.times.map(|times| times.1)
    }

    /// Points and marks.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How often something was put in front or let go. Between two such times nothing changes but what comes after.
    pub fn rewritten(&self) -> u64 {
        self.rewritten
    }

    /// One agent's lane.
    pub fn lane(&self, agent: &AgentId) -> Option<&Lane> {
        self.agents.get(agent)
    }

    /// What concerns the whole fleet, oldest first.
    pub fn fleet(&self) -> &VecDeque<FleetMark> {
        &self.fleet
    }

    /// Milliseconds without an engine between the two.
    pub fn absent(&self, from: Time, to: Time) -> u64 {
        let overlap = |gap: &(Time, Time)| gap.1.min(to).since(gap.0.max(from)).as_millis();
        let first = self.absences.partition_point(|gap| gap.1 <= from);
        let sum: u128 = self.absences.iter().skip(first).take_while(|gap| gap.0 < to).map(overlap).sum();
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// Whether a record of this kind tells lanes anything; others need not be read.
    pub fn reads(kind: &str) -> bool {
        [
            "state_changed",
            "started",
            "exited",
            "stopped",
            "found",
            "held",
            "released",
            "alerted",
            "message_moved",
            "handoff_seen",
            "phase_entered",
            "sequence_completed",
            "engine_started",
            "paused",
            "resumed",
            "emergency_stopped",
            "mass_death",
            "hiccuped",
        ]
        .contains(&kind)
    }

    /// Takes note of a record that tells lanes nothing but that there was an engine. `false`: it is known already.
    pub fn pass(&mut self, stamp: Stamp) -> bool {
        if stamp.seq <= self.to {
            return false;
        }
        self.to = stamp.seq;
        let first = self.times.map_or(stamp.at, |times| times.0);
        self.times = Some((first, stamp.at.max(first)));
        true
    }

    /// Nothing was recorded up to this number that is not taken in.
    pub fn cover(&mut self, seq: u64) {
        self.to = self.to.max(seq);
    }

    /// Takes in the next record. One that is known already changes nothing.
    pub fn push(&mut self, stamp: Stamp, record: &Record) {
        let before = self.times.map(|times| times.1);
        if !self.pass(stamp) {
            return;
        }
        match record {
            Record::StateChanged { agent, state, .. } => {
                let point = Point::new(stamp.at, stamp.seq, Tint::of(state) as u8);
                self.agents.entry(agent.clone()).or_default().states.push(point);
                self.count += 1;
            }
            Record::EngineStarted { epoch, .. } => {
                match before {
                    Some(before) => self.miss(before, stamp.at),
                    None => self.begins_with_engine = true,
                }
                self.mark_fleet(stamp, FleetKind::Engine, format!("engine {epoch}"));
            }
            Record::Hiccuped { what: HiccupNote::Slept { ms } } => {
                self.miss(stamp.at - Duration::from_millis(*ms), stamp.at);
            }
            other => self.push_mark(stamp, other),
        }
        if self.count > MOST {
            self.forget_oldest();
        }
    }

    fn push_mark(&mut self, stamp: Stamp, record: &Record) {
        let kind = match record {
            Record::Started { .. } => MarkKind::Started,
            Record::Exited { .. } => MarkKind::Exited,
            Record::Stopped { .. } => MarkKind::Stopped,
            Record::Found { .. } => MarkKind::Found,
            Record::Held { .. } => MarkKind::Held,
            Record::Released { .. } => MarkKind::Released,
            Record::Alerted { .. } => MarkKind::Alerted,
            Record::MessageMoved { stage: Stage::Submitted { .. }, .. } => MarkKind::Submitted,
            Record::MessageMoved { stage: Stage::Uncertain { .. } | Stage::TypedNotSubmitted, .. } => MarkKind::Doubt,
            other => return self.push_fleet(stamp, other),
        };
        if let Some(agent) = record.agent() {
            self.mark(agent, stamp, kind);
        }
    }

    fn push_fleet(&mut self, stamp: Stamp, record: &Record) {
        let (kind, label) = match record {
            Record::HandoffSeen { handoff, targets, .. } => {
                let kind = if handoff.prefix == "review" { FleetKind::Review } else { FleetKind::Claim };
                for agent in targets {
                    self.mark(agent, stamp, if kind == FleetKind::Review { MarkKind::Review } else { MarkKind::Claim });
                }
                (kind, format!("{}({})", handoff.prefix, handoff.gate))
            }
            Record::PhaseEntered { phase, .. } => (FleetKind::Phase, phase.to_string()),
            Record::SequenceCompleted => (FleetKind::Complete, "all done".to_string()),
            Record::Paused { .. } => (FleetKind::Paused, "paused".to_string()),
            Record::Resumed { .. } => (FleetKind::Resumed, "resumed".to_string()),
            Record::EmergencyStopped { .. } => (FleetKind::EmergencyStop, "emergency stop".to_string()),
            Record::MassDeath { .. } => (FleetKind::MassDeath, "mass death".to_string()),
            _ => return,
        };
        self.mark_fleet(stamp, kind, label);
    }

    fn mark(&mut self, agent: &AgentId, stamp: Stamp, kind: MarkKind) {
        self.agents.entry(agent.clone()).or_default().marks.push(Mark::new(stamp, kind));
        self.count += 1;
    }

    fn mark_fleet(&mut self, stamp: Stamp, kind: FleetKind, label: String) {
        self.fleet.push_back(FleetMark { at: stamp.at, seq: stamp.seq, kind, label: label.into() });
        if self.fleet.len() > MOST_OF_FLEET {
            self.fleet.pop_front();
        }
    }

    fn miss(&mut self, from: Time, to: Time) {
        if to.since(from) >= ABSENCE {
            self.absences.push_back((from, to));
        }
    }

    /// Puts in front what was before; `older` ends where this begins. `false`: it does not, and nothing has changed.
    pub fn put_before(&mut self, older: Lanes) -> bool {
        if older.to + 1 != self.from {
            return false;
        }
        if let (true, Some((_, end)), Some((begin, _))) = (self.begins_with_engine, older.times, self.times)
            && begin.since(end) >= ABSENCE
        {
            self.absences.push_front((end, begin));
        }
        self.from = older.from;
        self.count += older.count;
        self.rewritten += 1;
        if let Some((first, last)) = older.times {
            self.times = Some((first, self.times.map_or(last, |times| times.1)));
            self.begins_with_engine = older.begins_with_engine;
        }
        for (agent, lane) in older.agents {
            let own = self.agents.entry(agent).or_default();
            own.states.put_before(lane.states);
            own.marks.put_before(lane.marks);
        }
        prepend(&mut self.fleet, older.fleet);
        prepend(&mut self.absences, older.absences);
        true
    }

    /// Lets go what was over at `until`.
    pub fn forget_before(&mut self, until: Time) {
        self.rewritten += 1;
        for lane in self.agents.values_mut() {
            self.count -= lane.states.forget_before(until) + lane.marks.forget_before(until);
        }
        self.fleet.drain(..self.fleet.partition_point(|mark| mark.at < until));
        self.absences.drain(..self.absences.partition_point(|gap| gap.1 < until));
    }

    /// Lets go the oldest block of all, so that a fleet gone wild takes no more than its share.
    fn forget_oldest(&mut self) {
        self.rewritten += 1;
        let oldest = self.agents.values_mut().filter(|lane| !lane.states.is_empty() || !lane.marks.is_empty());
        if let Some(lane) = oldest.min_by_key(|lane| lane.oldest()) {
            let until = lane.oldest().unwrap_or_default() + Duration::from_millis(1);
            let gone = lane.marks.forget_before(until);
            self.count -= if gone > 0 { gone } else { lane.states.forget_oldest() };
        }
    }
}

fn prepend<T>(to: &mut VecDeque<T>, mut older: VecDeque<T>) {
    older.append(to);
    *to = older;
}

impl Lane {
    fn oldest(&self) -> Option<Time> {
        [self.states.oldest(), self.marks.oldest()].into_iter().flatten().min()
    }

    /// The state at a moment, the number of its record, and from when to when. `None`: it is not known.
    pub fn at(&self, at: Time) -> Option<(Tint, Point, Option<Time>)> {
        let (point, until) = self.states.at(at)?;
        Some((*Tint::ALL.get(point.code())?, point, until))
    }

    /// How much of each of `cells` spans of time up to `end` it worked, in eighths; `None`: nothing is known of that span.
    pub fn busy(&self, end: Time, span: Duration, cells: u16) -> Vec<Option<u8>> {
        let cell = i64::try_from(span.as_millis()).unwrap_or(i64::MAX) / i64::from(cells.max(1));
        let begin = |at: i64| Time((end.0.div_euclid(cell.max(1)) + 1 - i64::from(cells) + at) * cell);
        let share = |at: i64| {
            let spent = self.states.spent(begin(at), begin(at + 1).min(end));
            let all: u64 = spent.iter().sum();
            let eighths = (spent[Tint::Working as usize] * 8).div_ceil(all.max(1));
            (all > 0).then(|| u8::try_from(eighths).unwrap_or(8))
        };
        (0..i64::from(cells)).map(share).collect()
    }
}

#[cfg(test)]
mod tests;
