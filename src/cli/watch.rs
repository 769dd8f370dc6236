//! `flightdeck watch`: the engine, headless, in the foreground.

use std::path::Path;

use super::Global;
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::workspace;
use crate::config;
use crate::edge::lock::LockError;
use crate::edge::log;
use crate::edge::workspace as edge_workspace;
use crate::engine::{self, OpenError, Options};

/// Days of log that are kept when the configuration can't be read.
const LOG_DAYS: usize = 7;

/// Days of log that the configuration wants kept.
fn log_days(root: &Path) -> usize {
    let config = edge_workspace::read(root).and_then(|sources| config::parse::load(&sources));
    config.map_or(LOG_DAYS, |config| config.retention.log_files)
}

/// Run the engine here, until SIGTERM or Ctrl-C; agents go on after it
///
/// `flightdeck --watchdog` is the same. SIGHUP reloads the configuration. A second engine for one
/// workspace is refused with exit code 3 and the name of the one that holds it.
///
/// Examples:
///   flightdeck watch
///   flightdeck watch --exit-when-complete --workspace ~/deck
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// End with 0 when the sequence of phases is complete and its loops are stopped
    #[arg(long)]
    exit_when_complete: bool,
}

/// Runs it to its end.
pub fn run(global: &Global, args: &Args) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let state_dir = workspace::state_dir(&root);
    crate::edge::files::private_dir(&state_dir).map_err(machine)?;
    let _guard = log::start(&state_dir.join("log"), log_days(&root)).map_err(machine)?;
    let options =
        Options { workspace: root, exit_when_complete: args.exit_when_complete, program: std::env::current_exe()? };
    match engine::run(options) {
        Ok(0) => Ok(Exit::Done),
        Ok(3) => Err(CliError::new(Kind::Locked, "another engine took over this workspace")
            .hint("`flightdeck status` asks that one")),
        Ok(_) => Ok(Exit::Failed),
        Err(error) => Err(why_not(error)),
    }
}

/// Why no engine began, for the operator.
fn why_not(error: OpenError) -> CliError {
    match error {
        OpenError::Config(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
            CliError::new(Kind::Usage, format!("the configuration has problems:\n{}", lines.join("\n")))
                .hint("`flightdeck check` shows each with its place")
        }
        OpenError::Lock(held @ LockError::Held(_)) => {
            CliError::new(Kind::Locked, held.to_string()).hint("`flightdeck down` ends that one; agents go on")
        }
        other => machine(other),
    }
}

fn machine(error: impl std::error::Error) -> CliError {
    CliError::new(Kind::Machine, error.to_string())
}
