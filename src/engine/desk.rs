//! What the loop works with: the state, the rules, and the ends of all channels. Everything here is called from the one
//! loop; nothing is shared.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::config::model::Config;
#[cfg(debug_assertions)]
use crate::edge::failpoint::{self, When};
use crate::edge::link::{Asked, Link, Peep, Reply};
use crate::edge::lock::Lock;
use crate::edge::perform::Hands;
use crate::edge::store::scribe::{Scribe, Written};
use crate::edge::{channel, clock, workspace};
use crate::pilot::agent::Life;
use crate::pilot::command::{Answer, Command};
use crate::pilot::effect::{Effect, Outcome as EffectOutcome};
use crate::pilot::event::{Ask, Event};
use crate::pilot::fact::{PaneFact, Stamp};
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::pilot::state::State;
use crate::pilot::step::{self, Charge};
use crate::pilot::time::Now;
use crate::pilot::turn::Outcome;

use super::errands;
use super::keepsakes::Keepsakes;
use super::supply::Supply;

/// A log that can't be written is tried again after this; until then no effect leaves (fault S1).
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// After so many records the state is kept, so that a start has no more than these to fold: some milliseconds. Where we are tested it
/// is kept far more often, so that whatever can happen to a log happens to that too.
pub(super) const KEEP_STATE: u64 = if cfg!(debug_assertions) { 100 } else { 2_000 };

/// So long the end of an agent waits for what it said before; reading that takes some milliseconds.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Records, and the effects that wait until these are written.
pub(super) type Round = (Vec<(Stamp, Record)>, Vec<Effect>);

/// A round on its way to the disk.
pub(super) struct Writing {
    round: Round,
    /// How many reports had been taken when it left: what came of them is in it, or was written before.
    reported: u64,
}

/// The engine's desk.
pub(super) struct Desk {
    pub(super) state: State,
    pub(super) rules: Arc<Config>,
    pub(super) events: mpsc::Receiver<Event>,
    /// What agents said on their spools, and how many of these were taken so far.
    pub(super) reports: mpsc::Receiver<Event>,
    pub(super) reported: u64,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) root: PathBuf,
    pub(super) scribe: Scribe,
    pub(super) lock: Rc<Lock>,
    pub(super) link: Link,
    pub(super) hands: Hands,
    pub(super) supply: Supply,
    pub(super) keepsakes: Keepsakes,
    pub(super) replies: BTreeMap<Ask, Reply>,
    /// Records not yet on disk, and the effects that wait for them.
    pub(super) unwritten: Round,
    /// Those on their way to the disk, with what waits for that.
    pub(super) writing: Option<Writing>,
    /// The log could not be written; it is tried again when this is false, by one timer at a time.
    pub(super) write_waits: Rc<Cell<bool>>,
    /// Why it could not, the last time.
    pub(super) unwritable: String,
    pub(super) seed: u64,
    /// The record after which the state was last kept. `None`: it is not, as the log is damaged.
    pub(super) state_kept: Option<u64>,
}

impl Desk {
    /// The engine takes charge.
    pub(super) fn begin(&mut self, now: Now) -> Outcome {
        let host = self.lock.holder().host.clone();
        let charge = Charge { epoch: self.lock.epoch(), pid: std::process::id(), host, seed: self.seed };
        step::begin(&mut self.state, &self.rules, now, charge)
    }

    /// Keeps the way back to a client, and turns its question into an event. `None`: it was refused at once, as nothing can be
    /// promised that can't be written (fault S1).
    pub(super) fn admit(&mut self, asked: Asked) -> Option<Event> {
        let Asked { ask, command, reply } = asked;
        let promises_nothing = matches!(command, Command::Status | Command::Shutdown);
        if !self.unwritable.is_empty() && !promises_nothing {
            let why = format!("records can't be written, so nothing was done: {}", self.unwritable);
            let hint = "`flightdeck doctor` looks at the disk; ask again when there is room".to_string();
            reply.send(&Answer::Refused { why, hint: Some(hint) });
            return None;
        }
        self.replies.insert(ask, reply);
        Some(Event::Asked { ask, command })
    }

