use super::*;
use crate::pilot::fact::Exit;
use crate::pilot::id::Sha;
use crate::pilot::message::Origin;
use crate::pilot::record::{BaselineWhy, Wish};

fn builder() -> AgentId {
    AgentId::parse("builder").expect("an agent")
}

fn folded(records: &[Record]) -> State {
    let mut state = State { seq: 7, ..State::default() };
    for record in records {
        let stamp = Stamp { seq: state.seq, at: Time(1_000) };
        state.apply(stamp, record);
    }
    state
}

fn queued(id: u64) -> Record {
    let (id, text) = (MessageId(id), "go".to_string());
    let message = Message { id, agent: builder(), origin: Origin::Operator, text, queued_at: Time(0), only: None };
    Record::MessageQueued { message }
}

fn moved(id: u64, stage: Stage) -> Record {
    Record::MessageMoved { message: MessageId(id), agent: builder(), stage }
}

fn doubt() -> Stage {
    Stage::Uncertain { why: "nobody saw".to_string() }
}

#[test]
fn each_durable_fact_makes_a_state_another_one() {
    let host = |host: &str| Record::EngineStarted {
        epoch: 1,
        pid: 2,
        version: "1".to_string(),
        seed: 3,
        host: host.to_string(),
    };
    let server = Server { pid: 5, started: 6 };
    let sha = Sha::parse(&"a1".repeat(20)).expect("a sha");
    let phases = vec![PhaseId::parse("1a").expect("a phase")];
    let max = AccountId::parse("max").expect("an account");
    let (until, what) = (Time(9_000), "what is".to_string());
    let facts = [
        host("here"),
        Record::ConfigLoaded { digest: "d1".to_string() },
        Record::Paused { by: Actor::Operator },
        Record::EmergencyStopped { by: Actor::Operator },
        Record::ServerUp { server },
        Record::ServerLost,
        Record::Wished { agent: builder(), wish: Wish::Running, by: Actor::Operator },
        queued(1),
        Record::Baseline { remote: String::new(), branch: "main".to_string(), sha, why: BaselineWhy::Pushed },
        Record::SequenceSet { phases, by: Actor::Config },
        Record::Ordered { id: EffectId(1), agent: None, order: Order::StartServer, epoch: 1 },
        Record::MassDeath { agents: Vec::new(), until },
        Record::Hiccuped { what: HiccupNote::Slept { ms: 5 } },
        Record::AccountRefused { account: max, agent: builder(), why: what },
    ];
    let states: Vec<State> = facts.iter().map(|fact| folded(std::slice::from_ref(fact))).collect();
    for (one, fact) in states.iter().zip(&facts) {
        let same = states.iter().filter(|other| one.remembers_the_same(other)).count();
        assert_eq!(same, 1, "{fact:?}");
    }
    assert!(!folded(&[host("here")]).remembers_the_same(&folded(&[host("there")])));
    let settled = folded(&[queued(1), moved(1, doubt()), queued(2), moved(2, doubt())]);
    let otherwise = folded(&[queued(1), queued(2), moved(2, doubt()), moved(1, doubt())]);
    assert!(!settled.remembers_the_same(&otherwise), "they are forgotten in another order");
}

#[test]
fn of_messages_that_are_settled_the_newest_are_kept_and_of_those_that_wait_all() {
    let mut records: Vec<Record> = (1..=300).map(queued).collect();
    records.extend((2..=300).map(|id| moved(id, doubt())));
    let state = folded(&records);
    assert_eq!(state.outbox.len(), SETTLED_KEPT + 1);
    assert_eq!(state.unsettled().map(|posted| posted.message.id.0).collect::<Vec<_>>(), [1]);
    assert_eq!(state.outbox.keys().nth(1), Some(&MessageId(101)));
}

#[test]
fn news_of_a_message_that_nobody_remembers_changes_nothing() {
    let state = folded(&[moved(9, Stage::Submitted { evidence: String::new() })]);
    assert_eq!((state.outbox.len(), state.unsettled().count()), (0, 0));
}

#[test]
fn a_message_in_doubt_that_is_proved_after_all_is_settled_once_and_one_that_is_taken_up_again_waits() {
    let proved = || Stage::Submitted { evidence: "it was seen".to_string() };
    let state = folded(&[queued(1), moved(1, doubt()), moved(1, proved())]);
    assert_eq!((state.settled.len(), state.unsettled().count()), (1, 0));
    let again = folded(&[queued(1), moved(1, doubt()), moved(1, Stage::Queued { why: None })]);
    assert_eq!((again.settled.len(), again.unsettled().count()), (0, 1));
    assert!(again.remembers_the_same(&folded(&[queued(1)])));
}

#[test]
fn an_end_that_fails_of_one_that_went_down_meanwhile_brings_nobody_up() {
    let stop = Order::Stop { cause: crate::pilot::record::StopCause::Operator };
    let ordered = Record::Ordered { id: EffectId(4), agent: Some(builder()), order: stop, epoch: 1 };
    let gone = Record::Exited { agent: builder(), exit: Exit::Lost, last: Vec::new() };
    let failed = Record::Failed { id: EffectId(4), why: "tmux is silent".to_string() };
    let state = folded(&[ordered.clone(), gone, failed.clone()]);
    assert!(matches!(state.agents[&builder()].life, Life::Down { .. }));
    let state = folded(&[ordered, failed]);
    assert!(matches!(state.agents[&builder()].life, Life::Up { .. }), "as far as anybody knows it still runs");
}
