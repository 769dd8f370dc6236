//! Five hundred agents: what keys do is right, and a frame costs no more for those that are not on the screen.

use flightdeck::cockpit::happening::Happening;
use flightdeck::edge::link::Heard;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::AgentState;
use flightdeck::pilot::view::{AgentView, View};
use rustix::time::{ClockId, clock_gettime};

use super::desk::Desk;
use super::world::{World, id};

const MANY: usize = 500;
const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];

/// So many agents, most in the states of the busy fleet's, three of them held.
fn view(agents: usize) -> View {
    let busy = World::busy().view();
    let calm = |agent: &&AgentView| matches!(agent.state, AgentState::Working | AgentState::Waiting { .. });
    let calm: Vec<&AgentView> = busy.agents.iter().filter(calm).collect();
    let held = AgentState::Held { cause: "a look".to_string() };
    let agent = |n: usize| {
        let state = if held_ones(agents).contains(&n) { held.clone() } else { calm[n % calm.len()].state.clone() };
        AgentView { id: id(&name(n)), state, ..calm[n % calm.len()].clone() }
    };
    View { agents: (0..agents).map(agent).collect(), ..busy }
}

fn held_ones(agents: usize) -> [usize; 3] {
    [7, agents / 2, agents - 1]
}

fn name(n: usize) -> String {
    format!("agent-{n:03}")
}

/// A cockpit over them, whose engine says nothing more.
fn over(view: View, (width, height): (u16, u16)) -> Desk {
    let mut desk = Desk::sized(width, height);
    desk.hears(Heard::View(Box::new(view)));
    desk.press("g").engine_slows();
    desk
}

fn desk(size: (u16, u16)) -> Desk {
    over(view(MANY), size)
}

/// Names of the agents whose rows are on the screen, top to bottom.
fn rows(desk: &Desk) -> Vec<String> {
    let text = desk.text();
    let name = |line: &str| {
        let words = line.strip_prefix('│')?.split("││").next()?;
        words.split_whitespace().nth(1).filter(|word| word.starts_with("agent-")).map(str::to_string)
    };
    text.lines().filter_map(name).collect()
}

/// All of them in the order of the list: the held ones, then the others as they are configured.
fn order() -> Vec<String> {
    let held = held_ones(MANY);
    held.into_iter().chain((0..MANY).filter(|n| !held.contains(n))).map(name).collect()
}

#[test]
fn who_needs_the_operator_is_on_the_first_screen_whatever_the_number() {
    for size in SIZES {
        let desk = desk(size);
        assert_eq!(desk.model.fleet.order.iter().map(ToString::to_string).collect::<Vec<_>>(), order());
        let shown = rows(&desk);
        assert!(shown.len() >= usize::from(size.1) - 10, "{shown:?}");
        assert_eq!(shown, order()[..shown.len()]);
        desk.picture().text().lines().take(1).for_each(|head| assert!(head.contains("3 need you"), "{head}"));
    }
}

#[test]
fn keys_lead_to_every_row_and_the_selected_one_is_always_in_sight() {
    for size in SIZES {
        let mut desk = desk(size);
        let all = order();
        let at = |desk: &Desk, row: usize| {
            assert_eq!(desk.selected(), all[row]);
            assert!(rows(desk).contains(&all[row]), "{} is not among {:?}", all[row], rows(desk));
        };
        desk.press("G");
        at(&desk, MANY - 1);
        assert_eq!(rows(&desk).last(), all.last());
        desk.press("j");
        at(&desk, MANY - 1);
        desk.press("kkk");
        at(&desk, MANY - 4);
        desk.press("g");
        at(&desk, 0);
        desk.press("<page-down>");
        let page = desk.model.fleet.position().expect("one is selected");
        assert!(page > 5 && page < rows(&desk).len(), "{page}");
        at(&desk, page);
        desk.press("<page-down><page-down>");
        at(&desk, 3 * page);
        desk.press("<page-up>");
        at(&desk, 2 * page);
        desk.press(&"<page-down>".repeat(MANY / page + 1));
        at(&desk, MANY - 1);
        desk.press("g").press(&"j".repeat(MANY / 2));
        at(&desk, MANY / 2);
    }
}

