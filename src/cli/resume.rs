//! `flightdeck resume`: the end of a pause or an emergency stop.

use crate::pilot::command::Command;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// End a pause or an emergency stop
///
/// After an emergency stop, agents that were wanted running are started again.
///
/// Examples:
///   flightdeck resume
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Asks for it.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::Resume)
}
