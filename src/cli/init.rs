//! `flightdeck init`: a workspace from the embedded files.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde_json::json;

use crate::config::backend::built_in_names;
use crate::edge::scaffold::{self, Fate};
use crate::words::text;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out};

/// Make a workspace
///
/// Writes flightdeck.toml, prompts/, phases/, JOURNAL.md and a .gitignore; overwrites nothing,
/// and a second run adds only what is missing.
///
/// Examples:
///   flightdeck init
///   flightdeck init ~/deck
///   flightdeck init --backend opencode
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder; made where it is missing [default: --workspace, else the current one]
    dir: Option<PathBuf>,
    /// The program of the agents: claude, opencode, codex, demo, or auto for what is found when it starts
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(built_in_names().chain(["auto"])))]
    backend: Option<String>,
}

/// Writes the files and names them.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let named = args.dir.clone().or_else(|| global.workspace.clone());
    let dir = named.unwrap_or_else(|| PathBuf::from("."));
    if let Some(name) = args.backend.as_ref().filter(|_| scaffold::is_begun(&dir)) {
        let message = format!("{} has a flightdeck.toml, in which --backend changes nothing", dir.display());
        return Err(CliError::new(Kind::Usage, message).hint(format!("set `backend = \"{name}\"` of its agents there")));
    }
    let main = args.backend.as_deref().map_or_else(|| scaffold::DEFAULT.to_string(), scaffold::default_with);
    let fates = scaffold::init_with(&dir, &main).map_err(|why| {
        CliError::new(Kind::Machine, format!("no workspace could be made in {}", dir.display())).cause(why)
    })?;
    if global.json {
        let files: Vec<_> = fates
            .iter()
            .map(|(path, fate)| json!({ "file": path.display().to_string(), "fate": word(*fate) }))
            .collect();
        out::json(&json!({ "workspace": dir.display().to_string(), "files": files }))?;
        return Ok(Exit::Done);
    }
    for (path, fate) in &fates {
        out::line(&text::line(&format!("{:<8}  {}", word(*fate), path.display())))?;
    }
    out::line("next: set `project` and `agents` in flightdeck.toml, then `flightdeck check`, then `flightdeck up`")?;
    Ok(Exit::Done)
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Written => "written",
        Fate::Kept => "kept",
        Fate::Extended => "extended",
    }
}
