//! From the start of an engine to the picture in which everybody is watched again, however old the log is.

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::edge::store::{Filter, Page, Reader, Store};
use flightdeck::edge::workspace;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::view::AgentView;
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

use super::awake::awake_ms;
use super::deck::Deck;
use super::kept;
use super::plan::Plan;
use super::runs::wanted;
use super::year;

/// The promise: in 99 of 100 cases.
const PROMISE_MS: i64 = 2_000;

/// What an engine may have to read of a log that another one left; it keeps how things stand after 2 000.
const MOST_FOLDED: u64 = 4_000;

#[test]
fn after_a_restart_everybody_is_watched_within_two_seconds() {
    let agents = wanted("FLIGHTDECK_CRASH_AGENTS").unwrap_or(10);
    let restarts = wanted("FLIGHTDECK_CRASH_RESTARTS").unwrap_or(5);
    let names: Vec<String> = (0..agents).map(|number| format!("agent-{number}")).collect();
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: say yes; wait 10m\n"));
    // They wait for as long as this takes, and are all watched: a state that only a look at the screen can tell.
    let plan = plan.set("stall.wait_cap", "1h").set("restart.stage", "50 in 1s");
    let deck = plan.up();
    names.iter().for_each(|name| deck.prompted(name, 1));
    let lives: Vec<_> = names.iter().map(|name| deck.process(name)).collect();
    let days = i64::try_from(wanted("FLIGHTDECK_CRASH_DAYS").unwrap_or(3)).expect("days");
    let records = age(&deck, days);
    let mut took: Vec<i64> = (0..restarts)
        .map(|_| {
            deck.end_engine(Signal::KILL);
            let begin = awake_ms();
            deck.spawn_engine();
            deck.until_soon("everybody", || {
                let mut client = Client::connect(&deck.state_dir()).ok()?;
                let Ok(Answer::Status { view }) = client.ask(&Command::Status, Duration::from_secs(5)) else {
                    return None;
                };
                // A last line is what was seen of its screen by this engine.
                let watched = |agent: &AgentView| {
                    matches!(agent.state, AgentState::Waiting { .. }) && !agent.last_line.is_empty()
                };
                (view.tmux == "up" && view.agents.iter().all(watched)).then_some(())
            });
            awake_ms() - begin
        })
        .collect();
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!(
        "restart with {agents} agents and {records} records of {days} days, {restarts} times: p50 {} ms, p99 {} ms, worst {} ms",
        at(50),
        at(99),
        at(100)
    );
    assert!(at(99) <= PROMISE_MS, "{took:?}");
    assert!(folded(&deck) <= MOST_FOLDED, "the last engine folded {} records", folded(&deck));
    let (kept, last) = kept::state(&workspace::records(&deck.state_dir()));
    assert!(kept > records && last < kept + MOST_FOLDED, "the state was kept after record {kept} of {last}");
    assert_eq!(names.iter().map(|name| deck.process(name)).collect::<Vec<_>>(), lives, "somebody was disturbed");
    assert!(names.iter().all(|name| deck.submits(name).len() == 1), "somebody was spoken to again");
}

/// Makes the log as old as that, by an engine that has seen all of it once; how many records were written for it.
fn age(deck: &Deck, days: i64) -> u64 {
    deck.end_engine(Signal::KILL);
    let mut store = Store::open(&workspace::records(&deck.state_dir())).expect("nobody holds it");
    let written = year::write(&mut store, Time(clock::wall().0 - days * year::DAY), days, year::RETENTION);
    drop(store);
    deck.start_engine();
    assert!(folded(deck) > written / 2, "{} of {written} records", folded(deck));
    deck.end_engine(Signal::KILL);
    deck.spawn_engine();
    written
}

/// How many records the newest engine folded at its start, by its own log.
fn folded(deck: &Deck) -> u64 {
    let pid = u32::try_from(deck.engine_pid().as_raw_pid()).expect("a process");
    deck.until("what it says of its start", || {
        let reader = Reader::open(&workspace::records(&deck.state_dir())).expect("a log");
        let starts = Filter { kind: Some("engine_started".to_string()), ..Filter::default() };
        let newest = reader.rows(&starts, Page::Newest, 1).expect("a page of it").pop()?;
        let ours = matches!(newest.record(), Ok(Record::EngineStarted { pid: of, .. }) if of == pid);
        let seq = ours.then_some(newest.stamp.seq)?;
        let started = format!("engine_started seq={seq} ");
        let logs = fs::read_dir(deck.state_dir().join("log")).expect("its logs");
        let mut logs: Vec<_> = logs.map(|log| log.expect("it can be read").path()).collect();
        logs.sort();
        let said: String = logs.iter().map(|log| fs::read_to_string(log).expect("text")).collect();
        let before = &said[..said.find(&started)?];
        let count = before.rsplit_once("the log is folded records=")?.1.split_whitespace().next()?;
        Some(count.parse().expect("a number"))
    })
}
