//! What was asked of the engine and has not shown in a record yet. Nothing is drawn as done before its record comes.

use crate::pilot::command::Command;
use crate::pilot::id::AgentId;
use crate::pilot::record::{Order, Record, Wish};
use crate::pilot::time::Time;

/// One command on its way.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Number of the question on the link; `None`: not sent yet.
    pub ask: Option<u64>,
    pub command: Command,
    pub at: Time,
    /// The engine has accepted it.
    pub accepted: bool,
}

impl Asked {
    /// A command that goes out now.
    pub fn new(command: Command, at: Time) -> Self {
        Asked { ask: None, command, at, accepted: false }
    }

    /// The agent it is about.
    pub fn agent(&self) -> Option<&AgentId> {
        agent_of(&self.command)
    }

    /// Does this record show that it was done? Only records after the asking come here.
    pub fn is_shown_by(&self, record: &Record) -> bool {
        let same = record.agent().is_some() && record.agent() == self.agent();
        match &self.command {
            Command::Start { .. } => {
                same && matches!(
                    record,
                    Record::Ordered { order: Order::Start { .. }, .. } | Record::Wished { wish: Wish::Running, .. }
                )
            }
            Command::Stop { .. } => {
                same && matches!(
                    record,
                    Record::Ordered { order: Order::Stop { .. }, .. } | Record::Wished { wish: Wish::Stopped, .. }
                )
            }
            Command::Restart { .. } => same && matches!(record, Record::Ordered { .. }),
            Command::Send { .. } | Command::Ping { .. } => same && matches!(record, Record::MessageQueued { .. }),
            Command::Hold { .. } => same && matches!(record, Record::Held { .. }),
            Command::Release { .. } => same && matches!(record, Record::Released { .. }),
            Command::RunJob { .. } => same && matches!(record, Record::JobStarted { .. }),
            Command::Pause => matches!(record, Record::Paused { .. }),
            Command::Resume => matches!(record, Record::Resumed { .. }),
            Command::EmergencyStop => matches!(record, Record::EmergencyStopped { .. }),
            Command::PhaseNext => matches!(record, Record::PhaseDone { .. }),
            Command::PhaseGoto { .. } => matches!(record, Record::PhaseEntered { .. }),
            Command::PhaseAppend { .. } | Command::PhaseInsert { .. } | Command::PhaseRemove { .. } => {
                matches!(record, Record::SequenceSet { .. })
            }
            Command::Drop { message } | Command::Retry { message } => {
                let moved = matches!(record, Record::MessageMoved { message: moved, .. } if moved == message);
                moved || matches!((&self.command, record), (Command::Retry { .. }, Record::MessageQueued { .. }))
            }
            Command::Probe { .. } => matches!(record, Record::AccountProbed { .. }),
            Command::Reload => matches!(record, Record::ConfigLoaded { .. } | Record::ConfigRefused { .. }),
            Command::Status | Command::Shutdown => false,
        }
    }

    /// `restart builder`, for the screen.
    pub fn words(&self) -> String {
        words(&self.command)
    }
}

/// The agent a command is about.
pub fn agent_of(command: &Command) -> Option<&AgentId> {
    match command {
        Command::Start { agent }
        | Command::Stop { agent }
        | Command::Restart { agent, .. }
        | Command::Send { agent, .. }
        | Command::Ping { agent }
        | Command::Hold { agent, .. }
        | Command::Release { agent }
        | Command::RunJob { agent, .. } => Some(agent),
        Command::Status
        | Command::Pause
        | Command::Resume
        | Command::EmergencyStop
        | Command::PhaseNext
        | Command::PhaseGoto { .. }
        | Command::PhaseAppend { .. }
        | Command::PhaseInsert { .. }
        | Command::PhaseRemove { .. }
        | Command::Drop { .. }
        | Command::Retry { .. }
        | Command::Probe { .. }
        | Command::Reload
        | Command::Shutdown => None,
    }
}

fn words(command: &Command) -> String {
    match command {
        Command::Status => "status".to_string(),
        Command::Start { agent } => format!("start {agent}"),
        Command::Stop { agent } => format!("stop {agent}"),
        Command::Restart { agent, fresh: false } => format!("restart {agent}"),
        Command::Restart { agent, fresh: true } => format!("restart {agent} fresh"),
        Command::Send { agent, .. } => format!("message to {agent}"),
        Command::Ping { agent } => format!("ping {agent}"),
        Command::Hold { agent, .. } => format!("hold {agent}"),
        Command::Release { agent } => format!("release {agent}"),
        Command::Pause => "pause".to_string(),
        Command::Resume => "resume".to_string(),
        Command::EmergencyStop => "emergency stop".to_string(),
        Command::PhaseNext => "next phase".to_string(),
        Command::PhaseGoto { phase } => format!("go to phase {phase}"),
        Command::PhaseAppend { phase } => format!("append phase {phase}"),
        Command::PhaseInsert { phase, .. } => format!("insert phase {phase}"),
        Command::PhaseRemove { phase } => format!("remove phase {phase}"),
        Command::RunJob { agent, .. } => format!("run {agent}"),
        Command::Drop { message } => format!("drop {message}"),
        Command::Retry { message } => format!("retry {message}"),
        Command::Probe { .. } => "accounts".to_string(),
        Command::Reload => "reload".to_string(),
        Command::Shutdown => "end the engine".to_string(),
    }
}