#[test]
fn a_filter_finds_one_among_all_and_what_is_marked_stays_marked() {
    for size in SIZES {
        let mut desk = desk(size);
        desk.press("/agent-31<enter>");
        assert_eq!(rows(&desk), (310..320).map(name).collect::<Vec<_>>());
        desk.press("*").shows("10 marked").press("<esc>").press("/held<enter>");
        assert_eq!(rows(&desk), held_ones(MANY).map(name));
        desk.press("<esc><esc><esc>").hides("marked");
        desk.press("/agent-499 held<enter>");
        assert_eq!(rows(&desk), [name(499)]);
        desk.press("<esc>/nobody<enter>").shows("no agent fits the filter");
        desk.press("<esc>");
        assert_eq!(desk.model.fleet.order.len(), MANY);
    }
}

#[test]
fn all_of_them_are_marked_and_asked_and_one_question_lists_them() {
    for size in SIZES {
        let mut desk = desk(size);
        desk.press("*").shows("500 marked").press("S");
        desk.shows("stop 500 agents?").shows("more").shows("do it");
        desk.press("n").press("p");
        assert_eq!(desk.asked().len(), MANY);
        assert!(order().iter().zip(desk.asked()).all(|(agent, asked)| asked == Command::Ping { agent: id(agent) }));
        desk.press("<esc>").hides("marked");
    }
}

#[test]
fn a_click_hits_the_row_that_is_drawn_in_the_middle_of_the_list() {
    let mut desk = desk((80, 24));
    desk.press("G<page-up><page-up>");
    let shown = rows(&desk);
    let text = desk.text();
    for agent in &shown {
        let drawn =
            |line: &str| line.starts_with('│') && line.split("││").next().is_some_and(|row| row.contains(agent));
        let row = desk.text().lines().position(drawn).expect("it is drawn");
        let before = rows(&desk);
        desk.click(6, u16::try_from(row).expect("few"));
        assert_eq!(desk.selected(), agent, "{text}");
        desk.press("g").press("G<page-up><page-up>");
        assert_eq!(rows(&desk), before);
    }
}

/// Milliseconds of this thread's own work that the quickest of some turns took: what else runs on the machine does not count.
fn quickest(mut turn: impl FnMut()) -> i64 {
    let worked = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let times = (0..5).map(|_| {
        let begun = worked();
        turn();
        worked() - begun
    });
    times.min().expect("many")
}

/// What thirty frames cost with so many agents, and fifty changes of one of them while all are marked.
fn costs(agents: usize) -> (i64, i64) {
    let mut desk = over(view(agents), (200, 50));
    desk.press("*").engine_speaks();
    let frames = quickest(|| (0..30).for_each(|_| drop(desk.picture())));
    let mut round = 0;
    let changes = quickest(|| {
        for _ in 0..50 {
            round += 1;
            let mut new = desk.model.view.clone().expect("a picture");
            new.agents[round % agents].last_line = format!("line {round}");
            let change = desk.model.view.as_ref().and_then(|old| old.change_to(&new)).expect("one has changed");
            desk.happens(Happening::Heard(Heard::Change(Box::new(change))));
        }
    });
    (frames, changes)
}

#[test]
fn sixteen_times_as_many_agents_cost_no_more_than_that_and_a_frame_hardly_more() {
    let (few, many) = (costs(100), costs(1_600));
    println!("frames: {} ms and {} ms; changes: {} ms and {} ms", few.0, many.0, few.1, many.1);
    // What grows with the square would be 256 times as much, and with what a change costs anyhow still 50 times.
    assert!(many.0 <= (few.0 + 1) * 8, "frames: {} ms and {} ms", few.0, many.0);
    assert!(many.1 <= (few.1 + 1) * 25, "changes: {} ms and {} ms", few.1, many.1);
}