    /// What agents have said by now, a round of it at most.
    pub(super) fn take_reports(&mut self, most: usize) -> Vec<Event> {
        let reports: Vec<Event> = std::iter::from_fn(|| self.reports.try_recv().ok()).take(most).collect();
        self.reported += reports.len() as u64;
        reports
    }

    /// Whether one of these says that an agent has ended, be it by a list of panes that lacks it.
    pub(super) fn tell_of_an_end(&self, events: &[Event]) -> bool {
        events.iter().any(|event| tells_of_an_end(event, &self.state))
    }

    /// All that agents have said by now. That one ended comes by another way than what it said before, and mostly sooner: then
    /// nobody would know of a prompt that it took in with its last breath.
    pub(super) async fn last_words(&mut self) -> Vec<Event> {
        let Some(spool) = self.supply.spool() else { return Vec::new() };
        let mut said = Vec::new();
        let caught_up = clock::within(LAST_WORDS, spool.catch_up());
        tokio::pin!(caught_up);
        loop {
            tokio::select! {
                biased;
                told = &mut caught_up => {
                    if let Err(late) = told {
                        tracing::warn!(%late, "an agent ended, and not all is read that it may have said before");
                    }
                    break;
                }
                Some(report) = self.reports.recv() => said.push(report),
            }
        }
        self.reported += said.len() as u64;
        said
    }

    /// What came of so many reports is in the log: they need not be told again.
    fn acknowledge(&self, reports: u64) {
        if let Some(spool) = self.supply.spool() {
            spool.written(reports);
        }
    }

    /// Shows an agent's pane to a client.
    pub(super) fn peek(&self, peep: Peep) {
        if self.rules.agents.contains_key(&peep.agent) {
            self.supply.peek(peep.agent, peep.sight);
        } else {
            let why = format!("no agent is called {}", peep.agent);
            peep.refuse(&why);
        }
    }

    /// Writes what a round made, in its turn. `Some`: the effects that may leave now; `None`: they wait for the writing, which
    /// is told by [`Desk::written`]; where the log can't be written nothing leaves before it can (fault S1).
    pub(super) fn write(&mut self, records: Vec<(Stamp, Record)>, effects: Vec<Effect>) -> Option<Vec<Effect>> {
        self.unwritten.0.extend(records);
        self.unwritten.1.extend(effects);
        self.go_on_writing()
    }

    /// What came of the writing.
    pub(super) fn written(&mut self, told: Option<Written>) -> Option<Vec<Effect>> {
        let Writing { round: (mut records, effects), reported } = self.writing.take()?;
        let error = match told {
            Some(Written { records: count, error }) => {
                self.keep(&records.drain(..count).collect::<Vec<_>>());
                error.map(|error| error.to_string())
            }
            None => Some("the thread that writes the log has ended: start the engine anew".to_string()),
        };
        let Some(error) = error else {
            self.unwritable.clear();
            self.acknowledge(reported);
            // What came meanwhile is written while these are carried out.
            let waiting = self.go_on_writing();
            return Some(effects.into_iter().chain(waiting.into_iter().flatten()).collect());
        };
        tracing::error!(%error, "records can't be written; no action is taken until they can");
        self.unwritable = error;
        let (later, more) = std::mem::take(&mut self.unwritten);
        self.unwritten = (records.into_iter().chain(later).collect(), effects.into_iter().chain(more).collect());
        self.write_again();
        self.answer_looks();
        None
    }

