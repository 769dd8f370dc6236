//! What kind of news a record is, and what it rests on.

use crate::pilot::message::Stage;
use crate::pilot::record::{AgentState, Order, Record, StopCause};
use crate::pilot::standing::Verdict;

/// What colours and signs tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Something is wrong.
    Trouble,
    /// Something waits, or may go wrong.
    Warning,
    /// Something is well again.
    Relief,
    Message,
    /// What was ordered and what came of it; rarely read.
    Order,
    Branch,
    Phase,
    /// What an agent does.
    Doing,
    /// The engine and its surroundings.
    Engine,
}

impl News {
    /// What kind of news this record is.
    pub fn of(record: &Record) -> Self {
        match record {
            Record::Failed { .. }
            | Record::Exited { .. }
            | Record::Found { .. }
            | Record::Held { .. }
            | Record::MassDeath { .. }
            | Record::Alerted { .. }
            | Record::Quarantined { .. }
            | Record::ServerLost
            | Record::ServerSilent { .. }
            | Record::ConfigRefused { .. }
            | Record::WatchBroken { .. }
            | Record::SightLost { .. }
            | Record::AccountRefused { .. }
            | Record::PhaseBlocked { .. }
            | Record::EmergencyStopped { .. } => News::Trouble,
            Record::BackedOff { .. }
            | Record::StartDelayed { .. }
            | Record::LimitReached { .. }
            | Record::Hiccuped { .. }
            | Record::Paused { .. }
            | Record::PhaseDoneUnpushed { .. } => News::Warning,
            Record::Started { .. }
            | Record::Ready { .. }
            | Record::Released { .. }
            | Record::LimitLifted { .. }
            | Record::SightRegained { .. }
            | Record::AccountMended { .. }
            | Record::WatchMended
            | Record::Resumed { .. }
            | Record::ServerUp { .. }
            | Record::PhaseUnblocked { .. }
            | Record::JobFinished { .. }
            | Record::SequenceCompleted => News::Relief,
            Record::StateChanged { state, .. } => News::of_state(state),
            Record::Stopped { cause, .. } => News::of_stop(*cause),
            Record::MessageMoved { stage, .. } => News::of_stage(stage),
            Record::Ordered { .. } | Record::Done { .. } | Record::ConversationSeen { .. } => News::Order,
            Record::MessageQueued { .. } => News::Message,
            Record::Baseline { .. } | Record::HandoffSeen { .. } | Record::InboxSeen { .. } => News::Branch,
            Record::SequenceSet { .. }
            | Record::PhaseEntered { .. }
            | Record::PhaseSuspended { .. }
            | Record::PhaseDone { .. }
            | Record::SequenceReopened => News::Phase,
            Record::AccountProbed { verdict, .. } => News::of_verdict(verdict),
            Record::Wished { .. }
            | Record::MarkerSeen { .. }
            | Record::JobStarted { .. }
            | Record::Used { .. }
            | Record::Routed { .. }
            | Record::SettingsSeen { .. } => News::Doing,
            Record::EngineStarted { .. } | Record::ConfigLoaded { .. } => News::Engine,
        }
    }

    fn of_state(state: &AgentState) -> Self {
        match state {
            AgentState::Held { .. } | AgentState::AtDialog { .. } | AgentState::AuthFailed | AgentState::Down => {
                News::Trouble
            }
            AgentState::Limited { .. }
            | AgentState::Backoff { .. }
            | AgentState::Retrying
            | AgentState::Suspended
            | AgentState::Unknown { .. } => News::Warning,
            AgentState::Stopped
            | AgentState::Starting
            | AgentState::Idle
            | AgentState::Working
            | AgentState::Waiting { .. }
            | AgentState::Finished
            | AgentState::Stopping => News::Doing,
        }
    }

    fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Good => News::Order,
            Verdict::Refused { .. } => News::Trouble,
            Verdict::Limited { .. } | Verdict::Unknown { .. } => News::Warning,
        }
    }

    fn of_stop(cause: StopCause) -> Self {
        match cause {
            StopCause::Stall
            | StopCause::LateMarker
            | StopCause::Fatal
            | StopCause::Poisoned
            | StopCause::StartLimit
            | StopCause::Survivor => News::Warning,
            StopCause::Operator
            | StopCause::EmergencyStop
            | StopCause::PhaseChange
            | StopCause::SequenceComplete
            | StopCause::JobRun
            | StopCause::Restart
            | StopCause::Rerouted => News::Doing,
        }
    }

    fn of_stage(stage: &Stage) -> Self {
        match stage {
            Stage::Uncertain { .. } | Stage::TypedNotSubmitted | Stage::Refused { .. } | Stage::Expired { .. } => {
                News::Warning
            }
            Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } | Stage::Submitted { .. } => {
                News::Message
            }
        }
    }

    /// A sign that tells it without colour, one column wide.
    pub fn sign(self) -> &'static str {
        match self {
            News::Trouble => "✖",
            News::Warning => "▲",
            News::Relief => "✔",
            News::Message => "✉",
            News::Order => "→",
            News::Branch => "◆",
            News::Phase => "▶",
            News::Doing => "●",
            News::Engine => "·",
        }
    }
}

