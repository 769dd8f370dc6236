//! Messages into the real Codex, in every state it can be in: each arrives once, whole and alone, or is told as not
//! delivered. `FLIGHTDECK_LAB_MESSAGES` says how many.

use std::collections::BTreeMap;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::id::MessageId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::time::Time;
use serde_json::Value;

use super::Driven;
use super::delivery::{TEXTS, count, squeezed};
use crate::cli::codex::{Sandbox, rollouts};

/// In one run of `make lab`; a thousand take more than an hour.
const MESSAGES: usize = 24;

/// What it is doing when the message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    InTurn,
    Streaming,
    AfterError,
    WithDraft,
    InCopyMode,
    AtDialog,
}

const STATES: [State; 7] = [
    State::Idle,
    State::InTurn,
    State::Streaming,
    State::AfterError,
    State::WithDraft,
    State::InCopyMode,
    State::AtDialog,
];

#[test]
fn each_message_arrives_once_whole_and_alone_whatever_it_meets_in_codex() {
    let driven = Driven::codex(Sandbox::Project, "deliver = \"any\"\n");
    let count = count(MESSAGES);
    let mut wrong = Vec::new();
    for number in 0..count {
        let state = STATES[number % STATES.len()];
        let nonce = format!("nonce{number:05}");
        let mut text = TEXTS[number / STATES.len() % TEXTS.len()].replace('N', &nonce);
        if number % 5 == 4 {
            text = format!("{text} {}", "long words of a plan ".repeat(number * 7 % 40 * 24 + 20).trim_end());
        }
        eprintln!("{number} {state:?} {:?}, {} bytes", text.chars().take(40).collect::<String>(), text.len());
        enter(&driven, state, number);
        let message = driven.send(&text);
        if state != State::Idle {
            clock::block(Duration::from_millis(300));
        }
        let taken = |prompts: &[String]| prompts.iter().filter(|prompt| prompt.contains(&nonce)).count();
        if matches!(state, State::InCopyMode | State::AtDialog | State::WithDraft) && taken(&driven.stub.prompts()) > 0
        {
            wrong.push(format!("{number} {state:?}: typed although it may not be"));
        }
        leave(&driven, state);
        let stage = driven.settled(message);
        // Its own word says that the model gets it; the request is on its way.
        let arrived = || (taken(&driven.stub.prompts()) > 0).then_some(());
        driven.until(&format!("{number} {state:?} {text:?} at the model, {stage:?}"), arrived);
        let prompts = driven.stub.prompts();
        let same = |prompt: &&String| squeezed(prompt) == squeezed(&text);
        let exact = prompts.iter().filter(|prompt| prompt.contains(&nonce)).filter(same).count();
        let told =
            matches!(&stage, Stage::Submitted { evidence } if evidence == "its event channel reported the prompt");
        if (taken(&prompts), exact) != (1, 1) || !told {
            let seen: Vec<&String> = prompts.iter().filter(|prompt| prompt.contains(&nonce)).collect();
            wrong.push(format!("{number} {state:?} {text:?}: {stage:?}, arrived as {seen:?}"));
        }
        driven.rest();
    }
    let (median, longest) = latency(&driven);
    eprintln!("from the rollout to the record: median {median} ms, longest {longest} ms");
    assert!(median < 50, "{median} ms");
    assert!(wrong.is_empty(), "{} of {count} went wrong\n{}", wrong.len(), wrong.join("\n"));
    let prompts = driven.stub.prompts();
    assert!(!prompts.iter().any(|prompt| prompt.contains("my own draft")), "a person's draft was sent");
    assert!(!std::fs::exists(driven.home.join("../project/approved")).expect("a folder"), "a command was approved");
}

/// From the moment at which Codex writes a prompt of ours into its rollout to ours at which its record is written: the median and
/// the longest, in milliseconds.
fn latency(driven: &Driven) -> (i64, i64) {
    let prompt = |line: &Value| {
        let item = &line["payload"]["item"];
        let text = item["content"][0]["text"].as_str().filter(|_| item["type"] == "UserMessage")?;
        Some((squeezed(text), serde_json::from_value::<Time>(line["timestamp"].clone()).ok()?.0))
    };
    let written: BTreeMap<String, i64> = rollouts(&driven.home).iter().filter_map(prompt).collect();
    let records = driven.records();
    let texts = records.iter().filter_map(|(_, record)| match record {
        // Of those with a word of their own.
        Record::MessageQueued { message } if message.text.contains("nonce") => {
            Some((message.id, squeezed(&message.text)))
        }
        _ => None,
    });
    let texts: BTreeMap<MessageId, String> = texts.collect();
    let mut spans: Vec<i64> = records
        .iter()
        .filter_map(|(stamp, record)| match record {
            Record::MessageMoved { message, stage: Stage::Submitted { .. }, .. } => {
                Some(stamp.at.0 - written.get(texts.get(message)?)?)
            }
            _ => None,
        })
        .collect();
    spans.sort_unstable();
    assert!(!spans.is_empty(), "no message was found in its rollout");
    (spans[spans.len() / 2], spans[spans.len() - 1])
}

fn enter(driven: &Driven, state: State, number: usize) {
    match state {
        State::Idle => {}
        State::InTurn => driven.turn("work [[think 2]]"),
        State::Streaming => {
            driven.turn(&format!("stream {number} [[slow 3]]"));
            driven.until("its words", || driven.screen().contains("• word1 word2").then_some(()));
        }
        State::AfterError => {
            driven.turn("fail [[rate 1]]");
            driven.until("its error", || driven.screen().contains("■ exceeded retry limit").then_some(()));
        }
        State::WithDraft => driven.draft(),
        State::InCopyMode => drop(driven.tmux(&["copy-mode", "-t", "=worker:"])),
        State::AtDialog => {
            driven.turn("ask me [[escalate touch approved]]");
            driven.until("the dialog", || driven.screen().contains("Would you like to run").then_some(()));
        }
    }
}

fn leave(driven: &Driven, state: State) {
    match state {
        State::InCopyMode => drop(driven.tmux(&["send-keys", "-t", "=worker:", "-X", "cancel"])),
        State::AtDialog => drop(driven.tmux(&["send-keys", "-t", "=worker:", "Escape"])),
        State::WithDraft => drop(driven.tmux(&["send-keys", "-t", "=worker:", "C-u"])),
        State::Idle | State::InTurn | State::Streaming | State::AfterError => {}
    }
}
