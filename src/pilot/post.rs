//! Handing a message over by the program's own interface, beside its composer: no key is pressed, so neither a draft nor a
//! dialog nor copy mode is touched. Ordered once, the edge looks for it in the conversation before it sends it, so it can be
//! ordered again. Its proof is the prompt in the conversation, word for word.

use std::time::Duration;

use crate::config::model::Channel;

use super::account;
use super::agent::{Progress, Step};
use super::delivery;
use super::effect::{Effect, Outcome};
use super::id::{AgentId, MessageId};
use super::message::Stage;
use super::record::Order;
use super::state::Posted;
use super::time::Time;
use super::turn::Turn;

/// From the program's word that it takes a message to the message in its conversation: 40 ms at rest, seconds under load.
const PROOF: Duration = Duration::from_secs(5);
/// So often it is looked for; then nobody can say.
const LOOKS: u32 = 4;
/// A program whose interface is not reached so long after its composer shows gets its messages by that: the two come within
/// seconds of each other, on a loaded machine too.
const UNREACHED: Duration = Duration::from_secs(30);

/// How a message gets into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Interface,
    Composer,
    /// It has an interface, and whether that can be reached shows until then.
    Unsettled(Time),
}

/// How messages get into this agent's program just now.
pub(super) fn way(turn: &Turn<'_>, id: &AgentId) -> Way {
    let takes =
        account::backend(turn.state, turn.rules, id).is_some_and(|backend| backend.channel == Channel::OpenCode);
    let (true, Some(agent), Some(watch)) = (takes, turn.agent(id), turn.state.watches.get(id)) else {
        return Way::Composer;
    };
    let since = match watch.reachable {
        Some((true, _)) => return Way::Interface,
        Some((false, since)) => since,
        None => match agent.ready {
            Some(ready) => ready.max(turn.state.engine_since),
            None => return Way::Unsettled(turn.now.steady + UNREACHED),
        },
    };
    let until = since + UNREACHED;
    // A screen that is attached to a server takes what is typed, whether or not that server is there.
    if turn.rules.agents.get(id).is_some_and(|rules| rules.attach.is_some()) {
        return Way::Unsettled(turn.now.steady + UNREACHED);
    }
    if turn.now.steady < until { Way::Unsettled(until) } else { Way::Composer }
}

/// Orders it; `looks` did not show it in the conversation so far. What comes of it brings us back.
pub(super) fn order(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    (text, looks): (String, u32),
) -> Option<(Time, String)> {
    let incarnation = turn.agent(id)?.incarnation;
    turn.move_message(message, id, Stage::Posted);
    turn.watch(id).delivery = Some(Progress { message, step: Step::Posting { looks } });
    let agent = id.clone();
    turn.order(Some(id), Order::Post { message }, |id| Effect::Post { id, agent, incarnation, message, text });
    None
}

/// What came of it. That the program took it is no proof yet.
pub(super) fn posted(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, outcome: Outcome) {
    let now = turn.now.steady;
    if turn.state.outbox.get(&message).is_none_or(|posted| posted.stage != Stage::Posted) {
        // Its proof came first.
        return;
    }
    let looks = match turn.watch(id).delivery.as_ref().map(|progress| progress.step) {
        Some(Step::Posting { looks }) => looks,
        _ => 0,
    };
    let why = match outcome {
        Outcome::Done | Outcome::Unknown { .. } => {
            let step = Step::Posted { deadline: now + PROOF, looks: looks + 1 };
            turn.watch(id).delivery = Some(Progress { message, step });
            turn.watch(id).grace_from = now;
            return;
        }
        Outcome::Refused { why } => why.words(),
        Outcome::Failed { why } => why,
        Outcome::Started { .. } | Outcome::Found { .. } | Outcome::Stopped { .. } => return,
    };
    turn.watch(id).not_typed = Some((now, why.clone()));
    delivery::give_back(turn, id, message, why);
}

/// The conversation holds a prompt. No screen stood between: it is there as it was sent, or it is another. Whether it was.
pub(super) fn prompt_submitted(turn: &mut Turn<'_>, id: &AgentId, prompt: &str) -> bool {
    let sent = |posted: &&Posted| posted.stage == Stage::Posted && posted.message.text == prompt;
    let Some(message) = turn.state.waiting(id).find(sent).map(|posted| posted.message.id) else { return false };
    delivery::submitted(turn, id, message, "its event channel reported the prompt");
    true
}

/// Waits for the proof; looks again where it does not come.
pub(super) fn prove(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    text: String,
    (deadline, looks): (Time, u32),
) -> Option<(Time, String)> {
    if turn.now.steady < deadline {
        return Some((deadline, format!("see {message} in the conversation")));
    }
    if looks < LOOKS {
        return order(turn, id, message, (text, looks));
    }
    delivery::doubt(turn, id, message, "it was handed over and never seen in the conversation");
    None
}

/// A message that was being handed over when this engine was not there: the conversation tells.
pub(super) fn recover(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, text: String) -> Option<(Time, String)> {
    match way(turn, id) {
        Way::Interface => order(turn, id, message, (text, 0)),
        Way::Unsettled(until) => Some((until, format!("find out what became of {message}"))),
        Way::Composer => {
            delivery::doubt(turn, id, message, "the engine ended while it was handed over");
            None
        }
    }
}
