//! Faults of messages, most of them into real composers: what the program took in is the truth, and its submit log tells it.

use flightdeck::edge::link::Client;
use flightdeck::edge::tmux::inject::{self, Injected};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::MessageId;
use flightdeck::pilot::message::{Message, Origin, Stage};
use flightdeck::pilot::record::{AgentState, Order, Record};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::deck::{Deck, Dice, id, text};
use super::plan::{PROGRAM, Plan};
use super::shim::receiver;
use super::sim::{Story, play, scenario};
use super::support::{Lab, run, until};

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

pub(crate) fn submitted(deck: &Deck, message: MessageId) {
    let stage = deck.settled(message);
    assert!(matches!(stage, Stage::Submitted { .. }), "{stage:?}\n{}", deck.story());
}

#[test]
fn m1_a_swallowed_enter_costs_one_more_press_and_nothing_else() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").flags("solo", &["--swallow-enter", "1"]).up();
    deck.prompted("solo", 1);
    let message = deck.send("solo", "one line\nand another;");
    submitted(&deck, message);
    assert_eq!(presses(&deck, message), 2);
    assert_eq!(deck.submits("solo"), ["solo:\n\nbegin", "one line\nand another;"]);
    swallowed_in_every_way();
}

/// Programs that lose each key for a while after a paste, one that loses each third, and one that loses all of them.
fn swallowed_in_every_way() {
    let ways = [
        ("none", ["--enter-window", "0s"]),
        ("short", ["--enter-window", "50ms"]),
        ("usual", ["--enter-window", "150ms"]),
        ("long", ["--enter-window", "600ms"]),
        ("longest", ["--enter-window", "3s"]),
        ("random", ["--swallow-chance", "30"]),
    ];
    let plan =
        ways.iter().fold(Plan::new(), |plan, (name, flags)| plan.agent(name, "on *: say yes\n").flags(name, flags));
    let plan = plan.agent("deaf", "on *: say yes\n").flags("deaf", &["--swallow-chance", "100"]);
    // As the real programs have it.
    let deck = plan.set("backends.player.submit_retries", vec!["1s", "2s", "4s"]).up();
    for (name, _) in ways {
        deck.prompted(name, 1);
        for words in ["one line", "and\nanother"] {
            submitted(&deck, deck.send(name, words));
        }
        assert_eq!(deck.submits(name)[1..], ["one line", "and\nanother"], "{name}");
    }
    // Where no press helps it is told, stands where it was typed, and was pressed no more often than we say.
    let stuck = deck.saw("its first words", |record| match record {
        Record::MessageMoved { message, agent, stage: Stage::TypedNotSubmitted } if agent.as_str() == "deaf" => {
            Some(*message)
        }
        _ => None,
    });
    let alerts = deck.status().alerts;
    let told = alerts.iter().any(|alert| alert.contains("deaf") && alert.contains("submit key"));
    assert!(told || deck.count(|record| is_told(record, stuck)) > 0, "{alerts:?}\n{}", deck.story());
    assert_eq!((deck.submits("deaf").len(), presses(&deck, stuck)), (0, 4), "{}", deck.story());
    assert!(deck.screen("deaf").contains("begin"), "{}", deck.screen("deaf"));
}

fn is_told(record: &Record, message: MessageId) -> bool {
    matches!(record, Record::Alerted { what, .. } if what.contains(&message.to_string()) && what.contains("submit key"))
}

