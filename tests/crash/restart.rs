//! From the start of an engine to the picture in which everybody is watched again.

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::AgentState;
use flightdeck::pilot::view::AgentView;
use rustix::process::Signal;
use std::time::Duration;

use super::plan::Plan;
use super::runs::wanted;

/// The promise: in 99 of 100 cases.
const PROMISE_MS: i64 = 2_000;

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
    let mut took: Vec<i64> = (0..restarts)
        .map(|_| {
            deck.end_engine(Signal::KILL);
            let begin = clock::monotonic_ms();
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
            clock::monotonic_ms() - begin
        })
        .collect();
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!(
        "restart with {agents} agents, {restarts} times: p50 {} ms, p99 {} ms, worst {} ms",
        at(50),
        at(99),
        at(100)
    );
    assert!(at(99) <= PROMISE_MS, "{took:?}");
    assert_eq!(names.iter().map(|name| deck.process(name)).collect::<Vec<_>>(), lives, "somebody was disturbed");
    assert!(names.iter().all(|name| deck.submits(name).len() == 1), "somebody was spoken to again");
}
