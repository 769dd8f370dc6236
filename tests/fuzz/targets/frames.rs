//! Lines of the link, both ways: a line that is understood is the same after it was written anew, and one that is not is refused
//! with a reason.

use flightdeck::edge::link::{Followed, Heard, LinkError, Request, Wants, request};
use serde_json::{Value, json};

use super::{Target, about, check, lines, outcome, outcome_unquoted};

pub(super) const TARGET: Target = Target { name: "frames", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "{\"ask\":1,",
    "\"ask\":18446744073709551615",
    "\"command\":",
    "{\"command\":\"status\"}",
    "{\"command\":\"send\",\"agent\":\"builder\",\"text\":\"x\"}",
    "{\"command\":\"phase_insert\",\"phase\":\"3\",\"before\":null}",
    "{\"command\":\"drop\",\"message\":7}",
    "\"follow\":{\"since\":0}",
    "\"watch\":{}",
    "\"peek\":{\"agent\":null}",
    "\"answer\":{\"answer\":\"accepted\",\"what\":\"x\"}",
    "{\"record\":{\"seq\":1,\"at\":\"2026-11-21T01:38:48.123Z\",\"kind\":\"watch_mended\"}}",
    "\"live\":",
    "\"error\":\"x\"",
    "\"alive\":\"2026-11-21T01:38:48.123Z\"",
    "\"view\":",
    "\"change\":",
    "\"pane\":",
    "null",
    "[1]",
    "{}",
    "\\u0000",
    "\\ud800",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "\"../x\"",
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = lines(&[
        r#"{"flightdeck":1,"version":"0.1.0","epoch":3}"#,
        r#"{"ask":1,"command":{"command":"status"}}"#,
        r#"{"ask":2,"command":{"command":"restart","agent":"builder","fresh":true}}"#,
        r#"{"ask":3,"command":{"command":"send","agent":"builder","text":"hello\n"}}"#,
        r#"{"ask":4,"command":{"command":"phase_insert","phase":"3","before":"2"}}"#,
        r#"{"ask":5,"follow":{"since":9}}"#,
        r#"{"ask":6,"watch":{}}"#,
        r#"{"ask":7,"peek":{"agent":"builder"}}"#,
        r#"{"ask":1,"answer":{"answer":"accepted","what":"it is started"}}"#,
        r#"{"ask":1,"answer":{"answer":"refused","why":"no","hint":null}}"#,
        r#"{"ask":8,"error":"expected a number"}"#,
        r#"{"live":42}"#,
        r#"{"alive":"2026-11-21T01:38:48.123Z"}"#,
        r#"{"record":[1]}"#,
        r#"[{"record":{}}]"#,
    ]);
    let stored = include_str!("../../old_records.jsonl").lines().step_by(6);
    seeds.extend(stored.filter_map(|line| {
        let json = line.splitn(3, '\t').nth(2)?.strip_prefix('{')?;
        Some(format!("{{\"record\":{{\"seq\":7,\"at\":\"2026-11-21T01:38:48.123Z\",{json}}}").into_bytes())
    }));
    seeds
}

fn run(input: &[u8]) -> Result<u64, String> {
    let asked = match request(input) {
        Ok(read) => {
            let again = request(&written(&read)).map_err(|why| format!("written anew it is refused: {}", why.why))?;
            check(again == read, || format!("written anew it is {again:?} and not {read:?}"))?;
            format!("{:?}", read.wants).chars().take(12).collect()
        }
        Err(why) => {
            check(!why.why.is_empty(), || "refused without a reason".to_string())?;
            why.why.chars().take(40).collect::<String>()
        }
    };
    let Ok(line) = serde_json::from_slice::<Value>(input) else { return Ok(outcome(&asked)) };
    let followed = Followed::read(line.clone());
    let heard = Heard::read(line);
    if let Ok(heard) = &heard {
        whole(heard)?;
    }
    let word = |debug: String| debug.chars().take(40).collect::<String>();
    Ok(outcome_unquoted(&format!("{asked} {} {}", word(format!("{followed:?}")), word(format!("{heard:?}"))))
        ^ u64::from(about(input.len()) / 2))
}

fn written(request: &Request) -> Vec<u8> {
    let (what, of) = match &request.wants {
        Wants::Command(command) => ("command", json!(command)),
        Wants::Follow { since } => ("follow", json!({ "since": since })),
        Wants::Watch => ("watch", json!({})),
        Wants::Peek { agent } => ("peek", json!({ "agent": agent })),
    };
    json!({ "ask": request.ask, what: of }).to_string().into_bytes()
}

/// What was heard, told once more.
fn whole(heard: &Heard) -> Result<(), String> {
    let line = match heard {
        Heard::Answer { ask, answer } => json!({ "ask": ask, "answer": answer }),
        Heard::View(view) => json!({ "view": view }),
        Heard::Change(change) => {
            // A change is folded into any picture, also into one that it was not made for.
            let mut view = (*change.head).clone();
            view.apply((**change).clone());
            json!({ "change": change })
        }
        Heard::Pane(pane) => json!({ "pane": pane }),
        Heard::Live(seq) => json!({ "live": seq }),
        Heard::Alive(_) | Heard::Record(..) | Heard::Refused { .. } | Heard::Unknown => return Ok(()),
    };
    let again: Result<Heard, LinkError> = Heard::read(line);
    match again {
        Ok(again) => check(again == *heard, || format!("told again it is {again:?}")),
        Err(why) => Err(format!("told again it is not understood: {why}")),
    }
}
