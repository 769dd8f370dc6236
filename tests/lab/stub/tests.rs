//! The model server itself, over real HTTP.

use std::time::Duration;

use flightdeck::edge::clock;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{End, Kind, Stub, Wire};
use crate::http;
use crate::support::{run, until};

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// A request with one tool and this prompt, as an agent's own work looks on each wire.
fn work(path: &str, prompt: &str, streams: bool) -> Value {
    match path {
        MESSAGES => json!({
            "model": "m", "stream": streams, "tools": [{"name": "Bash"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
        }),
        CHAT => json!({
            "model": "m", "stream": streams, "tools": [{"type": "function", "function": {"name": "bash"}}],
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": prompt}],
        }),
        _ => json!({
            "model": "m", "stream": streams, "tools": [{"type": "function", "name": "exec_command"}],
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}],
        }),
    }
}

async fn post(stub: &Stub, path: &str, body: &Value) -> Option<Response<Incoming>> {
    http::send(stub.address(), "POST", path, body).await
}

async fn ask(stub: &Stub, path: &str, body: &Value) -> (u16, String, bool) {
    http::ask(Duration::from_secs(10), stub.address(), ("POST", path), body).await
}

/// The data of a stream's events.
fn events(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

#[test]
fn each_wire_streams_the_text_it_was_told_to_say() {
    run(async {
        let stub = Stub::start();
        for (path, pointer) in [(MESSAGES, "/delta/text"), (CHAT, "/choices/0/delta/content"), (RESPONSES, "/delta")] {
            let (status, text, whole) = ask(&stub, path, &work(path, "say [[ok Grüße an alle]]", true)).await;
            assert!(status == 200 && whole, "{path}: {status}");
            let said: String = events(&text).iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect();
            assert_eq!(said, "Grüße an alle", "{path}");
        }
        let seen: Vec<_> = stub.log().iter().map(|entry| (entry.wire(), entry.kind, entry.end)).collect();
        let wires = [Wire::Messages, Wire::Chat, Wire::Responses];
        assert_eq!(seen, wires.map(|wire| (Some(wire), Kind::Main, End::Complete)));
    });
}

#[test]
fn each_wire_says_it_at_once_where_no_stream_is_wanted() {
    run(async {
        let stub = Stub::start();
        for (path, pointer) in [
            (MESSAGES, "/content/0/text"),
            (CHAT, "/choices/0/message/content"),
            (RESPONSES, "/output/0/content/0/text"),
        ] {
            let (_, text, _) = ask(&stub, path, &work(path, "[[ok Hello]]", false)).await;
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(answer.pointer(pointer), Some(&json!("Hello")), "{path}: {text}");
        }
    });
}

#[test]
fn a_directive_comes_before_the_queue_and_the_queue_before_the_default() {
    run(async {
        let stub = Stub::start();
        stub.by_default("overloaded");
        stub.next(&["auth", "ok queued"]);
        let mut seen = Vec::new();
        for prompt in ["one", "two [[credit]]", "three", "four"] {
            seen.push(ask(&stub, MESSAGES, &work(MESSAGES, prompt, true)).await.0);
        }
        assert_eq!(seen, [401, 400, 200, 529]);
        let behaviours: Vec<_> = stub.mains().into_iter().map(|entry| entry.behaviour).collect();
        assert_eq!(behaviours, ["auth", "credit", "ok queued", "overloaded"]);
        assert_eq!(stub.prompts(), ["one", "two [[credit]]", "three", "four"]);
    });
}

#[test]
fn each_error_has_its_status_and_its_words() {
    run(async {
        let stub = Stub::start();
        for (words, status, part) in [
            ("rate 7", 429, "requests per minute"),
            ("usage 600", 429, "account's rate limit"),
            ("weekly 9999", 429, "account's rate limit"),
            ("overloaded", 529, "overloaded_error"),
            ("e500", 500, "api_error"),
            ("e503", 503, "upstream connect error"),
            ("auth", 401, "invalid x-api-key"),
            ("revoked", 403, "OAuth token has been revoked"),
            ("credit", 400, "credit balance is too low"),
            ("thinking400", 400, "cannot be modified"),
            ("sig400", 400, "Invalid `signature`"),
            ("toolpair400", 400, "without `tool_result`"),
            ("toolong", 400, "prompt is too long"),
            ("model404", 404, "claude-nonexistent"),
        ] {
            let (seen, text, _) = ask(&stub, MESSAGES, &work(MESSAGES, &format!("[[{words}]]"), true)).await;
            assert_eq!(seen, status, "{words}");
            assert!(text.contains(part), "{words}: {text}");
        }
        let (_, text, _) = ask(&stub, CHAT, &work(CHAT, "[[toolong]]", true)).await;
        assert!(text.contains("context_length_exceeded"), "{text}");
    });
}

#[test]
fn limits_say_when_they_reset() {
    run(async {
        let stub = Stub::start();
        let now_s = clock::wall().0 / 1000;
        for (words, header, seconds) in [
            ("rate 7", "retry-after", 7),
            ("usage 600", "anthropic-ratelimit-unified-5h-reset", now_s + 600),
            ("weekly 9999", "anthropic-ratelimit-unified-7d-reset", now_s + 9_999),
            ("warn 91", "anthropic-ratelimit-unified-5h-reset", now_s + 5_400),
        ] {
            let response = post(&stub, MESSAGES, &work(MESSAGES, &format!("[[{words}]]"), true)).await;
            let response = response.expect("an answer");
            let value: i64 = response.headers()[header].to_str().expect("text").parse().expect("a number");
            assert!((seconds..=seconds + 2).contains(&value), "{words}: {value}");
        }
    });
}

#[test]
fn tools_are_called_by_the_name_they_have_and_then_it_is_done() {
    run(async {
        let stub = Stub::start();
        let (_, text, _) = ask(&stub, MESSAGES, &work(MESSAGES, "[[tool echo 'a b']]", true)).await;
        assert!(text.contains(r#""name":"Bash""#) && text.contains("echo 'a b'"), "{text}");
        let (_, text, _) = ask(&stub, RESPONSES, &work(RESPONSES, "[[escalate touch x]]", true)).await;
        assert!(text.contains(r#""name":"exec_command""#) && text.contains("require_escalated"), "{text}");
        let mut body = work(MESSAGES, "[[tools 2 true]]", false);
        for (round, wanted) in ["tool_use", "tool_use", "end_turn"].into_iter().enumerate() {
            let (_, text, _) = ask(&stub, MESSAGES, &body).await;
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(answer["stop_reason"], wanted, "round {round}: {text}");
            let messages = body["messages"].as_array_mut().expect("a list");
            messages.push(json!({"role": "assistant", "content": answer["content"]}));
            messages.push(json!({"role": "user", "content": [{"type": "tool_result", "content": "ok"}]}));
        }
    });
}

#[test]
fn a_request_without_tools_is_on_the_side_and_is_not_scripted() {
    run(async {
        let stub = Stub::start();
        stub.by_default("overloaded");
        let mut body = work(MESSAGES, "a title for [[auth]]", false);
        body.as_object_mut().expect("an object").remove("tools");
        assert_eq!(ask(&stub, MESSAGES, &body).await.0, 200);
        assert_eq!(stub.log()[0].kind, Kind::Side);
        assert_eq!(ask(&stub, "/v1/messages/count_tokens", &body).await.0, 200);
        assert_eq!(ask(&stub, "/api/hello", &body).await.0, 404);
        assert_eq!(stub.mains().len(), 0);
        assert_eq!(stub.log().len(), 3);
    });
}

#[test]
fn the_log_has_every_text_of_the_user_as_it_came() {
    run(async {
        let stub = Stub::start();
        let mut body = work(MESSAGES, "first", false);
        let wrapped = "<pasted_content id=\"1\">\nsecond\n</pasted_content id=\"1\">";
        body["messages"].as_array_mut().expect("a list").extend([
            json!({"role": "assistant", "content": "a"}),
            json!({"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>\nr\n</system-reminder>\n"},
                {"type": "text", "text": wrapped},
            ]}),
        ]);
        let before = clock::wall().0;
        ask(&stub, MESSAGES, &body).await;
        let entry = &stub.mains()[0];
        assert!(entry.path == MESSAGES && (before..=clock::wall().0).contains(&entry.at_ms), "{entry:?}");
        let texts = &entry.asked.as_ref().expect("a question").texts;
        assert_eq!(texts, &["first", "<system-reminder>\nr\n</system-reminder>\n", wrapped]);
        assert_eq!(entry.prompt(), wrapped);
    });
}

#[test]
fn connections_go_wrong_as_they_were_told_to() {
    run(async {
        let stub = Stub::start();
        for path in [MESSAGES, CHAT, RESPONSES] {
            assert_eq!(ask(&stub, path, &work(path, "[[drop]]", true)).await, (0, String::new(), false), "{path}");
            let (status, text, whole) = ask(&stub, path, &work(path, "[[dropmid]]", true)).await;
            assert!(status == 200 && text.contains("This answer begins") && !whole, "{path}: {text}");
            let (_, text, whole) = ask(&stub, path, &work(path, "[[sseerr]]", true)).await;
            assert!(text.contains("Overloaded") && whole, "{path}: {text}");
        }
        let ends: Vec<_> = stub.log().iter().map(|entry| entry.end).collect();
        assert_eq!(ends, [End::Cut, End::Cut, End::Complete].repeat(3));
    });
}

#[test]
fn silence_lasts_until_the_client_goes() {
    run(async {
        let stub = Stub::start();
        for (words, heard) in [("hang", ""), ("stall", "This answer begins")] {
            let before = stub.log().len();
            let body = work(MESSAGES, &format!("[[{words}]]"), true);
            let mut text = String::new();
            let silent = clock::within(Duration::from_millis(300), async {
                let mut body = post(&stub, MESSAGES, &body).await.expect("an answer").into_body();
                while let Some(Ok(frame)) = body.frame().await {
                    text.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |data| data)));
                }
            });
            assert!(silent.await.is_err(), "{words} ended: {text}");
            assert!(text.contains(heard), "{words}: {text}");
            until("its end in the log", async || stub.log()[before].end == End::ClientLeft).await;
        }
    });
}

