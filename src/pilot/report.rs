//! What an agent says of itself on its event channel: the first evidence there is, before its screen.

use super::delivery;
use super::fact::Report;
use super::id::AgentId;
use super::reading;
use super::record::Record;
use super::turn::Turn;

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
        Report::PromptSubmitted { prompt } => {
            watch.turn_since = Some(now);
            (watch.pending, watch.failed, watch.ended_well) = (0, None, false);
            delivery::prompt_submitted(turn, id, &prompt);
        }
        Report::PromptRecorded { prompt } => {
            watch.transcribed = true;
            delivery::prompt_submitted(turn, id, &prompt);
        }
        Report::TurnEnded { pending, .. } => {
            watch.turn_since = None;
            (watch.pending, watch.failed, watch.ended_well) = (pending, None, true);
        }
        Report::TurnFailed { error, .. } => {
            watch.turn_since = None;
            watch.ended_well = false;
            failed(turn, id, &error);
        }
        Report::Compacting => {}
    }
}

/// An error that ended a turn is read by the rules for screens: they know its words.
fn failed(turn: &mut Turn<'_>, id: &AgentId, error: &str) {
    let backend = turn.rules.agents.get(id).and_then(|agent| turn.rules.backends.get(&agent.backend));
    let Some(reading) = backend.map(|backend| reading::of_error(backend, error)) else { return };
    turn.watch(id).failed = Some(reading);
}
