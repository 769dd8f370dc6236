//! `flightdeck run`: a job, now.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// Run a job now; one that is busy is left alone
///
/// A run that is finished or wedged makes room for a new one.
///
/// Examples:
///   flightdeck run upgrader
///   flightdeck run upgrader --fresh
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The job
    job: AgentId,
    /// Also when a run of it is busy: that one is ended
    #[arg(long)]
    fresh: bool,
}

/// Asks for it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::RunJob { agent: args.job.clone(), fresh: args.fresh })
}
