//! Everything we remember. The state is the fold of all records; nothing else changes its durable part. The format is
//! for ever: fields are added with a default, variants are never renamed (`tests/old_records.rs` keeps old logs).

use serde::{Deserialize, Serialize};

use crate::config::prices::Billing;

use super::effect::OwnFile;
use super::fact::{Exit, Handoff, Identity, Place, Server, Setting};
use super::id::{AccountId, AgentId, EffectId, Incarnation, MessageId, PhaseId, Sha};
use super::message::{Message, Stage};
use super::standing::Verdict;
use super::time::Time;
use super::usage::{Spent, TurnEnd};

pub use super::cause::{Illness, StopCause};
pub use super::hiccup::HiccupNote;

/// One remembered fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    // -- the engine ------------------------------------------------------------------------------------------------
    /// An engine took charge. `seed` feeds all jitter until the next one.
    EngineStarted {
        epoch: u64,
        pid: u32,
        version: String,
        seed: u64,
        /// Of this machine; records of earlier versions don't tell.
        #[serde(default)]
        host: String,
    },
    ConfigLoaded {
        digest: String,
    },
    ConfigRefused {
        problems: Vec<String>,
    },
    Hiccuped {
        what: HiccupNote,
    },
    ServerUp {
        server: Server,
    },
    ServerSilent {
        why: String,
    },
    ServerLost,
    Paused {
        by: Actor,
    },
    Resumed {
        by: Actor,
    },
    EmergencyStopped {
        by: Actor,
    },
    // -- intents ---------------------------------------------------------------------------------------------------
    /// Written before the effect leaves.
    Ordered {
        id: EffectId,
        agent: Option<AgentId>,
        order: Order,
        epoch: u64,
    },
    Done {
        id: EffectId,
    },
    Failed {
        id: EffectId,
        why: String,
    },
    // -- agents ----------------------------------------------------------------------------------------------------
    /// What the operator wants; lasts.
    Wished {
        agent: AgentId,
        wish: Wish,
        by: Actor,
    },
    Started {
        agent: AgentId,
        incarnation: Incarnation,
        place: Place,
        process: Identity,
        phase: Option<PhaseId>,
        conversation: Option<String>,
    },
    /// Its composer was seen for the first time in this life.
    Ready {
        agent: AgentId,
    },
    /// Its process ended by itself.
    Exited {
        agent: AgentId,
        exit: Exit,
        last: Vec<String>,
    },
    /// We ended it. `left`: what survived.
    Stopped {
        agent: AgentId,
        cause: StopCause,
        left: Vec<(u32, String)>,
    },
    /// What it is doing, in words; for people and timelines.
    StateChanged {
        agent: AgentId,
        state: AgentState,
        why: String,
    },
    MarkerSeen {
        agent: AgentId,
        until: Time,
        flaw: Option<String>,
    },
    /// Why an agent is about to be ended or was found ill, with what was seen.
    Found {
        agent: AgentId,
        illness: Illness,
        evidence: Vec<String>,
    },
    /// The next start waits.
    BackedOff {
        agent: AgentId,
        until: Time,
        deaths: u32,
        cause: String,
    },
    /// A start that can't be made just now; no death, no budget.
    StartDelayed {
        agent: AgentId,
        until: Time,
        why: String,
    },
    /// `spent`: the death at this very time spent its restart budget.
    Held {
        agent: AgentId,
        cause: String,
        evidence: Vec<String>,
        #[serde(default)]
        spent: bool,
        /// It is released by itself then.
        #[serde(default)]
        until: Option<Time>,
    },
    Released {
        agent: AgentId,
        by: Actor,
    },
    LimitReached {
        agent: AgentId,
        until: Option<Time>,
        text: String,
    },
    LimitLifted {
        agent: AgentId,
    },
    /// No rule explains `unclear` of its last `screens` different screens: it is observed only.
    SightLost {
        agent: AgentId,
        unclear: u32,
        screens: u32,
        evidence: Vec<String>,
    },
    /// It is acted on again.
    SightRegained {
        agent: AgentId,
        by: Actor,
    },
    /// A conversation that must never be resumed.
    Quarantined {
        agent: AgentId,
        conversation: Option<String>,
        why: String,
    },
    ConversationSeen {
        agent: AgentId,
        conversation: String,
    },
    /// The settings that its folder brings along are others than before: these.
    SettingsSeen {
        agent: AgentId,
        backend: String,
        settings: Vec<Setting>,
    },
    MassDeath {
        agents: Vec<AgentId>,
        until: Time,
    },
    Alerted {
        agent: Option<AgentId>,
        what: String,
    },
    JobStarted {
        agent: AgentId,
        by: Actor,
    },
    JobFinished {
        agent: AgentId,
    },
    /// What a turn used, by model: one record a turn, and one more where it goes on over midnight (UTC).
    Used {
        agent: AgentId,
        phase: Option<PhaseId>,
        /// When its first answer was told.
        since: Time,
        ended: TurnEnd,
        spent: Vec<Spent>,
        billing: Billing,
        /// The newest answer's time by the program's own clock: what is not newer is counted.
        counted_to: Option<Time>,
        /// On which it was used; `None`: none is known.
        #[serde(default)]
        account: Option<AccountId>,
    },
    // -- accounts --------------------------------------------------------------------------------------------------
    /// From its next start on an agent works so; `why`: what was passed over. `fresh`: why its conversation stays behind.
    Routed {
        agent: AgentId,
        backend: String,
        account: Option<AccountId>,
        model: String,
        why: String,
        fresh: Option<String>,
    },
    /// Its provider does not let it in. `agent`: who ran into it.
    AccountRefused {
        account: AccountId,
        agent: AgentId,
        why: String,
    },
    /// It may be used again.
    AccountMended {
        account: AccountId,
        by: Actor,
    },
    /// A tiny real call on it, and what that used.
    AccountProbed {
        account: AccountId,
        backend: String,
        /// Tells versions of the program apart.
        version: String,
        verdict: Verdict,
        spent: Vec<Spent>,
        billing: Billing,
    },
    // -- messages --------------------------------------------------------------------------------------------------
    MessageQueued {
        message: Message,
    },
    MessageMoved {
        message: MessageId,
        agent: AgentId,
        stage: Stage,
    },
    // -- the watched branch ----------------------------------------------------------------------------------------
    Baseline {
        remote: String,
        branch: String,
        sha: Sha,
        why: BaselineWhy,
    },
    /// A handoff commit was taken note of; with whom it pings. Never again for the same commit (fault M11).
    HandoffSeen {
        remote: String,
        branch: String,
        sha: Sha,
        handoff: Handoff,
        targets: Vec<AgentId>,
        /// Who the commit says that it is by.
        #[serde(default)]
        by: String,
    },
    InboxSeen {
        remote: String,
        branch: String,
        sha: Sha,
        agent: AgentId,
        entries: u32,
    },
    WatchBroken {
        why: String,
    },
    WatchMended,
    // -- phases ----------------------------------------------------------------------------------------------------
    SequenceSet {
        phases: Vec<PhaseId>,
        by: Actor,
    },
    /// `stale_done`: its pushed status file said done already; that DONE is not its own and ends nothing.
    PhaseEntered {
        phase: PhaseId,
        #[serde(default)]
        stale_done: bool,
    },
    /// Another phase was put before it; it goes on after that.
    PhaseSuspended {
        phase: PhaseId,
    },
    PhaseDone {
        phase: PhaseId,
        by: Actor,
    },
    /// A local DONE waits for its push.
    PhaseDoneUnpushed {
        phase: PhaseId,
        since: Time,
    },
    PhaseBlocked {
        phase: PhaseId,
        why: String,
    },
    PhaseUnblocked {
        phase: PhaseId,
    },
    SequenceCompleted,
    SequenceReopened,
}

