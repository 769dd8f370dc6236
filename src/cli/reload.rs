//! `flightdeck reload`: the files again, judged here first and by the engine after.

use std::time::Duration;

use serde_json::json;

use crate::edge::clock;
use crate::edge::link::Followed;
use crate::edge::store::{Filter, Page};
use crate::pilot::command::Command;
use crate::pilot::record::Record;
use crate::words::text;

use super::asking::{Asking, of_link};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, check, out, recorded};

/// Reading a workspace takes the engine milliseconds; a starved machine needs seconds.
const OUTCOME: Duration = Duration::from_secs(10);

/// Read the configuration again; a bad one is refused and the old one stays
///
/// Examples:
///   flightdeck reload
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Asks for it and says whether the files are in force now.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let config = check::config(&asking.root)?;
    let unchanged = in_force(&asking)?.is_some_and(|digest| digest == config.digest);
    let before = asking.view()?.seq;
    asking.ask(&Command::Reload)?;
    if unchanged {
        return said("nothing has changed", &config.digest, global);
    }
    let mut follow = asking.follow(before)?;
    let began = clock::monotonic_ms();
    loop {
        let Some(left) = clock::left(began, OUTCOME) else { return Err(late()) };
        let Some(Followed::Record(_, record)) = follow.next_within(left).map_err(of_link)? else { continue };
        match *record {
            Record::ConfigLoaded { digest } => return said("the configuration is in force", &digest, global),
            Record::ConfigRefused { problems } => return Err(refused(&problems)),
            _ => {}
        }
    }
}

/// The digest of the configuration that the engine took last.
fn in_force(asking: &Asking) -> Result<Option<String>, CliError> {
    let Some(reader) = recorded::reader(&asking.root)? else { return Ok(None) };
    let filter = Filter { kind: Some("config_loaded".to_string()), ..Filter::default() };
    let rows = reader.rows(&filter, Page::Newest, 1).map_err(recorded::unreadable)?;
    Ok(rows.first().and_then(|row| row.record().ok()).and_then(|record| match record {
        Record::ConfigLoaded { digest } => Some(digest),
        _ => None,
    }))
}

fn said(what: &str, digest: &str, global: &Global) -> Result<Exit, CliError> {
    if global.json {
        out::json(&json!({ "answer": "accepted", "what": what, "digest": digest }))?;
    } else {
        out::line(&text::line(&format!("{what} ({digest})")))?;
    }
    Ok(Exit::Done)
}

fn refused(problems: &[String]) -> CliError {
    let told: String = problems.iter().map(|problem| text::line(problem) + "\n").collect();
    CliError::new(Kind::Refused, "the engine refused the configuration; the old one stays in force")
        .before(told)
        .fact("problems", &problems)
}

fn late() -> CliError {
    CliError::new(Kind::Late, "the engine has not said what it thinks of the configuration")
        .hint("`flightdeck events` shows it when it does")
}