    /// Whether records are on their way to the disk just now.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    fn go_on_writing(&mut self) -> Option<Vec<Effect>> {
        if self.write_waits.get() || self.is_writing() {
            self.answer_looks();
            return None;
        }
        let (records, effects) = std::mem::take(&mut self.unwritten);
        if records.is_empty() {
            self.acknowledge(self.reported);
            return Some(effects);
        }
        #[cfg(debug_assertions)]
        failpoint::records(When::Before, &records);
        let promised = effects.iter().any(|effect| matches!(effect, Effect::Reply { .. }));
        let oldest = records[0].0.at - self.rules.retention.records;
        let state = self.state_to_keep(&records);
        self.scribe.write(records.clone(), promised, oldest, state);
        self.writing = Some(Writing { round: (records, effects), reported: self.reported });
        None
    }

    /// The state in its own words, after so many records; it must be the one after these.
    fn state_to_keep(&mut self, records: &[(Stamp, Record)]) -> Option<String> {
        let last = records.last()?.0.seq;
        if last < self.state_kept? + KEEP_STATE || last != self.state.seq {
            return None;
        }
        self.state_kept = Some(last);
        in_words(&self.state)
    }

    /// What follows from records that are in the log now.
    fn keep(&mut self, written: &[(Stamp, Record)]) {
        let Some((first, _)) = written.first() else { return };
        #[cfg(debug_assertions)]
        failpoint::records(When::After, written);
        self.link.publish(written);
        self.keepsakes.keep(written, first.at - self.rules.retention.records);
        written.iter().for_each(|(stamp, record)| note(*stamp, record));
        written.iter().for_each(|(_, record)| self.clear(record));
    }

    /// The files that an agent was given go with its life. Those of one that is being started already are new, and its own.
    fn clear(&self, record: &Record) {
        let over = matches!(record, Record::Exited { .. } | Record::Stopped { .. });
        let one = record.agent().filter(|_| over);
        let all = self.rules.agents.keys().filter(|_| matches!(record, Record::ServerLost));
        let down =
            |id: &&AgentId| self.state.agents.get(*id).is_none_or(|agent| matches!(agent.life, Life::Down { .. }));
        one.into_iter().chain(all).filter(down).for_each(|id| channel::clear(&self.root, id));
    }

    /// Brings what feeds us in line with the state: who is watched, which branch, which file.
    pub(super) fn supply(&mut self) {
        self.supply.follow(&self.state, &self.rules);
    }

    /// Asked before every round's records and effects.
    pub(super) fn in_charge(&self) -> bool {
        self.lock.still_ours()
    }

    /// Sends one effect on its way.
    pub(super) fn perform(&mut self, effect: Effect) {
        #[cfg(debug_assertions)]
        failpoint::leaves(&effect);
        match effect {
            Effect::Reply { ask, answer } => self.answer(ask, &answer),
            Effect::Reload { ask } => {
                for event in self.reload(ask) {
                    self.send_later(event);
                }
            }
            Effect::StartServer { id } => self.supply.start_server(id, &self.hands, self.state.server.clone()),
            other => errands::run(self, other),
        }
    }

    /// Reads the workspace again. A configuration with problems changes nothing.
    pub(super) fn reload(&mut self, ask: Option<Ask>) -> Vec<Event> {
        let loaded = workspace::read(&self.root).and_then(|sources| crate::config::parse::load(&sources));
        let problems = match loaded {
            Ok(config) => match self.state.sequence.refuses(&config.sequence) {
                Some(why) => vec![why],
                None => {
                    #[cfg(debug_assertions)]
                    failpoint::reached("reload.read");
                    self.rules = Arc::new(config);
                    self.hands.rules = self.rules.clone();
                    self.supply.takes_over(&self.hands.state_dir, &self.rules);
                    return vec![Event::ConfigLoaded];
                }
            },
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        if let Some(ask) = ask {
            tracing::warn!(?ask, ?problems, "the new configuration is refused");
        }
        vec![Event::ConfigRefused { problems }]
    }

    /// The sequence is complete and the loops it drives are down.
    pub(super) fn sequence_is_over(&self) -> bool {
        let down = |id: &AgentId| {
            let agent = self.state.agents.get(id);
            agent.is_none_or(|agent| matches!(agent.life, Life::Down { .. }))
        };
        let loops = self.rules.agents.values().filter(|agent| agent.kind == crate::config::model::Kind::Loop);
        self.state.sequence.complete && loops.map(|agent| &agent.id).all(down) && self.state.complete_file
    }

    fn answer(&mut self, ask: Ask, answer: &Answer) {
        if let Some(reply) = self.replies.remove(&ask) {
            reply.send(answer);
        }
    }

    /// How things stand may be asked at any time; then the picture says why nothing is done.
    fn answer_looks(&mut self) {
        for effect in std::mem::take(&mut self.unwritten.1) {
            if let Effect::Reply { ask, answer: Answer::Status { mut view } } = effect {
                if !self.unwritable.is_empty() {
                    view.alerts.push(format!("no action is taken: records can't be written: {}", self.unwritable));
                }
                self.answer(ask, &Answer::Status { view });
            } else {
                self.unwritten.1.push(effect);
            }
        }
    }

    fn send_later(&self, event: Event) {
        let events = self.hands.events.clone();
        tokio::task::spawn_local(async move {
            // A closed channel means that the engine is ending.
            let _ = events.send(event).await;
        });
    }

    fn write_again(&self) {
        let events = self.hands.events.clone();
        self.write_waits.set(true);
        let waits = self.write_waits.clone();
        tokio::task::spawn_local(async move {
            clock::pause(WRITE_AGAIN).await;
            waits.set(false);
            let _ = events.send(Event::TimePassed).await;
        });
    }
}

