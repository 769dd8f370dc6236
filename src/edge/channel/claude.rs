//! Claude Code: what it is given at its start, and what its hooks and its transcript say. Hooks that we give stand beside the
//! user's own; nothing of the user's is touched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::model::McpServer;
use crate::config::servers::for_claude;
use crate::edge::files;
use crate::pilot::fact::{ProgramState, Report};
use crate::pilot::gauge::{Gauges, Quota};
use crate::pilot::time::Time;
use crate::pilot::usage::Tokens;

/// Settings that somebody wrote by hand have a few KiB.
const SETTINGS_CAP: u64 = 1 << 20;
/// Events that every version from 2.0 on knows. One that a version does not know would stop its start at a dialog, so what
/// only newer ones have comes from the transcript.
const EVENTS: [&str; 4] = ["SessionStart", "UserPromptSubmit", "Stop", "PreCompact"];
/// What a hook runs. The shell that Claude Code hands it to sees this text and no other: what differs between agents comes
/// by the environment.
const COMMAND: &str = "exec \"$FLIGHTDECK_PROGRAM\" hook claude";
/// What makes its status line: what stands there is the user's own, and we see what it is made from.
const STATUS_COMMAND: &str = "exec \"$FLIGHTDECK_PROGRAM\" hook claude-status";
/// A hook takes a few milliseconds; one that hangs must not hold up its agent, in seconds.
const TIMEOUT_S: u32 = 10;

/// The settings that an agent of ours gets.
pub fn settings() -> Vec<u8> {
    let hook = json!([{ "hooks": [{ "type": "command", "command": COMMAND, "timeout": TIMEOUT_S }] }]);
    let hooks: serde_json::Map<String, Value> =
        EVENTS.iter().map(|event| ((*event).to_string(), hook.clone())).collect();
    let status = json!({ "type": "command", "command": STATUS_COMMAND });
    format!("{:#}\n", json!({ "hooks": hooks, "statusLine": status })).into_bytes()
}

/// The servers as Claude Code reads them.
pub fn mcp(servers: &[McpServer]) -> Vec<u8> {
    let servers: serde_json::Map<String, Value> =
        servers.iter().map(|server| (server.name.clone(), for_claude(server))).collect();
    format!("{:#}\n", json!({ "mcpServers": servers })).into_bytes()
}

/// What a hook is told, as far as it matters to us.
#[derive(Debug, Deserialize)]
struct Told {
    hook_event_name: String,
    session_id: Option<String>,
    transcript_path: Option<PathBuf>,
    prompt: Option<String>,
    last_assistant_message: Option<String>,
    #[serde(default)]
    background_tasks: Vec<Value>,
    #[serde(default)]
    session_crons: Vec<Value>,
}

/// What a hook's payload says. `None`: nothing that matters, or it is none.
pub fn told(payload: &[u8]) -> Option<Report> {
    let told: Told = serde_json::from_slice(payload).ok()?;
    let pending = told.background_tasks.len() + told.session_crons.len();
    Some(match told.hook_event_name.as_str() {
        "SessionStart" => Report::SessionStarted { conversation: told.session_id, transcript: told.transcript_path },
        "UserPromptSubmit" => Report::PromptSubmitted { prompt: told.prompt? },
        "Stop" => Report::TurnEnded {
            answer: told.last_assistant_message,
            pending: u32::try_from(pending).unwrap_or(u32::MAX),
        },
        "PreCompact" => Report::Compacting,
        _ => return None,
    })
}

