use crate::pilot::record::{Actor, AgentState};

use super::*;

fn stamp(seq: u64) -> Stamp {
    Stamp { seq, at: Time(i64::try_from(seq).expect("small") * 1_000) }
}

fn record(seq: u64) -> Record {
    let agent = crate::pilot::id::AgentId::parse("builder").expect("a name");
    let state = if seq.is_multiple_of(2) { AgentState::Working } else { AgentState::Idle };
    Record::StateChanged { agent, state, why: String::new() }
}

/// A log of so many records, read in pages of `page`.
fn answer(stretch: Stretch, page: u64) -> Past {
    let begin = stretch.before.saturating_sub(page + 1).max(stretch.after);
    let mut lanes = Lanes::after(begin);
    (begin + 1..stretch.before).for_each(|seq| lanes.push(stamp(seq), &record(seq)));
    Past { lanes, complete: begin == stretch.after }
}

fn read_all(history: &mut History, need: Time) -> Vec<Stretch> {
    let mut asked = Vec::new();
    while let Some(stretch) = history.wants(need) {
        asked.push(stretch);
        assert_eq!(history.wants(need), None, "one page at a time");
        assert!(history.found(stretch, Ok(answer(stretch, 40))));
    }
    asked
}

#[test]
fn the_past_is_read_from_its_end_as_far_as_somebody_looks() {
    let mut history = History::default();
    assert_eq!(history.wants(Time(0)), None, "nothing is asked before an engine was heard");
    history.joined(100);
    assert_eq!(read_all(&mut history, Time(70_000)), [Stretch { before: 101, after: 0 }]);
    history.heard(stamp(101), &record(101));
    assert_eq!(read_all(&mut history, Time(0)).len(), 2);
    let lanes = history.lanes().expect("it is known");
    assert_eq!((lanes.from(), lanes.to(), lanes.count()), (1, 101, 101));
}

#[test]
fn what_happened_while_nobody_listened_is_read_and_joined() {
    let mut history = History::default();
    history.joined(100);
    read_all(&mut history, Time(70_000));
    history.joined(200);
    history.heard(stamp(201), &record(201));
    let asked = read_all(&mut history, Time(70_000));
    assert_eq!(asked.last(), Some(&Stretch { before: 121, after: 100 }), "{asked:?}");
    let lanes = history.lanes().expect("it is known");
    assert_eq!((lanes.from(), lanes.to(), lanes.count()), (61, 201, 141));
    history.joined(201);
    assert_eq!(history.lanes().map(Lanes::count), Some(141), "a connection that has missed nothing changes nothing");
}

#[test]
fn an_answer_from_before_the_connection_was_lost_is_dropped() {
    let mut history = History::default();
    history.joined(100);
    let old = history.wants(Time(0)).expect("a page");
    history.joined(150);
    assert!(!history.found(old, Ok(answer(old, 40))));
    history.heard(stamp(151), &Record::Paused { by: Actor::Operator });
    read_all(&mut history, Time(0));
    assert_eq!(history.lanes().map(|lanes| (lanes.from(), lanes.to())), Some((1, 151)));
}

#[test]
fn a_log_that_cannot_be_read_is_not_asked_again_and_again() {
    let mut history = History::default();
    history.joined(100);
    let asked = history.wants(Time(0)).expect("a page");
    assert!(history.found(asked, Err("gone".to_string())));
    assert_eq!(history.wants(Time(0)), None);
}