/// What was ordered, in as many words as a later look needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    StartServer,
    Start { incarnation: Incarnation, phase: Option<PhaseId>, conversation: Option<String> },
    Stop { cause: StopCause },
    Paste { message: MessageId },
    Submit { message: MessageId },
    Post { message: MessageId },
    Write { what: OwnFile },
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Operator,
    /// flightdeck's own rules.
    Pilot,
    /// The configuration file.
    Config,
    /// The pushed branch.
    Branch,
    Schedule,
}

/// What the operator wants of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Running,
    #[default]
    Stopped,
}

/// What an agent is doing, as shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AgentState {
    Stopped,
    Starting,
    /// Its composer is empty and no turn runs.
    Idle,
    Working,
    Waiting {
        until: Time,
    },
    Limited {
        until: Option<Time>,
    },
    AuthFailed,
    AtDialog {
        dialog: String,
    },
    Retrying,
    Suspended,
    Backoff {
        until: Time,
    },
    Held {
        cause: String,
    },
    Finished,
    Stopping,
    Down,
    Unknown {
        why: String,
    },
}

/// Why a branch position was taken without pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineWhy {
    FirstSight,
    Pushed,
    Rewritten,
    PhaseChange,
}

impl Record {
    /// Its name in the log, as in its JSON.
    pub fn kind(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("kind").and_then(serde_json::Value::as_str).unwrap_or_default().to_string()
    }

