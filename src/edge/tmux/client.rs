//! [`TmuxClient`]: one long-lived control client of one server, cheap to clone. Commands of one call are written at once
//! and answered together; calls of different callers never mix.
//!
//! Connects only when told to, never starts a server, never repeats a command by itself.
//!
//! Keep to one control client per server. tmux 3.3a (and up to 3.6, tmux/tmux#4980) ends with a segmentation fault when a
//! session is made, ended, attached or detached, or a pane enters or leaves a mode, in the millisecond in which a control client introduces itself: it writes the notification to a
//! client that can't take it yet. So an earlier client of ours has left before the next one knocks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::link::{IN_FLIGHT, Link, Request};
pub use super::link::{Lost, News};
use super::parser::Block;
use super::quote::Unquotable;
use super::{proc, server, verb};
use crate::edge::{clock, spawn};
use crate::pilot::fact::Server;

/// No answer within this is silence (faults T3, V10). A batch over 300 panes takes 10 ms; this allows a starved machine.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TmuxError {
    /// Nothing was sent.
    #[error("not connected to tmux; nothing was sent")]
    Down,
    /// It was sent, and may happen yet.
    #[error("tmux did not answer within {0:?}; the request may still be carried out")]
    Silent(Duration),
    /// It was sent, and may have happened.
    #[error("the connection to tmux ended before the answer: {0}")]
    Gone(String),
    /// Nothing was sent.
    #[error(transparent)]
    Unquotable(#[from] Unquotable),
    /// tmux's own error message: the command had no effect.
    #[error("tmux refused: {0}")]
    Refused(String),
    /// An answer that no version we know gives.
    #[error("tmux gave an answer that can't be read: {0:?}")]
    Odd(String),
}

impl TmuxError {
    /// Nobody can say whether the request was carried out.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            TmuxError::Silent(_) | TmuxError::Gone(_) | TmuxError::Odd(_) => true,
            TmuxError::Down | TmuxError::Unquotable(_) | TmuxError::Refused(_) => false,
        }
    }
}

/// A handle to the control client of one server.
#[derive(Clone, Debug)]
pub struct TmuxClient(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    program: OsString,
    socket: PathBuf,
    deadline: Duration,
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    /// Held while connecting: never two at once.
    connecting: tokio::sync::Mutex<()>,
    news: Arc<watch::Sender<News>>,
}

/// Who answered a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    pub server: Server,
    /// `#{version}` of the server, which may be older than the installed tmux.
    pub version: String,
}

impl TmuxClient {
    /// A client for the server on `socket`, not yet connected. `program` is the tmux to run.
    pub fn new(program: impl Into<OsString>, socket: impl Into<PathBuf>) -> Self {
        Self::with_deadline(program, socket, DEADLINE)
    }

    /// The same with a deadline of its own per request.
    pub fn with_deadline(program: impl Into<OsString>, socket: impl Into<PathBuf>, deadline: Duration) -> Self {
        TmuxClient(Arc::new(Shared {
            program: program.into(),
            socket: socket.into(),
            deadline,
            requests: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
            news: Arc::new(watch::Sender::new(News::default())),
        }))
    }

    /// The server's socket.
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// The tmux that is run.
    pub fn program(&self) -> &OsString {
        &self.0.program
    }

    /// The state of the connection, to be waited on.
    pub fn news(&self) -> watch::Receiver<News> {
        self.0.news.subscribe()
    }

    /// Connects anew, ending an earlier connection, be it one of an earlier engine. Fails where no server runs: it starts none.
    pub async fn connect(&self) -> Result<Connected, TmuxError> {
        let _alone = self.0.connecting.lock().await;
        self.leave_first().await;
        if self.0.news.borrow().connection == 0 {
            self.end_stale();
        }
        self.connect_once().await
    }

