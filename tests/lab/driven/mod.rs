//! flightdeck at work on the real agent CLIs: the whole program with its own tmux, one agent, and a model server whose log is the truth
//! about what arrived.

mod accounts;
mod codex_delivery;
mod codex_life;
mod delivery;
mod healing;
mod latency;
mod opencode;
mod opencode_shared;
mod states;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::store::{Filter, Page, Reader};
use flightdeck::edge::{clock, spawn, workspace};
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::fact::Stamp;
use flightdeck::pilot::id::{AgentId, MessageId};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::view::{AgentView, View};

use crate::cli::claude::{CLAUDE, KEY, Login, answered, credentials};
use crate::cli::codex::{self, CODEX, Sandbox};
use crate::cli::opencode::{self as cli, OPENCODE, Shell};
use crate::cli::{Place, Program, end_all_at_home};
use crate::stub::Stub;

const PROGRAM: &str = env!("CARGO_BIN_EXE_flightdeck");
/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
const ANSWER: Duration = Duration::from_secs(10);
/// What keeps OpenCode from asking the network.
const QUIET: &str = "OPENCODE_DISABLE_AUTOUPDATE=1\nOPENCODE_DISABLE_MODELS_FETCH=1\nOPENCODE_DISABLE_LSP_DOWNLOAD=1\n";
const RECORDS: u32 = 100_000;

/// An engine with one agent, `worker`, of a real program.
pub(crate) struct Driven {
    pub(crate) stub: Stub,
    pub(crate) home: PathBuf,
    pub(crate) root: PathBuf,
    /// The newest record that the engine spoke of: its pictures may be ahead of the disk (fault S5).
    told: Cell<u64>,
    engine: Child,
    _folder: tempfile::TempDir,
}

impl Driven {
    /// Starts it, with these lines in the agent's table, and waits until its start prompt has been answered.
    pub(crate) fn claude(login: Login, lines: &str) -> Driven {
        Driven::claude_with(login, lines, &serde_json::json!({}))
    }

    /// The same for a user who has these hooks of his own.
    pub(crate) fn claude_with(login: Login, lines: &str, hooks: &serde_json::Value) -> Driven {
        Driven::laid_out(login, lines, hooks, |_, _| {})
    }

    /// The same where `lay` puts more into its workspace, for a project in this folder, before anything starts.
    pub(crate) fn laid_out(
        login: Login,
        lines: &str,
        hooks: &serde_json::Value,
        lay: impl FnOnce(&Path, &Path),
    ) -> Driven {
        let deck = Deck::new();
        lay(&deck.root, &deck.place.project);
        let home = &deck.place.home;
        deck.place.write_home(".claude.json", &answered(&deck.place.project).to_string());
        deck.place.write_home(".claude/settings.json", &users_own(hooks).to_string());
        let key = match login {
            Login::ApiKey => format!("ANTHROPIC_API_KEY={KEY}\n"),
            Login::Subscription => {
                std::fs::write(home.join(".claude/.credentials.json"), credentials().to_string()).expect("a file");
                String::new()
            }
        };
        let url = deck.stub.url();
        let variables = format!(
            "ANTHROPIC_BASE_URL={url}\nCLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1\nDISABLE_AUTOUPDATER=1\nIS_SANDBOX=1\n\
             CLAUDE_CODE_MAX_RETRIES=1\n{key}"
        );
        deck.drive(CLAUDE, &variables, lines)
    }

    /// The same with the real Codex.
    pub(crate) fn codex(sandbox: Sandbox, lines: &str) -> Driven {
        let deck = Deck::new();
        deck.place.write_home(".codex/config.toml", &codex::config(&deck.place, &deck.stub, sandbox));
        deck.drive(CODEX, "STUB_KEY=sk-fake\n", lines)
    }

    /// The same with another agent of it beside the worker, at the same home, in a folder of its own.
    pub(crate) fn two_codex(sandbox: Sandbox) -> Driven {
        let deck = Deck::new();
        let beside = deck.place.project.with_file_name("beside");
        std::fs::create_dir(&beside).expect("a folder");
        let trusted = format!("[projects.{:?}]\ntrust_level = \"trusted\"\n", beside.display().to_string());
        let config = codex::config(&deck.place, &deck.stub, sandbox) + &trusted;
        deck.place.write_home(".codex/config.toml", &config);
        let other = format!(
            "[agents.writer]\nrole = \"other\"\nbackend = \"codex\"\ndir = {:?}\nprompt = \"worker\"\n\
             env_file = \"agent.env\"\n",
            beside.display().to_string()
        );
        deck.drive(CODEX, "STUB_KEY=sk-fake\n", &other)
    }

