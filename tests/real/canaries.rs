//! Secrets that can be told from anything else, who may have each, and somebody who looks for them everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;

use flightdeck::edge::{clock, spawn};
use regex::bytes::Regex;

use super::deck::Deck;
use super::terminal::Terminal;

/// What each of them begins with: looked for first, as that is quick.
const SIGN: &str = "zqkCANARY";

/// Who may have a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The environment of this agent's processes.
    Agent(&'static str),
    /// This file, where the operator wrote it.
    File(PathBuf),
    /// Processes in the operator's own terminal.
    Operator,
}

/// One secret.
#[derive(Clone, Debug)]
struct Canary {
    text: String,
    is: Regex,
    place: &'static str,
    may: Vec<Holder>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Canaries(Vec<Canary>);

impl Canaries {
    /// One more, unlike all others.
    pub(crate) fn one(&mut self, place: &'static str, may: Vec<Holder>) -> String {
        let mut random = [0; 12];
        fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).expect("random bytes");
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{SIGN}{:03}x{digits}", self.0.len());
        self.add(place, &text, may);
        text
    }

    /// One that somebody else has made.
    pub(crate) fn add(&mut self, place: &'static str, text: &str, may: Vec<Holder>) {
        let is = Regex::new(&regex::escape(text)).expect("plain text");
        self.0.push(Canary { text: text.to_string(), is, place, may });
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// What a shell exports by this file.
    pub(crate) fn shell(&self, file: &Path) -> BTreeMap<String, String> {
        let text = fs::read_to_string(file).expect("a file");
        let lines = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        lines.map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// Each of these agents has those that it is meant to have.
    pub(crate) fn are_had(&self, deck: &Deck, agents: &[&str]) {
        for agent in agents {
            let environ = fs::read(format!("/proc/{}/environ", deck.process(agent).pid)).expect("it lives");
            let meant = self
                .0
                .iter()
                .filter(|canary| canary.may.iter().any(|may| matches!(may, Holder::Agent(of) if of == agent)));
            for canary in meant {
                assert!(canary.is.is_match(&environ), "{agent} was not told {canary:?}");
            }
        }
    }
}

/// Those that are in these bytes.
pub(crate) fn found(canaries: &Canaries, bytes: &[u8]) -> Vec<String> {
    within(canaries, bytes).into_iter().map(|canary| format!("{} ({})", canary.text, canary.place)).collect()
}

fn within<'c>(canaries: &'c Canaries, bytes: &[u8]) -> Vec<&'c Canary> {
    static SIGNED: LazyLock<Regex> = LazyLock::new(|| Regex::new(SIGN).expect("plain text"));
    let signed = SIGNED.is_match(bytes);
    let is = |canary: &&Canary| (signed || !canary.text.starts_with(SIGN)) && canary.is.is_match(bytes);
    canaries.0.iter().filter(is).collect()
}

/// Looks everywhere, again and again, until it is ended.
pub(crate) struct Sampler {
    known: Arc<Mutex<Canaries>>,
    over: Arc<AtomicBool>,
    rounds: Arc<AtomicU32>,
    thread: JoinHandle<BTreeSet<String>>,
}

/// What it needs to know of the deck.
struct Eyes {
    outside: PathBuf,
    sockets: [PathBuf; 2],
    /// Sessions of the operator: the terminal's shell, and we ourselves.
    operator: [String; 2],
}

impl Sampler {
    pub(crate) fn start(deck: &Deck, terminal: &Terminal<'_>, canaries: &Canaries) -> Sampler {
        let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]).trim().to_string();
        let ours = session(std::process::id()).expect("we live");
        let eyes = Eyes {
            outside: deck.outside(),
            sockets: [deck.socket(), deck.outside().join("outer.sock")],
            operator: [shell, ours],
        };
        let known = Arc::new(Mutex::new(canaries.clone()));
        let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (knows, ended, counted) = (known.clone(), over.clone(), rounds.clone());
        let look = move || {
            let mut hits = BTreeSet::new();
            while !ended.load(Ordering::SeqCst) {
                let canaries = knows.lock().expect("nobody panics with it").clone();
                eyes.look(&canaries, &mut hits);
                counted.fetch_add(1, Ordering::SeqCst);
                clock::block(std::time::Duration::from_millis(50));
            }
            hits
        };
        Sampler { known, over, rounds, thread: spawn::thread("sampler", look).expect("a thread") }
    }

    /// There are more secrets now.
    pub(crate) fn knows(&self, canaries: &Canaries) {
        *self.known.lock().expect("nobody panics with it") = canaries.clone();
    }

    /// How often it looked, and what it saw.
    pub(crate) fn end(self) -> (u32, BTreeSet<String>) {
        // What is written last is looked at too.
        let last = self.rounds.load(Ordering::SeqCst) + 2;
        while self.rounds.load(Ordering::SeqCst) < last && !self.thread.is_finished() {
            clock::block(std::time::Duration::from_millis(10));
        }
        self.over.store(true, Ordering::SeqCst);
        let hits = self.thread.join().expect("it looked to the end");
        (self.rounds.load(Ordering::SeqCst), hits)
    }
}

