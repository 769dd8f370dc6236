//! The checked configuration: what the pilot calls its rules. Values here are in range, names refer to things that
//! exist, and regular expressions are compiled; nothing later has to ask again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::accounts::{Access, Account, Fallback};
pub use super::channels::Channel;
use super::prices::{Billing, Budget, Price};
use super::problem::Spot;
use super::setup::Setup;
use crate::pilot::id::{AccountId, AgentId, PhaseId};

/// One workspace's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The workspace: the folder with `flightdeck.toml`, absolute.
    pub root: PathBuf,
    pub project: Project,
    /// Phase ids in the order of the file. The pilot keeps the living sequence; this is what the file wishes.
    pub sequence: Vec<PhaseId>,
    pub phases: BTreeMap<PhaseId, Phase>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub backends: BTreeMap<String, Backend>,
    /// `[accounts.*]`; empty: every program uses what it is logged in with. And `[routing] prefer_oauth`.
    pub accounts: BTreeMap<AccountId, Account>,
    pub prefer_oauth: bool,
    /// `[mcp.*]`, by name.
    pub mcp: BTreeMap<String, McpServer>,
    /// `[prices.*]`, by the name of the model.
    pub prices: BTreeMap<String, Price>,
    pub prompts: Prompts,
    pub stall: Stall,
    pub restart: Restart,
    pub delivery: Delivery,
    pub handoff: HandoffRules,
    pub capture: Capture,
    pub retention: Retention,
    pub cockpit: Cockpit,
    pub setup: Setup,
    /// FNV-1a of every file that was read and of what the machine adds, in hex: changes exactly when one of them does.
    pub digest: String,
}

/// `[project]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub name: String,
    /// URL or absolute path of the watched repository; `None`: nothing is watched.
    pub remote: Option<String>,
    pub branch: String,
    /// How often the remote is read in any case.
    pub watch_interval: Duration,
    /// `false`: the orchestrator is left alone altogether.
    pub watch_orchestrator: bool,
    /// Folder of the `STATUS-<id>.md` files inside the repository, relative, `""` for its top.
    pub state_dir: String,
    /// How long a local DONE may wait for its push before the phase is held.
    pub done_push_wait: Duration,
}

/// One file of `phases/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    pub id: PhaseId,
    pub title: String,
    /// Path of the plan, relative to the workspace.
    pub plan: String,
}

/// What an agent is for; decides its defaults and which loops a phase restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Builder,
    Adversary,
    Orchestrator,
    Upgrader,
    Other,
}

impl Role {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Role::Builder => "builder",
            Role::Adversary => "adversary",
            Role::Orchestrator => "orchestrator",
            Role::Upgrader => "upgrader",
            Role::Other => "other",
        }
    }
}

/// Whether an agent runs for ever or once per run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Works through the phases; restarted at each change of phase (orchestrators excepted).
    Loop,
    /// Runs to completion, then stays open for reading.
    Job,
    /// A program that agents need, such as a server: kept running, and never spoken to.
    Service,
}

impl Kind {
    /// The word for it in `flightdeck.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Loop => "loop",
            Kind::Job => "job",
            Kind::Service => "service",
        }
    }
}

/// When an agent that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    Always,
    OnFailure,
    Never,
    /// Only when none of its kind runs anywhere, ours or launched by hand.
    IfAbsentAnywhere,
}

impl RestartPolicy {
    /// The word for it in `flightdeck.toml`.
    pub fn word(self) -> &'static str {
        match self {
            RestartPolicy::Always => "always",
            RestartPolicy::OnFailure => "on-failure",
            RestartPolicy::Never => "never",
            RestartPolicy::IfAbsentAnywhere => "if-absent-anywhere",
        }
    }
}

/// One table of `[agents.*]`.
#[derive(Clone, Debug)]
pub struct Agent {
    pub id: AgentId,
    pub role: Role,
    pub kind: Kind,
    pub backend: String,
    /// Empty: the backend's own default.
    pub model: String,
    /// A mode of its backend's `permissions`; empty: the program's own default.
    pub permission: String,
    /// Models to fall back to, in order, with commas between; empty: none.
    pub fallback_model: String,
    /// The MCP servers it gets, and no others; `None`: those that its program finds by itself.
    pub mcp: Option<Vec<String>>,
    /// What becomes of it when the settings that its folder brings along are others than before.
    pub project_settings: ProjectSettings,
    /// Its own clone, absolute.
    pub dir: PathBuf,
    /// Name of the template in [`Prompts`].
    pub prompt: String,
    pub restart: RestartPolicy,
    /// For jobs: when it runs by itself, UTC.
    pub schedule: Option<Schedule>,
    /// `KEY=value` lines for its environment, absolute; secrets live here and nowhere else.
    pub env_file: Option<PathBuf>,
    /// Extra arguments for the launch argv.
    pub args: Vec<String>,
    /// Handoff prefixes whose commits ping this agent.
    pub pinged_by: Vec<String>,
    /// Take up the old conversation after a crash, where the backend can.
    pub resume: bool,
    /// Deliver messages also while it is in a turn.
    pub deliver_in_turn: bool,
    /// Its conversation is shortened when so much of its context is used, in percent; `None`: that is its program's own affair.
    pub compact_at: Option<u8>,
    /// Started with the engine, without being asked.
    pub autostart: bool,
    /// The service whose server its program attaches to; `None`: it needs none.
    pub attach: Option<AgentId>,
    /// Columns and rows.
    pub size: (u16, u16),
    pub billing: Billing,
    /// What it may use in a day; `None`: as much as it wants.
    pub budget: Option<Budget>,
    /// The accounts it may use, in this order; empty: one, by the accounts' own order. Beyond them, `fallback`.
    pub accounts: Vec<AccountId>,
    pub fallback: Vec<Fallback>,
}

