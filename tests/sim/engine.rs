//! The engine of the simulation: steps the pilot, writes its records, sends its effects, and may die at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use flightdeck::pilot::effect::Effect;
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Push, Screen, Stamp};
use flightdeck::pilot::id::{AgentId, Incarnation};
use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::step::{self, Charge};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::turn::Outcome;

use super::words;
use super::world::{BEGIN, Happening, Tmux, World};

/// So many records are kept where not all are.
const KEPT: usize = 5000;
/// A silent server is called so after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// One life of the engine.
pub(crate) struct Engine {
    pub(crate) life: u64,
    pub(crate) began: Time,
    pub(crate) state: State,
    seen: BTreeMap<AgentId, (Incarnation, Arc<Screen>)>,
    /// Ends that were told.
    told_dead: BTreeSet<(AgentId, Incarnation)>,
    coming: BTreeSet<AgentId>,
}

/// All records that were ever written, and their fold.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<(Stamp, Record)>,
    /// Folded as they were written, by nobody but the log.
    pub(crate) fold: State,
    /// All of them as one number (FNV-1a), where that is asked for.
    pub(crate) digest: Option<u64>,
}

impl Log {
    fn count_in(&mut self, stamp: Stamp, record: &Record) {
        let Some(digest) = &mut self.digest else { return };
        let bytes = serde_json::to_vec(&(stamp, record)).expect("a record is text");
        *digest = bytes.iter().fold(*digest, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }

    /// What the records come to, folded anew.
    fn folded(&self) -> State {
        let mut state = State::default();
        self.records.iter().for_each(|(stamp, record)| state.apply(*stamp, record));
        state
    }
}

/// The engine dies at a certain record.
#[derive(Clone, Debug)]
pub(crate) struct Trap {
    pub(crate) words: String,
    pub(crate) moment: Moment,
    pub(crate) back: Duration,
}

/// When exactly it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The record is not written.
    Before,
    /// It is written, its effects never leave.
    After,
    /// Its effects happen, nobody hears what came of them.
    During,
}

impl World {
    pub(crate) fn start_engine(&mut self) {
        if self.engine.is_some() {
            return;
        }
        self.engines += 1;
        self.trial.calm_since = self.now;
        let life = self.engines;
        let mut state = self.recalled();
        let now = self.clock();
        self.read_files();
        let pid = 4000 + u32::try_from(life).expect("few");
        let charge = Charge { epoch: life, pid, host: "simulated".to_string(), seed: self.dice.throw() };
        state.seen.damage = self.trouble.damaged.take();
        let out = step::begin(&mut state, &self.rules, now, charge);
        let (began, seen) = (self.now, BTreeMap::new());
        let engine = Engine { life, began, state, seen, told_dead: BTreeSet::new(), coming: BTreeSet::new() };
        self.engine = Some(engine);
        self.take(out);
        self.wake_ping();
        self.watch_again(life);
        self.read_spool();
    }

    /// What the log comes to, and what comes of it written down and read again (as a start does that need not fold all of it).
    fn recalled(&mut self) -> State {
        let folded = if self.trial.forgets { self.log.fold.clone() } else { self.log.folded() };
        let words = serde_json::to_string(&folded).expect("a state is text");
        let state: State = serde_json::from_str(&words).expect("our own words");
        if !state.remembers_the_same(&folded) || !state.unsettled().eq(folded.unsettled()) {
            self.wrong.push("a state that was written down is another one when it is read".to_string());
        }
        state
    }

    /// The engine is gone at once; each effect that is under way happens or not.
    pub(crate) fn kill_engine(&mut self) {
        if self.engine.take().is_some() {
            self.note("= the engine is killed");
        }
    }

    /// One event.
    pub(crate) fn feed(&mut self, event: Event) {
        let now = self.clock();
        let Some(engine) = &mut self.engine else { return };
        engine.state.seen.strained.clone_from(&self.trouble.strained);
        let out = step::step(&mut engine.state, &self.rules, now, event);
        self.steps += 1;
        self.take(out);
    }

