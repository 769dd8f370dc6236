//! Faults that somebody brings about on purpose.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flightdeck::pilot::record::AgentState;
use rustix::process::Signal;

use super::plan::Plan;
use super::secrets::{holds, in_no_argv, in_no_file};

const IDLE: &str = "on *: say yes\n";

#[test]
fn x4_a_secret_reaches_its_agent_and_nobody_else() {
    let canary = "xyzzy-4711-canary";
    let script = "once show on *: child sleep 30s\non *: say yes\n";
    let plan = Plan::new().agent("solo", script).agent("other", IDLE).set("agents.solo.env_file", "secrets.env");
    let deck = plan.laid_out();
    let file = deck.workspace.join("secrets.env");
    fs::write(&file, format!("TOKEN={canary}\n")).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our own file");
    deck.start_engine();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    // A crash, a restart and a new engine on the way: the start is the same each time.
    deck.kill("solo", Signal::KILL);
    deck.prompted("solo", 2);
    deck.end_engine(Signal::TERM);
    deck.start_engine();
    deck.until("a working engine", || (deck.agent("solo").state != AgentState::Down).then_some(()));
    let knows = |pid: u32| holds(&PathBuf::from(format!("/proc/{pid}/environ")), canary);
    assert!(knows(deck.process("solo").pid), "the agent was not told");
    assert!(!knows(deck.process("other").pid) && !knows(deck.server().pid));
    assert!(!knows(deck.engine_pid().as_raw_nonzero().get().unsigned_abs()));
    in_no_argv(canary);
    assert!(!deck.tmux(&["show-environment", "-g"]).contains(canary));
    assert!(!deck.tmux(&["show-environment", "-t", "=solo"]).contains(canary));
    assert!(!deck.tmux(&["list-buffers"]).contains(canary));
    in_no_file(&deck, std::slice::from_ref(&file), canary);
}