impl Eyes {
    fn look(&self, canaries: &Canaries, hits: &mut BTreeSet<String>) {
        self.processes(canaries, hits);
        self.files(canaries, hits);
        for socket in &self.sockets {
            for said in tmux(socket) {
                hits.extend(
                    found(canaries, &said).into_iter().map(|canary| format!("tmux at {socket:?} tells {canary}")),
                );
            }
        }
    }

    fn processes(&self, canaries: &Canaries, hits: &mut BTreeSet<String>) {
        let table = fs::read_dir("/proc").expect("a process table");
        for pid in table.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let argv = read("cmdline");
            let shown = String::from_utf8_lossy(&argv).replace('\0', " ");
            hits.extend(found(canaries, &argv).into_iter().map(|canary| format!("argv of {shown:?}: {canary}")));
            let environ = read("environ");
            let is = |agent: &str| {
                environ.split(|byte| *byte == 0).any(|part| part == format!("FLIGHTDECK_AGENT={agent}").as_bytes())
            };
            for canary in within(canaries, &environ) {
                let may = canary.may.iter().any(|may| match may {
                    Holder::Agent(agent) => is(agent),
                    Holder::Operator => session(pid).is_none_or(|session| self.operator.contains(&session)),
                    Holder::File(_) => false,
                });
                if !may {
                    hits.insert(format!("environment of {shown:?}: {} ({})", canary.text, canary.place));
                }
            }
        }
    }

    fn files(&self, canaries: &Canaries, hits: &mut BTreeSet<String>) {
        let mut folders = vec![self.outside.clone()];
        while let Some(folder) = folders.pop() {
            // It may be gone by now, as may each of its files.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let bytes =
                        [path.as_os_str().as_encoded_bytes(), b"\n", &fs::read(&path).unwrap_or_default()].concat();
                    let seen = within(canaries, &bytes)
                        .into_iter()
                        .filter(|canary| !canary.may.contains(&Holder::File(path.clone())));
                    hits.extend(seen.map(|canary| format!("{}: {} ({})", path.display(), canary.text, canary.place)));
                }
            }
        }
    }
}

/// All that a tmux server tells: its environment, those of its sessions, all panes with their history, all buffers.
fn tmux(socket: &Path) -> Vec<Vec<u8>> {
    let ask = |words: &[&str]| {
        let output = spawn::blocking("tmux").arg("-S").arg(socket).arg("-N").args(words).output();
        // No server just now.
        output.map(|output| output.stdout).unwrap_or_default()
    };
    let list =
        |words: &[&str]| -> Vec<String> { String::from_utf8_lossy(&ask(words)).lines().map(str::to_string).collect() };
    let mut said = vec![ask(&["show-environment", "-g"]), ask(&["show-options", "-g"])];
    for session in list(&["list-sessions", "-F", "#{session_id}"]) {
        said.push(ask(&["show-environment", "-t", &session]));
    }
    for pane in list(&["list-panes", "-a", "-F", "#{pane_id}"]) {
        said.push(ask(&["capture-pane", "-p", "-S", "-", "-t", &pane]));
    }
    said.push(ask(&["list-panes", "-a", "-F", "#{pane_title} #{pane_start_command} #{window_name}"]));
    for buffer in list(&["list-buffers", "-F", "#{buffer_name}"]) {
        said.push(ask(&["show-buffer", "-b", &buffer]));
    }
    said
}

/// The session of a process; `None`: it has ended.
fn session(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().nth(3)?.to_string())
}
