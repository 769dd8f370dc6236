//! Codex as it really behaves, held against its recordings.

use serde_json::Value;

use crate::cli::codex::{Codex, Sandbox};
use crate::cli::{fields, processes_at_home, recorded, recorded_lines};
use crate::stub::Wire;
use crate::support::run;

const RECORDED: &str = "codex-0.169.0";

/// What it wants from the internet in its first seconds, and does not get: its skills and its news.
const OUTSIDE: [&str; 4] = ["api.github.com:443", "chatgpt.com:443", "github.com:443", "raw.githubusercontent.com:443"];

/// How the recorded turn of this name ended.
fn recorded_end(name: &str) -> Value {
    let lines = recorded_lines(&format!("{RECORDED}/rollout-{name}.jsonl"));
    lines.last().expect("a recorded turn has an end")["payload"].clone()
}

#[test]
fn prompts_arrive_exactly_and_the_notify_program_hears_of_the_turn() {
    run(async {
        let codex = Codex::start(Sandbox::Off).await;
        let lines = "first line\nsecond line\n\nfourth line of the text";
        let long = format!("{}end", "0123456789 ".repeat(80));
        for text in ["hello", lines, &long] {
            codex.turn(text).await;
            assert_eq!(codex.agent.stub.prompts().last().map(String::as_str), Some(text));
        }
        assert_eq!(codex.agent.stub.mains()[0].wire(), Some(Wire::Responses));
        let heard = || codex.notes().into_iter().find(|note| note["input-messages"][0] == "hello");
        codex.agent.wait("its note", async || heard().is_some()).await;
        assert_eq!(fields(&heard().expect("it was there")), fields(&recorded(&format!("{RECORDED}/notify-turn.json"))));
    });
}

#[test]
fn the_rollout_tells_how_each_turn_ended() {
    run(async {
        let codex = Codex::start(Sandbox::Off).await;
        let end = codex.turn("hello [[ok Hi there]]").await;
        assert_eq!(fields(&end), fields(&recorded_end("turn")));
        assert_eq!(end["last_agent_message"], "Hi there");
        for word in ["auth", "thinking400", "credit", "model404", "overloaded"] {
            let (end, recording) = (codex.turn(&format!("please [[{word}]]")).await, recorded_end(word));
            assert_eq!(end["error"]["codex_error_info"], recording["error"]["codex_error_info"], "{word}: {end}");
            assert!(end["error"]["message"].is_string(), "{word}: {end}");
        }
        codex.hand_over("interrupted [[slow 20]]", "Enter").await;
        codex.agent.shows("word3").await;
        codex.agent.press("Escape").await;
        let end = codex.finishes(7).await;
        assert_eq!((&end["type"], &end["reason"]), (&"turn_aborted".into(), &"interrupted".into()));
    });
}

#[test]
fn tab_queues_a_prompt_behind_the_turn_that_runs() {
    run(async {
        let codex = Codex::start(Sandbox::Off).await;
        codex.turn("hello").await;
        codex.hand_over("first [[slow 6]]", "Enter").await;
        codex.agent.wait("work", async || codex.agent.stub.mains().len() == 2).await;
        codex.hand_over("second [[ok Second]]", "Tab").await;
        let end = codex.finishes(3).await;
        assert_eq!(end["last_agent_message"], "Second");
        assert_eq!(codex.agent.stub.prompts(), ["hello", "first [[slow 6]]", "second [[ok Second]]"]);
    });
}

#[test]
fn an_approval_is_a_dialog_and_nothing_runs_before_its_answer() {
    run(async {
        let codex = Codex::start(Sandbox::Project).await;
        codex.hand_over("escalate [[escalate touch allowed.txt]]", "Enter").await;
        codex.agent.shows("Would you like to run the following command?").await;
        assert!(!codex.agent.project.join("allowed.txt").exists());
        // Keys in the dialog's first moments are not heard, so that nobody says yes to what he has not seen.
        codex.press_until_gone("y", "Would you like to run").await;
        codex.finishes(1).await;
        assert!(codex.agent.project.join("allowed.txt").exists());
    });
}

#[test]
fn its_daemons_are_not_left_behind() {
    run(async {
        let codex = Codex::start(Sandbox::Off).await;
        codex.turn("hello").await;
        let outside = codex.agent.stub.outside();
        assert!(outside.iter().all(|machine| OUTSIDE.contains(&machine.as_str())), "{outside:?}");
        let home = codex.agent.home.clone();
        assert!(processes_at_home(&home).len() > 1, "it starts a server behind itself");
        drop(codex);
        assert!(processes_at_home(&home).is_empty() && !home.exists());
    });
}
