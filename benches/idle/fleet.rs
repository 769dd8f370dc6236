//! A workspace full of demo agents on a tmux server of its own, and an engine that comes and goes while they stay.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use flightdeck::edge::link::{Client, Follow, Followed};
use flightdeck::edge::{clock, files, spawn};
use flightdeck::pilot::fact::{Identity, Place, Stamp};
use flightdeck::pilot::id::AgentId;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{AgentState, Record};

/// The program under test: the one that cargo built beside this benchmark, or another, to compare two.
pub(crate) fn program() -> String {
    std::env::var("FLIGHTDECK_BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_flightdeck").to_string())
}

/// Between two looks for something that comes soon.
const LOOK: Duration = Duration::from_millis(20);
/// A fleet that is not where it should be after this long will not get there.
const PATIENCE: Duration = Duration::from_secs(120);

/// Stall rules that never fire and starts that do not wait for each other: what is measured is watching, not healing.
const RULES: &str = r#"
[stall]
idle = "1d"
wait_cap = "1d"
quiet_child_cap = "1d"

[restart]
delay = "100ms"
delay_cap = "100ms"
budget_short = "1000 in 10m"
budget_long = "1000 in 1d"
mass_death = "1000 in 1s"
stage = "200 in 1s"

[handoff]
loop_budget = "1000 in 1h"
"#;

/// One agent of a fleet.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// `other`, or a role with its own rules.
    pub(crate) role: &'static str,
    /// The demo agent's script.
    pub(crate) script: &'static str,
    /// Says what it does on its event channel; without, only its screen tells.
    pub(crate) reports: bool,
}

impl Member {
    pub(crate) fn new(name: impl Into<String>, script: &'static str) -> Self {
        Member { name: name.into(), role: "other", script, reports: true }
    }

    pub(crate) fn id(&self) -> AgentId {
        AgentId::parse(&self.name).expect("the benchmark's names are good")
    }
}

/// Where a living agent is.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) place: Place,
    pub(crate) process: Identity,
}

/// A workspace and what runs in it. Dropped, everything ends and the folder goes.
pub(crate) struct Fleet {
    dir: tempfile::TempDir,
    engine: Option<Child>,
    pub(crate) members: Vec<Member>,
    /// As told by the records so far.
    pub(crate) homes: BTreeMap<AgentId, Home>,
}

impl Fleet {
    /// Sets the workspace up; nothing runs yet. `remote`: a bare repository with a clone for each agent.
    pub(crate) fn new(members: Vec<Member>, remote: bool) -> Self {
        let dir = tempfile::Builder::new().prefix("fdb").tempdir_in("/tmp").expect("a folder in /tmp");
        let fleet = Fleet { dir, engine: None, members, homes: BTreeMap::new() };
        for folder in ["prompts", "phases", "clones", "scripts", "state"] {
            fs::create_dir_all(fleet.root().join(folder)).expect("a folder of ours");
        }
        let write = |name: String, text: &str| {
            files::write_atomic(&fleet.root().join(name), text.as_bytes(), files::PUBLIC).expect("a file of ours");
        };
        write("prompts/plain.md".to_string(), "Begin.\n");
        if remote {
            fleet.make_remote();
        }
        for (play, (script, _)) in fleet.plays().into_iter().enumerate() {
            write(format!("scripts/{play}"), script);
        }
        for member in fleet.members.iter().filter(|_| !remote) {
            fs::create_dir_all(fleet.root().join("clones").join(&member.name)).expect("a folder of ours");
        }
        write("flightdeck.toml".to_string(), &fleet.configuration(remote));
        fleet
    }

