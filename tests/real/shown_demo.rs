//! `flightdeck demo --cockpit`: the demo in front of an operator, who may leave it at any time.

use std::fs;
use std::path::{Path, PathBuf};

use flightdeck::edge::process;
use flightdeck::edge::spawn;
use rustix::process::Signal;

use super::deck::{Deck, signal_to, text};
use super::plan::{PROGRAM, Plan};
use super::terminal::Terminal;

/// A demo that can be looked at: its folder lies in one of the test's own.
struct Shown<'a> {
    terminal: Terminal<'a>,
    folder: PathBuf,
    pid: PathBuf,
}

impl<'a> Shown<'a> {
    fn start(deck: &'a Deck) -> Self {
        let (folder, pid) = (deck.outside().join("t"), deck.outside().join("demo.pid"));
        fs::create_dir(&folder).expect("a folder");
        let terminal = Terminal::with(deck, &[&format!("TMPDIR={}", folder.display())]);
        Shown { terminal, folder, pid }
    }

    fn open(&self) {
        let script = format!("echo $$ > {}; exec {PROGRAM} demo --cockpit", self.pid.display());
        self.terminal.say(&format!("sh -c '{script}'; echo left with $?"));
        // Both agents, the sequence, and the pane of the one that is selected.
        self.terminal.until("the demo at work", |screen| {
            ["Fleet", "builder", "adversary", "▶ 1a", " life 1 "].iter().all(|words| screen.contains(words))
        });
    }

    /// Nothing runs that belongs to it, and its folder is gone.
    fn has_left_nothing(&self) {
        assert_eq!(running(&self.folder), Vec::<String>::new());
        let left: Vec<PathBuf> =
            fs::read_dir(&self.folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        assert_eq!(left, Vec::<PathBuf>::new());
    }
}

/// Processes that work in this folder or name it.
pub(crate) fn running(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let pids = fs::read_dir("/proc").expect("a process table");
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let belongs = |pid: &u32| {
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let place = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        words.contains(&format!("{folder}/")) || place.starts_with(&folder)
    };
    pids.filter(belongs).map(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()).collect()
}

#[test]
fn it_shows_the_fleet_and_on_q_gives_the_terminal_back_and_leaves_nothing() {
    let deck = Plan::new().laid_out();
    let shown = Shown::start(&deck);
    let before = shown.terminal.modes("before");
    shown.open();
    assert_eq!(shown.terminal.flags(), "alternate 1 cursor 0 mouse 1");
    // The engine, the agents' tmux and the agents.
    assert!(running(&shown.folder).len() >= 4, "{:?}", running(&shown.folder));
    shown.terminal.press(&["j", "?"]);
    shown.terminal.shows("restart the agent");
    shown.terminal.press(&["?"]);
    shown.terminal.hides("restart the agent");
    shown.terminal.press(&["q"]);
    shown.terminal.shows("left with 0");
    // What happened up to then stands on the shell's screen.
    shown.terminal.shows("builder is ready");
    shown.terminal.is_as_before(&before);
    shown.has_left_nothing();
}

#[test]
fn told_to_end_it_leaves_nothing_either() {
    let deck = Plan::new().laid_out();
    let shown = Shown::start(&deck);
    let before = shown.terminal.modes("before");
    shown.open();
    let pid = text(&shown.pid).trim().parse().expect("it was started");
    signal_to(&process::identity(pid).expect("it lives"), Signal::TERM);
    shown.terminal.shows("left with 130");
    shown.terminal.is_as_before(&before);
    shown.has_left_nothing();
}

#[test]
fn make_demo_attached_is_this_demo() {
    let mut make = spawn::blocking("make");
    make.args(["--dry-run", "--no-print-directory", "-C", env!("CARGO_MANIFEST_DIR"), "demo", "ATTACH=1"]);
    let output = make.env_remove("MAKEFLAGS").output().expect("make is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.lines().any(|line| line.trim_end().ends_with("/flightdeck demo --cockpit")),
        "{said}"
    );
}
