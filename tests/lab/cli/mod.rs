//! A real agent CLI at work: in a tmux server of its own, with a home of its own, an environment that holds nothing of whoever
//! runs the tests, and a model server in place of a provider. All of it ends with the value.
//!
//! Nothing here decides anything: how flightdeck reads and drives a CLI is tested with it, and is not in it.

pub(crate) mod claude;
pub(crate) mod codex;
pub(crate) mod opencode;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::tmux::inject::{self, Injected};
use flightdeck::edge::tmux::session;
use flightdeck::edge::tmux::session::Born;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::stub::Stub;
use crate::support::{Lab, tag};

/// How long anything may take on a loaded machine. CLIs that retry get more, where they are waited for.
const PATIENCE: Duration = Duration::from_secs(45);

/// A program that `tests/lab/install` installs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Its folder in `tests/lab/clis`.
    pub(crate) name: &'static str,
    /// Its name in the cache: with its version.
    pub(crate) file: &'static str,
}

impl Program {
    /// Where it is.
    ///
    /// # Panics
    ///
    /// Where it is not: a test that passed without the program it is about would be a lie.
    pub(crate) fn path(self) -> String {
        let path = cache().join("bin").join(self.file);
        assert!(path.exists(), "{} is not installed for the lab: `make lab CLIS={}` installs it", self.file, self.name);
        path.display().to_string()
    }
}

/// The folder that `tests/lab/install` fills.
fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HOME").unwrap_or_default().join(".cache");
    folder("FLIGHTDECK_LAB").unwrap_or_else(|| folder("XDG_CACHE_HOME").unwrap_or_else(home).join("flightdeck-lab"))
}

/// Where a CLI will work: its folders exist, nothing runs yet.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) home: PathBuf,
    pub(crate) project: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The CLIs know folders by their real names.
        let real = folder.path().canonicalize().expect("it is there");
        let (home, project) = (real.join("home"), real.join("project"));
        for made in [&home, &project] {
            std::fs::create_dir(made).expect("a folder");
        }
        Place { folder, home, project }
    }

    /// Writes a file below the home, with the folders to it.
    pub(crate) fn write_home(&self, name: &str, text: &str) {
        let path = self.home.join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
}

/// A CLI that runs.
pub(crate) struct Agent {
    pub(crate) stub: Stub,
    pub(crate) home: PathBuf,
    pub(crate) project: PathBuf,
    pub(crate) born: Born,
    // Last, since values end in this order: whatever the CLI left behind is ended before its tmux server and folder.
    lab: Lab,
}

impl Agent {
    /// Starts `argv` with these variables and no others but those that any program needs.
    pub(crate) async fn start(place: Place, stub: Stub, variables: &[(&str, &str)], argv: Vec<String>) -> Agent {
        let Place { folder, home, project } = place;
        let lab = Lab::with_program("tmux", folder).await;
        let mut whole = vec!["env".to_string(), "-i".to_string(), format!("HOME={}", home.display())];
        let common = [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("SHELL", "/bin/sh"), ("TERM", "tmux-256color")];
        // Whatever would leave the machine goes to our server instead, which refuses it and writes down where to.
        let url = stub.url();
        let inside = [("HTTP_PROXY", &*url), ("HTTPS_PROXY", &url), ("NO_PROXY", "127.0.0.1,localhost")];
        let all = common.iter().chain(&inside).chain(variables);
        whole.extend(all.map(|(name, value)| format!("{name}={value}")));
        whole.extend(argv);
        let mut launch = lab.launch(whole);
        launch.cwd = project.clone();
        let born = session::start_agent(&lab.client, &lab.server, &tag("worker", 1), &launch).await.expect("it starts");
        Agent { stub, home, project, born, lab }
    }

    pub(crate) async fn screen(&self) -> Vec<String> {
        self.lab.screen(&self.born.place.pane).await
    }

    /// Waits until a line of the screen has this in it.
    pub(crate) async fn shows(&self, wanted: &str) {
        self.wait(wanted, async || self.screen().await.iter().any(|line| line.contains(wanted))).await;
    }

    /// Waits until something is so, within [`PATIENCE`].
    ///
    /// # Panics
    ///
    /// With the screen, where it never comes.
    pub(crate) async fn wait(&self, what: &str, is_so: impl AsyncFnMut() -> bool) {
        self.wait_within(PATIENCE, what, is_so).await;
    }

    /// The same within a time of its own.
    pub(crate) async fn wait_within(&self, span: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let begun = clock::monotonic_ms();
        while !is_so().await {
            let waited = clock::monotonic_ms() - begun;
            if waited > i64::try_from(span.as_millis()).expect("a short time") {
                panic!("never came: {what}\nthe screen:\n{}", self.screen().await.join("\n"));
            }
            clock::pause(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn paste(&self, text: &str) {
        let pasted = inject::paste(&self.lab.client, &self.born.place.pane, "lab", text).await;
        assert_eq!(pasted, Ok(Injected::Done), "{text:?}");
    }

    pub(crate) async fn press(&self, key: &str) {
        let pressed = inject::press_key(&self.lab.client, &self.born.place.pane, key).await;
        assert_eq!(pressed, Ok(Injected::Done), "{key}");
    }

    /// Waits until the pane's program has ended.
    pub(crate) async fn ends(&self) {
        self.wait("its end", async || {
            let screen = flightdeck::edge::tmux::screen::capture(&self.lab.client, &self.born.place.pane).await;
            screen.is_ok_and(|screen| screen.is_none_or(|screen| screen.mode.dead))
        })
        .await;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        end_all_at_home(&self.home);
    }
}

/// Ends what outlives its server: daemons, and programs that ignore the end of their terminal. Each has our home in its
/// environment, and one may start another while we look: so until none is left, which takes two rounds.
pub(crate) fn end_all_at_home(home: &Path) {
    for _ in 0..50 {
        let left = processes_at_home(home);
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        clock::block(Duration::from_millis(20));
    }
}

/// Every process whose home this is.
pub(crate) fn processes_at_home(home: &Path) -> Vec<Pid> {
    let mut system = System::new().expect("processes can be read");
    let environment = ProcessRefreshKind::nothing().with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, environment);
    let wanted = format!("HOME={}", home.display());
    let ours = system.processes().values().filter(|process| {
        let is_dead = matches!(process.status(), sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead);
        // Threads share the environment of their process.
        !is_dead && process.thread_kind().is_none() && process.environ().iter().any(|entry| *entry == *wanted)
    });
    ours.filter_map(|process| Pid::from_raw(i32::try_from(process.pid().as_u32()).ok()?)).collect()
}

/// The JSON documents of a file, one a line; nothing where there is no such file, and the last line only once it is whole.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A document of `tests/channels`.
pub(crate) fn recorded(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/channels").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// The lines of a recorded turn.
pub(crate) fn recorded_lines(name: &str) -> Vec<Value> {
    json_lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/channels").join(name))
}

/// The names of an object's fields.
pub(crate) fn fields(value: &Value) -> BTreeSet<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}
