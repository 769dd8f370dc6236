//! `flightdeck start`: agents begin, and are wanted running from now on.

use crate::config::model::Kind as AgentKind;
use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::asking::{Asking, tell_each};
use super::error::CliError;
use super::exit::Exit;
use super::{Global, check};

/// Start agents, and want them running from now on
///
/// Examples:
///   flightdeck start builder adversary
///   flightdeck start --all
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agents
    #[arg(required_unless_present = "all")]
    agents: Vec<AgentId>,
    /// All loops; jobs are begun by `flightdeck run`
    #[arg(long, conflicts_with = "agents")]
    all: bool,
}

/// Asks for each.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let agents = if args.all { loops(&asking)? } else { args.agents.clone() };
    tell_each(global, &mut asking, &agents, |agent| Command::Start { agent })
}

fn loops(asking: &Asking) -> Result<Vec<AgentId>, CliError> {
    let config = check::config(&asking.root)?;
    let loops = config.agents.values().filter(|agent| agent.kind == AgentKind::Loop);
    Ok(loops.map(|agent| agent.id.clone()).collect())
}
