use crate::pilot::fact::Handoff;
use crate::pilot::id::Sha;
use crate::pilot::record::{AgentState, Illness};

use super::*;

fn builder() -> AgentId {
    AgentId::parse("builder").expect("a name")
}

fn state(state: AgentState) -> Record {
    Record::StateChanged { agent: builder(), state, why: String::new() }
}

fn engine(epoch: u64) -> Record {
    Record::EngineStarted { epoch, pid: 1, version: String::new(), seed: 0, host: String::new() }
}

fn found() -> Record {
    Record::Found { agent: builder(), illness: Illness::Dead, evidence: Vec::new() }
}

/// Records number `first` and on, one every second of their number.
fn lanes(first: u64, records: &[Record]) -> Lanes {
    let mut lanes = Lanes::after(first - 1);
    for (seq, record) in (first..).zip(records) {
        let at = Time(i64::try_from(seq).expect("small") * 1_000);
        lanes.push(Stamp { seq, at }, record);
    }
    lanes
}

fn seen(lanes: &Lanes) -> Vec<(i64, Option<Tint>)> {
    let lane = lanes.lane(&builder());
    [1_500, 2_500, 3_500, 4_500].map(|at| (at, lane.and_then(|lane| lane.at(Time(at))).map(|found| found.0))).to_vec()
}

#[test]
fn past_and_present_meet_without_gap_and_without_double() {
    let all = [state(AgentState::Working), state(AgentState::Idle), found(), state(AgentState::Down)];
    let whole = lanes(1, &all);
    let mut joined = lanes(3, &all[2..]);
    assert!(joined.put_before(lanes(1, &all[..2])));
    assert_eq!(seen(&joined), seen(&whole));
    assert_eq!((joined.from(), joined.to(), joined.count()), (1, 4, whole.count()));
    joined.push(Stamp { seq: 4, at: Time(9_000) }, &state(AgentState::Working));
    assert_eq!((joined.count(), joined.to()), (whole.count(), 4), "what was heard twice is told once");
    assert!(!joined.put_before(lanes(1, &all[..2])), "nor does a page come twice");
    assert!(!lanes(4, &all[3..]).put_before(lanes(1, &all[..2])), "nor is a hole closed over");
}

#[test]
fn time_without_an_engine_is_known_on_either_side_of_a_page() {
    let mut late = Lanes::after(1);
    late.push(Stamp { seq: 2, at: Time(60_000) }, &engine(2));
    assert_eq!(late.absent(Time(0), Time(100_000)), 0);
    assert!(late.put_before(lanes(1, &[engine(1)])));
    assert_eq!(late.absent(Time(0), Time(100_000)), 59_000);
    assert_eq!(late.absent(Time(10_000), Time(20_000)), 10_000);
    let mut quick = lanes(1, &[engine(1)]);
    quick.push(Stamp { seq: 2, at: Time(3_000) }, &engine(2));
    assert_eq!(quick.absent(Time(0), Time(100_000)), 0, "an upgrade is no absence");
}

#[test]
fn a_push_stands_above_and_in_the_lanes_of_those_it_concerns() {
    let sha = Sha::parse(&"a".repeat(40)).expect("a hash");
    let handoff = Handoff { prefix: "claim".to_string(), gate: "2a".to_string() };
    let (remote, branch, targets) = ("r".to_string(), "main".to_string(), vec![builder()]);
    let lanes = lanes(1, &[Record::HandoffSeen { remote, branch, sha, handoff, targets, by: String::new() }]);
    assert_eq!(
        lanes.fleet().iter().map(|mark| (mark.kind, &*mark.label)).collect::<Vec<_>>(),
        [(FleetKind::Claim, "claim(2a)")]
    );
    let own = lanes.lane(&builder()).and_then(|lane| lane.marks.from(Time(0)));
    assert_eq!(own.map(|mark| (mark.kind(), mark.seq())), Some((MarkKind::Claim, 1)));
}

#[test]
fn of_a_column_full_of_marks_the_worst_is_shown() {
    let mut marks = Marks::default();
    for (seq, kind) in (1..).zip(MarkKind::ALL) {
        marks.push(Mark::new(Stamp { seq, at: Time(10) }, kind));
    }
    assert_eq!(marks.telling(Time(0), Time(11)).map(|mark| mark.kind()), Some(MarkKind::Held));
    assert_eq!(marks.telling(Time(0), Time(10)), None);
    assert!(MarkKind::ALL.iter().enumerate().all(|(at, kind)| *kind as usize == at));
}

#[test]
fn the_last_hour_is_told_in_eighths_of_work() {
    let lanes = lanes(1, &[state(AgentState::Working), state(AgentState::Idle)]);
    let lane = lanes.lane(&builder()).expect("it was told of");
    let busy = lane.busy(Time(2_999), Duration::from_secs(4), 4);
    assert_eq!(busy, [None, None, Some(8), Some(0)]);
}

#[test]
fn a_wild_fleet_takes_no_more_than_its_share() {
    let mut lanes = Lanes::after(0);
    for seq in 1..=2_100_000_u64 {
        let at = Time(i64::try_from(seq).expect("small"));
        let working = if seq % 2 == 0 { AgentState::Working } else { AgentState::Idle };
        lanes.push(Stamp { seq, at }, &state(working));
    }
    assert!((MOST - 64..=MOST).contains(&lanes.count()));
    let lane = lanes.lane(&builder()).expect("it was told of");
    assert!(lane.at(Time(50_000)).is_none() && lane.at(Time(2_000_000)).is_some());
    lanes.forget_before(Time(2_000_000));
    assert!(lanes.count() < 200_000);
}
