//! A short day of a project, gone through whatever becomes of its engines: two loops start, are spoken to, hand over a
//! claim and a review, one of them dies, a third agent comes by a reload, the phase changes. What it came to is compared
//! with a day on which nothing happened.
//!
//! Whoever ends an engine, the next one begins at once. What a client was not told it asks again, after a look whether it
//! was taken: so each wish is the operator's once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::PhaseId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{Order, Record};
use flightdeck::pilot::view::View;
use rustix::process::Signal;

use super::deck::{Deck, id, text};
use super::plan::{PROGRAM, Plan};

const PATIENCE_MS: i64 = 40_000;
const LOOK: Duration = Duration::from_millis(10);
const BUILDER: &str = "on claim it: append work x; commit claim(1a): built; push; say pushed\n\
    on finish the phase: done; say finished\non *: say yes\n";
const ADVERSARY: &str = "on claim(: append verdict x; commit review(1a): fine; push; say pushed\non *: say yes\n";
/// Notes each life of an agent, by the name of its folder, before it begins: the truth about "started once".
const LAUNCH: &str = "echo \"${PWD##*/}\" >> ../../lives; exec \"$0\" demo-agent \"$@\"";

/// What the engines of a day meet: the environment of each, by its number from 1.
type Arm = Box<dyn FnMut(u32) -> Vec<(&'static str, String)>>;
/// Called again and again while an engine runs.
type Meddle = Box<dyn FnMut(&Deck)>;

/// A day on its way.
pub(crate) struct Course {
    pub(crate) deck: Deck,
    arm: RefCell<Arm>,
    meddle: RefCell<Meddle>,
    pub(crate) engines: Cell<u32>,
    /// How each engine ended that was not told to, and what it said.
    pub(crate) ends: RefCell<Vec<(std::process::ExitStatus, String)>>,
    whole: toml::Table,
}

/// What a day came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Each agent's lives, as the agents themselves noted them.
    pub(crate) lives: BTreeMap<String, usize>,
    /// What each agent took in, sorted, commits without their names.
    pub(crate) submits: BTreeMap<String, Vec<String>>,
    pub(crate) phases: Vec<String>,
    /// All that there are, gone through or not.
    pub(crate) sequence: Vec<String>,
    pub(crate) phases_done: usize,
    pub(crate) handoffs: usize,
    /// Which agents live at its end.
    pub(crate) living: Vec<String>,
}

