//! Messages into real composers: what the program took in is the truth, and its submit log tells it.

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::MessageId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Order, Record};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

use super::deck::{Deck, Dice, id, text};
use super::plan::Plan;

/// How often the submit key was pressed for a message.
fn presses(deck: &Deck, message: MessageId) -> u32 {
    let moves = deck.all(|record| match record {
        Record::MessageMoved { message: moved, stage: Stage::Typed { presses }, .. } if *moved == message => {
            Some(*presses)
        }
        _ => None,
    });
    moves.into_iter().max().unwrap_or(0)
}

fn submitted(deck: &Deck, message: MessageId) {
    let stage = deck.settled(message);
    assert!(matches!(stage, Stage::Submitted { .. }), "{stage:?}\n{}", deck.story());
}

#[test]
fn fault_m1_a_swallowed_enter_costs_one_more_press_and_nothing_else() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").flags("solo", &["--swallow-enter", "1"]).up();
    deck.prompted("solo", 1);
    let message = deck.send("solo", "one line\nand another;");
    submitted(&deck, message);
    assert_eq!(presses(&deck, message), 2);
    assert_eq!(deck.submits("solo"), ["solo:\n\nbegin", "one line\nand another;"]);
}

#[test]
fn nothing_is_typed_into_a_dialog_and_the_operator_is_called() {
    let script = "on ask: dialog permission; say thank you\non *: say yes\n";
    let deck = Plan::new().agent("solo", script).up();
    deck.prompted("solo", 1);
    let ask = deck.send("solo", "ask me something");
    submitted(&deck, ask);
    deck.until("a dialog", || matches!(deck.agent("solo").state, AgentState::AtDialog { .. }).then_some(()));
    let bytes = text(&deck.workspace.join("solo.bytes"));
    let one = deck.send("solo", "1");
    deck.waits_for(one, "dialog");
    deck.saw("an alert", |record| match record {
        Record::Alerted { what, .. } if what.contains("flightdeck attach solo") => Some(()),
        _ => None,
    });
    assert!(deck.status().alerts.iter().any(|alert| alert.contains("solo waits for you")));
    assert_eq!(text(&deck.workspace.join("solo.bytes")), bytes, "something was typed at a dialog");
    deck.press("solo", &["2"]);
    submitted(&deck, one);
    assert_eq!(deck.submits("solo")[1..], ["ask me something", "1"]);
}

#[test]
fn fault_t10_a_draft_is_neither_lost_nor_merged() {
    let deck = Plan::new().agent("solo", "on draft: say go on; draft half a thought\non *: say yes\n").up();
    deck.prompted("solo", 1);
    submitted(&deck, deck.send("solo", "draft"));
    deck.until("the draft", || deck.screen("solo").contains("half a thought").then_some(()));
    let message = deck.send("solo", "our words");
    deck.waits_for(message, "draft");
    deck.press("solo", &["-l", " and the rest"]);
    deck.press("solo", &["Enter"]);
    submitted(&deck, message);
    assert_eq!(deck.submits("solo")[1..], ["draft", "half a thought and the rest", "our words"]);
}

#[test]
fn fault_t8_a_message_waits_while_somebody_scrolls() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    deck.tmux(&["copy-mode", "-t", "=solo:"]);
    let message = deck.send("solo", "our words");
    deck.waits_for(message, "copy mode");
    assert_eq!(deck.tmux(&["display-message", "-p", "-t", "=solo:", "#{pane_in_mode}"]).trim(), "1");
    deck.press("solo", &["-X", "cancel"]);
    submitted(&deck, message);
    assert_eq!(deck.submits("solo")[1..], ["our words"]);
}

