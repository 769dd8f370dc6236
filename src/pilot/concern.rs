//! Whom one step concerns. What others do is decided already: they are waited for until their own deadline, or until something happens
//! that may change more than one agent's lot. So a step costs the same in a fleet of ten and of five hundred.
//!
//! A guess to the safe side: what is not known to be one agent's own affair concerns all.

use super::agent::Watch;
use super::event::Event;
use super::fact::Report;
use super::id::AgentId;
use super::record::Record;
use super::state::State;
use super::time::Time;

/// Who has to be decided anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Concern {
    All,
    /// This agent, and whose deadline is over.
    One(AgentId),
    /// Whose deadline is over.
    Due,
}

impl Concern {
    /// Whom an event concerns, before it is noted.
    pub(super) fn of(event: &Event, state: &State) -> Concern {
        match event {
            Event::TimePassed => Concern::Due,
            Event::ScreenChanged { agent, .. } | Event::Looked { agent, .. } => Concern::One(agent.clone()),
            Event::Reported { agent, report, .. } if is_own_report(report) => Concern::One(agent.clone()),
            Event::EffectFinished { id, .. } => {
                let agent = state.orders.get(id).and_then(|(agent, _)| agent.clone());
                agent.map_or(Concern::All, Concern::One)
            }
            Event::Reported { .. }
            | Event::Hiccuped(_)
            | Event::TmuxAnswered { .. }
            | Event::TmuxSilent { .. }
            | Event::TmuxGone
            | Event::PaneDied { .. }
            | Event::Searched { .. }
            | Event::Probed { .. }
            | Event::Sought { .. }
            | Event::Vetted { .. }
            | Event::PushSeen(_)
            | Event::WatchFailed { .. }
            | Event::StatusRead { .. }
            | Event::Asked { .. }
            | Event::ConfigLoaded
            | Event::PremisesSeen(_)
            | Event::ConfigRefused { .. } => Concern::All,
        }
    }

    /// Whether this agent is decided now.
    pub(super) fn takes(&self, id: &AgentId, watch: Option<&Watch>, now: Time) -> bool {
        match self {
            Concern::All => true,
            Concern::One(one) if one == id => true,
            Concern::One(_) | Concern::Due => {
                watch.is_none_or(|watch| watch.next().is_some_and(|(due, _)| *due <= now))
            }
        }
    }
}

/// Whether what was recorded changes nobody's lot but the agent's that it is about.
pub(super) fn is_own_affair(record: &Record, decided: impl Fn(&AgentId) -> bool) -> bool {
    let own = match record {
        Record::Ordered { agent, .. } => agent.is_some(),
        Record::Done { .. }
        | Record::Failed { .. }
        | Record::StateChanged { .. }
        | Record::MarkerSeen { .. }
        | Record::Found { .. }
        | Record::Alerted { .. }
        | Record::ConversationSeen { .. }
        | Record::SettingsSeen { .. }
        | Record::MessageQueued { .. }
        | Record::MessageMoved { .. } => true,
        Record::EngineStarted { .. }
        | Record::ConfigLoaded { .. }
        | Record::ConfigRefused { .. }
        | Record::Hiccuped { .. }
        | Record::ServerUp { .. }
        | Record::ServerSilent { .. }
        | Record::ServerLost
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::EmergencyStopped { .. }
        | Record::Wished { .. }
        | Record::Started { .. }
        // Others may wait for it: those that attach to its server.
        | Record::Ready { .. }
        | Record::Exited { .. }
        | Record::Stopped { .. }
        | Record::BackedOff { .. }
        | Record::StartDelayed { .. }
        | Record::Held { .. }
        | Record::Released { .. }
        // Who works on the same account is limited too.
        | Record::LimitReached { .. }
        | Record::LimitLifted { .. }
        | Record::SightLost { .. }
        | Record::SightRegained { .. }
        | Record::Quarantined { .. }
        | Record::MassDeath { .. }
        | Record::JobStarted { .. }
        | Record::JobFinished { .. }
        // The budget may be that of an account.
        | Record::Used { .. }
        | Record::Routed { .. }
        | Record::AccountRefused { .. }
        | Record::AccountMended { .. }
        | Record::AccountProbed { .. }
        | Record::Baseline { .. }
        | Record::HandoffSeen { .. }
        | Record::InboxSeen { .. }
        | Record::WatchBroken { .. }
        | Record::WatchMended
        | Record::SequenceSet { .. }
        | Record::PhaseEntered { .. }
        | Record::PhaseSuspended { .. }
        | Record::PhaseDone { .. }
        | Record::PhaseDoneUnpushed { .. }
        | Record::PhaseBlocked { .. }
        | Record::PhaseUnblocked { .. }
        | Record::SequenceCompleted
        | Record::SequenceReopened => false,
    };
    own && record.agent().is_none_or(decided)
}

/// What an agent says of its turn. What it used counts for its account's budget, its conversation, its failures and how it can be
/// reached for others.
fn is_own_report(report: &Report) -> bool {
    match report {
        Report::TurnBegan
        | Report::PromptSubmitted { .. }
        | Report::PromptRecorded { .. }
        | Report::TurnEnded { .. }
        | Report::Compacting
        | Report::State { .. }
        | Report::Version { .. }
        | Report::Gauges { .. } => true,
        Report::SessionStarted { .. } | Report::TurnFailed { .. } | Report::Reachable { .. } | Report::Used { .. } => {
            false
        }
    }
}
