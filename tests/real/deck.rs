//! A deck at work: drives the engine through its own doors (process, signals, link, log), and ends all of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::process::{self, Alive, Tag};
use flightdeck::edge::store::{Filter, Page, Reader};
use flightdeck::edge::{clock, lock, spawn};
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::fact::{Exit, Identity, Server, Stamp};
use flightdeck::pilot::id::{AgentId, Incarnation, MessageId};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::view::{AgentView, View};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::plan::{PROGRAM, Plan};

/// No condition of these tests takes longer, on a machine several times slower than it should be.
const PATIENCE_MS: i64 = 45_000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
const ANSWER: Duration = Duration::from_secs(60);

/// A workspace with what runs in it.
pub(crate) struct Deck {
    dir: TempDir,
    pub(crate) workspace: PathBuf,
    engine: RefCell<Option<Child>>,
    /// Records already read, and the number of the newest.
    log: RefCell<Vec<(Stamp, Record)>>,
    /// The newest record that an engine spoke of: its pictures may be ahead of the disk (fault S5).
    told: Cell<u64>,
    /// Lives in a folder of its own, whatever the operator's home holds.
    pub(crate) home: PathBuf,
    runs: Cell<u32>,
    /// Where the next engine looks for programs first.
    pub(crate) shims: RefCell<Option<PathBuf>>,
    /// What else the next engine finds in its environment.
    pub(crate) variables: RefCell<Vec<(&'static str, String)>>,
}

impl Plan {
    /// The workspace and a running engine.
    pub(crate) fn up(self) -> Deck {
        let deck = self.laid_out();
        deck.start_engine();
        deck
    }

    /// The workspace alone.
    pub(crate) fn laid_out(self) -> Deck {
        let deck = Deck::empty();
        self.write(&deck.workspace);
        deck
    }
}

impl Deck {
    fn empty() -> Deck {
        let dir = tempfile::Builder::new().prefix("fd").tempdir_in("/tmp").expect("a folder");
        let path = dir.path().canonicalize().expect("a real path");
        let (workspace, home) = (path.join("deck"), path.join("home"));
        fs::create_dir(&home).expect("a home");
        Deck {
            dir,
            workspace,
            home,
            engine: RefCell::default(),
            log: RefCell::default(),
            told: Cell::default(),
            runs: Cell::new(0),
            shims: RefCell::default(),
            variables: RefCell::default(),
        }
    }

    /// Everything in the workspace of another one, as it lies there just now.
    pub(crate) fn copied_from(other: &Deck) -> Deck {
        let deck = Deck::empty();
        copy(&other.workspace, &deck.workspace);
        deck
    }

    // -- the engine -------------------------------------------------------------------------------------------------

    /// Starts the engine; it answers when this returns.
    pub(crate) fn start_engine(&self) {
        self.spawn_engine();
        self.until("an engine that answers", || {
            let ended = self.ended();
            assert!(ended.is_none(), "the engine ended: {ended:?}: {}", self.said());
            Client::connect(&self.state_dir()).ok().map(drop)
        });
    }

    pub(crate) fn spawn_engine(&self) {
        *self.engine.borrow_mut() = Some(self.another_engine());
    }

    /// An engine that this deck does not look after.
    pub(crate) fn another_engine(&self) -> Child {
        self.engine_by(spawn::blocking(PROGRAM))
    }

    /// Starts an engine that hears of a file it may not write by an error, as from a full disk, and not by a signal.
    pub(crate) fn start_hardened_engine(&self) {
        self.start_engine_under(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    }

    /// Starts an engine by a command that becomes the program behind it.
    pub(crate) fn start_engine_under(&self, command: &[&str]) {
        let mut under = spawn::blocking(command[0]);
        under.args(&command[1..]).arg(PROGRAM);
        *self.engine.borrow_mut() = Some(self.engine_by(under));
        self.until("an engine that answers", || Client::connect(&self.state_dir()).ok().map(drop));
    }

    fn engine_by(&self, mut command: std::process::Command) -> Child {
        self.runs.set(self.runs.get() + 1);
        // What the one before it told of may have ended with it.
        self.told.set(0);
        command.args(["watch", "--workspace"]).arg(&self.workspace).env("HOME", &self.home);
        command.envs(self.variables.borrow().iter().map(|(name, value)| (name, value)));
        if let Some(shims) = &*self.shims.borrow() {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", shims.display()));
        }
        let said = fs::File::create(self.dir.path().join(format!("engine-{}", self.runs.get()))).expect("a file");
        command.stdout(Stdio::null()).stderr(said);
        command.spawn().expect("the engine is there")
    }

    /// What the newest engine said to its terminal.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join(format!("engine-{}", self.runs.get()))).unwrap_or_default()
    }

