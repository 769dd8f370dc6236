//! Looking at panes through the control client of a real tmux server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use divan::Bencher;
use flightdeck::edge::spawn;
use flightdeck::edge::tmux::screen::capture;
use flightdeck::edge::tmux::server::{ServerSpec, start_server};
use flightdeck::edge::tmux::session::{OwnerTag, start_agent};
use flightdeck::edge::tmux::{TmuxClient, verb};
use flightdeck::pilot::effect::LaunchSpec;
use flightdeck::pilot::id::{AgentId, Incarnation};
use tokio::runtime::Runtime;

const SCREEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens/claude-2.1.329/after-answer-idle.txt");

#[divan::bench(args = [1, 100])]
fn capture_one_pane(bencher: Bencher<'_, '_>, panes: usize) {
    let lab = Lab::new(panes);
    bencher.bench_local(|| {
        let screen = lab.runtime.block_on(capture(&lab.client, &lab.pane)).expect("tmux answers").expect("a pane");
        assert!(!screen.lines.is_empty());
        screen
    });
}

#[divan::bench(args = [1, 100])]
fn list_all_marks(bencher: Bencher<'_, '_>, panes: usize) {
    let lab = Lab::new(panes);
    bencher.bench_local(|| {
        let marks = lab.runtime.block_on(lab.client.ask(verb::list_marks().expect("a line"))).expect("tmux answers");
        assert!(marks.lines().count() > panes, "the anchor's pane and all others");
        marks
    });
}

/// What each look would cost by a process of its own.
#[divan::bench(args = [1, 100])]
fn capture_by_spawning_tmux(bencher: Bencher<'_, '_>, panes: usize) {
    let lab = Lab::new(panes);
    bencher.bench_local(|| lab.tmux(&["capture-pane", "-p", "-t", &lab.pane]));
}

struct Lab {
    dir: tempfile::TempDir,
    runtime: Runtime,
    client: TmuxClient,
    pane: String,
}

impl Lab {
    fn new(panes: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("fdb").tempdir_in("/tmp").expect("a folder in /tmp");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = TmuxClient::new("tmux", socket(dir.path()));
        let pane = runtime.block_on(filled(&client, dir.path(), panes));
        Lab { dir, runtime, client, pane }
    }

    fn tmux(&self, args: &[&str]) {
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(socket(self.dir.path())).args(args);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "tmux {args:?}");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// In a folder that the server makes private.
fn socket(dir: &Path) -> PathBuf {
    dir.join("tmux/tmux.sock")
}

/// A server with so many panes, all showing the same screen; the last pane.
async fn filled(client: &TmuxClient, dir: &Path, panes: usize) -> String {
    let spec = ServerSpec {
        program: "tmux".into(),
        socket: socket(dir),
        conf: socket(dir).with_extension("conf"),
        cwd: dir.to_path_buf(),
    };
    start_server(&spec, None).await.expect("tmux starts");
    let server = client.connect().await.expect("it answers").server;
    let argv = ["sh", "-c", "cat \"$0\"; exec cat", SCREEN].map(str::to_string).to_vec();
    let mut pane = String::new();
    for n in 0..panes {
        let agent = AgentId::parse(&format!("a{n:03}")).expect("a good name");
        let tag = OwnerTag { nonce: "bench".to_string(), agent, incarnation: Incarnation(1) };
        let launch = LaunchSpec {
            channel: flightdeck::config::model::Channel::None,
            mcp: None,
            argv: argv.clone(),
            cwd: dir.to_path_buf(),
            env: std::collections::BTreeMap::new(),
            env_file: None,
            account: None,
            resumes: None,
            attach: None,
            size: (120, 40),
            history: 5000,
        };
        pane = start_agent(client, &server, &tag, &launch).await.expect("it starts").place.pane;
    }
    loop {
        let screen = capture(client, &pane).await.expect("tmux answers").expect("a pane");
        if screen.lines.iter().any(|line| line.contains('❯')) {
            return pane;
        }
    }
}
