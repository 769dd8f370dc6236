//! `flightdeck status`: the fleet, now; without an engine as it was last recorded.

use crate::pilot::view::View;
use crate::words::when;

use super::asking::Asking;
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out, overview, phone, recorded, workspace};

/// Show the fleet: who needs you first, then who works
///
/// Without an engine it shows what was last recorded, says so, and ends with 4.
///
/// Examples:
///   flightdeck status
///   flightdeck status --plain | mail -s deck me
///   flightdeck status --json | jq '.agents[].state'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// At most 400 characters of plain ASCII, for a phone message
    #[arg(long, conflicts_with = "json")]
    plain: bool,
}

/// Asks for the picture and prints it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    match Asking::of(global).and_then(|mut asking| asking.view()) {
        Ok(view) if global.json => out::json(&view)?,
        Ok(view) => out::text(&shown(&view, args.plain))?,
        Err(error) if error.kind == Kind::NoEngine => return Err(as_recorded(error, args, global)?),
        Err(error) => return Err(error),
    }
    Ok(Exit::Done)
}

fn as_recorded(error: CliError, args: &Args, global: &Global) -> Result<CliError, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let Some((view, last)) = recorded::view(&root)? else { return Ok(error) };
    if global.json {
        return Ok(error.fact("last", &view));
    }
    if !args.plain {
        out::line(&format!("as last recorded, {} UTC ({} ago):", when::stamp(last), when::span(view.at.since(last))))?;
    }
    out::text(&shown(&view, args.plain))?;
    Ok(error)
}

fn shown(view: &View, plain: bool) -> String {
    if plain { phone::message(view) } else { overview::shown(view, out::columns()) }
}
