//! `flightdeck completions`: what a shell needs to complete our verbs.

use clap_complete::Shell;

use super::error::CliError;
use super::exit::Exit;
use super::{command, out};

/// Print completions for a shell
///
/// Examples:
///   flightdeck completions bash > ~/.local/share/bash-completion/completions/flightdeck
///   flightdeck completions zsh > ~/.zfunc/_flightdeck
///   flightdeck completions fish > ~/.config/fish/completions/flightdeck.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &Args) -> Result<Exit, CliError> {
    // Into memory first: the generator panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "flightdeck", &mut script);
    out::bytes(&script)?;
    Ok(Exit::Done)
}
