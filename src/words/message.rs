//! A message and what became of it, in words.

use crate::pilot::id::MessageId;
use crate::pilot::message::{Origin, Stage};

/// `m7 is queued: it is in a turn`
pub fn told(message: MessageId, stage: &Stage) -> String {
    let word = stage.word();
    match stage {
        Stage::Queued { why: Some(why) }
        | Stage::Uncertain { why }
        | Stage::Refused { why }
        | Stage::Expired { why } => {
            format!("{message} is {word}: {why}")
        }
        Stage::Submitted { evidence } => format!("{message} is {word}: {evidence}"),
        Stage::Typed { presses } if *presses > 0 => {
            format!("{message} is {word}, its submit key was pressed {presses}x")
        }
        Stage::Queued { why: None }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. }
        | Stage::TypedNotSubmitted => {
            format!("{message} is {word}")
        }
    }
}

/// Where it stands, with the reason where there is one: `queued: it is in a turn`.
pub fn stage(stage: &Stage) -> String {
    let word = stage.word();
    match stage {
        Stage::Queued { why: Some(why) }
        | Stage::Uncertain { why }
        | Stage::Refused { why }
        | Stage::Expired { why } => {
            format!("{word}: {why}")
        }
        Stage::Queued { why: None }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. }
        | Stage::Submitted { .. }
        | Stage::TypedNotSubmitted => word.to_string(),
    }
}

/// Who wants it said, in a word.
pub fn from(origin: &Origin) -> &'static str {
    match origin {
        Origin::Operator => "operator",
        Origin::Nudge => "ping",
        Origin::StartPrompt { .. } => "start",
        Origin::Handoff { .. } => "handoff",
        Origin::Inbox { .. } => "inbox",
        Origin::LimitLifted => "limit",
        Origin::Compact => "compact",
    }
}
