//! From a behaviour to an answer, the same for all wires: an error, a message to say, or a connection that goes wrong.

use std::time::Duration;

use super::asked::Asked;
use super::behaviour::{Behaviour, FaultKind};

/// What goes back, before it is put into the form of a wire.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Message(Message),
    Fault(Fault),
    /// Not a byte, ever.
    Silence,
    /// The connection is cut.
    Cut,
}

/// What the model says.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Thinks before it speaks, for so long.
    pub(crate) thinks: Option<Duration>,
    pub(crate) text: String,
    /// How long the text takes to stream.
    pub(crate) takes: Duration,
    pub(crate) call: Option<Call>,
    pub(crate) stop: Stop,
    pub(crate) input_tokens: u64,
    /// What happens in place of the end, behind the text.
    pub(crate) breaks: Option<Break>,
}

/// A tool that the model wants to use.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Shell(String),
    /// The shell beyond the sandbox.
    Escalated(String),
    Question,
}

/// Why the message ends, where it is no tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    MaxTokens,
    Refusal,
}

/// How a stream goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Stall,
    Cut,
    Error,
}

/// An error answer; `kind` in the words of the Anthropic wire.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) kind: &'static str,
    pub(crate) message: &'static str,
    /// A gateway answers in plain text and not as the provider would.
    pub(crate) plain: bool,
}

/// Makes the answer. `now_s` is seconds since the epoch, from which resets are counted.
pub(crate) fn answer(behaviour: &Behaviour, asked: &Asked, now_s: u64) -> Answer {
    let says = |text: &str| Message::of(text.to_string());
    let breaks = |kind: Break| Message { breaks: Some(kind), ..says("This answer begins but ") };
    Answer::Message(match behaviour {
        Behaviour::Fault(kind) => return Answer::Fault(fault(*kind, now_s)),
        Behaviour::Hang => return Answer::Silence,
        Behaviour::Drop => return Answer::Cut,
        // One round with tools is enough, whatever the prompt said.
        Behaviour::Tools(times, _) if asked.results >= *times => says(&format!("All {} commands ran.", asked.results)),
        Behaviour::Tools(_, command) if command.is_empty() => {
            Message::calls(Call::Shell(format!("echo step {}", asked.results + 1)))
        }
        Behaviour::Tools(_, command) => Message::calls(Call::Shell(command.clone())),
        behaviour if asked.results > 0 => says(&format!("tool finished (after {behaviour})")),
        Behaviour::Ok(text) => says(text),
        Behaviour::Wait(seconds) => says(&format!("I go on later.\n\nWAITING-UNTIL: {}", instant(now_s + seconds))),
        Behaviour::Slow(seconds) => slow(*seconds),
        Behaviour::Think(seconds) => {
            Message { thinks: Some(Duration::from_secs(*seconds)), ..says("I have thought about it.") }
        }
        Behaviour::Tool(command) => Message::calls(Call::Shell(command.clone())),
        Behaviour::Escalate(command) => Message::calls(Call::Escalated(command.clone())),
        Behaviour::Ask => Message::calls(Call::Question),
        Behaviour::Ctx(tokens) => Message { input_tokens: *tokens, ..says("Context is filling up.") },
        Behaviour::Warn(percent) => {
            Message { headers: warning(*percent, now_s + 5_400), ..says("Answered, with a usage warning.") }
        }
        Behaviour::Stall => breaks(Break::Stall),
        Behaviour::DropMid => breaks(Break::Cut),
        Behaviour::SseErr => breaks(Break::Error),
        Behaviour::Empty => says(""),
        Behaviour::Refusal => Message { stop: Stop::Refusal, ..says("") },
        Behaviour::MaxTok => Message { stop: Stop::MaxTokens, ..says("This sentence is cut in the mid") },
    })
}

impl Message {
    fn of(text: String) -> Message {
        Message {
            headers: Vec::new(),
            thinks: None,
            text,
            takes: Duration::ZERO,
            call: None,
            stop: Stop::End,
            input_tokens: 1_200,
            breaks: None,
        }
    }

    fn calls(call: Call) -> Message {
        let text = if matches!(call, Call::Question) { "I have a question." } else { "I will run a command." };
        Message { call: Some(call), ..Message::of(text.to_string()) }
    }

    /// Tokens of the answer, roughly as they are counted.
    pub(crate) fn output_tokens(&self) -> usize {
        (self.text.len() / 4).max(1)
    }

    /// The pieces in which the text streams, and the pause behind each.
    pub(crate) fn pieces(&self) -> (Vec<&str>, Duration) {
        if self.text.is_empty() {
            return (Vec::new(), Duration::ZERO);
        }
        if self.takes.is_zero() {
            return (vec![&self.text], Duration::ZERO);
        }
        let pieces: Vec<&str> = self.text.split_inclusive(' ').collect();
        let pause = self.takes / u32::try_from(pieces.len()).expect("few words");
        (pieces, pause)
    }

    /// Thoughts, two in a second, and the pause behind each.
    pub(crate) fn thoughts(&self) -> (Vec<String>, Duration) {
        let Some(span) = self.thinks else { return (Vec::new(), Duration::ZERO) };
        let count = u32::try_from(span.as_secs() * 2).expect("a short time").max(1);
        ((0..count).map(|k| format!("thought {k}. ")).collect(), span / count)
    }
}

