//! Claude Code as it really behaves: what arrives, and what its own channels say. The recordings in `tests/channels` are held
//! against it, so that a reader that is tested with them reads the real program.

use serde_json::Value;

use crate::cli::claude::{CLAUDE, CLAUDE_BEFORE, Claude, Login, event_of};
use crate::cli::{fields, processes_at_home, recorded, recorded_lines};
use crate::stub::Wire;
use crate::support::run;

const RECORDED: &str = "claude-2.1.329";

/// What it wants from the internet in its first seconds, and does not get: its plugins.
const OUTSIDE: [&str; 2] = ["downloads.claude.ai:443", "github.com:443"];

/// A recorded hook.
fn hook(name: &str) -> Value {
    recorded(&format!("{RECORDED}/hook-{name}.json"))
}

/// Has the program sent what was recorded? The same fields; their values are others.
fn is_as_recorded(heard: &Value, name: &str) {
    let recording = hook(name);
    assert_eq!(fields(heard), fields(&recording), "{name} is not as it was recorded: {heard}");
    for field in ["hook_event_name", "source", "reason", "trigger", "notification_type", "error", "tool_name"] {
        assert_eq!(heard[field], recording[field], "{name}: {field}");
    }
}

#[test]
fn a_prompt_arrives_exactly() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        let long: String =
            (0..40).map(|k| format!("word {k:02} of a text that is long; \"quoted\" $HOME `x` \\ ünï; ")).collect();
        let lines = "first line\nsecond line\n\nfourth line\nfifth\nsixth\nseventh";
        for text in ["hello", long.trim(), lines] {
            claude.turn(text, &["Stop"]).await;
            assert_eq!(claude.agent.stub.prompts().last().map(String::as_str), Some(text));
        }
        assert!(long.len() > 2_000);
        let wires: Vec<_> = claude.agent.stub.mains().iter().map(|entry| entry.wire()).collect();
        assert_eq!(wires, [Some(Wire::Messages); 3]);
    });
}

#[test]
fn a_large_paste_arrives_wrapped_as_untrusted() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        claude.agent.paste("one\ntwo\nthree\nfour\nfive").await;
        claude.agent.shows("[Pasted text #1 +4 lines]").await;
        claude.agent.press("Enter").await;
        claude.hears(0, &["Stop"]).await;
        let prompt = claude.agent.stub.prompts().concat();
        assert!(prompt.contains("<pasted_content id=") && prompt.contains("one\ntwo\nthree\nfour\nfive"), "{prompt}");
    });
}

#[test]
fn hooks_of_the_launch_and_of_the_user_both_fire_and_say_what_was_recorded() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        is_as_recorded(&claude.hears(0, &["SessionStart"]).await, "SessionStart-startup");
        is_as_recorded(&claude.turn("hello [[ok Hi there]]", &["Stop"]).await, "Stop");
        let submitted = claude.hears(0, &["UserPromptSubmit"]).await;
        is_as_recorded(&submitted, "UserPromptSubmit");
        assert_eq!(submitted["prompt"], "hello [[ok Hi there]]");
        is_as_recorded(&claude.turn("lost [[credit]]", &["StopFailure"]).await, "StopFailure-credit");
        let before = claude.heard().len();
        claude.submit("/compact").await;
        is_as_recorded(&claude.hears(before, &["PreCompact"]).await, "PreCompact-manual");
        is_as_recorded(&claude.hears(before, &["SessionStart"]).await, "SessionStart-compact");
        claude.says("idle", None).await;
        claude.submit("/clear").await;
        is_as_recorded(&claude.hears(before, &["SessionEnd"]).await, "SessionEnd-clear");
        let before = claude.heard().len();
        claude.submit("/exit").await;
        is_as_recorded(&claude.hears(before, &["SessionEnd"]).await, "SessionEnd-prompt_input_exit");
        claude.agent.ends().await;
        // Ours know an event more; the user's miss none of theirs.
        let count = |heard: Vec<Value>, event: &str| heard.iter().filter(|heard| event_of(heard) == event).count();
        for event in ["SessionStart", "UserPromptSubmit", "Stop", "PreCompact", "SessionEnd"] {
            let both = || (count(claude.heard(), event), count(claude.users_heard(), event));
            let equal = || both().0 == both().1 && both().0 > 0;
            claude.agent.wait(&format!("as many {event} in both: {:?}", both()), async || equal()).await;
        }
    });
}

#[test]
fn says_idle_busy_and_waiting_of_itself() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        claude.says("idle", None).await;
        claude.submit("long [[slow 3]]").await;
        claude.says("busy", None).await;
        claude.says("idle", None).await;
        claude.submit("run [[tool touch allowed.txt]]").await;
        claude.says("waiting", Some("permission prompt")).await;
        is_as_recorded(&claude.hears(0, &["PermissionRequest"]).await, "PermissionRequest-Bash");
        let notified = claude.hears(0, &["Notification"]).await;
        is_as_recorded(&notified, "Notification-permission_prompt");
        let recording = recorded(&format!("{RECORDED}/session-waiting-permission-prompt.json"));
        assert_eq!(fields(&claude.session()), fields(&recording));
        assert!(!claude.agent.project.join("allowed.txt").exists());
        claude.agent.press("Enter").await;
        claude.says("idle", None).await;
        assert!(claude.agent.project.join("allowed.txt").exists(), "Enter on the dialog means yes");
        claude.submit("choose [[ask]]").await;
        claude.says("waiting", Some("input needed")).await;
        claude.agent.shows("Enter to select").await;
        claude.agent.press("Escape").await;
        claude.says("idle", None).await;
        claude.submit("/model").await;
        claude.says("waiting", Some("dialog open")).await;
    });
}