/// The state as it is kept for the next start.
pub(super) fn in_words(state: &State) -> Option<String> {
    let words = serde_json::to_string(state);
    if let Err(error) = &words {
        tracing::warn!(%error, "the state is not kept: the next start takes a moment longer");
    }
    words.ok()
}

/// One line of the log: number, kind and agent, never the words of a message or a screen.
fn note(stamp: Stamp, record: &Record) {
    let agent = record.agent().map_or("", AgentId::as_str);
    tracing::info!(seq = stamp.seq, agent, "{}", record.kind());
}

fn tells_of_an_end(event: &Event, state: &State) -> bool {
    match event {
        Event::PaneDied { .. } | Event::TmuxGone => true,
        Event::EffectFinished { outcome, .. } => matches!(outcome, EffectOutcome::Stopped { .. }),
        Event::TmuxAnswered { panes, .. } => state.agents.iter().any(|(id, agent)| {
            let of_this_life = |pane: &&PaneFact| pane.agent == *id && pane.incarnation == agent.incarnation;
            agent.place.is_some() && panes.iter().find(of_this_life).is_none_or(|pane| pane.dead.is_some())
        }),
        Event::TmuxSilent { .. }
        | Event::TimePassed
        | Event::Hiccuped(_)
        | Event::ScreenChanged { .. }
        | Event::Looked { .. }
        | Event::Searched { .. }
        | Event::Probed { .. }
        | Event::Sought { .. }
        | Event::Vetted { .. }
        | Event::Reported { .. }
        | Event::PushSeen(_)
        | Event::WatchFailed { .. }
        | Event::StatusRead { .. }
        | Event::Asked { .. }
        | Event::ConfigLoaded
        | Event::PremisesSeen(_)
        | Event::ConfigRefused { .. } => false,
    }
}

/// The order of one round: commands first, then what agents said, ends of processes next, of the screens only the newest per agent.
pub(super) fn ordered(events: Vec<Event>) -> Vec<Event> {
    let mut screens: BTreeMap<AgentId, usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Event::ScreenChanged { agent, .. } = event {
            screens.insert(agent.clone(), at);
        }
    }
    let newest: std::collections::BTreeSet<usize> = screens.into_values().collect();
    let mut kept: Vec<(u8, Event)> = events
        .into_iter()
        .enumerate()
        .filter(|(at, event)| !matches!(event, Event::ScreenChanged { .. }) || newest.contains(at))
        .map(|(_, event)| (rank(&event), event))
        .collect();
    kept.sort_by_key(|(rank, _)| *rank);
    kept.into_iter().map(|(_, event)| event).collect()
}

