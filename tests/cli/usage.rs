//! `flightdeck usage`: what a log says of tokens and money.

use flightdeck::config::prices::Billing;
use flightdeck::edge::store::Store;
use flightdeck::pilot::fact::Handoff;
use flightdeck::pilot::id::{AgentId, PhaseId, Sha};
use flightdeck::pilot::record::Record;
use flightdeck::pilot::time::Time;
use flightdeck::pilot::usage::{Spent, Tokens, TurnEnd};

use super::deck::Deck;

const MINUTE: i64 = 60_000;
/// 2026-11-20T23:00:00Z
const BEGIN: Time = Time(1_795_215_600_000);
const SINCE: &str = "2026-11-01T00:00:00Z";

fn at(minute: i64) -> Time {
    Time(BEGIN.0 + minute * MINUTE)
}

fn spent(model: &str, output: u64, cost: Option<u64>) -> Spent {
    let tokens = Tokens { input: 100, output, cache_read: 50_000, cache_write: 0 };
    Spent { model: model.to_string(), messages: 3, tokens, cost }
}

/// A turn that began at this minute.
fn used(agent: &str, minute: i64, ended: TurnEnd, billing: Billing, spent: Vec<Spent>) -> Record {
    let agent = AgentId::parse(agent).expect("a name");
    Record::Used {
        agent,
        phase: PhaseId::parse("1a"),
        since: at(minute),
        ended,
        spent,
        billing,
        counted_to: None,
        account: None,
    }
}

fn handoff(prefix: &str, gate: &str) -> Record {
    Record::HandoffSeen {
        remote: "/r".to_string(),
        branch: "main".to_string(),
        sha: Sha::parse(&"3f2a1cd1".repeat(5)).expect("a name"),
        handoff: Handoff { prefix: prefix.to_string(), gate: gate.to_string() },
        targets: Vec::new(),
        by: String::new(),
    }
}

fn deck(records: Vec<(i64, Record)>) -> Deck {
    let deck = Deck::new();
    let mut store = Store::open(&deck.root().join(".flightdeck/records.db")).expect("a log");
    for (minute, record) in records {
        store.append(at(minute), &[record]).expect("it is written");
    }
    deck
}

/// Builder: a paid turn, one that was cut, one over midnight. Adversary: by subscription, and one of a model without a price.
fn project() -> Deck {
    let opus = |output| vec![spent("opus", output, Some(1_250_000))];
    deck(vec![
        (5, used("builder", 0, TurnEnd::Ended, Billing::Tokens, opus(1_000))),
        (6, handoff("claim", "1a.1")),
        // Begun before the review and written down after it: it is what the review came to.
        (20, handoff("review", "1a.1")),
        (21, used("adversary", 7, TurnEnd::Ended, Billing::Subscription, opus(2_000))),
        (30, used("builder", 25, TurnEnd::Cut, Billing::Tokens, opus(500))),
        (40, handoff("claim", "1a.2")),
        (45, used("adversary", 41, TurnEnd::Failed, Billing::Subscription, vec![spent("haiku", 10, None)])),
        (60, used("builder", 50, TurnEnd::GoesOn, Billing::Tokens, opus(100))),
        (70, used("builder", 61, TurnEnd::Ended, Billing::Tokens, [opus(70), vec![spent("haiku", 7, None)]].concat())),
    ])
}

#[test]
fn what_was_used_is_told_by_whatever_is_asked_for() {
    let deck = project();
    let told = ["agent", "phase", "day", "model", "handoff"]
        .map(|by| format!("> usage --by {by}\n{}", deck.run(&["usage", "--by", by, "--since", SINCE]).whole()));
    insta::assert_snapshot!("usage", told.join("\n"));
}

#[test]
fn scripts_get_whole_numbers_and_what_is_unknown_apart() {
    let deck = project();
    let said = deck.run(&["usage", "--since", SINCE, "--json"]).out;
    let rows: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let builder = rows.iter().find(|row| row["agent"] == "builder").expect("a row of the builder's");
    assert_eq!((builder["turns"].as_u64(), builder["wasted_turns"].as_u64()), (Some(3), Some(1)));
    assert_eq!((builder["output"].as_u64(), builder["wasted_tokens"].as_u64()), (Some(1_677), Some(50_600)));
    assert_eq!(builder["paid"]["micro_dollars"].as_u64(), Some(4 * 1_250_000));
    assert_eq!(builder["paid"]["unpriced_tokens"].as_u64(), Some(50_107));
    assert_eq!(builder["subscription"]["tokens"].as_u64(), Some(0));
    let total = rows.last().expect("a sum");
    assert!(total["agent"].is_null() && total["turns"] == 5, "{total}");
}

#[test]
fn a_log_without_usage_says_so_and_why() {
    assert_eq!(deck(vec![(1, handoff("claim", "1a"))]).run(&["usage"]).first(), "0 nothing is known to have been used");
    assert_eq!(Deck::new().run(&["usage"]).first(), "0 nothing is known to have been used");
    let wrong = Deck::new().run(&["usage", "--since", "yesterday"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
}
