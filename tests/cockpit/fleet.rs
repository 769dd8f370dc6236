//! The fleet: order, selection, marks, filter, what is asked and when it shows.

use std::time::Duration;

use flightdeck::pilot::command::Command;

use super::desk::Desk;
use super::world::id;

#[test]
fn who_needs_the_operator_stands_first_and_keys_move_the_selection() {
    let mut desk = Desk::new();
    assert_eq!(desk.selected(), "adversary");
    desk.press("jjj");
    assert_eq!(desk.selected(), "builder");
    desk.press("G<down>");
    assert_eq!(desk.selected(), "upgrader");
    desk.press("gk");
    assert_eq!(desk.selected(), "adversary");
}

#[test]
fn the_selection_stays_with_its_agent_when_rows_change_places() {
    let mut desk = Desk::new();
    desk.press("jjj");
    desk.meanwhile(|world| drop(world.asks(Command::Hold { agent: id("builder"), reason: "a look".to_string() })));
    assert_eq!((desk.selected(), desk.model.fleet.position()), ("builder", Some(1)));
}

#[test]
fn what_was_asked_is_shown_as_asked_until_a_record_shows_it() {
    let mut desk = Desk::new();
    desk.engine_slows().press("h");
    desk.shows("asked: release adversary").shows("■ adversary");
    desk.engine_speaks();
    desk.hides("asked:").hides("■ adversary");
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let mut desk = Desk::new();
    desk.press("ju");
    assert_eq!(desk.asked(), [Command::RunJob { agent: id("fixer"), fresh: false }]);
    desk.shows("run fixer was refused: ").hides("asked:");
}

#[test]
fn marked_agents_are_all_asked() {
    let mut desk = Desk::new();
    desk.press("j  p");
    assert_eq!(desk.asked(), ["fixer", "wreck"].map(|agent| Command::Ping { agent: id(agent) }));
    desk.press("<esc>p");
    assert_eq!(desk.asked()[2..], [Command::Ping { agent: id("builder") }]);
}

#[test]
fn a_filter_keeps_the_rows_with_its_words_until_it_is_cleared() {
    let mut desk = Desk::new();
    desk.press("/limi").shows("◐ scout").hides("○ builder").hides("● builder");
    desk.press("<enter>j").shows("Fleet /limi");
    assert_eq!(desk.selected(), "scout");
    desk.press("<esc>").shows("● builder");
    desk.press("/devbox").shows("● builder").press("<esc>/elsewhere").shows("no agent fits the filter");
}

#[test]
fn an_agents_countdown_goes_on_by_itself() {
    let mut desk = Desk::new();
    desk.shows("in 0:02: start it again");
    desk.later(Duration::from_secs(1)).shows("in 0:01: start it again");
}

#[test]
fn an_age_is_shown_whole_or_not_at_all() {
    let row = |width| {
        let text = Desk::sized(width, 24).text();
        text.lines().find(|line| line.contains("● builder")).map(|line| line.split("││").next().unwrap().to_string())
    };
    assert_eq!(row(80).as_deref(), Some("│ ● builder    working       ✉1 "));
    assert_eq!(row(90).as_deref(), Some("│ ● builder     working    14m   ✉1 "));
}

#[test]
fn rows_say_where_an_agent_runs_when_not_all_run_on_one_host() {
    let mut desk = Desk::sized(200, 45);
    desk.hides("@devbox");
    let view = desk.model.view.as_mut().expect("a picture");
    view.agents[0].host = "farm-2".to_string();
    desk.shows("@farm-2").shows("@devbox");
}
