//! What the agents' programs were seen to say on their own channels, and what it is taken for: `tests/channels/<program>/`
//! holds what was recorded, `tests/readings/` what it says.

use std::fmt::Write;
use std::path::Path;

use flightdeck::edge::channel::claude;
use flightdeck::edge::channel::codex::{self, Rollout};
use flightdeck::edge::channel::opencode::Listener;
use flightdeck::pilot::fact::{ProgramState, Report};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::usage::Tokens;
use serde_json::{Value, json};

#[test]
fn all_that_was_recorded_is_read_as_expected() {
    all_read_as_expected("claude-2.1.329", |kind, bytes| match kind {
        "hook" => Some(claude::told(bytes).into_iter().collect()),
        "session" => {
            Some(claude::session(bytes).map(|session| Report::State { state: session.state }).into_iter().collect())
        }
        "statusline" => Some(claude::Status::parse(bytes).into_iter().flat_map(|status| status.reports()).collect()),
        "transcript" => Some(lines(bytes).filter_map(claude::recorded).collect()),
        _ => None,
    });
    all_read_as_expected("codex-0.169.0", |kind, bytes| match kind {
        "rollout" => {
            let mut rollout = Rollout::default();
            Some(lines(bytes).filter_map(|line| rollout.recorded(line)).collect())
        }
        _ => None,
    });
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n')
}

/// Holds what was recorded of a program against what it was read as. `read` is given the first word of a file's name, and its bytes.
#[track_caller]
fn all_read_as_expected(program: &str, read: impl Fn(&str, &[u8]) -> Option<Vec<Report>>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/channels").join(program);
    let mut readings = String::new();
    let mut names: Vec<String> =
        dir.read_dir().expect("a folder").map(|entry| name_of(&entry.expect("an entry"))).collect();
    names.sort();
    for name in names {
        let bytes = std::fs::read(dir.join(&name)).expect("a file");
        let Some(reports) = read(name.split('-').next().unwrap_or_default(), &bytes) else { continue };
        // Whose home it was does not matter here.
        let text = |report: &Report| {
            serde_json::to_string(report).expect("a report is text").replace(concat!("/ho", "me/me"), "~")
        };
        let told: Vec<String> = reports.iter().map(text).collect();
        writeln!(readings, "{name}\n    {}", if told.is_empty() { "nothing".into() } else { told.join("\n    ") })
            .expect("a text");
    }
    let expected = dir.join("../../readings").join(format!("{program}.txt"));
    if std::env::var_os("UPDATE_CHANNELS").is_some() {
        std::fs::write(&expected, &readings).expect("it is written");
    }
    same(&std::fs::read_to_string(&expected).unwrap_or_default(), &readings);
}

fn name_of(entry: &std::fs::DirEntry) -> String {
    entry.file_name().into_string().expect("a name in UTF-8")
}

/// The first line that differs.
#[track_caller]
fn same(expected: &str, found: &str) {
    let pair = expected.lines().zip(found.lines()).find(|(one, other)| one != other);
    assert_eq!(pair, None, "UPDATE_CHANNELS=1 writes what is read now: look at each change");
    assert_eq!(expected.lines().count(), found.lines().count());
}

#[test]
fn the_settings_name_only_events_that_all_versions_know_and_no_value_of_ours() {
    let settings: serde_json::Value = serde_json::from_slice(&claude::settings()).unwrap();
    let known = ["PreToolUse", "PostToolUse", "Notification", "UserPromptSubmit", "SessionStart", "SessionEnd", "Stop"];
    let known = [&known[..], &["SubagentStop", "PreCompact"]].concat();
    let hooks = settings["hooks"].as_object().unwrap();
    assert!(hooks.keys().all(|event| known.contains(&event.as_str())), "{hooks:?}");
    let keys: Vec<&String> = settings.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["hooks", "statusLine"], "nothing else of the user's settings is touched");
    assert_eq!(settings["statusLine"]["command"], "exec \"$FLIGHTDECK_PROGRAM\" hook claude-status");
    for hook in hooks.values() {
        assert_eq!(hook[0]["hooks"][0]["command"], "exec \"$FLIGHTDECK_PROGRAM\" hook claude");
    }
}