    /// Ends the control client that an earlier engine left behind, if that very process still lives. A client whose engine was
    /// killed waits for ever for its last output to be read; its server goes on telling it everything, and an ending one
    /// turns everybody away as [`server::WEDGED`] because of it. Not while connected: the process that is known is then our own.
    pub fn end_stale(&self) -> bool {
        let Ok(text) = std::fs::read_to_string(self.client_file()) else { return false };
        let Some((pid, started)) = text.trim().split_once(' ') else { return false };
        let (Ok(pid), Ok(started)) = (pid.parse::<u32>(), started.parse::<u64>()) else { return false };
        // The file of a copied workspace tells of a client of the original's server, which may well be in use.
        let is_ours =
            proc::started(pid) == Some(started) && proc::is_tmux(pid) && proc::names_socket(pid, self.socket());
        is_ours && proc::signal(pid, rustix::process::Signal::KILL)
    }

    /// Runs command lines (from [`verb`]) in order, and gives all their replies.
    pub async fn run(&self, lines: Vec<String>) -> Result<Vec<Block>, TmuxError> {
        let sender = self.requests().clone().ok_or(TmuxError::Down)?;
        let (reply, answer) = oneshot::channel();
        sender.send(Request { lines, reply }).await.map_err(|_| TmuxError::Down)?;
        answer.await.map_err(|_| TmuxError::Gone("the engine is ending".to_string()))?
    }

    /// Runs one line whose first reply is all that counts; a refusal by tmux becomes an error.
    pub async fn ask(&self, line: String) -> Result<Block, TmuxError> {
        let block = self.run(vec![line]).await?.into_iter().next().unwrap_or_default();
        if block.ok { Ok(block) } else { Err(TmuxError::Refused(block.word().to_string())) }
    }

    /// Ends the connection; the server and everything in it goes on.
    pub fn disconnect(&self) {
        *self.requests() = None;
    }

    /// Ends an earlier connection and waits until its client has left.
    async fn leave_first(&self) {
        self.disconnect();
        let mut news = self.news();
        let left = news.wait_for(|news| news.connection == 0 || news.lost.is_some());
        // A client that does not leave is killed well before; a server that does not answer is found out soon enough.
        let _ = clock::within(self.0.deadline, left).await;
    }

    async fn connect_once(&self) -> Result<Connected, TmuxError> {
        let socket = self.0.socket.to_str().ok_or(TmuxError::Odd("a socket path that is not UTF-8".to_string()))?;
        let mut command = spawn::command(&self.0.program);
        command.args(verb::control_argv(socket));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|cause| TmuxError::Gone(cause.to_string()))?;
        self.note_client(child.id());
        let mut connection = 0;
        self.0.news.send_modify(|news| {
            news.connection += 1;
            news.lost = None;
            connection = news.connection;
        });
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let link = Link::new(child, receiver, Arc::clone(&self.0.news), connection, self.0.deadline)
            .ok_or_else(|| TmuxError::Gone("its pipes are missing".to_string()))?;
        tokio::spawn(link.run());
        *self.requests() = Some(sender);
        let connected = self.who().await;
        if connected.is_err() {
            self.disconnect();
        }
        connected
    }

    async fn who(&self) -> Result<Connected, TmuxError> {
        let block = self.ask(verb::server()?).await?;
        let (server, version, session) =
            server::identity(block.word()).ok_or_else(|| TmuxError::Odd(block.word().to_string()))?;
        if session != verb::ANCHOR {
            return Err(TmuxError::Gone(format!("the client came into the session {session}")));
        }
        Ok(Connected { server, version })
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Request>>> {
        // The lock only guards one assignment, so a panic elsewhere leaves nothing half done.
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the process of the last control client is written down, for [`Self::end_stale`] of a later engine.
    fn client_file(&self) -> PathBuf {
        self.0.socket.with_extension("client")
    }

    fn note_client(&self, pid: Option<u32>) {
        let Some((pid, started)) = pid.and_then(|pid| Some((pid, proc::started(pid)?))) else { return };
        // Losing this file costs one message to the operator in a rare fault, so its errors are not worth a stop.
        let _ = server::write_private(&self.client_file(), &format!("{pid} {started}\n"));
    }
}
