//! The engine's side: the real pilot, folding records at fixed times, in a world where everything that is ordered succeeds
//! at once. Its records go into a real log, which is what panels look things up in.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flightdeck::cockpit::archive::{Found, Question, Shelf};
use flightdeck::config::parse::Machine;
use flightdeck::config::{Config, Problem, Sources, load};
use flightdeck::edge::store::Store;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::effect::{Effect, Outcome};
use flightdeck::pilot::event::{Ask, Event};
use flightdeck::pilot::fact::{
    Commit, Exit, Handoff, Identity, Look, PaneFact, Person, Place, Push, Report, Search, Server, Stamp, Vetted, Work,
};
use flightdeck::pilot::id::{AgentId, Incarnation, PhaseId, Sha};
use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::step::{self, Charge};
use flightdeck::pilot::time::{Now, Time};
use flightdeck::pilot::turn;
use flightdeck::pilot::usage::Tokens;
use flightdeck::pilot::view::{PaneView, View};
use tempfile::TempDir;

use super::pane::Pane;

/// 2026-11-21T12:00:00Z, a Saturday.
pub(crate) const NOON: Time = Time(1_795_262_400_000);

/// Events of one moment that cause each other; more are a loop without end.
const AT_ONCE: u32 = 1_000;

/// An engine with its fleet.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Time,
    state: State,
    rules: Config,
    panes: BTreeMap<AgentId, (PaneFact, Pane)>,
    server: Option<Server>,
    pids: u32,
    pictures: u64,
    events: VecDeque<Event>,
    fresh: Vec<(Stamp, Record)>,
    answer: Option<Answer>,
    log: Log,
}

impl World {
    /// An engine takes charge of these agents: lines of `[agents.*]` tables, and the phases to go through.
    pub(crate) fn new(tables: &str, sequence: &[&str]) -> Self {
        let mut world = World {
            now: NOON,
            state: State::default(),
            rules: rules(tables, sequence),
            panes: BTreeMap::new(),
            server: None,
            pids: 4_000,
            pictures: 0,
            events: VecDeque::new(),
            fresh: Vec::new(),
            answer: None,
            log: Log::default(),
        };
        let charge = Charge { epoch: 3, pid: 3_999, host: "devbox".to_string(), seed: 7 };
        let out = step::begin(&mut world.state, &world.rules, Now::at(NOON), charge);
        world.take(out);
        world.happens(Event::TmuxGone);
        world.pass(Duration::from_secs(60));
        world
    }

    /// Eight agents in eight states, after twelve minutes: what most tests look at.
    pub(crate) fn busy() -> Self {
        static BUSY: LazyLock<World> = LazyLock::new(World::make_busy);
        BUSY.clone()
    }

    fn make_busy() -> Self {
        let billed = |name: &str| match name {
            "builder" => "billing = \"tokens\"\nbudget = \"5 USD/day\"\n",
            "adversary" => "billing = \"subscription\"\n",
            _ => "",
        };
        let agents = ["builder", "adversary", "orchestrator", "upgrader"].map(|name| table(name, billed(name)));
        let others =
            ["fixer", "scout", "spare", "wreck"].map(|name| table(name, "role = \"other\"\nprompt = \"worker\"\n"));
        let prices = "[prices.opus]\ninput = 5.0\noutput = 25.0\ncache_read = 0.5\ncache_write = 6.25\n";
        let mut world = World::new(&(agents.concat() + &others.concat() + prices), &["1a", "1b", "2"]);
        world.works_for(Duration::from_secs(240));
        world.pushes(&[("claim", "1a"), ("review", "1a")]);
        world.works_for(Duration::from_secs(360));
        world.rests("orchestrator", "● WAITING-UNTIL: 2026-11-21T12:20:00Z");
        world.rests("scout", "✗ usage limit reached · resets 5:10pm (UTC)");
        world.asks(Command::Stop { agent: id("spare") });
        world.asks(Command::Hold { agent: id("adversary"), reason: "the plan is being rewritten".to_string() });
        world.asks(Command::Send { agent: id("adversary"), text: "look at gate 1b first".to_string() });
        world.works_for(Duration::from_secs(60));
        world.uses("builder", "opus", [1_200, 65_000, 4_100_000, 12_000]);
        world.uses("adversary", "opus", [400, 8_000, 900_000, 3_000]);
        world.uses("fixer", "nameless", [300, 2_000, 10_000, 0]);
        world.shows("fixer", |pane| {
            pane.busy = None;
            pane.dialog = Some("Do you want to run this command?".to_string());
        });
        world.shows("builder", |pane| pane.said.push("● Tests are green: 日本語 too, 214 passed.".to_string()));
        world.dies("wreck", Exit::Status(101));
        world.pass(Duration::from_secs(2));
        world
    }

