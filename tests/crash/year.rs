//! A year of records: how large the log is, and how fast its last day is read.

use std::fs;

use flightdeck::edge::clock;
use flightdeck::edge::store::{Filter, Page, Reader, Store};
use flightdeck::pilot::id::{AgentId, EffectId, MessageId};
use flightdeck::pilot::message::{Message, Origin, Stage};
use flightdeck::pilot::record::{AgentState, Order, Record};
use flightdeck::pilot::time::Time;
use rustix::time::{ClockId, clock_gettime};

use super::runs::wanted;

/// The most records of a day that ten agents made in the simulated year.
const A_DAY: u64 = 5_676;
pub(super) const DAY: i64 = 86_400_000;
pub(super) const RETENTION: i64 = 90 * DAY;
const MOST_BYTES: u64 = 500_000_000;
const MOST_MS: i64 = 100;

/// What a turn of an agent leaves, and every fourth one with a message to it.
fn turn(number: u64, at: Time) -> Vec<Record> {
    let agent = AgentId::parse(&format!("agent-{}", number % 10)).unwrap();
    let message = MessageId(number);
    let moved = |stage| Record::MessageMoved { message, agent: agent.clone(), stage };
    let state = |state, why: &str| Record::StateChanged { agent: agent.clone(), state, why: why.to_string() };
    let mut records = vec![
        state(AgentState::Working, "✻ Thinking… (312s · 48 112 tokens)"),
        Record::MarkerSeen { agent: agent.clone(), until: at, flaw: None },
        state(AgentState::Waiting { until: at }, "● WAITING-UNTIL: 2026-11-21T05:00:00Z"),
    ];
    if number.is_multiple_of(4) {
        let text = "New on main: claim(1a) 0123456789. Pull and act on it.".to_string();
        let origin = Origin::Operator;
        let order = |order, id| Record::Ordered { id: EffectId(id), agent: Some(agent.clone()), order, epoch: 7 };
        records.extend([
            Record::MessageQueued {
                message: Message { id: message, agent: agent.clone(), origin, text, queued_at: at, only: None },
            },
            moved(Stage::Queued { why: Some("it is in a turn".to_string()) }),
            moved(Stage::Pasting),
            order(Order::Paste { message }, number * 2),
            Record::Done { id: EffectId(number * 2) },
            moved(Stage::Typed { presses: 1 }),
            order(Order::Submit { message }, number * 2 + 1),
            Record::Done { id: EffectId(number * 2 + 1) },
            moved(Stage::Submitted { evidence: "its event channel reported the prompt".to_string() }),
        ]);
    }
    records
}

/// Writes the records of so many days from this time on, and drops what is too old as a running engine does once a day; how many
/// were written.
pub(super) fn write(store: &mut Store, begin: Time, days: i64, retention: i64) -> u64 {
    let (mut number, mut written) = (0, 0);
    for day in 0..days {
        let end = written + A_DAY;
        while written < end {
            let part = i64::try_from(A_DAY - (end - written)).unwrap() * (DAY / i64::try_from(A_DAY).unwrap());
            let at = Time(begin.0 + day * DAY + part);
            let records: Vec<Record> = (0..40).flat_map(|more| turn(number + more, at)).collect();
            number += 40;
            written += records.len() as u64;
            store.append(at, &records).unwrap();
        }
        store.prune(Time(begin.0 + (day + 1) * DAY - retention), |record| !record.is_history()).unwrap();
    }
    written
}

#[test]
fn a_years_log_stays_small_and_its_last_day_is_read_in_a_moment() {
    let days = i64::try_from(wanted("FLIGHTDECK_CRASH_DAYS").unwrap_or(10)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/records.db");
    let mut store = Store::open(&path).unwrap();
    let written = write(&mut store, Time(0), days, RETENTION);
    let begin = clock::monotonic_ms();
    let mut kept = 0_u64;
    store.fold(|_, _| kept += 1).unwrap();
    let folding = clock::monotonic_ms() - begin;
    drop(store);
    let bytes = fs::metadata(&path).unwrap().len();
    let reader = Reader::open(&path).unwrap();
    let filter = Filter { since: Some(Time((days - 1) * DAY)), ..Filter::default() };
    // Of the processor's time: what else the machine does is not the log's, and all of it lies in memory.
    let spent = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec * 1_000 + now.tv_nsec / 1_000_000
    };
    let begin = spent();
    let (mut after, mut rows) = (0, 0);
    loop {
        let page = reader.rows(&filter, Page::After(after), 10_000).unwrap();
        let Some(last) = page.last() else { break };
        (after, rows) = (last.stamp.seq, rows + page.len());
    }
    let took = spent() - begin;
    println!(
        "{days} days: {written} records written, {kept} kept, {:.1} MB; its last day ({rows} records) is read in {took} ms; \
         all of it is folded in {folding} ms",
        bytes as f64 / 1e6
    );
    assert!(rows as u64 >= A_DAY && bytes <= MOST_BYTES && took <= MOST_MS, "{bytes} bytes, {took} ms");
}
