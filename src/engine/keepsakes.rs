//! Which screens are kept: an agent's newest one with each record that tells a decision about it or a change of it.
//!
//! A screen that equals the last one kept is not kept again, and with mere changes of state one a minute is enough:
//! a restless agent goes to and fro without end. Decisions are bounded by their own budgets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::edge::store::screens::{self, ScreenRow, ScreensKeeper};
use crate::pilot::event::Event;
use crate::pilot::fact::{Screen, Stamp};
use crate::pilot::id::AgentId;
use crate::pilot::message::Stage;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

/// Between two screens kept of one agent for changes of its state.
const CHANGES: Duration = Duration::from_secs(60);

/// The newest screens, and what was kept of them.
pub(super) struct Keepsakes {
    keeper: ScreensKeeper,
    newest: BTreeMap<AgentId, Arc<Screen>>,
    kept: BTreeMap<AgentId, (Time, Arc<Screen>)>,
}

/// How much a record asks for the screen it was made at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// Not at all.
    None,
    /// Where none was kept for a while.
    Change,
    Decision,
}

impl Keepsakes {
    pub(super) fn new(state_dir: &Path) -> Self {
        let keeper = ScreensKeeper::new(state_dir.join(screens::NAME));
        Keepsakes { keeper, newest: BTreeMap::new(), kept: BTreeMap::new() }
    }

    /// Takes note of the screens of a round, before it is stepped: a death takes the pilot's own memory of them along.
    pub(super) fn see(&mut self, event: &Event) {
        match event {
            Event::ScreenChanged { agent, screen, .. } | Event::PaneDied { agent, last: Some(screen), .. } => {
                self.newest.insert(agent.clone(), Arc::clone(screen));
            }
            Event::Looked { agent, look, .. } => {
                if let Some(screen) = &look.screen {
                    self.newest.insert(agent.clone(), Arc::clone(screen));
                }
            }
            Event::TimePassed
            | Event::Hiccuped(_)
            | Event::TmuxAnswered { .. }
            | Event::TmuxSilent { .. }
            | Event::TmuxGone
            | Event::PaneDied { last: None, .. }
            | Event::Searched { .. }
            | Event::Probed { .. }
            | Event::Sought { .. }
            | Event::Vetted { .. }
            | Event::Reported { .. }
            | Event::PushSeen(_)
            | Event::WatchFailed { .. }
            | Event::StatusRead { .. }
            | Event::EffectFinished { .. }
            | Event::Asked { .. }
            | Event::ConfigLoaded
            | Event::PremisesSeen(_)
            | Event::ConfigRefused { .. } => {}
        }
    }

    /// Keeps the screens that go with these records; those from before `oldest` may be forgotten.
    pub(super) fn keep(&mut self, records: &[(Stamp, Record)], oldest: Time) {
        let rows = records.iter().filter_map(|(stamp, record)| self.row(*stamp, record)).collect();
        self.keeper.keep(rows, oldest);
    }

    fn row(&mut self, stamp: Stamp, record: &Record) -> Option<ScreenRow> {
        let worth = worth(record);
        let agent = record.agent().filter(|_| worth != Worth::None)?;
        let screen = self.newest.get(agent)?;
        if let Some((at, kept)) = self.kept.get(agent)
            && (kept.lines == screen.lines || (worth == Worth::Change && stamp.at.since(*at) < CHANGES))
        {
            return None;
        }
        self.kept.insert(agent.clone(), (stamp.at, Arc::clone(screen)));
        Some(ScreenRow { agent: agent.clone(), at: stamp.at, seq: stamp.seq, lines: screen.lines.clone() })
    }
}

fn worth(record: &Record) -> Worth {
    match record {
        Record::StateChanged { .. } => Worth::Change,
        Record::Found { .. }
        | Record::Stopped { .. }
        | Record::Exited { .. }
        | Record::Held { .. }
        | Record::LimitReached { .. }
        | Record::AccountRefused { .. }
        | Record::SightLost { .. }
        | Record::Alerted { agent: Some(_), .. } => Worth::Decision,
        Record::MessageMoved { stage, .. } => of_stage(stage),
        Record::Alerted { agent: None, .. }
        | Record::EngineStarted { .. }
        | Record::ConfigLoaded { .. }
        | Record::ConfigRefused { .. }
        | Record::Hiccuped { .. }
        | Record::ServerUp { .. }
        | Record::ServerSilent { .. }
        | Record::ServerLost
        | Record::Paused { .. }
        | Record::Resumed { .. }
        | Record::EmergencyStopped { .. }
        | Record::Ordered { .. }
        | Record::Done { .. }
        | Record::Failed { .. }
        | Record::Wished { .. }
        | Record::Started { .. }
        | Record::Ready { .. }
        | Record::MarkerSeen { .. }
        | Record::BackedOff { .. }
        | Record::StartDelayed { .. }
        | Record::Released { .. }
        | Record::LimitLifted { .. }
        | Record::SightRegained { .. }
        | Record::Quarantined { .. }
        | Record::ConversationSeen { .. }
        | Record::SettingsSeen { .. }
        | Record::MassDeath { .. }
        | Record::JobStarted { .. }
        | Record::JobFinished { .. }
        | Record::Used { .. }
        | Record::Routed { .. }
        | Record::AccountMended { .. }
        | Record::AccountProbed { .. }
        | Record::MessageQueued { .. }
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
        | Record::SequenceReopened => Worth::None,
    }
}

fn of_stage(stage: &Stage) -> Worth {
    match stage {
        Stage::Uncertain { .. } | Stage::TypedNotSubmitted => Worth::Decision,
        Stage::Queued { .. }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. }
        | Stage::Submitted { .. }
        | Stage::Refused { .. }
        | Stage::Expired { .. } => Worth::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::id::Incarnation;
    use crate::pilot::record::AgentState;

    fn agent() -> AgentId {
        AgentId::parse("a").expect("a name")
    }

    fn show(keepsakes: &mut Keepsakes, line: &str) {
        let screen = Arc::new(Screen { lines: vec![line.to_string()], ..Screen::default() });
        keepsakes.see(&Event::ScreenChanged { agent: agent(), incarnation: Incarnation(1), screen, taken: 1 });
    }

    fn kept(keepsakes: &mut Keepsakes, at: i64, record: &Record) -> Option<String> {
        keepsakes.row(Stamp { seq: 1, at: Time(at) }, record).map(|row| row.lines.concat())
    }

    #[test]
    fn decisions_are_kept_once_each_and_changes_once_a_minute() {
        let mut keepsakes = Keepsakes::new(Path::new("/nowhere"));
        let changed = Record::StateChanged { agent: agent(), state: AgentState::Idle, why: String::new() };
        let held =
            Record::Held { agent: agent(), cause: String::new(), evidence: Vec::new(), spent: false, until: None };
        assert_eq!(kept(&mut keepsakes, 0, &held), None);
        for (at, line, record, keeps) in [
            (0, "one", &changed, true),
            (90_000, "one", &changed, false),
            (90_000, "two", &changed, true),
            (91_000, "three", &changed, false),
            (92_000, "three", &Record::Ready { agent: agent() }, false),
            (93_000, "three", &held, true),
            (94_000, "three", &held, false),
            (95_000, "four", &held, true),
            (154_999, "five", &changed, false),
            (155_000, "five", &changed, true),
        ] {
            show(&mut keepsakes, line);
            assert_eq!(kept(&mut keepsakes, at, record).is_some(), keeps, "{at} {line}");
        }
    }
}