impl Course {
    /// A day whose engines have what `arm` gives, and which `meddle` disturbs.
    pub(crate) fn new(arm: impl FnMut(u32) -> Vec<(&'static str, String)> + 'static) -> Course {
        let plan = Plan::pair(BUILDER, ADVERSARY)
            .agent("helper", "on *: say yes\n")
            .set("project.sequence", vec!["1a", "1b"])
            .set("backends.player.launch", vec!["sh", "-c", LAUNCH, PROGRAM, "{args}"])
            // What a crash costs is another test's concern: here every start is to happen.
            .set("restart.budget_short", "50 in 10m")
            .set("restart.budget_long", "90 in 1d");
        let deck = plan.laid_out();
        let file = deck.workspace.join("flightdeck.toml");
        let whole: toml::Table = text(&file).parse().expect("our own file");
        let mut pair = whole.clone();
        pair["agents"].as_table_mut().expect("a table").remove("helper");
        fs::write(&file, pair.to_string()).expect("a file");
        Course {
            deck,
            arm: RefCell::new(Box::new(arm)),
            meddle: RefCell::new(Box::new(|_| ())),
            engines: Cell::new(0),
            ends: RefCell::default(),
            whole,
        }
    }

    pub(crate) fn meddled(self, meddle: impl FnMut(&Deck) + 'static) -> Course {
        *self.meddle.borrow_mut() = Box::new(meddle);
        self
    }

    /// The whole day; what it came to.
    pub(crate) fn run(&self) -> Outcome {
        self.start();
        for agent in ["builder", "adversary"] {
            self.took(agent, "phase 1a", 1);
        }
        self.quiet();
        self.send("builder", "claim it");
        self.send("adversary", "a word");
        self.took("adversary", "claim(1a)", 1);
        self.took("builder", "review(1a)", 1);
        self.quiet();
        self.lose("adversary");
        fs::write(self.deck.workspace.join("flightdeck.toml"), self.whole.to_string()).expect("a file");
        self.until("the helper", || {
            if !self.deck.workspace.join("helper.submits").exists() {
                self.ask(&Command::Reload);
            }
            (!self.deck.submits("helper").is_empty()).then_some(())
        });
        self.quiet();
        self.send("builder", "finish the phase");
        for agent in ["builder", "adversary"] {
            self.took(agent, "phase 1b", 1);
        }
        self.quiet();
        self.append("2");
        for agent in ["builder", "adversary", "helper"] {
            self.send(agent, "a last word");
            self.took(agent, "a last word", 1);
        }
        self.quiet();
        self.judge();
        let outcome = self.outcome();
        self.looks_the_same_after_a_restart(&outcome);
        outcome
    }

    /// One more engine, to which nothing happens, finds all of it as it was, and does nothing.
    fn looks_the_same_after_a_restart(&self, outcome: &Outcome) {
        *self.arm.borrow_mut() = Box::new(|_| Vec::new());
        *self.meddle.borrow_mut() = Box::new(|_| ());
        let ends = self.ends.borrow().len();
        self.deck.end_engine(Signal::KILL);
        self.start();
        self.until("all agents watched", || {
            let view = self.view()?;
            (view.tmux == "up" && view.agents.iter().all(|agent| agent.pid.is_some())).then_some(())
        });
        assert_eq!(self.ends.borrow().len(), ends, "it ended as well\n{}", self.story());
        self.judge();
        assert_eq!(self.outcome(), *outcome, "{}", self.story());
    }

    fn start(&self) {
        self.engines.set(self.engines.get() + 1);
        let variables = self.arm.borrow_mut()(self.engines.get());
        *self.deck.variables.borrow_mut() = variables;
        self.deck.spawn_engine();
    }

    /// Begins the next engine where one has ended.
    fn revive(&self) {
        if let Some(status) = self.deck.ended() {
            self.ends.borrow_mut().push((status, self.deck.said()));
            assert!(self.engines.get() < 60, "engines end again and again: {:?}", self.ends.borrow().last());
            self.start();
        }
    }

    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = clock::monotonic_ms() + PATIENCE_MS;
        loop {
            self.revive();
            self.meddle.borrow_mut()(&self.deck);
            if let Some(seen) = look() {
                return seen;
            }
            assert!(clock::monotonic_ms() < deadline, "waited for {what}\n{}", self.story());
            clock::block(LOOK);
        }
    }

    fn ask(&self, command: &Command) -> Option<Answer> {
        Client::connect(&self.deck.state_dir()).ok()?.ask(command, Duration::from_secs(5)).ok()
    }

    pub(crate) fn view(&self) -> Option<View> {
        match self.ask(&Command::Status)? {
            Answer::Status { view } => Some(*view),
            other => panic!("{other:?}"),
        }
    }

    /// Sends this once, however often it has to be asked.
    fn send(&self, agent: &str, words: &str) {
        let command = Command::Send { agent: id(agent), text: words.to_string() };
        self.until(&format!("{words:?} is taken"), || {
            if self.queued(agent, words) {
                return Some(());
            }
            let answer = self.ask(&command)?;
            if is_undone(&answer) {
                // Nothing may come of it, or it is said twice in the end.
                return None;
            }
            assert!(matches!(answer, Answer::Queued { .. }), "{answer:?}");
            // What was promised is in the log, or the promise was false.
            assert!(self.queued(agent, words), "a false promise of {words:?}\n{}", self.story());
            Some(())
        });
    }

    /// Adds a phase to the sequence, once however often it has to be asked; ours is the file that tells of it.
    fn append(&self, phase: &str) {
        let phase = PhaseId::parse(phase).expect("a good name");
        let command = Command::PhaseAppend { phase: phase.clone() };
        let set = |record: &Record| matches!(record, Record::SequenceSet { phases, .. } if phases.contains(&phase));
        let written = |record: &Record| matches!(record, Record::Ordered { order: Order::Write { .. }, .. });
        self.until("the phase is appended", || {
            if self.deck.count(set) == 0 {
                self.ask(&command)?;
            }
            (self.deck.count(set) > 0).then_some(())
        });
        self.until("the sequence is written", || {
            let file: toml::Table = text(&self.deck.workspace.join("flightdeck.toml")).parse().ok()?;
            let there =
                file["project"]["sequence"].as_array()?.iter().any(|item| item.as_str() == Some(phase.as_str()));
            (there && self.deck.count(written) > 0).then_some(())
        });
    }

