//! Codex: the rollout, its own record of a conversation ("thread"), a line for each thing that happens, and how it is found: its
//! process has it open. It is given nothing at its start, and nothing of its user's is touched.
//!
//! Its `notify` program is left to the user. It is told only of turns that ended well, after the rollout; it is told all prompts of
//! the conversation, in its argv, where every process of the machine can read them; and once they are longer than the kernel takes
//! for one argument (128 KiB), it is not called any more.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::edge::files;
use crate::pilot::fact::Report;
use crate::pilot::time::Time;
use crate::pilot::usage::Tokens;

/// Folder of the files that a process locks, one for each conversation that it may write: from its start, when the rollout
/// comes with the first prompt.
const LOCKS: &str = "thread-writer-locks";
/// What a rollout's name begins and ends with; between them stand its time and the conversation's id.
const ROLLOUT: (&str, &str) = ("rollout-", ".jsonl");
/// Characters of an id: a UUID.
const ID: usize = 36;
/// Open files of a process that are looked at; one Codex has some 50.
const FILES_CAP: usize = 4096;
/// The first line of a rollout holds the program's instructions to the model: some 20 KiB.
const META_CAP: u64 = 1 << 20;
/// A window of its usage limit is used up.
const ALL: f64 = 100.0;

/// What a Codex process has open.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Conversations that it may write, by id.
    pub threads: Vec<String>,
    /// The rollouts of those that have begun.
    pub rollouts: Vec<PathBuf>,
}

/// What this process has open just now. Nothing where that can't be told: it has ended, or this is no Linux.
pub fn open(pid: u32) -> Open {
    let mut open = Open::default();
    let Ok(files) = Path::new("/proc").join(pid.to_string()).join("fd").read_dir() else { return open };
    for file in files.flatten().take(FILES_CAP) {
        let Ok(path) = std::fs::read_link(file.path()) else { continue };
        if path.parent().is_some_and(|folder| folder.ends_with(LOCKS)) {
            let id = path.file_stem().and_then(|name| name.to_str()).filter(|name| name.len() == ID);
            open.threads.extend(id.map(str::to_string));
        } else if thread_of(&path).is_some() && !open.rollouts.contains(&path) {
            open.rollouts.push(path);
        }
    }
    open
}

/// The conversation whose rollout this is, by its name.
pub fn thread_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_prefix(ROLLOUT.0)?.strip_suffix(ROLLOUT.1)?;
    let id = name.get(name.len().checked_sub(ID)?..)?;
    (id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).then_some(id)
}

/// When a conversation began, by its id: a UUID of version 7 begins with the milliseconds. `None`: it is another one.
pub fn began(thread: &str) -> Option<Time> {
    let digits: String = thread.chars().filter(char::is_ascii_hexdigit).collect();
    let version = digits.get(12..13)?;
    let ms = i64::from_str_radix(digits.get(..12)?, 16).ok()?;
    (version == "7").then_some(Time(ms))
}

/// Whether a rollout is of a conversation with a person, as its first line says, and not of a helper that the model started.
pub fn is_main(path: &Path) -> bool {
    let first = || -> Option<Value> {
        let file = files::open_regular(path).ok()?;
        let mut line = Vec::new();
        BufReader::new(file.take(META_CAP)).read_until(b'\n', &mut line).ok()?;
        serde_json::from_slice(&line).ok()
    };
    first().is_some_and(|meta| meta["type"] == "session_meta" && meta["payload"]["source"].is_string())
}

/// A line, as far as it matters to us.
#[derive(Debug, Deserialize)]
struct Entry {
    timestamp: Option<Value>,
    #[serde(rename = "type")]
    kind: String,
    payload: Payload,
}

#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: Option<Value>,
    item: Option<Value>,
    last_agent_message: Option<Value>,
    error: Option<Value>,
    model: Option<Value>,
    response_id: Option<Value>,
    usage: Option<Value>,
    rate_limits: Option<Value>,
    cli_version: Option<Value>,
}

