//! Records are for ever: the log of an early engine folds today as it did then. The file is never rewritten; a change of
//! the format that can't read it is refused here.

use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::time::Time;

#[test]
fn the_log_of_the_first_engine_folds_to_a_completed_sequence() {
    let text = include_str!("old_records.jsonl");
    let mut state = State::default();
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        let mut number = || fields.next().and_then(|field| field.parse::<i64>().ok()).expect("a number");
        let stamp = Stamp { seq: u64::try_from(number()).expect("a position"), at: Time(number()) };
        let record: Record = serde_json::from_str(fields.next().expect("a record")).expect("a record of that day");
        state.apply(stamp, &record);
    }
    assert!(state.sequence.complete);
    assert_eq!(state.sequence.done.len(), 3);
    assert!(state.outbox.values().filter(|posted| posted.stage.settled()).count() >= 10, "{:?}", state.outbox.len());
    assert!(state.agents.values().all(|agent| agent.place.is_none() && agent.held.is_none()));
}
