//! `flightdeck e-stop`: everything stops.

use crate::pilot::command::Command;

use super::Global;
use super::asking::{self, Asking};
use super::confirm::confirm;
use super::error::CliError;
use super::exit::Exit;

/// Stop all agents now and keep them stopped, also across restarts of the engine, until `resume`
///
/// Examples:
///   flightdeck e-stop
///   flightdeck e-stop --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
}

/// Asks for it, after the operator was asked.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    confirm("an emergency stop ends all agents and keeps them stopped until `flightdeck resume`", args.yes)?;
    let answer = asking.ask(&Command::EmergencyStop)?;
    asking::say(global, &answer)?;
    Ok(Exit::Done)
}