/// Reads one rollout, line by line: some lines say what later ones are about.
#[derive(Clone, Debug, Default)]
pub struct Rollout {
    /// Of the present turn.
    model: String,
    /// When the usage limit lifts, in seconds since the epoch, where one is reached.
    resets: Option<i64>,
}

impl Rollout {
    /// What the next line says. `None`: nothing that matters, or it is none.
    pub fn recorded(&mut self, line: &[u8]) -> Option<Report> {
        let Entry { timestamp, kind, payload } = serde_json::from_slice(line).ok()?;
        let event = payload.kind.as_ref().and_then(Value::as_str).unwrap_or_default();
        match (kind.as_str(), event) {
            ("event_msg", "task_started") => Some(Report::TurnBegan),
            ("event_msg", "item_completed") => prompt(&payload.item?),
            ("event_msg", "task_complete") => Some(self.ended(&payload)),
            ("event_msg", "turn_aborted") => Some(Report::TurnEnded { answer: None, pending: 0 }),
            ("event_msg", "token_count") => {
                self.resets = lifts(&payload.rate_limits?);
                None
            }
            ("session_meta", _) => Some(Report::Version { version: text(payload.cli_version.as_ref())? }),
            ("compacted", _) => Some(Report::Compacting),
            ("turn_context", _) => {
                self.model = text(payload.model.as_ref()).unwrap_or_default();
                None
            }
            ("token_usage_record", _) => self.used(&payload, timestamp.as_ref()),
            _ => None,
        }
    }

    fn ended(&self, payload: &Payload) -> Report {
        let error = payload.error.as_ref().filter(|error| !error.is_null());
        let Some(error) = error else {
            return Report::TurnEnded { answer: text(payload.last_agent_message.as_ref()), pending: 0 };
        };
        let info = &error["codex_error_info"];
        let status =
            info.as_object().and_then(|kinds| kinds.values().find_map(|kind| kind["http_status_code"].as_u64()));
        Report::TurnFailed {
            // As it stands on the screen, for the rules that know its words.
            error: format!("■ {}", error["message"].as_str().unwrap_or_default()),
            status: status.and_then(|status| u16::try_from(status).ok()),
            resets: self.resets.filter(|_| info == "usage_limit_exceeded"),
        }
    }

    fn used(&self, payload: &Payload, timestamp: Option<&Value>) -> Option<Report> {
        let tokens = tokens(payload.usage.as_ref().filter(|usage| usage.is_object())?);
        let at = timestamp.and_then(|at| Time::deserialize(at).ok());
        Some(Report::Used { message: text(payload.response_id.as_ref())?, model: self.model.clone(), tokens, at })
    }
}

/// What the program counted.
pub(crate) fn tokens(told: &Value) -> Tokens {
    let count = |key: &str| told[key].as_u64().unwrap_or(0);
    let (cache_read, cache_write) = (count("cached_input_tokens"), count("cache_write_input_tokens"));
    Tokens {
        // The whole input, with what came from the cache.
        input: count("input_tokens").saturating_sub(cache_read).saturating_sub(cache_write),
        // With what it thought.
        output: count("output_tokens"),
        cache_read,
        cache_write,
    }
}

/// A prompt, as the model gets it.
fn prompt(item: &Value) -> Option<Report> {
    let parts = item["content"].as_array().filter(|_| item["type"] == "UserMessage")?;
    let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    (!texts.is_empty()).then(|| Report::PromptRecorded { prompt: texts.join("\n") })
}

/// The latest end of a window that is used up.
fn lifts(limits: &Value) -> Option<i64> {
    let windows = ["primary", "secondary"].map(|name| &limits[name]);
    let full = windows.into_iter().filter(|window| window["used_percent"].as_f64().is_some_and(|used| used >= ALL));
    full.filter_map(|window| window["resets_at"].as_i64()).max()
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_string)
}
