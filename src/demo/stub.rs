//! A model server that plays a part: it speaks the wires of the agent CLIs, does with each request what it was told to, and
//! keeps what arrived. On the loopback device only, on a port of its own.
//!
//! What it does, first match wins: a directive in the last user text (`[[slow 5]]`), the queue of [`Stub::next`], the
//! default. Only an agent's own work is scripted so; what it asks on the side always gets a short answer.
//!
//! It knows no model and no provider's checks: a request that a real one would refuse is answered like any other.

mod answer;
mod asked;
mod behaviour;
mod chat;
mod log;
mod messages;
mod responses;
mod server;
mod wire;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use crate::edge::spawn;
use tokio::sync::oneshot;

pub use asked::{Asked, Wire};
use behaviour::Behaviour;
pub use log::{End, Entry, Kind};

/// A running server; it ends with the value.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    play: Arc<Mutex<Play>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What it shall do, and what arrived. Shared by its owner and the server's thread, and held for a moment only.
#[derive(Debug)]
struct Play {
    default: Behaviour,
    next: VecDeque<Behaviour>,
    log: Vec<Entry>,
    /// Tokens that are not let in any more, whatever is asked.
    revoked: BTreeSet<String>,
}

impl Stub {
    /// Starts one, on a thread of its own: an owner that blocks does not keep it from answering.
    ///
    /// # Panics
    ///
    /// Where this machine has no port or no thread left.
    pub fn start() -> Stub {
        Stub::open().expect("a port and a thread are left")
    }

    /// The same, for who can say what is missing.
    pub fn open() -> io::Result<Stub> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let default = Behaviour::Ok("All done.".to_string());
        let play =
            Arc::new(Mutex::new(Play { default, next: VecDeque::new(), log: Vec::new(), revoked: BTreeSet::new() }));
        let (stop, stopped) = oneshot::channel();
        let shared = play.clone();
        let thread = spawn::thread("stub", move || server::run(listener, shared, stopped))?;
        Ok(Stub { address, play, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the CLIs find it, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does with the agents' work from now on, in the words of a directive.
    ///
    /// # Panics
    ///
    /// With words that mean nothing to it.
    pub fn by_default(&self, words: &str) {
        self.play().default = words.parse().expect("words of a directive");
    }

    /// What it does with the next of their requests, one each; before the default.
    ///
    /// # Panics
    ///
    /// With words that mean nothing to it.
    pub fn next(&self, words: &[&str]) {
        let next = words.iter().map(|words| words.parse().expect("words of a directive"));
        self.play().next.extend(next);
    }

    /// Lets a token in no more.
    pub fn revoke(&self, token: &str) {
        self.play().revoked.insert(token.to_string());
    }

    /// Lets it in again.
    pub fn renew(&self, token: &str) {
        self.play().revoked.remove(token);
    }

    /// Everything that arrived.
    pub fn log(&self) -> Vec<Entry> {
        self.play().log.clone()
    }

    /// The agents' own work that arrived.
    pub fn mains(&self) -> Vec<Entry> {
        self.log().into_iter().filter(|entry| entry.kind == Kind::Main).collect()
    }

    /// What the user said last in each of them.
    pub fn prompts(&self) -> Vec<String> {
        self.mains().iter().map(Entry::prompt).collect()
    }

    /// The machines that somebody wanted to reach through this one as his proxy; none of them was reached.
    pub fn outside(&self) -> BTreeSet<String> {
        let paths = self.log().into_iter().map(|entry| entry.path);
        paths.filter(|path| !path.starts_with('/')).collect()
    }

    /// Whether these words mean something to it.
    pub fn knows(words: &str) -> bool {
        words.parse::<Behaviour>().is_ok()
    }

    fn play(&self) -> MutexGuard<'_, Play> {
        self.play.lock().expect("nobody panics with it")
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
