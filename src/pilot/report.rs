//! What an agent says of itself on its event channel: the first evidence there is, before its screen.

use super::account;
use super::compact;
use super::delivery;
use super::fact::{ProgramState, Report};
use super::id::AgentId;
use super::reading::{self, Reading};
use super::record::Record;
use super::time::Time;
use super::turn::Turn;
use super::usage::{self, Answer, TurnEnd};

/// Characters of a version.
const VERSION_CAP: usize = 40;

/// Takes in one report of the present life.
pub(super) fn reported(turn: &mut Turn<'_>, id: &AgentId, report: Report) {
    let now = turn.now.steady;
    let watch = turn.watch(id);
    watch.reported = Some(now);
    match report {
        Report::SessionStarted { conversation, .. } => {
            let known = turn.agent(id).and_then(|agent| agent.conversation.clone());
            if let Some(conversation) = conversation.filter(|new| known.as_ref() != Some(new)) {
                let conversation: String = conversation.chars().filter(char::is_ascii_graphic).take(100).collect();
                turn.record(Record::ConversationSeen { agent: id.clone(), conversation });
            }
        }
        Report::TurnBegan => {
            began(turn, id);
            lift(turn, id);
        }
        Report::PromptSubmitted { prompt } => {
            began(turn, id);
            delivery::prompt_submitted(turn, id, &prompt);
            lift(turn, id);
        }
        Report::PromptRecorded { prompt } => {
            watch.transcribed = true;
            usage::turn_begins(turn, id);
            delivery::prompt_submitted(turn, id, &prompt);
            turn.watch(id).prompted = true;
        }
        Report::TurnEnded { pending, .. } => {
            watch.turn_since = None;
            (watch.pending, watch.failed, watch.ended_well) = (pending, None, true);
            usage::turn_over(turn, id, TurnEnd::Ended);
        }
        Report::TurnFailed { error, resets, .. } => {
            watch.turn_since = None;
            watch.ended_well = false;
            usage::turn_over(turn, id, TurnEnd::Failed);
            failed(turn, id, &error, resets);
        }
        Report::Compacting => compact::begun(turn, id),
        Report::Gauges { gauges } => watch.gauges = gauges,
        Report::Version { version } => {
            watch.version = Some(version.chars().filter(|c| !c.is_control()).take(VERSION_CAP).collect());
        }
        Report::State { state } => {
            if state == ProgramState::Idle {
                // A turn that somebody has stopped is told in no other way.
                watch.turn_since = None;
            }
            watch.program = Some(state);
        }
        Report::Reachable { reachable } => {
            watch.reachable = Some((reachable, now));
            // What it said may have changed since, and nobody would hear of it.
            watch.program = watch.program.take().filter(|_| reachable);
        }
        Report::Used { message, model, tokens, at } => {
            usage::answered(turn, id, Answer { message, model, tokens, at });
        }
    }
}

fn began(turn: &mut Turn<'_>, id: &AgentId) {
    usage::turn_begins(turn, id);
    let now = turn.now.steady;
    let watch = turn.watch(id);
    (watch.turn_since, watch.shut_out, watch.inherited) = (Some(now), None, false);
    (watch.pending, watch.failed, watch.ended_well, watch.prompted) = (0, None, false, false);
}

/// It goes on by itself after a usage limit, or somebody has it go on; if that is too early, it says so.
fn lift(turn: &mut Turn<'_>, id: &AgentId) {
    if turn.agent(id).is_some_and(|agent| agent.limit.is_some()) {
        turn.record(Record::LimitLifted { agent: id.clone() });
    }
}

/// An error that ended a turn is read by the rules for screens: they know its words.
fn failed(turn: &mut Turn<'_>, id: &AgentId, error: &str, resets: Option<i64>) {
    let backend = account::backend(turn.state, turn.rules, id);
    let until = resets.and_then(|seconds| seconds.checked_mul(1000)).map(Time);
    turn.watch(id).failed = backend.map(|backend| Reading { until, ..reading::of_error(backend, error) });
}
