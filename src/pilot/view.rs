//! The whole picture for people and scripts: what `status` and `why` show. Derived from the state, never stored.

use serde::{Deserialize, Serialize};

use super::id::{AgentId, Incarnation, MessageId, PhaseId, Sha};
use super::message::{Origin, Stage};
use super::record::{AgentState, Wish};
use super::time::Time;

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub at: Time,
    pub project: String,
    pub epoch: u64,
    pub engine_pid: u32,
    pub engine_since: Time,
    /// Sequence number of the last record.
    pub seq: u64,
    pub paused: bool,
    pub emergency_stop: bool,
    /// The tmux server: `up`, `silent`, `gone`.
    pub tmux: String,
    pub watch: WatchView,
    pub phase: PhaseView,
    pub agents: Vec<AgentView>,
    /// Messages not settled, and the last settled ones, newest last.
    pub outbox: Vec<MessageView>,
    /// What needs the operator, each with what to do.
    pub alerts: Vec<String>,
}

/// The watched branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchView {
    pub remote: Option<String>,
    pub branch: String,
    pub head: Option<Sha>,
    pub broken: Option<String>,
}

/// The sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseView {
    pub current: Option<PhaseId>,
    pub sequence: Vec<PhaseItem>,
    pub complete: bool,
    pub blocked: Option<String>,
}

/// One phase of the sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseItem {
    pub id: PhaseId,
    /// `done`, `active`, `suspended`, `pending`.
    pub status: String,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    pub id: AgentId,
    pub role: String,
    pub backend: String,
    pub wish: Wish,
    pub state: AgentState,
    pub since: Time,
    /// The evidence for the state, most telling first.
    pub evidence: Vec<String>,
    /// What flightdeck does next and when, unless something changes.
    pub next: Option<NextAction>,
    pub incarnation: Incarnation,
    pub pid: Option<u32>,
    pub session: Option<String>,
    pub pane: Option<String>,
    pub phase: Option<PhaseId>,
    pub restarts_today: u32,
    pub waiting_messages: u32,
    /// The last line of sense on its screen, cleaned.
    pub last_line: String,
}

/// A deadline with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextAction {
    pub what: String,
    pub at: Time,
}

/// One message of the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: MessageId,
    pub agent: AgentId,
    pub origin: Origin,
    pub stage: Stage,
    pub queued_at: Time,
    /// The first 80 characters.
    pub preview: String,
}

impl AgentState {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            AgentState::Stopped => "stopped",
            AgentState::Starting => "starting",
            AgentState::Idle => "idle",
            AgentState::Working => "working",
            AgentState::Waiting { .. } => "waiting",
            AgentState::Limited { .. } => "limited",
            AgentState::AuthFailed => "auth-failed",
            AgentState::AtDialog { .. } => "at-dialog",
            AgentState::Retrying => "retrying",
            AgentState::Suspended => "suspended",
            AgentState::Backoff { .. } => "backoff",
            AgentState::Held { .. } => "held",
            AgentState::Finished => "finished",
            AgentState::Stopping => "stopping",
            AgentState::Down => "down",
            AgentState::Unknown { .. } => "unknown",
        }
    }
}
