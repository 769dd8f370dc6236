//! `flightdeck outbox`: messages and what became of them.

use crate::pilot::command::Command;
use crate::pilot::id::MessageId;
use crate::pilot::time::Time;
use crate::pilot::view::MessageView;
use crate::words::{message, when};

use super::asking::{self, Asking};
use super::error::CliError;
use super::exit::Exit;
use super::patience::Patience;
use super::table::Table;
use super::{Global, out};

/// Show messages and what became of them
///
/// Examples:
///   flightdeck outbox
///   flightdeck outbox drop m7
///   flightdeck outbox retry m7
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show them: those that wait, and the last settled ones
    List,
    /// Give up on a message that waits or is in doubt
    Drop {
        /// The message, like m7
        #[arg(value_parser = message_id)]
        message: MessageId,
    },
    /// Queue an undelivered message once more, as a new one
    Retry {
        /// The message, like m7
        #[arg(value_parser = message_id)]
        message: MessageId,
        #[command(flatten)]
        patience: Patience,
    },
}

/// Shows them or asks for the change.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    match &args.what {
        None | Some(What::List) => list(global),
        Some(What::Drop { message }) => asking::tell(global, &Command::Drop { message: *message }),
        Some(What::Retry { message, patience }) => {
            patience.deliver(Asking::of(global)?, &Command::Retry { message: *message }, global)
        }
    }
}

fn message_id(word: &str) -> Result<MessageId, String> {
    let number = word.strip_prefix('m').unwrap_or(word).parse();
    number.map(MessageId).map_err(|_| "expected the number of a message, like m7".to_string())
}

fn list(global: &Global) -> Result<Exit, CliError> {
    let view = Asking::of(global)?.view()?;
    if global.json {
        out::json(&view.outbox)?;
    } else {
        out::text(&shown(&view.outbox, view.at, out::columns()))?;
    }
    Ok(Exit::Done)
}

fn shown(messages: &[MessageView], now: Time, columns: Option<usize>) -> String {
    if messages.is_empty() {
        return "the outbox is empty\n".to_string();
    }
    let mut table = Table::new(&["MESSAGE", "AGENT", "FROM", "AGE", "STAGE", "TEXT"]);
    for sent in messages {
        table.row([
            sent.id.to_string(),
            sent.agent.to_string(),
            message::from(&sent.origin).to_string(),
            when::short(now.since(sent.queued_at)),
            message::stage(&sent.stage),
            sent.preview.clone(),
        ]);
    }
    table.render(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_named_with_or_without_its_letter() {
        assert_eq!(message_id("m7"), Ok(MessageId(7)));
        assert_eq!(message_id("7"), Ok(MessageId(7)));
        for word in ["", "m", "x7", "m7x", "-1"] {
            assert!(message_id(word).is_err(), "{word}");
        }
    }
}
