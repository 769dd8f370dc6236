use proptest::prelude::*;

use super::*;
use crate::pilot::id::{AccountId, MessageId, PhaseId, Sha};
use crate::pilot::message::{Origin, Stage};
use crate::pilot::usage::Used;
use crate::pilot::view::sample;
use crate::pilot::view::{AccountState, AccountView, HandoffView, PhaseItem, PhaseView, WatchView};

fn phase(status: &str, since: i64, spent_s: u64) -> PhaseItem {
    let id = PhaseId::parse("1a").expect("a phase");
    PhaseItem { id, status: status.to_string(), title: String::new(), since: Some(Time(since)), spent_s }
}

fn agent(name: &str, since: i64, line: &str) -> AgentView {
    let next = NextAction { what: "look at it again".to_string(), at: Time(since + 300_000) };
    AgentView {
        since: Time(since),
        evidence: vec![line.to_string()],
        next: Some(next.clone()),
        pid: None,
        session: None,
        pane: None,
        last_line: line.to_string(),
        deadlines: vec![next],
        ..sample::agent(AgentId::parse(name).expect("a name"))
    }
}

fn view(at: i64, agents: Vec<AgentView>) -> View {
    let sha = Sha::parse(&"a1".repeat(20)).expect("a sha");
    View {
        at: Time(at),
        project: "deck".to_string(),
        epoch: 1,
        engine_pid: 1,
        engine_since: Time(0),
        seq: 0,
        paused: false,
        emergency_stop: false,
        tmux: "up".to_string(),
        watch: WatchView {
            remote: None,
            branch: "main".to_string(),
            head: None,
            broken: None,
            handoffs: vec![HandoffView { prefix: "claim".to_string(), gate: "1a".to_string(), sha, at: Time(0) }],
        },
        phase: PhaseView { current: None, sequence: Vec::new(), complete: false, blocked: None },
        agents,
        accounts: Vec::new(),
        outbox: Vec::new(),
        alerts: Vec::new(),
    }
}

fn message(id: u64) -> MessageView {
    MessageView {
        id: MessageId(id),
        agent: AgentId::parse("a").expect("a name"),
        origin: Origin::Nudge,
        stage: Stage::Pasting,
        queued_at: Time(0),
        preview: String::new(),
    }
}

/// Pictures of few values, so that parts are often equal; moments are whole seconds apart.
fn pictures() -> impl Strategy<Value = View> {
    let one = (proptest::sample::select(vec!["a", "b", "c", "d"]), 0..2_i64, "[xy]");
    let agents = proptest::collection::vec(one, 0..5);
    (0..3_i64, 0..2_u64, any::<bool>(), agents, proptest::collection::vec(0..2_u64, 0..2)).prop_map(
        |(at, seq, paused, agents, outbox)| {
            let mut shown: Vec<AgentView> = Vec::new();
            for (name, since, line) in agents {
                if shown.iter().all(|agent| agent.id.as_str() != name) {
                    shown.push(agent(name, since * 1000, &line));
                }
            }
            let outbox = outbox.into_iter().map(message).collect();
            View { seq, paused, outbox, ..view(at * 1000, shown) }
        },
    )
}

proptest! {
    #[test]
    fn a_picture_and_its_change_make_the_next_picture(old in pictures(), new in pictures()) {
        let mut told = old.clone();
        match old.change_to(&new) {
            Some(change) => told.apply(change),
            None => told.at = new.at,
        }
        prop_assert_eq!(told, new);
    }
}

#[test]
fn a_change_names_only_what_differs() {
    let old = View { outbox: vec![message(1)], ..view(0, vec![agent("a", 0, "x"), agent("b", 0, "x")]) };
    let new = View { agents: vec![agent("a", 0, "x"), agent("b", 0, "y")], ..old.clone() };
    let change = old.change_to(&new).expect("a change");
    assert_eq!(change.agents, [agent("b", 0, "y")]);
    assert_eq!((change.order, change.outbox, change.head.agents.len()), (None, None, 0));
}

#[test]
fn a_moment_that_came_out_a_little_later_is_no_change() {
    let old = view(0, vec![agent("a", 0, "x")]);
    let mut new = view(5_000, vec![agent("a", 99, "x")]);
    new.watch.handoffs[0].at = Time(-1);
    assert_eq!(old.change_to(&new), None);
    let later = view(5_000, vec![agent("a", 100, "x")]);
    assert_eq!(old.change_to(&later).map(|change| change.agents.len()), Some(1));
}

#[test]
fn the_time_an_active_phase_takes_is_no_news_and_its_end_is() {
    let with = |at, item| {
        let mut view = view(at, Vec::new());
        view.phase.sequence = vec![item];
        view
    };
    let old = with(0, phase("active", 0, 10));
    assert_eq!(old.change_to(&with(9_000, phase("active", 1, 19))), None);
    assert!(old.change_to(&with(9_000, phase("suspended", 0, 19))).is_some());
    assert!(old.change_to(&with(9_000, phase("active", 9_000, 10))).is_some());
}

#[test]
fn a_phase_that_is_taken_up_or_was_never_entered_is_told_as_it_is() {
    let with = |item| {
        let mut view = view(0, Vec::new());
        view.phase.sequence = vec![item];
        view
    };
    let pending = PhaseItem { since: None, ..phase("pending", 0, 0) };
    let old = with(pending.clone());
    assert_eq!(old.change_to(&with(pending)), None);
    assert!(old.change_to(&with(phase("active", 0, 0))).is_some());
    let suspended = with(phase("suspended", 0, 10));
    assert!(
        suspended.change_to(&with(phase("active", 0, 10))).is_some(),
        "its time goes on, and nothing else tells so"
    );
}

#[test]
fn an_account_is_told_anew_when_it_was_tried_and_not_for_a_clock_that_was_slewed() {
    let tried = |tried: Option<i64>| {
        let account = AccountView {
            id: AccountId::parse("max").expect("an account"),
            provider: "anthropic".to_string(),
            kind: "subscription".to_string(),
            source: "its own login".to_string(),
            state: AccountState::Good,
            login: String::new(),
            agents: Vec::new(),
            triable: true,
            tried: tried.map(Time),
            verdict: None,
            used_today: Used::default(),
            budget: None,
            budget_percent: None,
        };
        View { accounts: vec![account], ..view(0, Vec::new()) }
    };
    assert_eq!(tried(Some(1_000)).change_to(&tried(Some(1_099))), None);
    assert!(tried(Some(1_000)).change_to(&tried(Some(1_100))).is_some());
    assert!(tried(None).change_to(&tried(Some(1_000))).is_some());
    assert_eq!(tried(None).change_to(&tried(None)), None);
}

#[test]
fn a_picture_from_before_reads_with_defaults() {
    let mut old = serde_json::to_value(view(0, vec![agent("a", 0, "x")])).expect("JSON");
    let fields = old["agents"][0].as_object_mut().expect("an agent");
    for field in ["model", "kind", "restart", "deadlines"] {
        fields.remove(field);
    }
    old["watch"].as_object_mut().expect("the watch").remove("handoffs");
    let read: View = serde_json::from_value(old).expect("a picture");
    assert_eq!((read.agents[0].deadlines.len(), read.watch.handoffs.len()), (0, 0));
}
