//! How long to wait for what becomes of a message, and the waiting itself: the records tell, exit codes tell the truth.

use std::time::Duration;

use serde_json::json;

use crate::edge::clock;
use crate::edge::link::{Follow, Followed, LinkError};
use crate::pilot::command::{Answer, Command};
use crate::pilot::id::MessageId;
use crate::pilot::message::Stage;
use crate::pilot::record::Record;
use crate::words::{message, text, when};

use super::asking::{Asking, of_link};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out};

/// Shared by the verbs that deliver something.
#[derive(Debug, clap::Args)]
pub struct Patience {
    /// Wait this long for what becomes of it
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span)]
    wait: Duration,
    /// Return as soon as it stands in the outbox
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
}

/// A span on the command line: `90s`, `10m`.
pub fn span(word: &str) -> Result<Duration, String> {
    humantime::parse_duration(word).map_err(|error| format!("{error}; expected a duration like 90s or 10m"))
}

impl Patience {
    /// Asks for a delivery, waits as long as it was told to, and says what came of it.
    pub fn deliver(&self, mut asking: Asking, command: &Command, global: &Global) -> Result<Exit, CliError> {
        // What happens to the message comes after this number, however fast it is.
        let before = asking.view()?.seq;
        let message = match asking.ask(command)? {
            Answer::Queued { message } => message,
            other @ (Answer::Accepted { .. } | Answer::Refused { .. } | Answer::Status { .. }) => {
                return Err(CliError::new(Kind::Machine, format!("the engine answered something else: {other:?}")));
            }
        };
        if self.no_wait {
            // It is in the outbox, whatever becomes of our next question: who hears of an error here says it all again.
            let outbox = asking.view().map(|view| view.outbox).unwrap_or_default();
            let stage = outbox.into_iter().find(|seen| seen.id == message).map(|seen| seen.stage);
            return now(message, &stage.unwrap_or(Stage::Queued { why: None }), global);
        }
        let follow = asking.follow(before).map_err(|error| error.fact("message", &message))?;
        let stage = watch(follow, message, self.wait)?;
        outcome(message, &stage, self.wait, global)
    }
}

/// Where the message stands when it settles or when the wait is over.
fn watch(mut follow: Follow, message: MessageId, wait: Duration) -> Result<Stage, CliError> {
    let began = clock::monotonic_ms();
    let mut stage = Stage::Queued { why: None };
    while !stage.settled() {
        let Some(left) = clock::left(began, wait) else { break };
        let heard = follow.next_within(left).map_err(|error| ended(message, error))?;
        if let Some(Followed::Record(_, record)) = heard
            && let Record::MessageMoved { message: moved, stage: reached, .. } = *record
            && moved == message
        {
            stage = reached;
        }
    }
    Ok(stage)
}

fn ended(message: MessageId, error: LinkError) -> CliError {
    match error {
        LinkError::Closed => CliError::new(Kind::NoEngine, format!("the engine ended while {message} was on its way"))
            .hint("it stays in the outbox; `flightdeck up` starts an engine, `flightdeck outbox` shows it")
            .fact("message", &message),
        other => of_link(other),
    }
}

/// Not waited for: whatever it came to by now is no failure.
fn now(message: MessageId, stage: &Stage, global: &Global) -> Result<Exit, CliError> {
    if global.json {
        out::json(&json!({ "message": message, "stage": stage }))?;
    } else {
        out::line(&text::line(&message::told(message, stage)))?;
    }
    Ok(Exit::Done)
}

fn outcome(message: MessageId, stage: &Stage, wait: Duration, global: &Global) -> Result<Exit, CliError> {
    let words = message::told(message, stage);
    let failed = |kind, words: String, hint: String| {
        Err(CliError::new(kind, words).hint(hint).fact("message", &message).fact("stage", stage))
    };
    match stage {
        Stage::Submitted { .. } => now(message, stage, global),
        Stage::TypedNotSubmitted => {
            failed(Kind::Unproved, words, "it stands in the composer: `flightdeck attach` and look".to_string())
        }
        Stage::Uncertain { .. } => failed(
            Kind::Unproved,
            words,
            format!("look with `flightdeck attach`; `flightdeck outbox retry {message}` sends it again"),
        ),
        Stage::Expired { .. } => {
            failed(Kind::Unproved, words, format!("`flightdeck outbox retry {message}` sends it again"))
        }
        Stage::Refused { .. } => failed(Kind::Refused, words, "it was not delivered".to_string()),
        Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } => failed(
            Kind::Late,
            format!("after {} {words}", when::span(wait)),
            format!(
                "it stays in the outbox: `flightdeck outbox` shows it, `flightdeck outbox drop {message}` gives it up"
            ),
        ),
    }
}
