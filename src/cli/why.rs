//! `flightdeck why`: one agent, explained.

use serde_json::json;

use crate::pilot::id::AgentId;
use crate::pilot::record::Wish;
use crate::pilot::view::{AgentView, View};
use crate::words::{account, explain, message, text};

use super::asking::{self, Asking};
use super::error::CliError;
use super::exit::Exit;
use super::{Global, out};

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
    let waiting = view.outbox.iter().filter(|message| message.agent == agent.id && !message.stage.settled());
    lines.extend(waiting.map(|waits| format!("  message: {}", message::told(waits.id, &waits.stage))));
    if !agent.last_line.is_empty() {
        lines.push(format!("  last line: {}", agent.last_line));
    }
    lines.iter().map(|line| text::line(line) + "\n").collect()
}
