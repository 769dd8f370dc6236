//! OpenCode: what the events of its server say. Its screen program is that server at the same time, so what an operator types
//! and what is handed over are told alike.
//!
//! One conversation is the agent's own: the one that it took up, or the newest that somebody began or prompted in it. What its
//! subagents do in conversations of theirs is no turn of it; what they use and ask counts all the same.

pub mod access;
pub(super) mod attach;
mod call;
mod events;
pub mod follower;
pub mod handover;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::pilot::fact::{ProgramState, Report};
use crate::pilot::time::Time;
use crate::pilot::usage::Tokens;

/// Conversations told apart, prompts whose text is still to come, questions that are open: what is more is forgotten, oldest
/// names first. A turn has a handful of each.
const KNOWN: usize = 256;
/// Characters of what a question is about.
const ABOUT_CAP: usize = 200;

/// What was heard so far, as far as the next event needs it.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    own: Option<String>,
    /// What is begun or prompted beside the own conversation is of others.
    settled: bool,
    /// Conversations, and whether each is a subagent's.
    children: BTreeMap<String, bool>,
    /// Prompts of the own conversation whose text has not come yet.
    prompts: BTreeSet<String>,
    /// Questions to a person, in words.
    asked: BTreeMap<String, String>,
    /// What ended the present turn, unless it goes on after it.
    error: Option<Report>,
    /// The newest prompt of the own conversation, and the newest that an answer was begun to.
    newest: (String, String),
    /// A prompt that a failed turn left without an answer.
    left: Option<String>,
    /// By the conversation's own status: idle, busy or retrying.
    status: Option<ProgramState>,
    told: Option<ProgramState>,
}

impl Listener {
    /// One that knows the agent's conversation, if it has one yet.
    pub fn of(own: Option<String>) -> Listener {
        Listener { own, ..Listener::default() }
    }

    /// One whose conversation stays the one it is: others have theirs on the same server.
    pub fn settled(own: Option<String>) -> Listener {
        Listener { settled: true, ..Listener::of(own) }
    }

    /// The agent's conversation.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// What an event says.
    pub fn hear(&mut self, event: &[u8]) -> Vec<Report> {
        let Ok(event) = serde_json::from_slice::<Value>(event) else { return Vec::new() };
        let what = &event["properties"];
        let mut reports = Vec::new();
        match event["type"].as_str().unwrap_or_default() {
            "session.created" => reports.extend(self.made(&what["info"])),
            "session.updated" => self.know(&what["info"]),
            "message.updated" => self.message(&what["info"], &mut reports),
            "message.part.updated" => reports.extend(self.prompt(&what["part"])),
            "session.status" if self.is_own(what) => reports.extend(self.status(&what["status"])),
            "session.error" if self.is_own(what) => self.error = failed(&what["error"]),
            "permission.asked" => self.ask(what, "permission"),
            "question.asked" => self.ask(what, "question"),
            "permission.replied" | "question.replied" | "question.rejected" => {
                self.asked.remove(what["requestID"].as_str().unwrap_or_default());
            }
            _ => {}
        }
        reports.extend(self.changed());
        reports
    }

    /// How things stand when its events are heard from now on: what it says of its conversations, and the lists of permissions
    /// and of questions that wait.
    pub fn begin(&mut self, statuses: &Value, permissions: &Value, questions: &Value) -> Option<Report> {
        self.status = Some(self.own().map_or(ProgramState::Idle, |own| state(&statuses[own])));
        self.asked.clear();
        for (list, kind) in [(permissions, "permission"), (questions, "question")] {
            list.as_array().into_iter().flatten().for_each(|what| self.ask(what, kind));
        }
        self.told = None;
        self.changed()
    }

    /// What the messages of its conversation say that came while nobody listened: what they used, and whether the last turn
    /// failed.
    pub fn catch_up(&self, messages: &Value) -> Vec<Report> {
        let all: Vec<&Value> = messages.as_array().into_iter().flatten().map(|message| &message["info"]).collect();
        let mut reports: Vec<Report> = all.iter().filter_map(|info| used(info)).collect();
        let last = all.last().filter(|_| self.status == Some(ProgramState::Idle));
        reports.extend(last.and_then(|info| failed(&info["error"])));
        reports
    }

    /// A prompt that came during a turn which then failed: the program answers it only when it is prompted again. Told once.
    pub fn left_behind(&mut self) -> Option<String> {
        self.left.take()
    }

    fn is_own(&self, what: &Value) -> bool {
        self.own.is_some() && what["sessionID"].as_str() == self.own()
    }

    fn made(&mut self, info: &Value) -> Option<Report> {
        self.know(info);
        let id = info["id"].as_str()?;
        if self.children.get(id) == Some(&true) { None } else { self.adopt(id) }
    }

    fn know(&mut self, info: &Value) {
        if let Some(id) = info["id"].as_str() {
            self.children.insert(id.to_string(), info["parentID"].is_string());
            bound(&mut self.children);
        }
    }

    /// From now on this is the agent's conversation.
    fn adopt(&mut self, id: &str) -> Option<Report> {
        if self.settled || self.own() == Some(id) {
            return None;
        }
        self.own = Some(id.to_string());
        (self.status, self.error, self.left) = (Some(ProgramState::Idle), None, None);
        self.newest = Default::default();
        self.prompts.clear();
        Some(Report::SessionStarted { conversation: self.own.clone(), transcript: None })
    }

