//! Telling a stall from an honest wait, on real screens with real processes.

use flightdeck::pilot::id::Incarnation;
use flightdeck::pilot::record::{Illness, Order, Record, StopCause};
use flightdeck::pilot::time::Time;

use super::deck::{Deck, id};
use super::plan::{PROGRAM, Plan};

/// When an agent was found ill, and with what.
fn found(deck: &Deck, agent: &str) -> Vec<(Time, Illness)> {
    let all = deck.records();
    let found = all.iter().filter_map(|(stamp, record)| match record {
        Record::Found { agent: who, illness, .. } if *who == id(agent) => Some((stamp.at, *illness)),
        _ => None,
    });
    found.collect()
}

/// When the first record of a kind was written.
fn when(deck: &Deck, what: &str, good: impl Fn(&Record) -> bool) -> Time {
    deck.until(what, || deck.records().iter().find(|(_, record)| good(record)).map(|(stamp, _)| stamp.at))
}

#[test]
fn fault_p4_a_wedged_agent_is_started_once_and_in_a_fresh_conversation() {
    let talk = vec![PROGRAM, "demo-agent", "--conversation", "{conversation}", "{args}"];
    let resume = vec![PROGRAM, "demo-agent", "--resume", "{conversation}", "{args}"];
    let script =
        "once wedge on *: say a bad hour; wedge\nresumed on *: say I am the old one\non *: say fine; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", script)
        .set("agents.solo.resume", true)
        .set("backends.player.launch", talk)
        .set("backends.player.resume", resume)
        .set("stall.idle", "2s")
        .up();
    deck.ready("solo", 2);
    deck.prompted("solo", 2);
    assert_eq!(found(&deck, "solo").len(), 1);
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!(cause, StopCause::Stall);
    let conversations = deck.all(|record| match record {
        Record::Ordered { order: Order::Start { conversation, .. }, .. } => Some(conversation.clone().expect("a name")),
        _ => None,
    });
    assert_eq!(conversations.len(), 2);
    assert_ne!(conversations[0], conversations[1], "the wedged conversation was taken up again");
    deck.until("the new one's word", || deck.screen("solo").contains("● fine").then_some(()));

    // The same agent after an ordinary death goes on with its conversation: what was fresh was the remedy, not the rule.
    deck.kill("solo", rustix::process::Signal::KILL);
    deck.ready("solo", 3);
    deck.until("the old one", || deck.screen("solo").contains("● I am the old one").then_some(()));
}

#[test]
fn fault_p5_a_silent_agent_lives_for_as_long_as_its_child_is_busy() {
    let busy = format!("(exec timeout 5 sh -c 'while :; do :; done') & exec {PROGRAM} demo-agent \"$@\"");
    let script = "once quiet on *: say I wait for my tests; silence no-spinner\non *: say well; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", script)
        .set("backends.player.launch", vec!["sh", "-c", &busy, "agent", "{args}"])
        .set("stall.idle", "1s")
        .up();
    let started = when(&deck, "its start", |record| matches!(record, Record::Started { .. }));
    deck.ready("solo", 2);
    let (at, illness) = found(&deck, "solo")[0];
    assert_eq!(illness, Illness::Stalled);
    assert!(at.since(started).as_millis() >= 5_000, "ended with a busy child: {at} after {started}\n{}", deck.story());
    deck.prompted("solo", 2);
    assert_eq!(found(&deck, "solo").len(), 1);
}

#[test]
fn fault_c1_a_late_wake_is_waited_for_and_one_that_never_comes_is_healed_after_the_grace() {
    let deck = Plan::new()
        .agent("late", "on *: late 2s; wait 1s\non wake: say good morning; wait 60s\n")
        .agent("lost", "once lost on *: wait 1s\non *: say I was away; wait 60s\non wake: silence no-spinner\n")
        .set("stall.idle", "2s")
        .set("stall.grace", "5s")
        .up();
    deck.until("the late one's second wait", || {
        let seen = |record: &Record| matches!(record, Record::MarkerSeen { agent, .. } if *agent == id("late"));
        (deck.count(seen) >= 2).then_some(())
    });
    assert!(deck.screen("late").contains("● good morning"));
    deck.ready("lost", 2);
    let (at, illness) = found(&deck, "lost")[0];
    assert_eq!(illness, Illness::LateMarker);
    let until = deck.saw("its marker", |record| match record {
        Record::MarkerSeen { agent, until, .. } if *agent == id("lost") => Some(*until),
        _ => None,
    });
    assert!(at.since(until).as_millis() >= 5_000, "ended within the grace: {at}, it said {until}");
    deck.prompted("lost", 2);
    let starts = |agent| {
        deck.all(|record| match record {
            Record::Started { agent: who, incarnation, .. } if *who == id(agent) => Some(*incarnation),
            _ => None,
        })
    };
    assert_eq!((starts("late"), starts("lost").len()), (vec![Incarnation(1)], 2));
    assert_eq!((found(&deck, "late"), found(&deck, "lost").len()), (Vec::new(), 1));
}

#[test]
fn fault_p6_a_poisoned_conversation_is_left_for_ever_and_a_quoted_error_changes_nothing() {
    let talk = vec![PROGRAM, "demo-agent", "--conversation", "{conversation}", "{args}"];
    let resume = vec![PROGRAM, "demo-agent", "--resume", "{conversation}", "{args}"];
    let quoted = "on *: say he saw \"API error 400: `thinking` blocks cannot be modified\" once; wait 60s\n";
    let deck = Plan::new()
        .agent("solo", "once bad on *: poison\nresumed on *: say I am the old one\non *: say fine; wait 60s\n")
        .agent("quoter", quoted)
        .set("agents.solo.resume", true)
        .set("backends.player.launch", talk)
        .set("backends.player.resume", resume)
        .up();
    deck.ready("solo", 2);
    deck.prompted("solo", 2);
    deck.until("the new one's word", || deck.screen("solo").contains("● fine").then_some(()));
    let cause = deck.saw("its end", |record| match record {
        Record::Stopped { cause, .. } => Some(*cause),
        _ => None,
    });
    assert_eq!((cause, found(&deck, "solo").len()), (StopCause::Poisoned, 1));
    assert_eq!((found(&deck, "quoter"), deck.starts("quoter")), (Vec::new(), 1));
}
