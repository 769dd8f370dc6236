//! One step of the pilot: a look around in which nothing is to be done, and one changed screen.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use divan::Bencher;
use flightdeck::config::Sources;
use flightdeck::config::model::Config;
use flightdeck::config::parse::{Machine, load};
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Identity, PaneFact, Place, Screen, Server, Stamp};
use flightdeck::pilot::id::{AgentId, EffectId, Incarnation};
use flightdeck::pilot::record::{Actor, AgentState, Order, Record, Wish};
use flightdeck::pilot::state::State;
use flightdeck::pilot::step::{Charge, begin, step};
use flightdeck::pilot::time::{Now, Time};

const IDLE: &str = include_str!("../../tests/screens/claude-2.1.329/after-answer-idle.txt");
const BUSY: &str = include_str!("../../tests/screens/claude-2.1.329/busy-streaming-6s.txt");
/// 2026-11-21, noon.
const NOON: Time = Time(1_795_262_400_000);

#[divan::bench(args = [1, 10, 100])]
fn quiet_tick(bencher: Bencher<'_, '_>, agents: usize) {
    let (rules, mut state) = fleet(agents);
    let now = Now::at(Time(NOON.0 + 60_000));
    step(&mut state, &rules, now, Event::TimePassed);
    bencher.bench_local(|| black_box(step(&mut state, &rules, now, Event::TimePassed)));
    assert!(step(&mut state, &rules, now, Event::TimePassed).records.is_empty(), "this tick is not quiet");
}

#[divan::bench(args = [1, 10, 100])]
fn screen_changed(bencher: Bencher<'_, '_>, agents: usize) {
    let (rules, mut state) = fleet(agents);
    let screens = [screen(BUSY), screen(IDLE)].map(Arc::new);
    let mut at = NOON.0 + 60_000;
    bencher.bench_local(|| {
        // Ten frames a second, as a spinner makes them.
        at += 100;
        let screen = screens[usize::try_from(at / 100 % 2).unwrap_or(0)].clone();
        let event =
            Event::ScreenChanged { agent: name(0), incarnation: Incarnation(1), screen, taken: at.unsigned_abs() };
        black_box(step(&mut state, &rules, Now::at(Time(at)), event))
    });
}

fn fleet(agents: usize) -> (Config, State) {
    let rules = load(&sources(agents)).expect("a good configuration");
    let mut state = State::default();
    let server = Server { pid: 7, started: 1_795_000_000 };
    let mut records = vec![Record::ServerUp { server: server.clone() }];
    records.extend((0..agents).flat_map(|n| life(n, &server)));
    for (seq, record) in (1..).zip(&records) {
        state.apply(Stamp { seq, at: NOON }, record);
    }
    let now = Now::at(NOON);
    begin(&mut state, &rules, now, Charge { epoch: 1, pid: 8, host: "bench".to_string(), seed: 9 });
    let panes = (0..agents).map(|n| pane(n, &server)).collect();
    step(&mut state, &rules, now, Event::TmuxAnswered { server, panes });
    let idle = Arc::new(screen(IDLE));
    for n in 0..agents {
        let (agent, incarnation, screen) = (name(n), Incarnation(1), idle.clone());
        let event = Event::ScreenChanged { agent, incarnation, screen, taken: 1 };
        step(&mut state, &rules, now, event);
    }
    (rules, state)
}

fn life(n: usize, server: &Server) -> Vec<Record> {
    let (agent, incarnation, id) = (name(n), Incarnation(1), EffectId(n as u64 + 1));
    let order = Order::Start { incarnation, phase: None, conversation: None };
    let fact = pane(n, server);
    vec![
        Record::Wished { agent: agent.clone(), wish: Wish::Running, by: Actor::Config },
        Record::Ordered { id, agent: Some(agent.clone()), order, epoch: 1 },
        Record::Done { id },
        Record::Started {
            agent: agent.clone(),
            incarnation,
            place: fact.place,
            process: fact.process.expect("it lives"),
            phase: None,
            conversation: None,
        },
        Record::Ready { agent: agent.clone() },
        Record::StateChanged { agent, state: AgentState::Idle, why: String::new() },
    ]
}

fn pane(n: usize, server: &Server) -> PaneFact {
    let place = Place { server: server.clone(), session: format!("${n}"), pane: format!("%{n}") };
    let process = Some(Identity { boot: "a boot".to_string(), pid: n as u32 + 100, started: 5 });
    PaneFact { agent: name(n), incarnation: Incarnation(1), place, process, dead: None }
}

fn sources(agents: usize) -> Sources {
    let mut main = "version = 1\n[stall]\nidle = \"1d\"\nwait_cap = \"1d\"\nquiet_child_cap = \"1d\"\n".to_string();
    for n in 0..agents {
        let name = name(n);
        main +=
            &format!("[agents.{name}]\nrole = \"other\"\nbackend = \"claude\"\ndir = \"c/{name}\"\nprompt = \"p\"\n");
    }
    let prompts = vec![("p.md".to_string(), b"Begin.\n".to_vec())];
    Sources {
        main: main.into_bytes(),
        phases: Vec::new(),
        prompts,
        root: Path::new("/tmp").to_path_buf(),
        machine: Machine::default(),
    }
}

fn name(n: usize) -> AgentId {
    AgentId::parse(&format!("a{n:03}")).expect("a good name")
}

fn screen(text: &str) -> Screen {
    Screen { lines: text.lines().map(|line| line.trim_end().to_string()).collect(), ..Screen::default() }
}

/// Screens of one backend by name, for [`super::reading`].
pub(crate) fn screens() -> BTreeMap<&'static str, (&'static str, Screen)> {
    let demo = " demo agent · builder · phase 1a\n> do it\n● you said: do it\n● WAITING-UNTIL: 2026-11-21T05:00:00Z\n\
                ──────────────────────────────\n❯\u{a0}\n──────────────────────────────\n  ? for shortcuts · 12 tokens\n";
    let table = [("claude idle", "claude", IDLE), ("claude busy", "claude", BUSY), ("demo idle", "demo", demo)];
    table.into_iter().map(|(name, backend, text)| (name, (backend, screen(text)))).collect()
}
