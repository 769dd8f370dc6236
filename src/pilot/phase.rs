//! The sequence of phases: an order of ids with a status each, never an index (a cursor kept as an index breaks when
//! something is inserted). What ends a phase, and what comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::StatusFile;
use super::id::PhaseId;
use super::launch;
use super::message::Origin;
use super::record::{Actor, Record};
use super::time::Time;
use super::turn::Turn;

/// The living sequence, folded from records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    pub phases: Vec<PhaseId>,
    pub done: BTreeSet<PhaseId>,
    pub suspended: BTreeSet<PhaseId>,
    pub current: Option<PhaseId>,
    /// When each was entered last.
    pub entered: BTreeMap<PhaseId, Time>,
    /// Milliseconds each was the current one, up to when it was last left.
    spent_ms: BTreeMap<PhaseId, u64>,
    pub complete: bool,
    /// Why the current phase can't end although its work says so.
    pub blocked: Option<String>,
    /// Since when a local DONE waits for its push.
    pub unpushed_since: Option<Time>,
    /// What `flightdeck.toml` is known to hold.
    pub in_file: Vec<PhaseId>,
    /// The current phase's status file already said done when it was entered: that DONE is not its own.
    pub stale_done: bool,
}

impl Sequence {
    pub(super) fn set(&mut self, phases: &[PhaseId], by: Actor) {
        self.phases = phases.to_vec();
        if by == Actor::Config {
            self.in_file = phases.to_vec();
        }
    }

    pub(super) fn enter(&mut self, phase: &PhaseId, stale_done: bool, at: Time) {
        if let Some(left) = self.current.take() {
            self.count(&left, at);
        }
        self.current = Some(phase.clone());
        self.stale_done = stale_done;
        self.done.remove(phase);
        self.suspended.remove(phase);
        self.entered.insert(phase.clone(), at);
        (self.blocked, self.unpushed_since, self.complete) = (None, None, false);
    }

    pub(super) fn suspend(&mut self, phase: &PhaseId, at: Time) {
        self.suspended.insert(phase.clone());
        self.leave(phase, at);
    }

    pub(super) fn finish(&mut self, phase: &PhaseId, at: Time) {
        self.done.insert(phase.clone());
        self.suspended.remove(phase);
        self.leave(phase, at);
    }

    fn leave(&mut self, phase: &PhaseId, at: Time) {
        if self.current.as_ref() == Some(phase) {
            self.current = None;
            self.count(phase, at);
            self.unblock();
        }
    }

    /// The time since it was entered counts as spent on it.
    fn count(&mut self, phase: &PhaseId, at: Time) {
        let since = self.entered.get(phase).map_or(Duration::ZERO, |entered| at.since(*entered));
        let spent = self.spent_ms.entry(phase.clone()).or_default();
        *spent = spent.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// How long it was the current one, until `now` if it still is.
    pub fn spent(&self, phase: &PhaseId, now: Time) -> Duration {
        let counted = Duration::from_millis(self.spent_ms.get(phase).copied().unwrap_or_default());
        let entered = self.entered.get(phase).filter(|_| self.current.as_ref() == Some(phase));
        counted.saturating_add(entered.map_or(Duration::ZERO, |entered| now.since(*entered)))
    }

    pub(super) fn unblock(&mut self) {
        (self.blocked, self.unpushed_since, self.stale_done) = (None, None, false);
    }

    /// `done`, `active`, `suspended` or `pending`.
    pub fn status(&self, phase: &PhaseId) -> &'static str {
        if self.current.as_ref() == Some(phase) {
            "active"
        } else if self.done.contains(phase) {
            "done"
        } else if self.suspended.contains(phase) {
            "suspended"
        } else {
            "pending"
        }
    }

    /// The first phase that is not done, in order.
    pub fn next(&self) -> Option<&PhaseId> {
        self.phases.iter().find(|phase| !self.done.contains(*phase))
    }

    /// Why a file's new order can't be taken over, if it can't (fault F5).
    pub fn refuses(&self, phases: &[PhaseId]) -> Option<String> {
        let current = self.current.as_ref()?;
        (!phases.contains(current)).then(|| {
            format!(
                "the sequence lacks the current phase {current}: end it first (`flightdeck phase next`) or put it back"
            )
        })
    }
}