/// A time as an agent announces it.
fn instant(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    at.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn slow(seconds: u64) -> Message {
    let words: Vec<String> = (1..=(seconds * 4).max(10)).map(|k| format!("word{k}")).collect();
    Message { takes: Duration::from_secs(seconds), ..Message::of(format!("{} finished.", words.join(" "))) }
}

/// The headers of a subscription that is nearly used up.
fn warning(percent: u32, reset: u64) -> Vec<(&'static str, String)> {
    vec![
        ("anthropic-ratelimit-unified-status", "allowed_warning".to_string()),
        ("anthropic-ratelimit-unified-reset", reset.to_string()),
        ("anthropic-ratelimit-unified-representative-claim", "five_hour".to_string()),
        ("anthropic-ratelimit-unified-5h-status", "allowed_warning".to_string()),
        ("anthropic-ratelimit-unified-5h-reset", reset.to_string()),
        ("anthropic-ratelimit-unified-5h-surpassed-threshold", "0.75".to_string()),
        ("anthropic-ratelimit-unified-5h-utilization", format!("{:.2}", f64::from(percent) / 100.0)),
    ]
}

/// The headers of a subscription that is used up.
fn used_up(claim: &str, names: [&'static str; 3], seconds: u64, now_s: u64) -> Vec<(&'static str, String)> {
    let reset = (now_s + seconds).to_string();
    let [used, window, resets] = if claim == "seven_day" { CODEX_SECONDARY } else { CODEX_PRIMARY };
    vec![
        (used, "100".to_string()),
        (window, if claim == "seven_day" { "10080" } else { "300" }.to_string()),
        (resets, reset.clone()),
        ("retry-after", seconds.to_string()),
        ("anthropic-ratelimit-unified-status", "rejected".to_string()),
        ("anthropic-ratelimit-unified-reset", reset.clone()),
        ("anthropic-ratelimit-unified-representative-claim", claim.to_string()),
        (names[0], "rejected".to_string()),
        (names[1], reset),
        (names[2], "1.0".to_string()),
        ("anthropic-ratelimit-unified-fallback-percentage", "0.5".to_string()),
        ("anthropic-ratelimit-unified-overage-status", "rejected".to_string()),
        ("anthropic-ratelimit-unified-overage-disabled-reason", "org_level_disabled".to_string()),
    ]
}

/// The headers of the two windows of Codex: how much of it is used, its minutes, its reset.
const CODEX_PRIMARY: [&str; 3] =
    ["x-codex-primary-used-percent", "x-codex-primary-window-minutes", "x-codex-primary-reset-at"];
const CODEX_SECONDARY: [&str; 3] =
    ["x-codex-secondary-used-percent", "x-codex-secondary-window-minutes", "x-codex-secondary-reset-at"];

/// The headers of the 5-hour limit: status, reset, how much of it is used.
const FIVE_HOURS: [&str; 3] = [
    "anthropic-ratelimit-unified-5h-status",
    "anthropic-ratelimit-unified-5h-reset",
    "anthropic-ratelimit-unified-5h-utilization",
];

/// Those of the weekly limit.
const SEVEN_DAYS: [&str; 3] = [
    "anthropic-ratelimit-unified-7d-status",
    "anthropic-ratelimit-unified-7d-reset",
    "anthropic-ratelimit-unified-7d-utilization",
];

fn fault(kind: FaultKind, now_s: u64) -> Fault {
    let invalid = |message| Fault::of(400, "invalid_request_error", message);
    match kind {
        FaultKind::Rate(seconds) => Fault {
            headers: vec![("retry-after", seconds.to_string())],
            ..Fault::of(
                429,
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute. Please try again later.",
            )
        },
        FaultKind::Usage(seconds) => Fault::limit(used_up("five_hour", FIVE_HOURS, seconds, now_s)),
        FaultKind::Weekly(seconds) => Fault::limit(used_up("seven_day", SEVEN_DAYS, seconds, now_s)),
        FaultKind::Overloaded => Fault::of(529, "overloaded_error", "Overloaded"),
        FaultKind::E500 => Fault::of(500, "api_error", "Internal server error"),
        FaultKind::E503 => {
            let message = "upstream connect error or disconnect/reset before headers";
            Fault { plain: true, ..Fault::of(503, "api_error", message) }
        }
        FaultKind::Auth => Fault::of(401, "authentication_error", "invalid x-api-key"),
        FaultKind::Revoked => {
            Fault::of(403, "permission_error", "OAuth token has been revoked. Please obtain a new token.")
        }
        FaultKind::Credit => invalid(
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        FaultKind::Thinking400 => invalid(
            "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.",
        ),
        FaultKind::Sig400 => invalid("messages.1.content.0: Invalid `signature` in `thinking` block"),
        FaultKind::ToolPair400 => invalid(
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_01. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ),
        FaultKind::TooLong => invalid("prompt is too long: 208310 tokens > 200000 maximum"),
        FaultKind::Model404 => Fault::of(404, "not_found_error", "model: claude-nonexistent"),
    }
}

impl Fault {
    fn of(status: u16, kind: &'static str, message: &'static str) -> Fault {
        Fault { status, headers: Vec::new(), kind, message, plain: false }
    }

    fn limit(headers: Vec<(&'static str, String)>) -> Fault {
        let message = "This request would exceed your account's rate limit. Please try again later.";
        Fault { headers, ..Fault::of(429, "rate_limit_error", message) }
    }
}
