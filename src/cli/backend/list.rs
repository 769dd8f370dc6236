//! `flightdeck backend list`: all that there are, in a table.

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::table::Table;
use crate::cli::{Global, out};
use crate::config::model::Backend;
use crate::edge::probe::Health;

use super::known::Known;

/// Prints them, or a line of JSON for each.
pub(super) fn run(global: &Global) -> Result<Exit, CliError> {
    let known = Known::of(global)?;
    let backends: Vec<&Backend> = known.backends.values().collect();
    let health = known.health(&backends)?;
    if global.json {
        for (backend, health) in backends.iter().zip(&health) {
            out::json(&fields(&known, backend, health))?;
        }
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["BACKEND", "PROGRAM", "VERSION", "CHANNEL", "AGENTS", "FOUND"]);
    for (backend, health) in backends.iter().zip(&health) {
        let (version, found) = match health {
            Health::Missing => ("-".to_string(), "not found in PATH".to_string()),
            Health::Unwell { file, .. } => ("unknown".to_string(), file.display().to_string()),
            Health::Well { file, version } => {
                let tried = if is_tried(backend, version) { "" } else { " (not tried)" };
                (format!("{version}{tried}"), file.display().to_string())
            }
        };
        let agents = names(&known, backend).join(" ");
        let program = backend.launch.first().cloned().unwrap_or_default();
        table.row([backend.name.clone(), program, version, backend.channel.word().to_string(), agents, found]);
    }
    out::text(&table.render(out::columns()))?;
    Ok(Exit::Done)
}

/// Whether all that is known of the backend was seen with this version. What says of no version that it was tried can't say
/// that another was not.
pub(super) fn is_tried(backend: &Backend, version: &str) -> bool {
    backend.tried.is_empty() || backend.tried.iter().any(|tried| tried == version)
}

/// What a program that reads us gets of one backend.
pub(super) fn fields(known: &Known, backend: &Backend, health: &Health) -> Value {
    let (state, file, version, why) = match health {
        Health::Missing => ("missing", None, None, None),
        Health::Unwell { file, why } => ("unwell", Some(file), None, Some(why)),
        Health::Well { file, version } => ("well", Some(file), Some(version), None),
    };
    json!({
        "backend": backend.name,
        "program": backend.launch.first(),
        "health": state,
        "file": file.map(|file| file.display().to_string()),
        "version": version,
        "tried": version.map(|version| is_tried(backend, version)),
        "because": why,
        "channel": backend.channel.word(),
        "agents": names(known, backend),
    })
}

fn names(known: &Known, backend: &Backend) -> Vec<String> {
    known.agents(&backend.name).iter().map(|agent| agent.id.to_string()).collect()
}