/// What the record rests on: lines of a screen, of an error, of a message. Most records have none.
pub fn evidence(record: &Record) -> Vec<String> {
    match record {
        Record::Found { evidence, .. } | Record::Held { evidence, .. } | Record::SightLost { evidence, .. } => {
            evidence.clone()
        }
        Record::Exited { last, .. } => last.clone(),
        Record::Stopped { left, .. } => {
            left.iter().map(|(pid, name)| format!("process {pid} was left: {name}")).collect()
        }
        Record::ConfigRefused { problems } => problems.clone(),
        Record::MessageQueued { message } => message.text.lines().map(str::to_string).collect(),
        Record::StateChanged { why, .. }
        | Record::StartDelayed { why, .. }
        | Record::Quarantined { why, .. }
        | Record::ServerSilent { why }
        | Record::Failed { why, .. }
        | Record::WatchBroken { why }
        | Record::PhaseBlocked { why, .. } => one(why),
        Record::LimitReached { text: why, .. } | Record::BackedOff { cause: why, .. } => one(why),
        Record::AccountRefused { why, .. } => one(why),
        Record::Routed { why, fresh, .. } => one(why).into_iter().chain(fresh.clone()).collect(),
        Record::AccountProbed { verdict, .. } => match verdict {
            Verdict::Good => Vec::new(),
            Verdict::Refused { why } | Verdict::Unknown { why } | Verdict::Limited { text: why, .. } => one(why),
        },
        Record::MarkerSeen { flaw, .. } => flaw.iter().cloned().collect(),
        Record::MessageMoved { stage, .. } => of_stage(stage),
        Record::Ordered { order, .. } => of_order(order),
        Record::SettingsSeen { settings, .. } => {
            settings.iter().map(|setting| format!("{} {}", setting.digest, setting.words())).collect()
        }
        Record::EngineStarted { .. }
        | Record::ConfigLoaded { .. }
        | Record::Hiccuped { .. }
        | Record::ServerUp { .. }
        | Record::ServerLost
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::EmergencyStopped { .. }
        | Record::Done { .. }
        | Record::Wished { .. }
        | Record::Started { .. }
        | Record::Ready { .. }
        | Record::Released { .. }
        | Record::LimitLifted { .. }
        | Record::SightRegained { .. }
        | Record::ConversationSeen { .. }
        | Record::MassDeath { .. }
        | Record::Alerted { .. }
        | Record::JobStarted { .. }
        | Record::JobFinished { .. }
        | Record::Used { .. }
        | Record::AccountMended { .. }
        | Record::Baseline { .. }
        | Record::HandoffSeen { .. }
        | Record::InboxSeen { .. }
        | Record::WatchMended
        | Record::SequenceSet { .. }
        | Record::PhaseEntered { .. }
        | Record::PhaseSuspended { .. }
        | Record::PhaseDone { .. }
        | Record::PhaseDoneUnpushed { .. }
        | Record::PhaseUnblocked { .. }
        | Record::SequenceCompleted
        | Record::SequenceReopened => Vec::new(),
    }
}

fn of_order(order: &Order) -> Vec<String> {
    match order {
        Order::Stop { cause } => one(cause.words()),
        Order::StartServer
        | Order::Start { .. }
        | Order::Paste { .. }
        | Order::Post { .. }
        | Order::Submit { .. }
        | Order::Write { .. } => Vec::new(),
    }
}

fn of_stage(stage: &Stage) -> Vec<String> {
    match stage {
        Stage::Submitted { evidence: why }
        | Stage::Queued { why: Some(why) }
        | Stage::Uncertain { why }
        | Stage::Refused { why }
        | Stage::Expired { why } => one(why),
        Stage::Queued { why: None }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. }
        | Stage::TypedNotSubmitted => Vec::new(),
    }
}

fn one(line: &str) -> Vec<String> {
    if line.is_empty() { Vec::new() } else { vec![line.to_string()] }
}
