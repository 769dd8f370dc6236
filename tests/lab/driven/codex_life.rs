//! What the real Codex leaves behind, whose it is, and what it is seen to use.

use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use rustix::process::Pid;

use super::{Driven, worker};
use crate::cli::codex::Sandbox;
use crate::cli::processes_at_home;

#[test]
fn stopping_an_agent_leaves_nothing_of_its_own_behind_and_ends_nobody_else_s_codex() {
    let driven = Driven::two_codex(Sandbox::Off);
    driven.until("the other agent's start", || (driven.stub.mains().len() == 2).then_some(()));
    // The user's own, with the server that all of theirs share.
    let binary = driven.home.with_file_name("bin").join("codex");
    let command = format!(
        "env -i HOME='{}' PATH=/usr/bin:/bin LANG=C.UTF-8 TERM=tmux-256color STUB_KEY=sk-fake HTTP_PROXY={url} HTTPS_PROXY={url} \
         NO_PROXY=127.0.0.1,localhost '{}'",
        driven.home.display(),
        binary.display(),
        url = driven.stub.url()
    );
    let project = driven.home.with_file_name("project").display().to_string();
    driven.tmux(&["new-session", "-d", "-s", "mine", "-x", "100", "-y", "30", "-c", &project, &command]);
    let mine = || driven.tmux(&["capture-pane", "-p", "-t", "=mine:"]);
    driven.until("the user's own Codex", || mine().contains(" default · ").then_some(()));
    let server = || all(&driven).into_iter().find(|(_, line, _)| line.contains("app-server"));
    driven.until("the server of the user's", || server().map(drop));

    let before = all(&driven);
    let (ours, theirs): (Vec<_>, Vec<_>) = before.into_iter().partition(|(_, _, life)| life.contains("/worker/"));
    assert!(!ours.is_empty() && ours.iter().all(|(_, line, _)| !line.contains("app-server")), "{ours:?}");
    driven.ask(&Command::Stop { agent: worker() });
    driven.until("its end", || (driven.worker().state.word() == "stopped").then_some(()));
    let after = all(&driven);
    assert!(after.iter().all(|(_, _, life)| !life.contains("/worker/")), "{after:?}");
    let gone: Vec<_> = theirs.iter().filter(|one| !after.contains(one)).collect();
    assert!(gone.is_empty(), "others were ended: {gone:?}");
    // They work as before.
    driven.tmux(&["send-keys", "-t", "=mine:", "-l", "mine goes on"]);
    clock::block(Duration::from_millis(300));
    driven.until("the user's turn", || {
        driven.tmux(&["send-keys", "-t", "=mine:", "Enter"]);
        driven.stub.prompts().contains(&"mine goes on".to_string()).then_some(())
    });
}