fn rank(event: &Event) -> u8 {
    match event {
        // What makes judgements void comes before any of them.
        Event::Hiccuped(_) => 0,
        Event::Asked { .. } => 1,
        // An outcome belongs before the list of panes that was taken after it.
        Event::EffectFinished { .. } => 2,
        // What an agent said it said before it ended: a prompt that it took in with its last breath is proved.
        Event::Reported { .. } => 3,
        Event::TmuxAnswered { .. } | Event::TmuxSilent { .. } | Event::TmuxGone | Event::PaneDied { .. } => 4,
        Event::Searched { .. } | Event::Probed { .. } | Event::Sought { .. } | Event::Vetted { .. } => 5,
        Event::ScreenChanged { .. } | Event::Looked { .. } => 6,
        Event::PushSeen(_) | Event::WatchFailed { .. } | Event::StatusRead { .. } => 7,
        Event::ConfigLoaded | Event::ConfigRefused { .. } | Event::PremisesSeen(_) | Event::TimePassed => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::fact::{Exit, Identity, Place, Report, Screen, Server};
    use crate::pilot::id::{EffectId, Incarnation};
    use crate::pilot::time::Time;

    #[test]
    fn the_last_words_of_an_agent_come_before_its_end_and_one_screen_of_each_is_kept() {
        let agent = AgentId::parse("builder").unwrap();
        let incarnation = Incarnation(1);
        let screen = |taken| Event::ScreenChanged {
            agent: agent.clone(),
            incarnation,
            screen: std::sync::Arc::new(Screen::default()),
            taken,
        };
        let died = Event::PaneDied { agent: agent.clone(), incarnation, exit: Exit::Signal(9), last: None };
        let report = Report::PromptSubmitted { prompt: "please die".to_string() };
        let said = Event::Reported { agent: agent.clone(), incarnation, report };
        let round = vec![Event::TimePassed, screen(1), died.clone(), screen(2), said.clone()];
        assert_eq!(format!("{:?}", ordered(round)), format!("{:?}", [said, died, screen(2), Event::TimePassed]));
    }

    #[test]
    fn an_end_is_told_by_tmux_or_by_a_list_that_lacks_the_pane() {
        let agent = AgentId::parse("builder").unwrap();
        let server = Server { pid: 7, started: 1 };
        let place = Place { server: server.clone(), session: "$1".to_string(), pane: "%1".to_string() };
        let process = Identity { boot: "a boot".to_string(), pid: 8, started: 2 };
        let pane = |incarnation, dead| {
            let (place, process) = (place.clone(), Some(process.clone()));
            PaneFact { agent: agent.clone(), incarnation, place, process, dead }
        };
        let list = |panes: &[PaneFact]| Event::TmuxAnswered { server: server.clone(), panes: panes.to_vec() };
        let mut state = State::default();
        let started = Record::Started {
            agent: agent.clone(),
            incarnation: Incarnation(2),
            place: place.clone(),
            process: process.clone(),
            phase: None,
            conversation: None,
        };
        state.apply(Stamp { seq: 1, at: Time(1) }, &started);
        for (event, told) in [
            (list(&[pane(Incarnation(2), None)]), false),
            (list(&[pane(Incarnation(2), Some(Exit::Status(0)))]), true),
            (list(&[pane(Incarnation(1), None)]), true),
            (list(&[]), true),
            (Event::TmuxGone, true),
            (Event::TmuxSilent { why: String::new() }, false),
            (Event::EffectFinished { id: EffectId(1), outcome: EffectOutcome::Stopped { left: Vec::new() } }, true),
            (Event::EffectFinished { id: EffectId(1), outcome: EffectOutcome::Done }, false),
        ] {
            assert_eq!(tells_of_an_end(&event, &state), told, "{event:?}");
        }
        assert!(!tells_of_an_end(&list(&[]), &State::default()), "nobody could be missed");
    }
}
