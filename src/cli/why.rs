//! `flightdeck why`: one agent, explained.

use serde_json::json;

use crate::pilot::id::AgentId;
use crate::pilot::record::{AgentState, Wish};
use crate::pilot::view::{AgentView, View};

use super::asking::{self, Asking};
use super::error::CliError;
use super::exit::Exit;
use super::{Global, out, patience, text, when};

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
    let mut lines = vec![verdict(view, agent)];
    lines.extend(agent.evidence.iter().map(|line| format!("  because: {line}")));
    lines.push(format!("  next: {}", next(view, agent)));
    let wanted = match agent.wish {
        Wish::Running => "running",
        Wish::Stopped => "stopped",
    };
    let phase = agent.phase.as_ref().map_or("no phase".to_string(), |phase| format!("phase {phase}"));
    lines.push(format!("  wanted: {wanted}; {phase}, role {}, backend {}", agent.role, agent.backend));
    lines.push(format!("  life: {}", life(agent)));
    let waiting = view.outbox.iter().filter(|message| message.agent == agent.id && !message.stage.settled());
    lines.extend(waiting.map(|message| format!("  message: {}", patience::told(message.id, &message.stage))));
    if !agent.last_line.is_empty() {
        lines.push(format!("  last line: {}", agent.last_line));
    }
    lines.iter().map(|line| text::line(line) + "\n").collect()
}

fn verdict(view: &View, agent: &AgentView) -> String {
    let detail = match &agent.state {
        AgentState::Waiting { until } | AgentState::Backoff { until } | AgentState::Limited { until: Some(until) } => {
            format!(" until {} UTC ({})", when::clock(*until), when::until(*until, view.at))
        }
        AgentState::Limited { until: None } => ", its screen does not tell until when".to_string(),
        AgentState::AtDialog { dialog } => format!(" {dialog}"),
        AgentState::Held { cause } => format!(": {cause}"),
        AgentState::Unknown { why } => format!(": {why}"),
        AgentState::Stopped
        | AgentState::Starting
        | AgentState::Idle
        | AgentState::Working
        | AgentState::AuthFailed
        | AgentState::Retrying
        | AgentState::Suspended
        | AgentState::Finished
        | AgentState::Stopping
        | AgentState::Down => String::new(),
    };
    let since = format!("since {} UTC, {}", when::stamp(agent.since), when::span(view.at.since(agent.since)));
    format!("{} is {}{detail} ({since})", agent.id, agent.state.word())
}

fn next(view: &View, agent: &AgentView) -> String {
    match &agent.next {
        Some(next) => {
            format!(
                "{} {}, at {} UTC, unless something changes",
                next.what,
                when::until(next.at, view.at),
                when::clock(next.at)
            )
        }
        None if view.emergency_stop => "nothing until `flightdeck resume` ends the emergency stop".to_string(),
        None if view.paused => "nothing until `flightdeck resume` ends the pause".to_string(),
        None if matches!(agent.state, AgentState::Held { .. }) => {
            format!("nothing until `flightdeck release {}`", agent.id)
        }
        None => "nothing until something changes".to_string(),
    }
}

fn life(agent: &AgentView) -> String {
    let number = match agent.incarnation.0 {
        0 => return "never started".to_string(),
        number => format!("number {number}, {} restarts today", agent.restarts_today),
    };
    match (agent.pid, &agent.session, &agent.pane) {
        (Some(pid), Some(session), Some(pane)) => {
            format!("{number}, process {pid}, session {session}, pane {pane}")
        }
        (None, _, _) | (_, None, _) | (_, _, None) => number,
    }
}
