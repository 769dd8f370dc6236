//! The engine's socket: newline-delimited JSON, both ways. First line from the engine: `{"flightdeck":1,…}`. A client sends
//! `{"ask":1,"command":{"command":"status"}}` and gets `{"ask":1,"answer":{…}}` or `{"ask":1,"error":"…"}`; after
//! `{"ask":2,"follow":{"since":41}}` it gets every record after number 41, `{"record":{"seq":42,"at":…,"kind":…}}`, and
//! `{"live":N}` once the past is told; after `{"ask":3,"watch":{}}` the picture and its changes; after
//! `{"ask":4,"peek":{"agent":"builder"}}` what that agent's pane shows.
//!
//! No client can slow the engine: answers go into a bounded queue, records of the past are read from the log by the
//! client's own task, of pictures only the newest is kept, and who does not read is dropped. Nothing here knows what a
//! command does.

mod client;
mod duplex;
mod frame;
mod serve;
mod sights;

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use super::clock;
use super::lock::Lock;
use crate::pilot::command::{Answer, Command};
use crate::pilot::event::Ask;
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::view::View;

pub use client::{Client, Follow, Followed, LinkError, NoEngine};
pub use duplex::{Asker, Heard, Hearing};
pub use frame::{CAP, PROTOCOL, Request, Unclear, Wants, request};
pub use sights::{Peep, Wanted};

/// Name of the socket inside the state folder.
pub const NAME: &str = "link.sock";
/// Cockpits, boards and scripts of one operator; more are a mistake in a loop.
pub const CLIENTS: usize = 64;
/// Answers that wait for one client. A client asks one thing at a time; one that doesn't read this many is gone.
const ANSWERS: usize = 64;
/// Answers on their way to all clients together: as many as there is room for.
const UNSENT: u32 = (CLIENTS * ANSWERS) as u32;
/// What was answered goes out before the engine ends, unless a client does not take it.
const GOODBYE: Duration = Duration::from_millis(500);
/// For the last records and the last picture to go out to who looks on.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Batches of records that a client may be behind before it reads them from the log again.
const BEHIND: usize = 256;
/// Clients that begin to watch or to peek and wait for the engine's next round; above, they wait unread.
const BEGINNING: usize = 64;

/// What a client wants of the engine.
#[derive(Debug)]
pub struct Asked {
    pub ask: Ask,
    pub command: Command,
    /// Where the answer goes; dropped without one, the client hears that there was none.
    pub reply: Reply,
}

/// The way back to one client, for one question.
#[derive(Debug)]
pub struct Reply {
    ask: u64,
    queue: mpsc::Sender<Line>,
    /// Told when the queue is full: the connection ends.
    full: Arc<Notify>,
    unsent: Arc<Semaphore>,
    answered: bool,
}

/// An answer in its client's queue. It holds its place among the unsent ones until it is written.
#[derive(Debug)]
struct Line {
    text: String,
    _place: Option<OwnedSemaphorePermit>,
}

impl Line {
    /// One that no goodbye waits for.
    fn plain(text: String) -> Self {
        Line { text, _place: None }
    }
}

impl Reply {
    /// Answers. A client that has gone, or that does not read, loses its answer and its connection, and nobody waits.
    pub fn send(mut self, answer: &Answer) {
        self.answered = true;
        self.put(frame::answer(self.ask, answer));
    }

