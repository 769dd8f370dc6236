//! A bare remote, clones of it, and a git that knows nothing of the machine's configuration.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use flightdeck::edge::git::{NETWORK_DEADLINE, WatchSettings, Watcher};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::Push;
use flightdeck::pilot::id::{AgentId, PhaseId, Sha};
use tokio::sync::mpsc;

/// Longer than any test takes, so that only the bell can be the cause of a reading.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);
/// For tests of the interval itself.
pub(crate) const OFTEN: Duration = Duration::from_millis(20);
/// The bound of every wait.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    dir: tempfile::TempDir,
}

impl World {
    /// A bare remote without commits.
    pub(crate) fn empty() -> World {
        let world = World { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.path("home")).unwrap();
        world.git(Path::new("/"), &["init", "--quiet", "--bare", "-b", "main", world.remote().to_str().unwrap()]);
        world
    }

    /// A bare remote with one commit, and the Builder's clone of it.
    pub(crate) fn new() -> World {
        let world = World::empty();
        world.clone_to("builder");
        world.commit("builder", "the beginning");
        world.push("builder");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.path("origin.git")
    }

    pub(crate) fn clone_to(&self, name: &str) {
        self.git(self.dir.path(), &["clone", "--quiet", self.remote().to_str().unwrap(), name]);
    }

    pub(crate) fn commit(&self, clone: &str, subject: &str) -> Sha {
        self.git(&self.path(clone), &["commit", "--quiet", "--allow-empty", "-m", subject]);
        self.head(clone)
    }

    /// A commit that writes one file.
    pub(crate) fn write(&self, clone: &str, file: &str, text: &str) -> Sha {
        let path = self.path(clone).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.git(&self.path(clone), &["add", "--", file]);
        self.commit(clone, "a file")
    }

    pub(crate) fn push(&self, clone: &str) {
        self.git(&self.path(clone), &["push", "--quiet", "--force", "origin", "HEAD:refs/heads/main"]);
    }

    pub(crate) fn head(&self, clone: &str) -> Sha {
        Sha::parse(&self.git(&self.path(clone), &["rev-parse", "HEAD"])).unwrap()
    }

    pub(crate) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.command(dir, args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    pub(crate) fn command(&self, dir: &Path, args: &[&str]) -> std::process::Command {
        let mut command = spawn::blocking("git");
        command.args(args).current_dir(dir).envs([
            ("HOME", self.path("home").to_str().unwrap()),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
        ]);
        command
    }

    /// Feeds a `git fast-import` stream to the remote: thousands of commits in a moment, and no hooks.
    pub(crate) fn import(&self, stream: &[u8]) {
        let mut command = self.command(&self.remote(), &["fast-import", "--quiet", "--force"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stream).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub(crate) fn remote_head(&self) -> Sha {
        Sha::parse(&self.git(&self.remote(), &["rev-parse", "refs/heads/main"])).unwrap()
    }

    /// The same, read all the time.
    pub(crate) fn often(&self) -> WatchSettings {
        WatchSettings { interval: OFTEN, ..self.settings() }
    }

    /// Watches the remote in place, woken by the bell only.
    pub(crate) fn settings(&self) -> WatchSettings {
        WatchSettings {
            remote: Some(self.remote().to_str().unwrap().to_string()),
            branch: "main".to_string(),
            interval: NEVER,
            state_dir: String::new(),
            prefixes: vec!["claim".to_string(), "review".to_string()],
            phases: vec![PhaseId::parse("1a").unwrap(), PhaseId::parse("1b").unwrap()],
            agents: vec![
                (AgentId::parse("builder").unwrap(), self.path("builder")),
                (AgentId::parse("adversary").unwrap(), self.path("adversary")),
            ],
            mirror: self.path("state/mirror.git"),
            deadline: NETWORK_DEADLINE,
        }
    }
}

/// A watcher and what it tells.
pub(crate) struct Ears {
    pub(crate) watcher: Watcher,
    events: mpsc::Receiver<Event>,
}

impl Ears {
    pub(crate) fn new(settings: WatchSettings, baseline: Option<Sha>) -> Ears {
        let (sender, events) = mpsc::channel(64);
        Ears { watcher: Watcher::start(settings, baseline, sender), events }
    }

    /// A watcher that has told the first sight of the branch.
    pub(crate) async fn settled(settings: WatchSettings) -> Ears {
        let mut ears = Ears::new(settings, None);
        assert_eq!(ears.push().await.old, None);
        ears
    }

    pub(crate) async fn event(&mut self) -> Event {
        clock::within(PATIENCE, self.events.recv()).await.expect("an event in time").expect("a living watcher")
    }

    pub(crate) async fn push(&mut self) -> Push {
        match self.event().await {
            Event::PushSeen(push) => push,
            other => panic!("expected a push, got {other:?}"),
        }
    }

    pub(crate) async fn failure(&mut self) -> (String, u32) {
        match self.event().await {
            Event::WatchFailed { why, count } => (why, count),
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    /// The next push, after any number of failures.
    pub(crate) async fn push_at_last(&mut self) -> Push {
        loop {
            match self.event().await {
                Event::PushSeen(push) => return push,
                Event::WatchFailed { .. } => {}
                other => panic!("expected a push, got {other:?}"),
            }
        }
    }
}

/// `claim(1a)` and the like, of all commits of a push that are handoffs.
pub(crate) fn handoffs(push: &Push) -> Vec<String> {
    let found = push.commits.iter().filter_map(|commit| commit.handoff.as_ref());
    found.map(|handoff| format!("{}({})", handoff.prefix, handoff.gate)).collect()
}

/// A named pipe, by the program that every system has: the system call differs.
pub(crate) fn pipe(path: &Path) {
    assert!(spawn::blocking("mkfifo").arg(path).status().unwrap().success());
}

/// Serves the world's folder by the git protocol until the test process ends; the address of its remote.
pub(crate) fn serve(world: &World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("git://{}/origin.git", listener.local_addr().unwrap());
    let base = world.path("").display().to_string();
    let home = world.path("home");
    spawn::thread("git daemon", move || {
        for line in listener.incoming().flatten() {
            let mut daemon = spawn::blocking("git");
            daemon.env("HOME", &home).args(["daemon", "--inetd", "--export-all", &format!("--base-path={base}")]);
            daemon.stdout(Stdio::from(OwnedFd::from(line.try_clone().unwrap()))).stderr(Stdio::null());
            daemon.stdin(Stdio::from(OwnedFd::from(line)));
            daemon.status().unwrap();
        }
    })
    .unwrap();
    address
}

/// `count` commits in a chain on top of `main`, with subjects `claim(0)`, `claim(1)`, … and the given dates.
pub(crate) fn chain(count: usize, date: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut stream = String::new();
    for n in 0..count {
        let subject = format!("claim({n}): x");
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        stream += &format!(
            "commit refs/heads/main\ncommitter A <a@b> {} +0000\ndata {}\n{subject}\n{from}\n",
            date(n),
            subject.len()
        );
    }
    stream.into_bytes()
}
