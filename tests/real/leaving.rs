//! Every way out of the cockpit gives the terminal back as it was: main screen, cursor, no mouse, no marked pastes, an echo.

use flightdeck::edge::process::{Alive, alive};
use rustix::process::Signal;

use super::deck::{Deck, signal_to};
use super::plan::Plan;
use super::terminal::Terminal;

fn one_agent() -> Deck {
    let deck = Plan::new().agent("alpha", "on *: say first words\n").up();
    deck.prompted("alpha", 1);
    deck
}

/// Opens the cockpit, leaves it this way, and looks at the terminal.
fn is_given_back(leave: impl FnOnce(&Terminal<'_>), code: &str) {
    let deck = one_agent();
    let terminal = Terminal::beside(&deck);
    let before = terminal.modes("before");
    assert_eq!(terminal.flags(), "alternate 0 cursor 1 mouse 0");
    terminal.open();
    terminal.shows("alpha life 1");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    leave(&terminal);
    terminal.shows(&format!("left with {code}"));
    terminal.is_as_before(&before);
    assert_eq!((deck.status().epoch, deck.starts("alpha")), (1, 1));
}

#[test]
fn by_its_key() {
    is_given_back(|terminal| terminal.press(&["q"]), "0");
}

#[test]
fn by_ctrl_c_out_of_a_message_that_is_being_written() {
    is_given_back(|terminal| terminal.press(&["m", "h", "i", "C-c", "C-c"]), "0");
}

#[test]
fn by_a_signal_to_terminate() {
    is_given_back(|terminal| signal_to(&terminal.cockpit(), Signal::TERM), "0");
}

#[test]
fn by_a_hangup() {
    is_given_back(|terminal| signal_to(&terminal.cockpit(), Signal::HUP), "0");
}

#[test]
fn by_an_interrupt() {
    is_given_back(|terminal| signal_to(&terminal.cockpit(), Signal::INT), "0");
}

#[test]
fn by_a_panic_which_is_told_on_the_shells_screen() {
    let deck = one_agent();
    let asks = deck.outside().join("panic");
    let terminal = Terminal::with(&deck, &[&format!("FLIGHTDECK_TEST_PANIC={}", asks.display())]);
    let before = terminal.modes("before");
    terminal.open();
    std::fs::write(&asks, "").expect("a file");
    terminal.shows("left with 101");
    terminal.shows("a panic was asked for");
    terminal.is_as_before(&before);
    assert_eq!((deck.status().epoch, deck.starts("alpha")), (1, 1));
}

#[test]
fn suspended_the_shell_has_the_terminal_and_fg_brings_the_cockpit_back() {
    let deck = one_agent();
    let terminal = Terminal::beside(&deck);
    let before = terminal.modes("before");
    terminal.open();
    for _ in 0..2 {
        terminal.shows("alpha life 1");
        terminal.press(&["C-z"]);
        terminal.shows("Stopped");
        assert_eq!(terminal.flags(), "alternate 0 cursor 1 mouse 0");
        terminal.is_as_before(&before);
        terminal.say("clear; fg; echo left with $?");
        terminal.shows("Fleet");
        assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
        terminal.press(&["?"]);
        terminal.shows("restart the agent");
        terminal.press(&["?"]);
    }
    terminal.press(&["q"]);
    terminal.shows("left with 0");
}

#[test]
fn with_its_terminal_the_cockpit_ends_and_engine_and_agents_go_on() {
    let deck = one_agent();
    let terminal = Terminal::in_cockpit(&deck);
    let (cockpit, agents) = (terminal.cockpit(), deck.survivors());
    drop(terminal);
    deck.until("the cockpit's end", || (alive(&cockpit) != Alive::Yes).then_some(()));
    assert_eq!(deck.status().epoch, 1);
    assert!(agents.iter().all(|agent| alive(agent) == Alive::Yes));
}
