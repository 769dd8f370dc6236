//! OpenCode as it really behaves, held against its recordings.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::opencode::{OpenCode, Shell};
use crate::cli::{fields, processes_at_home, recorded, recorded_lines};
use crate::stub::Wire;
use crate::support::run;

const RECORDED: &str = "opencode-1.18.33";

/// What it wants from the internet in its first seconds, and does not get: the package of its plugins, for which its first turn waits.
const OUTSIDE: [&str; 1] = ["registry.npmjs.org:443"];

/// The types of events, each with the fields it has.
fn kinds(events: &[Value]) -> BTreeSet<(String, Vec<String>)> {
    // What only the first turn of a program has.
    const AT_START: [&str; 8] = [
        "server.connected",
        "server.heartbeat",
        "session.created",
        "plugin.added",
        "catalog.updated",
        "reference.updated",
        "integration.updated",
        "session.diff",
    ];
    let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_string();
    let names = |event: &Value| fields(&event["properties"]).into_iter().map(str::to_string).collect();
    events
        .iter()
        .filter(|event| !AT_START.contains(&kind(event).as_str()))
        .map(|event| (kind(event), names(event)))
        .collect()
}

#[test]
fn prompts_of_all_kinds_arrive_exactly_through_its_server() {
    run(async {
        let opencode = OpenCode::start(Shell::Free).await;
        let long = "0123456789 ".repeat(1_900);
        let texts = [
            "hello",
            "/not a command",
            "! no shell",
            "# no note",
            "@nobody",
            "-la",
            "a\nb\n\nc",
            "\u{1b}[31m ü 🦀 \\",
            &long,
        ];
        for text in texts {
            opencode.turn(text).await;
        }
        assert_eq!(opencode.agent.stub.prompts(), texts);
        assert_eq!(opencode.agent.stub.mains()[0].wire(), Some(Wire::Chat));
    });
}

#[test]
fn a_turn_and_a_failed_one_tell_what_was_recorded() {
    run(async {
        let opencode = OpenCode::start(Shell::Free).await;
        let turn = opencode.turn("hello [[ok Hi there]]").await;
        assert_eq!(kinds(&turn), kinds(&recorded_lines(&format!("{RECORDED}/event-turn.jsonl"))));
        for (words, status) in [("auth", 401), ("thinking400", 400), ("credit", 400), ("model404", 404)] {
            let recording = recorded_lines(&format!("{RECORDED}/event-{words}.jsonl"));
            let turn = opencode.turn(&format!("please [[{words}]]")).await;
            for events in [&turn, &recording] {
                let error = events.iter().find(|event| event["type"] == "session.error").expect("an error");
                let error = &error["properties"]["error"];
                assert_eq!(
                    (&error["name"], &error["data"]["statusCode"]),
                    (&json!("APIError"), &json!(status)),
                    "{words}"
                );
            }
        }
    });
}

#[test]
fn its_server_says_idle_busy_asking_and_retrying() {
    run(async {
        let opencode = OpenCode::start(Shell::Asks).await;
        assert_eq!(opencode.status().await, "idle");
        opencode.prompt("run [[tool touch allowed.txt]]").await;
        let asked = opencode.happens(0, "permission.asked").await;
        // Busy is what it says while it waits for an answer: only the list of permissions tells.
        assert_eq!(opencode.status().await, "busy");
        let open = opencode.get("/permission").await;
        assert_eq!(fields(&open[0]), fields(&recorded(&format!("{RECORDED}/rest-permission-one.json"))[0]));
        let id = asked["properties"]["id"].as_str().expect("an id");
        assert_eq!(open[0]["id"], id);
        opencode.post(&format!("/permission/{id}/reply"), &json!({"reply": "once"})).await;
        opencode.happens(0, "session.idle").await;
        assert_eq!(opencode.get("/permission").await, json!([]));
        assert!(opencode.agent.project.join("allowed.txt").exists());
        opencode.prompt("rate [[rate 60]]").await;
        opencode.agent.wait("a retry", async || opencode.status().await == "retry").await;
        opencode.post(&format!("/session/{}/abort", opencode.session()), &json!({})).await;
        opencode.agent.wait("idleness", async || opencode.status().await == "idle").await;
    });
}

#[test]
fn a_prompt_to_a_busy_one_waits_its_turn() {
    run(async {
        let opencode = OpenCode::start(Shell::Free).await;
        opencode.prompt("first [[slow 2]]").await;
        opencode.agent.wait("work", async || opencode.agent.stub.mains().len() == 1).await;
        opencode.prompt("second [[ok Second]]").await;
        opencode.agent.wait("the second", async || opencode.agent.stub.mains().len() == 2).await;
        assert_eq!(opencode.agent.stub.prompts(), ["first [[slow 2]]", "second [[ok Second]]"]);
    });
}

#[test]
fn its_server_wants_its_password_and_nothing_of_it_is_left_behind() {
    run(async {
        let opencode = OpenCode::start(Shell::Free).await;
        assert_eq!(opencode.status_without_password().await, 401);
        let outside = opencode.agent.stub.outside();
        assert!(outside.iter().all(|machine| OUTSIDE.contains(&machine.as_str())), "{outside:?}");
        let home = opencode.agent.home.clone();
        assert!(!processes_at_home(&home).is_empty());
        drop(opencode);
        assert!(processes_at_home(&home).is_empty() && !home.exists());
    });
}
