//! An operator's terminal: a tmux server of its own, beside the deck's, with a shell in its one pane. Keys go in, and what
//! a person would see comes out: the screen, the modes of the terminal, and every byte that was written to it.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use flightdeck::edge::{process, spawn};
use flightdeck::pilot::fact::Identity;
use rustix::process::Signal;

use super::deck::{Deck, signal_to, text};
use super::plan::PROGRAM;

/// What a frame is made of: SGR, places of the cursor, erasing, the modes of taking and giving back.
const FRAME: &str = "mHJKhlABCDd";

/// What the shell says when it is ready.
const PROMPT: &str = "ready> ";

/// A terminal with a shell in it.
pub(crate) struct Terminal<'a> {
    deck: &'a Deck,
    socket: PathBuf,
    server: Identity,
}

/// The modes of a terminal that a program must leave as it found them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modes {
    /// Alternate screen, cursor shown, mouse asked for.
    flags: String,
    /// All that the line discipline does.
    line: String,
}

impl<'a> Terminal<'a> {
    pub(crate) fn beside(deck: &'a Deck) -> Self {
        Terminal::with(deck, &[])
    }

    /// With these variables in the shell's environment.
    pub(crate) fn with(deck: &'a Deck, variables: &[&str]) -> Self {
        let socket = deck.outside().join("outer.sock");
        let path = format!("PATH={}", std::env::var("PATH").expect("a PATH"));
        let (home, prompt) = (format!("HOME={}", deck.home.display()), format!("PS1={PROMPT}"));
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(&socket).args(["-f", "/dev/null", "-u", "new-session", "-d", "-x", "120", "-y", "40"]);
        command.args(["env", "-i", &path, &home, &prompt, "TERM=screen-256color", "LANG=C.UTF-8"]).args(variables);
        let status = command.args(["sh", "-i"]).stdout(Stdio::null()).status().expect("tmux is installed");
        assert!(status.success(), "no outer tmux");
        let pid = tmux(&socket, &["display-message", "-p", "#{pid}"]);
        let server = process::identity(pid.trim().parse().expect("a number")).expect("it lives");
        let terminal = Terminal { deck, socket, server };
        terminal.tmux(&["set-option", "-s", "set-clipboard", "on"]);
        terminal.shows(PROMPT.trim_end());
        terminal
    }

    /// The same with the cockpit open, its fleet drawn.
    pub(crate) fn in_cockpit(deck: &'a Deck) -> Self {
        let terminal = Terminal::beside(deck);
        terminal.open();
        terminal
    }

    /// Opens the cockpit. Its process writes its number down, and its exit code stands on the screen after it.
    pub(crate) fn open(&self) {
        self.run("");
        self.shows(" life 1");
    }

    /// Runs the cockpit with these words before it.
    pub(crate) fn run(&self, words: &str) {
        let (pid, workspace) = (self.pid_file(), self.deck.workspace.display().to_string());
        let script = format!("echo $$ > {}; exec {PROGRAM} --workspace {workspace}", pid.display());
        self.say(&format!("{words} sh -c '{script}'; echo left with $?"));
    }

    fn pid_file(&self) -> PathBuf {
        self.deck.outside().join("cockpit.pid")
    }

    /// The process of the cockpit.
    pub(crate) fn cockpit(&self) -> Identity {
        let pid = text(&self.pid_file()).trim().parse().expect("it was started");
        process::identity(pid).expect("it lives")
    }

    // -- keys --------------------------------------------------------------------------------------------------------

    /// Keys by tmux's names for them, letters as they are.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// A line for the shell.
    pub(crate) fn say(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press(&["Enter"]);
    }