    pub(crate) fn engine_pid(&self) -> Pid {
        Pid::from_child(self.engine.borrow().as_ref().expect("a running engine"))
    }

    /// Hands the engine over to the caller, who ends it.
    pub(crate) fn part_with_engine(&self) -> Child {
        self.engine.borrow_mut().take().expect("a running engine")
    }

    /// Signals the engine and waits for its end.
    pub(crate) fn end_engine(&self, signal: Signal) -> ExitStatus {
        kill_process(self.engine_pid(), signal).expect("our own child");
        self.engine_ends()
    }

    /// How the engine has ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.engine.borrow_mut().as_mut().and_then(|engine| engine.try_wait().expect("our child"))
    }

    /// Waits for the engine's end.
    pub(crate) fn engine_ends(&self) -> ExitStatus {
        let status = self.until("the engine's end", || self.ended());
        self.engine.borrow_mut().take();
        status
    }

    pub(crate) fn ask(&self, command: &Command) -> Answer {
        let mut client = Client::connect(&self.state_dir()).expect("an engine");
        client.ask(command, ANSWER).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Asks for something that must be accepted; of a starved machine again, once its tmux answers.
    pub(crate) fn tell(&self, command: &Command) {
        let silent =
            |answer: &Answer| matches!(answer, Answer::Refused { why, .. } if why.starts_with("tmux does not answer"));
        let answer = self.until("an answer of tmux", || Some(self.ask(command)).filter(|answer| !silent(answer)));
        assert!(matches!(answer, Answer::Accepted { .. }), "{command:?}: {answer:?}");
    }

    pub(crate) fn send(&self, agent: &str, text: &str) -> MessageId {
        match self.ask(&Command::Send { agent: id(agent), text: text.to_string() }) {
            Answer::Queued { message } => message,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn status(&self) -> View {
        let Answer::Status { view } = self.ask(&Command::Status) else { panic!("no picture") };
        let written = !view.alerts.iter().any(|alert| alert.contains("records can't be written"));
        self.told.set(if written { view.seq } else { 0 });
        *view
    }

    pub(crate) fn agent(&self, agent: &str) -> AgentView {
        let view = self.status();
        view.agents.into_iter().find(|view| view.id == id(agent)).expect("a configured agent")
    }

    /// The program with these words, as from a shell.
    pub(crate) fn verb(&self, words: &[&str]) -> Output {
        let mut command = spawn::blocking(PROGRAM);
        command.args(words).arg("--workspace").arg(&self.workspace).env("HOME", &self.home);
        command.output().expect("it runs")
    }

    // -- the log ----------------------------------------------------------------------------------------------------

    /// All records so far, among them all that the running engine's pictures told of.
    pub(crate) fn records(&self) -> Vec<(Stamp, Record)> {
        let deadline = clock::monotonic_ms() + PATIENCE_MS;
        while self.read_on() < self.told.get() && self.is_running() {
            assert!(clock::monotonic_ms() < deadline, "what was told is nowhere written");
            clock::block(LOOK);
        }
        self.log.borrow().clone()
    }

    /// The number of the newest record.
    fn read_on(&self) -> u64 {
        let mut log = self.log.borrow_mut();
        let newest = |log: &[(Stamp, Record)]| log.last().map_or(0, |(stamp, _)| stamp.seq);
        if let Ok(reader) = Reader::open(&self.state_dir().join("records.db")) {
            let rows = reader.rows(&Filter::default(), Page::After(newest(&log)), 10_000).unwrap_or_default();
            log.extend(rows.into_iter().map(|row| (row.stamp, row.record().expect("a readable record"))));
        }
        newest(&log)
    }

    fn is_running(&self) -> bool {
        self.engine.borrow().is_some() && self.ended().is_none()
    }

    /// What was read may not be there any more.
    pub(crate) fn forget_log(&self) {
        self.log.borrow_mut().clear();
    }

    /// Those that a pattern takes.
    pub(crate) fn all<T>(&self, pick: impl Fn(&Record) -> Option<T>) -> Vec<T> {
        self.records().iter().filter_map(|(_, record)| pick(record)).collect()
    }

    pub(crate) fn count(&self, good: impl Fn(&Record) -> bool) -> usize {
        self.records().iter().filter(|(_, record)| good(record)).count()
    }

    /// Waits for a record.
    pub(crate) fn saw<T>(&self, what: &str, pick: impl Fn(&Record) -> Option<T>) -> T {
        self.until(what, || self.all(&pick).into_iter().next())
    }

    /// How an agent's lives ended, each with what it showed last.
    pub(crate) fn exits(&self, agent: &str) -> Vec<(Exit, Vec<String>)> {
        self.all(|record| match record {
            Record::Exited { agent: who, exit, last } if *who == id(agent) => Some((*exit, last.clone())),
            _ => None,
        })
    }

    /// How often an agent was started.
    pub(crate) fn starts(&self, agent: &str) -> usize {
        self.count(|record| matches!(record, Record::Started { agent: who, .. } if *who == id(agent)))
    }

    /// Waits until an agent's `lives`-th life has shown its composer.
    pub(crate) fn ready(&self, agent: &str, lives: usize) {
        self.until(&format!("{agent} ready in life {lives}"), || {
            let ready = self.count(|record| matches!(record, Record::Ready { agent: who } if *who == id(agent)));
            (ready >= lives).then_some(())
        });
    }

    /// Waits until an agent has submitted its `prompts`-th prompt and said so.
    pub(crate) fn prompted(&self, agent: &str, prompts: usize) {
        self.until(&format!("{prompts} prompts of {agent}"), || (self.submits(agent).len() >= prompts).then_some(()));
        self.until("no message on its way", || (self.agent(agent).waiting_messages == 0).then_some(()));
    }

    /// Waits until a message is settled.
    pub(crate) fn settled(&self, message: MessageId) -> Stage {
        self.until(&format!("the end of {message}"), || Some(self.stage(message)?).filter(Stage::settled))
    }

    /// Waits until a message waits, for a reason with this word in it.
    pub(crate) fn waits_for(&self, message: MessageId, word: &str) {
        self.until(&format!("{message} waits: {word}"), || match self.stage(message)? {
            Stage::Queued { why: Some(why) } => why.contains(word).then_some(()),
            _ => None,
        });
    }

    pub(crate) fn stage(&self, message: MessageId) -> Option<Stage> {
        let moves = self.all(|record| match record {
            Record::MessageMoved { message: moved, stage, .. } if *moved == message => Some(stage.clone()),
            _ => None,
        });
        moves.into_iter().next_back()
    }

    // -- agents -----------------------------------------------------------------------------------------------------

    /// What an agent's program really took in: the truth about "exactly once".
    pub(crate) fn submits(&self, agent: &str) -> Vec<String> {
        let text = fs::read_to_string(self.workspace.join(format!("{agent}.submits"))).unwrap_or_default();
        let whole = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"));
        whole.map(|line| line["text"].as_str().expect("a text").to_string()).collect()
    }

    pub(crate) fn process(&self, agent: &str) -> Identity {
        self.all(|record| match record {
            Record::Started { agent: who, process, .. } if *who == id(agent) => Some(process.clone()),
            _ => None,
        })
        .pop()
        .expect("it was started")
    }

    pub(crate) fn kill(&self, agent: &str, signal: Signal) {
        signal_to(&self.process(agent), signal);
    }

    pub(crate) fn screen(&self, agent: &str) -> String {
        self.tmux(&["capture-pane", "-p", "-t", &format!("={agent}:")])
    }

    pub(crate) fn press(&self, agent: &str, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", &format!("={agent}:")], keys].concat());
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        let output = spawn::blocking("tmux").arg("-S").arg(self.socket()).arg("-N").args(args).output();
        let output = output.expect("tmux is installed");
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The server that was recorded last.
    pub(crate) fn server(&self) -> Server {
        self.all(|record| match record {
            Record::ServerUp { server } => Some(server.clone()),
            _ => None,
        })
        .pop()
        .expect("a server was seen")
    }

    pub(crate) fn server_identity(&self) -> Identity {
        process::identity(self.server().pid).expect("it lives")
    }

    /// Everything of this workspace's agents that lives, in a tmux or not.
    pub(crate) fn survivors(&self) -> Vec<Identity> {
        self.lives().into_iter().map(|(_, process)| process).collect()
    }

    /// The same, each with the life it belongs to.
    pub(crate) fn lives(&self) -> Vec<(Tag, Identity)> {
        let nonce = fs::read_to_string(self.state_dir().join("nonce")).unwrap_or_default();
        let nonce = nonce.split_whitespace().next().unwrap_or_default().to_string();
        if nonce.is_empty() {
            return Vec::new();
        }
        process::survivors(nonce.trim()).expect("a readable process table")
    }

    /// Nobody lives twice: whatever lives of an agent is of one life.
    pub(crate) fn one_of_each(&self) {
        let mut lives: BTreeMap<AgentId, BTreeSet<Incarnation>> = BTreeMap::new();
        for (tag, _) in self.lives() {
            lives.entry(tag.agent).or_default().insert(tag.incarnation);
        }
        let doubled: Vec<_> = lives.iter().filter(|(_, lives)| lives.len() > 1).collect();
        assert!(doubled.is_empty(), "{doubled:?}\n{}", self.story());
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.workspace.join(".flightdeck")
    }

    /// The folder around the workspace: what engines said lies here.
    pub(crate) fn outside(&self) -> PathBuf {
        self.dir.path().to_path_buf()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.state_dir().join("tmux.sock")
    }

    // -- waiting ----------------------------------------------------------------------------------------------------

    /// Looks until there is something.
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.until_every(LOOK, what, look)
    }

    /// The same for what is over in a moment.
    pub(crate) fn until_soon<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        self.until_every(Duration::from_millis(1), what, look)
    }

    fn until_every<T>(&self, gap: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = clock::monotonic_ms() + PATIENCE_MS;
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(clock::monotonic_ms() < deadline, "waited for {what}\n{}", self.story());
            clock::block(gap);
        }
    }

    /// The newest records, for messages of failures.
    pub(crate) fn story(&self) -> String {
        let records = self.records();
        let from = records.len().saturating_sub(60);
        let lines: Vec<String> =
            records[from..].iter().map(|(stamp, record)| format!("{} {} {record:?}", stamp.seq, stamp.at)).collect();
        lines.join("\n")
    }

    fn end_all(&self) {
        if let Some(mut engine) = self.engine.borrow_mut().take() {
            // It may have ended already; then there is nothing to do but to take its status.
            let _ = kill_process(Pid::from_child(&engine), Signal::CONT);
            let _ = engine.kill();
            let _ = engine.wait();
        }
        // One that a cockpit or a verb has started is no child of ours; left alone it would start a server again.
        if let Some(engine) = lock::current(&self.state_dir()).and_then(|holder| holder.process) {
            signal_to(&engine, Signal::KILL);
        }
        for server in self.servers() {
            // A stopped server hears nothing else, and none of these would be missed.
            signal_to(&server, Signal::CONT);
            let _ = spawn::blocking("tmux").arg("-S").arg(self.socket()).args(["-N", "kill-server"]).output();
            signal_to(&server, Signal::KILL);
        }
        for left in self.survivors() {
            signal_to(&left, Signal::KILL);
        }
    }

    /// Living tmux servers that were started on our socket.
    pub(crate) fn servers(&self) -> Vec<Identity> {
        let socket = self.socket().display().to_string();
        let pids = fs::read_dir("/proc")
            .expect("a process table")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let ours = |pid: &u32| {
            let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let is_server =
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("tmux: server"));
            is_server && arguments.split('\0').any(|argument| argument == socket)
        };
        pids.filter(ours).filter_map(process::identity).collect()
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        self.end_all();
        let deadline = clock::monotonic_ms() + PATIENCE_MS;
        while !(self.survivors().is_empty() && self.servers().is_empty()) {
            if clock::monotonic_ms() > deadline {
                assert!(std::thread::panicking(), "left running: {:?} {:?}", self.survivors(), self.servers());
                return;
            }
            clock::block(LOOK);
            // Whatever was just being started while all else was ended.
            self.end_all();
        }
    }
}

/// Signals exactly this process; one that has ended needs no signal.
pub(crate) fn signal_to(process: &Identity, signal: Signal) {
    if process::alive(process) == Alive::Yes
        && let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, signal);
    }
}

pub(crate) fn id(agent: &str) -> AgentId {
    AgentId::parse(agent).expect("a good name")
}

/// A file's text, empty where there is none.
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Folders and files; sockets stay behind.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::metadata(from).expect("a folder").permissions()).expect("its mode");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}

/// The same throws in each run: a linear congruential generator (Knuth's MMIX).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
