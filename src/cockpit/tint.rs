//! An agent's state as the eye takes it in: a colour, a sign, and how much it concerns the operator.

use crate::pilot::record::AgentState;

/// What colours and signs tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tint {
    Working,
    /// It announced how long.
    Waiting,
    Idle,
    /// On its way up or down, or its service is busy.
    Moving,
    Limited,
    /// It asks something, or it is not let in.
    Asks,
    Held,
    Down,
    Unknown,
    /// Ended as it was meant to.
    Rests,
}

impl Tint {
    /// All, in the order of the legend.
    pub const ALL: [Tint; 10] = [
        Tint::Working,
        Tint::Waiting,
        Tint::Idle,
        Tint::Moving,
        Tint::Limited,
        Tint::Asks,
        Tint::Held,
        Tint::Down,
        Tint::Unknown,
        Tint::Rests,
    ];

    /// The tint of a state.
    pub fn of(state: &AgentState) -> Self {
        match state {
            AgentState::Working => Tint::Working,
            AgentState::Waiting { .. } => Tint::Waiting,
            AgentState::Idle => Tint::Idle,
            AgentState::Starting | AgentState::Stopping | AgentState::Retrying => Tint::Moving,
            AgentState::Limited { .. } => Tint::Limited,
            AgentState::AtDialog { .. } | AgentState::AuthFailed => Tint::Asks,
            AgentState::Held { .. } => Tint::Held,
            AgentState::Down | AgentState::Backoff { .. } => Tint::Down,
            AgentState::Unknown { .. } | AgentState::Suspended => Tint::Unknown,
            AgentState::Stopped | AgentState::Finished => Tint::Rests,
        }
    }

    /// A sign that tells it without colour, one column wide.
    pub fn sign(self) -> &'static str {
        match self {
            Tint::Working => "●",
            Tint::Waiting => "◷",
            Tint::Idle => "○",
            Tint::Moving => "◌",
            Tint::Limited => "◐",
            Tint::Asks => "!",
            Tint::Held => "■",
            Tint::Down => "✖",
            Tint::Unknown => "?",
            Tint::Rests => "·",
        }
    }

    /// A word for the legend.
    pub fn word(self) -> &'static str {
        match self {
            Tint::Working => "working",
            Tint::Waiting => "waiting",
            Tint::Idle => "idle",
            Tint::Moving => "starting",
            Tint::Limited => "limited",
            Tint::Asks => "asks you",
            Tint::Held => "held",
            Tint::Down => "down",
            Tint::Unknown => "unknown",
            Tint::Rests => "at rest",
        }
    }
}

/// Who needs the operator first: 0 before 1 before 2 before 3. Within one rank agents stand as in the configuration, so that rows
/// do not jump while their agents work and wait in turn.
pub fn rank(state: &AgentState) -> u8 {
    match state {
        AgentState::Held { .. }
        | AgentState::AtDialog { .. }
        | AgentState::AuthFailed
        | AgentState::Limited { until: None } => 0,
        AgentState::Down | AgentState::Backoff { .. } | AgentState::Unknown { .. } | AgentState::Suspended => 1,
        AgentState::Limited { until: Some(_) }
        | AgentState::Working
        | AgentState::Waiting { .. }
        | AgentState::Idle
        | AgentState::Starting
        | AgentState::Stopping
        | AgentState::Retrying => 2,
        AgentState::Stopped | AgentState::Finished => 3,
    }
}
