//! Everything that can happen to us. The engine turns every source into one of these and feeds them in order.

use std::sync::Arc;

use super::command::Command;
use super::effect::Outcome;
use super::fact::{Exit, Hiccup, Look, PaneFact, Premises, Probed, Push, Report, Screen, Search, Server, Vetted};
use super::id::{AccountId, AgentId, EffectId, Incarnation, PhaseId};

/// Number by which the engine finds the client that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask(pub u64);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A deadline of the pilot has come, or the engine looks around; changes nothing by itself.
    TimePassed,
    /// The engine was late, the machine slept, or the clock was set.
    Hiccuped(Hiccup),
    /// Our tmux server answers. `panes` is the complete list of panes with our tag.
    TmuxAnswered { server: Server, panes: Vec<PaneFact> },
    /// Our tmux server does not answer in time, or can't be reached: nothing is known (faults T3, T4, V10).
    TmuxSilent { why: String },
    /// The recorded tmux server is positively dead, or none runs.
    TmuxGone,
    /// A pane's picture differs from the last one seen. `taken` numbers the pictures, those of looks among them: this
    /// one and the news of a look may cross on their ways.
    ScreenChanged { agent: AgentId, incarnation: Incarnation, screen: Arc<Screen>, taken: u64 },
    /// The process in a pane has ended; its last screen, where it could still be read.
    PaneDied { agent: AgentId, incarnation: Incarnation, exit: Exit, last: Option<Arc<Screen>> },
    /// The result of `Effect::Look`.
    Looked { agent: AgentId, incarnation: Incarnation, look: Look },
    /// The result of `Effect::Search`.
    Searched { agent: AgentId, found: Search },
    /// The result of `Effect::Probe`.
    Probed { account: AccountId, backend: String, probed: Probed },
    /// The result of `Effect::Seek`; `Err`: why it is not there, or why nobody can say.
    Sought { agent: AgentId, account: Option<AccountId>, conversation: String, found: Result<(), String> },
    /// The result of `Effect::Vet`.
    Vetted { agent: AgentId, vetted: Vetted },
    /// A line from an agent's own event channel.
    Reported { agent: AgentId, incarnation: Incarnation, report: Report },
    /// The watched branch was read and differs from before (or is seen for the first time).
    PushSeen(Push),
    /// The remote could not be read; `count` failures in a row.
    WatchFailed { why: String, count: u32 },
    /// A status file in an agent's clone was read twice with the same result.
    StatusRead { agent: AgentId, phase: PhaseId, status: StatusFile },
    /// An ordered effect ended.
    EffectFinished { id: EffectId, outcome: Outcome },
    /// A client asks for something.
    Asked { ask: Ask, command: Command },
    /// A new configuration is in force; the pilot sees it as `rules` from this step on.
    ConfigLoaded,
    /// The files that the configuration was read from, or the room on a disk, are not as they were seen before.
    PremisesSeen(Premises),
    /// A reload was refused; the old configuration stays.
    ConfigRefused { problems: Vec<String> },
}

/// What a local status file says (fault F4: it may be anything).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusFile {
    Open,
    Done,
    /// It is no readable regular file of a sane size; the reason.
    Unreadable(String),
}
