//! Jobs: agents that run to completion and then stay open for reading. Started by schedule or by hand, use-or-create: a
//! busy run is left alone, a finished or wedged one makes room for a fresh one.

use std::time::Duration;

use crate::config::model::{Kind, ScreenSays};

use super::agent::{Job, Life};
use super::fact::Hiccup;
use super::id::AgentId;
use super::launch;
use super::message::{Origin, Stage};
use super::record::{Actor, Record, StopCause};
use super::time::Time;
use super::turn::Turn;

/// Idle this long after its prompt was submitted, a run counts as finished.
const SETTLED: Duration = Duration::from_secs(10);
/// A run whose time was slept through by more than this is not caught up.
const MISSED: Duration = Duration::from_secs(3600);

/// Begins a run, or says why not.
pub(super) fn run(turn: &mut Turn<'_>, id: &AgentId, fresh: bool, by: Actor) -> Result<String, String> {
    let is_job = turn.rules.agents.get(id).is_some_and(|rules| rules.kind == Kind::Job);
    if !is_job {
        return Err(format!("{id} is no job: `flightdeck start {id}` starts a loop"));
    }
    if busy(turn, id) && !fresh {
        return Err(format!("{id} is at work and left alone: `flightdeck run {id} --fresh` ends it and begins anew"));
    }
    turn.record(Record::JobStarted { agent: id.clone(), by });
    Ok(format!("a fresh run of {id} begins"))
}

/// Clears the run before the one that was asked for; notices the end of the present one.
pub(super) fn mind(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let Job::Running { .. } = turn.agent(id)?.job else { return None };
    if !launch::belongs_to_run(turn, id) {
        launch::stop(turn, id, StopCause::JobRun, None);
        return None;
    }
    finished_when(turn, id)
}

/// Starts the jobs whose time has come. Returns the next such time.
pub(super) fn schedule(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let now = turn.now;
    let last = turn.state.seen.job_checked;
    let from = if last == Time(0) { now.wall } else { last };
    turn.state.seen.job_checked = now.wall;
    let mut next: Option<(Time, String)> = None;
    for rules in turn.rules.agents.values() {
        let Some(schedule) = &rules.schedule else { continue };
        let due = schedule.cron.find_next_occurrence(&from.utc(), false).ok().map(Time::from_utc);
        if due.is_some_and(|due| due <= now.wall) && run(turn, &rules.id, false, Actor::Schedule).is_ok() {
            turn.watch(&rules.id).grace_from = now.steady;
        }
        let coming = schedule.cron.find_next_occurrence(&now.wall.utc(), false).ok().map(Time::from_utc);
        let coming = coming.map(|wall| (now.steady_of(wall), format!("run {}", rules.id)));
        next = next.into_iter().chain(coming).min();
    }
    next
}

/// After a long sleep or a step of the clock nothing is caught up, as after a restart of ours: a missed run would start
/// at a bad hour (fault C10).
pub(super) fn forget_missed(turn: &mut Turn<'_>, hiccup: &Hiccup) {
    let missed = match hiccup {
        Hiccup::Late(span) | Hiccup::Slept(span) => *span >= MISSED,
        Hiccup::ClockMoved(_) => true,
    };
    if missed {
        turn.state.seen.job_checked = Time(0);
    }
}

fn busy(turn: &mut Turn<'_>, id: &AgentId) -> bool {
    let (now, fresh) = (turn.now.steady, turn.rules.stall.idle);
    match turn.agent(id).map(|agent| (agent.life, agent.job)) {
        Some((Life::Starting { .. } | Life::Stopping { .. }, _)) => true,
        Some((Life::Up { .. }, Job::Running { .. })) => {
            let watch = turn.watch(id);
            // A wedged run shows no sign of life for as long as a stalled loop.
            now.since(watch.last_sign()) < fresh
        }
        Some((Life::Up { .. }, Job::Idle | Job::Finished { .. })) => turn.watch(id).in_turn(now, fresh),
        Some((Life::Down { .. }, _)) | None => false,
    }
}

fn finished_when(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let prompted = turn.state.outbox.values().rev().any(|posted| {
        posted.message.agent == *id
            && matches!(posted.message.origin, Origin::StartPrompt { .. })
            && matches!(posted.stage, Stage::Submitted { .. })
            && Some(posted.message.only) == turn.agent(id).map(|agent| Some(agent.incarnation))
    });
    if !prompted {
        return None;
    }
    let fresh = turn.rules.stall.idle;
    let watch = turn.watch(id);
    // One that says until when it waits will go on.
    let idle = !watch.in_turn(now, fresh) && watch.said() == Some(ScreenSays::Idle) && watch.marker.is_none();
    if !idle {
        return None;
    }
    let at = watch.last_sign() + SETTLED;
    if now < at {
        return Some((at, "call the run finished if it stays idle".to_string()));
    }
    turn.record(Record::JobFinished { agent: id.clone() });
    None
}
