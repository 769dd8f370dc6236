//! A workspace of a test's own, and the program run in it as from a shell: no environment but what is named here.

use std::path::PathBuf;

use assert_cmd::Command;
use assert_cmd::assert::Assert;

/// A workspace in a temporary folder, with a home beside it.
pub(crate) struct Deck {
    folder: tempfile::TempDir,
}

impl Deck {
    /// As `init` makes it; its two agents are demo agents.
    pub(crate) fn new() -> Deck {
        let deck = Deck::empty();
        flightdeck::edge::scaffold::init(&deck.root()).expect("a workspace");
        let main = deck.root().join("flightdeck.toml");
        let text = std::fs::read_to_string(&main).expect("its configuration");
        std::fs::write(&main, text.replace("backend = \"claude\"", "backend = \"demo\"")).expect("a file");
        deck
    }

    /// A folder that is no workspace yet.
    pub(crate) fn empty() -> Deck {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["home", "deck"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Deck { folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("deck").canonicalize().expect("it exists")
    }

    /// The program in the workspace, in a UTF-8 locale.
    pub(crate) fn call(&self, words: &[&str]) -> Command {
        let mut command = super::flightdeck();
        command.env("HOME", self.folder.path().join("home")).env("LANG", "C.UTF-8");
        command.current_dir(self.root()).args(words).timeout(std::time::Duration::from_secs(60));
        command
    }

    /// What a call comes to.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        self.said(&self.call(words).assert())
    }

    /// The same, with the folder's name taken out of what was said.
    pub(crate) fn said(&self, run: &Assert) -> Said {
        let root = self.root().display().to_string();
        let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&root, "DECK");
        let output = run.get_output();
        Said { code: output.status.code(), out: plain(&output.stdout), err: plain(&output.stderr) }
    }
}

/// Exit code, standard output, standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// `2 error: …`: the code, and the first line of what was said, errors first.
    pub(crate) fn first(&self) -> String {
        let text = if self.err.is_empty() { &self.out } else { &self.err };
        format!("{} {}", self.code.unwrap_or(-1), text.lines().next().unwrap_or_default())
    }

    /// Both streams under the code, for snapshots.
    pub(crate) fn whole(&self) -> String {
        let part = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("--- {name}\n{text}") };
        format!("exit {}\n{}{}", self.code.unwrap_or(-1), part("out", &self.out), part("err", &self.err))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}
