//! The cockpit: one key, one frame, one second of a quiet fleet. The tests' own fleet, on a terminal of 200x50 whose bytes nobody
//! reads; a frame is drawn, compared with the one before and written.

use std::hint::black_box;
use std::io::{self, Sink};
use std::time::Duration;

use divan::Bencher;
use flightdeck::cockpit::archive::{Question, Shelf, Sieve};
use flightdeck::cockpit::canvas::Canvas;
use flightdeck::cockpit::happening::Happening;
use flightdeck::cockpit::keys::Key;
use flightdeck::cockpit::model::Model;
use flightdeck::cockpit::update::update;
use flightdeck::edge::link::Heard;
use flightdeck::edge::store::{Page, Store};
use flightdeck::pilot::id::MessageId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::view::AgentView;

use desk::Desk;
use world::{World, id, table};

#[path = "../../tests/cockpit/desk.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod desk;
#[path = "../../tests/cockpit/pane.rs"]
mod pane;
#[path = "../../tests/cockpit/picture.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod picture;
#[path = "../../tests/cockpit/world.rs"]
mod world;

const SIZE: (u16, u16) = (200, 50);
/// A week of a restless fleet.
const RECORDS: usize = 300_000;
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Every panel: its name and the keys that lead to it.
const PANELS: [(&str, &str); 5] = [("live", "1"), ("recorder", "2"), ("logbook", "3"), ("outbox", "4"), ("why", "5")];

/// How much time is seen, and steps out from the closest.
const SPANS: [(&str, usize); 3] = [("10 minutes", 2), ("1 day", 8), ("7 days", 11)];

/// A frame in which nothing has changed: what drawing and comparing cost.
#[divan::bench(args = [10, 50, 100])]
fn frame_unchanged(bencher: Bencher<'_, '_>, agents: usize) {
    let desk = Desk::over(fleet(agents), SIZE.0, SIZE.1);
    let mut screen = Screen::new();
    bencher.bench_local(|| screen.draw(&desk.model));
}

/// The same with as many agents as a view may have, more than one workspace configures.
#[divan::bench(name = "frame at 500 agents")]
fn frame_at_500_agents(bencher: Bencher<'_, '_>) {
    let desk = crowd(500);
    let mut screen = Screen::new();
    bencher.bench_local(|| screen.draw(&desk.model));
}

/// A key that selects the next of so many, with its frame.
#[divan::bench(name = "key and frame at 500 agents")]
fn key_and_frame_at_500_agents(bencher: Bencher<'_, '_>) {
    let mut desk = crowd(500);
    let (mut screen, mut keys) = (Screen::new(), up_and_down());
    bencher.bench_local(|| {
        press(&mut desk.model, keys());
        screen.draw(&desk.model);
    });
}

/// The first frame: everything is written.
#[divan::bench]
fn frame_whole(bencher: Bencher<'_, '_>) {
    let desk = Desk::over(fleet(50), SIZE.0, SIZE.1);
    bencher.with_inputs(Screen::new).bench_local_refs(|screen| screen.draw(&desk.model));
}

/// A key that selects the next agent, without its frame.
#[divan::bench(args = [10, 50, 100])]
fn key(bencher: Bencher<'_, '_>, agents: usize) {
    let mut desk = Desk::over(fleet(agents), SIZE.0, SIZE.1);
    let mut keys = up_and_down();
    bencher.bench_local(|| press(&mut desk.model, keys()));
}

/// The same with its frame, with each panel beside a fleet of 50.
#[divan::bench(args = PANELS.map(|(name, _)| name))]
fn key_and_frame(bencher: Bencher<'_, '_>, panel: &str) {
    let mut desk = Desk::over(fleet(50), SIZE.0, SIZE.1);
    desk.press(PANELS.iter().find(|(name, _)| *name == panel).expect("it is in the table").1);
    let (mut screen, mut keys) = (Screen::new(), up_and_down());
    bencher.bench_local(|| {
        press(&mut desk.model, keys());
        screen.draw(&desk.model);
    });
}

/// The clock's beat and its frame.
#[divan::bench(args = [10, 50, 100])]
fn second_and_frame(bencher: Bencher<'_, '_>, agents: usize) {
    let mut desk = Desk::over(fleet(agents), SIZE.0, SIZE.1);
    let mut screen = Screen::new();
    let mut now = desk.model.now;
    bencher.bench_local(|| {
        now = now + Duration::from_secs(1);
        update(&mut desk.model, now, Happening::Heard(Heard::Alive(now)));
        update(&mut desk.model, now, Happening::Ticked);
        screen.age(&desk.model);
    });
}

/// The flight recorder on the whole screen, after a week: a step of its cursor, and so much time in sight.
#[divan::bench(args = SPANS.map(|(words, _)| words))]
fn recorder_of_a_week(bencher: Bencher<'_, '_>, span: &str) {
    let mut desk = Desk::over(week(50), SIZE.0, SIZE.1);
    let steps = SPANS.iter().find(|(words, _)| *words == span).expect("it is in the table").1;
    desk.press("<tab>2z").press(&"+".repeat(11)).press(&"-".repeat(steps)).shows(span);
    let mut screen = Screen::new();
    let mut keys = alternating("left", "right");
    bencher.bench_local(|| {
        press(&mut desk.model, keys());
        screen.draw(&desk.model);
    });
}

