//! `flightdeck man`: the manual, one page per verb, made from the same text as `--help`.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{command, out};

/// Print the manual page, or write one page per verb into a folder
///
/// Examples:
///   flightdeck man | man -l -
///   flightdeck man ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Folder for the pages; made where it is missing [default: the main page goes to standard output]
    dir: Option<PathBuf>,
}

/// Prints or writes the pages.
pub fn run(args: &Args) -> Result<Exit, CliError> {
    match &args.dir {
        Some(dir) => write_all(dir)?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command()).render(&mut page)?;
            out::bytes(&page)?;
        }
    }
    Ok(Exit::Done)
}

fn write_all(dir: &Path) -> Result<(), CliError> {
    let failed = |cause| {
        CliError::new(Kind::Machine, format!("the manual pages could not be written to {}", dir.display())).cause(cause)
    };
    fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(command(), dir).map_err(failed)
}
