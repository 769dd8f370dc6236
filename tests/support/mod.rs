//! A tmux server of a test's own: private socket in a temporary folder, ended with the value.

pub(crate) mod awake;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use flightdeck::edge::tmux::session::{self, Born, OwnerTag};
use flightdeck::edge::tmux::{ServerSpec, TmuxClient, server};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::effect::LaunchSpec;
use flightdeck::pilot::fact::Server;
use flightdeck::pilot::id::{AgentId, Incarnation};

/// The workspace nonce of all test agents.
pub(crate) const NONCE: &str = "n0nce";

/// How long the labs' clients wait for an answer: long for a loaded machine, short for a test.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1_500);

/// A server and a connected client.
pub(crate) struct Lab {
    pub(crate) spec: ServerSpec,
    pub(crate) server: Server,
    pub(crate) client: TmuxClient,
    pub(crate) folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) async fn new() -> Lab {
        Lab::with_program("tmux", tempfile::tempdir().expect("a temporary folder")).await
    }

    pub(crate) async fn with_program(program: impl Into<std::ffi::OsString>, folder: tempfile::TempDir) -> Lab {
        let spec = spec(program, &folder);
        let server = started(&spec).await;
        let client = TmuxClient::with_deadline(&spec.program, &spec.socket, DEADLINE);
        let connected = client.connect().await.expect("connects");
        assert_eq!(connected.server, server);
        Lab { spec, server, client, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell script as an agent; its `$1` is the folder.
    pub(crate) async fn start(&self, name: &str, script: &str) -> Born {
        self.start_as(&tag(name, 1), script).await.expect("starts")
    }

    pub(crate) async fn start_as(&self, tag: &OwnerTag, script: &str) -> Result<Born, session::StartAgentError> {
        let folder = self.folder.path().display().to_string();
        let argv = ["sh", "-c", script, tag.agent.as_str(), &folder].map(str::to_string).to_vec();
        session::start_agent(&self.client, &self.server, tag, &self.launch(argv)).await
    }

    pub(crate) fn launch(&self, argv: Vec<String>) -> LaunchSpec {
        LaunchSpec {
            channel: flightdeck::config::model::Channel::None,
            mcp: None,
            argv,
            cwd: self.folder.path().to_path_buf(),
            env: std::collections::BTreeMap::new(),
            env_file: None,
            account: None,
            resumes: None,
            attach: None,
            size: (120, 40),
            history: 500,
        }
    }

    /// A command as a person would type it, outside of the client.
    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(&self.spec.socket).arg("-N").arg("-u").args(arguments);
        let output = command.output().expect("tmux runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_string()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.server.pid).expect("a pid");
        let _ = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).expect("a pid"), signal);
    }

    pub(crate) async fn screen(&self, pane: &str) -> Vec<String> {
        let screen = flightdeck::edge::tmux::screen::capture(&self.client, pane).await.expect("tmux answers");
        screen.map(|screen| screen.lines).unwrap_or_default()
    }

    pub(crate) async fn shows(&self, pane: &str, wanted: &str) {
        until(wanted, async || self.screen(pane).await.iter().any(|line| line.contains(wanted))).await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A server that a test stopped must be able to hear.
        self.signal(rustix::process::Signal::CONT);
        end(&self.spec);
    }
}

/// A running server. Where the machine stood still in the middle of its start, whoever began that tries again.
async fn started(spec: &ServerSpec) -> Server {
    loop {
        let asleep = || clock::monotonic_ms() - awake::awake_ms();
        let before = asleep();
        match server::start_server(spec, None).await {
            Ok(server) => return server,
            Err(error) => assert!(asleep() - before > 1_000, "tmux starts: {error}"),
        }
    }
}

/// Ends the server through its socket.
pub(crate) fn end(spec: &ServerSpec) {
    let mut command = spawn::blocking("tmux");
    // Where there is none any more, that was the aim.
    let _ = command.arg("-S").arg(&spec.socket).args(["-N", "kill-server"]).output();
}

pub(crate) fn spec(program: impl Into<std::ffi::OsString>, folder: &tempfile::TempDir) -> ServerSpec {
    let state = folder.path().join("state");
    ServerSpec {
        program: program.into(),
        socket: state.join("tmux.sock"),
        conf: state.join("tmux.conf"),
        cwd: folder.path().to_path_buf(),
    }
}

pub(crate) fn tag(name: &str, incarnation: u32) -> OwnerTag {
    let agent = AgentId::parse(name).expect("a name");
    OwnerTag { nonce: NONCE.to_string(), agent, incarnation: Incarnation(incarnation) }
}

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, at most [`PATIENCE`].
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = awake::awake_ms();
    while !is_so().await {
        let waited = Duration::from_millis((awake::awake_ms() - begun).unsigned_abs());
        assert!(waited < PATIENCE, "never came: {what}");
        clock::pause(Duration::from_millis(5)).await;
    }
}

/// Runs a test the way the engine runs: one thread.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test);
}
