//! Starts that hang, ask, or are cut short: there is never more than one of anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::id::{AgentId, Incarnation};
use flightdeck::pilot::record::{AgentState, Record, StopCause};
use rustix::process::Signal;

use super::deck::{Deck, Dice, id, signal_to};
use super::plan::Plan;

#[test]
fn fault_p7_an_agent_that_never_shows_a_composer_is_started_again_by_its_own_limit() {
    let deck =
        Plan::new().agent("solo", "").flags("solo", &["--start-delay", "60s"]).set("stall.start_limit", "1s").up();
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, StopCause::StartLimit);
    deck.saw("a hold", |record| matches!(record, Record::Held { .. }).then_some(()));
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (4, 0));
}

#[test]
fn fault_p8_a_question_at_the_start_is_the_operators_and_no_start_limit_ends_it() {
    let deck = Plan::new()
        .agent("solo", "on *: say yes\n")
        .flags("solo", &["--start-dialog", "trust"])
        .set("stall.start_limit", "1s")
        .up();
    deck.until("a dialog", || matches!(deck.agent("solo").state, AgentState::AtDialog { .. }).then_some(()));
    assert!(deck.status().alerts.iter().any(|alert| alert.contains("flightdeck attach solo")));
    deck.until("three start limits", || {
        let view = deck.status();
        (view.at.since(deck.agent("solo").since).as_secs() >= 3).then_some(())
    });
    assert_eq!(deck.starts("solo"), 1);
    deck.press("solo", &["1"]);
    deck.prompted("solo", 1);
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 1));
}

/// Nobody lives twice: whatever lives of an agent is of one life.
fn one_of_each(deck: &Deck) {
    let mut lives: BTreeMap<AgentId, BTreeSet<Incarnation>> = BTreeMap::new();
    for (tag, _) in deck.lives() {
        lives.entry(tag.agent).or_default().insert(tag.incarnation);
    }
    let doubled: Vec<_> = lives.iter().filter(|(_, lives)| lives.len() > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}\n{}", deck.story());
}

#[test]
fn fault_p9_an_engine_killed_at_any_moment_of_a_start_or_a_stop_doubles_nobody() {
    let names = ["one", "two", "three"];
    let plan = names.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: leak; say yes; wait 60s\n"));
    let deck = plan.set("restart.budget_short", "100 in 10m").set("restart.budget_long", "200 in 1d").up();
    names.iter().for_each(|name| deck.ready(name, 1));
    let mut dice = Dice(0xdeed);
    for round in 0..12 {
        let name = names[round % 3];
        if round % 2 == 0 {
            deck.kill(name, Signal::KILL);
        } else {
            // It may be refused while an effect is in flight, which is as good a moment as any.
            deck.ask(&Command::Restart { agent: id(name), fresh: false });
        }
        clock::block(Duration::from_millis(dice.below(400)));
        one_of_each(&deck);
        deck.end_engine(Signal::KILL);
        one_of_each(&deck);
        deck.start_engine();
    }
    deck.until("all at rest", || {
        one_of_each(&deck);
        let agents = deck.status().agents;
        agents.iter().all(|agent| matches!(agent.state, AgentState::Waiting { .. })).then_some(())
    });
    for name in names {
        assert_eq!(deck.submits(name).len(), deck.submits(name).iter().filter(|words| words.contains("begin")).count());
        assert_eq!(deck.agent(name).waiting_messages, 0);
    }
}

/// A tmux whose server is stopped in the very moment when a start reaches it, while the file `armed` is there.
const SHIM: &str = r#"#!/bin/sh
case " $* " in
*" -C "*) while IFS= read -r line; do
    case "$line" in *new-session*) rm HERE/armed 2>/dev/null && kill -STOP "$(cat HERE/server)" ;; esac
    printf '%s\n' "$line"
  done | REAL "$@" ;;
*) exec REAL "$@" ;;
esac
"#;

fn shim(deck: &Deck) -> PathBuf {
    let here = deck.outside().join("shims");
    fs::create_dir(&here).expect("a folder");
    let path = std::env::var_os("PATH").expect("a PATH");
    let real = std::env::split_paths(&path).map(|dir| dir.join("tmux")).find(|file| file.is_file()).expect("tmux");
    let text = SHIM.replace("HERE", &here.display().to_string()).replace("REAL", &real.display().to_string());
    fs::write(here.join("tmux"), text).expect("a file");
    fs::set_permissions(here.join("tmux"), fs::Permissions::from_mode(0o755)).expect("our own file");
    *deck.shims.borrow_mut() = Some(here.clone());
    here
}

#[test]
fn a_start_that_nobody_saw_happen_is_found_and_not_made_again() {
    let plan = Plan::new().agent("solo", "on *: say yes\n").agent("other", "on *: say yes\n");
    let deck = plan.set("agents.solo.autostart", false).laid_out();
    let shims = shim(&deck);
    deck.start_engine();
    deck.prompted("other", 1);
    fs::write(shims.join("server"), deck.server().pid.to_string()).expect("a file");
    fs::write(shims.join("armed"), "").expect("a file");
    let server = deck.server_identity();
    deck.tell(&Command::Start { agent: id("solo") });
    deck.until("silence", || deck.status().tmux.starts_with("silent").then_some(()));
    assert!(!shims.join("armed").exists(), "the server was not stopped at the start");
    signal_to(&server, Signal::CONT);
    deck.prompted("solo", 1);
    one_of_each(&deck);
    assert_eq!((deck.agent("solo").incarnation, deck.submits("solo").len()), (Incarnation(1), 1), "{}", deck.story());
    assert_eq!(deck.count(|record| matches!(record, Record::BackedOff { .. } | Record::Exited { .. })), 0);
}