    /// Text from the clipboard, marked as such where the program asked for that.
    pub(crate) fn paste(&self, text: &str) {
        self.tmux(&["set-buffer", text]);
        self.tmux(&["paste-buffer", "-p", "-d"]);
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    pub(crate) fn signal_server(&self, signal: Signal) {
        signal_to(&self.server, signal);
    }

    // -- what is seen ------------------------------------------------------------------------------------------------

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// With its colours, as SGR sequences.
    pub(crate) fn colours(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    pub(crate) fn shows(&self, words: &str) {
        self.until(&format!("{words:?} on the screen"), |screen| screen.contains(words));
    }

    pub(crate) fn hides(&self, words: &str) {
        self.until(&format!("a screen without {words:?}"), |screen| !screen.contains(words));
    }

    pub(crate) fn until(&self, what: &str, good: impl Fn(&str) -> bool) {
        let mut last = String::new();
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.deck.until(what, || {
                last = self.screen();
                good(&last).then_some(())
            });
        }));
        assert!(told.is_ok(), "never came: {what}\n{last}");
    }

    /// All that outside text could act on in a terminal, beside its letters.
    pub(crate) fn acted_on(&self) -> String {
        self.format(
            "title #{pane_title} path #{pane_path} wrap #{wrap_flag} insert #{insert_flag} origin #{origin_flag} \
             margins #{scroll_region_upper}-#{scroll_region_lower} keypad #{keypad_flag} buffers #{buffer_name}",
        )
    }

    /// A format of tmux about the pane.
    pub(crate) fn format(&self, format: &str) -> String {
        self.tmux(&["display-message", "-p", format]).trim_end().to_string()
    }

    pub(crate) fn flags(&self) -> String {
        self.format("alternate #{alternate_on} cursor #{cursor_flag} mouse #{mouse_any_flag}")
    }

    /// Asks the shell for the modes as they are now.
    pub(crate) fn modes(&self, name: &str) -> Modes {
        let file = self.deck.outside().join(name);
        // One from before tells nothing of now.
        let _ = fs::remove_file(&file);
        self.say(&format!("stty -a > {0}.new; mv {0}.new {0}", file.display()));
        let line = self.deck.until("the modes", || Some(text(&file)).filter(|text| !text.is_empty()));
        Modes { flags: self.flags(), line }
    }

    /// The shell has the terminal again, in the modes that it had before: it echoes, pastes come unmarked.
    pub(crate) fn is_as_before(&self, before: &Modes) {
        self.say("echo us''able");
        self.shows("usable");
        assert_eq!(self.modes("after"), *before);
        self.say("clear; echo cat is re''ady; cat -v");
        self.shows("cat is ready");
        self.paste("pasted as it is\n");
        self.shows("pasted as it is\npasted as it is");
        self.press(&["C-d"]);
        self.say("echo still us''able");
        self.shows("still usable");
    }

    /// Every byte written to the terminal from now on, in a file.
    pub(crate) fn record(&self) -> PathBuf {
        let file = self.deck.outside().join("written");
        fs::write(&file, "").expect("a file");
        self.tmux(&["pipe-pane", &format!("cat > {}", file.display())]);
        file
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        tmux(&self.socket, args)
    }
}

fn tmux(socket: &std::path::Path, args: &[&str]) -> String {
    let output = spawn::blocking("tmux").arg("-S").arg(socket).args(["-N", "-u"]).args(args).output();
    let output = output.expect("tmux is installed");
    assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // A stopped server hears nothing else. The shell and the cockpit end with their terminal.
        signal_to(&self.server, Signal::CONT);
        let _ = spawn::blocking("tmux").arg("-S").arg(&self.socket).args(["-N", "kill-server"]).output();
        signal_to(&self.server, Signal::KILL);
    }
}

/// What of this output is more than text in a frame.
pub(crate) fn acting(output: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = output;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\r' | '\n')) {
        let sequence = &rest[at..];
        let end = sequence.char_indices().skip(2).find(|(_, c)| ('@'..='~').contains(c)).map(|(at, c)| (at + 1, c));
        match end {
            Some((end, kind)) if sequence.starts_with("\u{1b}[") && FRAME.contains(kind) => rest = &sequence[end..],
            _ => {
                found.push(sequence.chars().take(30).collect::<String>().escape_debug().to_string());
                rest = &sequence[sequence.chars().next().map_or(0, char::len_utf8)..];
            }
        }
    }
    found.extend(
        output
            .chars()
            .filter(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            .map(|c| c.escape_unicode().to_string()),
    );
    found
}
