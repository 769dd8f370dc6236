//! `flightdeck drill --backend claude`: the faults that the real Claude Code can be brought to are caught under the default settings,
//! and nothing of whoever runs it is touched.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flightdeck::demo::faults::{CLAUDE as FAULTS, UNPLAYED};
use flightdeck::edge::{clock, spawn};
use rustix::process::{Pid, Signal, kill_process};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::cli::Program;
use crate::cli::claude::{CLAUDE, CLAUDE_BEFORE};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flightdeck");
/// For an engine, a server of tmux and a Claude Code to be there.
const AT_WORK: Duration = Duration::from_secs(60);

/// A workspace of somebody's, his home, and a folder for what is thrown away.
struct Ground {
    folder: tempfile::TempDir,
    program: Program,
}

impl Ground {
    fn new(program: Program) -> Ground {
        let ground = Ground { folder: tempfile::tempdir().expect("a folder"), program };
        for made in ["deck", "home", "t", "bin"] {
            std::fs::create_dir(ground.at(made)).expect("a folder");
        }
        std::os::unix::fs::symlink(ground.program.path(), ground.at("bin/claude")).expect("a link");
        let main = "version = 1\n[project]\nsequence = []\n[agents.builder]\nrole = 'builder'\nbackend = 'claude'\ndir = 'b'\n";
        std::fs::write(ground.at("deck/flightdeck.toml"), main).expect("a file");
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there").join(name)
    }

    fn drill(&self, words: &[&str]) -> Command {
        let mut command = spawn::blocking(PROGRAM);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.at("bin").display());
        command.args(["drill", "--backend", "claude", "--workspace"]).arg(self.at("deck")).args(words);
        command.env_clear().env("HOME", self.at("home")).env("TMPDIR", self.at("t")).env("PATH", path);
        // What a login of the operator's would be found by.
        command
            .env("LANG", "C.UTF-8")
            .env("ANTHROPIC_API_KEY", "sk-the-operators-own")
            .env("ANTHROPIC_BASE_URL", "http://[::1]:9");
        command
    }

    /// Nothing runs that belongs to it, and its folder is gone; the home is as empty as it was.
    fn has_left_nothing(&self) {
        assert_eq!(running(&self.at("t")), Vec::<String>::new());
        for folder in ["t", "home"] {
            let left: Vec<_> = std::fs::read_dir(self.at(folder)).expect("a folder").collect();
            assert!(left.is_empty(), "{folder}: {left:?}");
        }
        assert_eq!(std::fs::read_dir(self.at("deck")).expect("a folder").count(), 1);
    }
}

/// The commands of all processes that have this folder in their words or their environment.
fn running(folder: &Path) -> Vec<String> {
    let mut system = System::new().expect("processes can be read");
    let all = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, all);
    let wanted = format!("{}/", folder.display());
    let has = |words: &[std::ffi::OsString]| words.iter().any(|word| word.to_string_lossy().contains(&wanted));
    let ours = system
        .processes()
        .values()
        .filter(|process| process.thread_kind().is_none() && (has(process.cmd()) || has(process.environ())));
    ours.map(|process| format!("{:?}", process.cmd())).collect()
}

#[test]
fn every_fault_that_the_real_program_can_be_brought_to_is_caught_and_nothing_is_touched() {
    let ground = Ground::new(CLAUDE);
    let run = ground.drill(&[]).output().expect("it runs");
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    eprintln!("{said}");
    for fault in &FAULTS {
        let row = said.lines().find(|line| line.split_whitespace().next() == Some(fault.name)).expect(&said);
        assert!(row.contains(" yes "), "{said}");
    }
    for (name, why) in UNPLAYED {
        assert!(said.contains(&format!("not played: {name}: {why}\n")), "{said}");
    }
    assert!(run.status.code() == Some(0) && said.ends_with("8 of 8 faults were caught\n"), "{said}");
    assert!(!said.contains("sk-"), "{said}");
    ground.has_left_nothing();
}

#[test]
fn an_older_one_that_operators_still_have_is_caught_too() {
    let ground = Ground::new(CLAUDE_BEFORE);
    let run = ground.drill(&["--fault", "poisoned", "--fault", "dialog", "--json"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.code() == Some(0) && said.matches("\"caught\":true").count() == 2, "{said}");
    ground.has_left_nothing();
}

#[test]
fn told_to_end_in_the_middle_it_leaves_nothing() {
    let ground = Ground::new(CLAUDE);
    let mut drill =
        ground.drill(&["--fault", "limit"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let begun = clock::monotonic_ms();
    // Its screen is there: the program has come up.
    while !running(&ground.at("t")).iter().any(|words| words.contains("--session-id")) {
        assert!(
            clock::monotonic_ms() - begun < i64::try_from(AT_WORK.as_millis()).expect("a short time"),
            "it never came up"
        );
        clock::block(Duration::from_millis(100));
    }
    kill_process(Pid::from_child(&drill), Signal::INT).expect("our own child");
    assert_eq!(drill.wait().expect("our own child").code(), Some(130));
    ground.has_left_nothing();
}
