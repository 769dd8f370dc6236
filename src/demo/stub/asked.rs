//! A request as its wire tells it: who asks, with which tools, and what the user said.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The three ways in which the CLIs talk to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Anthropic, `/v1/messages`.
    Messages,
    /// OpenAI, `/v1/chat/completions`.
    Chat,
    /// OpenAI, `/v1/responses`.
    Responses,
}

/// What was asked of the model.
#[derive(Clone, Debug)]
pub struct Asked {
    pub wire: Wire,
    pub model: String,
    pub streams: bool,
    /// Names of the tools on offer.
    pub tools: Vec<String>,
    /// Every text that the conversation has from the user, in order and as it came: with system reminders, and with the
    /// wrapping that marks pasted content.
    pub texts: Vec<String>,
    /// Results of tools since the last of them.
    pub results: usize,
}

impl Asked {
    /// Reads the body of a request.
    pub fn read(wire: Wire, body: &Value) -> Asked {
        let mut asked = Asked {
            wire,
            model: body["model"].as_str().unwrap_or("?").to_string(),
            streams: body["stream"].as_bool().unwrap_or(false),
            tools: list(&body["tools"]).iter().map(tool_name).collect(),
            texts: Vec::new(),
            results: 0,
        };
        let turns = if wire == Wire::Responses { &body["input"] } else { &body["messages"] };
        if let Some(text) = turns.as_str() {
            asked.said(text);
        }
        for turn in list(turns) {
            asked.read_turn(turn);
        }
        asked
    }

    /// Does the agent ask for its work, and not for a title or a summary on the side? Only its work has tools.
    pub fn is_main(&self) -> bool {
        !self.tools.is_empty()
    }

    /// The last thing the user said, with the reminders that the CLI put in front of it taken away.
    pub fn prompt(&self) -> String {
        self.texts.iter().rev().map(|text| without_reminders(text)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn read_turn(&mut self, turn: &Value) {
        let role = turn["role"].as_str().unwrap_or_default();
        let kind = turn["type"].as_str().unwrap_or_default();
        if role == "tool" || kind.ends_with("_call_output") {
            self.results += 1;
        }
        if role != "user" {
            return;
        }
        if let Some(text) = turn["content"].as_str() {
            self.said(text);
        }
        for block in list(&turn["content"]) {
            if block["type"] == "tool_result" {
                self.results += 1;
            } else if let Some(text) = block["text"].as_str() {
                self.said(text);
            }
        }
    }

    fn said(&mut self, text: &str) {
        self.texts.push(text.to_string());
        // What only reminds comes along with the results of tools and is no new prompt.
        if !without_reminders(text).is_empty() {
            self.results = 0;
        }
    }
}

fn tool_name(tool: &Value) -> String {
    let named = if tool["function"].is_object() { &tool["function"] } else { tool };
    named["name"].as_str().or(named["type"].as_str()).unwrap_or("?").to_string()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn without_reminders(text: &str) -> String {
    static REMINDER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)<system-reminder>.*?</system-reminder>\s*").expect("a regular expression"));
    REMINDER.replace_all(text, "").into_owned()
}
