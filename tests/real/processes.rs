//! What an agent runs in, what it leaves behind, and what it alone may know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flightdeck::edge::process::{Alive, alive};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::fact::Identity;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::deck::{Deck, id};
use super::plan::{PROGRAM, Plan};

const IDLE: &str = "on *: say yes\n";

#[test]
fn fault_p11_a_stop_ends_what_left_the_session_and_what_ignores_every_request() {
    // A child in a session of its own that ignores HUP and TERM, and an agent that hears neither.
    let deck = Plan::new().agent("solo", "on *: leak; say I hear nothing; wedge deaf\n").up();
    deck.prompted("solo", 1);
    let lives = deck.until("the agent and its child", || Some(deck.survivors()).filter(|lives| lives.len() >= 2));
    deck.until("deafness", || deck.screen("solo").contains("17 17 17 17").then_some(()));
    deck.tell(&Command::Stop { agent: id("solo") });
    let left = deck.saw("its end", |record| match record {
        Record::Stopped { left, .. } => Some(left.clone()),
        _ => None,
    });
    assert_eq!(left, Vec::new());
    let gone = |life: &Identity| alive(life) == Alive::No;
    assert!(lives.iter().all(gone) && deck.survivors().is_empty(), "{:?}", deck.survivors());
    assert_eq!(deck.tmux(&["list-sessions", "-F", "#{session_name}"]).trim(), "_flightdeck");
}

#[test]
fn fault_p18_a_missing_folder_is_refused_and_the_start_follows_when_it_is_there() {
    let plan = Plan::new().agent("solo", IDLE).agent("other", IDLE);
    let deck = plan.laid_out();
    let folder = deck.workspace.join("clones/solo");
    fs::remove_dir(&folder).expect("an empty folder");
    deck.start_engine();
    let why = deck.saw("a refusal", |record| match record {
        Record::StartDelayed { why, .. } => Some(why.clone()),
        _ => None,
    });
    assert!(why.contains("clones/solo") && why.contains("missing"), "{why}");
    deck.prompted("other", 1);
    assert_eq!((deck.starts("solo"), deck.count(|record| matches!(record, Record::BackedOff { .. }))), (0, 0));
    fs::create_dir(&folder).expect("a folder");
    deck.tell(&Command::Restart { agent: id("solo"), fresh: false });
    deck.prompted("solo", 1);
}

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
fn fault_x4_a_secret_reaches_its_agent_and_nobody_else() {
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

#[test]
fn fault_p14_an_agent_that_is_stopped_by_a_signal_is_woken_by_tmux_and_takes_its_words() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    for round in 0..5 {
        deck.kill("solo", Signal::STOP);
        let message = deck.send("solo", &format!("word {round}"));
        assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    }
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 6));
}

pub(crate) fn in_no_argv(canary: &str) {
    for entry in fs::read_dir("/proc").expect("a process table").flatten() {
        assert!(!holds(&entry.path().join("cmdline"), canary), "in the arguments of {:?}", entry.path());
    }
}

/// Neither the state, nor the logs, nor what the engines said.
pub(crate) fn in_no_file(deck: &Deck, but: &[PathBuf], canary: &str) {
    let mut folders = vec![deck.workspace.clone(), deck.home.clone(), deck.outside()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && !but.contains(&path) {
                files += 1;
                assert!(!holds(&path, canary), "in {}", path.display());
            }
        }
    }
    assert!(files > 20, "{files} files were looked at");
}

pub(crate) fn holds(path: &Path, canary: &str) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    bytes.windows(canary.len()).any(|part| part == canary.as_bytes())
}
