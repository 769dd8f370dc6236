//! How long it takes from a thing that happens in the real Claude Code to what comes of it.

use std::path::Path;

use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;

use super::Driven;
use crate::cli::claude::Login;

/// Messages in one run.
const MESSAGES: usize = 20;

/// A hook of the user's own says when an event happens; ours is told at the same moment.
const HOOK: &str = "date +%s%3N >> \"$HOME/prompts.times\"";

#[test]
fn a_prompt_that_was_taken_in_is_on_record_soon() {
    let hooks = serde_json::json!({ "UserPromptSubmit": [{ "hooks": [{ "type": "command", "command": HOOK }] }] });
    let driven = Driven::claude_with(Login::ApiKey, "", &hooks);
    let mut late = Vec::new();
    for number in 0..MESSAGES {
        let message = driven.send(&format!("message {number}"));
        driven.settled(message);
        let told = |(stamp, record): (flightdeck::pilot::fact::Stamp, Record)| match record {
            Record::MessageMoved { message: moved, stage: Stage::Submitted { .. }, .. } if moved == message => {
                Some(stamp.at.0)
            }
            _ => None,
        };
        let recorded = driven.records().into_iter().find_map(told).expect("it is submitted");
        // The start prompt has the first line.
        let happened = driven.until("the hook's time", || times(&driven.home).get(number + 1).copied());
        late.push(recorded - happened);
        driven.rest();
    }
    late.sort_unstable();
    eprintln!("from event to record, ms: median {}, all {late:?}", late[MESSAGES / 2]);
    // A record that came by the screen's proof instead would be seconds late.
    assert!(late[MESSAGES / 2] < 1000, "{late:?}");
}

fn times(home: &Path) -> Vec<i64> {
    let text = std::fs::read_to_string(home.join("prompts.times")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}
