//! The task behind a [`super::TmuxClient`]: owns the `tmux -C` process, always drains it, and matches replies to
//! requests by fences.
//!
//! A reply is whatever came before the fence `fd:<nonce>:<n>`, which no pane can guess and print. Counting replies would
//! not do: one line may give none, one or many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot, watch};

use super::client::TmuxError;
use super::parser::{Block, Parser, Said};
use super::verb;
use crate::edge::clock;
use crate::edge::nonce::nonce;

/// Requests under way at once; more wait in their callers. One agent has one effect in flight, so this is many agents.
pub(super) const IN_FLIGHT: usize = 64;
/// Replies of one request: a batch looks at every pane with two commands each, and 2,000 panes are beyond any machine.
const BLOCKS: usize = 4_096;
/// What is kept of the client's own complaints.
const COMPLAINT: u64 = 4_096;
/// For the client to leave by itself after its input was closed.
const LEAVE: Duration = Duration::from_millis(200);

/// One request on its way to the task.
pub(super) struct Request {
    pub(super) lines: Vec<String>,
    pub(super) reply: oneshot::Sender<Result<Vec<Block>, TmuxError>>,
}

/// What others may learn without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Connections made so far; the newest is up unless `lost` says why not.
    pub connection: u64,
    pub lost: Option<Lost>,
    /// Goes up whenever the server tells that sessions or windows came or went.
    pub changes: u64,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No answer in time: hung, or starved.
    Silent(Duration),
    /// The client ended or was moved; its own words.
    Ended(String),
    /// Nobody uses it any more.
    Dropped,
}

struct Waiting {
    token: String,
    number: u64,
    /// When it is late, on [`clock::monotonic_ms`].
    late: i64,
    blocks: Vec<Block>,
    /// How many bytes had to leave before its first one.
    from: u64,
    reply: oneshot::Sender<Result<Vec<Block>, TmuxError>>,
}

pub(super) struct Link {
    child: Child,
    stdout: ChildStdout,
    stdin: ChildStdin,
    stderr: ChildStderr,
    requests: mpsc::Receiver<Request>,
    news: Arc<watch::Sender<News>>,
    connection: u64,
    deadline: Duration,
    /// Until the server told that we are in the anchor, it may answer as if from any session.
    attached: bool,
    nonce: String,
    count: u64,
    parser: Parser,
    outgoing: VecDeque<u8>,
    /// Bytes that have left.
    left: u64,
    waiting: VecDeque<Waiting>,
}

impl Link {
    /// Takes the pipes of a fresh child. All three must have been asked for.
    pub(super) fn new(
        mut child: Child,
        requests: mpsc::Receiver<Request>,
        news: Arc<watch::Sender<News>>,
        connection: u64,
        deadline: Duration,
    ) -> Option<Self> {
        let (stdout, stdin, stderr) = (child.stdout.take()?, child.stdin.take()?, child.stderr.take()?);
        Some(Link {
            child,
            stdout,
            stdin,
            stderr,
            requests,
            news,
            connection,
            deadline,
            attached: false,
            // A number no pane can know.
            nonce: nonce(),
            count: 0,
            parser: Parser::default(),
            outgoing: VecDeque::new(),
            left: 0,
            waiting: VecDeque::new(),
        })
    }

    /// Serves requests until the connection ends, then answers all that still wait.
    pub(super) async fn run(mut self) {
        let lost = self.serve().await;
        let complaint = self.leave().await;
        let lost = match lost {
            Lost::Ended(words) => Lost::Ended(join(&words, &complaint)),
            other => other,
        };
        let connection = self.connection;
        self.news.send_if_modified(|news| {
            let current = news.connection == connection;
            if current {
                news.lost = Some(lost.clone());
            }
            current
        });
        self.requests.close();
        for waiting in self.waiting.drain(..) {
            // What has not left at all can't have happened: nobody need wonder.
            let error = if waiting.from < self.left { lost.error() } else { TmuxError::Down };
            let _ = waiting.reply.send(Err(error));
        }
        while let Ok(request) = self.requests.try_recv() {
            let _ = request.reply.send(Err(TmuxError::Down));
        }
    }

