//! A tmux server of our own: starting one on request, and asking who answers on a socket.
//!
//! Never starts a server by the way, never one where another may still live (fault T4), and reads no configuration but
//! our own (fault T15).

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::{proc, verb};
use crate::edge::{clock, spawn};
use crate::pilot::fact::{Exit, Server};

/// A server answers in a few milliseconds; starting one takes 20.
const ANSWER: Duration = Duration::from_secs(2);
const START: Duration = Duration::from_secs(10);
/// For a server to make its socket anew after SIGUSR1.
const SOCKET_BACK: Duration = Duration::from_secs(1);
const SOCKET_LOOK: Duration = Duration::from_millis(20);
/// Bytes in a socket's path; macOS allows 104 with the NUL, Linux 108.
const SOCKET_PATH: usize = 103;
/// The oldest tmux with `-N` and with clients that get no output.
const OLDEST: (u32, u32) = (3, 2);

/// What tmux says of a server that has ended but for a stuck client.
pub const WEDGED: &str = "server exited unexpectedly";

/// Which server: all paths absolute and UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// The tmux to run: a name looked up in PATH, or a path.
    pub program: OsString,
    /// In a folder of its own that only we may enter.
    pub socket: PathBuf,
    /// Written by us at each start.
    pub conf: PathBuf,
    /// Where the anchor session lives: the workspace.
    pub cwd: PathBuf,
}

/// Who answers on a socket: three-valued, as silence is no death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    Answering(Server),
    /// Nothing can be said; why.
    Silent(String),
    /// No server, positively.
    Gone,
}

/// Why no server could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0} is not installed or not in PATH; install tmux 3.2 or newer")]
    Missing(String),
    #[error("{program} can't be run: {cause}")]
    NotRunnable { program: String, cause: std::io::Error },
    #[error("this is tmux {found}; flightdeck needs 3.2 or newer")]
    TooOld { found: String },
    #[error("`{program} -V` answers {answer:?}, which is no tmux version; check PATH")]
    NoTmux { program: String, answer: String },
    #[error(
        "the socket path {path} has {length} bytes and the system allows {SOCKET_PATH}; move the workspace to a shorter path"
    )]
    LongPath { path: String, length: usize },
    #[error("{path} is not UTF-8; move the workspace")]
    Unnameable { path: String },
    #[error("{path}: {problem}")]
    Folder { path: String, problem: String },
    #[error("no second tmux server is started: {0}")]
    MayBeAlive(String),
    #[error("tmux could not start a server: {0}")]
    Failed(String),
}

/// The installed tmux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    /// As tmux says it: `3.3a`, `next-3.6`, `openbsd-7.5`.
    pub text: String,
}