#[test]
fn what_streams_slowly_takes_its_time() {
    run(async {
        let stub = Stub::start();
        for words in ["slow 1", "think 1"] {
            let begun = clock::monotonic_ms();
            let (_, text, whole) = ask(&stub, MESSAGES, &work(MESSAGES, &format!("[[{words}]]"), true)).await;
            let took = clock::monotonic_ms() - begun;
            assert!(whole && (900..4_000).contains(&took), "{words} took {took} ms: {text}");
            assert!(events(&text).len() > 6, "{words}: {text}");
        }
    });
}

#[test]
fn odd_endings_say_their_reason() {
    run(async {
        let stub = Stub::start();
        for (words, reason) in [("empty", "end_turn"), ("refusal", "refusal"), ("maxtok", "max_tokens")] {
            let (_, text, _) = ask(&stub, MESSAGES, &work(MESSAGES, &format!("[[{words}]]"), true)).await;
            let seen = events(&text).into_iter().find(|event| event["type"] == "message_delta").expect("an end");
            assert_eq!(seen["delta"]["stop_reason"], reason);
        }
        let (_, text, _) = ask(&stub, MESSAGES, &work(MESSAGES, "[[ctx 180000]]", true)).await;
        assert!(text.contains(r#""input_tokens":180000"#), "{text}");
        let (_, text, _) = ask(&stub, MESSAGES, &work(MESSAGES, "[[ask]]", true)).await;
        assert!(text.contains("AskUserQuestion"), "{text}");
    });
}

#[test]
fn what_would_leave_the_machine_is_refused_and_written_down() {
    run(async {
        let stub = Stub::start();
        let way_out = ("CONNECT", "example.org:443");
        let (status, _, _) = http::ask(Duration::from_secs(10), stub.address(), way_out, &Value::Null).await;
        assert_eq!(status, 404);
        assert_eq!(stub.outside().into_iter().collect::<Vec<_>>(), ["example.org:443"]);
    });
}
