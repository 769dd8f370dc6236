//! A program with an interface of its own: how the pilot hands messages over to it, and what it makes of the program's own word.

use std::sync::Arc;
use std::time::Duration;

use flightdeck::config::model::Config;
use flightdeck::config::parse::{Sources, load};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::effect::{Effect, Outcome};
use flightdeck::pilot::event::{Ask, Event};
use flightdeck::pilot::fact::{Exit, Identity, PaneFact, Place, ProgramState, Report, Screen, Server, Stamp, Vetted};
use flightdeck::pilot::id::{AgentId, EffectId, Incarnation, MessageId};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::step::{self, Charge};
use flightdeck::pilot::time::{Now, Time};

const LIFE: Incarnation = Incarnation(1);

/// A fleet of one OpenCode, and the clock.
struct Fleet {
    rules: Config,
    state: State,
    now: Time,
    taken: u64,
    effects: Vec<Effect>,
    records: Vec<(Stamp, Record)>,
    epoch: u64,
}

impl Fleet {
    /// Up, with an empty composer on its screen.
    fn up(lines: &str) -> Fleet {
        let main = format!(
            "version = 1\n[project]\nsequence = []\n[agents.worker]\nrole = \"other\"\nbackend = \"opencode\"\ndir = \"/w\"\nprompt = \"worker\"\n{lines}"
        );
        let prompts = vec![("worker.md".to_string(), b"Begin.\n".to_vec())];
        let sources = Sources {
            root: "/d".into(),
            main: main.into_bytes(),
            phases: Vec::new(),
            prompts,
            machine: flightdeck::config::parse::Machine::default(),
        };
        let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems:?}"));
        let now = Time(1_795_286_881_000);
        let mut fleet =
            Fleet { rules, state: State::default(), now, taken: 0, effects: Vec::new(), records: Vec::new(), epoch: 0 };
        fleet.engine();
        fleet.happens(Event::TmuxAnswered { server: server(), panes: Vec::new() });
        let Some(Effect::Vet { agent, .. }) = fleet.ordered() else { panic!("{:?}", fleet.effects) };
        fleet.happens(Event::Vetted { agent, vetted: Vetted::default() });
        let Some(Effect::Start { id, .. }) = fleet.ordered() else { panic!("{:?}", fleet.effects) };
        fleet.happens(Event::EffectFinished { id, outcome: Outcome::Started { place: place(), process: process() } });
        fleet.shows("  ┃  Ask anything… \"x\"");
        fleet
    }

    /// An engine takes charge: it knows what was recorded, and nothing else.
    fn engine(&mut self) {
        self.epoch += 1;
        self.state = State::default();
        self.records.iter().for_each(|(stamp, record)| self.state.apply(*stamp, record));
        let charge = Charge { epoch: self.epoch, pid: 1, host: "h".to_string(), seed: 7 };
        let now = self.clock();
        let out = step::begin(&mut self.state, &self.rules, now, charge);
        self.effects = out.effects;
        self.records.extend(out.records);
    }

    fn clock(&self) -> Now {
        Now { steady: self.now, wall: self.now }
    }

    fn happens(&mut self, event: Event) {
        let now = self.clock();
        let out = step::step(&mut self.state, &self.rules, now, event);
        self.effects.extend(out.effects);
        self.records.extend(out.records);
    }

    fn passes(&mut self, span: Duration) {
        self.now = self.now + span;
        self.happens(Event::TimePassed);
    }

    fn says(&mut self, report: Report) {
        self.happens(Event::Reported { agent: worker(), incarnation: LIFE, report });
    }

    fn is(&mut self, state: ProgramState) {
        self.says(Report::State { state });
    }

    fn shows(&mut self, box_line: &str) {
        let lines = ["", "  ┃", box_line, "  ┃", "  ┃  Build · Stub Model Stub", "  ╹▀▀▀▀▀▀▀▀▀▀▀▀▀▀"];
        let screen = Screen { lines: lines.map(String::from).to_vec(), columns: 80, ..Screen::default() };
        self.taken += 1;
        let (taken, screen) = (self.taken, Arc::new(screen));
        self.happens(Event::ScreenChanged { agent: worker(), incarnation: LIFE, screen, taken });
    }

    fn send(&mut self, text: &str) -> MessageId {
        let before = self.state.next_message.max(1);
        self.happens(Event::Asked { ask: Ask(1), command: Command::Send { agent: worker(), text: text.to_string() } });
        MessageId(before)
    }

    /// What was ordered since this was asked last, but for looks and answers.
    fn ordered(&mut self) -> Option<Effect> {
        let looks = |effect: &Effect| matches!(effect, Effect::Look { .. } | Effect::Survey | Effect::Reply { .. });
        let mut ordered = std::mem::take(&mut self.effects);
        ordered.retain(|effect| !looks(effect));
        assert!(ordered.len() <= 1, "{ordered:?}");
        ordered.pop()
    }

    /// The message that is to be handed over now.
    #[track_caller]
    fn posts(&mut self) -> (EffectId, MessageId, String) {
        match self.ordered() {
            Some(Effect::Post { id, message, text, .. }) => (id, message, text),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, id: EffectId, outcome: Outcome) {
        self.happens(Event::EffectFinished { id, outcome });
    }

    fn stage(&self, message: MessageId) -> Stage {
        self.state.outbox[&message].stage.clone()
    }

    /// Reachable and idle, its start prompt handed over and answered.
    fn ready(lines: &str) -> Fleet {
        let mut fleet = Fleet::up(lines);
        fleet.says(Report::Reachable { reachable: true });
        fleet.is(ProgramState::Idle);
        let (id, _, text) = fleet.posts();
        fleet.done(id, Outcome::Done);
        fleet.says(Report::PromptSubmitted { prompt: text });
        fleet.is(ProgramState::Busy);
        fleet.passes(Duration::from_secs(3));
        fleet.says(Report::TurnEnded { answer: None, pending: 0 });
        fleet.is(ProgramState::Idle);
        assert_eq!(fleet.ordered(), None);
        fleet
    }
}