    fn take(&mut self, out: Outcome) {
        let trap = self
            .trap
            .clone()
            .filter(|trap| out.records.iter().any(|(_, record)| words::record(record, BEGIN).contains(&trap.words)));
        if trap.is_some() {
            self.trap = None;
        }
        self.step_lost = false;
        let moment = trap.as_ref().map(|trap| trap.moment);
        self.step_lost |= moment == Some(Moment::Before);
        if !self.step_lost {
            self.write(&out.records);
        }
        if moment.is_none() || moment == Some(Moment::During) {
            self.check(&out);
            for effect in out.effects {
                self.send(effect);
            }
        }
        if let Some(trap) = trap {
            self.kill_engine();
            self.later(trap.back, Happening::EngineStarts);
        }
    }

    fn write(&mut self, records: &[(Stamp, Record)]) {
        for (stamp, record) in records {
            if stamp.seq != self.log.fold.seq + 1 {
                self.wrong.push(format!("record {} follows {}", stamp.seq, self.log.fold.seq));
            }
            self.check_record(record);
            self.log.fold.apply(*stamp, record);
            self.log.count_in(*stamp, record);
            self.log.records.push((*stamp, record.clone()));
            self.tell(record);
            if self.trial.forgets && self.log.records.len() >= 2 * KEPT {
                self.log.records.drain(..KEPT);
            }
        }
    }

    // -- the edge --------------------------------------------------------------------------------------------------

    /// The edge will look at this agent's pane soon.
    pub(crate) fn wake_feed(&mut self, agent: &AgentId) {
        let after = self.dice.between(self.pace.feed);
        let Some(engine) = &mut self.engine else { return };
        if engine.coming.insert(agent.clone()) {
            let life = engine.life;
            self.later(after, Happening::Feed(life, agent.clone()));
        }
    }

    pub(crate) fn look_at(&mut self, life: u64, agent: &AgentId) {
        let Some(engine) = self.engine.as_mut().filter(|engine| engine.life == life) else { return };
        engine.coming.remove(agent);
        if !matches!(self.tmux, Tmux::Up(_)) {
            return;
        }
        let Some(body) = self.bodies.get(agent) else { return };
        let (incarnation, screen) = (body.incarnation, body.screen());
        let told = (agent.clone(), incarnation);
        if let Some(exit) = body.exit {
            if engine.told_dead.insert(told) {
                self.feed(Event::PaneDied { agent: agent.clone(), incarnation, exit, last: Some(screen) });
            }
            return;
        }
        let same = engine.seen.get(agent).is_some_and(|(of, seen)| *of == incarnation && **seen == *screen);
        if !same {
            engine.seen.insert(agent.clone(), (incarnation, Arc::clone(&screen)));
            let taken = self.picture();
            self.feed(Event::ScreenChanged { agent: agent.clone(), incarnation, screen, taken });
        }
    }

    /// The edge will find out soon how tmux is.
    pub(crate) fn wake_ping(&mut self) {
        let after = self.dice.between(self.pace.tmux);
        if let Some(engine) = &self.engine {
            let life = engine.life;
            let patience = if matches!(self.tmux, Tmux::Silent(_)) { PATIENCE } else { Duration::ZERO };
            self.later(after + patience, Happening::Ping(life));
        }
    }

    pub(crate) fn ping(&mut self, life: u64) {
        if self.engine.as_ref().is_none_or(|engine| engine.life != life) {
            return;
        }
        match self.tmux.clone() {
            Tmux::Up(server) => {
                let panes = self.panes();
                self.feed(Event::TmuxAnswered { server, panes });
                for agent in self.bodies.keys().cloned().collect::<Vec<_>>() {
                    self.wake_feed(&agent);
                }
            }
            Tmux::Silent(_) => self.feed(Event::TmuxSilent { why: "no answer within 2 s".to_string() }),
            Tmux::None => self.feed(Event::TmuxGone),
        }
    }

    /// The number of a picture that is taken now.
    pub(crate) fn picture(&mut self) -> u64 {
        self.pictures += 1;
        self.pictures
    }