/// Asks the installed tmux for its version (fault T17).
pub async fn version(program: &OsStr) -> Result<Version, StartError> {
    let name = program.to_string_lossy().into_owned();
    let mut command = spawn::command(program);
    command.arg("-V");
    let output = spawn::output_within(ANSWER, command).await.map_err(|error| match error {
        spawn::SpawnError::Start { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound => {
            StartError::Missing(name.clone())
        }
        spawn::SpawnError::Start { cause, .. } => StartError::NotRunnable { program: name.clone(), cause },
        late @ spawn::SpawnError::Late { .. } => StartError::Failed(late.to_string()),
    })?;
    let answer = short(&output.stdout);
    let version = parse_version(&answer).ok_or(StartError::NoTmux { program: name, answer })?;
    if (version.major, version.minor) < OLDEST {
        return Err(StartError::TooOld { found: version.text });
    }
    Ok(version)
}

/// Who answers on `socket`. `recorded` is the server that should be there: while it lives and its socket file is gone,
/// it is told to make a new one, and nothing is called gone.
pub async fn probe(program: &OsStr, socket: &Path, recorded: Option<&Server>) -> Probe {
    let answer = match knock(socket).await {
        Knock::Open => ask(program, socket).await,
        Knock::Nobody => return nobody(program, socket, recorded).await,
        Knock::Unclear(why) => return Probe::Silent(why),
    };
    match (answer, knock(socket).await) {
        // It ended between our knock and our question.
        (Probe::Silent(_), Knock::Nobody) => nobody(program, socket, recorded).await,
        (answer, _) => answer,
    }
}

/// Starts a server, or names the one that already answers. The caller has asked for exactly this.
pub async fn start_server(spec: &ServerSpec, recorded: Option<&Server>) -> Result<Server, StartError> {
    let (socket, conf) = (utf8(&spec.socket)?, utf8(&spec.conf)?);
    if socket.len() > SOCKET_PATH {
        return Err(StartError::LongPath { path: socket.to_string(), length: socket.len() });
    }
    version(&spec.program).await?;
    for file in [&spec.socket, &spec.conf] {
        private_folder(file.parent().unwrap_or(Path::new("/")))?;
    }
    let lost = unrecorded(&spec.socket);
    match probe(&spec.program, &spec.socket, lost.as_ref().or(recorded)).await {
        Probe::Answering(server) => return Ok(server),
        Probe::Silent(why) => return Err(StartError::MayBeAlive(why)),
        Probe::Gone => {}
    }
    write_private(&spec.conf, &conf_text())
        .map_err(|cause| StartError::Folder { path: conf.to_string(), problem: cause.to_string() })?;
    let mut command = spawn::command(&spec.program);
    command.args(verb::start_argv(socket, conf)).current_dir(&spec.cwd);
    let output = spawn::output_within(START, command).await.map_err(|error| StartError::Failed(error.to_string()))?;
    match probe(&spec.program, &spec.socket, None).await {
        Probe::Answering(server) => Ok(server),
        Probe::Silent(why) => Err(StartError::Failed(why)),
        Probe::Gone => Err(StartError::Failed(short(&output.stderr))),
    }
}

/// A living server that was started with this socket, whether or not anybody recorded it. Reads the whole process
/// table: for the start of an engine, and before the start of a server.
pub fn unrecorded(socket: &Path) -> Option<Server> {
    proc::unrecorded(socket)
}

/// Makes a local server look which of its children have ended. tmux 3.3a overlooks one in ten on a busy machine: the
/// process stays a zombie and its pane is dead without a status, until some other child ends. Only for a server that
/// answered on a connection which is still up: then its number can't have come to mean another process.
pub fn reap(server: &Server) {
    if proc::is_tmux(server.pid) {
        proc::signal(server.pid, Signal::CHILD);
    }
}

/// How a pane's process ended, where a local server has overlooked it: the kernel keeps that until the server looks.
pub fn overlooked(server: &Server, pid: u32) -> Option<Exit> {
    proc::ending(pid, server.pid)
}

/// Our neutral configuration: nothing of the operator's, nothing that moves by itself. `-q` for options that older
/// versions lack.
pub fn conf_text() -> String {
    let terminal = default_terminal();
    format!(
        "# Written by flightdeck at each start of its tmux server; changes here are lost.\n\
         set -s exit-empty on\n\
         set -s escape-time 0\n\
         set -s focus-events off\n\
         set -s default-terminal \"{terminal}\"\n\
         set -g default-shell /bin/sh\n\
         set -g default-command ''\n\
         set -g update-environment ''\n\
         set -g status off\n\
         set -g set-titles off\n\
         set -g destroy-unattached off\n\
         set -g detach-on-destroy on\n\
         set -g history-limit 10000\n\
         set -g base-index 0\n\
         set -g visual-activity off\n\
         set -g visual-bell off\n\
         set -gw remain-on-exit on\n\
         set -gwq remain-on-exit-format ''\n\
         set -gw window-size latest\n\
         set -gw automatic-rename off\n\
         set -gw allow-rename off\n\
         set -gw monitor-activity off\n\
         set -gw pane-base-index 0\n\
         set -gw synchronize-panes off\n"
    )
}

/// Takes `pid,start,version,session` apart.
pub(super) fn identity(text: &str) -> Option<(Server, String, String)> {
    let mut fields = text.splitn(4, ',');
    let pid = fields.next()?.parse().ok()?;
    let started = fields.next()?.parse().ok()?;
    Some((Server { pid, started }, fields.next()?.to_string(), fields.next()?.to_string()))
}

/// Writes a file whole, readable by us alone.
pub(super) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&fresh, path)
}

/// Nobody listens on the socket, which is no proof that the server is dead.
async fn nobody(program: &OsStr, socket: &Path, recorded: Option<&Server>) -> Probe {
    let Some(server) = recorded else { return Probe::Gone };
    match proc::life(server, socket) {
        proc::Life::Dead => Probe::Gone,
        proc::Life::Alive => call_back(program, socket, server).await,
        proc::Life::Unknown => Probe::Silent(format!(
            "nobody answers on {0}, and whether tmux server {1} lives can't be told here; `kill {1}` ends it for good",
            socket.display(),
            server.pid,
        )),
    }
}

enum Knock {
    Open,
    Nobody,
    Unclear(String),
}

async fn knock(socket: &Path) -> Knock {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    match clock::within(ANSWER, tokio::net::UnixStream::connect(socket)).await {
        Ok(Ok(_)) => Knock::Open,
        Ok(Err(cause)) if matches!(cause.kind(), NotFound | ConnectionRefused) => Knock::Nobody,
        Ok(Err(cause)) => Knock::Unclear(format!("{}: {cause}", socket.display())),
        Err(late) => Knock::Unclear(format!("the tmux server on {}: {late}", socket.display())),
    }
}

async fn ask(program: &OsStr, socket: &Path) -> Probe {
    let Some(path) = socket.to_str() else { return Probe::Silent(format!("{} is not UTF-8", socket.display())) };
    let mut command = spawn::command(program);
    command.args(verb::ask_argv(path));
    let output = match spawn::output_within(ANSWER, command).await {
        Ok(output) => output,
        Err(error) => return Probe::Silent(format!("the tmux server on {path} does not answer: {error}")),
    };
    match identity(short(&output.stdout).as_str()) {
        Some((server, _, _)) => Probe::Answering(server),
        None => Probe::Silent(explain(program, &short(&output.stderr)).await),
    }
}

