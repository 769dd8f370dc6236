//! Faults of the disk below the log: calls that fail, that take seconds, and a power cut.

use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::{Deck, Dice, id, signal_to};
use super::each_call;
use super::failing::{self, Failing};
use super::plan::Plan;
use super::support::awake::awake_ms;

const IDLE: &str = "on *: say yes; wait 60s\n";

/// Two agents at work, and an engine whose calls can be made to fail.
fn deck(more: &[(&'static str, String)]) -> (Deck, Failing) {
    // What deaths cost is another test's concern.
    let plan = Plan::new().agent("solo", IDLE).agent("other", IDLE).set("restart.budget_short", "50 in 10m");
    let deck = plan.set("restart.budget_long", "90 in 1d").laid_out();
    let failing = Failing::within(&deck.outside());
    *deck.variables.borrow_mut() = [&failing.variables()[..], more].concat();
    deck.start_engine();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    (deck, failing)
}

fn send(deck: &Deck, words: &str, patience: Duration) -> Result<Answer, String> {
    let mut client = Client::connect(&deck.state_dir()).map_err(|error| error.to_string())?;
    let command = Command::Send { agent: id("other"), text: words.to_string() };
    client.ask(&command, patience).map_err(|error| error.to_string())
}

fn alerted(deck: &Deck) -> bool {
    deck.status().alerts.iter().any(|alert| alert.contains("can't be written"))
}

#[test]
fn s2_any_call_that_fails_once_costs_nothing_that_was_promised() {
    each_call::fail_some(12, None);
}

#[test]
fn s4_a_power_cut_takes_nothing_that_was_acknowledged() {
    let (deck, failing) = deck(&[("FLIGHTDECK_FAILING_POWER", "1".to_string())]);
    let mut dice = Dice(4);
    let mut promised: Vec<String> = Vec::new();
    for cut in 0..6 {
        let at = 2 + dice.below(40);
        failing.rule(&[format!("write records.db-wal {at} {at} power")]);
        let mut number = 0;
        while deck.ended().is_none() {
            let words = format!("number {number} before the {cut}th cut");
            if matches!(send(&deck, &words, Duration::from_secs(60)), Ok(Answer::Queued { .. })) {
                promised.push(words);
            }
            number += 1;
            assert!(number < 200, "the power was never cut");
        }
        // Nobody outlives it.
        deck.servers().iter().chain(&deck.survivors()).for_each(|process| signal_to(process, Signal::KILL));
        deck.until("nobody", || (deck.survivors().is_empty() && deck.servers().is_empty()).then_some(()));
        failing.heal();
        deck.forget_log();
        deck.start_engine();
        let queued = deck.all(|record| match record {
            Record::MessageQueued { message } => Some(message.text.clone()),
            _ => None,
        });
        let lost: Vec<_> = promised.iter().filter(|words| !queued.contains(words)).collect();
        assert!(lost.is_empty(), "cut {cut} at write {at}: {lost:?}\n{}", deck.story());
        let seqs: Vec<u64> = deck.records().iter().map(|(stamp, _)| stamp.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "the log has gaps");
    }
    assert!(promised.len() > 6, "{promised:?}");
}

#[test]
fn s5_a_disk_that_takes_seconds_holds_up_its_own_answers_alone_and_one_that_fails_acknowledges_nothing() {
    let (deck, failing) = deck(&[]);
    failing.rule(&["sync .flightdeck 1 0 wait=5000".to_string()]);
    let begin = clock::monotonic_ms();
    let waiting = {
        let dir = deck.state_dir();
        flightdeck::edge::spawn::thread("sender", move || {
            let mut client = Client::connect(&dir).expect("an engine");
            let command = Command::Send { agent: AgentId::parse("other").expect("a name"), text: "slowly".to_string() };
            client.ask(&command, Duration::from_secs(60)).expect("an answer")
        })
        .expect("a thread")
    };
    // The loop goes on meanwhile, and answers at once.
    while !waiting.is_finished() {
        let asked = awake_ms();
        deck.status();
        let took = awake_ms() - asked;
        assert!(took < 1_000, "the loop was held up for {took} ms");
        clock::block(Duration::from_millis(20));
    }
    let took = clock::monotonic_ms() - begin;
    assert!(matches!(waiting.join().expect("no panic"), Answer::Queued { .. }));
    assert!(took >= 4_900, "acknowledged after {took} ms, before it was on the disk");
    // A start waits for no disk.
    let lives = deck.starts("solo");
    let begin = awake_ms();
    deck.kill("solo", Signal::KILL);
    deck.ready("solo", lives + 1);
    let took = awake_ms() - begin;
    assert!(took < 4_000, "its next life began after {took} ms");

    let mut taken = vec!["slowly".to_string()];
    for error in [failing::EIO, failing::ENOSPC, failing::EROFS] {
        failing.fail(&["sync", "write"], "records.db", error);
        let words = format!("with error {error}");
        match send(&deck, &words, Duration::from_millis(500)) {
            // It was asked before it was known, and is done when it can be.
            Err(_) => taken.push(words),
            Ok(Answer::Refused { why, .. }) => assert!(why.contains("can't be written"), "{why}"),
            Ok(other) => panic!("nothing is promised that is not written: {other:?}"),
        }
        deck.until("an alert", || alerted(&deck).then_some(()));
        let starts = deck.starts("solo");
        deck.kill("solo", Signal::KILL);
        deck.until("its end is known", || deck.agent("solo").pid.is_none().then_some(()));
        assert_eq!(deck.starts("solo"), starts, "an order left that was nowhere written");
        failing.heal();
        deck.until("no alert", || (!alerted(&deck)).then_some(()));
        deck.ready("solo", starts + 1);
        deck.until("what was asked", || deck.submits("other").ends_with(&taken[taken.len() - 1..]).then_some(()));
    }
    assert_eq!(deck.submits("other")[1..], taken, "what was refused came after all, or what was taken did not");
    deck.one_of_each();
}

#[test]
fn s10_a_file_system_without_locks_is_refused_with_the_reason() {
    for (action, reason) in
        [(failing::ENOSYS.to_string(), "Function not implemented"), ("pretend".to_string(), "excludes nobody")]
    {
        let deck = Plan::new().agent("solo", IDLE).laid_out();
        let failing = Failing::within(&deck.outside());
        *deck.variables.borrow_mut() = failing.variables();
        failing.rule(&[format!("lock * 1 0 {action}")]);
        deck.spawn_engine();
        let status = deck.engine_ends();
        let said = deck.said();
        assert!(matches!(status.code(), Some(1..=7)), "{status:?}: {said}");
        assert!(said.contains("can't lock files") && said.contains(reason) && said.contains("local disk"), "{said}");
        assert!(deck.servers().is_empty() && !deck.state_dir().join("records.db").exists(), "something was begun");
    }
}
