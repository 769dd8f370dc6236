//! `flightdeck why`: one agent, explained.

use serde_json::json;

use crate::pilot::id::AgentId;
use crate::pilot::record::Wish;
use crate::pilot::view::{AgentView, MessageView, View};
use crate::words::{account, explain, message, text};

use super::asking::{self, Asking};
use super::error::CliError;
use super::exit::Exit;
use super::{Global, out};

/// Messages that are listed one by one.
const MESSAGES: usize = 5;

/// Say what flightdeck thinks of an agent: verdict, evidence, since when, and what comes next
///
/// Examples:
///   flightdeck why builder
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
}

/// Asks for the picture and prints the agent's part of it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let view = Asking::of(global)?.view()?;
    let agent = asking::agent(&view, &args.agent)?;
    if global.json {
        let messages: Vec<_> = view.outbox.iter().filter(|message| message.agent == agent.id).collect();
        out::json(&json!({ "at": view.at, "agent": agent, "messages": messages }))?;
    } else {
        out::text(&shown(&view, agent))?;
    }
    Ok(Exit::Done)
}

/// What waits for it: the first few, since one that is held for a night has many.
fn waiting(outbox: &[MessageView], agent: &AgentId) -> Vec<String> {
    let waiting: Vec<_> = outbox.iter().filter(|message| message.agent == *agent && !message.stage.settled()).collect();
    let told =
        waiting.iter().take(MESSAGES).map(|waits| format!("  message: {}", message::told(waits.id, &waits.stage)));
    let more = waiting.len().saturating_sub(MESSAGES);
    told.chain((more > 0).then(|| format!("  message: and {more} more, `flightdeck outbox` lists them"))).collect()
}

fn shown(view: &View, agent: &AgentView) -> String {
    let mut lines = vec![explain::verdict(agent, view.at)];
    lines.extend(agent.evidence.iter().map(|line| format!("  because: {line}")));
    lines.push(format!("  next: {}", explain::next(view, agent)));
    let wanted = match agent.wish {
        Wish::Running => "running",
        Wish::Stopped => "stopped",
    };
    let phase = agent.phase.as_ref().map_or("no phase".to_string(), |phase| format!("phase {phase}"));
    lines.push(format!("  wanted: {wanted}; {phase}, role {}, backend {}", agent.role, agent.backend));
    lines.extend(account::of_agent(view, agent).map(|account| format!("  account: {account}")));
    lines.push(format!("  life: {}", explain::life(agent)));
    lines.extend(waiting(&view.outbox, &agent.id));
    if !agent.last_line.is_empty() {
        lines.push(format!("  last line: {}", agent.last_line));
    }
    lines.iter().map(|line| text::line(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::id::MessageId;
    use crate::pilot::message::{Origin, Stage};
    use crate::pilot::time::Time;

    #[test]
    fn of_many_messages_that_wait_the_first_are_told_and_how_many_follow() {
        let agent = AgentId::parse("a").expect("a name");
        let message = |number| MessageView {
            id: MessageId(number),
            agent: agent.clone(),
            origin: Origin::Operator,
            stage: Stage::Queued { why: None },
            queued_at: Time(0),
            preview: String::new(),
        };
        let outbox: Vec<_> = (1..=30).map(message).collect();
        assert_eq!(waiting(&outbox[..5], &agent).len(), 5);
        let told = waiting(&outbox, &agent);
        assert_eq!(told.len(), 6);
        assert_eq!(told[5], "  message: and 25 more, `flightdeck outbox` lists them");
    }
}
