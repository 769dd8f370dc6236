use std::time::Duration;

use proptest::prelude::*;

use super::super::window::Gaze;
use super::*;
use crate::pilot::fact::Stamp;
use crate::pilot::record::{AgentState, Illness, Record};

const COLUMNS: u16 = 40;
const BEGIN: Time = Time(1_795_225_128_123);

/// What can happen between two frames.
#[derive(Clone, Debug)]
enum Event {
    /// The agent changed its state so many milliseconds ago.
    Changes(u8, u64),
    Ails,
    Passes(u64),
    Steps(i64),
    Zooms(isize),
    /// A page of the past comes.
    Learns,
    /// The oldest is let go.
    Forgets,
    /// The engine is silent, or speaks again.
    Hushes,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_u8..4, 0_u64..4_000).prop_map(|(state, late)| Event::Changes(state, late)),
        1 => Just(Event::Ails),
        4 => (0_u64..200_000).prop_map(Event::Passes),
        3 => (-60_i64..60).prop_map(Event::Steps),
        1 => (-2_isize..3).prop_map(Event::Zooms),
        1 => Just(Event::Learns),
        1 => Just(Event::Forgets),
        1 => Just(Event::Hushes),
    ]
}

struct Bench {
    agent: AgentId,
    lanes: Lanes,
    columns: Columns,
    gaze: Gaze,
    now: Time,
    told: Option<Time>,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        let agent = AgentId::parse("builder").expect("a name");
        let (columns, gaze) = (Columns::default(), Gaze::default());
        let mut bench = Bench { agent, lanes: Lanes::after(500), columns, gaze, now: BEGIN, told: None, next: 501 };
        bench.push(AgentState::Working, 0);
        bench
    }

    fn push(&mut self, state: AgentState, late: u64) {
        let record = Record::StateChanged { agent: self.agent.clone(), state, why: String::new() };
        self.hear(&record, late);
    }

    fn hear(&mut self, record: &Record, late: u64) {
        let stamp = Stamp { seq: self.next, at: self.now - Duration::from_millis(late) };
        self.next += 1;
        self.lanes.push(stamp, record);
        self.columns.forget_from(stamp.at);
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Changes(state, late) => {
                let state = match state {
                    0 => AgentState::Working,
                    1 => AgentState::Idle,
                    2 => AgentState::Down,
                    _ => AgentState::Stopped,
                };
                self.push(state, *late);
            }
            Event::Ails => {
                let agent = self.agent.clone();
                self.hear(&Record::Found { agent, illness: Illness::Stalled, evidence: Vec::new() }, 0);
            }
            Event::Passes(ms) => self.now = self.now + Duration::from_millis(*ms),
            Event::Steps(by) => self.gaze.go(*by, COLUMNS, self.now),
            Event::Zooms(by) => self.gaze.zoom(*by, COLUMNS, self.now),
            Event::Learns => self.learn(),
            Event::Forgets => self.lanes.forget_before(self.now - Duration::from_secs(600)),
            Event::Hushes => self.told = if self.told.is_some() { None } else { Some(self.now) },
        }
    }

    fn learn(&mut self) {
        let from = self.lanes.from();
        let mut older = Lanes::after(from - 3);
        for seq in [from - 2, from - 1] {
            let at = Time(BEGIN.0 - i64::try_from(500 - seq).expect("few") * 60_000);
            let state = if seq.is_multiple_of(2) { AgentState::Idle } else { AgentState::Working };
            let record = Record::StateChanged { agent: self.agent.clone(), state, why: String::new() };
            older.push(Stamp { seq, at }, &record);
        }
        assert!(self.lanes.put_before(older));
    }
}

proptest! {
    /// Whatever happened, a column that was added up earlier is what it would be if it were added up now.
    #[test]
    fn what_was_added_up_once_is_what_lanes_tell(events in prop::collection::vec(event(), 1..60)) {
        let mut bench = Bench::new();
        for event in &events {
            bench.happens(event);
            let window = bench.gaze.window(COLUMNS, bench.now);
            let told = bench.told.unwrap_or(bench.now);
            bench.columns.fill(&bench.lanes, std::slice::from_ref(&bench.agent), &window, told);
            let lane = bench.lanes.lane(&bench.agent).expect("it has one");
            let fresh = |column| Column::of(&lane.states, Some(lane), &window, column, told);
            let known = bench.columns.of(&bench.agent, &bench.lanes, &window, told);
            let wanted: Vec<Column> = (0..COLUMNS).map(fresh).collect();
            prop_assert_eq!(known.len(), window.over(told));
            prop_assert_eq!(known, &wanted[..known.len()]);
        }
    }
}

#[test]
fn the_present_is_not_over_and_other_windows_are_not_known() {
    let mut bench = Bench::new();
    bench.happens(&Event::Passes(3_600_000));
    let window = bench.gaze.window(COLUMNS, bench.now);
    bench.columns.fill(&bench.lanes, std::slice::from_ref(&bench.agent), &window, bench.now);
    assert_eq!(bench.columns.of(&bench.agent, &bench.lanes, &window, bench.now).len(), usize::from(COLUMNS) - 1);
    bench.gaze.zoom(1, COLUMNS, bench.now);
    let other = bench.gaze.window(COLUMNS, bench.now);
    assert_eq!(bench.columns.of(&bench.agent, &bench.lanes, &other, bench.now), []);
}
