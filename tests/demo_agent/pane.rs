//! A private tmux server with one demo agent in it, and the waiting for what it shows.

use std::fs;
use std::path::PathBuf;

use flightdeck::edge::{clock, spawn};
use serde_json::Value;
use tempfile::TempDir;

/// No condition of these tests takes longer, on a machine ten times slower than it should be.
const PATIENCE_MS: i64 = 60_000;
/// Between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(10);

/// A tmux server of its own with one agent in it.
pub(crate) struct Pane {
    pub(crate) dir: TempDir,
    pub(crate) cwd: PathBuf,
}

impl Pane {
    /// Starts the agent with a script and further flags.
    pub(crate) fn with(script: &str, flags: &[&str]) -> Pane {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("script"), script).expect("a script");
        let pane = Pane { cwd: dir.path().to_path_buf(), dir };
        pane.launch(&[&["--script", &pane.path("script")], flags].concat(), &[]);
        pane
    }

    /// The same, and its composer is there.
    pub(crate) fn ready(script: &str, flags: &[&str]) -> Pane {
        let pane = Pane::with(script, flags);
        pane.sees("? for shortcuts");
        pane
    }

    pub(crate) fn launch(&self, flags: &[&str], env: &[&str]) {
        let cwd = self.cwd.display().to_string();
        let start = ["new-session", "-d", "-x", "80", "-y", "24", "-s", "a", "-c", &cwd];
        let argv = self.argv(flags, env);
        self.tmux(&[&start[..], &argv.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    }

    /// Another life in the same pane, with other flags.
    pub(crate) fn relaunch(&self, flags: &[&str]) {
        let argv = self.argv(&[&["--script", &self.path("script")], flags].concat(), &[]);
        let start = ["respawn-pane", "-k", "-t", "a:"];
        self.tmux(&[&start[..], &argv.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    }

    pub(crate) fn argv(&self, flags: &[&str], env: &[&str]) -> Vec<String> {
        let logs = ["--submit-log", "submits", "--spool", "spool", "--byte-log", "bytes", "--state", "state"];
        let logs = logs.iter().map(|word| if word.starts_with("--") { (*word).to_string() } else { self.path(word) });
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>();
        let agent = owned(&[env!("CARGO_BIN_EXE_flightdeck"), "demo-agent"]);
        [owned(&["env"]), owned(env), agent, logs.collect(), owned(flags)].concat()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let config = self.path("tmux.conf");
        fs::write(&config, "set -g remain-on-exit on\n").expect("a config");
        let mut command = spawn::blocking("tmux");
        command.args(["-u", "-f", &config, "-S", &self.path("tmux")]).args(args);
        let output = command.output().expect("tmux is installed");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "a:"])
    }

    /// Waits until the screen has this on it.
    pub(crate) fn sees(&self, text: &str) -> String {
        until(&format!("{text:?} on the screen"), || self.screen(), |screen| screen.contains(text))
    }

    pub(crate) fn paste(&self, text: &str) {
        self.pours(text, &["-p"]);
    }

    /// These bytes come, as they are.
    pub(crate) fn receives(&self, bytes: &str) {
        self.pours(bytes, &[]);
    }

    fn pours(&self, text: &str, flags: &[&str]) {
        let file = self.path("paste");
        fs::write(&file, text).expect("a file to paste");
        let paste = [&["paste-buffer", "-r", "-d", "-b", "p", "-t", "a:"], flags].concat();
        self.tmux(&[&["load-buffer", "-b", "p", &file, ";"], &paste[..]].concat());
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "a:"], keys].concat());
    }

    /// Pastes, and once it is shown, presses Enter.
    pub(crate) fn submit(&self, text: &str) {
        self.paste(text);
        self.sees(&format!("❯\u{a0}{text}"));
        self.keys(&["Enter"]);
    }

    /// What was submitted so far.
    pub(crate) fn submits(&self) -> Vec<String> {
        self.lines("submits").iter().map(|line| line["text"].as_str().expect("a text").to_string()).collect()
    }

    /// Waits until so many prompts were submitted.
    pub(crate) fn submitted(&self, count: usize) -> Vec<String> {
        until(&format!("{count} submits"), || self.submits(), |submits| submits.len() >= count)
    }

    /// The event channel's words, without their texts.
    pub(crate) fn events(&self) -> Vec<String> {
        self.lines("spool").iter().map(|line| line["event"].as_str().expect("a word").to_string()).collect()
    }

    pub(crate) fn lines(&self, file: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Waits for its end; `STATUS` or `sSIGNAL`.
    pub(crate) fn end(&self) -> String {
        let server = self.pid("#{pid}");
        let look = || {
            // tmux 3.3a now and then misses that its child ended: the pane is dead without a status, and the child stays
            // a zombie until the next such signal. A second one makes it look again.
            rustix::process::kill_process(server, rustix::process::Signal::CHILD).expect("our own server");
            self.tmux(&["list-panes", "-t", "a:", "-F", "#{pane_dead} #{pane_dead_status}#{pane_dead_signal}"])
        };
        until("a dead pane", look, |line| line.starts_with("1 ") && line.trim() != "1").trim()[2..].to_string()
    }

    pub(crate) fn pid(&self, format: &str) -> rustix::process::Pid {
        let text = self.tmux(&["display-message", "-p", "-t", "a:", format]);
        rustix::process::Pid::from_raw(text.trim().parse().expect("a pid")).expect("a pid")
    }

    pub(crate) fn alive(&self) -> bool {
        self.tmux(&["display-message", "-p", "-t", "a:", "#{pane_dead}"]).trim() == "0"
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        // The server may be gone already, and then there is nothing to end.
        let _ = spawn::blocking("tmux").args(["-S", &self.path("tmux"), "kill-server"]).output();
    }
}

/// Looks until it is as it should be.
pub(crate) fn until<T: std::fmt::Debug>(what: &str, look: impl Fn() -> T, good: impl Fn(&T) -> bool) -> T {
    let deadline = clock::monotonic_ms() + PATIENCE_MS;
    loop {
        let seen = look();
        if good(&seen) {
            return seen;
        }
        assert!(clock::monotonic_ms() < deadline, "waited for {what}; last seen: {seen:#?}");
        clock::block(LOOK);
    }
}