/// The same, when every column is another: from 4 days to 7 and back.
#[divan::bench]
fn recorder_of_a_week_zooms(bencher: Bencher<'_, '_>) {
    let mut desk = Desk::over(week(50), SIZE.0, SIZE.1);
    desk.press("<tab>2z").press(&"-".repeat(11)).shows("7 days");
    let mut screen = Screen::new();
    let mut keys = alternating("+", "-");
    bencher.bench_local(|| {
        press(&mut desk.model, keys());
        screen.draw(&desk.model);
    });
}

/// The logbook at the end of a week: a page back or forth within what is in memory.
#[divan::bench]
fn logbook_page_and_frame(bencher: Bencher<'_, '_>) {
    let mut desk = Desk::over(week(50), SIZE.0, SIZE.1);
    desk.press("<tab>3z");
    let mut screen = Screen::new();
    let mut keys = alternating("page-up", "page-down");
    bencher.bench_local(|| {
        press(&mut desk.model, keys());
        screen.draw(&desk.model);
    });
}

/// What the archive's thread does for one more page of the logbook, out of the middle of a week.
#[divan::bench]
fn logbook_page_read(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&dir.path().join("records.db")).expect("it opens");
    let world = week(50);
    for (at, records) in moments(&world) {
        store.append(at, &records).expect("it is written");
    }
    let mut shelf = Shelf::new(dir.path(), dir.path());
    let question = || Question::Entries { sieve: Sieve::default(), page: Page::Before(RECORDS as u64 / 2) };
    bencher.bench_local(|| black_box(shelf.answer(question())));
}

/// A terminal that takes everything and shows nothing.
struct Screen(Canvas<Sink>);

impl Screen {
    fn new() -> Self {
        Screen(Canvas::new(io::sink()))
    }

    fn draw(&mut self, model: &Model) {
        self.0.draw(model).expect("it takes everything");
    }

    /// What the clock has changed.
    fn age(&mut self, model: &Model) {
        self.0.age(model).expect("it takes everything");
    }
}

fn press(model: &mut Model, key: Key) {
    let now = model.now;
    black_box(update(model, now, Happening::Key(key.event())));
}

fn up_and_down() -> impl FnMut() -> Key {
    alternating("down", "up")
}

fn alternating(one: &str, other: &str) -> impl FnMut() -> Key + use<> {
    let keys = [one, other].map(|name| Key::parse(name).expect("a key"));
    let mut turn = 0;
    move || {
        turn += 1;
        keys[turn % 2]
    }
}

/// So many agents in the midst of their work.
fn fleet(agents: usize) -> World {
    let tables: Vec<String> = (0..agents).map(|n| table(&name(n), "role = \"other\"\nprompt = \"worker\"\n")).collect();
    let mut world = World::new(&tables.concat(), &["1a", "1b", "2"]);
    world.works_for(Duration::from_secs(240));
    world
}

/// A fleet of ten, each so often under another name that there are so many.
fn crowd(agents: usize) -> Desk {
    let mut desk = Desk::over(fleet(10), SIZE.0, SIZE.1);
    let mut view = desk.world.view();
    let few = view.agents.clone();
    view.agents = (0..agents).map(|n| AgentView { id: id(&name(n)), ..few[n % few.len()].clone() }).collect();
    desk.hears(Heard::View(Box::new(view)));
    desk
}

/// A fleet after a week in which each changed what it does some six thousand times.
fn week(agents: usize) -> World {
    let mut world = fleet(agents);
    let begin = world.now;
    let moments = RECORDS / agents;
    for moment in 0..moments {
        world.now = begin + WEEK * u32::try_from(moment).expect("few") / u32::try_from(moments).expect("few");
        let records: Vec<Record> = (0..agents).map(|n| turn(n, moment, world.now)).collect();
        world.writes(&records);
    }
    world
}

fn turn(n: usize, moment: usize, now: Time) -> Record {
    let agent = id(&name(n));
    let chance = (n * 7_919 + moment * 104_729) % 97;
    let changed = |state, why: &str| Record::StateChanged { agent: agent.clone(), state, why: why.to_string() };
    match chance {
        0..45 => changed(AgentState::Working, "a turn runs: its screen changes"),
        45..65 => changed(AgentState::Waiting { until: now + WEEK / 5_000 }, "it announced WAITING-UNTIL"),
        65..80 => changed(AgentState::Idle, "its composer is empty"),
        80 => changed(AgentState::AtDialog { dialog: "trust".to_string() }, "it asks: do you trust the files?"),
        _ => {
            let stage = Stage::Submitted { evidence: "its composer is empty again".to_string() };
            Record::MessageMoved { message: MessageId(moment as u64 + 1), agent, stage }
        }
    }
}

fn moments(world: &World) -> Vec<(Time, Vec<Record>)> {
    let moments = world.records().chunk_by(|(one, _), (next, _)| one.at == next.at);
    moments.map(|moment| (moment[0].0.at, moment.iter().map(|(_, record)| record.clone()).collect())).collect()
}

fn name(n: usize) -> String {
    format!("agent-{n:03}")
}
