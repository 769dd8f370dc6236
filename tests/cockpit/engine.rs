//! The engine as the cockpit knows it: not there yet, silent, gone, back.

use std::time::Duration;

use flightdeck::cockpit::happening::{Errand, Happening};
use flightdeck::edge::link::Heard;

use super::desk::Desk;
use super::world::World;

fn gone(desk: &mut Desk) {
    desk.happens(Happening::Disconnected { why: "the engine closed the connection".to_string() });
}

fn back(desk: &mut Desk) {
    desk.happens(Happening::Connected { version: "0.1.0".to_string() });
    let view = desk.world.view();
    desk.hears(Heard::View(Box::new(view)));
}

#[test]
fn without_an_engine_the_banner_says_so_and_its_key_starts_one() {
    let mut desk = Desk::lonely(World::busy(), 120, 40);
    desk.happens(Happening::Disconnected { why: "no engine runs".to_string() });
    desk.shows("NO ENGINE: no engine runs  (ctrl-u starts one)").shows("nothing is known yet");
    desk.press("<ctrl-u>");
    assert_eq!(desk.errands.last(), Some(&Errand::StartEngine));
    back(&mut desk);
    desk.hides("NO ENGINE").shows("■ adversary");
}

#[test]
fn a_silent_engine_is_told_with_the_age_of_its_last_word() {
    let mut desk = Desk::new();
    desk.silence(Duration::from_secs(5)).hides("SILENT");
    desk.silence(Duration::from_secs(7)).shows("ENGINE SILENT for 12s: what is shown is old");
    let at = desk.world.now;
    desk.hears(Heard::Alive(at));
    desk.hides("SILENT");
}

#[test]
fn what_is_shown_of_a_lost_engine_is_old_and_nothing_is_asked_of_it() {
    let mut desk = Desk::new();
    desk.engine_slows().press("jp");
    gone(&mut desk);
    desk.shows("NO ENGINE for 0s: the engine closed the connection; what is shown is old  (ctrl-u starts one)");
    desk.shows("ping fixer: the engine went away before it showed an effect").hides("asked:");
    let asked = desk.asked().len();
    desk.press("p").shows("no engine is connected, so nothing was asked; ctrl-u starts one");
    assert_eq!(desk.asked().len(), asked);
    desk.engine_speaks();
    back(&mut desk);
    desk.hides("NO ENGINE").shows("● builder");
}

#[test]
fn a_new_connection_peeks_at_the_agent_that_is_selected() {
    let mut desk = Desk::new();
    desk.press("jjj");
    gone(&mut desk);
    desk.errands.clear();
    back(&mut desk);
    let peeked = format!("{:?}", desk.errands);
    assert_eq!(peeked, "[Peek(Some(builder))]");
}

#[test]
fn a_command_that_no_record_shows_is_told_as_open_and_forgotten() {
    let mut desk = Desk::new();
    desk.engine_slows().press("jp").shows("asked: ping fixer");
    desk.silence(Duration::from_secs(11)).shows("ping fixer: got no answer yet").hides("asked:");
}

#[test]
fn a_notice_goes_by_itself() {
    let mut desk = Desk::new();
    desk.press("jjjy").shows("copied");
    desk.later(Duration::from_secs(6)).hides("copied").shows("enter attach");
}