/// What becomes of an agent whose folder brings other settings for its program than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectSettings {
    /// It is started, and its operator told.
    #[default]
    Tell,
    /// It waits until its operator has looked at them.
    Hold,
}

/// One table of `[mcp.*]`: a program that an agent's program starts to get tools from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpServer {
    pub name: String,
    pub command: String,
    pub args: Vec<String>,
    /// Names of variables that it gets from the agent's environment; no values.
    pub env: Vec<String>,
}

/// The MCP servers that an agent gets, those and no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpSpec {
    pub way: McpWay,
    pub servers: Vec<McpServer>,
}

/// How a program is told which MCP servers are its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum McpWay {
    /// By `mcp_args`, with the hole `{mcp}`: a file in Claude Code's format.
    #[default]
    Args,
    /// As OpenCode takes it: by settings in a variable, which also switch off what else it finds.
    Opencode,
}

/// A cron expression in UTC, as written and as parsed.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub text: String,
    pub cron: croner::Cron,
}

/// Prompt templates, compiled once and checked against all their holes.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// By file stem: `builder`, `adversary`, …; and `preamble`, `ping`, `resume`, `nudge`.
    pub env: minijinja::Environment<'static>,
}

/// `[stall]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// No marker: this long without a sign of life is a stall.
    pub idle: Duration,
    /// After the marker's time, and after its first sight.
    pub grace: Duration,
    /// A marker further ahead is taken as seen + cap.
    pub wait_cap: Duration,
    /// From start to the first composer; stall rules apply only after that.
    pub start_limit: Duration,
    /// Between the two samples before a kill.
    pub sample_gap: Duration,
    /// A quiet child the agent started itself counts as work this long after the last sign of life.
    pub quiet_child_cap: Duration,
}

/// `[restart]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    pub delay: Duration,
    pub delay_cap: Duration,
    /// Healthy this long: the delay begins anew.
    pub reset_after: Duration,
    /// (how many, within what): more ends in a hold.
    pub budget_short: (u32, Duration),
    pub budget_long: (u32, Duration),
    /// (how many deaths, within what) are one event.
    pub mass_death: (u32, Duration),
    pub mass_pause: Duration,
    /// At most this many starts per `stage_gap`.
    pub stage_size: u32,
    pub stage_gap: Duration,
    /// TERM to KILL.
    pub stop_grace: Duration,
}

/// `[delivery]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// A message older than this that was never typed expires.
    pub ttl: Duration,
    /// Messages waiting for one agent; above, new ones are refused.
    pub queue: usize,
    /// A draft or dialog older than this raises an alert.
    pub blocked_alert: Duration,
}

/// `[handoff]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffRules {
    pub prefixes: Vec<String>,
    /// By prefix the mail addresses of those whose commits hand over; a prefix that is not there: anybody's.
    pub authors: BTreeMap<String, Vec<String>>,
    /// Pings per pair of agents within `loop_window` before the pair is held (fault M12).
    pub loop_budget: u32,
    pub loop_window: Duration,
}

/// `[capture]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Lines of history tmux keeps per agent.
    pub history: u32,
    /// Lines of the last screen that a record of a death keeps.
    pub last_lines: usize,
}

/// `[retention]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub log_files: usize,
    /// Records older than this that no fold needs are dropped at start.
    pub records: Duration,
}

/// `[cockpit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cockpit {
    pub theme: ThemeName,
    /// Clicks select, the wheel scrolls; `false`: the mouse is the terminal's own.
    pub mouse: bool,
    /// A clock with seconds; without it the screen is drawn once a minute at rest.
    pub clock: bool,
    /// Keys in place of the built-in ones, by the name of their action. Names and keys are checked by the cockpit, which alone
    /// knows its table.
    pub keys: BTreeMap<String, OwnKeys>,
}

/// The keys that the operator gave an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnKeys {
    /// Where its name is written.
    pub at: Spot,
    /// Each as it is written, and where.
    pub keys: Vec<(String, Spot)>,
}

/// The cockpit's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThemeName {
    Dark,
    Light,
    Contrast,
    /// The sixteen colours that the terminal itself defines.
    Sixteen,
}