/// Puts what a client complained about in words that help.
async fn explain(program: &OsStr, complaint: &str) -> String {
    if complaint.contains("protocol version mismatch") {
        let installed = version(program).await.map_or_else(|error| error.to_string(), |version| version.text);
        return format!(
            "the running tmux server and the installed tmux {installed} speak different protocols ({complaint}); agents go \
             on; put the old tmux back, or stop the agents and start the server anew"
        );
    }
    format!("the tmux server gives no readable answer: {complaint:?}")
}

async fn call_back(program: &OsStr, socket: &Path, server: &Server) -> Probe {
    let path = socket.display();
    if !proc::signal(server.pid, Signal::USR1) {
        return Probe::Silent(format!("the socket {path} is gone and tmux server {} can't be signalled", server.pid));
    }
    let looks = SOCKET_BACK.as_millis() / SOCKET_LOOK.as_millis();
    for _ in 0..looks {
        if matches!(knock(socket).await, Knock::Open) {
            return ask(program, socket).await;
        }
        clock::pause(SOCKET_LOOK).await;
    }
    Probe::Silent(format!(
        "tmux server {0} lives but its socket {path} is gone and does not come back; `kill -USR1 {0}` asks it again",
        server.pid
    ))
}

fn private_folder(folder: &Path) -> Result<(), StartError> {
    let error = |problem: String| StartError::Folder { path: folder.display().to_string(), problem };
    if !folder.exists() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| error(format!("can't be made: {cause}")))?;
    }
    let meta = std::fs::symlink_metadata(folder).map_err(|cause| error(cause.to_string()))?;
    if !meta.is_dir() {
        return Err(error("is no folder; a link is not followed".to_string()));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(error("belongs to somebody else; use a workspace of your own".to_string()));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(error("is open to others; run `chmod 700` on it".to_string()));
    }
    Ok(())
}

/// `tmux-256color` where the machine knows it; else what every machine knows.
fn default_terminal() -> &'static str {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".terminfo"));
    let system =
        ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/opt/homebrew/share/terminfo"];
    let folders: Vec<PathBuf> = home.into_iter().chain(system.iter().map(PathBuf::from)).collect();
    // Linux files an entry under its first letter, macOS under that letter's number.
    let known = |name: &str| {
        let first = name.as_bytes()[0];
        let subs = [char::from(first).to_string(), format!("{first:x}")];
        folders.iter().any(|folder| subs.iter().any(|sub| folder.join(sub).join(name).exists()))
    };
    ["tmux-256color", "screen-256color"].into_iter().find(|name| known(name)).unwrap_or("screen")
}

fn parse_version(answer: &str) -> Option<Version> {
    let text = answer.lines().next()?.strip_prefix("tmux ")?.trim();
    if let Some(rest) = text.strip_prefix("openbsd-") {
        // OpenBSD counts by its own releases; since 7.0 they hold tmux 3.2 or newer.
        let (major, minor) = if rest.split('.').next()?.parse::<u32>().ok()? >= 7 { OLDEST } else { (0, 0) };
        return Some(Version { major, minor, text: text.to_string() });
    }
    if text == "master" {
        return Some(Version { major: u32::MAX, minor: 0, text: text.to_string() });
    }
    let (major, rest) = text.strip_prefix("next-").unwrap_or(text).split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(Version { major: major.parse().ok()?, minor: minor.parse().ok()?, text: text.to_string() })
}

/// The beginning of a program's output, for reading and for messages.
fn short(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).trim().to_string();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn utf8(path: &Path) -> Result<&str, StartError> {
    path.to_str().ok_or_else(|| StartError::Unnameable { path: path.display().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_kinds_are_read() {
        let table = [
            ("tmux 3.3a", Some((3, 3))),
            ("tmux 3.10", Some((3, 10))),
            ("tmux next-3.6", Some((3, 6))),
            ("tmux 2.9a", Some((2, 9))),
            ("tmux openbsd-7.5", Some((3, 2))),
            ("tmux openbsd-6.9", Some((0, 0))),
            ("tmux master", Some((u32::MAX, 0))),
            ("screen 4.9", None),
            ("", None),
            ("tmux", None),
            ("tmux three", None),
        ];
        for (answer, expected) in table {
            assert_eq!(parse_version(answer).map(|version| (version.major, version.minor)), expected, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_about_a_server_is_read_or_refused_whole() {
        let (server, version, session) = identity("17696,1795227811,3.3a,_flightdeck").expect("complete");
        assert_eq!(server, Server { pid: 17696, started: 1_795_227_811 });
        assert_eq!((version.as_str(), session.as_str()), ("3.3a", "_flightdeck"));
        for text in ["", "1", "1,2,3", "a,2,3,4", ",,,"] {
            assert!(identity(text).is_none(), "{text:?}");
        }
    }
}
