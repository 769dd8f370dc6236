//! A tmux server of its own beside the deck's: where a person, or somebody else's script, starts programs by hand.

use std::path::PathBuf;

use flightdeck::edge::spawn;

use super::deck::Deck;

/// It is ended with this.
pub(crate) struct Aside(pub(crate) PathBuf);

impl Aside {
    pub(crate) fn beside(deck: &Deck, name: &str) -> Aside {
        Aside(deck.outside().join(name))
    }

    /// Runs a program in a session of this name, in the deck's folder.
    pub(crate) fn run(&self, deck: &Deck, session: &str, argv: &[&str]) {
        let place = deck.workspace.display().to_string();
        self.tmux(&[&["-f", "/dev/null", "new-session", "-d", "-s", session, "-c", &place], argv].concat());
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let output = spawn::blocking("tmux").arg("-S").arg(&self.0).args(args).output().expect("tmux is installed");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where nothing runs any more, that was the aim.
        let _ = spawn::blocking("tmux").arg("-S").arg(&self.0).args(["-N", "kill-server"]).output();
    }
}
