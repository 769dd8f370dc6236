//! `flightdeck restart`: one agent ends and starts again.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// End an agent and start it again
///
/// A held one is released by it. Where its backend can, it goes on in its old conversation.
///
/// Examples:
///   flightdeck restart builder
///   flightdeck restart builder --fresh
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    /// In a new conversation, whatever could be resumed
    #[arg(long)]
    fresh: bool,
}

/// Asks for it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::Restart { agent: args.agent.clone(), fresh: args.fresh })
}
