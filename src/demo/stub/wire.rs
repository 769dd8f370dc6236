//! What the three wires have in common: the steps of a stream, and how a tool is called.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{Break, Call, Fault, Message};
use super::asked::{Asked, Wire};
use super::{chat, messages, responses};

/// A step of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Send(String),
    Pause(Duration),
    /// Silence until the client gives up.
    Stall,
    /// The connection is cut.
    Cut,
}

/// The numbers that ids are made of, so that each answer has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) usize);

impl Number {
    pub(crate) fn id(self, kind: &str) -> String {
        format!("{kind}_stub_{:06}", self.0)
    }
}

/// The whole message at once.
pub(crate) fn whole(message: &Message, asked: &Asked, number: Number) -> Value {
    match asked.wire {
        Wire::Messages => messages::whole(message, asked, number),
        Wire::Chat => chat::whole(message, asked, number),
        Wire::Responses => responses::whole(message, asked, number),
    }
}

/// The message as a stream.
pub(crate) fn stream(message: &Message, asked: &Asked, number: Number) -> Vec<Step> {
    match asked.wire {
        Wire::Messages => messages::stream(message, asked, number),
        Wire::Chat => chat::stream(message, asked, number),
        Wire::Responses => responses::stream(message, asked, number),
    }
}

/// The body of an error.
pub(crate) fn fault(fault: &Fault, wire: Wire, number: Number) -> Value {
    if wire == Wire::Messages {
        let error = json!({"type": fault.kind, "message": fault.message});
        return json!({"type": "error", "error": error, "request_id": number.id("req")});
    }
    let resets = fault.headers.iter().find(|(name, _)| name.starts_with("x-codex-") && name.ends_with("-reset-at"));
    if let (Wire::Responses, Some((_, resets))) = (wire, resets) {
        // As a subscription is answered.
        let resets: u64 = resets.parse().expect("a number of our own");
        return json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached",
            "plan_type": "pro", "resets_at": resets}});
    }
    let (code, kind) = match fault.kind {
        "rate_limit_error" => ("rate_limit_exceeded", "requests"),
        "overloaded_error" => ("server_is_overloaded", "server_error"),
        "authentication_error" => ("invalid_api_key", "invalid_request_error"),
        kind => (kind, kind),
    };
    let (code, message) = if fault.message.starts_with("prompt is too long") {
        let message =
            "This model's maximum context length is 200000 tokens. However, your messages resulted in 208310 tokens.";
        ("context_length_exceeded", message)
    } else {
        (code, fault.message)
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// Name and input of the tool that a call means, among those on offer.
pub(crate) fn tool(call: &Call, asked: &Asked) -> (String, Value) {
    const SHELLS: [&str; 6] = ["Bash", "bash", "exec_command", "shell", "shell_command", "run_shell_command"];
    let shell = SHELLS.into_iter().find(|name| asked.tools.iter().any(|tool| tool == name)).unwrap_or("Bash");
    let input = match call {
        Call::Question => return ("AskUserQuestion".to_string(), question()),
        Call::Shell(command) if shell == "exec_command" => json!({"cmd": command}),
        Call::Escalated(command) if shell == "exec_command" => json!({
            "cmd": command, "sandbox_permissions": "require_escalated", "justification": "Allow the test command?",
        }),
        Call::Shell(command) | Call::Escalated(command) => {
            json!({"command": command, "description": "Run the test command"})
        }
    };
    (shell.to_string(), input)
}

/// Text and pauses of a message, each piece put into its event by `event`.
pub(crate) fn spoken(message: &Message, event: impl Fn(&str) -> String) -> Vec<Step> {
    let (pieces, pause) = message.pieces();
    let mut steps = Vec::new();
    for piece in pieces {
        steps.push(Step::Send(event(piece)));
        steps.extend((!pause.is_zero()).then_some(Step::Pause(pause)));
    }
    steps
}

/// How a stream goes wrong; `error` is the event that says so on this wire.
pub(crate) fn broken(kind: Break, error: String) -> Vec<Step> {
    // Long enough for the client to have shown what came before.
    let shown = Step::Pause(Duration::from_millis(500));
    match kind {
        Break::Stall => vec![Step::Stall],
        Break::Cut => vec![shown, Step::Cut],
        Break::Error => vec![shown, Step::Send(error)],
    }
}

fn question() -> Value {
    json!({"questions": [{
        "question": "Which colour?", "header": "Colour", "multiSelect": false,
        "options": [
            {"label": "Red", "description": "the red one"},
            {"label": "Blue", "description": "the blue one"},
        ],
    }]})
}
