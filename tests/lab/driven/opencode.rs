//! Messages into the real OpenCode by its own interface, in every state it can be in: each arrives once, word for word and alone,
//! is seen by whoever looks at its screen, and disturbs nobody's draft. `FLIGHTDECK_LAB_MESSAGES` says how many.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{Order, Record};
use serde_json::Value;

use super::delivery::{TEXTS, count};
use super::{Driven, worker};
use crate::cli::opencode::Shell;
use crate::cli::processes_at_home;
use crate::http;
use crate::support::run;

/// In one run of `make lab`.
const MESSAGES: usize = 28;
/// So many in one conversation: the program sends all of it with each prompt.
const BATCH: usize = 100;
/// So much longer is every fifth message at most, in bytes.
const LONG: usize = 20_000;

/// What it is doing when the message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    InTurn,
    AfterError,
    WithDraft,
    InCopyMode,
    AtPermission,
}

const STATES: [State; 6] =
    [State::Idle, State::InTurn, State::AfterError, State::WithDraft, State::InCopyMode, State::AtPermission];

#[test]
fn each_message_arrives_once_word_for_word_and_alone_whatever_it_meets() {
    let count = count(MESSAGES);
    let (mut wrong, mut spans) = (Vec::new(), Vec::new());
    for first in (0..count).step_by(BATCH) {
        let driven = Driven::opencode(Shell::Asks, "deliver = \"any\"\n");
        let last = count.min(first + BATCH);
        wrong.extend((first..last).filter_map(|number| deliver(&driven, number)));
        let drafts = driven.stub.prompts().iter().filter(|prompt| prompt.contains("my own draft")).count();
        assert_eq!(drafts, 0, "a person's draft was sent");
        nothing_pasted(&driven);
        spans.extend(latencies(&driven));
        spans.sort_unstable();
        let at = |percent: usize| spans[(spans.len() - 1) * percent / 100];
        eprintln!(
            "{} of {last} went wrong; from a message in its conversation to the record: median {} ms, 95 % {} ms, most {} ms",
            wrong.len(),
            at(50),
            at(95),
            at(100)
        );
    }
    assert!(wrong.is_empty(), "{} of {count} went wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Sends one of the messages; what went wrong with it.
fn deliver(driven: &Driven, number: usize) -> Option<String> {
    let state = STATES[number % STATES.len()];
    let nonce = format!("nonce{number:05}");
    let mut text = TEXTS[number % TEXTS.len()].replace('N', &nonce);
    if number % 5 == 4 {
        let more = "long words of a plan ".repeat(number * 7919 % (LONG / 21) + 1);
        text = format!("{text} {}", more.trim_end());
    }
    enter(driven, state);
    let message = driven.send(&text);
    let stage = driven.settled(message);
    let answered = state == State::AtPermission && allowed(driven).exists();
    leave(driven, state);
    let arrived = || driven.stub.prompts().into_iter().filter(|prompt| prompt.contains(&nonce)).collect::<Vec<_>>();
    driven.until(&format!("{number} {state:?} {text:?} at the model, {stage:?}"), || {
        (!arrived().is_empty()).then_some(())
    });
    settle(driven, state);
    let right = arrived() == [text.clone()] && matches!(stage, Stage::Submitted { .. }) && !answered;
    (!right).then(|| {
        format!("{number} {state:?} {text:?}: {stage:?}, answered the dialog: {answered}, arrived as {:?}", arrived())
    })
}

fn nothing_pasted(driven: &Driven) {
    let pasted = |record: &Record| matches!(record, Record::Ordered { order: Order::Paste { .. }, .. });
    assert!(!driven.records().iter().any(|(_, record)| pasted(record)), "something went through the composer");
}

/// What the shell makes once a person has allowed it.
fn allowed(driven: &Driven) -> PathBuf {
    driven.home.with_file_name("project").join("allowed.txt")
}

fn enter(driven: &Driven, state: State) {
    match state {
        State::Idle => {}
        State::InTurn => driven.turn("work [[slow 2]]"),
        State::AfterError => {
            driven.turn("fail [[refusal]]");
            driven.rest();
        }
        State::WithDraft => driven.draft(),
        State::InCopyMode => drop(driven.tmux(&["copy-mode", "-t", "=worker:"])),
        State::AtPermission => {
            let _ = std::fs::remove_file(allowed(driven));
            driven.turn("run [[tool touch allowed.txt]]");
            driven.until("the dialog", || (driven.worker().state.word() == "at-dialog").then_some(()));
        }
    }
}

fn leave(driven: &Driven, state: State) {
    match state {
        State::InCopyMode => drop(driven.tmux(&["send-keys", "-t", "=worker:", "-X", "cancel"])),
        State::AtPermission => {
            driven.until("the dialog", || driven.screen().contains("Permission required").then_some(()));
            driven.tmux(&["send-keys", "-t", "=worker:", "Enter"]);
            driven.until("what was allowed", || allowed(driven).exists().then_some(()));
        }
        State::Idle | State::InTurn | State::AfterError | State::WithDraft => {}
    }
}

/// Afterwards it rests, and a draft is where its writer left it.
fn settle(driven: &Driven, state: State) {
    driven.rest();
    if state == State::WithDraft {
        assert!(driven.screen().contains("my own draft"), "{}", driven.screen());
        driven.tmux(&["send-keys", "-t", "=worker:", "C-u"]);
        driven.until("an empty box", || (!driven.screen().contains("my own draft")).then_some(()));
    }
}

/// What the next engine, and the program's launcher, find in its file.
pub(super) struct Access {
    pub(super) address: SocketAddr,
    pub(super) password: String,
    pub(super) session: String,
}

fn file(driven: &Driven) -> PathBuf {
    driven.state_dir().join("agents/worker.opencode.json")
}

fn access(driven: &Driven) -> Access {
    access_in(&file(driven))
}

pub(super) fn access_in(file: &Path) -> Access {
    let text = std::fs::read(file).expect("its file");
    let noted: Value = serde_json::from_slice(&text).expect("JSON");
    let text = |name: &str| noted[name].as_str().expect("a text").to_string();
    let port = noted["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
    Access { address: (Ipv4Addr::LOCALHOST, port).into(), password: text("password"), session: text("session") }
}

/// How long after a message was made in the conversation its record was, in milliseconds, sorted: all that lies between the
/// program's own clock and our log.
fn latencies(driven: &Driven) -> Vec<i64> {
    let access = access(driven);
    let path = format!("/session/{}/message", access.session);
    let mut told = Value::Null;
    run(async { told = http::told(access.address, &access.password, &path).await });
    let made: BTreeMap<u64, i64> = told
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|message| {
            let number = message["info"]["id"].as_str()?.split_once("fd0")?.1.parse().ok()?;
            Some((number, message["info"]["time"]["created"].as_i64()?))
        })
        .collect();
    let mut spans: Vec<i64> = driven
        .records()
        .into_iter()
        .filter_map(|(stamp, record)| match record {
            Record::MessageMoved { message, stage: Stage::Submitted { .. }, .. } => {
                Some(stamp.at.0 - made.get(&message.0)?)
            }
            _ => None,
        })
        .collect();
    spans.sort_unstable();
    spans
}

/// Every file of the workspace's state but one, with what is in it.
fn files_but(driven: &Driven, left_out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![driven.root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder") {
            let path = entry.expect("an entry").path();
            let kind = path.symlink_metadata().expect("it is there").file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && path != left_out {
                found.push((path.clone(), std::fs::read(&path).expect("a file")));
            }
        }
    }
    found
}

#[test]
fn its_password_is_nowhere_but_in_its_file_and_goes_with_its_life() {
    let driven = Driven::opencode(Shell::Free, "");
    driven.settled(driven.send("look at me please"));
    driven.until("it on the screen", || driven.screen().contains("look at me please").then_some(()));
    let access = access(&driven);
    assert_eq!(file(&driven).metadata().expect("its file").permissions().mode() & 0o777, 0o600);
    run(async {
        assert_eq!(http::status_as_a_stranger(access.address, "/session/status").await, 401);
        assert!(http::told(access.address, &access.password, "/session/status").await.is_object());
    });
    let holds = |text: &[u8]| text.windows(access.password.len()).any(|part| part == access.password.as_bytes());
    let files = files_but(&driven, &file(&driven));
    assert!(files.iter().any(|(path, _)| path.ends_with("records.db")));
    for (path, text) in files {
        assert!(!holds(&text), "{}", path.display());
    }
    for pid in processes_at_home(&driven.home) {
        let argv = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        assert!(!holds(&argv), "{pid:?}");
    }
    // Of both turns, told when each is over.
    driven.until("what it used", || (driven.worker().used_today.tokens.input >= 2_400).then_some(()));
    driven.ask(&Command::Stop { agent: worker() });
    driven.until("its end", || (driven.worker().state.word() == "stopped").then_some(()));
    assert!(!file(&driven).exists());
}

#[test]
fn an_engine_that_crashes_while_a_message_is_on_its_way_loses_none_and_doubles_none() {
    let mut driven = Driven::opencode(Shell::Free, "deliver = \"any\"\n");
    let session = access(&driven).session;
    // It counts each engine that listened, also those that are gone; the eleventh listener makes it write a warning across its
    // own screen.
    for round in 0..4_u64 {
        let text = format!("round {round} of the crashes");
        let message = driven.send(&text);
        clock::block(Duration::from_millis(round * 20));
        driven.crash();
        let stage = driven.settled(message);
        assert!(matches!(stage, Stage::Submitted { .. }), "{round}: {stage:?}");
        driven.until(&format!("{text} at the model"), || driven.stub.prompts().contains(&text).then_some(()));
        driven.rest();
        let arrived = driven.stub.prompts().iter().filter(|prompt| **prompt == text).count();
        assert_eq!(arrived, 1, "{text}");
    }
    assert_eq!(access(&driven).session, session, "it is the same conversation");
    nothing_pasted(&driven);
}

#[test]
fn a_message_that_comes_while_a_turn_fails_gets_its_answer_all_the_same() {
    let driven = Driven::opencode(Shell::Free, "deliver = \"any\"\n");
    for round in 0..8_u64 {
        let before = driven.stub.mains().len();
        driven.send(&format!("fail {round} [[refusal]]"));
        driven.until("its turn at the model", || (driven.stub.mains().len() > before).then_some(()));
        clock::block(Duration::from_millis(round * 10));
        let text = format!("please answer {round}");
        driven.settled(driven.send(&text));
        driven.until(&text, || driven.stub.prompts().contains(&text).then_some(()));
        driven.rest();
        assert_eq!(driven.stub.prompts().iter().filter(|prompt| **prompt == text).count(), 1, "{text}");
    }
}

#[test]
fn a_restart_takes_up_the_conversation_and_a_new_one_leaves_it() {
    let driven = Driven::opencode(Shell::Free, "resume = true\n");
    let (before, first) = (access(&driven), driven.worker().incarnation);
    driven.ask(&Command::Restart { agent: worker(), fresh: false });
    let answered = |count: usize| {
        driven.until("its next start prompt at the model", || (driven.stub.mains().len() == count).then_some(()));
        driven.rest();
    };
    answered(2);
    let after = access(&driven);
    assert!(driven.worker().incarnation > first);
    assert_eq!((after.session == before.session, after.password == before.password), (true, false));
    driven.ask(&Command::Restart { agent: worker(), fresh: true });
    answered(3);
    assert_ne!(access(&driven).session, before.session);
}
