//! What the agents' programs were seen to say on their own channels, and what it is taken for: `tests/channels/<program>/`
//! holds what was recorded, `tests/readings/` what it says.

use std::fmt::Write;
use std::path::Path;

use flightdeck::edge::channel::claude;
use flightdeck::pilot::fact::Report;
use flightdeck::pilot::usage::Tokens;

#[test]
fn all_that_was_recorded_is_read_as_expected() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/channels/claude-2.1.329");
    let mut readings = String::new();
    let mut names: Vec<String> =
        dir.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let bytes = std::fs::read(dir.join(&name)).unwrap();
        let reports: Vec<Report> = match name.split_once('-') {
            Some(("hook", _)) => claude::told(&bytes).into_iter().collect(),
            Some(("session", _)) => {
                claude::session(&bytes).map(|session| Report::State { state: session.state }).into_iter().collect()
            }
            Some(("statusline", _)) => claude::Status::parse(&bytes)
                .map(|status| Report::Gauges { gauges: status.gauges() })
                .into_iter()
                .collect(),
            Some(("transcript", _)) => bytes.split(|byte| *byte == b'\n').filter_map(claude::recorded).collect(),
            _ => continue,
        };
        // Whose home it was does not matter here.
        let text = |report: &Report| serde_json::to_string(report).unwrap().replace(concat!("/ho", "me/me"), "~");
        let told: Vec<String> = reports.iter().map(text).collect();
        writeln!(readings, "{name}\n    {}", if told.is_empty() { "nothing".into() } else { told.join("\n    ") })
            .unwrap();
    }
    let expected = dir.join("../../readings/claude-2.1.329.txt");
    if std::env::var_os("UPDATE_CHANNELS").is_some() {
        std::fs::write(&expected, &readings).unwrap();
    }
    same(&std::fs::read_to_string(&expected).unwrap_or_default(), &readings);
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

proptest::proptest! {
    #[test]
    fn nothing_that_a_program_says_makes_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = (claude::told(&bytes), claude::recorded(&bytes));
    }
}
