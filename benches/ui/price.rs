//! What the cockpit costs while nothing happens, and what it keeps in memory.

use std::fs;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::store::Store;
use flightdeck::pilot::id::{AgentId, MessageId};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::time::Time;

use crate::QUIET;
use crate::fleet::{Fleet, Member};
use crate::meter::{self, Used};
use crate::seat::Seat;

pub(crate) const HEAD: &str = "\
    | | cockpit | its wake-ups | engine + tmux | without a cockpit | RSS; PSS KiB |\n|---|---|---|---|---|---|";
const WEEK_MS: i64 = 7 * 86_400_000;
/// Records of one moment.
const BATCH: usize = 50;
const WEEKS_AGENTS: usize = 10;

/// A quiet cockpit with the clock's seconds, then without; what engine and tmux use beside it is compared with a time
/// without any cockpit, in turns.
pub(crate) fn quiet(fleet: &Fleet, span: Duration) -> Vec<String> {
    let file = fleet.root().join("flightdeck.toml");
    let text = fs::read_to_string(&file).expect("the fleet has a configuration");
    let mut rows = vec![row("with seconds", fleet, span)];
    fs::write(&file, format!("{text}\n[cockpit]\nclock = false\n")).expect("it is ours");
    rows.push(row("without seconds", fleet, span));
    fs::write(&file, text).expect("it is ours");
    rows
}

fn row(label: &str, fleet: &Fleet, span: Duration) -> String {
    let (mut cockpit, mut beside, mut alone) = (Used::default(), Used::default(), Used::default());
    let mut memory = (0, 0);
    for _ in 0..2 {
        let before = engine(fleet);
        clock::block(span / 2);
        alone = alone.plus(engine(fleet).since(before));
        let mut seat = Seat::cockpit(fleet.root());
        seat.until(|text| text.contains("● engine"));
        seat.idle(Duration::from_secs(3));
        let before = (meter::used(seat.pid()), engine(fleet));
        seat.idle(span / 2);
        cockpit = cockpit.plus(meter::used(seat.pid()).since(before.0));
        beside = beside.plus(engine(fleet).since(before.1));
        memory = meter::memory(seat.pid());
    }
    let minute = 60.0 / span.as_secs_f64();
    let cpu = |used: Used| used.cpu_ns as f64 / 1e6 * minute;
    format!(
        "| {label} | {:.1} ms | {:.0} | {:.1} ms | {:.1} ms | {}; {} |",
        cpu(cockpit),
        cockpit.switches as f64 * minute,
        cpu(beside),
        cpu(alone),
        memory.0,
        memory.1,
    )
}

/// The engine, its control client and the tmux server.
fn engine(fleet: &Fleet) -> Used {
    let mut pids = meter::children(fleet.engine_pid());
    pids.extend([fleet.engine_pid(), fleet.server_pid()]);
    pids.into_iter().fold(Used::default(), |sum, pid| sum.plus(meter::used(pid)))
}

/// Memory of a cockpit before and after its recorder has read a week.
pub(crate) fn with_history(records: usize) -> String {
    let members = (0..WEEKS_AGENTS).map(|n| Member::new(format!("q{n:03}"), QUIET)).collect();
    let mut fleet = Fleet::new(members, false);
    write_week(&fleet, records);
    fleet.start_engine();
    // Everything since the week began is told to who waits for its end; this needs only the picture.
    clock::block(Duration::from_secs(8));
    let mut seat = Seat::cockpit(fleet.root());
    seat.until(|text| text.contains("● engine"));
    seat.idle(Duration::from_secs(3));
    let before = meter::memory(seat.pid());
    let (began, used) = (crate::now_ms(), meter::used(seat.pid()));
    seat.press("\t2");
    for _ in 0..9 {
        seat.idle(Duration::from_millis(100));
        seat.press("-");
    }
    let mut last = (used, began);
    loop {
        seat.idle(Duration::from_secs(2));
        let now = meter::used(seat.pid());
        // The clock alone takes a millisecond a second.
        let rests = now.since(last.0).cpu_ns < 20_000_000;
        if rests {
            break;
        }
        last = (now, crate::now_ms());
    }
    let after = meter::memory(seat.pid());
    format!(
        "A week of {records} records in the recorder: RSS {} KiB, PSS {} KiB (at the start {}; {}), read within {:.1} s by {:.1} s of processor time.",
        after.0,
        after.1,
        before.0,
        before.1,
        (last.1 - began) / 1e3,
        last.0.since(used).cpu_ns as f64 / 1e9,
    )
}

fn write_week(fleet: &Fleet, records: usize) {
    let mut store = Store::open(&fleet.root().join(".flightdeck/records.db")).expect("a new log");
    let agents: Vec<AgentId> = fleet.members.iter().map(Member::id).collect();
    let end = clock::wall().0 - 1_000;
    let moments = records / BATCH;
    for moment in 0..moments {
        let at = Time(end - WEEK_MS + WEEK_MS * moment as i64 / moments as i64);
        let batch: Vec<Record> =
            (0..BATCH).map(|n| turn(&agents[(n + moment) % agents.len()], moment * BATCH + n)).collect();
        store.append(at, &batch).expect("it is written");
    }
}

fn turn(agent: &AgentId, n: usize) -> Record {
    let agent = agent.clone();
    let why = "a turn runs: its screen changes".to_string();
    match n * 7_919 % 97 {
        0..45 => Record::StateChanged { agent, state: AgentState::Working, why },
        45..80 => Record::StateChanged { agent, state: AgentState::Idle, why: "its composer is empty".to_string() },
        _ => {
            let stage = Stage::Submitted { evidence: "its composer is empty again".to_string() };
            Record::MessageMoved { message: MessageId(n as u64 + 1), agent, stage }
        }
    }
}
