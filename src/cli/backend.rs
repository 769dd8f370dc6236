//! `flightdeck backend`: what is known of the programs that agents run, asked without an engine.

mod explain;
mod known;
mod list;
mod probe;
mod read;

use super::Global;
use super::error::CliError;
use super::exit::Exit;

/// Show what is known of the agents' programs, and how their screens are read
///
/// Examples:
///   flightdeck backend list
///   flightdeck backend probe claude
///   flightdeck backend explain claude --agent builder
///   flightdeck backend read claude screen.txt
///   tmux capture-pane -p -e -t %3 > s.ansi; flightdeck backend read codex s.ansi --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show all backends: program, version, channel, who uses it, where it is
    List,
    Probe(probe::Args),
    Explain(explain::Args),
    Read(read::Args),
}

/// Does one of them.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    match &args.what {
        What::List => list::run(global),
        What::Probe(args) => probe::run(args, global),
        What::Explain(args) => explain::run(args, global),
        What::Read(args) => read::run(args, global),
    }
}