    /// The same with the real OpenCode.
    pub(crate) fn opencode(shell: Shell, lines: &str) -> Driven {
        let deck = Deck::new();
        deck.place.write_home(".config/opencode/opencode.json", &cli::config(&deck.stub, shell).to_string());
        deck.drive(OPENCODE, QUIET, lines)
    }

    /// The same with two agents of it, in folders of their own, that attach to one server.
    pub(crate) fn opencode_shared(shell: Shell) -> Driven {
        let deck = Deck::new();
        deck.place.write_home(".config/opencode/opencode.json", &cli::config(&deck.stub, shell).to_string());
        let beside = deck.place.project.with_file_name("beside ü");
        std::fs::create_dir(&beside).expect("a folder");
        let others = format!(
            "deliver = \"any\"\n[agents.server]\nrole = \"other\"\nbackend = \"opencode-server\"\ndir = \".\"\n\
             env_file = \"agent.env\"\n[agents.writer]\nrole = \"other\"\nbackend = \"opencode-attached\"\n\
             attach = \"server\"\ndir = {:?}\nprompt = \"worker\"\nenv_file = \"agent.env\"\ndeliver = \"any\"\n",
            beside.display().to_string()
        );
        deck.drive_as(OPENCODE, "opencode-attached", QUIET, &others)
    }

    /// Ends the engine as a crash does, and starts another; the agent lives on.
    pub(crate) fn crash(&mut self) {
        self.engine.kill().expect("it was alive");
        self.engine.wait().expect("it ends");
        // What it told of may have ended with it.
        self.told.set(0);
        self.engine = watch(&self.root, &self.home);
        let up = || Client::connect(&self.state_dir()).is_ok().then_some(());
        self.until("the next engine", up);
    }

    pub(crate) fn ask(&self, command: &Command) -> Answer {
        let mut client = Client::connect(&self.state_dir()).expect("an engine");
        client.ask(command, ANSWER).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Puts a message into the outbox.
    pub(crate) fn send(&self, text: &str) -> MessageId {
        self.send_to(&worker(), text)
    }

    pub(crate) fn send_to(&self, agent: &AgentId, text: &str) -> MessageId {
        match self.ask(&Command::Send { agent: agent.clone(), text: text.to_string() }) {
            Answer::Queued { message } => message,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a message, and waits until the model is asked about it.
    pub(crate) fn turn(&self, words: &str) {
        let before = self.stub.mains().len();
        self.settled(self.send(words));
        self.until("its turn at the model", || (self.stub.mains().len() > before).then_some(()));
    }

    /// Waits until it is idle.
    pub(crate) fn rest(&self) {
        self.until("rest", || (self.worker().state.word() == "idle").then_some(()));
    }

    /// Somebody leaves words in its composer.
    pub(crate) fn draft(&self) {
        self.tmux(&["send-keys", "-t", "=worker:", "-l", "my own draft"]);
        self.until("the draft", || self.screen().contains("my own draft").then_some(()));
    }

    /// What became of a message.
    pub(crate) fn settled(&self, message: MessageId) -> Stage {
        self.until(&format!("the end of {message}"), || self.stage(message).filter(Stage::settled))
    }

    pub(crate) fn stage(&self, message: MessageId) -> Option<Stage> {
        self.view().outbox.into_iter().find(|seen| seen.id == message).map(|seen| seen.stage)
    }

    pub(crate) fn view(&self) -> View {
        match self.ask(&Command::Status) {
            Answer::Status { view } => {
                self.told.set(view.seq);
                *view
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn worker(&self) -> AgentView {
        self.agent(&worker())
    }

    pub(crate) fn agent(&self, id: &AgentId) -> AgentView {
        self.view().agents.into_iter().find(|agent| agent.id == *id).expect("the agent")
    }

    /// All records so far, among them all that the engine's pictures told of.
    pub(crate) fn records(&self) -> Vec<(Stamp, Record)> {
        let newest = |records: &[(Stamp, Record)]| records.last().map_or(0, |(stamp, _)| stamp.seq);
        self.until("what was told in the log", || {
            Some(self.written()).filter(|records| newest(records) >= self.told.get())
        })
    }

    fn written(&self) -> Vec<(Stamp, Record)> {
        let Ok(reader) = Reader::open(&workspace::records(&self.state_dir())) else { return Vec::new() };
        let rows = reader.rows(&Filter::default(), Page::After(0), RECORDS).unwrap_or_default();
        rows.into_iter().filter_map(|row| Some((row.stamp, row.record().ok()?))).collect()
    }

    /// Runs tmux on the fleet's own server, for what a person would do.
    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let socket = workspace::tmux_socket(&self.state_dir());
        let out = spawn::blocking("tmux").arg("-S").arg(socket).args(args).output().expect("tmux runs");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "=worker:"])
    }

    /// Waits until something is so.
    ///
    /// # Panics
    ///
    /// With the screen and the records, where it never comes.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.until_within(PATIENCE, what, look)
    }

    /// The same within a time of its own.
    pub(crate) fn until_within<T>(&self, span: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begun = clock::monotonic_ms();
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            if clock::monotonic_ms() - begun > i64::try_from(span.as_millis()).expect("a short time") {
                let lately: Vec<String> = self
                    .written()
                    .iter()
                    .rev()
                    .take(25)
                    .map(|(stamp, record)| format!("{stamp:?} {record:?}"))
                    .collect();
                panic!("never came: {what}\n{}\n{}", self.screen(), lately.join("\n"));
            }
            clock::block(Duration::from_millis(50));
        }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        workspace::state_dir(&self.root)
    }
}

/// What a [`Driven`] is made of before its engine starts.
struct Deck {
    place: Place,
    stub: Stub,
    root: PathBuf,
}

impl Deck {
    fn new() -> Deck {
        let (place, stub) = (Place::new(), Stub::start());
        let root = place.folder.path().canonicalize().expect("it is there").join("deck");
        for made in [&root, &root.join("prompts"), &root.with_file_name("bin")] {
            std::fs::create_dir(made).expect("a folder");
        }
        Deck { place, stub, root }
    }