    // -- what happens ------------------------------------------------------------------------------------------------

    /// An operator asks; what the engine answers.
    pub(crate) fn asks(&mut self, command: Command) -> Option<Answer> {
        self.happens(Event::Asked { ask: Ask(1), command });
        self.answer.take()
    }

    /// An agent's pane changes.
    pub(crate) fn shows(&mut self, agent: &str, change: impl FnOnce(&mut Pane)) {
        let (fact, pane) = self.panes.get_mut(&id(agent)).expect("it runs");
        change(pane);
        let (agent, incarnation, screen) = (fact.agent.clone(), fact.incarnation, pane.screen());
        let taken = self.picture();
        self.happens(Event::ScreenChanged { agent, incarnation, screen, taken });
    }

    /// An agent ends its turn with this line.
    pub(crate) fn rests(&mut self, agent: &str, line: &str) {
        self.shows(agent, |pane| pane.say(line));
        let incarnation = self.panes[&id(agent)].0.incarnation;
        let report = Report::TurnEnded { answer: None, pending: 0 };
        self.happens(Event::Reported { agent: id(agent), incarnation, report });
    }

    /// An agent's program tells of an answer: input, output, and what was read from the cache and written to it.
    pub(crate) fn uses(&mut self, agent: &str, model: &str, [input, output, cache_read, cache_write]: [u64; 4]) {
        let incarnation = self.panes[&id(agent)].0.incarnation;
        let tokens = Tokens { input, output, cache_read, cache_write };
        let report = Report::Used { message: model.to_string(), model: model.to_string(), tokens, at: None };
        self.happens(Event::Reported { agent: id(agent), incarnation, report });
    }

    /// Time goes by while all who are in a turn work on: their spinners move and their answers grow.
    pub(crate) fn works_for(&mut self, span: Duration) {
        for round in 0..span.as_secs() / 60 {
            self.pass(Duration::from_secs(60));
            let busy: Vec<AgentId> =
                self.panes.iter().filter(|(_, (_, pane))| pane.busy.is_some()).map(|(id, _)| id.clone()).collect();
            for agent in busy {
                self.shows(agent.as_str(), |pane| {
                    pane.said.push(format!("● Step {round} is done."));
                    pane.busy = Some(format!("✳ Thinking… ({}s · 40 tokens)", 60 * (round + 1)));
                });
            }
        }
    }

    /// The number of a picture that is taken now.
    fn picture(&mut self) -> u64 {
        self.pictures += 1;
        self.pictures
    }

    /// An agent's process ends.
    pub(crate) fn dies(&mut self, agent: &str, exit: Exit) {
        let (fact, pane) = self.panes.remove(&id(agent)).expect("it runs");
        let last = Some(pane.screen());
        self.happens(Event::PaneDied { agent: id(agent), incarnation: fact.incarnation, exit, last });
    }

    /// Hand-overs arrive on the watched branch, one after the other.
    pub(crate) fn pushes(&mut self, handoffs: &[(&str, &str)]) {
        let first = Push { old: None, new: sha(0), ..nothing_pushed() };
        self.happens(Event::PushSeen(first));
        for (at, (prefix, gate)) in handoffs.iter().enumerate() {
            self.works_for(Duration::from_secs(60));
            let handoff = Handoff { prefix: prefix.to_string(), gate: gate.to_string() };
            let commit = Commit {
                sha: sha(at + 1),
                handoff: Some(handoff),
                author: Person::default(),
                committer: Person::default(),
            };
            let push = Push { old: Some(sha(at)), new: sha(at + 1), commits: vec![commit], ..nothing_pushed() };
            self.happens(Event::PushSeen(push));
        }
    }

    /// These stand in the log, whatever the pilot thinks of them.
    pub(crate) fn writes(&mut self, records: &[Record]) {
        for record in records {
            let stamp = Stamp { seq: self.state.seq + 1, at: self.now };
            self.state.apply(stamp, record);
            self.log.records.push((stamp, record.clone()));
            self.fresh.push((stamp, record.clone()));
        }
    }

