//! Starts that hang, ask, or are cut short: there is never more than one of anybody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::id::Incarnation;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::{Deck, id, signal_to};
use super::plan::Plan;

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
    deck.one_of_each();
    assert_eq!((deck.agent("solo").incarnation, deck.submits("solo").len()), (Incarnation(1), 1), "{}", deck.story());
    assert_eq!(deck.count(|record| matches!(record, Record::BackedOff { .. } | Record::Exited { .. })), 0);
}
