//! Any size, any order of keys, sizes and news: a frame is drawn and nothing panics (fault U2).

use std::io;
use std::time::Duration;

use flightdeck::cockpit::canvas::Canvas;
use flightdeck::cockpit::happening::Happening;
use flightdeck::cockpit::keys::TABLE;
use flightdeck::edge::link::Heard;
use flightdeck::pilot::fact::Exit;
use proptest::prelude::*;
use ratatui::crossterm::event::{MouseButton, MouseEventKind};

use super::desk::Desk;
use super::picture::Picture;
use super::screens::SCREENS;
use super::world::id;

/// Edges at which something begins or ends to fit.
const COLUMNS: [u16; 15] = [0, 1, 2, 3, 4, 7, 8, 9, 23, 24, 39, 47, 79, 80, 600];
const ROWS: [u16; 14] = [0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 15, 16, 24, 300];

#[test]
fn every_screen_is_drawn_at_every_size() {
    for (_, keys) in SCREENS {
        let mut desk = Desk::new();
        desk.press(keys);
        for width in COLUMNS {
            for height in ROWS {
                if u32::from(width) * u32::from(height) <= 12_000 {
                    desk.resize(width, height).picture();
                }
            }
        }
        desk.resize(600, 300).picture();
    }
}

#[test]
fn every_screen_is_reached_on_the_smallest_terminals() {
    for (_, keys) in SCREENS {
        for size in [(0, 0), (1, 1), (5, 3), (20, 5), (30, 8)] {
            let mut desk = Desk::sized(size.0, size.1);
            desk.press(keys).picture();
        }
    }
}

#[test]
fn a_terminal_that_has_changed_before_its_size_was_heard_is_drawn_on_without_harm() {
    for (_, keys) in SCREENS {
        let mut desk = Desk::new();
        desk.press(keys);
        for size in [(20, 5), (1, 1), (200, 60), (119, 40), (120, 39)] {
            Picture::on(&desk.model, size);
        }
    }
}

/// One thing that may happen.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Size(u16, u16),
    Paste(String),
    Mouse(MouseEventKind, u16, u16),
    Passes(u64),
    Dies(usize),
    Draws,
}

fn step() -> impl Strategy<Value = Step> {
    let bound: Vec<String> = TABLE.iter().flat_map(|binding| binding.keys).map(|key| format!("<{key}>")).collect();
    let mouse = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
    ]);
    prop_oneof![
        12 => prop::sample::select(bound).prop_map(Step::Key),
        2 => "[a-z ]".prop_map(Step::Key),
        4 => (0u16..300, 0u16..100).prop_map(|(width, height)| Step::Size(width, height)),
        1 => ".{0,20}".prop_map(Step::Paste),
        3 => (mouse, 0u16..300, 0u16..100).prop_map(|(kind, column, row)| Step::Mouse(kind, column, row)),
        2 => (0u64..20).prop_map(Step::Passes),
        1 => (0usize..3).prop_map(Step::Dies),
        4 => Just(Step::Draws),
    ]
}

fn take(desk: &mut Desk, step: Step) {
    match step {
        Step::Key(key) => drop(desk.press(&key)),
        Step::Size(width, height) => drop(desk.resize(width, height)),
        Step::Paste(text) => drop(desk.paste(&text)),
        Step::Mouse(kind, column, row) => drop(desk.mouse(kind, column, row)),
        Step::Passes(seconds) => drop(desk.later(Duration::from_secs(seconds))),
        Step::Dies(which) => {
            let agent = ["builder", "scout", "fixer"][which];
            if desk.world.pane(&id(agent)).is_some() {
                desk.meanwhile(|world| world.dies(agent, Exit::Signal(9)));
            }
        }
        Step::Draws => drop(desk.picture()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_happens_in_any_order_panics(steps in prop::collection::vec(step(), 1..60)) {
        let mut desk = Desk::new();
        for step in steps {
            take(&mut desk, step);
        }
        desk.picture();
    }

    #[test]
    fn what_is_drawn_bit_by_bit_is_what_would_be_drawn_at_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut desk = Desk::new();
        let mut terminal = Canvas::new(io::sink());
        for step in steps {
            let told = format!("{step:?}");
            take(&mut desk, step);
            desk.happens(Happening::Ticked);
            desk.draws_on(&mut terminal);
            prop_assert!(desk.picture().is_on(&terminal), "after {told} there is\n{:?}\ninstead of\n{}",
                terminal.shown(), desk.picture().text());
        }
    }
}

#[test]
fn seconds_that_pass_are_drawn_where_they_show() {
    for (_, keys) in SCREENS {
        let mut desk = Desk::new();
        desk.press(keys);
        let mut terminal = Canvas::new(io::sink());
        desk.draws_on(&mut terminal);
        for second in 0..130 {
            desk.world.now = desk.world.now + Duration::from_secs(1);
            desk.happens(Happening::Heard(Heard::Alive(desk.world.now)));
            desk.happens(Happening::Ticked);
            desk.draws_on(&mut terminal);
            assert!(desk.picture().is_on(&terminal), "{keys}, second {second}");
        }
    }
}
