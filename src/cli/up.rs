//! `flightdeck up`: an engine in the background, in a tmux session of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::config::parse::BACKEND;
use crate::edge::clock;
use crate::edge::link::{Client, NoEngine};
use crate::edge::lock;
use crate::edge::store::{Filter, Page};
use crate::edge::tmux::oneshot::{EnginePane, OneShot};
use crate::edge::tmux::server::{ServerSpec, StartError, start_server};
use crate::edge::workspace::wished;
use crate::pilot::fact::Server;
use crate::pilot::record::Record;
use crate::words::text;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, asking, check, logfile, out, recorded, workspace};

/// An engine answers in some 50 ms; a starved machine and a long log to fold take longer.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
/// Last lines of an engine that did not come up.
const TAIL: usize = 15;

/// Start an engine in the background; it starts your agents
///
/// The engine runs in the session _engine of the workspace's own tmux server. One that runs
/// already is left alone. With FLIGHTDECK_BACKEND in the environment all agents get that backend,
/// whatever flightdeck.toml says.
///
/// Examples:
///   flightdeck up
///   flightdeck up --workspace ~/deck
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {}

/// Starts it and waits until it answers.
pub fn run(_args: &Args, global: &Global) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let (client, how) = ensure(&root)?;
    running(&root, &client, how, global)
}

/// A connection to the workspace's engine, which is started if none runs, and the words for which of the two it was.
pub fn ensure(root: &Path) -> Result<(Client, &'static str), CliError> {
    let state = workspace::state_dir(root);
    match Client::connect(&state) {
        Ok(client) => return Ok((client, "runs already")),
        Err(NoEngine::Absent(_)) => {}
        Err(why) => return Err(asking::no_engine(root, why)),
    }
    if let Some(holder) = lock::current(&state) {
        let what = format!("process {} on {} holds the workspace since {}", holder.pid, holder.host, holder.since);
        return Err(CliError::new(Kind::Locked, format!("{what}, but does not answer"))
            .hint("it may be just starting: try again; else end it, and agents go on")
            .fact("holder", &holder));
    }
    check::config(root)?;
    let tmux = start(root, &state)?;
    Ok((await_engine(root, &state, &tmux)?, "runs"))
}

fn start(root: &Path, state: &Path) -> Result<OneShot, CliError> {
    let failed = |cause: StartError| {
        CliError::new(Kind::Machine, "the workspace's tmux server could not be started")
            .cause(cause)
            .hint("`flightdeck doctor` looks at tmux")
    };
    let spec = ServerSpec {
        program: "tmux".into(),
        socket: workspace::tmux_socket(root),
        conf: state.join("tmux.conf"),
        cwd: root.to_path_buf(),
    };
    let recorded = recorded_server(root)?;
    workspace::wait(start_server(&spec, recorded.as_ref()))?.map_err(failed)?;
    let tmux = OneShot::new("tmux", spec.socket);
    let mut argv = Vec::new();
    // tmux gives the engine the environment of its server, which knows nothing of this wish.
    if let Some(name) = wished() {
        argv.extend(["env".to_string(), format!("{BACKEND}={name}")]);
    }
    let own = utf8(std::env::current_exe()?)?;
    argv.extend([own, "watch".into(), "--workspace".into(), utf8(root.to_path_buf())?]);
    workspace::wait(tmux.start_engine(root, &argv))?
        .map_err(|cause| CliError::new(Kind::Machine, "no session for the engine could be made").cause(cause))?;
    Ok(tmux)
}

/// The server that should be there: while it lives, no second one is started (fault T4).
fn recorded_server(root: &Path) -> Result<Option<Server>, CliError> {
    let Some(reader) = recorded::reader(root)? else { return Ok(None) };
    let filter = Filter { kind: Some("server_up".to_string()), ..Filter::default() };
    let rows = reader.rows(&filter, Page::Newest, 1).map_err(recorded::unreadable)?;
    Ok(match rows.first().and_then(|row| row.record().ok()) {
        Some(Record::ServerUp { server }) => Some(server),
        Some(_) | None => None,
    })
}

fn await_engine(root: &Path, state: &Path, tmux: &OneShot) -> Result<Client, CliError> {
    let began = clock::monotonic_ms();
    let patience = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    loop {
        if let Ok(client) = Client::connect(state) {
            return Ok(client);
        }
        let pane = workspace::wait(tmux.engine())?;
        let ended = pane.as_ref().is_none_or(|pane| pane.dead);
        if ended || clock::monotonic_ms() - began >= patience {
            return Err(not_up(root, pane.as_ref(), ended));
        }
        clock::block(LOOK);
    }
}

fn running(root: &Path, client: &Client, how: &str, global: &Global) -> Result<Exit, CliError> {
    let holder = lock::current(&workspace::state_dir(root));
    let pid = holder.as_ref().map(|holder| holder.pid);
    if global.json {
        out::json(&json!({
            "answer": "accepted",
            "what": how,
            "pid": pid,
            "epoch": client.epoch,
            "version": client.version,
            "workspace": root.display().to_string(),
        }))?;
        return Ok(Exit::Done);
    }
    let process = pid.map_or(String::new(), |pid| format!(" as process {pid}"));
    let version = if client.version == env!("CARGO_PKG_VERSION") {
        String::new()
    } else {
        format!(", flightdeck {} (this is {})", client.version, env!("CARGO_PKG_VERSION"))
    };
    let words =
        format!("the engine of {} {how}{process}{version}; `flightdeck status` shows the fleet", root.display());
    out::line(&text::line(&words))?;
    Ok(Exit::Done)
}

fn not_up(root: &Path, pane: Option<&EnginePane>, ended: bool) -> CliError {
    let mut tail = logfile::tail(root, TAIL);
    let shown = pane.map(|pane| pane.lines.clone()).unwrap_or_default();
    tail.extend(shown.into_iter().rev().take(TAIL).rev());
    let what = if ended {
        "the engine ended at once".to_string()
    } else {
        format!("the engine does not answer after {PATIENCE:?}")
    };
    let kind = if ended { Kind::Machine } else { Kind::Late };
    let lines: String = tail.iter().map(|line| text::line(line) + "\n").collect();
    CliError::new(kind, what)
        .before(lines)
        .fact("log", &tail)
        .hint("its last words stand above; `flightdeck watch` runs it here")
}

fn utf8(path: PathBuf) -> Result<String, CliError> {
    path.into_os_string().into_string().map_err(|path| {
        CliError::new(Kind::Machine, format!("{} is not UTF-8", Path::new(&path).display())).hint("move it")
    })
}
