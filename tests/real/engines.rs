//! Engines that come and go: agents do not notice, and nobody acts twice.

use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::awake::awake_ms;
use super::deck::{Deck, id};
use super::plan::Plan;

const IDLE: &str = "on *: say yes\n";

/// Waits until the engine has looked at everything once.
fn looked(deck: &Deck) {
    deck.until("tmux answers", || (deck.status().tmux == "up").then_some(()));
}

#[test]
fn each_agents_host_and_directory_are_told() {
    let deck = Plan::new().agent("solo", IDLE).up();
    let agent = deck.agent("solo");
    assert_eq!(agent.host, rustix::system::uname().nodename().to_string_lossy());
    let dir = std::path::Path::new(&agent.dir);
    assert!(dir.is_absolute() && dir.is_dir(), "{agent:?}");
}

#[test]
fn an_engine_that_is_told_to_end_touches_no_agent_and_the_next_one_knows_everything_within_two_seconds() {
    let names = ["one", "two", "three", "four"];
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: say yes; wait 60s\n"));
    let deck = plan.up();
    names.iter().for_each(|name| deck.prompted(name, 1));
    let lives = || names.iter().map(|name| deck.process(name)).collect::<Vec<_>>();
    let before = lives();
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let status = deck.end_engine(signal);
        assert!(signal == Signal::KILL || status.success(), "{status:?}");
        assert!(
            before.iter().all(|life| flightdeck::edge::process::alive(life) == flightdeck::edge::process::Alive::Yes)
        );
        let begin = awake_ms();
        deck.start_engine();
        looked(&deck);
        deck.until("all states", || {
            let agents = deck.status().agents;
            agents.iter().all(|agent| matches!(agent.state, AgentState::Waiting { .. })).then_some(())
        });
        let took = awake_ms() - begin;
        assert!(took < 2_000, "{took} ms after {signal:?}");
        assert_eq!(lives(), before, "an agent was disturbed by {signal:?}");
    }
    assert!(names.iter().all(|name| deck.submits(name).len() == 1), "somebody was spoken to again");
}

#[test]
fn an_operators_stop_lasts_across_engines_until_the_start() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.tell(&Command::Stop { agent: id("solo") });
    deck.until("its stop", || (deck.agent("solo").state == AgentState::Stopped).then_some(()));
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    deck.prompted("other", 1);
    looked(&deck);
    assert_eq!((deck.agent("solo").state, deck.starts("solo")), (AgentState::Stopped, 1));
    deck.tell(&Command::Start { agent: id("solo") });
    deck.prompted("solo", 2);
    assert_eq!(deck.starts("other"), 1);
}

#[test]
fn while_paused_nothing_is_done_with_anybody() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    deck.tell(&Command::Pause);
    deck.kill("solo", Signal::KILL);
    deck.saw("its death", |record| matches!(record, Record::Exited { .. }).then_some(()));
    let message = deck.send("other", "later");
    deck.end_engine(Signal::TERM);
    deck.start_engine();
    looked(&deck);
    assert!(deck.status().paused);
    assert_eq!((deck.starts("solo"), deck.submits("other").len()), (1, 1), "{}", deck.story());
    deck.tell(&Command::Resume);
    deck.settled(message);
    deck.ready("solo", 2);
    assert_eq!(deck.submits("other")[1..], ["later"]);
}

#[test]
fn an_emergency_stop_ends_all_agents_and_keeps_them_down_across_engines() {
    let deck = Plan::new().agent("solo", "on *: leak; say yes\n").agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    deck.tell(&Command::EmergencyStop);
    deck.until("nobody", || deck.survivors().is_empty().then_some(()));
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    looked(&deck);
    let view = deck.status();
    assert!(view.emergency_stop);
    assert!(view.agents.iter().all(|agent| agent.pid.is_none()), "{:?}", view.agents);
    deck.tell(&Command::Resume);
    deck.ready("solo", 2);
    deck.ready("other", 2);
}

#[test]
fn an_engine_that_is_shut_down_over_the_link_says_so_before_it_ends() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let life = deck.process("solo");
    deck.tell(&Command::Shutdown);
    assert!(deck.engine_ends().success());
    assert_eq!(flightdeck::edge::process::alive(&life), flightdeck::edge::process::Alive::Yes);
}
