//! Agents that end, and what becomes of them.

use flightdeck::pilot::command::Command;
use flightdeck::pilot::fact::Exit;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::Plan;

fn exits(deck: &Deck, agent: &str) -> Vec<(Exit, Vec<String>)> {
    deck.all(|record| match record {
        Record::Exited { agent: who, exit, last } if *who == id(agent) => Some((*exit, last.clone())),
        _ => None,
    })
}

#[test]
fn fault_p1_an_agent_that_dies_comes_back_and_its_status_and_last_screen_are_kept() {
    let deck =
        Plan::new().agent("solo", "once crash on *: say these are my last words; exit 3\non *: say hello\n").up();
    deck.ready("solo", 2);
    let (exit, last) = exits(&deck, "solo").remove(0);
    assert_eq!(exit, Exit::Status(3));
    assert!(last.iter().any(|line| line.contains("these are my last words")), "{last:?}");
    deck.prompted("solo", 2);
    deck.kill("solo", Signal::KILL);
    deck.ready("solo", 3);
    let (exit, _) = exits(&deck, "solo").remove(1);
    assert_eq!(exit, Exit::Signal(9));
    deck.prompted("solo", 3);
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (3, 3));
}

#[test]
fn fault_p2_an_agent_that_ends_well_comes_back_only_where_it_always_should() {
    let script = "once end on *: exit 0\non *: say hello\n";
    let policies = ["always", "on-failure", "never"];
    let plan = policies
        .iter()
        .fold(Plan::new(), |plan, policy| plan.agent(policy, script).set(&format!("agents.{policy}.restart"), *policy));
    let deck = plan.up();
    for policy in policies {
        deck.until(&format!("the end of {policy}"), || exits(&deck, policy).into_iter().next());
    }
    deck.ready("always", 2);
    deck.prompted("always", 2);
    for policy in ["on-failure", "never"] {
        assert_eq!(exits(&deck, policy)[0].0, Exit::Status(0), "{policy}");
        assert_eq!(deck.starts(policy), 1, "{policy}\n{}", deck.story());
        assert_eq!(deck.agent(policy).state, AgentState::Finished, "{policy}\n{}", deck.story());
    }
}

#[test]
fn however_many_agents_end_at_once_it_is_known_how_each_of_them_did() {
    // tmux 3.3a overlooks one in ten ends on a busy machine; a policy that depends on the status must not.
    let names: Vec<String> = (0..8).map(|n| format!("solo{n}")).collect();
    let plan = names.iter().fold(Plan::new(), |plan, name| {
        plan.agent(name, "on *: exit 0\n").set(&format!("agents.{name}.restart"), "on-failure")
    });
    let deck = plan.up();
    for name in &names {
        let (exit, _) = deck.until(&format!("the end of {name}"), || exits(&deck, name).into_iter().next());
        assert_eq!(exit, Exit::Status(0), "{name}");
    }
    assert!(names.iter().all(|name| deck.starts(name) == 1), "{}", deck.story());
}

#[test]
fn fault_p3_a_crash_loop_ends_in_a_hold_that_outlives_the_engine_and_ends_by_release_alone() {
    let deck = Plan::new().agent("solo", "").flags("solo", &["--exit-at-start", "7"]).up();
    let held = |record: &Record| matches!(record, Record::Held { .. });
    deck.saw("a hold", |record| held(record).then_some(()));
    let cause = match deck.agent("solo").state {
        AgentState::Held { cause } => cause,
        other => panic!("{other:?}"),
    };
    assert!(cause.contains("crash loop: ended 4 times"), "{cause}");
    let alerts = deck.status().alerts;
    assert!(alerts.iter().any(|alert| alert.contains("flightdeck release solo")), "{alerts:?}");
    let starts = deck.starts("solo");

    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
    assert!(matches!(deck.agent("solo").state, AgentState::Held { .. }));
    assert_eq!(deck.starts("solo"), starts, "a held agent was started by a new engine");

    deck.tell(&Command::Release { agent: id("solo") });
    deck.until("another start", || (deck.starts("solo") > starts).then_some(()));
    deck.until("the next hold", || (deck.count(held) == 2).then_some(()));
    assert_eq!(deck.count(|record| matches!(record, Record::Exited { .. })), 8);
}

#[test]
fn fault_p16_many_deaths_at_once_are_one_event_that_costs_nobody_a_budget() {
    let names = ["one", "two", "three", "four", "five"];
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: say yes\n"));
    let deck = plan
        .set("restart.mass_pause", "1s")
        .set("restart.stage", "5 in 1s")
        .set("restart.budget_short", "1 in 10m")
        .up();
    names.iter().for_each(|name| deck.prompted(name, 1));
    for round in 2..4 {
        names.iter().for_each(|name| deck.kill(name, Signal::KILL));
        names.iter().for_each(|name| deck.prompted(name, round));
    }
    assert_eq!(deck.count(|record| matches!(record, Record::MassDeath { .. })), 2, "{}", deck.story());
    assert_eq!(deck.count(|record| matches!(record, Record::Held { .. })), 0, "{}", deck.story());
}
