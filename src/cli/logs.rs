//! `flightdeck logs`: what an agent's pane has shown.

use serde_json::json;

use crate::edge::store::{Filter, Page};
use crate::edge::tmux::oneshot::OneShot;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::words::text;

use super::asking::{self, Asking};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out, recorded, workspace};

/// Print what an agent's pane has shown; of one that has ended, its last screen
///
/// Agents that draw on the alternate screen have no history; their present screen is shown.
///
/// Examples:
///   flightdeck logs builder
///   flightdeck logs builder --lines 1000
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    /// This many lines, the newest; tmux keeps at most 10000
    #[arg(short = 'n', long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    lines: u16,
}

/// Prints them.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let view = asking.view()?;
    let agent = asking::agent(&view, &args.agent)?;
    let wanted = usize::from(args.lines);
    let (from, mut lines) = match &agent.pane {
        Some(pane) => ("pane", of_pane(&asking, pane, wanted)?),
        None => ("last screen", last_screen(&asking, &args.agent)?),
    };
    lines.drain(..lines.len().saturating_sub(wanted));
    if global.json {
        out::json(&json!({ "agent": agent.id, "from": from, "lines": lines }))?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        let id = &agent.id;
        return Err(CliError::new(Kind::Refused, format!("{id} has shown nothing yet: it is {}", agent.state.word())));
    }
    let shown: String = lines.iter().map(|line| text::line(line) + "\n").collect();
    out::text(&shown)?;
    Ok(Exit::Done)
}

fn of_pane(asking: &Asking, pane: &str, lines: usize) -> Result<Vec<String>, CliError> {
    let tmux = OneShot::new("tmux", workspace::tmux_socket(&asking.root));
    workspace::wait(tmux.history(pane, lines))?.map_err(|cause| {
        CliError::new(Kind::Machine, "the pane can't be read").cause(cause).hint("`flightdeck doctor` looks at tmux")
    })
}

/// What the agent's screen held when it ended by itself for the last time.
fn last_screen(asking: &Asking, agent: &AgentId) -> Result<Vec<String>, CliError> {
    let Some(reader) = recorded::reader(&asking.root)? else { return Ok(Vec::new()) };
    let filter = Filter { agent: Some(agent.clone()), kind: Some("exited".to_string()), ..Filter::default() };
    let rows = reader.rows(&filter, Page::Newest, 1).map_err(recorded::unreadable)?;
    Ok(match rows.first().and_then(|row| row.record().ok()) {
        Some(Record::Exited { last, .. }) => last,
        Some(_) | None => Vec::new(),
    })
}
