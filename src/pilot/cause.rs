//! Why an agent was ended and what was wrong with it: words of records, and for ever like them.

use serde::{Deserialize, Serialize};

/// Why we ended an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    Operator,
    EmergencyStop,
    PhaseChange,
    SequenceComplete,
    Stall,
    /// The wait it announced is over, and so is the grace.
    LateMarker,
    Fatal,
    Poisoned,
    /// It never showed a composer.
    StartLimit,
    /// A finished or wedged job makes room for a new run.
    JobRun,
    /// The operator asked for a restart.
    Restart,
    /// It goes on under another account, or with its own after that was put right.
    Rerouted,
    /// What was left of one whose tmux server died. Only old logs hold it: the edge ends such processes before the next
    /// start, and they belong to no life that we still know as up.
    Survivor,
}

impl StopCause {
    /// Why, in words that follow "stopped:".
    pub fn words(self) -> &'static str {
        match self {
            StopCause::Operator => "the operator stopped it",
            StopCause::EmergencyStop => "emergency stop",
            StopCause::PhaseChange => "its phase is over",
            StopCause::SequenceComplete => "the sequence is complete",
            StopCause::Stall => "it stalled",
            StopCause::LateMarker => "it did not wake after its announced wait",
            StopCause::Fatal => "it showed a fatal error",
            StopCause::Poisoned => "its conversation was poisoned",
            StopCause::StartLimit => "it never became ready",
            StopCause::JobRun => "it makes room for a new run",
            StopCause::Restart => "the operator asked for a restart",
            StopCause::Rerouted => "it goes on under an account that can be used",
            StopCause::Survivor => "it outlived its tmux server",
        }
    }
}

/// What was wrong with an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Illness {
    /// Only old logs hold it: an end is told by [`super::record::Record::Exited`].
    Dead,
    Stalled,
    LateMarker,
    Fatal,
    Poisoned,
    NeverReady,
}

impl Illness {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Illness::Dead => "dead",
            Illness::Stalled => "stalled",
            Illness::LateMarker => "late marker",
            Illness::Fatal => "fatal error",
            Illness::Poisoned => "poisoned conversation",
            Illness::NeverReady => "never ready",
        }
    }
}
