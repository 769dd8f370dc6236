//! `flightdeck release`: the end of a hold.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// Let a held agent go on, with a new restart budget
///
/// Also ends a usage limit whose end its screen does not tell.
///
/// Examples:
///   flightdeck release builder
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
}

/// Asks for it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::Release { agent: args.agent.clone() })
}