    /// The workspace.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A file that the agents of this fleet write.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root().join("state").join(name)
    }

    /// Starts an engine; returns when it answers.
    pub(crate) fn start_engine(&mut self) {
        let mut command = spawn::blocking(program());
        command.args(["watch", "--workspace"]).arg(self.root()).stdout(Stdio::null());
        self.engine = Some(command.spawn().expect("the engine starts"));
        let began = clock::monotonic_ms();
        while Client::connect(&self.state_dir()).is_err() {
            assert!(clock::monotonic_ms() - began < 20_000, "the engine does not answer");
            clock::block(LOOK);
        }
    }

    /// Ends the engine as an operator would; the agents stay.
    pub(crate) fn stop_engine(&mut self) {
        let Some(mut engine) = self.engine.take() else { return };
        let pid = rustix::process::Pid::from_child(&engine);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is our child");
        engine.wait().expect("it is our child");
    }

    pub(crate) fn engine_pid(&self) -> u32 {
        self.engine.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn server_pid(&self) -> u32 {
        self.homes.values().next().map_or(0, |home| home.place.server.pid)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.state_dir()).expect("the engine answers")
    }

    /// Everything from the first record on.
    pub(crate) fn follow(&self) -> Follow {
        self.client().follow(0).expect("the engine answers")
    }

    /// Waits until every agent does what it is there for, everything said to it has arrived, and nothing has been
    /// recorded for `silence`. Returns the number of the last record.
    pub(crate) fn settle(&mut self, silence: Duration) -> u64 {
        let mut follow = self.follow();
        let mut states: BTreeMap<AgentId, AgentState> = BTreeMap::new();
        let mut open = BTreeMap::new();
        let (began, mut seq) = (clock::monotonic_ms(), 0);
        loop {
            assert!(clock::monotonic_ms() - began < PATIENCE.as_millis() as i64, "unsettled: {states:?} {open:?}");
            let busy = states.values().filter(|state| matches!(state, AgentState::Idle | AgentState::Working)).count();
            match next(&mut follow, silence) {
                None if busy == self.members.len() && open.is_empty() => return seq,
                None => {}
                Some((stamp, record)) => {
                    seq = stamp.seq;
                    self.note(&record);
                    match record {
                        Record::StateChanged { agent, state, .. } => drop(states.insert(agent, state)),
                        Record::MessageQueued { message } => drop(open.insert(message.id, "queued")),
                        Record::MessageMoved { message, stage, .. } if stage.settled() => {
                            assert!(matches!(stage, Stage::Submitted { .. }), "{message}: {stage:?}");
                            open.remove(&message);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Learns where agents live.
    pub(crate) fn note(&mut self, record: &Record) {
        if let Record::Started { agent, place, process, .. } = record {
            self.homes.insert(agent.clone(), Home { place: place.clone(), process: process.clone() });
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.state_dir().join("tmux.sock")
    }

    fn state_dir(&self) -> PathBuf {
        self.root().join(".flightdeck")
    }

    fn configuration(&self, remote: bool) -> String {
        let mut text = "version = 1\n\n[project]\nname = \"bench\"\n".to_string();
        if remote {
            text += &format!("remote = {:?}\n", self.root().join("remote.git"));
        }
        let plays = self.plays();
        for member in &self.members {
            let (name, role) = (&member.name, member.role);
            let play = plays.iter().position(|play| *play == (member.script, member.reports)).expect("it is listed");
            text += &format!("\n[agents.{name}]\nrole = {role:?}\nbackend = \"play{play}\"\n");
            text += &format!("dir = \"clones/{name}\"\nprompt = \"plain\"\n");
        }
        for (play, (_, reports)) in plays.iter().enumerate() {
            let mut launch = vec![program(), "demo-agent".to_string(), "--script".to_string()];
            launch.push(self.root().join(format!("scripts/{play}")).display().to_string());
            launch.extend(["--submit-log".to_string(), self.file("{agent}.log").display().to_string()]);
            launch.extend(["--state".to_string(), self.file("{agent}").display().to_string()]);
            launch.extend((!reports).then(|| "--no-reports".to_string()));
            let channel = if *reports { "reports" } else { "none" };
            text +=
                &format!("\n[backends.play{play}]\nlike = \"demo\"\nchannel = \"{channel}\"\nlaunch = {launch:?}\n");
        }
        text + RULES
    }

    /// The distinct plays, each a backend: agents of one kind share its rules, as they do in real life.
    fn plays(&self) -> Vec<(&'static str, bool)> {
        let mut plays: Vec<_> = self.members.iter().map(|member| (member.script, member.reports)).collect();
        plays.sort_unstable();
        plays.dedup();
        plays
    }

    fn make_remote(&self) {
        let root = self.root();
        let seed = root.join("seed");
        git(root, &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
        git(root, &["clone", "--quiet", "remote.git", "seed"]);
        git(&seed, &["commit", "--quiet", "--allow-empty", "--message", "begin"]);
        git(&seed, &["push", "--quiet", "origin", "HEAD:main"]);
        for member in &self.members {
            git(
                root,
                &[
                    "clone",
                    "--quiet",
                    &root.join("remote.git").display().to_string(),
                    &format!("clones/{}", member.name),
                ],
            );
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop_engine();
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(self.socket()).arg("kill-server").stderr(Stdio::null());
        // Where no server runs there is nothing to end.
        let _ = command.status();
    }
}

/// The next record, if one comes within `limit`.
pub(crate) fn next(follow: &mut Follow, limit: Duration) -> Option<(Stamp, Record)> {
    loop {
        match follow.next_within(limit).expect("the engine goes on")? {
            Followed::Record(stamp, record) => return Some((stamp, *record)),
            Followed::Foreign(text) => panic!("an unknown record: {text}"),
            Followed::Live(_) => {}
        }
    }
}

/// Runs git with nobody's configuration.
pub(crate) fn git(dir: &Path, args: &[&str]) {
    let mut command = spawn::blocking("git");
    command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "user.name=bench", "-c", "user.email=bench@flightdeck.invalid", "-c", "gc.auto=0"]).args(args);
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
