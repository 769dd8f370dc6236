//! The whole picture for people and scripts: what `status` and `why` show, and what whoever watches is told. Derived from
//! the state, never stored. Fields that were added later have a default, so that old pictures can still be read.

mod change;
#[cfg(test)]
pub(crate) mod sample;

use serde::{Deserialize, Serialize};

use crate::config::prices::Billing;

use super::gauge::Gauges;
use super::id::{AccountId, AgentId, Incarnation, MessageId, PhaseId, Sha};
use super::message::{Origin, Stage};
use super::record::{AgentState, Wish};
use super::standing::Verdict;
use super::time::Time;
use super::usage::Used;

pub use change::Change;

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
    /// Accounts of the configuration; empty: there are none.
    #[serde(default)]
    pub accounts: Vec<AccountView>,
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
    /// The last handoff of each prefix that was passed on, by prefix.
    #[serde(default)]
    pub handoffs: Vec<HandoffView>,
}

/// A claim or verdict that was passed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HandoffView {
    pub prefix: String,
    /// What the commit names behind the prefix: the `1a` of `claim(1a): …`.
    pub gate: String,
    pub sha: Sha,
    /// When it was taken note of.
    pub at: Time,
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
    /// What its plan calls it; empty where no configuration was read.
    #[serde(default)]
    pub title: String,
    /// When it was entered last; `None`: never.
    #[serde(default)]
    pub since: Option<Time>,
    /// Seconds it was the current one, up to the view's `at` while it still is; what it was suspended for not counted.
    #[serde(default)]
    pub spent_s: u64,
}

impl PhaseItem {
    /// It is the current one.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
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
    /// The model it was told to use; empty: its backend's own default.
    #[serde(default)]
    pub model: String,
    /// `loop` or `job`.
    #[serde(default)]
    pub kind: String,
    /// When it is started again after an end: `always`, `on-failure`, `never`, `if-absent-anywhere`.
    #[serde(default)]
    pub restart: String,
    /// Everything with a time that is waited for with this agent, soonest first; `next` is the first of them.
    #[serde(default)]
    pub deadlines: Vec<NextAction>,
    /// The machine that it runs on; empty: not told.
    #[serde(default)]
    pub host: String,
    /// Its working directory, absolute; empty: not told.
    #[serde(default)]
    pub dir: String,
    /// Messages are typed also while it is in a turn.
    #[serde(default)]
    pub deliver_in_turn: bool,
    /// Since midnight (UTC).
    #[serde(default)]
    pub used_today: Used,
    /// What it may use in a day, as people write it; `None`: as much as it wants.
    #[serde(default)]
    pub budget: Option<String>,
    /// How much of it was used, in percent, rounded down; more than 100 is possible.
    #[serde(default)]
    pub budget_percent: Option<u32>,
    #[serde(default)]
    pub billing: Billing,
    /// How full its context and its account's quotas are, where its program tells.
    #[serde(default)]
    pub gauges: Gauges,
    /// Which version its program says that it is.
    #[serde(default)]
    pub version: Option<String>,
    /// How many of its last different screens no rule explains, and how many count.
    #[serde(default)]
    pub unclear: (u32, u32),
    /// On which it works; `None`: its program's own login.
    #[serde(default)]
    pub account: Option<AccountId>,
    /// Why that one.
    #[serde(default)]
    pub account_why: String,
}

/// One account with a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountView {
    pub id: AccountId,
    pub provider: String,
    /// `subscription` or `api-key`.
    pub kind: String,
    /// Where its credential is, in words.
    pub source: String,
    pub state: AccountState,
    /// What a person does to be let in.
    pub login: String,
    /// Who works on it.
    pub agents: Vec<AgentId>,
    /// A tiny call can be made on it.
    pub triable: bool,
    /// When that was last done, and what it came to.
    pub tried: Option<Time>,
    pub verdict: Option<Verdict>,
    /// Since midnight (UTC), tiny calls among it.
    pub used_today: Used,
    pub budget: Option<String>,
    pub budget_percent: Option<u32>,
}

/// How an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AccountState {
    Good,
    /// Nobody has used it yet.
    Unknown,
    Refused {
        why: String,
    },
    Limited {
        until: Option<Time>,
        why: String,
    },
    /// Its budget of the day is used up.
    Spent,
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

/// What an agent's pane shows just now, with its colours. Volatile: it is in no record and in no view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaneView {
    pub agent: AgentId,
    pub incarnation: Incarnation,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Column and row of the cursor, from 0; `None`: it is hidden.
    pub cursor: Option<(u16, u16)>,
    /// Lines of scrollback above what is shown.
    pub history: u32,
    /// Its process has ended; what it showed last is still there.
    pub dead: bool,
    /// Somebody reads back in it (copy mode and the like); the text is what stands below that.
    pub in_mode: bool,
    /// The rows, joined by line feeds, with SGR sequences as tmux gives them: a row goes on in the colours in which the one
    /// above it ended. Outside text: whoever shows it makes it harmless first.
    pub text: String,
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