    fn message(&mut self, info: &Value, reports: &mut Vec<Report>) {
        let Some(session) = info["sessionID"].as_str() else { return };
        if info["role"] == "user" {
            // Somebody goes on in another conversation of the same program.
            if self.children.get(session) == Some(&false) {
                reports.extend(self.adopt(session));
            }
            if let Some(id) = info["id"].as_str().filter(|_| self.own() == Some(session)) {
                self.prompts.insert(id.to_string());
                self.newest.0 = id.to_string();
                while self.prompts.len() > KNOWN {
                    self.prompts.pop_first();
                }
            }
            return;
        }
        if let Some(prompt) = info["parentID"].as_str().filter(|_| self.own() == Some(session)) {
            self.newest.1 = prompt.to_string();
        }
        let begins = info["time"]["completed"].is_null();
        if begins && info["summary"] == true && self.own() == Some(session) {
            reports.push(Report::Compacting);
        }
        reports.extend(used(info));
    }

    /// The text of a prompt comes as a part of its message, right after that. What the program itself adds is marked so.
    fn prompt(&mut self, part: &Value) -> Option<Report> {
        if part["type"] != "text" || part["synthetic"] == true {
            return None;
        }
        let text = part["text"].as_str()?;
        self.prompts.remove(part["messageID"].as_str()?).then(|| Report::PromptSubmitted { prompt: text.to_string() })
    }

    fn status(&mut self, status: &Value) -> Option<Report> {
        let new = state(status);
        let before = self.status.replace(new.clone());
        match new {
            ProgramState::Idle if before != Some(ProgramState::Idle) => {
                let (prompt, answered) = &self.newest;
                self.left = Some(prompt.clone()).filter(|_| self.error.is_some() && prompt > answered);
                Some(self.error.take().unwrap_or(Report::TurnEnded { answer: None, pending: 0 }))
            }
            ProgramState::Idle => None,
            ProgramState::Busy | ProgramState::Waiting { .. } | ProgramState::Retrying { .. } => {
                // It goes on after the error: it shortens its conversation, or tries again.
                self.error = None;
                None
            }
        }
    }

    fn ask(&mut self, what: &Value, kind: &str) {
        let Some(id) = what["id"].as_str() else { return };
        let pattern = what["patterns"][0].as_str().or(what["questions"][0]["question"].as_str()).unwrap_or_default();
        let about = [kind, what["permission"].as_str().unwrap_or_default(), pattern].join(" ");
        let about: Vec<&str> = about.split_whitespace().collect();
        let about: String = about.join(" ").chars().filter(|c| !c.is_control()).take(ABOUT_CAP).collect();
        self.asked.insert(id.to_string(), about);
        bound(&mut self.asked);
    }

    /// Its state, where that is news. It calls itself busy while it waits for an answer.
    fn changed(&mut self) -> Option<Report> {
        let asked = self.asked.values().next().cloned();
        let state = match (asked, self.status.clone()?) {
            (Some(on), _) => ProgramState::Waiting { on },
            (None, status) => status,
        };
        if self.told.as_ref() == Some(&state) {
            return None;
        }
        self.told = Some(state.clone());
        Some(Report::State { state })
    }
}

fn bound<T>(map: &mut BTreeMap<String, T>) {
    while map.len() > KNOWN {
        map.pop_first();
    }
}

/// A conversation's status; one that is not in the list is idle.
fn state(status: &Value) -> ProgramState {
    match status["type"].as_str() {
        Some("busy") => ProgramState::Busy,
        Some("retry") => ProgramState::Retrying {
            attempt: status["attempt"].as_u64().and_then(|attempt| attempt.try_into().ok()).unwrap_or(0),
            until: status["next"].as_i64().map(Time),
        },
        Some(_) | None => ProgramState::Idle,
    }
}

/// An error that ends a turn; that somebody stopped it is none.
pub(crate) fn failed(error: &Value) -> Option<Report> {
    let name = error["name"].as_str().filter(|name| *name != "MessageAbortedError")?;
    let status = error["data"]["statusCode"].as_u64().and_then(|status| status.try_into().ok());
    let words = error["data"]["message"].as_str().unwrap_or(name);
    // As a terminal would show it, so that the rules for screens can tell a refusal from a poisoned conversation.
    let error = status.map_or(words.to_string(), |status: u16| format!("{status} {words}"));
    Some(Report::TurnFailed { error, status, resets: None })
}

/// What the program counted.
pub(crate) fn tokens(told: &Value) -> Tokens {
    let count = |count: &Value| count.as_u64().unwrap_or(0);
    Tokens {
        input: count(&told["input"]),
        // Thinking is told apart from the words, and paid like them.
        output: count(&told["output"]).saturating_add(count(&told["reasoning"])),
        cache_read: count(&told["cache"]["read"]),
        cache_write: count(&told["cache"]["write"]),
    }
}

/// What an answer used, once it is whole: before that it tells only zeros.
fn used(info: &Value) -> Option<Report> {
    let at = info["time"]["completed"].as_i64().filter(|_| info["role"] == "assistant")?;
    let tokens = tokens(&info["tokens"]);
    // Named as the operator names it in `model`.
    let model = format!("{}/{}", info["providerID"].as_str()?, info["modelID"].as_str()?);
    let message = info["id"].as_str()?.to_string();
    (tokens != Tokens::default()).then_some(Report::Used { message, model, tokens, at: Some(Time(at)) })
}
