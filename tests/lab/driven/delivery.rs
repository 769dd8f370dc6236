//! Messages into the real Claude Code, in every state it can be in: each arrives once, whole and alone, or is told as not
//! delivered. `FLIGHTDECK_LAB_MESSAGES` says how many.

use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::message::Stage;

use super::{Driven, worker};
use crate::cli::claude::Login;

/// In one run of `make lab`; a thousand take an hour.
const MESSAGES: usize = 24;

/// What it is doing when the message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    InTurn,
    AfterError,
    WithDraft,
    InCopyMode,
    AtDialog,
}

const STATES: [State; 6] =
    [State::Idle, State::InTurn, State::AfterError, State::WithDraft, State::InCopyMode, State::AtDialog];

/// What a message may be like. `N` becomes a word of its own.
pub(super) const TEXTS: [&str; 14] = [
    "N",
    "hello N",
    "two\nlines N",
    "N ends with a question?",
    "!echo N",
    "/tmp/N is a path",
    "#N remember",
    "@N",
    "- N is a list",
    "N $(touch x) `id` \"quoted\" 'too' \\n %s ;",
    "a backslash at the end of N \\",
    "ünï 日本語 🏳️‍🌈 N",
    "one\n\nthree\n  indented N\nfive\nsix\nseven",
    "\tN\tbetween tabs",
];

#[test]
fn each_message_arrives_once_whole_and_alone_whatever_it_meets() {
    let driven = Driven::claude(Login::ApiKey, "deliver = \"any\"\n");
    let count = count(MESSAGES);
    let mut wrong = Vec::new();
    for number in 0..count {
        let state = STATES[number % STATES.len()];
        let nonce = format!("nonce{number:05}");
        let mut text = TEXTS[number % TEXTS.len()].replace('N', &nonce);
        if number % 5 == 4 {
            text = format!("{text} {}", "long words of a plan ".repeat(number % 40 * 20 + 20).trim_end());
        }
        eprintln!("{number} {state:?} {:?}", text.chars().take(60).collect::<String>());
        enter(&driven, state);
        let message = driven.send(&text);
        if state != State::Idle {
            clock::block(Duration::from_millis(300));
        }
        let early = driven.stub.prompts().iter().any(|prompt| prompt.contains(&nonce));
        if matches!(state, State::InCopyMode | State::AtDialog) && early {
            wrong.push(format!("{number} {state:?}: typed although it may not be"));
        }
        leave(&driven, state);
        let stage = driven.settled(message);
        let arrived = |prompts: &[String]| prompts.iter().filter(|prompt| prompt.contains(&nonce)).count();
        // Queued ones reach the model when the turn before them ends.
        driven.until(&format!("{number} {state:?} {text:?} at the model, {stage:?}"), || {
            (arrived(&driven.stub.prompts()) > 0).then_some(())
        });
        let prompts = driven.stub.prompts();
        let same = |prompt: &&String| squeezed(prompt) == squeezed(&text);
        let exact = prompts.iter().filter(|prompt| prompt.contains(&nonce)).filter(same).count();
        if (arrived(&prompts), exact) != (1, 1) || !matches!(stage, Stage::Submitted { .. }) {
            let seen: Vec<&String> = prompts.iter().filter(|prompt| prompt.contains(&nonce)).collect();
            wrong.push(format!("{number} {state:?} {text:?}: {stage:?}, arrived as {seen:?}"));
        }
        settle(&driven, state);
    }
    assert!(wrong.is_empty(), "{} of {count} went wrong\n{}", wrong.len(), wrong.join("\n"));
    let drafts = driven.stub.prompts().iter().filter(|prompt| prompt.contains("my own draft")).count();
    assert_eq!(drafts, 0, "a person's draft was sent");
}

#[test]
fn what_the_program_would_run_as_a_command_is_refused() {
    let driven = Driven::claude(Login::ApiKey, "");
    for text in ["/clear", " /compact now", "/exit"] {
        let answer = driven.ask(&Command::Send { agent: worker(), text: text.to_string() });
        assert!(matches!(answer, Answer::Refused { .. }), "{text:?}: {answer:?}");
    }
    assert_eq!(driven.stub.mains().len(), 1);
}

/// How many messages this run sends.
pub(super) fn count(usual: usize) -> usize {
    std::env::var("FLIGHTDECK_LAB_MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Blanks at the ends and between the lines are the program's to change, words are not.
pub(super) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn enter(driven: &Driven, state: State) {
    match state {
        State::Idle => {}
        State::InTurn => driven.turn("work [[slow 3]]"),
        State::AfterError => {
            driven.turn("fail [[rate 1]]");
            driven.until("its error", || driven.screen().contains("API Error").then_some(()));
        }
        State::WithDraft => driven.draft(),
        State::InCopyMode => drop(driven.tmux(&["copy-mode", "-t", "=worker:"])),
        State::AtDialog => {
            driven.turn("ask me [[ask]]");
            driven.until("the dialog", || driven.screen().contains("Enter to select").then_some(()));
        }
    }
}

fn leave(driven: &Driven, state: State) {
    match state {
        State::InCopyMode => drop(driven.tmux(&["send-keys", "-t", "=worker:", "-X", "cancel"])),
        State::AtDialog => drop(driven.tmux(&["send-keys", "-t", "=worker:", "Escape"])),
        State::Idle | State::InTurn | State::AfterError | State::WithDraft => {}
    }
}

/// Afterwards it rests, and a draft is where its writer left it.
fn settle(driven: &Driven, state: State) {
    driven.rest();
    if state == State::WithDraft {
        driven.until("the draft, come back", || driven.screen().contains("my own draft").then_some(()));
        driven.tmux(&["send-keys", "-t", "=worker:", "C-u"]);
        driven.until("an empty box", || (!driven.screen().contains("my own draft")).then_some(()));
    }
}