    /// Names of all kinds, in the order of this file.
    pub fn kinds() -> Vec<String> {
        // Serde lists them in its own complaint, so that no second list has to be kept in step.
        let complaint = serde_json::from_value::<Record>(serde_json::json!({ "kind": "" })).err();
        let complaint = complaint.map_or(String::new(), |error| error.to_string());
        complaint.split('`').skip(3).step_by(2).map(str::to_string).collect()
    }

    /// It only tells what was; the state is the same without it. Such records are dropped when they are old.
    pub fn is_history(&self) -> bool {
        matches!(
            self,
            Record::ConfigRefused { .. }
                | Record::Hiccuped { .. }
                | Record::ServerSilent { .. }
                | Record::StateChanged { .. }
                | Record::MarkerSeen { .. }
                | Record::Found { .. }
                | Record::Alerted { .. }
        )
    }

    /// The agent it is about, if any: the log's index and every filter use it.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Record::Wished { agent, .. }
            | Record::Started { agent, .. }
            | Record::Ready { agent }
            | Record::Exited { agent, .. }
            | Record::Stopped { agent, .. }
            | Record::StateChanged { agent, .. }
            | Record::MarkerSeen { agent, .. }
            | Record::Found { agent, .. }
            | Record::BackedOff { agent, .. }
            | Record::StartDelayed { agent, .. }
            | Record::Held { agent, .. }
            | Record::Released { agent, .. }
            | Record::LimitReached { agent, .. }
            | Record::LimitLifted { agent }
            | Record::SightLost { agent, .. }
            | Record::SightRegained { agent, .. }
            | Record::Quarantined { agent, .. }
            | Record::ConversationSeen { agent, .. }
            | Record::SettingsSeen { agent, .. }
            | Record::JobStarted { agent, .. }
            | Record::JobFinished { agent }
            | Record::Used { agent, .. }
            | Record::Routed { agent, .. }
            | Record::AccountRefused { agent, .. }
            | Record::MessageMoved { agent, .. }
            | Record::InboxSeen { agent, .. } => Some(agent),
            Record::MessageQueued { message } => Some(&message.agent),
            Record::Ordered { agent, .. } | Record::Alerted { agent, .. } => agent.as_ref(),
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
            | Record::AccountMended { .. }
            | Record::AccountProbed { .. }
            | Record::Done { .. }
            | Record::Failed { .. }
            | Record::MassDeath { .. }
            | Record::Baseline { .. }
            | Record::HandoffSeen { .. }
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
            | Record::SequenceReopened => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_name_that_its_json_has() {
        assert_eq!(Record::SequenceCompleted.kind(), "sequence_completed");
        let alerted = Record::Alerted { agent: None, what: String::new() };
        let kinds = Record::kinds();
        assert!(kinds.contains(&alerted.kind()), "{kinds:?}");
        assert_eq!(kinds.first().map(String::as_str), Some("engine_started"));
    }
}