    /// The list of panes as it is now comes so much later.
    pub(crate) fn list_late(&mut self, by: Duration) {
        let (Some(engine), Tmux::Up(server)) = (&self.engine, self.tmux.clone()) else { return };
        let life = engine.life;
        let panes = self.panes();
        self.later(by, Happening::Tell(life, Event::TmuxAnswered { server, panes }));
    }

    /// The edge will not tell of this agent's end by itself.
    pub(crate) fn mute_death(&mut self, agent: &AgentId) {
        if let (Some(engine), Some(body)) = (&mut self.engine, self.bodies.get(agent)) {
            engine.told_dead.insert((agent.clone(), body.incarnation));
        }
    }

    /// What the event channels hold that no engine has taken in.
    pub(crate) fn read_spool(&mut self) {
        let unread: Vec<u64> = self.spool.keys().copied().collect();
        for number in unread {
            self.announce(number);
        }
    }

    pub(crate) fn announce(&mut self, number: u64) {
        let after = self.dice.between(self.pace.feed);
        if let Some(engine) = &self.engine {
            self.later(after, Happening::Report(engine.life, number));
        }
    }

    /// A line is taken in for good when the records of its step are written.
    pub(crate) fn hear(&mut self, life: u64, number: u64) {
        if self.engine.as_ref().is_none_or(|engine| engine.life != life) {
            return;
        }
        let Some((agent, incarnation, report)) = self.spool.remove(&number) else { return };
        self.step_lost = false;
        self.feed(Event::Reported { agent: agent.clone(), incarnation, report: report.clone() });
        if self.step_lost {
            self.spool.insert(number, (agent, incarnation, report));
        }
    }

    /// After a start of ours the watcher tells what was pushed meanwhile, from the recorded position on.
    fn watch_again(&mut self, life: u64) {
        let Some(engine) = &self.engine else { return };
        let Some(last) = self.remote.pushes.last() else { return };
        let known = engine.state.branch.baseline.clone();
        let at = self.remote.pushes.iter().position(|push| Some(&push.new) == known.as_ref());
        let missed = &self.remote.pushes[at.map_or(0, |at| at + 1)..];
        let push = Push {
            old: at.map(|at| self.remote.pushes[at].new.clone()),
            new: last.new.clone(),
            rewritten: at.is_some() && missed.iter().any(|push| push.rewritten),
            commits: if at.is_some() {
                missed.iter().flat_map(|push| push.commits.clone()).collect()
            } else {
                Vec::new()
            },
            inbox: if at.is_some() { missed.iter().flat_map(|push| push.inbox.clone()).collect() } else { Vec::new() },
            done: last.done.clone(),
        };
        let after = self.dice.between(self.pace.feed) + Duration::from_millis(500);
        self.later(after, Happening::Tell(life, Event::PushSeen(push)));
    }

    fn send(&mut self, effect: Effect) {
        let life = self.engine.as_ref().map_or(0, |engine| engine.life);
        match &effect {
            Effect::Look { agent, .. } => self.note(&format!("? looks at {agent}")),
            Effect::Search { agent, .. } => self.note(&format!("? searches for another {agent}")),
            Effect::Survey => self.note("? lists the panes"),
            // Others have nothing to say to theirs that differs from one start to the next.
            Effect::Start { spec, .. } if spec.argv.first().is_some_and(|program| program == "talker") => {
                let old = spec.resumes.as_ref().map(|old| format!(", which takes up {old}")).unwrap_or_default();
                self.note(&format!("? runs {}{old}", spec.argv.join(" ")));
            }
            _ => {}
        }
        let after = match &effect {
            Effect::Reply { .. } => Duration::ZERO,
            Effect::StartServer { .. }
            | Effect::Start { .. }
            | Effect::Stop { .. }
            | Effect::Paste { .. }
            | Effect::Submit { .. }
            | Effect::Post { .. }
            | Effect::Write { .. }
            | Effect::Look { .. }
            | Effect::Survey
            | Effect::Search { .. }
            | Effect::Probe { .. }
            | Effect::Seek { .. }
            | Effect::Vet { .. }
            | Effect::Reload { .. }
            | Effect::Quit { .. } => self.dice.between(self.pace.tmux),
        };
        self.later(after, Happening::Perform(life, effect));
    }
}