fn worker() -> AgentId {
    AgentId::parse("worker").expect("a name")
}

fn server() -> Server {
    Server { pid: 9, started: 9 }
}

fn place() -> Place {
    Place { server: server(), session: "$1".to_string(), pane: "%1".to_string() }
}

fn process() -> Identity {
    Identity { boot: "b".to_string(), pid: 11, started: 11 }
}

fn dialog() -> ProgramState {
    ProgramState::Waiting { on: "permission bash rm x".to_string() }
}

#[test]
fn a_message_is_handed_over_once_and_its_words_in_the_conversation_are_its_proof() {
    let mut fleet = Fleet::ready("");
    // Somebody's draft is no hindrance, and is not touched.
    fleet.shows("  ┃  my own draft");
    let message = fleet.send("hello there");
    let (id, posted, text) = fleet.posts();
    assert_eq!((posted, text.as_str(), fleet.stage(message)), (message, "hello there", Stage::Posted));
    fleet.done(id, Outcome::Done);
    // What others say is no proof, however much it has in common.
    fleet.says(Report::PromptSubmitted { prompt: "hello there, said somebody".to_string() });
    assert_eq!(fleet.stage(message), Stage::Posted);
    fleet.says(Report::PromptSubmitted { prompt: "hello there".to_string() });
    assert!(matches!(fleet.stage(message), Stage::Submitted { .. }));
    assert_eq!(fleet.ordered(), None);
}

#[test]
fn its_proof_may_come_before_the_word_that_it_was_sent() {
    let mut fleet = Fleet::ready("");
    let message = fleet.send("hello");
    let (id, ..) = fleet.posts();
    fleet.says(Report::PromptSubmitted { prompt: "hello".to_string() });
    fleet.done(id, Outcome::Unknown { why: "no answer".to_string() });
    fleet.passes(Duration::from_secs(60));
    assert!(matches!(fleet.stage(message), Stage::Submitted { .. }));
    assert_eq!(fleet.ordered(), None);
}

#[test]
fn one_that_is_not_seen_is_looked_for_some_times_and_then_called_uncertain() {
    let mut fleet = Fleet::ready("");
    let message = fleet.send("hello");
    let mut orders = 0;
    for _ in 0..20 {
        if let Some(Effect::Post { id, message: posted, .. }) = fleet.ordered() {
            assert_eq!(posted, message);
            orders += 1;
            fleet.done(id, Outcome::Unknown { why: "no answer".to_string() });
        }
        fleet.passes(Duration::from_secs(5));
    }
    assert_eq!(orders, 4);
    assert!(matches!(fleet.stage(message), Stage::Uncertain { .. }));
}

#[test]
fn one_that_did_not_get_there_waits_and_is_handed_over_again() {
    let mut fleet = Fleet::ready("");
    let message = fleet.send("hello");
    let (id, ..) = fleet.posts();
    fleet.done(id, Outcome::Failed { why: "refused".to_string() });
    assert!(matches!(fleet.stage(message), Stage::Queued { why: Some(_) }));
    fleet.passes(Duration::from_secs(10));
    assert_eq!(fleet.posts().1, message);
}

#[test]
fn without_its_interface_it_gets_messages_by_its_composer_after_a_while() {
    let mut fleet = Fleet::up("");
    assert_eq!(fleet.ordered(), None);
    fleet.passes(Duration::from_secs(25));
    assert_eq!(fleet.ordered(), None, "it may still be reached");
    fleet.passes(Duration::from_secs(10));
    assert!(matches!(fleet.ordered(), Some(Effect::Paste { .. })));
    // One that was reached and is not any more.
    let mut fleet = Fleet::ready("");
    fleet.says(Report::Reachable { reachable: false });
    fleet.send("hello");
    assert_eq!(fleet.ordered(), None);
    fleet.passes(Duration::from_secs(31));
    assert!(matches!(fleet.ordered(), Some(Effect::Paste { .. })));
}

