//! Two agents on one OpenCode server: each has its own conversation and its own messages, the server has its life apart from theirs,
//! and nobody reaches it who does not know its password.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use serde_json::Value;

use super::delivery::count;
use super::opencode::access_in;
use super::{Driven, worker};
use crate::cli::opencode::Shell;
use crate::cli::processes_at_home;
use crate::http;
use crate::support::run;

/// In one run of `make lab`.
const MESSAGES: usize = 20;

fn named(name: &str) -> AgentId {
    AgentId::parse(name).expect("a name")
}

/// Both agents at rest, with their start prompts behind them.
fn begun() -> Driven {
    let driven = Driven::opencode_shared(Shell::Free);
    driven.until("both start prompts at the model", || (driven.stub.mains().len() == 2).then_some(()));
    rest(&driven);
    driven
}

fn rest(driven: &Driven) {
    for agent in [worker(), named("writer")] {
        driven.until("rest", || (driven.agent(&agent).state.word() == "idle").then_some(()));
    }
}

fn file(driven: &Driven, agent: &str) -> PathBuf {
    driven.state_dir().join(format!("agents/{agent}.opencode.json"))
}

/// What people and we said in an agent's conversation, as its server tells it.
fn said(driven: &Driven, agent: &str) -> Vec<String> {
    let access = access_in(&file(driven, agent));
    let path = format!("/session/{}/message", access.session);
    let mut told = Value::Null;
    run(async { told = http::told(access.address, &access.password, &path).await });
    let users = told.as_array().into_iter().flatten().filter(|message| message["info"]["role"] == "user");
    users.filter_map(|message| message["parts"][0]["text"].as_str().map(str::to_string)).collect()
}

#[test]
fn each_has_its_own_conversation_and_gets_its_own_messages_once() {
    let driven = begun();
    let order: Vec<AgentId> = driven
        .records()
        .into_iter()
        .filter_map(|(_, record)| match record {
            Record::Started { agent, .. } => Some(agent),
            _ => None,
        })
        .collect();
    assert_eq!((order.len(), &order[0]), (3, &named("server")), "who attaches waits for the server");
    let mut sent = [Vec::new(), Vec::new()];
    for number in 0..count(MESSAGES) {
        let (at, agent) = if number % 2 == 0 { (0, worker()) } else { (1, named("writer")) };
        let text = format!("number {number} for {agent}: `!` \"quotes\"\nand a second line");
        let stage = driven.settled(driven.send_to(&agent, &text));
        assert!(matches!(stage, Stage::Submitted { .. }), "{number}: {stage:?}");
        sent[at].push(text);
    }
    rest(&driven);
    assert_eq!(said(&driven, "worker")[1..], sent[0]);
    assert_eq!(said(&driven, "writer")[1..], sent[1]);
    // What a person types and begins elsewhere on the server is nobody else's.
    driven.tmux(&["send-keys", "-t", "=writer:", "-l", "typed by hand"]);
    let composed = || driven.tmux(&["capture-pane", "-p", "-t", "=writer:"]).contains("typed by hand").then_some(());
    driven.until("it in the box", composed);
    driven.tmux(&["send-keys", "-t", "=writer:", "Enter"]);
    driven.until("it at the model", || driven.stub.prompts().contains(&"typed by hand".to_string()).then_some(()));
    rest(&driven);
    assert_eq!(said(&driven, "writer").last().map(String::as_str), Some("typed by hand"));
    assert_eq!(said(&driven, "worker")[1..], sent[0]);
    let refused = driven.ask(&Command::Send { agent: named("server"), text: "hello".to_string() });
    assert!(matches!(refused, Answer::Refused { .. }), "{refused:?}");
}

#[test]
fn a_server_that_is_killed_comes_back_and_nobody_else_ends() {
    let driven = begun();
    let lives = || [worker(), named("writer")].map(|id| driven.agent(&id).incarnation);
    let (before, first) = (lives(), driven.agent(&named("server")).incarnation);
    let sessions = || ["worker", "writer"].map(|agent| access_in(&file(&driven, agent)).session);
    let conversations = sessions();
    let pid = driven.tmux(&["display-message", "-p", "-t", "=server:", "#{pane_pid}"]).trim().parse().expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
    let message = driven.send("sent while it was away");
    let up = || (driven.agent(&named("server")).incarnation > first).then_some(());
    driven.until("its next life", up);
    assert!(matches!(driven.settled(message), Stage::Submitted { .. }));
    let prompts = || driven.stub.prompts();
    driven.until("it at the model", || prompts().contains(&"sent while it was away".to_string()).then_some(()));
    rest(&driven);
    // Its screen came back to the server in its own time, and may have missed the prompt; the conversation has it.
    assert_eq!(said(&driven, "worker").last().map(String::as_str), Some("sent while it was away"));
    assert_eq!((lives(), sessions()), (before, conversations));
    assert_eq!(prompts().iter().filter(|prompt| *prompt == "sent while it was away").count(), 1);
    // It was no end of anybody, and costs nobody anything.
    assert!(driven.records().iter().all(|(_, record)| match record {
        Record::Exited { agent, .. } | Record::BackedOff { agent, .. } => *agent == named("server"),
        _ => true,
    }));
}

#[test]
fn a_restart_keeps_the_server_and_begins_a_conversation_of_its_own() {
    let driven = begun();
    let before = ["worker", "writer"].map(|agent| access_in(&file(&driven, agent)).session);
    driven.ask(&Command::Restart { agent: worker(), fresh: false });
    driven.until("its next start prompt at the model", || (driven.stub.mains().len() == 3).then_some(()));
    rest(&driven);
    let after = ["worker", "writer"].map(|agent| access_in(&file(&driven, agent)).session);
    assert_eq!((after[0] != before[0], after[1] == before[1]), (true, true));
    assert_eq!(driven.agent(&named("server")).incarnation.0, 1);
    driven.settled(driven.send("after the restart"));
    assert_eq!(said(&driven, "worker").last().map(String::as_str), Some("after the restart"));
}

#[test]
fn nobody_reaches_it_without_its_password_which_no_argv_shows() {
    let driven = begun();
    let shared = driven.state_dir().join("agents/server.server.json");
    let access = access_in(&file(&driven, "worker"));
    for file in [&shared, &file(&driven, "worker"), &file(&driven, "writer")] {
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    run(async {
        assert_eq!(http::status_as_a_stranger(access.address, "/session").await, 401);
    });
    let holds = |text: &[u8]| text.windows(access.password.len()).any(|part| part == access.password.as_bytes());
    assert!(holds(&std::fs::read(&shared).expect("its file")));
    for pid in processes_at_home(&driven.home) {
        let argv = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        assert!(!holds(&argv), "{pid:?}");
    }
    driven.ask(&Command::Stop { agent: named("server") });
    driven.until("its end", || (driven.agent(&named("server")).state.word() == "stopped").then_some(()));
    assert!(std::net::TcpStream::connect(access.address).is_err(), "nothing listens there any more");
}
