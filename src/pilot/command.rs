//! Everything an operator may ask of the engine, and the answers. This is the machine interface of the link.

use serde::{Deserialize, Serialize};

use super::id::{AccountId, AgentId, MessageId, PhaseId};
use super::view::View;

/// Something an operator asks for, from the command line, the cockpit or a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The whole picture.
    Status,
    Start {
        agent: AgentId,
    },
    Stop {
        agent: AgentId,
    },
    /// `fresh`: a new conversation, whatever the backend could resume.
    Restart {
        agent: AgentId,
        fresh: bool,
    },
    /// Deliver a text.
    Send {
        agent: AgentId,
        text: String,
    },
    /// Deliver our standard nudge.
    Ping {
        agent: AgentId,
    },
    Hold {
        agent: AgentId,
        reason: String,
    },
    Release {
        agent: AgentId,
    },
    /// Take no action on any agent until `Resume`.
    Pause,
    Resume,
    /// Stop all agents and keep them stopped, across restarts, until `Resume`.
    EmergencyStop,
    /// End a phase by hand and go to the next.
    PhaseNext,
    PhaseGoto {
        phase: PhaseId,
    },
    PhaseAppend {
        phase: PhaseId,
    },
    /// Put `phase` before `before` (the current one when not given; that one is suspended and resumes after).
    PhaseInsert {
        phase: PhaseId,
        before: Option<PhaseId>,
    },
    PhaseRemove {
        phase: PhaseId,
    },
    RunJob {
        agent: AgentId,
        fresh: bool,
    },
    /// Give up on a message that waits or is in doubt.
    Drop {
        message: MessageId,
    },
    /// Queue an undelivered message once more.
    Retry {
        message: MessageId,
    },
    /// Make a tiny real call on an account, or on each.
    Probe {
        account: Option<AccountId>,
    },
    Reload,
    /// End the engine; agents go on.
    Shutdown,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It was accepted; what follows shows in the records.
    Accepted {
        what: String,
    },
    /// A message stands in the outbox under this id.
    Queued {
        message: MessageId,
    },
    /// It was not accepted: why, and what to do.
    Refused {
        why: String,
        hint: Option<String>,
    },
    Status {
        view: Box<View>,
    },
}