    async fn serve(&mut self) -> Lost {
        let mut buffer = vec![0; 64 * 1024];
        let attach_by = self.late();
        loop {
            let late = if self.attached { self.waiting.front().map(|oldest| oldest.late) } else { Some(attach_by) };
            let left = late.map_or(i64::MAX, |late| late - clock::monotonic_ms());
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            tokio::select! {
                biased; // What has already arrived counts before a deadline that passed while we slept.
                read = self.stdout.read(&mut buffer) => match read {
                    Ok(0) => return Lost::Ended("the connection was closed".to_string()),
                    Ok(length) => if let Some(lost) = self.take_in(&buffer[..length]) {
                        return lost;
                    },
                    Err(cause) => return Lost::Ended(cause.to_string()),
                },
                written = self.stdin.write(self.outgoing.as_slices().0), if !self.outgoing.is_empty() => match written {
                    Ok(length) => {
                        self.outgoing.drain(..length);
                        self.left += length as u64;
                    }
                    Err(cause) => return Lost::Ended(cause.to_string()),
                },
                request = self.requests.recv(), if self.attached && self.waiting.len() < IN_FLIGHT => match request {
                    Some(request) => self.send(request),
                    None => return Lost::Dropped,
                },
                () = clock::pause(left), if late.is_some() => return Lost::Silent(self.deadline),
            }
        }
    }

    fn send(&mut self, request: Request) {
        self.count += 1;
        let from = self.left + self.outgoing.len() as u64;
        let token = format!("fd:{}:{}", self.nonce, self.count);
        let fence = verb::fence(&token).expect("a token has no NUL");
        for line in request.lines.iter().chain([&fence]) {
            // An empty line would detach the client, a line end inside one would begin another.
            debug_assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
            self.outgoing.extend(line.as_bytes());
            self.outgoing.push_back(b'\n');
        }
        self.outgoing.make_contiguous();
        let late = self.late();
        // A connection has no four thousand million requests; the next one goes on above it.
        let number = (self.connection << 32) | self.count;
        self.waiting.push_back(Waiting { token, number, late, blocks: Vec::new(), from, reply: request.reply });
    }

    /// When a request that is sent now is late.
    fn late(&self) -> i64 {
        clock::monotonic_ms().saturating_add(i64::try_from(self.deadline.as_millis()).unwrap_or(i64::MAX))
    }

    fn take_in(&mut self, bytes: &[u8]) -> Option<Lost> {
        let mut said = Vec::new();
        self.parser.push(bytes, |one| said.push(one));
        said.into_iter().find_map(|one| match one {
            Said::Block(block) => self.block(block),
            Said::Note { name, rest } => self.note(&name, &rest),
            Said::Exit(reason) => Some(Lost::Ended(reason.unwrap_or_else(|| "the client was detached".to_string()))),
        })
    }

    fn block(&mut self, block: Block) -> Option<Lost> {
        let oldest = self.waiting.front_mut().filter(|_| block.ours)?;
        if block.ok && block.word() == oldest.token {
            let done = self.waiting.pop_front()?;
            // A caller that gave up does not want the reply.
            let _ = done.reply.send(Ok(done.blocks));
        } else if oldest.blocks.len() < BLOCKS {
            oldest.blocks.push(Block { asked: oldest.number, ..block });
        }
        None
    }

    fn note(&mut self, name: &str, rest: &str) -> Option<Lost> {
        match name {
            "session-changed" if rest.split_once(' ').is_some_and(|(_, session)| session == verb::ANCHOR) => {
                self.attached = true;
                None
            }
            // With the anchor gone, `detach-on-destroy` may have moved us into somebody's session.
            "session-changed" => Some(Lost::Ended(format!("the client was moved to the session {rest}"))),
            "sessions-changed" | "unlinked-window-close" | "window-close" => {
                self.news.send_modify(|news| news.changes += 1);
                None
            }
            _ => None,
        }
    }

    /// Closes our end and waits shortly for the client to leave; a client that stays is killed with its handle. Returns
    /// what it complained about.
    async fn leave(&mut self) -> String {
        // Its output is drained to the end: a client that can't write stays, and wedges its server.
        let mut complaint = Vec::new();
        let _ = self.stdin.shutdown().await;
        let words = async {
            let _ = (&mut self.stderr).take(COMPLAINT).read_to_end(&mut complaint).await;
            let _ = tokio::io::copy(&mut self.stdout, &mut tokio::io::sink()).await;
            let _ = self.child.wait().await;
        };
        if clock::within(LEAVE, words).await.is_err() {
            let _ = self.child.start_kill();
        }
        String::from_utf8_lossy(&complaint).trim().to_string()
    }
}

impl Lost {
    fn error(&self) -> TmuxError {
        match self {
            Lost::Silent(span) => TmuxError::Silent(*span),
            Lost::Ended(words) => TmuxError::Gone(words.clone()),
            Lost::Dropped => TmuxError::Down,
        }
    }
}

fn join(words: &str, complaint: &str) -> String {
    if complaint.is_empty() { words.to_string() } else { format!("{words}: {complaint}") }
}
