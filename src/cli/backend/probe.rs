//! `flightdeck backend probe`: whether the agents' programs are there and well.

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::{Global, out};
use crate::config::model::Backend;
use crate::edge::probe::Health;
use crate::words::text;

use super::known::Known;
use super::list::{fields, is_tried};

/// Ask a backend's program for its version
///
/// Runs `PROGRAM --version` in the environment that an agent gets, for at most 10 seconds. A version
/// that nobody has tried is told, and is no failure. Without a name all are asked. Ends with 1 where
/// the one that was named is missing or unwell; without a name, where one that an agent needs is.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The backend, like claude
    backend: Option<String>,
}

/// The least room for a name.
const NAME: usize = 12;

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let known = Known::of(global)?;
    let asked: Vec<&Backend> = match &args.backend {
        Some(name) => vec![known.named(name)?],
        None => known.backends.values().collect(),
    };
    let health = known.health(&asked)?;
    let mut fine = true;
    let width = asked.iter().map(|backend| backend.name.len()).max().unwrap_or_default().max(NAME);
    for (backend, health) in asked.iter().zip(&health) {
        let needed = args.backend.is_some() || !known.agents(&backend.name).is_empty();
        fine &= !needed || matches!(health, Health::Well { .. });
        if global.json {
            out::json(&fields(&known, backend, health))?;
        } else {
            out::text(&told(backend, health, needed, width))?;
        }
    }
    Ok(if fine { Exit::Done } else { Exit::Failed })
}

fn told(backend: &Backend, health: &Health, needed: bool, width: usize) -> String {
    let bad = if needed { "bad" } else { "-" };
    let (verdict, said, advice) = match health {
        Health::Missing => (bad, "not found in PATH".to_string(), install(backend)),
        Health::Unwell { file, why } => (bad, format!("{}: {why}", file.display()), install(backend)),
        Health::Well { file, version } if is_tried(backend, version) => {
            ("ok", format!("{version}, {}", file.display()), None)
        }
        Health::Well { file, version } => {
            let advice = format!("tried were {}; look at its first turns", backend.tried.join(", "));
            ("warn", format!("{version} was not tried, {}", file.display()), Some(advice))
        }
    };
    let mut lines = format!("{verdict:<4}  {:<width$}  {}\n", backend.name, text::line(&said));
    if let Some(advice) = advice.filter(|_| verdict != "-") {
        lines.push_str(&format!("{:indent$}do: {}\n", "", text::line(&advice), indent = width + 8));
    }
    lines
}

fn install(backend: &Backend) -> Option<String> {
    (!backend.install.is_empty()).then(|| format!("`{}`", backend.install))
}