    fn queued(&self, agent: &str, words: &str) -> bool {
        let is = |record: &Record| matches!(record, Record::MessageQueued { message } if message.agent == id(agent) && message.text == words);
        self.deck.count(is) > 0
    }

    fn took(&self, agent: &str, words: &str, times: usize) {
        self.until(&format!("{agent} takes in {words:?}"), || {
            let seen = self.deck.submits(agent).iter().filter(|text| text.contains(words)).count();
            (seen >= times).then_some(())
        });
    }

    /// Waits until nothing is on its way any more.
    fn quiet(&self) {
        self.until("no message on its way", || {
            let view = self.view()?;
            // What the engine knows is in its log a moment later.
            let settled = || self.open_stages().iter().all(Stage::settled);
            (view.agents.iter().all(|agent| agent.waiting_messages == 0) && settled()).then_some(())
        });
    }

    /// An agent's process ends; it comes back, and is told to begin.
    fn lose(&self, agent: &str) {
        let before = self.deck.submits(agent).len();
        let process =
            self.until("its process", || self.deck.lives().into_iter().find(|(tag, _)| tag.agent == id(agent)));
        super::deck::signal_to(&process.1, Signal::KILL);
        self.until("its next life", || (self.deck.submits(agent).len() > before).then_some(()));
    }

    /// What holds on any day.
    fn judge(&self) {
        self.deck.one_of_each();
        let seqs: Vec<u64> = self.deck.records().iter().map(|(stamp, _)| stamp.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "the log has gaps");
        for file in self.traces() {
            assert!(!text(&file).contains("panicked"), "{}", text(&file));
        }
        for stage in self.open_stages() {
            assert!(stage.settled(), "{stage:?}\n{}", self.story());
        }
    }

    fn open_stages(&self) -> Vec<Stage> {
        let mut stages = BTreeMap::new();
        for (_, record) in self.deck.records() {
            if let Record::MessageMoved { message, stage, .. } = record {
                stages.insert(message, stage);
            }
        }
        stages.into_values().collect()
    }

    /// All that engines said to a terminal and to their logs.
    pub(crate) fn traces(&self) -> Vec<PathBuf> {
        let folders = [self.deck.outside(), self.deck.state_dir().join("log")];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|entry| entry.path()).collect()
    }

    fn outcome(&self) -> Outcome {
        let mut lives = BTreeMap::new();
        for agent in text(&self.deck.workspace.join("lives")).lines() {
            *lives.entry(agent.to_string()).or_default() += 1;
        }
        let submits = |agent: &str| {
            let mut texts: Vec<String> = self.deck.submits(agent).iter().map(|text| nameless(text)).collect();
            texts.sort();
            (agent.to_string(), texts)
        };
        let view = self.until("an answer", || self.view());
        Outcome {
            lives,
            submits: ["builder", "adversary", "helper"].map(submits).into(),
            phases: self.deck.all(|record| match record {
                Record::PhaseEntered { phase, .. } => Some(phase.to_string()),
                _ => None,
            }),
            sequence: view.phase.sequence.iter().map(|item| item.id.to_string()).collect(),
            phases_done: self.deck.count(|record| matches!(record, Record::PhaseDone { .. })),
            handoffs: self.deck.count(|record| matches!(record, Record::HandoffSeen { .. })),
            living: view.agents.iter().filter(|agent| agent.pid.is_some()).map(|agent| agent.id.to_string()).collect(),
        }
    }

    pub(crate) fn story(&self) -> String {
        format!("{}\nends: {:?}", self.deck.story(), self.ends.borrow())
    }
}

/// Commits have another name on each day.
fn nameless(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let hex = word.trim_end_matches('.');
        if hex.len() >= 7 && hex.chars().all(|c| c.is_ascii_hexdigit()) { "COMMIT" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Refused while the log can't be written (fault S1): nothing was done, and it is asked again.
fn is_undone(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { why, .. } if why.starts_with("records can't be written, so nothing was done"))
}
