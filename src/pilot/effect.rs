//! Everything we ask of the world. Those with an [`EffectId`] are intents: `Ordered` is on disk before they leave, and
//! an [`Outcome`] comes back for each. The others only look, or answer a client, and may be lost without harm.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::accounts::Credential;
use crate::config::model::{Channel, McpSpec};

use super::command::Answer;
use super::event::Ask;
use super::fact::{Identity, Place};
use super::id::{AccountId, AgentId, EffectId, Incarnation, MessageId, PhaseId};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Start our tmux server where none runs. Never sent while a recorded one may be alive (fault T4).
    StartServer { id: EffectId },
    /// Start an agent in a session of its own. Survivors of an earlier life, found by the owner tag in their
    /// environment, are ended first.
    Start { id: EffectId, agent: AgentId, incarnation: Incarnation, spec: LaunchSpec },
    /// End an agent's whole process tree (TERM, `grace`, KILL) and its session.
    Stop {
        id: EffectId,
        agent: AgentId,
        place: Option<Place>,
        process: Option<Identity>,
        grace: Duration,
        unless_moved: Option<u64>,
    },
    /// Paste a message's text into the composer, after one more look that it may be typed there.
    Paste {
        id: EffectId,
        agent: AgentId,
        incarnation: Incarnation,
        place: Place,
        message: MessageId,
        text: String,
        backend: String,
    },
    /// Hand a message over by the program's own interface, after one more look that it is not in the conversation already.
    Post { id: EffectId, agent: AgentId, incarnation: Incarnation, message: MessageId, text: String },
    /// Press the submit key, after one more look that `text` is still in the composer.
    Submit {
        id: EffectId,
        agent: AgentId,
        incarnation: Incarnation,
        place: Place,
        message: MessageId,
        text: String,
        backend: String,
    },
    /// Write one of our own files.
    Write { id: EffectId, what: OwnFile },
    /// Look at an agent now: screen and processes. Answered by `Event::Looked`.
    Look { agent: AgentId, incarnation: Incarnation, place: Place, process: Option<Identity> },
    /// List the panes of our tmux server now. Answered by `TmuxAnswered`, `TmuxSilent` or `TmuxGone`.
    Survey,
    /// Look for a process of this backend in the project that is not one of ours. Answered by `Event::Searched`.
    Search { agent: AgentId, process_names: Vec<String>, dir: PathBuf },
    /// A tiny real call on an account, in the environment that this agent would get. `known`: a proof of that version of the program
    /// is young enough, and needs no call. Answered by `Event::Probed`.
    Probe { account: AccountId, backend: String, agent: AgentId, spec: Box<LaunchSpec>, known: Option<String> },
    /// Look whether a conversation is there for a program that starts so. `at` is its file below the program's home. Answered by
    /// `Event::Sought`.
    Seek {
        agent: AgentId,
        account: Option<AccountId>,
        conversation: String,
        backend: String,
        at: String,
        spec: Box<LaunchSpec>,
    },
    /// Look at what this agent's program would go by. Answered by `Event::Vetted`.
    Vet { agent: AgentId, backend: String, spec: Box<LaunchSpec> },
    /// Answer a client.
    Reply { ask: Ask, answer: Answer },
    /// Read the workspace's configuration again.
    Reload { ask: Option<Ask> },
    /// End the engine; agents go on.
    Quit { code: u8 },
}

/// A file of the workspace that we write ourselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "file", rename_all = "snake_case")]
pub enum OwnFile {
    /// `SEQUENCE-COMPLETE` in the workspace, with these phases in it.
    SequenceComplete { phases: Vec<PhaseId> },
    /// The sequence was reopened: the file goes.
    NoSequenceComplete,
    /// `sequence = […]` in `flightdeck.toml`, comments kept.
    Sequence { phases: Vec<PhaseId> },
}

/// How an agent is launched, each time the same (fault P18). Holds no secret: the env file is named, not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    pub argv: Vec<String>,
    /// What it is given to tell of itself.
    #[serde(default)]
    pub channel: Channel,
    /// The MCP servers it gets; `None`: no word is lost about them.
    #[serde(default)]
    pub mcp: Option<McpSpec>,
    pub cwd: PathBuf,
    /// Variables that are no secrets: phase, agent, role, spool.
    pub env: BTreeMap<String, String>,
    pub env_file: Option<PathBuf>,
    /// With whom it works; `None`: as its program is logged in.
    #[serde(default)]
    pub account: Option<Credential>,
    /// The conversation that it takes up; `None`: it begins a new one.
    #[serde(default)]
    pub resumes: Option<String>,
    /// What it attaches to; `None`: its program needs nobody's server.
    #[serde(default)]
    pub attach: Option<Box<Attach>>,
    /// Columns and rows of its window.
    pub size: (u16, u16),
    /// Lines of history tmux keeps for it.
    pub history: u32,
}

/// An agent's place on a server that others use too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The service that has it.
    pub server: AgentId,
    /// What the agent's prompts are asked with, since no argv says so; empty: the server's own.
    pub model: String,
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It happened.
    Done,
    /// An agent was started.
    Started { place: Place, process: Identity },
    /// Nothing was started: an earlier start, whose outcome nobody saw, had brought it up.
    Found { incarnation: Incarnation, place: Place, process: Identity },
    /// An agent was ended. `left` are processes that survived KILL: pid and what they are.
    Stopped { left: Vec<(u32, String)> },
    /// It was positively not done, and why: trying again is safe.
    Refused { why: Refusal },
    /// It failed before it had any effect.
    Failed { why: String },
    /// Nobody can say whether it happened (no answer in time).
    Unknown { why: String },
}

/// Why the edge would not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    PaneDead,
    PaneMissing,
    /// Copy mode or the like: a human is looking.
    InMode,
    InputOff,
    Synchronized,
    /// No composer on the screen: a dialog, the start or the end of a program.
    NoComposer,
    /// Somebody's words are in the composer.
    Draft,
    /// The agent is in a turn.
    Busy,
    /// Our text is not in the composer any more.
    TextGone,
    /// The screen moved between the judgement and the act.
    Moved,
    /// The agent's folder is missing.
    NoCwd(String),
    /// The env file is missing or open to others.
    EnvFile(String),
    /// A session with the agent's name exists that is not ours (fault T6).
    Foreign(String),
    /// A living process already holds this agent (fault P12).
    AlreadyAlive(u32),
}

impl Refusal {
    /// What stood in the way of typing or starting, for whoever waits.
    pub fn words(&self) -> String {
        match self {
            Refusal::PaneDead => "its pane is dead".to_string(),
            Refusal::PaneMissing => "its pane is missing".to_string(),
            Refusal::InMode => "its pane is in copy mode: leave it with q".to_string(),
            Refusal::InputOff => "input to its pane is switched off: `select-pane -e` switches it on".to_string(),
            Refusal::Synchronized => "its pane is synchronized with others: switch synchronize-panes off".to_string(),
            Refusal::NoComposer => "no composer is on its screen".to_string(),
            Refusal::Draft => "somebody's draft stands in its composer".to_string(),
            Refusal::Busy => "it is in a turn".to_string(),
            Refusal::TextGone => "the text left the composer".to_string(),
            Refusal::Moved => "its screen moved".to_string(),
            Refusal::NoCwd(path) => format!("its folder {path} is missing"),
            Refusal::EnvFile(why) => format!("its env file is refused: {why}"),
            Refusal::Foreign(session) => format!("session {session} is not ours"),
            Refusal::AlreadyAlive(pid) => format!("process {pid} already runs as this agent"),
        }
    }
}
