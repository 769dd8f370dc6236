//! What keeps a message from being typed just now, in words for its sender.

use crate::config::model::{Agent as AgentRules, ScreenSays};

use super::{BLOCKED_AGAIN, DRAFT_RESTS};
use crate::pilot::account;
use crate::pilot::effect::Refusal;
use crate::pilot::id::AgentId;
use crate::pilot::message::Origin;
use crate::pilot::reading;
use crate::pilot::turn::Turn;

/// Why a message can't be typed now.
pub(super) enum Block {
    /// It passes by itself.
    Passing(String),
    /// A person has to put it right.
    Person(String),
}

/// Why the agent's first message can't be typed now, if it can't.
pub(super) fn blocked(turn: &mut Turn<'_>, id: &AgentId, origin: &Origin) -> Option<Block> {
    let now = turn.now.steady;
    let passing = |why: &str| Some(Block::Passing(why.to_string()));
    let rules = turn.rules.agents.get(id)?;
    let fresh = turn.rules.stall.idle;
    let backend = account::backend(turn.state, turn.rules, id)?;
    let limited = turn.agent(id).is_some_and(|agent| agent.limit.is_some());
    let ready = turn.agent(id).is_some_and(|agent| agent.ready.is_some());
    let watch = turn.watch(id);
    let Some(screen) = watch.screen.clone() else { return passing("its screen was not seen yet") };
    if limited && *origin != Origin::LimitLifted {
        return passing("it waits for its usage limit");
    }
    if let Some(block) = watch.said().filter(|said| !watch.quotes(*said)).and_then(closed_door) {
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
    match reading::may_type(backend, &screen) {
        Ok(()) | Err(Refusal::Busy) => None,
        // Nobody has typed on it for a while: it is put aside for this message, and comes back.
        Err(Refusal::Draft) if backend.composer.stash_key.is_some() && now.since(watch.raw_changed) >= DRAFT_RESTS => {
            None
        }
        Err(why) => Some(Block::Person(refusal_words(&why))),
    }
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

/// The same, of a refusal of the edge's.
pub(super) fn refusal_words(why: &Refusal) -> String {
    match why {
        Refusal::PaneDead => "its pane is dead".to_string(),
        Refusal::PaneMissing => "its pane is missing".to_string(),
        Refusal::InMode => "its pane is in copy mode: leave it with q".to_string(),
        Refusal::InputOff => "input to its pane is switched off: `select-pane -e` switches it on".to_string(),
        Refusal::Synchronized => "its pane is synchronized with others: switch synchronize-panes off".to_string(),
        Refusal::NoComposer => "no composer is on its screen".to_string(),
        Refusal::Draft => "somebody's draft stands in its composer".to_string(),
        Refusal::Busy => "it is in a turn".to_string(),
        Refusal::TextGone => "the text left the composer".to_string(),
        Refusal::Moved => "its screen moved".to_string(),
        Refusal::NoCwd(path) => format!("its folder {path} is missing"),
        Refusal::EnvFile(why) => format!("its env file is refused: {why}"),
        Refusal::Foreign(session) => format!("session {session} is not ours"),
        Refusal::AlreadyAlive(pid) => format!("process {pid} already runs as this agent"),
        Refusal::Fenced => "another engine is in charge".to_string(),
    }
}