#[test]
fn m10_nothing_is_typed_into_a_dialog_and_the_operator_is_called() {
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
fn m2_an_engine_killed_at_any_moment_loses_no_message_and_says_none_twice() {
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
    match client.ask(&command, Duration::from_secs(60)) {
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
fn m4_nasty_texts_arrive_as_they_are() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let nasty = ["hello;", "-la", "C-c", "#(touch x) %H", "it's \"quoted\" \\", "a\tb\n\n  c", "1", "/quit", "Enter"];
    let messages: Vec<MessageId> = nasty.iter().map(|words| deck.send("solo", words)).collect();
    messages.iter().for_each(|message| submitted(&deck, *message));
    assert_eq!(deck.submits("solo")[1..], nasty);
    run(two_hundred_arrive_byte_for_byte());
}

/// Each nasty word at each place of a text, through the hands that every message goes through.
async fn two_hundred_arrive_byte_for_byte() {
    let words = [
        ";",
        "-",
        "--",
        "-l",
        "C-c",
        "Enter",
        "Escape",
        "BSpace",
        "M-x",
        "^C",
        "'",
        "\"",
        "`id`",
        "$(id)",
        "${HOME}",
        "%1",
        "#{pane_id}",
        "#(id)",
        "\\",
        "\\n",
        "~",
        "!!",
        "{a,b}",
        "*",
        "?",
        "&",
        "|",
        ">",
        "<x>",
        "\u{e9}\u{65e5}\u{1f600}",
    ];
    let texts: Vec<String> = words
        .iter()
        .flat_map(|word| {
            let places = ["{}", "{} at the front", "at the end {}", "in {} the middle", "a\n{}\nline", "{}{}", "x{}"];
            places.map(|place| place.replace("{}", word))
        })
        .collect();
    assert!(texts.len() >= 200, "{}", texts.len());
    let lab = Lab::new().await;
    let agent = lab.start("builder", &receiver(true)).await;
    lab.shows(&agent.place.pane, "ready").await;
    for (number, text) in texts.iter().enumerate() {
        let pasted = inject::paste(&lab.client, &agent.place.pane, &format!("fd-{number}"), text).await;
        assert_eq!(pasted, Ok(Injected::Done), "{text:?}");
    }
    let wanted: String = texts.iter().map(|text| format!("\u{1b}[200~{text}\u{1b}[201~")).collect();
    let file = lab.path("in");
    until("all of them", async || std::fs::read(&file).is_ok_and(|taken| taken.len() >= wanted.len())).await;
    assert_eq!(text(&file), wanted);
}

#[test]
fn m13_words_for_an_agent_that_is_down_wait_for_its_next_life() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").set("agents.solo.autostart", false).up();
    let (one, two) = (deck.send("solo", "first"), deck.send("solo", "second"));
    deck.tell(&Command::Start { agent: id("solo") });
    submitted(&deck, one);
    submitted(&deck, two);
    // One that is held takes nothing, and all of it in its order when it is let go.
    deck.tell(&Command::Hold { agent: id("solo"), reason: "a look first".to_string() });
    let held = [deck.send("solo", "third"), deck.send("solo", "fourth")];
    deck.waits_for(held[0], "held");
    deck.tell(&Command::Release { agent: id("solo") });
    held.iter().for_each(|message| submitted(&deck, *message));
    // Between two lives as well.
    deck.kill("solo", Signal::KILL);
    let between = deck.send("solo", "fifth");
    submitted(&deck, between);
    let ours: Vec<String> = deck.submits("solo").into_iter().filter(|words| !words.contains("begin")).collect();
    assert_eq!(ours, ["first", "second", "third", "fourth", "fifth"]);

    // What nobody took in time is given up, and whoever sent it is told.
    let deck = Plan::new().agent("solo", "on *: say yes\n").set("agents.solo.autostart", false);
    let deck = deck.set("delivery.ttl", "1s").up();
    let output = deck.verb(&["send", "solo", "too late", "--wait", "30s"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("outbox retry"), "{said}");
    assert_eq!(deck.count(|record| matches!(record, Record::MessageMoved { stage: Stage::Expired { .. }, .. })), 1);
    assert!(deck.submits("solo").is_empty());
}

#[test]
fn m3_many_senders_to_one_agent_are_taken_in_whole_and_each_in_its_own_order() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    // With us eight; all of the catalogue's 500 each take many minutes, and are asked for by number.
    let each = std::env::var("FLIGHTDECK_FAULT_MESSAGES").map_or(4, |text| text.parse().expect("a number"));
    let senders = 7;
    let threads: Vec<_> = (0..senders)
        .map(|sender| {
            let (workspace, state) = (deck.workspace.clone(), deck.state_dir());
            let send = move || {
                for number in 0..each {
                    let words = format!("sender {sender}\nnumber {number}; ");
                    if sender % 2 == 0 {
                        let mut verb = spawn::blocking(PROGRAM);
                        verb.args(["send", "solo", &words, "--no-wait", "--workspace"]).arg(&workspace);
                        let mut said = || verb.output().expect("it runs").status.code();
                        let mut code = said();
                        // The outbox is full.
                        while code == Some(5) {
                            clock::block(Duration::from_millis(50));
                            code = said();
                        }
                        assert_eq!(code, Some(0));
                    } else {
                        queue(&state, &words);
                    }
                }
            };
            spawn::thread("sender", send).expect("a thread")
        })
        .collect();
    // We are one more of them.
    let own: Vec<MessageId> =
        (0..each).map(|number| queue(&deck.state_dir(), &format!("sender us\nnumber {number}; "))).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it sent all of its own"));
    own.iter().for_each(|message| submitted(&deck, *message));
    deck.until("all of them", || (deck.agent("solo").waiting_messages == 0).then_some(()));
    let taken = deck.submits("solo").split_off(1);
    assert_eq!(taken.len(), (senders + 1) * each, "{taken:#?}");
    for sender in (0..senders).map(|sender| sender.to_string()).chain(["us".to_string()]) {
        let begin = format!("sender {sender}\n");
        let theirs: Vec<&String> = taken.iter().filter(|words| words.starts_with(&begin)).collect();
        let wanted: Vec<String> = (0..each).map(|number| format!("sender {sender}\nnumber {number}; ")).collect();
        assert_eq!(theirs, wanted.iter().collect::<Vec<_>>(), "{taken:#?}");
    }
}

/// Puts a message into the outbox, and waits where that is full, as a program that is told so does.
fn queue(state: &Path, words: &str) -> MessageId {
    let mut client = Client::connect(state).expect("an engine");
    loop {
        let command = Command::Send { agent: id("solo"), text: words.to_string() };
        match client.ask(&command, Duration::from_secs(60)).expect("an answer") {
            Answer::Queued { message } => return message,
            Answer::Refused { why, .. } if why.contains("50") => clock::block(Duration::from_millis(50)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn m8_a_stand_in_for_a_paste_is_no_doubt_and_a_moving_spinner_no_proof() {
    let collapsed = scenario("delivery-collapsed");
    assert_eq!(stages(&collapsed, MessageId(2)).last(), Some(&"submitted"), "{}", collapsed.told());
    assert_eq!(collapsed.submitted(), [1, 1]);
    // Its screen moves all the time, and its submit key does nothing: never "submitted".
    let story = play(
        "# A spinner is no proof.\nagents: builder=mute\nconfig agents.builder: deliver = \"any\"\n\n\
         0s builder always: works 20m, waits 10m\n30s builder swallows 99\n1m operator send builder the tests fail\n10m end\n",
    );
    let stages = stages(&story, MessageId(2));
    assert!(stages.contains(&"typed-not-submitted"), "{stages:?}\n{}", story.told());
    assert_eq!(story.submitted().get(1), None, "{}", story.told());
    let alerts = story.all(|record| match record {
        Record::Alerted { what, .. } => Some(what.clone()),
        _ => None,
    });
    assert!(alerts.iter().any(|(_, what)| what.contains("m2")), "{alerts:?}");
}

/// Where a message of the simulated world stood, in order.
fn stages(story: &Story, message: MessageId) -> Vec<&'static str> {
    let moves = story.all(|record| match record {
        Record::MessageMoved { message: moved, stage, .. } if *moved == message => Some(stage.word()),
        _ => None,
    });
    moves.into_iter().map(|(_, word)| word).collect()
}

#[test]
fn m9_while_its_keys_mean_something_else_nothing_is_typed() {
    let deck = Plan::new().agent("solo", "on vim: say as you wish; vim\non *: say yes\n").up();
    deck.prompted("solo", 1);
    submitted(&deck, deck.send("solo", "vim"));
    deck.until("normal mode", || deck.screen("solo").contains("-- NORMAL --").then_some(()));
    let bytes = text(&deck.workspace.join("solo.bytes"));
    let message = deck.send("solo", "dd is no command");
    deck.until("a reason", || match deck.stage(message)? {
        Stage::Queued { why } => why,
        _ => None,
    });
    assert_eq!(text(&deck.workspace.join("solo.bytes")), bytes, "something was typed in normal mode");
    deck.press("solo", &["i"]);
    submitted(&deck, message);
    assert_eq!(deck.submits("solo")[1..], ["vim", "dd is no command"]);
}

#[test]
fn m11_a_push_pings_once_however_often_it_is_seen() {
    let mut text = "# One ping.\nagents: builder adversary\n\n10s pushed plain\n1m pushed claim(1)\n".to_string();
    for minute in 2..52 {
        text += &format!("{minute}m engine is killed\n{minute}m5s engine starts\n");
    }
    let story = play(&(text + "52m pushed plain\n60m end\n"));
    let pings = story.all(|record| match record {
        Record::MessageQueued { message } if matches!(message.origin, Origin::Handoff { .. }) => Some(message.clone()),
        _ => None,
    });
    assert_eq!(pings.len(), 1, "{}", story.told());
    assert_eq!((pings[0].1.agent.as_str(), stages(&story, pings[0].1.id).last()), ("adversary", Some(&"submitted")));
    assert_eq!(story.count(|record| matches!(record, Record::HandoffSeen { .. })), 1);
}

#[test]
fn m12_agents_that_ping_each_other_without_end_are_held_with_the_count() {
    let story = scenario("handoff-loop");
    let held = story.all(|record| match record {
        Record::Held { agent, cause, evidence, .. } => Some((agent.to_string(), cause.clone(), evidence.clone())),
        _ => None,
    });
    let [(at, (agent, cause, chain))] = held.as_slice() else { panic!("{held:?}") };
    assert_eq!(agent, "adversary");
    assert!(cause.contains("loop") && cause.contains('4'), "{cause}");
    let gates: Vec<&str> = chain.iter().map(|handoff| handoff.split(' ').next().expect("a first word")).collect();
    assert_eq!(gates, ["claim(1)", "claim(2)", "claim(3)", "claim(4)"], "{chain:?}");
    assert!(chain.iter().all(|handoff| handoff.ends_with(" to adversary")), "{chain:?}");
    let alerts = story.all(|record| match record {
        Record::Alerted { what, .. } if what.contains("flightdeck release adversary") => Some(()),
        _ => None,
    });
    assert_eq!(alerts.iter().filter(|(told, ())| told >= at).count(), 1, "{}", story.told());
    let release = |record: &Record| match record {
        Record::Released { by, .. } => Some(*by),
        _ => None,
    };
    assert_eq!(story.all(release).len(), 1, "{}", story.told());
    assert!(story.submitted().iter().all(|times| *times == 1));
}

#[test]
fn m14_a_start_prompt_is_for_one_life_and_the_operators_words_are_for_whoever_comes() {
    let story = scenario("delivery-old-life");
    let queued = story.all(|record| match record {
        Record::MessageQueued { message } => Some(message.clone()),
        _ => None,
    });
    let last = |message: &Message| stages(&story, message.id).last().copied();
    let (bound, free): (Vec<_>, Vec<_>) =
        queued.iter().map(|(_, message)| message).partition(|message| message.only.is_some());
    let [first, second] = bound.as_slice() else { panic!("{bound:?}") };
    assert_eq!((last(first), last(second)), (Some("expired"), Some("submitted")));
    let why = story.all(|record| match record {
        Record::MessageMoved { message, stage: Stage::Expired { why }, .. } if *message == first.id => {
            Some(why.clone())
        }
        _ => None,
    });
    assert!(why[0].1.contains("an earlier start"), "{why:?}");
    assert_eq!((free.len(), free[0].text.as_str(), last(free[0])), (1, "hello", Some("submitted")));
}

#[test]
fn m16_a_reader_that_is_stopped_gets_its_message_once_when_it_goes_on() {
    let story = play(
        "# Text that arrives much later is not sent twice.\nagents: builder\n\n0s builder always: works 5s, says fine\n\
         50s builder is suspended\n1m operator send builder later\n25m builder is continued\n29m end\n",
    );
    assert_eq!(story.starts("builder"), 1, "{}", story.told());
    let queued = story.all(|record| match record {
        Record::MessageQueued { message } if message.origin == Origin::Operator => Some(message.id),
        _ => None,
    });
    let last = stages(&story, queued[0].1).last().copied();
    assert_eq!(last, Some("submitted"), "{}", story.told());
    assert!(story.submitted().iter().all(|times| *times == 1), "{}", story.told());
}