/// What is known of one kind of agent CLI; data, from `backends/*.toml` or `[backends.*]`.
#[derive(Clone, Debug)]
pub struct Backend {
    pub name: String,
    /// Launch argv with holes `{model}`, `{conversation}`, `{agent}`, `{phase}`, `{dir}`; an element that is exactly
    /// `{args}` becomes the agent's extra arguments.
    pub launch: Vec<String>,
    /// Argv that takes up `{conversation}`; `None`: it can't.
    pub resume: Option<Vec<String>>,
    /// Argv elements put in only when a model is named; with hole `{model}`.
    pub model_args: Vec<String>,
    /// Permission modes by name, each with its argv elements for `{permission_args}`.
    pub permissions: BTreeMap<String, Vec<String>>,
    /// Argv elements put in only when a fallback model is named; with hole `{fallback}`.
    pub fallback_args: Vec<String>,
    /// Argv elements put in only when MCP servers are chosen; with hole `{mcp}`, a file in Claude Code's format.
    pub mcp_args: Vec<String>,
    /// How it is told which MCP servers are its own.
    pub mcp_way: McpWay,
    /// Process names by which one launched by hand is recognised.
    pub process_names: Vec<String>,
    /// tmux name of the submit key.
    pub submit_key: String,
    /// Least time between the paste and the submit key (programs that take an early Enter as part of the paste).
    pub submit_gap: Duration,
    /// Gaps before the second, third, … press.
    pub submit_retries: Vec<Duration>,
    /// Largest single paste, in characters and line breaks; `None`: whole.
    pub paste_piece: Option<(usize, usize)>,
    pub composer: ComposerRule,
    /// An echoed line of the user: what is below the last one is this turn's.
    pub user_line: Option<Regex>,
    /// Lines that are not the agent's answer (rules, footers, "turn done").
    pub chrome: Vec<Regex>,
    /// Parts that move without progress: spinner, clock, token counter. Replaced before screens are compared.
    pub masks: Vec<Regex>,
    /// In the order in which they are tried.
    pub rules: Vec<ScreenRule>,
    /// What is worth knowing beside that, whatever the screen says.
    pub notes: Vec<ScreenNote>,
    /// How it tells of itself, beside its screen.
    pub channel: Channel,
    /// Argv elements by which it is told where to report; with hole `{settings}`.
    pub channel_args: Vec<String>,
    /// Versions of which it is known that all of this is so.
    pub tried: Vec<String>,
    /// The program's own command that shortens its conversation.
    pub compact: Option<String>,
    /// The command by which a person installs it; empty: nobody told.
    pub install: String,
    pub access: Access,
}

/// How to find what stands in the composer.
#[derive(Clone, Debug)]
pub struct ComposerRule {
    /// First line of the composer; group `text` is its content. The last match on the screen counts.
    pub open: Regex,
    /// A line that must stand directly above `open`, where the backend draws a box.
    pub above: Option<Regex>,
    /// The first line after the composer; `None`: it goes on to the last non-empty line.
    pub close: Option<Regex>,
    /// Content that means empty (hints in grey).
    pub placeholder: Vec<Regex>,
    /// What a long paste is shown as.
    pub collapsed: Option<Regex>,
    /// A composer in a mode that doesn't take plain text (vim normal, shell): matched on the composer and the lines below.
    pub other_mode: Option<Regex>,
    /// A text of which this matches a part would be taken for more than words: a shell's command, a line that goes on. A blank before
    /// and after it makes it words again.
    pub risky: Option<Regex>,
    /// A text that the program would run as a command of its own, whatever stands around it.
    pub command: Option<Regex>,
    /// tmux name of the key that puts a person's draft aside; the program brings it back by itself after the next submit.
    pub stash_key: Option<String>,
}

/// Part of the screen a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    Screen,
    /// The last 14 non-empty lines.
    Tail,
    /// After the last echoed user line.
    Turn,
    /// Below the composer.
    Footer,
    /// The last non-empty line.
    LastLine,
    /// The terminal's title, where the program sets one.
    Title,
}

/// What a screen that matches says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScreenSays {
    /// Ready for input.
    Idle,
    /// In a turn.
    Busy,
    /// Waits for a person; the rule's name says for what.
    Dialog,
    /// A usage limit; group `until` is the reset as written.
    Limited,
    /// This conversation can't go on: a fresh one is the only remedy.
    Poisoned,
    /// The program is broken: restart.
    Fatal,
    /// The service is overloaded and the agent tries again by itself.
    Retrying,
    /// Logged out or refused.
    AuthFailed,
    /// The program has ended, its last words are on the screen.
    Exited,
}

/// One rule of a backend.
#[derive(Clone, Debug)]
pub struct ScreenRule {
    pub name: String,
    pub says: ScreenSays,
    pub region: Region,
    pub regex: Regex,
    /// Higher wins; equal: the earlier in the file.
    pub priority: i32,
    /// Of a limit: the program goes on by itself, a while after it lifts.
    pub wakes: bool,
}

/// Something that a screen tells beside what it says: no state, and no reason to act.
#[derive(Clone, Debug)]
pub struct ScreenNote {
    pub name: String,
    pub region: Region,
    pub regex: Regex,
}
