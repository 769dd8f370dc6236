//! The world around the pilot in virtual time: an ordered queue of happenings; each turn jumps to the earlier of the
//! next happening and the pilot's next deadline. No threads, no sleeping, and the same seed gives the same world.
//!
//! `perform.rs` carries out effects, `engine.rs` drives the pilot and may crash, `body.rs` is an agent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flightdeck::config::Config;
use flightdeck::config::model::{Agent, Channel};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::effect::Effect;
use flightdeck::pilot::event::{Ask, Event};
use flightdeck::pilot::fact::{Exit, Hiccup, PaneFact, Place, Probed, Push, Report, Search, Server, Vetted};
use flightdeck::pilot::id::{AccountId, AgentId, Incarnation, MessageId, PhaseId, Sha};
use flightdeck::pilot::step;
use flightdeck::pilot::time::{Now, Time};

use super::body::{Act, Body, Habits};
use super::dice::Dice;
use super::engine::{Engine, Trap};
use super::plan::Plan;
use super::setup::Files;
use super::trouble::Trouble;

/// 2026-11-21T00:00:00Z, a Saturday.
pub(crate) const BEGIN: Time = Time(1_795_219_200_000);
/// More steps than this at one moment are a loop without end.
const STEPS_AT_ONCE: u32 = 2000;

/// How long things take in this world, from and to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From a change on a screen to the event.
    pub(crate) feed: (Duration, Duration),
    /// One command of tmux.
    pub(crate) tmux: (Duration, Duration),
    /// From TERM to the end of a process.
    pub(crate) ending: (Duration, Duration),
}

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The n-th line of a script.
    Line(usize),
    /// Words of the language of scenarios that chance made up.
    Words(String),
    /// Chance decides what happens next.
    Chance,
    Body(AgentId, Incarnation, u64, Act),
    /// The feed looks at an agent's pane.
    Feed(u64, AgentId),
    /// An effect ordered by this life of the engine is carried out.
    Perform(u64, Effect),
    /// A stop was begun: the process ends now.
    Ends(u64, Effect),
    /// News for this life of the engine.
    Tell(u64, Event),
    /// A line of an event channel, by its number, for this life of the engine.
    Report(u64, u64),
    /// The edge finds out how tmux is.
    Ping(u64),
    EngineStarts,
}

/// A line on an agent's event channel, and which life wrote it.
pub(crate) type Spooled = (AgentId, Incarnation, Report);

/// The tmux server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tmux {
    Up(Server),
    /// Alive, answers nobody.
    Silent(Server),
    None,
}

/// The watched branch and who has been told of it.
#[derive(Debug, Default)]
pub(crate) struct Remote {
    pub(crate) pushes: Vec<Push>,
    pub(crate) done: BTreeSet<PhaseId>,
    pub(crate) shas: u64,
}

/// What is asked of a world that is played for years, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    /// Since then nothing disturbed who watches: no start, no sleep, no silence, no step of the clock.
    pub(crate) calm_since: Time,
    /// Of years not every record is kept, only what they come to.
    pub(crate) forgets: bool,
    /// What is wrong is counted, and ends nothing.
    pub(crate) goes_on: bool,
    pub(crate) breaches: usize,
    /// Children of agents are not seen, and taken for none.
    pub(crate) blind: bool,
    /// Wedges that were found.
    pub(crate) found: u64,
    /// The longest that one waited for its end after its time.
    pub(crate) found_late: Duration,
    /// Every so many steps it is seen whether one left somebody out; more often, but not with each, whether the state is its fold.
    pub(crate) asks_all: u64,
}

