//! Usage limits: waited out, without a restart and without a word, then spoken to.

use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::{AgentState, Record};

use super::deck::Deck;
use super::plan::Plan;

fn resumed(deck: &Deck) -> Vec<flightdeck::pilot::message::Message> {
    deck.all(|record| match record {
        Record::MessageQueued { message } if message.origin == Origin::LimitLifted => Some(message.clone()),
        _ => None,
    })
}

#[test]
fn fault_a8_a_usage_limit_is_waited_out_until_the_time_it_names_and_a_message_ends_it() {
    // The demo agent's own limits end at whole minutes; this one is told by its words alone.
    let script = "once limit on *: error usage limit reached · resets in 4s\non *: say I go on\n";
    let deck = Plan::new().agent("solo", script).up();
    let (at, until) = deck.until("the limit", || {
        deck.records().into_iter().find_map(|(stamp, record)| match record {
            Record::LimitReached { until, .. } => Some((stamp.at, until.expect("it names a time"))),
            _ => None,
        })
    });
    assert!(until > at, "{at} {until}");
    deck.until("its state", || (deck.agent("solo").state == AgentState::Limited { until: Some(until) }).then_some(()));
    // What an operator has to say waits as well.
    let message = deck.send("solo", "and this too");
    deck.waits_for(message, "limit");
    assert_eq!(deck.submits("solo").len(), 1, "it was spoken to although it is limited");

    // Waited for as long as it takes: the words are true only after the time they name.
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    let lifted = deck.records().into_iter().find_map(|(stamp, record)| match record {
        Record::LimitLifted { .. } => Some(stamp.at),
        _ => None,
    });
    assert!(lifted.expect("it was lifted") >= until, "{}", deck.story());
    let words = resumed(&deck);
    assert_eq!(words.len(), 1, "{}", deck.story());
    assert!(matches!(deck.settled(words[0].id), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("solo")[1..], [words[0].text.clone(), "and this too".to_string()]);
    deck.until("its answer", || deck.screen("solo").contains("I go on").then_some(()));
    assert_eq!(deck.starts("solo"), 1, "it was started again for its limit");
}