    fn drive(self, program: Program, variables: &str, lines: &str) -> Driven {
        self.drive_as(program, program.name, variables, lines)
    }

    fn drive_as(self, program: Program, backend: &str, variables: &str, lines: &str) -> Driven {
        let Deck { place: Place { folder, home, project }, stub, root } = self;
        let bin = root.with_file_name("bin");
        std::os::unix::fs::symlink(program.path(), bin.join(program.name)).expect("a link");
        let write = |path: PathBuf, text: String| std::fs::write(path, text).expect("a file");
        let common = format!(
            "HOME={}\nPATH={}:/usr/bin:/bin\nHTTP_PROXY={2}\nHTTPS_PROXY={2}\nNO_PROXY=127.0.0.1,localhost\n",
            home.display(),
            bin.display(),
            stub.url()
        );
        write(root.join("agent.env"), common + variables);
        rustix::fs::chmod(root.join("agent.env"), rustix::fs::Mode::from_raw_mode(0o600)).expect("its mode");
        let config = format!(
            "version = 1\n[project]\nsequence = []\n[agents.worker]\nrole = \"other\"\nbackend = {backend:?}\ndir = {:?}\n\
             prompt = \"worker\"\nenv_file = \"agent.env\"\n{lines}",
            project.display().to_string()
        );
        write(root.join("flightdeck.toml"), config);
        write(root.join("prompts/worker.md"), "Get ready. [[ok Ready.]]\n".to_string());
        let engine = spawn::blocking(PROGRAM)
            .args(["watch", "--workspace"])
            .arg(&root)
            .env("HOME", &home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the engine starts");
        let driven = Driven { stub, home, root, told: Cell::default(), engine, _folder: folder };
        driven.until("its start prompt's answer", || {
            let started = driven.records().into_iter().any(|(_, record)| is_submitted(&record));
            (started && !driven.stub.mains().is_empty()).then_some(())
        });
        driven
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.state_dir()) {
            let _ = client.ask(&Command::Shutdown, ANSWER);
        }
        let begun = clock::monotonic_ms();
        while matches!(self.engine.try_wait(), Ok(None)) {
            if clock::monotonic_ms() - begun > 5_000 {
                let _ = self.engine.kill();
            }
            clock::block(Duration::from_millis(20));
        }
        self.tmux(&["kill-server"]);
        end_all_at_home(&self.home);
    }
}

/// The settings of a user who has a status line of his own.
fn users_own(hooks: &serde_json::Value) -> serde_json::Value {
    let used = "grep -o '\"used_percentage\":[0-9]*' | grep -o '[0-9]*$'";
    let command = format!("echo own line $({used} || echo 0) %");
    serde_json::json!({
        "skipDangerousModePermissionPrompt": true, "hooks": hooks, "statusLine": { "type": "command", "command": command },
    })
}

fn watch(root: &Path, home: &Path) -> Child {
    let mut engine = spawn::blocking(PROGRAM);
    engine.args(["watch", "--workspace"]).arg(root).env("HOME", home);
    engine.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the engine starts")
}

pub(crate) fn worker() -> AgentId {
    AgentId::parse("worker").expect("a name")
}

fn is_submitted(record: &Record) -> bool {
    matches!(record, Record::MessageMoved { stage: Stage::Submitted { .. }, .. })
}