/// Keeps the sequence in step with the file, and starts it where none runs.
pub(super) fn follow_config(turn: &mut Turn<'_>) {
    let wished = turn.rules.sequence.clone();
    let sequence = &turn.state.sequence;
    let fresh_file = sequence.in_file != wished;
    let refused = sequence.refuses(&wished).filter(|_| fresh_file);
    turn.state.seen.not_followed.clone_from(&refused);
    if fresh_file && refused.is_none() {
        turn.record(Record::SequenceSet { phases: wished, by: Actor::Config });
    }
    proceed(turn);
}

/// Enters the next phase where none is current; completes or reopens the sequence.
pub(super) fn proceed(turn: &mut Turn<'_>) {
    let sequence = &turn.state.sequence;
    if sequence.current.is_some() || sequence.phases.is_empty() {
        return;
    }
    match sequence.next().cloned() {
        Some(next) => {
            if sequence.complete {
                turn.record(Record::SequenceReopened);
            }
            enter(turn, &next);
        }
        None if !sequence.complete => {
            turn.record(Record::SequenceCompleted);
            expire_old_words(turn, "the sequence is complete");
        }
        None => {}
    }
}

/// Makes `phase` the current one; the loops follow because they were started for another.
pub(super) fn enter(turn: &mut Turn<'_>, phase: &PhaseId) {
    let stale_done = turn.state.seen.done.contains(phase);
    turn.record(Record::PhaseEntered { phase: phase.clone(), stale_done });
    if stale_done {
        block(turn, phase, stale_reason(phase));
    }
    expire_old_words(turn, "the phase changed");
}

/// The current phase is over.
pub(super) fn finish(turn: &mut Turn<'_>, phase: &PhaseId, by: Actor) {
    turn.record(Record::PhaseDone { phase: phase.clone(), by });
    proceed(turn);
}

/// The current phase stops here and goes on later.
pub(super) fn suspend(turn: &mut Turn<'_>) {
    if let Some(current) = turn.state.sequence.current.clone() {
        turn.record(Record::PhaseSuspended { phase: current });
    }
}

/// The branch is seen for the first time: what was done before is passed over. The loops follow once, to where it ends.
pub(super) fn first_sight(turn: &mut Turn<'_>, done: &[PhaseId]) {
    while let Some(current) = turn.state.sequence.current.clone().filter(|current| done.contains(current)) {
        finish(turn, &current, Actor::Branch);
    }
    turn.state.seen.done = done.iter().cloned().collect();
}

/// The pushed branch was read: these phases' status files say done.
pub(super) fn pushed_done(turn: &mut Turn<'_>, done: &[PhaseId]) {
    turn.state.seen.done = done.iter().cloned().collect();
    let Some(current) = turn.state.sequence.current.clone() else { return };
    let stale = turn.state.sequence.stale_done;
    if !done.contains(&current) {
        if stale {
            turn.record(Record::PhaseUnblocked { phase: current });
        }
        return;
    }
    if stale {
        block(turn, &current, stale_reason(&current));
        return;
    }
    finish(turn, &current, Actor::Branch);
}

/// The status file in a loop's clone was read.
pub(super) fn local_status(turn: &mut Turn<'_>, phase: &PhaseId, status: &StatusFile) {
    // What is pushed says more; and a DONE that stood there before ends by a push alone.
    let told = turn.state.seen.done.contains(phase) || turn.state.sequence.stale_done;
    if turn.state.sequence.current.as_ref() != Some(phase) || told {
        return;
    }
    let waits = turn.state.sequence.unpushed_since.is_some();
    let blocked = turn.state.sequence.blocked.is_some();
    match status {
        StatusFile::Done if !waits => {
            if blocked {
                turn.record(Record::PhaseUnblocked { phase: phase.clone() });
            }
            turn.record(Record::PhaseDoneUnpushed { phase: phase.clone(), since: turn.now.steady });
        }
        StatusFile::Done => {}
        StatusFile::Open if waits || blocked => turn.record(Record::PhaseUnblocked { phase: phase.clone() }),
        StatusFile::Open => {}
        StatusFile::Unreadable(why) => block(turn, phase, format!("its status file can't be read: {why}")),
    }
}

