//! `flightdeck ping`: the standard nudge.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::Global;
use super::asking::Asking;
use super::error::CliError;
use super::exit::Exit;
use super::patience::Patience;

/// Nudge an agent to look at its state files and go on, and say what became of it
///
/// The text is `prompts/nudge.md`.
///
/// Examples:
///   flightdeck ping builder
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    #[command(flatten)]
    patience: Patience,
}

/// Queues it and waits for its proof.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    args.patience.deliver(Asking::of(global)?, &Command::Ping { agent: args.agent.clone() }, global)
}
