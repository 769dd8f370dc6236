//! Messages to agents and what became of them: the outbox, as data.

use serde::{Deserialize, Serialize};

use super::id::{AgentId, Incarnation, MessageId, PhaseId, Sha};
use super::time::Time;

/// Largest text that is delivered; above, a file and its path are the better way (fault M5).
pub const TEXT_CAP: usize = 64 * 1024;

/// Who wants it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// `flightdeck send`.
    Operator,
    /// `flightdeck ping`.
    Nudge,
    /// The start prompt of one incarnation.
    StartPrompt { phase: Option<PhaseId> },
    /// New claims or reviews were pushed.
    Handoff { commits: Vec<Sha> },
    /// New entries in its INBOX file were pushed.
    Inbox { at: Sha },
    /// The usage limit is over.
    LimitLifted,
    /// A command of its program that shortens the conversation, typed on purpose.
    Compact,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub agent: AgentId,
    pub origin: Origin,
    /// Already cleaned by `clean_text`: LF and TAB are its only control characters.
    pub text: String,
    pub queued_at: Time,
    /// Meant for this life of the agent only (fault M14); `None`: for whoever comes.
    pub only: Option<Incarnation>,
}

/// Where a message stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Waits; `why` it can't be typed just now.
    Queued {
        why: Option<String>,
    },
    /// Its paste was ordered and nobody has seen the text yet.
    Pasting,
    /// It is being handed over by the program's own interface; what its conversation holds proves it.
    Posted,
    /// The text was seen in the composer; `presses` of the submit key so far.
    Typed {
        presses: u32,
    },
    /// Proved.
    Submitted {
        evidence: String,
    },
    /// It stands in the composer and would not go.
    TypedNotSubmitted,
    /// Nobody can say; shown, and never sent again by itself.
    Uncertain {
        why: String,
    },
    Refused {
        why: String,
    },
    Expired {
        why: String,
    },
}

impl Stage {
    /// Nothing more will happen by itself.
    pub fn settled(&self) -> bool {
        match self {
            Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } => false,
            Stage::Submitted { .. }
            | Stage::TypedNotSubmitted
            | Stage::Uncertain { .. }
            | Stage::Refused { .. }
            | Stage::Expired { .. } => true,
        }
    }

    /// The word shown to operators.
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Queued { .. } => "queued",
            Stage::Pasting => "pasting",
            Stage::Posted => "posted",
            Stage::Typed { .. } => "typed",
            Stage::Submitted { .. } => "submitted",
            Stage::TypedNotSubmitted => "typed-not-submitted",
            Stage::Uncertain { .. } => "uncertain",
            Stage::Refused { .. } => "refused",
            Stage::Expired { .. } => "expired",
        }
    }
}

/// The text as it may be pasted: CRLF and CR become LF, trailing line breaks go, and every other control character but
/// TAB is refused, as are the invisible ones that turn text around (faults M6, M17, V4).
pub fn clean_text(text: &str) -> Result<String, String> {
    if text.len() > TEXT_CAP {
        return Err(format!(
            "the text has {} bytes, at most {TEXT_CAP} are delivered: write it to a file and send its path",
            text.len()
        ));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_end_matches('\n');
    if text.trim().is_empty() {
        return Err("the text is empty".to_string());
    }
    match text.chars().find(|c| is_hostile(*c)) {
        Some(c) => Err(format!("the text holds the control character U+{:04X}: take it out", u32::from(c))),
        None => Ok(text.to_string()),
    }
}

/// Characters that can act on a terminal or hide what a text says.
pub fn is_hostile(c: char) -> bool {
    let control = c.is_control() && c != '\n' && c != '\t';
    let bidi = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}');
    let separator = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    control || bidi || separator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_leave_the_paste_gets_through() {
        for text in ["a\u{1b}[201~\rrm", "a\0b", "a\u{9b}31m", "a\u{202e}b", "a\u{7f}b", "\u{1b}"] {
            assert!(clean_text(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["hello;", "-la", "$(id) `id` #{pane_id} %H", "a\tb\nc", "日本語 👩‍👩‍👧", "C-c Enter", "\\"]
        {
            assert_eq!(clean_text(text).as_deref(), Ok(text));
        }
        assert_eq!(clean_text("a\r\nb\r\n").as_deref(), Ok("a\nb"));
    }

    #[test]
    fn empty_and_oversized_texts_are_refused_with_a_reason() {
        assert!(clean_text(" \n\t ").is_err());
        assert!(clean_text(&"x".repeat(TEXT_CAP)).is_ok());
        assert!(clean_text(&"x".repeat(TEXT_CAP + 1)).is_err_and(|why| why.contains("path")));
    }
}
