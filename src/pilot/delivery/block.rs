//! What keeps a message from being typed just now, in words for its sender.

use crate::config::model::{Agent as AgentRules, ScreenSays};

use super::{BLOCKED_AGAIN, DRAFT_RESTS};
use crate::pilot::account;
use crate::pilot::effect::Refusal;
use crate::pilot::id::AgentId;
use crate::pilot::post::Way;
use crate::pilot::reading;
use crate::pilot::time::Time;
use crate::pilot::turn::Turn;

/// Why a message can't be typed now.
pub(super) enum Block {
    /// It passes by itself.
    Passing(String),
    /// A person has to put it right.
    Person(String),
}

/// Why the agent's first message can't be typed now, if it can't.
pub(super) fn blocked(turn: &mut Turn<'_>, id: &AgentId, way: Way) -> Option<Block> {
    let now = turn.now.steady;
    let passing = |why: &str| Some(Block::Passing(why.to_string()));
    let rules = turn.rules.agents.get(id)?;
    let fresh = turn.rules.stall.idle;
    let backend = account::backend(turn.state, turn.rules, id)?;
    let limited = turn.agent(id).is_some_and(|agent| agent.limit.is_some());
    let ready = turn.agent(id).is_some_and(|agent| agent.ready.is_some());
    let watch = turn.watch(id);
    let Some(screen) = watch.screen.clone() else { return passing("its screen was not seen yet") };
    // Also what was to be said at the end of an earlier one: it would go on into this one.
    if limited {
        return passing("it waits for its usage limit");
    }
    // What is handed over beside the composer answers no dialog: it waits in the program's own queue.
    let queues = way == Way::Interface && may_interrupt(rules);
    let said = watch.said().filter(|said| !(queues && *said == ScreenSays::Dialog || watch.quotes(*said)));
    if let Some(block) = said.and_then(closed_door) {
        return Some(block);
    }
    if !ready {
        return passing("it is starting");
    }
    if let Some((_, why)) = watch.not_typed.as_ref().filter(|(at, _)| now.since(*at) < BLOCKED_AGAIN) {
        return passing(why);
    }
    if watch.in_turn(now, fresh) && !may_interrupt(rules) {
        return passing("it is in a turn");
    }
    match way {
        Way::Interface => return None,
        Way::Unsettled(_) => return passing("its interface was not reached yet"),
        Way::Composer => {}
    }
    match reading::may_type(backend, &screen) {
        Ok(()) | Err(Refusal::Busy) => None,
        // Nobody has typed on it for a while: it is put aside for this message, and comes back.
        Err(Refusal::Draft) if backend.composer.stash_key.is_some() && now.since(watch.raw_changed) >= DRAFT_RESTS => {
            None
        }
        Err(why) => Some(Block::Person(why.words())),
    }
}

/// Something that passes by itself keeps the message back now: what a person had to put right is told of no more once it is gone.
pub(super) fn put_right(turn: &mut Turn<'_>, id: &AgentId) {
    let backend = account::backend(turn.state, turn.rules, id);
    let watch = turn.watch(id);
    let free = backend
        .zip(watch.screen.as_ref())
        .is_some_and(|(backend, screen)| matches!(reading::may_type(backend, screen), Ok(()) | Err(Refusal::Busy)));
    watch.blocked = watch.blocked.filter(|_| !free);
}

/// What is in the way is a state of the pane, whose end changes nothing on its screen: where that is missed, nothing ever tells
/// of it, and the picture stays. So it is looked at again, each time that the message is tried again.
pub(super) fn unseen(turn: &mut Turn<'_>, id: &AgentId) -> bool {
    let now = turn.now.steady;
    let watch = turn.watch(id);
    let hidden = watch.screen.as_ref().is_some_and(|screen| screen.mode.keeps_keys());
    let asked = watch.look_asked.is_some_and(|asked| now.since(asked) < BLOCKED_AGAIN);
    hidden && !asked && now.since(watch.looked) >= BLOCKED_AGAIN
}

/// When the agent's first message is tried again: as soon as one of the spans that keep it back is over.
pub(super) fn again(turn: &mut Turn<'_>, id: &AgentId) -> Time {
    let (now, fresh) = (turn.now.steady, turn.rules.stall.idle);
    let watch = turn.watch(id);
    let looked = watch.looked.max(watch.look_asked.unwrap_or_default()) + BLOCKED_AGAIN;
    let tried = watch.not_typed.as_ref().map(|(at, _)| *at + BLOCKED_AGAIN);
    let rested = watch.raw_changed + DRAFT_RESTS;
    let turn_over = watch.turn_until(fresh);
    let spans = [Some(looked), tried, Some(rested), Some(turn_over)].into_iter().flatten();
    spans.filter(|at| *at > now).min().unwrap_or(now + BLOCKED_AGAIN).min(now + BLOCKED_AGAIN)
}

fn may_interrupt(rules: &AgentRules) -> bool {
    rules.deliver_in_turn
}

/// Screens at which nothing is typed, whatever else they show.
fn closed_door(said: ScreenSays) -> Option<Block> {
    match said {
        ScreenSays::Dialog => Some(Block::Person("a dialog is open".to_string())),
        ScreenSays::AuthFailed => Some(Block::Person("it is logged out".to_string())),
        ScreenSays::Exited => Some(Block::Passing("the program has ended".to_string())),
        ScreenSays::Retrying => Some(Block::Passing("its service is overloaded, it tries again by itself".to_string())),
        ScreenSays::Idle | ScreenSays::Busy | ScreenSays::Limited | ScreenSays::Poisoned | ScreenSays::Fatal => None,
    }
}