#[test]
fn fault_p9_an_engine_killed_at_any_moment_loses_no_message_and_says_none_twice() {
    let agents = ["one", "two", "three"];
    let plan = agents.iter().fold(Plan::new(), |plan, name| plan.agent(name, "on *: say yes\n"));
    // What the third one took in, its screen alone can tell.
    let deck = plan.flags("three", &["--no-reports"]).up();
    agents.iter().for_each(|name| deck.prompted(name, 1));
    let lives: Vec<_> = agents.iter().map(|name| deck.process(name)).collect();
    let mut dice = Dice(0x5eed);
    for number in 0..30 {
        post(&deck, agents[number % 3], &format!("number {number} of thirty"));
        match number % 6 {
            // Somewhere on the way of the messages: from the first record to the last proof they take half a second.
            2 => clock::block(Duration::from_millis(dice.below(500))),
            // Between the order of the key and the proof, which is a matter of milliseconds.
            5 => submit_ordered(&deck, agents[number / 6 % 3]),
            _ => continue,
        }
        deck.end_engine(Signal::KILL);
        deck.start_engine();
    }
    deck.until("all messages settled", || {
        deck.status().agents.iter().all(|agent| agent.waiting_messages == 0).then_some(())
    });
    judge(&deck, &agents);
    assert_eq!(agents.iter().map(|name| deck.process(name)).collect::<Vec<_>>(), lives, "an agent was disturbed");
}

/// Waits for the next order to press an agent's submit key.
fn submit_ordered(deck: &Deck, agent: &str) {
    let orders = || {
        deck.count(|record| match record {
            Record::Ordered { agent: Some(who), order: Order::Submit { .. }, .. } => *who == id(agent),
            _ => false,
        })
    };
    let before = orders();
    deck.until_soon("an order to submit", || (orders() > before).then_some(()));
}

/// Sends, and takes an answer that was lost with its engine for a message that may be there or not.
fn post(deck: &Deck, agent: &str, words: &str) {
    let mut client = Client::connect(&deck.state_dir()).expect("an engine");
    let command = Command::Send { agent: id(agent), text: words.to_string() };
    match client.ask(&command, Duration::from_secs(10)) {
        Ok(Answer::Queued { .. }) | Err(_) => {}
        Ok(other) => panic!("{other:?}"),
    }
}

/// Each message went in once, or not at all and then visibly so.
fn judge(deck: &Deck, agents: &[&str]) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for words in agents.iter().flat_map(|name| deck.submits(name)) {
        *counts.entry(words).or_default() += 1;
    }
    let queued = deck.all(|record| match record {
        Record::MessageQueued { message } => Some(message.clone()),
        _ => None,
    });
    let mut doubts = 0;
    for message in queued {
        let count = counts.remove(&message.text).unwrap_or(0);
        let stage = deck.stage(message.id).expect("it moved");
        match stage {
            Stage::Submitted { .. } => assert_eq!(count, 1, "{message:?}\n{}", deck.story()),
            Stage::Uncertain { .. } | Stage::TypedNotSubmitted => doubts += 1,
            other => panic!("{message:?}: {other:?}\n{}", deck.story()),
        }
        assert!(count <= 1, "said {count} times: {message:?}\n{}", deck.story());
    }
    assert!(counts.is_empty(), "said although nobody sent it whole: {counts:?}");
    // Ten engines were killed, each with at most one message on its very last step.
    assert!(doubts <= 10, "{doubts} messages in doubt\n{}", deck.story());
}

#[test]
fn faults_m4_and_m5_nasty_and_long_texts_arrive_as_they_are_and_larger_ones_are_refused() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let long: String = (0..1200).map(|line| format!("line {line}: `$(id)` #{{pane_id}} \u{e9}\u{65e5}\n")).collect();
    let nasty = ["hello;", "-la", "C-c", "#(touch x) %H", "it's \"quoted\" \\", "a\tb\n\n  c", "1", "/quit", "Enter"];
    let texts: Vec<&str> = nasty.into_iter().chain([long.trim_end()]).collect();
    let messages: Vec<MessageId> = texts.iter().map(|words| deck.send("solo", words)).collect();
    messages.iter().for_each(|message| submitted(&deck, *message));
    assert_eq!(deck.submits("solo")[1..], texts);
    let answer = deck.ask(&Command::Send { agent: id("solo"), text: "x".repeat(64 * 1024 + 1) });
    assert!(matches!(&answer, Answer::Refused { why, .. } if why.contains("send its path")), "{answer:?}");
}

#[test]
fn fault_m13_words_for_an_agent_that_is_down_wait_for_its_next_life() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").set("agents.solo.autostart", false).up();
    let (one, two) = (deck.send("solo", "first"), deck.send("solo", "second"));
    deck.tell(&Command::Start { agent: id("solo") });
    submitted(&deck, one);
    submitted(&deck, two);
    assert_eq!(deck.submits("solo"), ["solo:\n\nbegin", "first", "second"]);
}
