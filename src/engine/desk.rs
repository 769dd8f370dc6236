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
use crate::edge::link::{Asked, Link, Peep, Reply};
use crate::edge::lock::Lock;
use crate::edge::perform::Hands;
use crate::edge::store::Store;
use crate::edge::{channel, clock, workspace};
use crate::pilot::agent::Life;
use crate::pilot::command::Answer;
use crate::pilot::effect::Effect;
use crate::pilot::event::{Ask, Event};
use crate::pilot::fact::Stamp;
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
    pub(super) store: Store,
    pub(super) lock: Rc<Lock>,
    pub(super) link: Link,
    pub(super) hands: Hands,
    pub(super) supply: Supply,
    pub(super) keepsakes: Keepsakes,
    pub(super) replies: BTreeMap<Ask, Reply>,
    /// Records not yet on disk, and the effects that wait for them.
    pub(super) unwritten: (Vec<(Stamp, Record)>, Vec<Effect>),
    /// The log could not be written; it is tried again when this is false, by one timer at a time.
    pub(super) write_waits: Rc<Cell<bool>>,
    /// Why it could not, the last time.
    pub(super) unwritable: String,
    pub(super) seed: u64,
}

impl Desk {
    /// The engine takes charge.
    pub(super) fn begin(&mut self, now: Now) -> Outcome {
        let host = self.lock.holder().host.clone();
        let charge = Charge { epoch: self.lock.epoch(), pid: std::process::id(), host, seed: self.seed };
        step::begin(&mut self.state, &self.rules, now, charge)
    }

    /// Keeps the way back to a client, and turns its question into an event.
    pub(super) fn admit(&mut self, asked: Asked) -> Event {
        self.replies.insert(asked.ask, asked.reply);
        Event::Asked { ask: asked.ask, command: asked.command }
    }

    /// What agents have said by now, a round of it at most.
    pub(super) fn take_reports(&mut self, most: usize) -> Vec<Event> {
        let reports: Vec<Event> = std::iter::from_fn(|| self.reports.try_recv().ok()).take(most).collect();
        self.reported += reports.len() as u64;
        reports
    }

    /// What came of the reports so far is in the log: they need not be told again.
    fn acknowledge(&self) {
        if let Some(spool) = self.supply.spool() {
            spool.written(self.reported);
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

    /// Writes what this round made. `Some`: the effects that may leave now; `None`: the log can't be written, and nothing
    /// leaves before it can (fault S1).
    pub(super) fn write(&mut self, records: Vec<(Stamp, Record)>, effects: Vec<Effect>) -> Option<Vec<Effect>> {
        self.unwritten.0.extend(records);
        self.unwritten.1.extend(effects);
        if self.write_waits.get() {
            self.answer_looks();
            return None;
        }
        while let Some((first, _)) = self.unwritten.0.first() {
            // The records of one step share their time; each run of equal times is one append.
            let at = first.at;
            let run = self.unwritten.0.iter().take_while(|(stamp, _)| stamp.at == at).count();
            let rows: Vec<Record> = self.unwritten.0[..run].iter().map(|(_, record)| record.clone()).collect();
            if let Err(error) = self.store.append(at, &rows) {
                tracing::error!(%error, "records can't be written; no action is taken until they can");
                self.unwritable = error.to_string();
                self.write_again();
                self.answer_looks();
                return None;
            }
            let written: Vec<_> = self.unwritten.0.drain(..run).collect();
            self.link.publish(&written);
            self.keepsakes.keep(&written, at - self.rules.retention.records);
            written.iter().for_each(|(stamp, record)| note(*stamp, record));
            written.iter().for_each(|(_, record)| self.clear(record));
        }
        self.acknowledge();
        Some(std::mem::take(&mut self.unwritten.1))
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
                    self.rules = Arc::new(config);
                    self.hands.rules = self.rules.clone();
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
                view.alerts.push(format!("no action is taken: records can't be written: {}", self.unwritable));
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

/// One line of the log: number, kind and agent, never the words of a message or a screen.
fn note(stamp: Stamp, record: &Record) {
    let agent = record.agent().map_or("", AgentId::as_str);
    tracing::info!(seq = stamp.seq, agent, "{}", record.kind());
}

/// The order of one round: commands first, ends of processes next, of the screens only the newest per agent.
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
        Event::TmuxAnswered { .. } | Event::TmuxSilent { .. } | Event::TmuxGone | Event::PaneDied { .. } => 3,
        Event::Reported { .. } | Event::Searched { .. } | Event::Probed { .. } | Event::Sought { .. } => 4,
        Event::ScreenChanged { .. } | Event::Looked { .. } => 5,
        Event::PushSeen(_) | Event::WatchFailed { .. } | Event::StatusRead { .. } => 6,
        Event::ConfigLoaded | Event::ConfigRefused { .. } | Event::TimePassed => 7,
    }
}
