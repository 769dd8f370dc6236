//! What the model server does with a request, and the words for it: `slow 5`, `tool echo hi`, `overloaded`.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

/// What to do with a request. Durations are whole seconds in the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// A short answer of this text.
    Ok(String),
    /// A short answer that ends with the announcement to wait for so many seconds.
    Wait(u64),
    /// An answer that streams for so many seconds.
    Slow(u64),
    /// Thinks for so many seconds, then a short answer.
    Think(u64),
    /// One call of the shell tool, then a short answer.
    Tool(String),
    /// The same so many times, one after another.
    Tools(usize, String),
    /// One call that asks for leave to go beyond the sandbox (Codex).
    Escalate(String),
    /// A question to the user with choices (Claude Code).
    Ask,
    /// A short answer whose usage says so many input tokens.
    Ctx(u64),
    /// A short answer with the headers of a subscription of which so many percent are used.
    Warn(u32),
    /// Refused with an error.
    Fault(FaultKind),
    /// Accepted, and never a byte.
    Hang,
    /// Begins to stream, then silence.
    Stall,
    /// The connection is cut before the first byte.
    Drop,
    /// The connection is cut in the middle of the stream.
    DropMid,
    /// An error event in the middle of the stream.
    SseErr,
    /// An answer without content.
    Empty,
    /// The model declines.
    Refusal,
    /// The answer is cut at the token limit.
    MaxTok,
}

/// The errors a provider answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// 429 with `retry-after`.
    Rate(u64),
    /// 429, the 5-hour limit of a subscription, which resets in so many seconds.
    Usage(u64),
    /// 429, its weekly limit.
    Weekly(u64),
    /// 529.
    Overloaded,
    /// 500.
    E500,
    /// 503 with the plain text of a gateway.
    E503,
    /// 401.
    Auth,
    /// 403, the OAuth token was revoked.
    Revoked,
    /// 400, no credit left.
    Credit,
    /// 400, thinking blocks were changed: the conversation is poisoned.
    Thinking400,
    /// 400, the signature of a thinking block is invalid.
    Sig400,
    /// 400, a tool use without its result.
    ToolPair400,
    /// 400, the prompt is too long.
    TooLong,
    /// 404, there is no such model.
    Model404,
}

impl Behaviour {
    /// The last directive in a text, such as `[[slow 5]]`, if it has one. One that does not exist is answered with what is wrong
    /// with it: a test that misspells one waits in vain.
    pub(crate) fn in_text(text: &str) -> Option<Behaviour> {
        static DIRECTIVE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"\[\[([a-z0-9]+(?:\s[^\]]*)?)\]\]").expect("a regular expression"));
        let last = DIRECTIVE.captures_iter(text).last()?;
        Some(last[1].parse().unwrap_or_else(Behaviour::Ok))
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let (word, rest) = words.trim().split_once(char::is_whitespace).unwrap_or((words.trim(), ""));
        let rest = rest.trim();
        let text = |default: &str| if rest.is_empty() { default.to_string() } else { rest.to_string() };
        Ok(match word {
            "ok" => Behaviour::Ok(text("All done.")),
            "wait" => Behaviour::Wait(number(rest, 600)?),
            "slow" => Behaviour::Slow(number(rest, 10)?),
            "think" => Behaviour::Think(number(rest, 5)?),
            "tool" => Behaviour::Tool(text("echo hi")),
            "tools" => {
                let (times, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                Behaviour::Tools(number(times, 3)?, command.trim().to_string())
            }
            "escalate" => Behaviour::Escalate(text("echo hi")),
            "ask" => Behaviour::Ask,
            "ctx" => Behaviour::Ctx(number(rest, 150_000)?),
            "warn" => Behaviour::Warn(number(rest, 90)?),
            "hang" => Behaviour::Hang,
            "stall" => Behaviour::Stall,
            "drop" => Behaviour::Drop,
            "dropmid" => Behaviour::DropMid,
            "sseerr" => Behaviour::SseErr,
            "empty" => Behaviour::Empty,
            "refusal" => Behaviour::Refusal,
            "maxtok" => Behaviour::MaxTok,
            _ => Behaviour::Fault(fault(word, rest)?),
        })
    }
}

fn fault(word: &str, rest: &str) -> Result<FaultKind, String> {
    Ok(match word {
        "rate" => FaultKind::Rate(number(rest, 5)?),
        "usage" => FaultKind::Usage(number(rest, 3600)?),
        "weekly" => FaultKind::Weekly(number(rest, 3600)?),
        "overloaded" => FaultKind::Overloaded,
        "e500" => FaultKind::E500,
        "e503" => FaultKind::E503,
        "auth" => FaultKind::Auth,
        "revoked" => FaultKind::Revoked,
        "credit" => FaultKind::Credit,
        "thinking400" => FaultKind::Thinking400,
        "sig400" => FaultKind::Sig400,
        "toolpair400" => FaultKind::ToolPair400,
        "toolong" => FaultKind::TooLong,
        "model404" => FaultKind::Model404,
        _ => return Err(format!("`{word}` is nothing the model server can do")),
    })
}

fn number<T: FromStr>(text: &str, default: T) -> Result<T, String> {
    if text.is_empty() { Ok(default) } else { text.parse().map_err(|_| format!("`{text}` should be a number")) }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Behaviour::Ok(text) => write!(f, "ok {text}"),
            Behaviour::Wait(seconds) => write!(f, "wait {seconds}"),
            Behaviour::Slow(seconds) => write!(f, "slow {seconds}"),
            Behaviour::Think(seconds) => write!(f, "think {seconds}"),
            Behaviour::Tool(command) => write!(f, "tool {command}"),
            Behaviour::Tools(times, command) => write!(f, "{}", format!("tools {times} {command}").trim_end()),
            Behaviour::Escalate(command) => write!(f, "escalate {command}"),
            Behaviour::Ask => write!(f, "ask"),
            Behaviour::Ctx(tokens) => write!(f, "ctx {tokens}"),
            Behaviour::Warn(percent) => write!(f, "warn {percent}"),
            Behaviour::Fault(kind) => kind.fmt(f),
            Behaviour::Hang => write!(f, "hang"),
            Behaviour::Stall => write!(f, "stall"),
            Behaviour::Drop => write!(f, "drop"),
            Behaviour::DropMid => write!(f, "dropmid"),
            Behaviour::SseErr => write!(f, "sseerr"),
            Behaviour::Empty => write!(f, "empty"),
            Behaviour::Refusal => write!(f, "refusal"),
            Behaviour::MaxTok => write!(f, "maxtok"),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Rate(seconds) => write!(f, "rate {seconds}"),
            FaultKind::Usage(seconds) => write!(f, "usage {seconds}"),
            FaultKind::Weekly(seconds) => write!(f, "weekly {seconds}"),
            FaultKind::Overloaded => write!(f, "overloaded"),
            FaultKind::E500 => write!(f, "e500"),
            FaultKind::E503 => write!(f, "e503"),
            FaultKind::Auth => write!(f, "auth"),
            FaultKind::Revoked => write!(f, "revoked"),
            FaultKind::Credit => write!(f, "credit"),
            FaultKind::Thinking400 => write!(f, "thinking400"),
            FaultKind::Sig400 => write!(f, "sig400"),
            FaultKind::ToolPair400 => write!(f, "toolpair400"),
            FaultKind::TooLong => write!(f, "toolong"),
            FaultKind::Model404 => write!(f, "model404"),
        }
    }
}
