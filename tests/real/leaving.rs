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
fn stopped_from_outside_it_gives_the_terminal_to_the_shell_and_takes_it_again() {
    let deck = one_agent();
    let terminal = Terminal::beside(&deck);
    let before = terminal.modes("before");
    terminal.open();
    for _ in 0..2 {
        terminal.shows("alpha life 1");
        signal_to(&terminal.cockpit(), Signal::TSTP);
        terminal.shows("Stopped");
        assert_eq!(terminal.flags(), "alternate 0 cursor 1 mouse 0");
        terminal.is_as_before(&before);
        terminal.say("clear; fg; echo left with $?");
        terminal.shows("Fleet");
        assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
        terminal.press(&["?"]);
        terminal.shows("restart the agent");
        terminal.press(&["?"]);
        terminal.hides("restart the agent");
    }
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    terminal.is_as_before(&before);
}

#[test]
fn continued_behind_the_shell_it_leaves_the_terminal_alone_until_it_is_in_front() {
    let deck = one_agent();
    let terminal = Terminal::beside(&deck);
    let before = terminal.modes("before");
    terminal.open();
    terminal.shows("alpha life 1");
    signal_to(&terminal.cockpit(), Signal::TSTP);
    terminal.shows("Stopped");
    signal_to(&terminal.cockpit(), Signal::CONT);
    terminal.is_as_before(&before);
    terminal.say("clear; fg; echo left with $?");
    terminal.shows("Fleet");
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    terminal.is_as_before(&before);
}

#[test]
fn an_editor_that_stops_itself_and_all_around_it_comes_back_with_fg() {
    let plan = Plan::new().agent("alpha", "on *: say first words\n").set("agents.alpha.role", "builder");
    let deck = plan.set("project.sequence", vec!["1a"]).up();
    let editor = deck.outside().join("editor");
    std::fs::write(&editor, "echo edi''ting; kill -s TSTP 0; echo edi''ted; read line").expect("a file");
    let terminal = Terminal::with(&deck, &[&format!("VISUAL=sh {}", editor.display())]);
    let before = terminal.modes("before");
    terminal.open();
    terminal.shows("alpha life 1");
    terminal.press(&["o"]);
    terminal.shows("editing");
    terminal.shows("Stopped");
    terminal.is_as_before(&before);
    terminal.say("clear; fg; echo left with $?");
    terminal.shows("edited");
    terminal.press(&["Enter"]);
    terminal.shows("alpha life 1");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    terminal.is_as_before(&before);
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
