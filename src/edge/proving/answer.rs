//! What the agents' programs print when they are called for one word: Claude Code one object (`-p --output-format json`), Codex
//! (`exec --json`) and OpenCode (`run --format json`) one a line, for each thing that happened. Each is known by its shape.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::edge::channel::{codex, opencode};
use crate::pilot::fact::{Probed, Report};
use crate::pilot::usage::Tokens;

/// Codex and OpenCode don't tell which model answered.
const UNTOLD: &str = "unknown";

/// What came of a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    failed: bool,
    text: String,
    status: Option<u16>,
    used: Vec<(String, Tokens)>,
}

impl Answer {
    pub(super) fn probed(self, version: String) -> Probed {
        let Answer { failed, text, status, used } = self;
        let used = used.into_iter().filter(|(_, tokens)| tokens.sum() > 0).collect();
        Probed::Answered { version, failed, text, status, used }
    }
}

/// `None`: nobody can say, as when it was cut short.
pub(super) fn of(printed: &[u8]) -> Option<Answer> {
    if let Ok(whole) = serde_json::from_slice::<Claude>(printed) {
        return Some(whole.answer());
    }
    let lines = printed.split(|byte| *byte == b'\n');
    // What ends a call stands last.
    let said = |line: &[u8]| line_says(&serde_json::from_slice(line).ok()?);
    lines.rev().find_map(said)
}

/// What a line says of the call's end; `None`: nothing.
fn line_says(line: &Value) -> Option<Answer> {
    match line["type"].as_str()? {
        "turn.completed" => Some(used(codex::tokens(&line["usage"]))),
        // As its rollout tells it, for the rules that know its words.
        "turn.failed" => Some(failed(format!("■ {}", line["error"]["message"].as_str()?), None)),
        "step_finish" if line["part"]["tokens"].is_object() => Some(used(opencode::tokens(&line["part"]["tokens"]))),
        "error" if line["sessionID"].is_string() => match opencode::failed(&line["error"])? {
            Report::TurnFailed { error, status, .. } => Some(failed(error, status)),
            _ => None,
        },
        _ => None,
    }
}

fn used(tokens: Tokens) -> Answer {
    Answer { used: vec![(UNTOLD.to_string(), tokens)], ..Answer::default() }
}

fn failed(text: String, status: Option<u16>) -> Answer {
    Answer { failed: true, text, status, ..Answer::default() }
}

/// What `claude -p --output-format json` prints, as far as it matters to us. Failures stand in `is_error` alone: `subtype` is
/// "success" then too.
#[derive(Debug, Deserialize)]
struct Claude {
    is_error: bool,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    api_error_status: Option<u16>,
    #[serde(default, rename = "modelUsage")]
    models: BTreeMap<String, Counted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counted {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
}

impl Claude {
    fn answer(self) -> Answer {
        let tokens = |counted: &Counted| Tokens {
            input: counted.input_tokens,
            output: counted.output_tokens,
            cache_read: counted.cache_read_input_tokens,
            cache_write: counted.cache_creation_input_tokens,
        };
        Answer {
            failed: self.is_error,
            text: self.result.unwrap_or_default(),
            status: self.api_error_status,
            used: self.models.iter().map(|(model, counted)| (model.clone(), tokens(counted))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the real programs printed, shortened.
    const CODEX: &str = r#"{"type":"thread.started","thread_id":"01a200ee-2e5f"}
{"type":"turn.started"}
{"type":"item.completed","item":{"id":"item_0","type":"agent_message","text":"All done."}}
{"type":"turn.completed","usage":{"input_tokens":1200,"cached_input_tokens":200,"cache_write_input_tokens":0,"output_tokens":2}}
"#;
    const CODEX_OUT: &str = r#"{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 5/5 (unexpected status 401 Unauthorized: invalid x-api-key)"}
{"type":"turn.failed","error":{"message":"unexpected status 401 Unauthorized: invalid x-api-key"}}
"#;
    const OPENCODE: &str = r#"{"type":"step_start","sessionID":"ses_1","part":{"type":"step-start"}}
{"type":"text","sessionID":"ses_1","part":{"type":"text","text":"All done."}}
{"type":"step_finish","sessionID":"ses_1","part":{"reason":"stop","tokens":{"input":1200,"output":2,"reasoning":1,"cache":{"write":0,"read":0}},"cost":0.00363}}
"#;
    const OPENCODE_OUT: &str = r#"{"type":"error","sessionID":"ses_1","error":{"name":"APIError","data":{"message":"invalid x-api-key","statusCode":401}}}
"#;

    #[test]
    fn each_program_s_words_are_read() {
        let tokens = |input, output, cache_read| Tokens { input, output, cache_read, cache_write: 0 };
        let good = |tokens| Some(used(tokens));
        assert_eq!(of(CODEX.as_bytes()), good(tokens(1000, 2, 200)));
        assert_eq!(of(OPENCODE.as_bytes()), good(tokens(1200, 3, 0)));
        let codex = "■ unexpected status 401 Unauthorized: invalid x-api-key".to_string();
        assert_eq!(of(CODEX_OUT.as_bytes()), Some(failed(codex, None)));
        assert_eq!(of(OPENCODE_OUT.as_bytes()), Some(failed("401 invalid x-api-key".to_string(), Some(401))));
        let claude = br#"{"is_error":true,"subtype":"success","result":"Please run /login","api_error_status":401}"#;
        assert_eq!(of(claude), Some(failed("Please run /login".to_string(), Some(401))));
        for cut in [&CODEX.as_bytes()[..200], b"", b"{}", b"[1]", b"\xff\n{\"type\":5}"] {
            assert_eq!(of(cut), None, "{cut:?}");
        }
    }
}