/// A DONE that stays unpushed for too long holds the phase, with the reason. Returns the deadline, if one runs.
pub(super) fn watch_push(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let since = turn.state.sequence.unpushed_since?;
    let current = turn.state.sequence.current.clone()?;
    if turn.state.sequence.blocked.is_some() {
        return None;
    }
    let wait = turn.rules.project.done_push_wait;
    let deadline = since + wait;
    if turn.now.steady < deadline {
        return Some((deadline, format!("hold phase {current} unless its DONE is pushed")));
    }
    let branch = &turn.rules.project.branch;
    let why = format!(
        "its status file says DONE for {} but that is not on {branch}: commit and push it",
        humantime::format_duration(wait)
    );
    block(turn, &current, why);
    None
}

fn block(turn: &mut Turn<'_>, phase: &PhaseId, why: String) {
    if turn.state.sequence.blocked.as_deref() != Some(why.as_str()) {
        turn.record(Record::PhaseBlocked { phase: phase.clone(), why });
    }
}

fn stale_reason(phase: &PhaseId) -> String {
    format!(
        "STATUS-{phase}.md said DONE already when the phase was entered: push one without it, or end the phase with \
         `flightdeck phase next`"
    )
}

/// What we had to say about the phase that ended is of no use in the next one; the operator's words stay.
fn expire_old_words(turn: &mut Turn<'_>, why: &str) {
    let old: Vec<_> = turn
        .state
        .outbox
        .values()
        .filter(|posted| matches!(posted.stage, super::message::Stage::Queued { .. }))
        // An orchestrator or a job goes on over the change.
        .filter(|posted| turn.rules.agents.get(&posted.message.agent).is_none_or(launch::phased))
        .filter(|posted| match posted.message.origin {
            Origin::Handoff { .. }
            | Origin::StartPrompt { .. }
            | Origin::Inbox { .. }
            | Origin::Nudge
            | Origin::Compact => true,
            Origin::Operator | Origin::LimitLifted => false,
        })
        .map(|posted| (posted.message.id, posted.message.agent.clone()))
        .collect();
    for (message, agent) in old {
        turn.move_message(message, &agent, super::message::Stage::Expired { why: why.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_one_word_for_how_it_stands() {
        let [one, two, three] = ["1", "2", "3"].map(|id| PhaseId::parse(id).expect("a phase"));
        let mut sequence = Sequence::default();
        let words = |sequence: &Sequence| [&one, &two, &three].map(|phase| sequence.status(phase));
        assert_eq!(words(&sequence), ["pending", "pending", "pending"]);
        sequence.enter(&one, false, Time(0));
        sequence.suspend(&one, Time(0));
        sequence.enter(&two, false, Time(0));
        sequence.finish(&two, Time(0));
        sequence.enter(&three, false, Time(0));
        assert_eq!(words(&sequence), ["suspended", "done", "active"]);
        // Left for another without a word, it is neither done nor suspended.
        sequence.enter(&one, false, Time(0));
        assert_eq!(words(&sequence), ["active", "done", "pending"]);
    }

    #[test]
    fn what_a_phase_took_leaves_out_what_it_was_suspended_for() {
        let [one, two] = ["1", "2"].map(|id| PhaseId::parse(id).expect("a phase"));
        let mut sequence = Sequence::default();
        let spent = |sequence: &Sequence, phase, now| sequence.spent(phase, Time(now)).as_millis();
        assert_eq!(spent(&sequence, &one, 5), 0);
        sequence.enter(&one, false, Time(1_000));
        assert_eq!(spent(&sequence, &one, 4_000), 3_000);
        sequence.suspend(&one, Time(5_000));
        sequence.enter(&two, false, Time(5_000));
        sequence.finish(&two, Time(15_000));
        sequence.enter(&one, false, Time(15_000));
        assert_eq!((spent(&sequence, &one, 17_000), spent(&sequence, &two, 17_000)), (6_000, 10_000));
        sequence.finish(&one, Time(18_000));
        assert_eq!((spent(&sequence, &one, 99_000), sequence.entered[&one]), (7_000, Time(15_000)));
    }
}
