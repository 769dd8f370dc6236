//! `flightdeck send`: a text for an agent.

use std::io::{self, Read};

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;
use crate::pilot::message::{TEXT_CAP, clean_text};

use super::Global;
use super::asking::Asking;
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::patience::Patience;

/// Deliver a text to an agent, and say what became of it
///
/// It waits in the outbox while the agent is in a turn, at a dialog, down, or while somebody's
/// words stand in its composer. Delivered is what was proved submitted, and nothing else.
///
/// Examples:
///   flightdeck send builder "read INBOX-builder.md"
///   flightdeck send builder -- "--help is what I mean"
///   flightdeck send builder - < message.txt
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    /// The text, at most 64 KiB; `-`: from standard input
    text: String,
    #[command(flatten)]
    patience: Patience,
}

/// Queues it and waits for its proof.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let text = if args.text == "-" { stdin()? } else { args.text.clone() };
    let text = clean_text(&text).map_err(|why| CliError::new(Kind::Usage, why))?;
    args.patience.deliver(Asking::of(global)?, &Command::Send { agent: args.agent.clone(), text }, global)
}

fn stdin() -> Result<String, CliError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a text that is too long from one that fits; the rest is not even read.
    let cap = u64::try_from(TEXT_CAP).unwrap_or(u64::MAX).saturating_add(1);
    io::stdin().lock().take(cap).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        // A letter that the limit cut in two is no wrong letter.
        let why = if at >= TEXT_CAP - 3 {
            format!("the text has more than {TEXT_CAP} bytes")
        } else {
            format!("byte {at} of the text is not UTF-8")
        };
        CliError::new(Kind::Usage, why).hint("write it to a file and send its path")
    })
}
