//! Questions, the palette, pastes: what asks before it acts, and what is never taken for a command.

use flightdeck::cockpit::happening::Errand;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::id::Incarnation;

use super::desk::Desk;
use super::world::id;

#[test]
fn a_restart_asks_first_and_names_the_agent_and_what_will_happen() {
    let mut desk = Desk::new();
    desk.press("jjjr");
    desk.shows("restart builder?").shows("builder (working, process ").shows("It is in a turn, which is cut off.");
    assert_eq!(desk.asked(), []);
    desk.press("y");
    assert_eq!(desk.asked(), [Command::Restart { agent: id("builder"), fresh: false }]);
    let builder = desk.model.agent(&id("builder")).expect("it is configured");
    assert_eq!(builder.incarnation, Incarnation(2));
}

#[test]
fn a_question_that_is_answered_with_no_or_with_any_other_key_asks_nothing() {
    for keys in ["rn", "r<esc>", "rq", "r<ctrl-c>", "rxn", "Sn", "Hn", "En", "Rn", "Un", ":engine-stop<enter>n"] {
        let mut desk = Desk::new();
        desk.press(keys).hides("?─").hides("do it");
        assert_eq!(desk.asked(), [], "{keys}");
    }
}

#[test]
fn a_key_that_means_nothing_leaves_the_question_open() {
    let mut desk = Desk::new();
    desk.press("rxjp").shows("restart adversary?");
    assert_eq!(desk.asked(), []);
}

#[test]
fn pasted_text_is_never_a_command() {
    for keys in ["", "r", "?", "<tab>1", "<tab>2", "E", "m"] {
        let mut desk = Desk::new();
        desk.press(keys);
        let errands = desk.errands.clone();
        desk.paste("q\nK\ny\u{1b}[201~\ry\n");
        assert_eq!(desk.errands, errands, "{keys}");
    }
    let mut desk = Desk::new();
    desk.press("/").paste("lim\nited\u{1b}").shows("Fleet /limited").shows("◐ scout");
    desk.press("<esc>:").paste("engine-stop\n").shows("engine-stop: ");
    assert_eq!(desk.asked(), []);
}

#[test]
fn the_palette_finds_an_action_by_a_part_of_its_name_and_does_it() {
    let mut desk = Desk::new();
    desk.press(":rlod").shows("reload: read flightdeck.toml");
    desk.press("<enter>");
    assert_eq!(desk.asked(), [Command::Reload]);
    desk.press(":no such thing").shows("nothing fits").press("<enter>").hides("nothing fits");
    assert_eq!(desk.asked().len(), 1);
}

#[test]
fn help_shows_the_keys_of_the_place_it_was_called_from() {
    let mut desk = Desk::new();
    desk.press("?")
        .shows("go to the agent's own session (its detach key")
        .shows("restart the agent")
        .press("q")
        .hides("restart the agent");
    desk.press("<tab>1?").shows("│live pane ");
    assert_eq!(desk.errands.iter().filter(|errand| **errand == Errand::Quit).count(), 0);
}

#[test]
fn help_is_read_whole_on_a_phone() {
    let mut desk = Desk::sized(40, 24);
    desk.press("?").shows("go to the agent's").shows("you back)");
}

#[test]
fn an_emergency_stop_asks_and_then_shows_its_banner_until_it_is_lifted() {
    let mut desk = Desk::new();
    desk.press("E").shows("All agents (5 run now) are ended");
    desk.press("y").shows("EMERGENCY STOP: all agents stay stopped  (ctrl-r goes on)");
    desk.press("<ctrl-r>").hides("EMERGENCY STOP");
}

#[test]
fn pause_is_a_switch_with_a_banner() {
    let mut desk = Desk::new();
    desk.press("P").shows("PAUSED: flightdeck takes no action  (ctrl-r goes on)");
    desk.press("P").hides("PAUSED");
    assert_eq!(desk.asked(), [Command::Pause, Command::Resume]);
}

#[test]
fn a_message_is_written_sent_and_arrives_at_the_agent() {
    let mut desk = Desk::new();
    desk.press("jjjmlook at 日本<enter>then <ctrl-s>");
    let text = "look at 日本\nthen ".to_string();
    assert_eq!(desk.asked().len(), 1);
    let Command::Send { agent, text: sent } = &desk.asked()[0] else { panic!("{:?}", desk.asked()) };
    assert_eq!((agent, sent.trim_end()), (&id("builder"), text.trim_end()));
    desk.shows("message to builder: m").shows("is queued");
}

#[test]
fn a_message_that_was_put_aside_is_there_again() {
    let mut desk = Desk::new();
    desk.press("jjjmnot yet<esc>").shows("the message is put aside; m shows it again");
    assert_eq!(desk.asked(), []);
    desk.press("kmsomething<esc>jm").shows("not yet").hides("something");
}

#[test]
fn enter_means_no_where_a_question_is_grave() {
    let mut desk = Desk::new();
    desk.press("E<enter>").hides("emergency stop?");
    assert_eq!(desk.asked(), []);
}