/// What a transcript tells of an error: its name, and the status of HTTP.
fn failure(lines: &[Value]) -> Option<(String, u64)> {
    let line = lines.iter().rev().find(|line| line["isApiErrorMessage"] == true)?;
    Some((line["error"].as_str()?.to_string(), line["apiErrorStatus"].as_u64()?))
}

#[test]
fn the_transcript_has_prompts_queue_usage_and_the_cause_of_each_failure() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        for (words, error, status) in [
            ("auth", "authentication_failed", 401),
            ("rate 1", "rate_limit", 429),
            ("overloaded", "server_error", 529),
            ("thinking400", "unknown", 400),
            ("sig400", "unknown", 400),
            ("toolpair400", "invalid_request", 400),
            ("credit", "billing_error", 400),
            ("model404", "model_not_found", 404),
        ] {
            let stopped = claude.turn(&format!("please [[{words}]]"), &["StopFailure", "Stop"]).await;
            assert_eq!((event_of(&stopped), stopped["error"].as_str()), ("StopFailure", Some(error)), "{words}");
            let expected = Some((error.to_string(), status));
            let word = words.split(' ').next().expect("a word");
            let recording = recorded_lines(&format!("{RECORDED}/transcript-{word}.jsonl"));
            assert_eq!(failure(&recording), expected, "{words}, as recorded");
            claude.agent.wait(words, async || failure(&claude.transcript()) == expected).await;
        }
        claude.turn("count [[ctx 4321]]", &["Stop"]).await;
        let used = |line: &Value| line["message"]["usage"]["input_tokens"] == 4_321;
        claude.agent.wait("usage", async || claude.transcript().iter().any(used)).await;
    });
}

#[test]
fn a_message_to_a_busy_one_is_queued_and_the_transcript_proves_it() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        claude.submit("first [[slow 6]]").await;
        claude.says("busy", None).await;
        let before = claude.heard().len();
        claude.submit("second [[ok Second]]").await;
        let operation = |name: &str| claude.transcript().iter().any(|line| line["operation"] == name);
        claude.agent.wait("enqueue", async || operation("enqueue")).await;
        claude.agent.wait("dequeue", async || operation("dequeue")).await;
        claude.agent.wait("its arrival", async || claude.agent.stub.mains().len() == 2).await;
        assert_eq!(claude.agent.stub.prompts(), ["first [[slow 6]]", "second [[ok Second]]"]);
        let submitted = claude.hears(before, &["UserPromptSubmit"]).await;
        assert_eq!(submitted["prompt"], "second [[ok Second]]");
    });
}

#[test]
fn a_subscription_tells_its_limits_and_when_they_reset() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::Subscription).await;
        claude.turn("warned [[warn 91]]", &["Stop"]).await;
        let told = || claude.statuses().into_iter().rev().find(|status| status["rate_limits"].is_object());
        claude.agent.wait("rate limits in the status line", async || told().is_some()).await;
        let (told, recording) =
            (told().expect("it was there"), recorded(&format!("{RECORDED}/statusline-rate-limits.json")));
        assert_eq!(told["rate_limits"]["five_hour"]["used_percentage"], 91);
        assert_eq!(fields(&told["rate_limits"]["five_hour"]), fields(&recording["rate_limits"]["five_hour"]));
        assert_eq!(fields(&told), fields(&recording));
        is_as_recorded(
            &claude.turn("five hours [[usage 600]]", &["StopFailure"]).await,
            "StopFailure-usage-subscription",
        );
        let limited = || claude.transcript().into_iter().rev().find(|line| line["apiErrorStatus"] == 429);
        claude.agent.wait("the limit", async || limited().is_some()).await;
        let info = limited().expect("it was there")["apiErrorParams"]["rate_limit_info"].clone();
        assert_eq!(info["rateLimitType"], "five_hour");
        assert!(info["resetsAt"].as_i64().is_some_and(|reset| reset > 0), "{info}");
        claude.agent.shows("Continuing automatically at").await;
    });
}

#[test]
fn before_takes_prompts_and_hooks_too() {
    run(async {
        let claude = Claude::start(CLAUDE_BEFORE, Login::ApiKey).await;
        claude.turn("hello", &["Stop"]).await;
        claude.turn("one\ntwo\nthree\nfour\nfive", &["Stop"]).await;
        assert_eq!(claude.agent.stub.prompts(), ["hello", "one\ntwo\nthree\nfour\nfive"]);
        claude.says("idle", None).await;
    });
}

#[test]
fn nothing_of_it_is_left_behind() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        claude.submit("busy [[hang]]").await;
        claude.says("busy", None).await;
        let outside = claude.agent.stub.outside();
        assert!(outside.iter().all(|machine| OUTSIDE.contains(&machine.as_str())), "{outside:?}");
        let home = claude.agent.home.clone();
        assert!(!processes_at_home(&home).is_empty());
        drop(claude);
        assert!(processes_at_home(&home).is_empty() && !home.exists());
    });
}
