//! The lines of the link, as text.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pilot::command::{Answer, Command};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::pilot::time::Time;
use crate::pilot::view::{Change, PaneView, View};

/// Version of the link's language; the other side's must be the same.
pub const PROTOCOL: u64 = 1;
/// Longest line in bytes: the largest message is 64 KiB, and escaping it can take four times as much.
pub const CAP: usize = 256 * 1024;

/// One line of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The number under which it is answered.
    pub ask: u64,
    pub wants: Wants,
}

/// What a client's line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wants {
    Command(Command),
    /// Records after this number.
    Follow {
        since: u64,
    },
    /// The picture, and its changes.
    Watch,
    /// An agent's pane, or none any more.
    Peek {
        agent: Option<AgentId>,
    },
}

/// Why a line is no request. With its number the client is told and may go on; without one it speaks another language.
#[derive(Debug)]
pub struct Unclear {
    pub ask: Option<u64>,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    since: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    agent: Option<AgentId>,
}

const EXPECTED: &str = "expected `ask` with one of `command`, `follow`, `watch`, `peek`, and nothing else";

/// Reads a client's line, with or without its line break.
pub fn request(line: &[u8]) -> Result<Request, Unclear> {
    let unclear = |ask, why: &str| Unclear { ask, why: why.to_string() };
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(line) else {
        return Err(unclear(None, "expected one JSON object a line"));
    };
    let Some(ask) = fields.remove("ask").as_ref().and_then(Value::as_u64) else {
        return Err(unclear(None, "expected a number as `ask`"));
    };
    let mut fields = fields.into_iter();
    let (Some((what, of)), None) = (fields.next(), fields.next()) else { return Err(unclear(Some(ask), EXPECTED)) };
    let wants = match what.as_str() {
        "command" => serde_json::from_value(of).map(Wants::Command),
        "follow" => serde_json::from_value(of).map(|Since { since }| Wants::Follow { since }),
        "watch" => serde_json::from_value(of).map(|Nothing {}| Wants::Watch),
        "peek" => serde_json::from_value(of).map(|Whose { agent }| Wants::Peek { agent }),
        _ => return Err(unclear(Some(ask), EXPECTED)),
    };
    wants.map(|wants| Request { ask, wants }).map_err(|cause| Unclear { ask: Some(ask), why: cause.to_string() })
}

/// The engine's first line.
pub(super) fn hello(epoch: u64) -> String {
    line(&json!({ "flightdeck": PROTOCOL, "version": env!("CARGO_PKG_VERSION"), "epoch": epoch }))
}

pub(super) fn answer(ask: u64, answer: &Answer) -> String {
    line(&json!({ "ask": ask, "answer": answer }))
}

pub(super) fn error(ask: Option<u64>, why: &str) -> String {
    line(&match ask {
        Some(ask) => json!({ "ask": ask, "error": why }),
        None => json!({ "error": why }),
    })
}

/// All up to this number has been told.
pub(super) fn live(seq: u64) -> String {
    line(&json!({ "live": seq }))
}

/// The whole picture.
pub(super) fn view(view: &View) -> String {
    named("view", view)
}

/// What differs from the picture told last.
pub(super) fn change(change: &Change) -> String {
    named("change", change)
}

/// The picture is what it was.
pub(super) fn alive(at: Time) -> String {
    named("alive", &at)
}

/// What a pane shows.
pub(super) fn pane(pane: &PaneView) -> String {
    named("pane", pane)
}

pub(super) fn record(stamp: Stamp, record: &Record) -> String {
    let json = serde_json::to_string(record).unwrap_or_else(|_| "{}".to_string());
    stored(stamp, &json)
}

/// The same from the text in the log, which may be of a kind that only a newer flightdeck knows.
pub(super) fn stored(stamp: Stamp, json: &str) -> String {
    let fields = json.strip_prefix('{').unwrap_or("}");
    let comma = if fields.starts_with('}') { "" } else { "," };
    format!("{{\"record\":{{\"seq\":{},\"at\":\"{}\"{comma}{fields}}}\n", stamp.seq, stamp.at)
}

/// Written straight from the value: pictures are large and come often.
fn named(name: &str, value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_string());
    format!("{{\"{name}\":{json}}}\n")
}

fn line(value: &Value) -> String {
    let mut text = value.to_string();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_line_carries_its_stamp_and_reads_back() {
        let stamp = Stamp { seq: 7, at: Time(1_795_225_128_123) };
        let text = record(stamp, &Record::WatchMended);
        assert_eq!(text, "{\"record\":{\"seq\":7,\"at\":\"2026-11-21T01:38:48.123Z\",\"kind\":\"watch_mended\"}}\n");
        let value: Value = serde_json::from_str(&stored(stamp, "{}")).unwrap();
        assert_eq!(value["record"]["seq"], 7);
    }

    #[test]
    fn requests_are_read_strictly() {
        let wants = |line: &str| request(line.as_bytes());
        assert!(matches!(
            wants(r#"{"ask":1,"command":{"command":"status"}}"#).unwrap().wants,
            Wants::Command(Command::Status)
        ));
        assert!(matches!(wants(r#"{"ask":2,"follow":{"since":9}}"#).unwrap().wants, Wants::Follow { since: 9 }));
        assert!(matches!(wants(r#"{"ask":2,"watch":{}}"#).unwrap().wants, Wants::Watch));
        assert!(matches!(wants(r#"{"ask":2,"peek":{"agent":null}}"#).unwrap().wants, Wants::Peek { agent: None }));
        let peek = wants(r#"{"ask":2,"peek":{"agent":"builder"}}"#).unwrap().wants;
        assert!(matches!(peek, Wants::Peek { agent: Some(agent) } if agent.as_str() == "builder"));
        for (line, ask) in [
            ("", None),
            ("[]", None),
            (r#"{"ask":-1}"#, None),
            (r#"{"ask":3}"#, Some(3)),
            (r#"{"ask":3,"command":{"command":"dance"}}"#, Some(3)),
            (r#"{"ask":3,"command":{"command":"status"},"more":1}"#, Some(3)),
            (r#"{"ask":3,"command":{"command":"ping","agent":"../x"}}"#, Some(3)),
            (r#"{"ask":3,"follow":{"since":"x"}}"#, Some(3)),
            (r#"{"ask":3,"watch":{"fast":true}}"#, Some(3)),
            (r#"{"ask":3,"peek":{"agent":"../x"}}"#, Some(3)),
            (r#"{"ask":3,"watch":{},"peek":{"agent":null}}"#, Some(3)),
            (r#"{"ask":3,"dance":{}}"#, Some(3)),
        ] {
            assert_eq!(wants(line).unwrap_err().ask, ask, "{line}");
        }
    }
}