/// What is known of the whole world, and what went wrong in it.
pub(crate) struct World {
    pub(crate) files: Files,
    pub(crate) rules: Config,
    /// What those were read from.
    pub(crate) read_from: Files,
    pub(crate) now: Time,
    /// Wall clock minus steady clock, in milliseconds.
    pub(crate) offset: i64,
    pub(crate) dice: Dice,
    pub(crate) pace: Pace,
    pub(crate) engine: Option<Engine>,
    pub(crate) engines: u64,
    pub(crate) trap: Option<Trap>,
    pub(crate) log: super::engine::Log,
    pub(crate) tmux: Tmux,
    /// The newest life of each agent, dead or alive, whose pane is there.
    pub(crate) bodies: BTreeMap<AgentId, Body>,
    /// Processes that outlived their tmux server.
    pub(crate) survivors: Vec<Body>,
    pub(crate) habits: BTreeMap<AgentId, Habits>,
    pub(crate) plans: BTreeMap<AgentId, Vec<Plan>>,
    pub(crate) always: BTreeMap<AgentId, Plan>,
    /// Where turns without a plan come from; `None`: they are as usual.
    pub(crate) invents: Option<fn(&mut Dice) -> Plan>,
    pub(crate) trial: Trial,
    /// From now on all agents are well.
    pub(crate) well_behaved: bool,
    pub(crate) limits: BTreeMap<AgentId, Time>,
    pub(crate) poisoned: BTreeSet<String>,
    pub(crate) by_hand: Search,
    /// What agents' programs would go by.
    pub(crate) vetted: BTreeMap<AgentId, Vetted>,
    /// What a tiny call on an account comes to.
    pub(crate) proofs: BTreeMap<AccountId, Probed>,
    /// Accounts on which every conversation is found.
    pub(crate) transcripts: BTreeSet<AccountId>,
    /// Accounts on which every answer takes so much longer.
    pub(crate) slow: BTreeMap<AccountId, Duration>,
    /// What tmux will say no to, once each: `start`, `paste` or `press`.
    pub(crate) failing: Vec<String>,
    /// On which account each agent was started last.
    pub(crate) worked_on: BTreeMap<AgentId, Option<AccountId>>,
    pub(crate) remote: Remote,
    pub(crate) trouble: Trouble,
    /// Lines on event channels that no engine has taken in for good.
    pub(crate) spool: BTreeMap<u64, Spooled>,
    pub(crate) spooled: u64,
    /// Tokens that agents told of, and those that stand in records.
    pub(crate) told: BTreeMap<AgentId, u64>,
    pub(crate) counted: BTreeMap<AgentId, u64>,
    /// Pictures taken so far.
    pub(crate) pictures: u64,
    /// Commands that a silent server has swallowed and will carry out.
    pub(crate) stuck: Vec<Effect>,
    /// How often each message was really submitted.
    pub(crate) submitted: BTreeMap<MessageId, u32>,
    pub(crate) transcript: Vec<String>,
    pub(crate) quiet: bool,
    /// Details of deliveries stand in the transcript too.
    pub(crate) told_all: bool,
    pub(crate) wrong: Vec<String>,
    pub(crate) steps: u64,
    pub(crate) pids: u32,
    /// The last step's records were never written.
    pub(crate) step_lost: bool,
    at_once: u32,
    /// What the engine that stands still will find out.
    missed: Option<Vec<Hiccup>>,
    /// In boxes, as a queue moves what it holds all the time, and an effect is large.
    queue: BTreeMap<(Time, u64), Box<Happening>>,
    queued: u64,
    asks: u64,
}

impl World {
    pub(crate) fn new(files: Files, seed: u64, pace: Pace) -> Self {
        let rules = files.load();
        let habits = rules.agents.iter().map(|(id, agent)| (id.clone(), usual(agent, &rules)));
        World {
            habits: habits.collect(),
            read_from: files.clone(),
            files,
            rules,
            now: BEGIN,
            offset: 0,
            dice: Dice::new(seed),
            pace,
            engine: None,
            engines: 0,
            trap: None,
            log: super::engine::Log::default(),
            tmux: Tmux::None,
            bodies: BTreeMap::new(),
            survivors: Vec::new(),
            plans: BTreeMap::new(),
            always: BTreeMap::new(),
            invents: None,
            trial: Trial { asks_all: 1, ..Trial::default() },
            well_behaved: false,
            limits: BTreeMap::new(),
            poisoned: BTreeSet::new(),
            by_hand: Search::None,
            vetted: BTreeMap::new(),
            proofs: BTreeMap::new(),
            transcripts: BTreeSet::new(),
            slow: BTreeMap::new(),
            failing: Vec::new(),
            worked_on: BTreeMap::new(),
            remote: Remote::default(),
            trouble: Trouble::default(),
            spool: BTreeMap::new(),
            spooled: 0,
            told: BTreeMap::new(),
            counted: BTreeMap::new(),
            pictures: 0,
            stuck: Vec::new(),
            submitted: BTreeMap::new(),
            transcript: Vec::new(),
            quiet: false,
            told_all: false,
            wrong: Vec::new(),
            steps: 0,
            pids: 100,
            step_lost: false,
            at_once: 0,
            missed: None,
            queue: BTreeMap::new(),
            queued: 0,
            asks: 0,
        }
    }

