//! Pressing the submit key, when and where the program gets it.

use super::block::unseen;
use super::{BLOCKED_AGAIN, Sight};
use crate::pilot::agent::{Progress, Step};
use crate::pilot::effect::{Effect, Refusal};
use crate::pilot::id::{AgentId, MessageId};
use crate::pilot::message::Stage;
use crate::pilot::record::{Order, Record};
use crate::pilot::stall;
use crate::pilot::time::Time;
use crate::pilot::turn::Turn;

/// Orders the key at its time, once more than `presses`. Returns when to come back, and for what.
pub(super) fn when_due(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    view: &Sight<'_>,
    at: Time,
    presses: u32,
) -> Option<(Time, String)> {
    if turn.now.steady < at {
        return Some((at, format!("submit {message}")));
    }
    if view.screen.is_some_and(|screen| screen.mode.keeps_keys()) {
        return wait_for_pane(turn, id, message, presses);
    }
    turn.watch(id).blocked = None;
    let agent = turn.agent(id)?;
    let (incarnation, place) = (agent.incarnation, agent.place.clone()?);
    let presses = presses + 1;
    turn.move_message(message, id, Stage::Typed { presses });
    turn.watch(id).delivery = Some(Progress { message, step: Step::Submitting { presses } });
    let (agent, text, backend) = (id.clone(), view.text.to_string(), view.backend.name.clone());
    let order = Order::Submit { message };
    turn.order(Some(id), order, |id| Effect::Submit { id, agent, incarnation, place, message, text, backend });
    None
}

/// Somebody scrolls in its pane, or has closed it to keys: that is waited for, but not for ever, since an agent to which something is
/// on its way is not looked after.
fn wait_for_pane(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, presses: u32) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let since = *turn.watch(id).blocked.get_or_insert(now);
    if now.since(since) >= turn.rules.delivery.blocked_alert {
        left_standing(turn, id, message, presses);
        return None;
    }
    if unseen(turn, id) {
        stall::look(turn, id);
    }
    Some((now + BLOCKED_AGAIN, format!("submit {message} when its pane takes keys again")))
}

/// How often the key was pressed, when the last time it was refused: one that the pane kept from the program was no press.
pub(super) fn counted(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, presses: u32, why: &Refusal) -> u32 {
    let stands = turn.state.outbox.get(&message).is_some_and(|posted| posted.stage == Stage::Typed { presses });
    if !stands || !matches!(why, Refusal::InMode | Refusal::InputOff | Refusal::Synchronized) {
        return presses;
    }
    let presses = presses.saturating_sub(1);
    turn.move_message(message, id, Stage::Typed { presses });
    presses
}

/// It would not go, or can't be made to: for a person.
pub(super) fn left_standing(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, presses: u32) {
    turn.watch(id).delivery = None;
    turn.move_message(message, id, Stage::TypedNotSubmitted);
    let what = format!("{message} stands in its composer after {presses} presses of the submit key: look at it");
    turn.record(Record::Alerted { agent: Some(id.clone()), what });
}