    /// Time goes by, with every deadline of the pilot on its way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..10_000 {
            let due = step::next_deadline(&self.state).map(|(at, _)| *at).filter(|at| *at <= end);
            let Some(due) = due else { break };
            // A deadline that stays where it was is looked at again a moment later.
            self.now = due.max(Time(self.now.0 + 1)).min(end);
            self.happens(Event::TimePassed);
            if self.now == end {
                return;
            }
        }
        self.now = end;
        self.happens(Event::TimePassed);
    }

    /// One event with all that follows from it.
    pub(crate) fn happens(&mut self, event: Event) {
        self.events.push_back(event);
        for _ in 0..AT_ONCE {
            let Some(event) = self.events.pop_front() else { return };
            let out = step::step(&mut self.state, &self.rules, Now::at(self.now), event);
            self.take(out);
        }
        panic!("no rest at {}: {:?}", self.now, self.events);
    }

    // -- what is told ------------------------------------------------------------------------------------------------

    pub(crate) fn view(&self) -> View {
        step::view(&self.state, &self.rules, Now::at(self.now))
    }

    /// All records so far.
    pub(crate) fn records(&self) -> &[(Stamp, Record)] {
        &self.log.records
    }

    /// Records since this was asked last.
    pub(crate) fn news(&mut self) -> Vec<(Stamp, Record)> {
        std::mem::take(&mut self.fresh)
    }

    /// What who peeks at an agent sees.
    pub(crate) fn pane(&self, agent: &AgentId) -> Option<PaneView> {
        self.panes.get(agent).map(|(fact, pane)| pane.view(agent, fact.incarnation))
    }

    /// Looks it up in the log, as the cockpit's own thread does.
    pub(crate) fn look_up(&mut self, question: Question) -> Found {
        let path = self.log.file();
        {
            let dir = path.parent().expect("it is a file");
            Shelf::new(dir, dir)
        }
        .answer(question)
    }

    // -- effects -----------------------------------------------------------------------------------------------------

    fn take(&mut self, out: turn::Outcome) {
        self.log.records.extend(out.records.iter().cloned());
        self.fresh.extend(out.records);
        for effect in out.effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::StartServer { id } => {
                self.server = Some(Server { pid: 3_998, started: NOON.0 / 1_000 });
                self.done(id, Outcome::Done);
                self.survey();
            }
            Effect::Survey => self.survey(),
            Effect::Start { id, agent, incarnation, .. } => {
                let outcome = self.start(&agent, incarnation);
                self.done(id, outcome);
                self.changed(&agent);
            }
            Effect::Stop { id, agent, .. } => {
                self.panes.remove(&agent);
                self.done(id, Outcome::Stopped { left: Vec::new() });
            }
            Effect::Paste { id, agent, text, .. } => {
                self.panes.get_mut(&agent).expect("it runs").1.composer = text;
                self.done(id, Outcome::Done);
                self.changed(&agent);
            }
            Effect::Submit { id, agent, incarnation, text, .. } => {
                self.panes.get_mut(&agent).expect("it runs").1.submit();
                self.done(id, Outcome::Done);
                let report = Report::PromptSubmitted { prompt: text };
                self.events.push_back(Event::Reported { agent: agent.clone(), incarnation, report });
                self.changed(&agent);
            }
            Effect::Post { .. } => panic!("no program of this world takes messages beside its composer"),
            Effect::Write { id, .. } => self.done(id, Outcome::Done),
            Effect::Look { agent, incarnation, .. } => {
                let screen = self.panes.get(&agent).map(|(_, pane)| pane.screen());
                let taken = self.picture();
                let look = Look { work: screen.is_some().then(Work::default), screen, taken };
                self.events.push_back(Event::Looked { agent, incarnation, look });
            }
            Effect::Search { agent, .. } => self.events.push_back(Event::Searched { agent, found: Search::None }),
            Effect::Probe { account, backend, .. } => {
                self.events.push_back(Event::Probed {
                    account,
                    backend,
                    probed: flightdeck::pilot::fact::Probed::Same,
                });
            }
            Effect::Vet { agent, .. } => {
                self.events.push_back(Event::Vetted { agent, vetted: Vetted::default() });
            }
            Effect::Seek { agent, account, conversation, .. } => {
                self.events.push_back(Event::Sought { agent, account, conversation, found: Ok(()) });
            }
            Effect::Reply { answer, .. } => self.answer = Some(answer),
            Effect::Reload { .. } => self.events.push_back(Event::ConfigLoaded),
            Effect::Quit { .. } => {}
        }
    }

    fn done(&mut self, id: flightdeck::pilot::id::EffectId, outcome: Outcome) {
        self.events.push_back(Event::EffectFinished { id, outcome });
    }

    fn survey(&mut self) {
        let Some(server) = self.server.clone() else {
            self.events.push_back(Event::TmuxGone);
            return;
        };
        let panes = self.panes.values().map(|(fact, _)| fact.clone()).collect();
        self.events.push_back(Event::TmuxAnswered { server, panes });
    }

    fn start(&mut self, agent: &AgentId, incarnation: Incarnation) -> Outcome {
        self.pids += 1;
        let server = self.server.clone().expect("agents start on a server");
        let place = Place { server, session: format!("${}", self.pids), pane: format!("%{}", self.pids) };
        let process = Identity { boot: "boot".to_string(), pid: self.pids, started: 1 };
        let (agent, place_, process_) = (agent.clone(), place.clone(), Some(process.clone()));
        let fact = PaneFact { agent: agent.clone(), incarnation, place: place_, process: process_, dead: None };
        self.panes.insert(agent.clone(), (fact, Pane::fresh(&agent)));
        Outcome::Started { place, process }
    }

    fn changed(&mut self, agent: &AgentId) {
        let (fact, pane) = &self.panes[agent];
        let (agent, incarnation, screen) = (agent.clone(), fact.incarnation, pane.screen());
        let taken = self.picture();
        self.events.push_back(Event::ScreenChanged { agent, incarnation, screen, taken });
    }
}

