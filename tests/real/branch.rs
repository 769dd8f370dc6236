//! The watched branch: claims and reviews over real git, and the end of phases.

use std::fs;
use std::path::{Path, PathBuf};

use flightdeck::pilot::command::Command;
use flightdeck::pilot::id::PhaseId;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::{Plan, git};

const IDLE: &str = "on *: say yes; wait 60s\n";

/// Says DONE in the Builder's clone, and commits it there.
fn done_locally(deck: &Deck, phase: &str) -> PathBuf {
    let clone = deck.workspace.join("clones/builder");
    git(&clone, &["pull", "--quiet", "--rebase", "origin", "main"]);
    fs::write(clone.join(format!("STATUS-{phase}.md")), "all is built\n\n## DONE\n").expect("a file");
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "--quiet", "--message", "the end"]);
    clone
}

fn push(clone: &Path) {
    git(clone, &["push", "--quiet", "origin", "HEAD:main"]);
}

fn entered(deck: &Deck) -> Vec<String> {
    deck.all(|record| match record {
        Record::PhaseEntered { phase, .. } => Some(phase.to_string()),
        _ => None,
    })
}

#[test]
fn a_done_that_is_not_pushed_blocks_its_phase_and_the_push_ends_it_once() {
    let plan = Plan::pair(IDLE, IDLE).set("project.sequence", vec!["1a", "1b"]).set("project.done_push_wait", "1s");
    let deck = plan.up();
    deck.prompted("builder", 1);
    deck.prompted("adversary", 1);
    assert!(deck.submits("builder")[0].contains("phase 1a"));
    let clone = done_locally(&deck, "1a");
    let why = deck.saw("a blocked phase", |record| match record {
        Record::PhaseBlocked { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("commit and push it"), "{why}");
    assert!(deck.status().alerts.iter().any(|alert| alert.contains("phase 1a can't end")));
    assert_eq!(entered(&deck), ["1a"]);

    push(&clone);
    deck.saw("the end of 1a", |record| matches!(record, Record::PhaseDone { .. }).then_some(()));
    // In the middle of the change.
    deck.end_engine(Signal::KILL);
    deck.start_engine();
    for name in ["builder", "adversary"] {
        deck.prompted(name, 2);
        assert!(deck.submits(name)[1].contains("phase 1b"), "{:?}", deck.submits(name));
    }
    assert_eq!((entered(&deck), deck.starts("builder")), (vec!["1a".to_string(), "1b".to_string()], 2));

    let complete = deck.workspace.join("SEQUENCE-COMPLETE");
    assert!(!complete.exists());
    push(&done_locally(&deck, "1b"));
    deck.until("the end of all", || complete.exists().then_some(()));
    deck.until("loops that rest", || {
        deck.status().agents.iter().all(|agent| agent.state == AgentState::Stopped || agent.pid.is_none()).then_some(())
    });
    assert!(deck.survivors().is_empty());
    deck.tell(&Command::PhaseAppend { phase: PhaseId::parse("2").expect("a phase") });
    deck.prompted("builder", 3);
    assert!(deck.submits("builder")[2].contains("phase 2"));
    deck.until("no word of the end", || (!complete.exists()).then_some(()));
    let file = deck.workspace.join("flightdeck.toml");
    deck.until("the file's sequence", || {
        let config: toml::Table = fs::read_to_string(&file).ok()?.parse().ok()?;
        (config["project"]["sequence"].as_array()?.len() == 3).then_some(())
    });
    assert_eq!(deck.agent("adversary").id, id("adversary"));
}