#[test]
fn an_answer_is_counted_whatever_else_is_wrong_with_its_line_and_nothing_else_is() {
    let line =
        |message: &str| format!(r#"{{"type":"assistant","timestamp":7,"isSidechain":true,"message":{message}}}"#);
    let used = |message: &str| claude::recorded(line(message).as_bytes());
    let tokens = Tokens { input: 1, output: 0, cache_read: 2, cache_write: 3 };
    let usage =
        r#"{"input_tokens":1,"output_tokens":null,"cache_read_input_tokens":2,"cache_creation_input_tokens":3}"#;
    let expected = Report::Used { message: "m1".to_string(), model: "x".to_string(), tokens, at: None };
    assert_eq!(used(&format!(r#"{{"id":"m1","model":"x","usage":{usage}}}"#)), Some(expected));
    for other in [
        format!(r#"{{"id":"m1","model":"<synthetic>","usage":{usage}}}"#),
        format!(r#"{{"id":5,"model":"x","usage":{usage}}}"#),
        r#"{"id":"m1","model":"x","usage":9}"#.to_string(),
        r#""words""#.to_string(),
    ] {
        assert_eq!(used(&other), None, "{other}");
    }
    assert_eq!(claude::recorded(br#"{"type":"user","message":"words"}"#), None);
}

#[test]
fn the_rollout_of_a_person_s_conversation_is_told_by_its_name_and_first_line() {
    let id = "01a2000c-baff-7ea2-8db5-c210f1c727da";
    let name = format!("rollout-2026-11-21T21-39-24-{id}.jsonl");
    assert_eq!(codex::thread_of(Path::new(&name)), Some(id));
    for other in ["rollout-.jsonl", "history.jsonl", "rollout-2026-11-21T21-39-24-ünï.jsonl", &name[1..]] {
        assert_eq!(codex::thread_of(Path::new(other)), None, "{other}");
    }
    // 2026-11-21T21:39:24.031Z; a UUID of another kind tells no time.
    assert_eq!(codex::began(id), Some(Time(1_795_297_164_031)));
    assert_eq!(codex::began("01a2000c-baff-4ea2-8db5-c210f1c727da"), None);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    let main = |source: &str| {
        let meta = format!("{{\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"source\":{source}}}}}\n");
        std::fs::write(&path, meta).unwrap();
        codex::is_main(&path)
    };
    assert!(main("\"cli\""));
    assert!(!main("{\"subagent\":{\"thread_spawn\":{}}}"));
    std::fs::write(&path, "").unwrap();
    assert!(!codex::is_main(&path));
}

#[test]
fn a_usage_limit_is_told_with_the_end_of_the_window_that_is_used_up() {
    let mut rollout = Rollout::default();
    let limits = |primary: u32, secondary: u32| {
        format!(
            r#"{{"type":"event_msg","payload":{{"type":"token_count","info":null,"rate_limits":{{"primary":{{"used_percent":{primary}.0,"resets_at":111}},"secondary":{{"used_percent":{secondary}.0,"resets_at":222}}}}}}}}"#
        )
    };
    let failed = br#"{"type":"event_msg","payload":{"type":"task_complete","error":{"message":"no more","codex_error_info":"usage_limit_exceeded"}}}"#;
    for (primary, secondary, expected) in [(100, 40, Some(111)), (100, 100, Some(222)), (99, 40, None)] {
        assert_eq!(rollout.recorded(limits(primary, secondary).as_bytes()), None);
        let told = Report::TurnFailed { error: "■ no more".to_string(), status: None, resets: expected };
        assert_eq!(rollout.recorded(failed), Some(told));
    }
}

#[test]
fn all_that_opencode_recorded_is_read_as_expected() {
    all_read_as_expected("opencode-1.18.33", |kind, bytes| {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let own = Some("ses_e00902c10ffeELf2fZn1SN1XeX".to_string());
        let begins = String::from_utf8_lossy(bytes).contains("session.created");
        let mut listener = Listener::of(own.filter(|_| !begins));
        let (none, idle) = (Value::Null, json!({}));
        match (kind, &document) {
            ("event", _) => Some(lines(bytes).flat_map(|line| listener.hear(line)).collect()),
            ("rest", Value::Array(asked)) if asked.iter().all(|one| one["permission"].is_string()) => {
                Some(listener.begin(&idle, &document, &none).into_iter().collect())
            }
            ("rest", Value::Object(statuses)) if statuses.values().all(|status| status["type"].is_string()) => {
                Some(listener.begin(&document, &none, &none).into_iter().collect())
            }
            _ => None,
        }
    });
}

/// What some events say, to an agent whose conversation is `ses_own`.
fn heard(events: &[Value]) -> Vec<Report> {
    let mut listener = Listener::of(Some("ses_own".to_string()));
    events.iter().flat_map(|event| listener.hear(event.to_string().as_bytes())).collect()
}

fn event(kind: &str, what: Value) -> Value {
    let mut event = json!({ "id": "evt_1", "type": kind });
    event["properties"] = what;
    event
}

fn status(session: &str, is: &str) -> Value {
    event("session.status", json!({ "sessionID": session, "status": { "type": is } }))
}

fn user(session: &str, message: &str, text: &str) -> [Value; 2] {
    let info = json!({ "id": message, "sessionID": session, "role": "user", "time": { "created": 1 } });
    let part = json!({ "type": "text", "text": text, "messageID": message, "sessionID": session });
    [event("message.updated", json!({ "info": info })), event("message.part.updated", json!({ "part": part }))]
}

#[test]
fn what_a_subagent_does_is_no_turn_of_its_agent_and_what_it_uses_and_asks_counts() {
    let made = event("session.created", json!({ "info": { "id": "ses_child", "parentID": "ses_own" } }));
    let answer = json!({
        "id": "msg_2", "sessionID": "ses_child", "role": "assistant", "providerID": "p", "modelID": "m",
        "tokens": { "input": 1, "output": 2, "reasoning": 3, "cache": { "read": 4, "write": 5 } }, "time": { "completed": 9 },
    });
    let asks = json!({ "id": "per_1", "sessionID": "ses_child", "permission": "bash", "patterns": ["rm x"] });
    let [prompt, words] = user("ses_child", "msg_1", "a task");
    let events = [
        status("ses_own", "busy"),
        made,
        prompt,
        words,
        status("ses_child", "busy"),
        event("permission.asked", asks),
        event("permission.replied", json!({ "requestID": "per_1", "reply": "once" })),
        event("message.updated", json!({ "info": answer })),
        event("session.error", json!({ "sessionID": "ses_child", "error": { "name": "APIError", "data": {} } })),
        status("ses_child", "idle"),
        status("ses_own", "idle"),
    ];
    let busy = Report::State { state: ProgramState::Busy };
    let on = "permission bash rm x".to_string();
    let tokens = Tokens { input: 1, output: 5, cache_read: 4, cache_write: 5 };
    assert_eq!(
        heard(&events),
        [
            busy.clone(),
            Report::State { state: ProgramState::Waiting { on } },
            busy,
            Report::Used { message: "msg_2".to_string(), model: "p/m".to_string(), tokens, at: Some(Time(9)) },
            Report::TurnEnded { answer: None, pending: 0 },
            Report::State { state: ProgramState::Idle },
        ]
    );
}

#[test]
fn the_conversation_that_somebody_prompts_is_the_agents_own() {
    let other = event("session.updated", json!({ "info": { "id": "ses_other" } }));
    let [prompt, words] = user("ses_other", "msg_1", "go on here");
    let begun = Report::SessionStarted { conversation: Some("ses_other".to_string()), transcript: None };
    let told = heard(&[other, prompt, words]);
    assert!(told.contains(&begun) && told.contains(&Report::PromptSubmitted { prompt: "go on here".to_string() }));
    // One of which nothing is known may be a subagent's.
    let [prompt, words] = user("ses_unknown", "msg_1", "a task");
    assert_eq!(heard(&[prompt, words]), []);
}

#[test]
fn a_prompt_that_a_failed_turn_left_unanswered_is_told_once_and_no_other() {
    let answer = |to: &str| {
        let info = json!({ "id": "msg_2", "sessionID": "ses_own", "role": "assistant", "parentID": to, "time": {} });
        event("message.updated", json!({ "info": info }))
    };
    let error = |name: &str| event("session.error", json!({ "sessionID": "ses_own", "error": { "name": name } }));
    let left = |answered: &str, error_name: &str| {
        let mut listener = Listener::of(Some("ses_own".to_string()));
        let [first, second] = [user("ses_own", "msg_1", "one"), user("ses_own", "msg_3", "two")];
        let turn = [status("ses_own", "busy"), answer(answered), error(error_name), status("ses_own", "idle")];
        for event in first.iter().chain(&second).chain(&turn) {
            listener.hear(event.to_string().as_bytes());
        }
        (listener.left_behind(), listener.left_behind())
    };
    assert_eq!(left("msg_1", "APIError"), (Some("msg_3".to_string()), None));
    assert_eq!(left("msg_3", "APIError"), (None, None));
    // Somebody stopped it, and will go on as he likes.
    assert_eq!(left("msg_1", "MessageAbortedError"), (None, None));
}

#[test]
fn what_came_while_nobody_listened_is_caught_up_with() {
    let answer = |error: Value| {
        let tokens = json!({ "input": 1, "output": 2, "reasoning": 0, "cache": { "read": 0, "write": 0 } });
        json!([{ "parts": [], "info": {
            "id": "msg_2", "sessionID": "ses_own", "role": "assistant", "providerID": "p", "modelID": "m",
            "tokens": tokens, "time": { "completed": 9 }, "error": error,
        } }])
    };
    let caught = |statuses: Value, error: Value| {
        let mut listener = Listener::of(Some("ses_own".to_string()));
        listener.begin(&statuses, &json!([]), &json!([]));
        listener.catch_up(&answer(error))
    };
    let denied = || json!({ "name": "APIError", "data": { "message": "invalid key", "statusCode": 401 } });
    let failed = Report::TurnFailed { error: "401 invalid key".to_string(), status: Some(401), resets: None };
    assert_eq!(caught(json!({}), Value::Null).len(), 1);
    assert_eq!(caught(json!({}), denied()).last(), Some(&failed));
    // It went on since.
    assert_eq!(caught(json!({ "ses_own": { "type": "busy" } }), denied()).len(), 1);
}

proptest::proptest! {
    #[test]
    fn nothing_that_a_program_says_makes_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = (claude::told(&bytes), claude::recorded(&bytes), Rollout::default().recorded(&bytes));
        let _ = Listener::of(None).hear(&bytes);
        let name = String::from_utf8_lossy(&bytes);
        let _ = (codex::began(&name), codex::thread_of(Path::new(&*name)));
    }
}
