//! What an engine does before anything else: read 100 000 records and fold them into the state.

use std::hint::black_box;

use divan::Bencher;
use flightdeck::edge::store::Store;
use flightdeck::pilot::fact::{Handoff, Stamp};
use flightdeck::pilot::id::{AgentId, EffectId, MessageId, Sha};
use flightdeck::pilot::message::{Message, Origin, Stage};
use flightdeck::pilot::record::{AgentState, BaselineWhy, Order, Record};
use flightdeck::pilot::state::State;
use flightdeck::pilot::time::Time;

const RECORDS: usize = 100_000;
const AGENTS: u64 = 10;
const NOON: i64 = 1_795_262_400_000;
/// A delivery with what goes around it, in this many records.
const ROUND: usize = 13;

#[divan::bench(sample_count = 10, sample_size = 1)]
fn fold_100_000_records(bencher: Bencher<'_, '_>) {
    let dir = filled();
    bencher.bench_local(|| {
        let store = Store::open(&dir.path().join("state/records.db")).expect("it opens");
        let mut state = State::default();
        let folded = store.fold(|stamp, record| state.apply(stamp, &record)).expect("it reads");
        assert_eq!(folded.records, RECORDS as u64);
        black_box(state)
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn apply_100_000_records(bencher: Bencher<'_, '_>) {
    let records = records();
    bencher.bench_local(|| {
        let mut state = State::default();
        for (seq, record) in (1..).zip(&records) {
            state.apply(Stamp { seq, at: Time(NOON + seq as i64) }, record);
        }
        black_box(state)
    });
}

#[divan::bench]
fn append_one_record(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&dir.path().join("state/records.db")).expect("it opens");
    let record = [Record::Done { id: EffectId(1) }];
    bencher.bench_local(|| store.append(Time(NOON), &record).expect("it is written"));
}

fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&dir.path().join("state/records.db")).expect("it opens");
    for (n, batch) in records().chunks(ROUND).enumerate() {
        store.append(Time(NOON + n as i64 * 1000), batch).expect("it is written");
    }
    dir
}

/// A long life of ten agents: handoffs, their pings, turns, markers.
fn records() -> Vec<Record> {
    (0..).flat_map(round).take(RECORDS).collect()
}

fn round(n: u64) -> [Record; ROUND] {
    let agent = AgentId::parse(&format!("agent-{}", n % AGENTS)).expect("a good name");
    let sha = Sha::parse(&format!("{n:040x}")).expect("a good sha");
    let (message, paste, submit) = (MessageId(n + 1), EffectId(2 * n + 1), EffectId(2 * n + 2));
    let (remote, branch) = ("/srv/project.git".to_string(), "main".to_string());
    let text = format!("claim(g{n}) was pushed as {}: review it, and push review(g{n}) when you are done", sha.short());
    let moved = |stage| Record::MessageMoved { message, agent: agent.clone(), stage };
    let order = |id, order| Record::Ordered { id, agent: Some(agent.clone()), order, epoch: 1 };
    let state =
        |state| Record::StateChanged { agent: agent.clone(), state, why: "a spinner: ✻ Thinking…".to_string() };
    [
        Record::Baseline { remote: remote.clone(), branch: branch.clone(), sha: sha.clone(), why: BaselineWhy::Pushed },
        Record::HandoffSeen {
            remote,
            branch,
            sha: sha.clone(),
            handoff: Handoff { prefix: "claim".to_string(), gate: format!("g{n}") },
            targets: vec![agent.clone()],
            by: String::new(),
        },
        Record::MessageQueued {
            message: Message {
                id: message,
                agent: agent.clone(),
                origin: Origin::Handoff { commits: vec![sha] },
                text,
                queued_at: Time(NOON),
                only: None,
            },
        },
        order(paste, Order::Paste { message }),
        moved(Stage::Pasting),
        Record::Done { id: paste },
        moved(Stage::Typed { presses: 0 }),
        order(submit, Order::Submit { message }),
        Record::Done { id: submit },
        moved(Stage::Submitted { evidence: "its event channel".to_string() }),
        state(AgentState::Working),
        Record::MarkerSeen { agent: agent.clone(), until: Time(NOON), flaw: None },
        state(AgentState::Waiting { until: Time(NOON) }),
    ]
}