#[test]
fn an_engine_that_comes_later_looks_for_what_was_being_handed_over() {
    let mut fleet = Fleet::ready("");
    let message = fleet.send("hello");
    fleet.posts();
    fleet.engine();
    let pane = PaneFact { agent: worker(), incarnation: LIFE, place: place(), process: Some(process()), dead: None };
    fleet.happens(Event::TmuxAnswered { server: server(), panes: vec![pane] });
    fleet.shows("  ┃");
    assert_eq!(fleet.ordered(), None, "nobody knows yet whether it can be reached");
    fleet.says(Report::Reachable { reachable: true });
    let (id, posted, _) = fleet.posts();
    assert_eq!(posted, message);
    fleet.says(Report::PromptRecorded { prompt: "hello".to_string() });
    fleet.done(id, Outcome::Done);
    assert!(matches!(fleet.stage(message), Stage::Submitted { .. }));
}

#[test]
fn one_whose_agent_ends_meanwhile_is_called_uncertain_and_not_sent_again() {
    let mut fleet = Fleet::ready("");
    let message = fleet.send("hello");
    fleet.posts();
    fleet.happens(Event::PaneDied { agent: worker(), incarnation: LIFE, exit: Exit::Signal(9), last: None });
    assert!(matches!(fleet.stage(message), Stage::Uncertain { .. }));
}

#[test]
fn it_waits_for_the_end_of_a_turn_or_queues_as_the_operator_says() {
    for state in [ProgramState::Busy, dialog()] {
        let mut fleet = Fleet::ready("");
        fleet.is(state.clone());
        let message = fleet.send("hello");
        assert_eq!(fleet.ordered(), None, "{state:?}");
        fleet.is(ProgramState::Idle);
        assert_eq!(fleet.posts().1, message);
        let mut fleet = Fleet::ready("deliver = \"any\"\n");
        fleet.is(state.clone());
        let message = fleet.send("hello");
        assert_eq!(fleet.posts().1, message, "{state:?}");
    }
    // A service that is overloaded gets nothing more to do.
    let mut fleet = Fleet::ready("deliver = \"any\"\n");
    fleet.is(ProgramState::Retrying { attempt: 1, until: None });
    fleet.send("hello");
    assert_eq!(fleet.ordered(), None);
}

#[test]
fn what_the_program_says_goes_before_its_screen() {
    let mut fleet = Fleet::ready("");
    let shown = |fleet: &Fleet| {
        let view = step::view(&fleet.state, &fleet.rules, fleet.clock());
        (view.agents[0].state.word(), view.alerts.join(" "))
    };
    for (state, word) in [
        (ProgramState::Busy, "working"),
        (dialog(), "at-dialog"),
        (ProgramState::Retrying { attempt: 2, until: None }, "retrying"),
        (ProgramState::Idle, "idle"),
    ] {
        fleet.is(state);
        fleet.passes(Duration::from_secs(2));
        assert_eq!(shown(&fleet).0, word);
        assert_eq!(shown(&fleet).1.contains("bash rm x"), word == "at-dialog");
    }
    // Its own word is gone with the way it came.
    fleet.is(ProgramState::Busy);
    fleet.says(Report::Reachable { reachable: false });
    fleet.passes(Duration::from_secs(2));
    assert_eq!(shown(&fleet).0, "idle");
}

#[test]
fn what_its_service_says_of_a_failed_turn_is_told_from_a_poisoned_conversation_and_a_refused_login() {
    let failed = |error: &str| {
        let mut fleet = Fleet::ready("");
        fleet.says(Report::SessionStarted { conversation: Some("ses_1".to_string()), transcript: None });
        fleet.says(Report::PromptSubmitted { prompt: "go on".to_string() });
        fleet.says(Report::TurnFailed { error: error.to_string(), status: None, resets: None });
        fleet.is(ProgramState::Idle);
        fleet.passes(Duration::from_secs(2));
        let quarantined = |(_, record): &(Stamp, Record)| matches!(record, Record::Quarantined { .. });
        let left = fleet.records.iter().any(quarantined);
        (left, step::view(&fleet.state, &fleet.rules, fleet.clock()).agents[0].state.word())
    };
    let thinking = "400 messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.";
    let tools = "400 messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01.";
    for error in [thinking, tools, "400 messages.1.content.0: Invalid `signature` in `thinking` block"] {
        assert!(failed(error).0, "{error}");
    }
    for error in ["401 invalid x-api-key", "403 revoked", "404 model: x", "400 Your credit balance is too low"] {
        assert_eq!(failed(error), (false, "auth-failed"), "{error}");
    }
    for error in ["529 Overloaded", "400 something else", "the connection was lost"] {
        assert_eq!(failed(error), (false, "idle"), "{error}");
    }
}
