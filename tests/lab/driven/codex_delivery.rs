//! Messages into the real Codex, in every state it can be in: each arrives once, whole and alone, or is told as not
//! delivered. `FLIGHTDECK_LAB_MESSAGES` says how many.

use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::message::Stage;

use super::Driven;
use super::delivery::{TEXTS, squeezed};
use crate::cli::codex::Sandbox;

/// In one run of `make lab`.
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
    let count = std::env::var("FLIGHTDECK_LAB_MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(MESSAGES);
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
        driven.until("rest", || (driven.worker().state.word() == "idle").then_some(()));
    }
    assert!(wrong.is_empty(), "{} of {count} went wrong\n{}", wrong.len(), wrong.join("\n"));
    let prompts = driven.stub.prompts();
    assert!(!prompts.iter().any(|prompt| prompt.contains("my own draft")), "a person's draft was sent");
    assert!(!std::fs::exists(driven.home.join("../project/approved")).expect("a folder"), "a command was approved");
}

fn enter(driven: &Driven, state: State, number: usize) {
    let turn = |words: &str| {
        let before = driven.stub.mains().len();
        let message = driven.send(words);
        driven.settled(message);
        driven.until("its turn at the model", || (driven.stub.mains().len() > before).then_some(()));
    };
    match state {
        State::Idle => {}
        State::InTurn => turn("work [[think 2]]"),
        State::Streaming => {
            turn(&format!("stream {number} [[slow 3]]"));
            driven.until("its words", || driven.screen().contains("• word1 word2").then_some(()));
        }
        State::AfterError => {
            turn("fail [[rate 1]]");
            driven.until("its error", || driven.screen().contains("■ exceeded retry limit").then_some(()));
        }
        State::WithDraft => {
            driven.tmux(&["send-keys", "-t", "=worker:", "-l", "my own draft"]);
            driven.until("the draft", || driven.screen().contains("my own draft").then_some(()));
        }
        State::InCopyMode => drop(driven.tmux(&["copy-mode", "-t", "=worker:"])),
        State::AtDialog => {
            turn("ask me [[escalate touch approved]]");
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