    /// What the files of the workspace say now; reading them anew takes longer than a day of these agents.
    pub(crate) fn read_files(&mut self) {
        if self.read_from != self.files {
            self.rules = self.files.load();
            self.read_from = self.files.clone();
        }
    }

    pub(crate) fn clock(&self) -> Now {
        Now { steady: self.now, wall: Time(self.now.0 + self.offset) }
    }

    pub(crate) fn later(&mut self, after: Duration, what: Happening) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), Box::new(what));
    }

    /// Goes on until then, or until something went wrong.
    pub(crate) fn run(&mut self, until: Time, script: &mut dyn FnMut(&mut World, Happening)) {
        while self.wrong.is_empty() {
            let coming = self.queue.first_key_value().map(|((at, _), _)| *at);
            let deadline =
                self.engine.as_ref().and_then(|engine| step::next_deadline(&engine.state)).map(|(at, _)| *at);
            let Some(next) = coming.into_iter().chain(deadline).min().filter(|next| *next <= until) else { break };
            self.at_once = if next > self.now { 0 } else { self.at_once + 1 };
            if self.at_once > STEPS_AT_ONCE {
                let why = self.engine.as_ref().and_then(|engine| step::next_deadline(&engine.state));
                self.wrong.push(format!("the pilot spins: {why:?}"));
                break;
            }
            self.now = self.now.max(next);
            if coming == Some(next) {
                let (_, what) = self.queue.pop_first().expect("it was the first");
                self.happen(*what, script);
            } else {
                self.feed(Event::TimePassed);
            }
            if self.trial.goes_on {
                self.trial.breaches += self.wrong.len();
                self.wrong.clear();
            }
        }
        if self.wrong.is_empty() {
            self.now = self.now.max(until);
        }
    }

    fn happen(&mut self, what: Happening, script: &mut dyn FnMut(&mut World, Happening)) {
        match what {
            Happening::Line(_) | Happening::Chance | Happening::Words(_) => script(self, what),
            Happening::Body(agent, incarnation, generation, act) => {
                self.body_acts(&agent, incarnation, generation, act);
            }
            Happening::Feed(life, agent) => self.look_at(life, &agent),
            Happening::Perform(life, effect) => self.perform(life, effect),
            Happening::Ends(life, effect) => self.finish_stop(life, &effect),
            Happening::Tell(life, event) => {
                if self.engine.as_ref().is_some_and(|engine| engine.life == life) {
                    self.feed(event);
                }
            }
            Happening::Report(life, number) => self.hear(life, number),
            Happening::Ping(life) => self.ping(life),
            Happening::EngineStarts => self.start_engine(),
        }
    }

    // -- agents ----------------------------------------------------------------------------------------------------

    /// What the agent does with its next turn.
    pub(crate) fn next_plan(&mut self, agent: &AgentId) -> Plan {
        if let Some(plan) = self.plans.get_mut(agent).filter(|plans| !plans.is_empty()).map(|plans| plans.remove(0)) {
            return plan;
        }
        match (self.always.get(agent), self.invents) {
            (Some(plan), _) => plan.clone(),
            (None, Some(invent)) if !self.well_behaved => invent(&mut self.dice),
            (None, _) => Plan::usual(),
        }
    }

    fn body_acts(&mut self, agent: &AgentId, incarnation: Incarnation, generation: u64, act: Act) {
        let now = self.clock();
        let plan = self.next_plan_if(act == Act::Wakes || act == Act::TurnEnds, agent);
        let of_life = act == Act::Ready;
        let body = self
            .bodies
            .get_mut(agent)
            .filter(|body| body.incarnation == incarnation && body.alive())
            .filter(|body| of_life || body.generation == generation);
        let Some(body) = body else { return };
        if body.suspended {
            // A stopped process does nothing; it goes on with it later.
            self.later(Duration::from_secs(10), Happening::Body(agent.clone(), incarnation, generation, act));
            return;
        }
        body.act(act, now, || plan);
        self.settle(agent);
    }

    fn next_plan_if(&mut self, needed: bool, agent: &AgentId) -> Plan {
        // A turn's end takes a plan only where prompts are queued; then the usual one does.
        let wakes = needed && self.bodies.get(agent).is_some_and(|body| !body.working());
        if wakes { self.next_plan(agent) } else { Plan::usual() }
    }

    /// Takes over what an agent brought about: later acts, reports, prompts taken in, and its end.
    pub(crate) fn settle(&mut self, agent: &AgentId) {
        let Some(body) = self.bodies.get_mut(agent) else { return };
        let (incarnation, generation) = (body.incarnation, body.generation);
        let coming = std::mem::take(&mut body.coming);
        let reports = std::mem::take(&mut body.reports);
        let taken = std::mem::take(&mut body.taken);
        *self.told.entry(agent.clone()).or_default() += std::mem::take(&mut body.used);
        let (limit, exit, pid) = (body.limited_until, body.exit, body.process.pid);
        let poison = body.conversation.clone().filter(|_| body.poisoned);
        let told = body.exit.is_some() && !std::mem::replace(&mut body.end_told, body.exit.is_some());
        if let Some(limit) = limit {
            self.limits.insert(agent.clone(), limit);
        }
        self.poisoned.extend(poison);
        for (after, act) in coming {
            self.later(after, Happening::Body(agent.clone(), incarnation, generation, act));
        }
        for report in reports {
            self.spooled += 1;
            self.spool.insert(self.spooled, (agent.clone(), incarnation, report));
            self.announce(self.spooled);
        }
        for taken in taken {
            for message in &taken.messages {
                let times = self.submitted.entry(*message).or_default();
                *times += 1;
                if *times > 1 {
                    self.wrong.push(format!("{message} was submitted twice"));
                }
            }
            let first = taken.text.lines().next().unwrap_or_default().to_string();
            self.note(&format!("= {agent} takes in {first:?}"));
        }
        if let (Some(exit), true) = (exit, told) {
            let words = match exit {
                Exit::Status(status) => format!("exits with status {status}"),
                Exit::Signal(signal) => format!("is killed by signal {signal}"),
                Exit::Lost => "is gone".to_string(),
            };
            self.note(&format!("= {agent}'s process {pid} {words}"));
        }
        self.wake_feed(agent);
    }

    /// Lets something happen to a living agent.
    pub(crate) fn touch(&mut self, agent: &AgentId, change: impl FnOnce(&mut Body, Now)) -> Result<(), String> {
        let now = self.clock();
        let body =
            self.bodies.get_mut(agent).filter(|body| body.alive()).ok_or_else(|| format!("{agent} is not up"))?;
        change(body, now);
        self.settle(agent);
        Ok(())
    }

    /// Habits of the agent's next lives, and of the present one.
    pub(crate) fn habit(&mut self, agent: &AgentId, change: impl Fn(&mut Habits)) {
        if let Some(habits) = self.habits.get_mut(agent) {
            change(habits);
        }
        if let Some(body) = self.bodies.get_mut(agent) {
            change(&mut body.habits);
        }
    }

    // -- tmux ------------------------------------------------------------------------------------------------------

    pub(crate) fn panes(&self) -> Vec<PaneFact> {
        let fact = |body: &Body| PaneFact {
            agent: body.agent.clone(),
            incarnation: body.incarnation,
            place: body.place.clone(),
            process: (!self.trouble.hidden).then(|| body.process.clone()),
            dead: body.exit,
        };
        self.bodies.values().map(fact).collect()
    }

    pub(crate) fn place(&mut self, server: &Server) -> Place {
        self.pids += 1;
        Place { server: server.clone(), session: format!("${}", self.pids), pane: format!("%{}", self.pids) }
    }

    pub(crate) fn tmux_dies(&mut self, survive: bool) {
        self.note("= the tmux server is killed");
        self.tmux = Tmux::None;
        self.trial.calm_since = self.now;
        self.stuck.clear();
        for (_, mut body) in std::mem::take(&mut self.bodies) {
            if survive && body.alive() {
                self.survivors.push(body);
            } else if body.alive() {
                body.end(Exit::Signal(1));
            }
        }
        self.wake_ping();
    }

    pub(crate) fn tmux_silent(&mut self) {
        if let Tmux::Up(server) = self.tmux.clone() {
            self.note("= the tmux server stops answering");
            self.tmux = Tmux::Silent(server);
            self.wake_ping();
        }
    }

    pub(crate) fn tmux_answers(&mut self) {
        if let Tmux::Silent(server) = self.tmux.clone() {
            self.note("= the tmux server answers again");
            self.trial.calm_since = self.now;
            self.tmux = Tmux::Up(server);
            for effect in std::mem::take(&mut self.stuck) {
                self.perform(0, effect);
            }
            self.wake_ping();
        }
    }

    // -- the machine -----------------------------------------------------------------------------------------------

    pub(crate) fn clock_moves(&mut self, by: i64) {
        self.offset += by;
        self.trial.calm_since = self.now;
        self.hiccup(Hiccup::ClockMoved(by));
    }

    /// The engine finds out; one that stands still does when it goes on.
    fn hiccup(&mut self, hiccup: Hiccup) {
        let Some(missed) = &mut self.missed else { return self.feed(Event::Hiccuped(hiccup)) };
        // Its clocks tell it how long all sleeps were together, and how far its clock was set in the end.
        let more = missed.iter_mut().any(|known| match (known, &hiccup) {
            (Hiccup::Slept(all), Hiccup::Slept(span)) => {
                *all += *span;
                true
            }
            (Hiccup::ClockMoved(all), Hiccup::ClockMoved(by)) => {
                *all += *by;
                true
            }
            _ => false,
        });
        if !more {
            missed.push(hiccup);
        }
    }

    /// All processes stand still for so long; their own timers do not count it.
    pub(crate) fn sleep(&mut self, span: Duration) {
        let moved: Vec<_> = std::mem::take(&mut self.queue).into_iter().collect();
        for ((at, number), what) in moved {
            let at = if matches!(*what, Happening::Line(_) | Happening::Chance | Happening::Words(_)) {
                at
            } else {
                at + span
            };
            self.queue.insert((at.max(self.now), number), what);
        }
        self.now = self.now + span;
        self.trial.calm_since = self.now;
        self.hiccup(Hiccup::Slept(span));
    }

    /// The engine alone stands still.
    pub(crate) fn late(&mut self, span: Duration, script: &mut dyn FnMut(&mut World, Happening)) {
        let until = self.now + span;
        let engine = self.engine.take();
        let life = engine.as_ref().map_or(0, |engine| engine.life);
        let (mut held, mut kept) = (Vec::new(), BTreeMap::new());
        for (key, what) in std::mem::take(&mut self.queue) {
            match *what {
                Happening::Tell(_, _) | Happening::Report(_, _) | Happening::Ping(_) | Happening::Feed(_, _)
                    if key.0 <= until =>
                {
                    held.push(what);
                }
                _ => drop(kept.insert(key, what)),
            }
        }
        self.queue = kept;
        self.missed = Some(Vec::new());
        self.run(until, script);
        self.engine = engine;
        self.trial.calm_since = self.now;
        let missed = self.missed.take().filter(|missed| !missed.is_empty());
        for hiccup in missed.unwrap_or_else(|| vec![Hiccup::Late(span)]) {
            self.feed(Event::Hiccuped(hiccup));
        }
        for what in held {
            self.later(Duration::ZERO, *what);
        }
        self.read_spool();
        self.wake_ping();
        for agent in self.bodies.keys().cloned().collect::<Vec<_>>() {
            self.later(Duration::ZERO, Happening::Feed(life, agent));
        }
    }

    pub(crate) fn asked(&mut self, command: Command) {
        self.asks += 1;
        self.feed(Event::Asked { ask: Ask(self.asks), command });
    }

    // -- the branch ------------------------------------------------------------------------------------------------

    pub(crate) fn sha(&mut self) -> Sha {
        self.remote.shas += 1;
        let mut dice = Dice::new(self.remote.shas);
        let text: String = (0..40)
            .map(|_| char::from_digit(u32::try_from(dice.below(16)).expect("a digit"), 16).expect("hex"))
            .collect();
        Sha::parse(&text).expect("forty digits")
    }

    /// A new position of the branch; the watcher tells it where an engine runs.
    pub(crate) fn push(&mut self, push: Push) {
        self.remote.done = push.done.iter().cloned().collect();
        self.remote.pushes.push(push.clone());
        if let Some(engine) = &self.engine {
            let life = engine.life;
            let after = self.dice.between(self.pace.feed);
            self.later(after, Happening::Tell(life, Event::PushSeen(push)));
        }
    }
}

/// What an agent is like where nothing else is said of it.
fn usual(agent: &Agent, rules: &Config) -> Habits {
    Habits {
        start: Duration::from_secs(2),
        start_dialog: None,
        swallows: 0,
        collapses: false,
        redraws: false,
        reports: rules.backends[&agent.backend].channel != Channel::None,
        transcribes: agent.backend == "scribe",
        tells_late: agent.backend == "queuer",
        spin: Duration::from_secs(20),
        size: agent.size,
    }
}