    fn put(&self, text: String) {
        let line = Line { text, _place: Arc::clone(&self.unsent).try_acquire_owned().ok() };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(line) {
            self.full.notify_one();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.answered {
            self.put(frame::error(Some(self.ask), "the engine gave no answer: ask again"));
        }
    }
}

/// One committed batch, as the lines that clients get.
#[derive(Debug)]
struct Batch {
    first: u64,
    last: u64,
    lines: String,
}

/// What the engine says to all clients at once, and what of its answers is under way.
#[derive(Clone, Debug)]
struct Mouth {
    batches: broadcast::Sender<Arc<Batch>>,
    views: watch::Sender<Option<Arc<View>>>,
    unsent: Arc<Semaphore>,
}

/// The engine's end. Dropping it closes the socket and all connections.
#[derive(Debug)]
pub struct Link {
    path: PathBuf,
    inode: (u64, u64),
    mouth: Mouth,
    wanted: mpsc::Receiver<Wanted>,
    accepting: JoinHandle<()>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{} is not a socket: move it away", .0.display())]
    NotSocket(PathBuf),
    #[error("{}: its path is longer than sockets allow: use a workspace with a shorter path", .0.display())]
    TooLong(PathBuf),
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
}

impl Link {
    /// Opens the socket in the state folder `dir` and begins to serve clients; what they ask comes out of `asked`, and
    /// the past is read from `records`. A socket that is there already is a dead engine's: `lock` proves it.
    pub fn bind(dir: &Path, records: PathBuf, lock: &Lock, asked: mpsc::Sender<Asked>) -> Result<Self, BindError> {
        let path = dir.join(NAME);
        let io = |cause| BindError::Io { path: path.clone(), cause };
        match path.symlink_metadata() {
            Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(&path).map_err(io)?,
            Ok(_) => return Err(BindError::NotSocket(path)),
            Err(_) => {}
        }
        let listener = at_short_path(dir, UnixListener::bind).map_err(io)?.ok_or(BindError::TooLong(path.clone()))?;
        // The folder is 0700, so nobody came in before this.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).map_err(io)?;
        let meta = path.symlink_metadata().map_err(io)?;
        let mouth = Mouth {
            batches: broadcast::channel(BEHIND).0,
            views: watch::Sender::new(None),
            unsent: Arc::new(Semaphore::new(UNSENT as usize)),
        };
        let (wanting, wanted) = mpsc::channel(BEGINNING);
        let house = serve::House::new(records, lock.epoch(), asked, wanting, mouth.clone());
        let accepting = tokio::spawn(serve::accept(listener, house));
        Ok(Link { path, inode: (meta.dev(), meta.ino()), mouth, wanted, accepting })
    }

    /// Lets the answers that were given reach their clients: an engine that ends says so first.
    pub async fn say_goodbye(&self) {
        // A client that does not take its answer loses it: late is as good as done.
        let _ = clock::within(GOODBYE, self.mouth.unsent.acquire_many(UNSENT)).await;
        // Records and pictures are written by tasks of their own, which this pause lets run; who reads too slowly misses the end.
        if self.is_watched() || self.mouth.batches.receiver_count() > 0 {
            clock::pause(LAST_WORDS).await;
        }
    }

    /// Gives committed records to every client that follows. Never waits.
    pub fn publish(&self, records: &[(Stamp, Record)]) {
        let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else { return };
        if self.mouth.batches.receiver_count() == 0 {
            return;
        }
        let lines = records.iter().map(|(stamp, record)| frame::record(*stamp, record)).collect();
        let batch = Batch { first: first.seq, last: last.seq, lines };
        // No receiver any more: nobody follows, which is no error.
        let _ = self.mouth.batches.send(Arc::new(batch));
    }

    /// The next thing a client wants to see. Never ends while nobody wants anything.
    pub async fn wanted(&mut self) -> Wanted {
        match self.wanted.recv().await {
            Some(wanted) => wanted,
            None => std::future::pending().await,
        }
    }

    /// Whether anybody watches the picture.
    pub fn is_watched(&self) -> bool {
        self.mouth.views.receiver_count() > 0
    }

    /// Shows the picture to everybody who watches: whole to who has none yet, its changes to the others, and a word that
    /// we are alive where it has none for them. Never waits.
    pub fn show(&self, view: View) {
        self.mouth.views.send_replace(Some(Arc::new(view)));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        let ours = self.path.symlink_metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == self.inode);
        if ours {
            // A socket that stays is replaced by the next engine.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The kernel's limit for the path of a socket is 108 bytes (104 on macOS), ending NUL included.
const SOCKET_PATH: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// Calls `open` with a path of the socket that is short enough: its own, or one through a descriptor of its folder.
/// `None`: there is no short one on this system.
fn at_short_path<T>(dir: &Path, open: impl Fn(PathBuf) -> std::io::Result<T>) -> std::io::Result<Option<T>> {
    use std::os::fd::AsRawFd;
    let path = dir.join(NAME);
    if path.as_os_str().len() < SOCKET_PATH {
        return open(path).map(Some);
    }
    let folder = std::fs::File::open(dir)?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    match through.is_dir() {
        true => open(through.join(NAME)).map(Some),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests;
