//! A context that is nearly full is shortened by the agent's own program when it rests, where the operator wants that. Begun by
//! ourselves it comes between two turns and not in the middle of one.

use std::time::Duration;

use crate::config::model::ScreenSays;

use super::account;
use super::agent::Watch;
use super::delivery;
use super::id::AgentId;
use super::message::{Origin, Stage};
use super::time::Time;
use super::turn::Turn;

/// A context that is still full after it was shortened is not shortened again at once.
const AGAIN: Duration = Duration::from_secs(1800);
/// What the rules note on a screen of a program that tells no number; they see it from 80 % on.
const NOTED: &str = "context nearly full";
const NOTED_PERCENT: u8 = 80;

/// Queues the command, when it is time. Comes back with the next picture or report.
pub(super) fn mind(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let rules = turn.rules.agents.get(id)?;
    let (at, command) = (rules.compact_at?, account::backend(turn.state, turn.rules, id)?.compact.clone()?);
    let now = turn.now.steady;
    let fresh = turn.rules.stall.idle;
    let agent = turn.agent(id)?;
    let unfit = agent.limit.is_some() || agent.ready.is_none();
    let prompted = turn.state.waiting(id).next().is_some();
    // What begins a life or is on its way already comes first.
    let first = turn.state.waiting(id).any(|posted| {
        !matches!(posted.stage, Stage::Queued { .. })
            || matches!(posted.message.origin, Origin::StartPrompt { .. } | Origin::LimitLifted | Origin::Compact)
    });
    let watch = turn.watch(id);
    let rests = watch.said() == Some(ScreenSays::Idle) && !watch.in_turn(now, fresh) && watch.delivery.is_none();
    // Who waits as announced is left alone: its marker must stay the last thing it said, until somebody wakes it anyway.
    let waits = watch.marker.is_some() && !prompted;
    let lately = watch.compacted.is_some_and(|last| now.since(last) < AGAIN);
    if unfit || first || !rests || waits || lately || full(watch) < at {
        return None;
    }
    watch.compacted = Some(now);
    turn.queue(id, Origin::Compact, &command, true);
    None
}

/// The event channel says that the conversation is being shortened: our wish for that was taken in, if there is one.
pub(super) fn begun(turn: &mut Turn<'_>, id: &AgentId) {
    let wished = turn.state.waiting(id).find(|posted| {
        posted.message.origin == Origin::Compact && matches!(posted.stage, Stage::Pasting | Stage::Typed { .. })
    });
    if let Some(message) = wished.map(|posted| posted.message.id) {
        delivery::submitted(turn, id, message, "its event channel reported that it shortens its conversation");
    }
}

fn full(watch: &Watch) -> u8 {
    let noted = watch.reading.as_ref().is_some_and(|reading| reading.notes.iter().any(|note| note == NOTED));
    watch.gauges.context.unwrap_or(if noted { NOTED_PERCENT } else { 0 })
}
