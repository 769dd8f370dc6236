//! `flightdeck check`: the configuration, the prompts and the phases, judged without an engine. Other verbs that need the
//! configuration read it here, so that its problems look the same everywhere.

use std::path::Path;

use serde_json::json;

use crate::cockpit::keys::Keys;
use crate::config::{self, Config, Problem, Sources};
use crate::edge::workspace as files;
use crate::words::text;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out, report, workspace};

/// Check the configuration, the prompts and the phases, and say every problem at once
///
/// Examples:
///   flightdeck check
///   flightdeck check --workspace ~/deck --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Says what is wrong, or what is configured.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let (config, _) = with_keys(&root)?;
    if global.json {
        out::json(&json!({
            "workspace": root.display().to_string(),
            "project": config.project.name,
            "agents": config.agents.keys().collect::<Vec<_>>(),
            "sequence": config.sequence,
            "digest": config.digest,
            "problems": [],
        }))?;
    } else {
        out::text(&summary(&root, &config))?;
    }
    Ok(Exit::Done)
}

/// The configuration of a workspace. Its problems are shown at their places, on standard error, before the error returns.
pub fn config(root: &Path) -> Result<Config, CliError> {
    read(root).map(|(_, config)| config)
}

/// The same with the cockpit's keys, of which only the cockpit knows whether they are in order.
pub fn with_keys(root: &Path) -> Result<(Config, Keys), CliError> {
    let (sources, config) = read(root)?;
    match Keys::new(&config.cockpit.keys) {
        Ok(keys) => Ok((config, keys)),
        Err(problems) => {
            Err(refused(root, &sources, &problems).hint("`?` in the cockpit shows the actions and keys of each place"))
        }
    }
}

fn read(root: &Path) -> Result<(Sources, Config), CliError> {
    let (sources, problems) = match files::read(root) {
        Ok(sources) => match config::load(&sources) {
            Ok(config) => return Ok((sources, config)),
            Err(problems) => (sources, problems),
        },
        Err(problems) => (Sources::default(), problems),
    };
    Err(refused(root, &sources, &problems))
}

fn refused(root: &Path, sources: &Sources, problems: &[Problem]) -> CliError {
    let count = match problems.len() {
        1 => "1 problem".to_string(),
        many => format!("{many} problems"),
    };
    let told: Vec<_> = problems.iter().map(report::json).collect();
    CliError::new(Kind::Usage, format!("{count} in the workspace {}", root.display()))
        .before(report::drawn(sources, problems))
        .fact("problems", &told)
}

fn summary(root: &Path, config: &Config) -> String {
    let agents: Vec<String> = config.agents.values().map(|agent| format!("{} ({})", agent.id, agent.backend)).collect();
    let phases: Vec<&str> = config.sequence.iter().map(|phase| phase.as_str()).collect();
    let watched = match &config.project.remote {
        Some(remote) => format!("{remote}, branch {}", config.project.branch),
        None => "nothing: no `remote` is set".to_string(),
    };
    let rows = [
        ("workspace", root.display().to_string()),
        ("project", config.project.name.clone()),
        ("watched", watched),
        ("agents", agents.join(", ")),
        ("sequence", if phases.is_empty() { "empty".to_string() } else { phases.join(", ") }),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<9}  {}\n", text::line(value))).collect();
    format!("{}everything is in order\n", lines.concat())
}
