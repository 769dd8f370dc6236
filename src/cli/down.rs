//! `flightdeck down`: the end of the engine, and of nothing else.

use std::time::Duration;

use serde_json::json;

use crate::edge::clock;
use crate::edge::link::{Client, LinkError};
use crate::edge::lock;
use crate::pilot::command::{Answer, Command};

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, asking, out, workspace};

/// Writing the last records takes milliseconds.
const ANSWER: Duration = Duration::from_secs(10);
const GONE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// End the engine; agents go on
///
/// `flightdeck stop --all` before it ends the agents as well.
///
/// Examples:
///   flightdeck down
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Asks for it and waits until the workspace is free.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let state = workspace::state_dir(&root);
    let mut client = Client::connect(&state).map_err(|why| asking::no_engine(&root, why))?;
    let holder = lock::current(&state);
    match client.ask(&Command::Shutdown, ANSWER) {
        Ok(Answer::Refused { why, hint }) => {
            let error = CliError::new(Kind::Refused, why);
            return Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        // It may be gone before its answer has left.
        Ok(_) | Err(LinkError::Closed) => {}
        Err(error) => return Err(asking::of_link(error)),
    }
    let began = clock::monotonic_ms();
    let patience = i64::try_from(GONE.as_millis()).unwrap_or(i64::MAX);
    // The next engine may be there already; it is another one.
    while lock::current(&state).is_some_and(|now| Some(now.epoch) == holder.as_ref().map(|holder| holder.epoch)) {
        if clock::monotonic_ms() - began >= patience {
            return Err(CliError::new(Kind::Late, format!("the engine has not ended after {GONE:?}"))
                .hint("`flightdeck doctor` looks at it")
                .fact("holder", &holder));
        }
        clock::block(LOOK);
    }
    if global.json {
        out::json(
            &json!({ "answer": "accepted", "what": "the engine has ended", "pid": holder.map(|holder| holder.pid) }),
        )?;
    } else {
        out::line("the engine has ended; agents go on, unwatched, until `flightdeck up`")?;
    }
    Ok(Exit::Done)
}
