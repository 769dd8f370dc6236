//! `flightdeck drill`: the operator's own settings against faults that demo agents play, with nothing of his touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

use flightdeck::demo::faults::FAULTS;
use flightdeck::edge::spawn;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::deck::Deck;
use super::plan::{PROGRAM, Plan};
use super::shown_demo::running;

/// A workspace of somebody's, and a folder for what is thrown away.
struct Ground {
    deck: Deck,
    folder: PathBuf,
}

impl Ground {
    /// The settings are the defaults but for these lines.
    fn with(settings: &str) -> Ground {
        let deck = Plan::new().laid_out();
        let main = format!(
            "version = 1\n[project]\nsequence = []\n[agents.builder]\nbackend = 'claude'\ndir = 'clones/builder'\n{settings}"
        );
        fs::write(deck.workspace.join("flightdeck.toml"), main).expect("a file");
        let folder = deck.outside().join("t");
        fs::create_dir(&folder).expect("a folder");
        Ground { deck, folder }
    }

    fn drill(&self, words: &[&str]) -> Command {
        let mut command = spawn::blocking(PROGRAM);
        command.args(["drill", "--workspace"]).arg(&self.deck.workspace).args(words);
        command.env("HOME", &self.deck.home).env("TMPDIR", &self.folder).env("LC_ALL", "C.UTF-8");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.drill(words).output().expect("it runs")
    }

    /// Waits until a drill is at work, then signals it and waits for its end.
    fn told(&self, words: &[&str], signal: Signal) -> Option<i32> {
        let mut drill: Child =
            self.drill(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it is there");
        // The engine, the server of tmux and both agents.
        self.deck.until("agents at work", || (running(&self.folder).len() >= 4).then_some(()));
        kill_process(Pid::from_child(&drill), signal).expect("our own child");
        self.deck.until("its end", || drill.try_wait().expect("our own child")).code()
    }

    /// Nothing runs that belongs to it, its folder is gone, and what is the operator's is as it was.
    fn has_left_nothing(&self, before: &Picture) {
        assert_eq!(running(&self.folder), Vec::<String>::new());
        assert_eq!(picture(&self.folder), Picture::new());
        assert_eq!(picture(&self.deck.workspace), *before);
        assert_eq!(picture(&self.deck.home), Picture::new());
    }
}

type Picture = BTreeMap<PathBuf, (u64, SystemTime)>;

/// Everything below a folder.
fn picture(folder: &Path) -> Picture {
    let mut seen = Picture::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let meta = entry.metadata().expect("it is there");
            if meta.is_dir() {
                folders.push(entry.path());
            }
            seen.insert(entry.path(), (meta.len(), meta.modified().expect("a time")));
        }
    }
    seen
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn under_the_default_settings_every_fault_is_caught_and_nothing_is_touched() {
    let ground = Ground::with("");
    let before = picture(&ground.deck.workspace);
    let run = ground.run(&[]);
    let said = words(&run.stdout);
    assert_eq!((run.status.code(), words(&run.stderr).as_str()), (Some(0), ""), "{said}");
    for fault in &FAULTS {
        let row = said.lines().find(|line| line.split_whitespace().next() == Some(fault.name)).expect(&said);
        assert!(row.contains(" yes "), "{row}");
    }
    assert!(said.contains("stall ") && said.contains("  5m15s  ") && said.contains("found: stalled"), "{said}");
    assert!(said.ends_with("10 of 10 faults were caught\n"), "{said}");
    ground.has_left_nothing(&before);
}

#[test]
fn settings_that_can_not_catch_a_fault_are_named_and_the_others_are_played() {
    let ground = Ground::with("[stall]\nidle = '1d'\nquiet_child_cap = '1d'\n");
    let before = picture(&ground.deck.workspace);
    let run = ground.run(&["--fault", "stall", "--fault", "swallowed-enter"]);
    let said = words(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("not caught: stall (it stops in the middle, without a word): 48m"), "{said}");
    assert!(said.contains("stall.idle") && said.contains("1 of 2 faults were caught"), "{said}");
    ground.has_left_nothing(&before);
}

#[test]
fn settings_under_which_a_remedy_goes_wrong_are_found_by_the_records() {
    // What waits for a draft to go is given up before anybody is told of the draft.
    let ground = Ground::with("[delivery]\nttl = '5s'\n");
    let run = ground.run(&["--fault", "draft"]);
    let said = words(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.contains("message held back 0.") && said.contains("message in doubt instead of: operator told"),
        "{said}"
    );
}

#[test]
fn a_machine_without_tmux_is_told_at_once() {
    let ground = Ground::with("");
    let run = ground.drill(&[]).env("PATH", "/nonexistent").output().expect("it runs");
    assert_eq!(run.status.code(), Some(1));
    assert!(words(&run.stderr).contains("the drill needs tmux"), "{}", words(&run.stderr));
}

#[test]
fn programs_get_a_value_a_fault_that_says_what_was_done_and_when() {
    let ground = Ground::with("");
    let run = ground.run(&["--json", "--fault", "poisoned", "--fault", "crash-loop", "--pace", "60"]);
    let said = words(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}");
    let rows: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names: Vec<&str> = rows.iter().filter_map(|row| row["fault"].as_str()).collect();
    assert_eq!(names, ["poisoned", "crash-loop"]);
    assert!(rows.iter().all(|row| row["caught"] == true && row["why"].is_null()), "{said}");
    assert_eq!(rows[0]["unshortened_s"], 5.0);
    let done: Vec<&str> =
        rows[0]["done"].as_array().expect("a list").iter().filter_map(|step| step["what"].as_str()).collect();
    assert_eq!(done[..2], ["found: poisoned conversation", "conversation quarantined"]);
    assert!(rows[0]["after_s"].as_f64().expect("a number") > 0.0, "{said}");
}

#[test]
fn told_to_end_in_the_middle_it_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let ground = Ground::with("");
        let before = picture(&ground.deck.workspace);
        // The first ends after ten seconds at the earliest, so it is in its middle.
        let code = ground.told(&["--fault", "stall", "--fault", "copy-mode"], signal);
        assert_eq!(code, Some(130), "{signal:?}");
        ground.has_left_nothing(&before);
    }
}

#[test]
fn settings_that_are_wrong_and_faults_that_nobody_knows_are_refused_with_2() {
    let ground = Ground::with("[stall]\nidle = 'soon'\n");
    let run = ground.run(&[]);
    assert_eq!(run.status.code(), Some(2));
    assert!(words(&run.stderr).contains("stall.idle"), "{}", words(&run.stderr));
    let run = ground.run(&["--fault", "tsunami"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(words(&run.stderr).contains("crash-loop"), "{}", words(&run.stderr));
}

#[test]
fn a_real_program_that_is_not_there_and_what_it_can_not_play_are_told_at_once() {
    let ground = Ground::with("");
    let refused = |words: &[&str]| {
        let run = ground.drill(words).env("PATH", "/usr/bin:/bin").output().expect("it runs");
        (run.status.code(), self::words(&run.stderr))
    };
    let (code, said) = refused(&["--backend", "claude"]);
    assert!(code == Some(1) && said.contains("`claude` is not on the PATH") && said.contains("npm install"), "{said}");
    let (code, said) = refused(&["--backend", "claude", "--fault", "draft"]);
    assert!(code == Some(2) && said.contains("draft can't be played: Claude Code puts a draft aside"), "{said}");
    assert_eq!(picture(&ground.folder), Picture::new());
}