/// What the status line's command is told, as far as it matters to us.
#[derive(Debug, Deserialize)]
pub struct Status {
    context_window: Option<ContextWindow>,
    #[serde(default)]
    rate_limits: BTreeMap<String, RateLimit>,
    workspace: Option<Workspace>,
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ContextWindow {
    used_percentage: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct RateLimit {
    used_percentage: Option<f64>,
    resets_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Workspace {
    project_dir: Option<PathBuf>,
}

/// Windows of a subscription that are told of; there are three or four.
const QUOTAS: usize = 8;

impl Status {
    /// `None`: it is none.
    pub fn parse(payload: &[u8]) -> Option<Status> {
        serde_json::from_slice(payload).ok()
    }

    /// What it says of itself: its version, and how full things are.
    pub fn reports(&self) -> Vec<Report> {
        let version = self.version.clone().map(|version| Report::Version { version });
        version.into_iter().chain([Report::Gauges { gauges: self.gauges() }]).collect()
    }

    fn gauges(&self) -> Gauges {
        let context = self.context_window.as_ref().and_then(|window| window.used_percentage).map(percent);
        let quota = |(name, limit): (&String, &RateLimit)| {
            let resets = limit.resets_at.and_then(|seconds| seconds.checked_mul(1000)).map(Time);
            Some(Quota { window: window(name), used: percent(limit.used_percentage?), resets })
        };
        Gauges { context, quotas: self.rate_limits.iter().take(QUOTAS).filter_map(quota).collect() }
    }

    /// The user's own status line, as the program would find it: a command for the shell, as it stands in the nearest settings.
    pub fn users_own(&self) -> Option<String> {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("CLAUDE_CONFIG_DIR").or_else(|| Some(folder("HOME")?.join(".claude")));
        let project = self.workspace.as_ref().and_then(|workspace| workspace.project_dir.as_ref());
        let near = project.into_iter().flat_map(|project| {
            ["settings.local.json", "settings.json"].map(|name| project.join(".claude").join(name))
        });
        near.chain(home.map(|home| home.join("settings.json"))).find_map(|file| status_line(&file))
    }
}

fn status_line(settings: &Path) -> Option<String> {
    let bytes = files::read_bounded(settings, SETTINGS_CAP).ok()?;
    let settings: Value = serde_json::from_slice(&bytes).ok()?;
    let line = &settings["statusLine"];
    line["command"].as_str().filter(|_| line["type"] == "command").map(str::to_string)
}

/// `five_hour` is the 5-hour limit, `seven_day` the 7-day one.
fn window(name: &str) -> String {
    let words = [("one", "1"), ("five", "5"), ("seven", "7"), ("thirty", "30")];
    let spelled = name.split_once('_').and_then(|(count, unit)| {
        let number = words.iter().find(|(word, _)| *word == count)?.1;
        Some(format!("{number}-{}", unit.replace('_', " ")))
    });
    let name = spelled.unwrap_or_else(|| name.replace('_', " "));
    name.chars().filter(|c| !c.is_control()).take(ON_CAP).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
fn percent(used: f64) -> u8 {
    used.clamp(0.0, 100.0) as u8
}

/// What a program says in `sessions/<pid>.json`.
#[derive(Debug, PartialEq, Eq)]
pub struct Session {
    pub conversation: String,
    pub state: ProgramState,
}

/// Longest word of what it waits for that is taken over.
const ON_CAP: usize = 60;

/// Such a file. `None`: it is not whole, or of a version that does not say what it is doing.
pub fn session(file: &[u8]) -> Option<Session> {
    let file: Value = serde_json::from_slice(file).ok()?;
    let word = |key: &str| file[key].as_str();
    let state = match word("status")? {
        "idle" => ProgramState::Idle,
        "busy" => ProgramState::Busy,
        "waiting" => {
            let on = word("waitingFor").unwrap_or("an answer");
            ProgramState::Waiting { on: on.chars().filter(|c| !c.is_control()).take(ON_CAP).collect() }
        }
        _ => return None,
    };
    Some(Session { conversation: word("sessionId")?.to_string(), state })
}

/// A line of the transcript, as far as it matters to us.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    is_meta: bool,
    #[serde(default)]
    is_sidechain: bool,
    #[serde(default)]
    is_compact_summary: bool,
    #[serde(default)]
    is_api_error_message: bool,
    api_error_status: Option<u16>,
    api_error_params: Option<Value>,
    operation: Option<String>,
    content: Option<Value>,
    message: Option<Value>,
    timestamp: Option<Value>,
}

/// The model of what the program itself says.
const SYNTHETIC: &str = "<synthetic>";
/// Said by itself where somebody has stopped a turn.
const INTERRUPTED: &str = "[Request interrupted by user";

/// What a line of the transcript says. `None`: nothing that matters, or it is none.
pub fn recorded(line: &[u8]) -> Option<Report> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    if entry.kind == "assistant" && !entry.is_api_error_message {
        return used(&entry);
    }
    // What a summary quotes, nobody has said now.
    if entry.is_sidechain || entry.is_meta || entry.is_compact_summary {
        return None;
    }
    let said = entry.message.and_then(|mut message| message.get_mut("content").map(Value::take));
    match (entry.kind.as_str(), entry.operation.as_deref()) {
        ("user", _) => {
            let prompt = words(&said?)?;
            let stopped = prompt.starts_with(INTERRUPTED);
            Some(if stopped {
                Report::TurnEnded { answer: None, pending: 0 }
            } else {
                Report::PromptRecorded { prompt }
            })
        }
        ("queue-operation", Some("enqueue")) => Some(Report::PromptRecorded { prompt: words(&entry.content?)? }),
        ("assistant", _) if entry.is_api_error_message => {
            let resets = entry.api_error_params.and_then(|params| params["rate_limit_info"]["resetsAt"].as_i64());
            Some(Report::TurnFailed { error: words(&said?)?, status: entry.api_error_status, resets })
        }
        _ => None,
    }
}

/// What an answer used. It stands in the transcript in parts, a line each, all with the same id and what is known by then of the
/// whole; a subagent's answer is one like others. What the program says in place of an answer has a model of no name and used
/// nothing.
fn used(entry: &Entry) -> Option<Report> {
    let message = entry.message.as_ref()?;
    let text = |key: &str| message[key].as_str().map(str::to_string);
    let (id, model) = (text("id")?, text("model").filter(|model| model != SYNTHETIC)?);
    let usage = message["usage"].as_object()?;
    let count = |key: &str| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
    let tokens = Tokens {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
    };
    let at = entry.timestamp.as_ref().and_then(|at| Time::deserialize(at).ok());
    Some(Report::Used { message: id, model, tokens, at })
}

/// The text of a message: a text, or a list of parts. What tools brought back is no text.
fn words(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> =
                parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
