//! What watching costs: processor time of the engine, of its control client and of the tmux server over the same fleet
//! without an engine; processes started; memory.

use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::Record;

use crate::fleet::{Fleet, Member, next};
use crate::meter::{self, Used};
use crate::now_ms;

/// Answers what it is told, then nothing.
const QUIET: &str = "on *: think 100ms; say you said: {prompt}\n";
/// A line and a turn of the spinner each 100 ms, for longer than any measurement.
const PRINTING: &str = "on *: print 10 lines per second for 1h\n";
/// After the last record, and after an engine went: what was begun is over, threads that wait for work have ended.
const SILENCE: Duration = Duration::from_secs(12);

/// One row.
pub(crate) struct Cost {
    label: String,
    seconds: f64,
    engine: Used,
    control: Used,
    server: Used,
    server_alone: Used,
    spawned: u64,
    spawned_alone: u64,
    memory: (u64, u64),
    records: u64,
    started_ms: f64,
    adopted_ms: f64,
}

impl Cost {
    pub(crate) const HEAD: &str = "\
        | fleet | engine + control client | tmux server | the same without engine | over no engine | processes and threads started (without engine) | \
        wake-ups engine | RSS; PSS KiB | start to all sessions | engine back |\n|---|---|---|---|---|---|---|---|---|---|";

    /// Everything per minute.
    pub(crate) fn row(&self) -> String {
        let minute = 60.0 / self.seconds;
        let cpu = |used: Used| used.cpu_ns as f64 / 1e6 * minute;
        let per = |count: u64| (count as f64 * minute).round();
        let over = cpu(self.engine) + cpu(self.control) + cpu(self.server) - cpu(self.server_alone);
        format!(
            "| {} | {:.1} + {:.1} ms | {:.1} ms | {:.1} ms | **{over:.1} ms** | {} ({}) | {} | {}; {} | {:.0} ms | {:.0} ms | {} records",
            self.label,
            cpu(self.engine),
            cpu(self.control),
            cpu(self.server),
            cpu(self.server_alone),
            per(self.spawned),
            per(self.spawned_alone),
            per(self.engine.switches),
            self.memory.0,
            self.memory.1,
            self.started_ms,
            self.adopted_ms,
            self.records,
        )
    }
}

/// A fleet in which nothing happens.
pub(crate) fn quiet(count: usize, span: Duration) -> Cost {
    let members = (0..count).map(|n| Member::new(format!("q{n:03}"), QUIET)).collect();
    measure(format!("{count} quiet"), members, span, 1)
}

/// A fleet that prints all the time. Engine and no engine take turns, as the server's own part wanders.
pub(crate) fn printing(count: usize, span: Duration) -> Cost {
    let members = (0..count).map(|n| Member::new(format!("p{n:03}"), PRINTING)).collect();
    measure(format!("{count} printing"), members, span, 3)
}

fn measure(label: String, members: Vec<Member>, span: Duration, rounds: u32) -> Cost {
    let mut fleet = Fleet::new(members, false);
    let began = now_ms();
    fleet.start_engine();
    let mut seq = fleet.settle(SILENCE);
    let started_ms = all_started(&fleet) - began;
    let mut cost = Cost {
        label,
        seconds: span.as_secs_f64(),
        engine: Used::default(),
        control: Used::default(),
        server: Used::default(),
        server_alone: Used::default(),
        spawned: 0,
        spawned_alone: 0,
        memory: (0, 0),
        records: 0,
        started_ms,
        adopted_ms: 0.0,
    };
    for _ in 0..rounds {
        with_engine(&fleet, span / rounds, &mut cost);
        let now = fleet.settle(Duration::from_millis(200));
        cost.records += now - seq;
        fleet.stop_engine();
        clock::block(SILENCE);
        without(&fleet, span / rounds, &mut cost);
        let began = now_ms();
        fleet.start_engine();
        seq = adopted(&mut fleet, began, &mut cost);
    }
    cost
}

fn with_engine(fleet: &Fleet, span: Duration, cost: &mut Cost) {
    let (engine, server) = (fleet.engine_pid(), fleet.server_pid());
    let control = meter::children(engine);
    let sum = |pids: &[u32]| pids.iter().fold(Used::default(), |sum, pid| sum.plus(meter::used(*pid)));
    let before = (meter::used(engine), sum(&control), meter::used(server), meter::newest());
    clock::block(span);
    cost.engine = cost.engine.plus(meter::used(engine).since(before.0));
    cost.control = cost.control.plus(sum(&control).since(before.1));
    cost.server = cost.server.plus(meter::used(server).since(before.2));
    cost.spawned += meter::newest() - before.3;
    cost.memory = meter::memory(engine);
}

fn without(fleet: &Fleet, span: Duration, cost: &mut Cost) {
    let server = fleet.server_pid();
    let before = (meter::used(server), meter::newest());
    clock::block(span);
    cost.server_alone = cost.server_alone.plus(meter::used(server).since(before.0));
    cost.spawned_alone += meter::newest() - before.1;
}

/// Waits until a new engine knows its fleet again.
fn adopted(fleet: &mut Fleet, began: f64, cost: &mut Cost) -> u64 {
    loop {
        let answer = fleet.client().ask(&Command::Status, Duration::from_secs(5)).expect("the engine answers");
        let Answer::Status { view } = answer else { panic!("{answer:?} is no status") };
        if view.tmux == "up" && view.agents.iter().all(|agent| !agent.last_line.is_empty()) {
            break;
        }
        clock::block(Duration::from_millis(5));
    }
    cost.adopted_ms = cost.adopted_ms.max(now_ms() - began);
    fleet.settle(SILENCE)
}

/// When the last session was there.
fn all_started(fleet: &Fleet) -> f64 {
    let mut follow = fleet.follow();
    let mut last = 0.0;
    while let Some((stamp, record)) = next(&mut follow, Duration::from_millis(100)) {
        if let Record::Started { .. } = record {
            last = stamp.at.0 as f64;
        }
    }
    last
}
