//! What an agent runs in, what it leaves behind, and what it alone may know.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::id;
use super::plan::{PROGRAM, Plan};

const IDLE: &str = "on *: say yes\n";

#[test]
fn an_env_file_that_others_can_read_is_refused_without_a_crash_loop() {
    let plan = Plan::new().agent("solo", IDLE).set("agents.solo.env_file", "secrets.env");
    let deck = plan.laid_out();
    let file = deck.workspace.join("secrets.env");
    fs::write(&file, "TOKEN=canary\n").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("our own file");
    deck.start_engine();
    let why = deck.saw("a refusal", |record| match record {
        Record::StartDelayed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("secrets.env"), "{why}");
    assert!(!why.contains("canary"));
    assert_eq!((deck.starts("solo"), deck.count(|record| matches!(record, Record::BackedOff { .. }))), (0, 0));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("our own file");
    deck.tell(&Command::Restart { agent: id("solo"), fresh: false });
    deck.ready("solo", 1);
}

#[test]
fn what_an_agent_was_given_goes_with_its_life_however_it_ends() {
    let plan = Plan::new()
        .agent("solo", IDLE)
        .set("agents.solo.restart", "never")
        .set("agents.solo.mcp", vec!["files"])
        .set("mcp.files.command", "files")
        .set("backends.player.mcp_args", vec!["--faults", "{mcp}"])
        .set("backends.player.launch", vec![PROGRAM, "demo-agent", "{mcp_args}", "{args}"]);
    let deck = plan.up();
    let file = deck.workspace.join(".flightdeck/agents/solo.mcp.json");
    let gone = |what: &str| deck.until(what, || (!file.exists()).then_some(()));
    deck.prompted("solo", 1);
    assert_eq!(fs::metadata(&file).expect("its file").permissions().mode() & 0o777, 0o600);
    deck.kill("solo", Signal::KILL);
    gone("an end of the file with a death");
    deck.tell(&Command::Start { agent: id("solo") });
    deck.prompted("solo", 2);
    assert!(file.exists());
    deck.tell(&Command::Stop { agent: id("solo") });
    gone("an end of the file with a stop");
}