/// Every process of the home that is no helper of a moment: its number, its argv, and the life of an agent that it belongs to.
fn all(driven: &Driven) -> Vec<(Pid, String, String)> {
    let read = |pid: Pid, what: &str| {
        let bytes = std::fs::read(format!("/proc/{}/{what}", pid.as_raw_nonzero())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    let life = |pid: Pid| {
        let environment = read(pid, "environ");
        let tag = environment.split(' ').find(|entry| entry.starts_with(flightdeck::edge::process::OWNER));
        tag.unwrap_or_default().to_string()
    };
    let codex = |(pid, line, _): &(Pid, String, String)| line.contains("codex") && read(*pid, "comm").contains("codex");
    processes_at_home(&driven.home)
        .into_iter()
        .map(|pid| (pid, read(pid, "cmdline"), life(pid)))
        .filter(codex)
        .collect()
}

#[test]
fn what_its_answers_use_is_counted_under_the_model_that_gave_them() {
    let driven = Driven::codex(Sandbox::Off, "");
    driven.settled(driven.send("count this [[ctx 5000]]"));
    let used = || {
        driven.records().into_iter().filter_map(|(_, record)| match record {
            Record::Used { spent, .. } => Some(spent),
            _ => None,
        })
    };
    driven.until("two turns counted", || (used().count() == 2).then_some(()));
    let all: Vec<_> = used().flatten().map(|spent| (spent.model, spent.messages, spent.tokens.input)).collect();
    assert_eq!(all, [("gpt-5.4".to_string(), 1, 1_200), ("gpt-5.4".to_string(), 1, 5_000)]);
}

#[test]
fn a_turn_is_known_from_its_first_moment_and_a_message_in_its_program_s_queue_waits_for_its_end() {
    let driven = Driven::codex(Sandbox::Off, "deliver = \"any\"\n");
    driven.settled(driven.send("stream [[slow 6]]"));
    // Nothing on the screen says busy now.
    driven.until("its words", || driven.screen().contains("• word1 word2 word3").then_some(()));
    assert!(!driven.screen().contains("esc to interrupt"));
    driven.until("work", || (driven.worker().state.word() == "working").then_some(()));
    let first = driven.send("first in the queue [[ok First]]");
    let second = driven.send("second in the queue [[ok Second]]");
    driven.until("the queue", || driven.screen().contains("↳ first in the queue").then_some(()));
    assert!(matches!(driven.stage(first), Some(Stage::Typed { .. })), "{:?}", driven.stage(first));
    assert!(matches!(driven.stage(second), Some(Stage::Queued { .. })), "{:?}", driven.stage(second));
    for message in [first, second] {
        let stage = driven.settled(message);
        assert!(
            matches!(&stage, Stage::Submitted { evidence } if evidence.ends_with("reported the prompt")),
            "{stage:?}"
        );
    }
    driven.until("both at the model", || (driven.stub.prompts().len() == 4).then_some(()));
    let told = ["first in the queue [[ok First]]", "second in the queue [[ok Second]]"];
    assert_eq!(driven.stub.prompts()[2..], told);
}

#[test]
fn what_an_interrupted_turn_puts_back_into_the_composer_is_submitted_from_there() {
    let driven = Driven::codex(Sandbox::Off, "deliver = \"any\"\n");
    driven.settled(driven.send("stream [[slow 20]]"));
    driven.until("its words", || driven.screen().contains("• word1 word2 word3").then_some(()));
    let message = driven.send("after the interruption [[ok After]]");
    driven.until("the queue", || driven.screen().contains("↳ after the interruption").then_some(()));
    driven.tmux(&["send-keys", "-t", "=worker:", "Escape"]);
    let stage = driven.settled(message);
    assert!(matches!(&stage, Stage::Submitted { evidence } if evidence.ends_with("reported the prompt")), "{stage:?}");
    let same = |prompt: &&String| prompt.as_str() == "after the interruption [[ok After]]";
    driven.until("the model", || (driven.stub.prompts().iter().filter(same).count() == 1).then_some(()));
}

#[test]
fn a_prompt_with_somebody_s_words_in_it_is_told_as_such() {
    let driven = Driven::codex(Sandbox::Off, "deliver = \"any\"\n");
    driven.settled(driven.send("stream [[slow 20]]"));
    driven.until("its words", || driven.screen().contains("• word1 word2 word3").then_some(()));
    let message = driven.send("ours [[ok Ours]]");
    driven.until("the queue", || driven.screen().contains("↳ ours").then_some(()));
    // A person queues too, then interrupts and sends on what Codex puts back: both as one.
    driven.tmux(&["send-keys", "-t", "=worker:", "-l", "and theirs"]);
    driven.until("their words", || driven.screen().contains("› and theirs").then_some(()));
    driven.tmux(&["send-keys", "-t", "=worker:", "Tab"]);
    driven.until("their words in the queue", || driven.screen().contains("↳ and theirs").then_some(()));
    driven.tmux(&["send-keys", "-t", "=worker:", "Escape"]);
    driven.until("both in the box", || driven.screen().contains("  and theirs").then_some(()));
    driven.tmux(&["send-keys", "-t", "=worker:", "Enter"]);
    let stage = driven.settled(message);
    assert!(matches!(&stage, Stage::Submitted { evidence } if evidence.contains("other words")), "{stage:?}");
    let alerted = |record: &Record| matches!(record, Record::Alerted { what, .. } if what.contains("other words"));
    assert!(driven.records().iter().any(|(_, record)| alerted(record)));
}

#[test]
fn what_is_said_at_its_start_is_neither_lost_nor_merged_and_it_is_resumed_by_its_name() {
    let driven = Driven::codex(Sandbox::Off, "resume = true\n");
    for (number, fresh) in [false, true, false, true].into_iter().enumerate() {
        let before = driven.worker().incarnation;
        driven.settled(driven.send(&format!("before start {number} [[ok Before]]")));
        driven.rest();
        driven.ask(&Command::Restart { agent: worker(), fresh });
        driven.until("a new life", || (driven.worker().incarnation > before).then_some(()));
        let text = format!("right at start {number} [[ok There]]");
        let message = driven.send(&text);
        let stage = driven.settled(message);
        assert!(
            matches!(&stage, Stage::Submitted { evidence } if evidence.ends_with("reported the prompt")),
            "{stage:?}"
        );
        driven.until("the model", || driven.stub.prompts().contains(&text).then_some(()));
        let prompts = driven.stub.prompts();
        assert_eq!(prompts.iter().filter(|prompt| prompt.contains(&text)).count(), 1, "{prompts:?}");
        // What the model gets with it says whether the conversation went on.
        let mains = driven.stub.mains();
        let asked = mains.iter().find(|asked| asked.prompt() == text).and_then(|entry| entry.asked.as_ref());
        let earlier = format!("before start {number}");
        let told = asked.expect("it was asked").texts.iter().any(|text| text.contains(&earlier));
        assert_eq!(told, !fresh, "start {number}");
    }
    let uncertain = |record: &Record| matches!(record, Record::MessageMoved { stage: Stage::Uncertain { .. }, .. });
    assert!(!driven.records().iter().any(|(_, record)| uncertain(record)));
}
