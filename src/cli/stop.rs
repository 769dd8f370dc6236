//! `flightdeck stop`: agents end with all that they started, and stay so.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;
use crate::pilot::record::Wish;

use super::asking::{Asking, tell_each};
use super::confirm::confirm;
use super::error::CliError;
use super::exit::Exit;
use super::{Global, out};

/// End agents with their whole process trees, and want them stopped from now on
///
/// Examples:
///   flightdeck stop builder
///   flightdeck stop --all --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agents
    #[arg(required_unless_present = "all")]
    agents: Vec<AgentId>,
    /// Every agent that is wanted running
    #[arg(long, conflicts_with = "agents")]
    all: bool,
    /// Don't ask; for `--all`
    #[arg(short, long)]
    yes: bool,
}

/// Asks for each.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let agents = if args.all { wanted(&mut asking, args.yes)? } else { args.agents.clone() };
    if agents.is_empty() && !global.json {
        out::line("no agent is wanted running")?;
    }
    tell_each(global, &mut asking, &agents, |agent| Command::Stop { agent })
}

fn wanted(asking: &mut Asking, yes: bool) -> Result<Vec<AgentId>, CliError> {
    let view = asking.view()?;
    let running = view.agents.into_iter().filter(|agent| agent.wish == Wish::Running || agent.pid.is_some());
    let agents: Vec<AgentId> = running.map(|agent| agent.id).collect();
    if !agents.is_empty() {
        let names: Vec<&str> = agents.iter().map(AgentId::as_str).collect();
        confirm(
            &format!("{} will be ended with all that they started: {}", count(agents.len()), names.join(", ")),
            yes,
        )?;
    }
    Ok(agents)
}

fn count(agents: usize) -> String {
    if agents == 1 { "1 agent".to_string() } else { format!("{agents} agents") }
}
