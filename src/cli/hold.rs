//! `flightdeck hold`: hands off one agent.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// Take no action on an agent until it is released
///
/// It goes on by itself; flightdeck neither restarts it nor types into it.
///
/// Examples:
///   flightdeck hold builder
///   flightdeck hold builder "I look at its build myself"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    /// Why, for whoever looks next
    #[arg(default_value = "", hide_default_value = true)]
    reason: String,
}

/// Asks for it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::Hold { agent: args.agent.clone(), reason: args.reason.clone() })
}