/// All records, and the file that has them as soon as somebody looks something up.
#[derive(Clone, Default)]
struct Log {
    records: Vec<(Stamp, Record)>,
    /// A folder with a log, and how many of the records are in it.
    file: Option<(Arc<TempDir>, usize)>,
}

impl Log {
    fn file(&mut self) -> PathBuf {
        if let Some((dir, written)) = &self.file
            && *written == self.records.len()
        {
            return dir.path().join("records.db");
        }
        let (dir, written) = match self.file.take() {
            Some((dir, written)) if Arc::strong_count(&dir) == 1 => (dir, written),
            Some((shared, written)) => (copy(&shared), written),
            None => (Arc::new(tempfile::tempdir().expect("a folder")), 0),
        };
        let path = dir.path().join("records.db");
        let mut store = Store::open(&path).expect("a log");
        for moment in self.records[written..].chunk_by(|(one, _), (next, _)| one.at == next.at) {
            let records: Vec<Record> = moment.iter().map(|(_, record)| record.clone()).collect();
            store.append(moment[0].0.at, &records).expect("room for records");
        }
        self.file = Some((dir, self.records.len()));
        path
    }
}

fn copy(dir: &TempDir) -> Arc<TempDir> {
    let own = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(dir.path()).expect("a folder").map(|file| file.expect("a file").file_name()) {
        std::fs::copy(dir.path().join(&file), own.path().join(&file)).expect("room for a copy");
    }
    Arc::new(own)
}

/// The table of one demo agent.
pub(crate) fn table(name: &str, lines: &str) -> String {
    format!("\n[agents.{name}]\nbackend = \"demo\"\ndir = \"clones/{name}\"\n{lines}")
}

pub(crate) fn id(agent: &str) -> AgentId {
    AgentId::parse(agent).expect("a name")
}

fn sha(number: usize) -> Sha {
    Sha::parse(&format!("{:08x}{number:032x}", 0x3f2a_1cd0 + number)).expect("forty digits")
}

fn nothing_pushed() -> Push {
    Push {
        old: None,
        new: sha(0),
        rewritten: false,
        commits: Vec::new(),
        inbox: Vec::new(),
        done: Vec::<PhaseId>::new(),
    }
}

fn rules(tables: &str, sequence: &[&str]) -> Config {
    let project =
        format!("version = 1\n[project]\nname = \"calc\"\nremote = \"/srv/calc.git\"\nsequence = {sequence:?}\n");
    let phase = |id: &&str| (format!("{id}.md"), format!("---\nid: {id}\ntitle: Phase {id}\n---\nplan\n").into_bytes());
    let prompt = |name: &str| (format!("{name}.md"), b"Go on with {{ phase_id }}.".to_vec());
    let sources = Sources {
        root: PathBuf::from("/ws"),
        main: (project + tables).into_bytes(),
        phases: ["1a", "1b", "2", "3"].iter().map(phase).collect(),
        machine: Machine::default(),
        prompts: ["preamble", "builder", "adversary", "orchestrator", "upgrader", "worker"].map(prompt).to_vec(),
    };
    load(&sources)
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")))
}
