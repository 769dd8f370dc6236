//! `flightdeck pause`: hands off the whole fleet.

use crate::pilot::command::Command;

use super::error::CliError;
use super::exit::Exit;
use super::{Global, asking};

/// Take no action on any agent until `resume`
///
/// Agents go on; nothing is started, ended or typed.
///
/// Examples:
///   flightdeck pause
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Asks for it.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    asking::tell(global, &Command::Pause)
}
