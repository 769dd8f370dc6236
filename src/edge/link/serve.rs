//! The engine's side of the connections: one reading and one writing task a client.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;

use super::frame::{self, Request, Unclear, Wants};
use super::{ANSWERS, Asked, Batch, CLIENTS, Line, Reply};
use crate::edge::clock;
use crate::edge::store::{Filter, Page, Reader};
use crate::pilot::event::Ask;

/// A line that was begun must end: a half one would hold a place for ever.
const LINE_LIMIT: Duration = Duration::from_secs(10);
/// Who does not take what it asked for within this is gone, however alive its process is.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Rows read from the log at once for a client that is behind: a millisecond of the engine's time.
const ROWS: u32 = 500;
/// After an accept that failed (no descriptors left, fault P15): others may close theirs meanwhile.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// What all connections share.
pub(super) struct House {
    records: PathBuf,
    epoch: u64,
    asked: mpsc::Sender<Asked>,
    batches: broadcast::Sender<Arc<Batch>>,
    unsent: Arc<Semaphore>,
    next_ask: AtomicU64,
}

impl House {
    pub(super) fn new(
        records: PathBuf,
        epoch: u64,
        asked: mpsc::Sender<Asked>,
        batches: broadcast::Sender<Arc<Batch>>,
        unsent: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(House { records, epoch, asked, batches, unsent, next_ask: AtomicU64::new(1) })
    }
}

/// Takes clients until it is aborted, and all their tasks end with it.
pub(super) async fn accept(listener: UnixListener, house: Arc<House>) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            clock::pause(ACCEPT_AGAIN).await;
            continue;
        };
        if !stream.peer_cred().is_ok_and(|peer| may_come(peer.uid())) {
            continue;
        }
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => drop(clients.spawn(client(stream, place, Arc::clone(&house)))),
            Err(_) => turn_away(&stream),
        }
    }
}

/// Ourselves and root, who can do anything anyway.
fn may_come(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

fn turn_away(stream: &UnixStream) {
    let text = frame::error(None, &format!("{CLIENTS} clients are connected already: close some"));
    // A fresh socket has room for a line; if not, closing says enough.
    let _ = stream.try_write(text.as_bytes());
}

async fn client(stream: UnixStream, _place: OwnedSemaphorePermit, house: Arc<House>) {
    let (read, write) = stream.into_split();
    let (answers, queue) = mpsc::channel(ANSWERS);
    let (follow, followed) = mpsc::channel(1);
    let full = Arc::new(Notify::new());
    let listening = listen(read, Arc::clone(&house), Ways { answers, follow, full: Arc::clone(&full) });
    let telling = tell(write, house, queue, followed);
    tokio::pin!(listening);
    tokio::pin!(telling);
    tokio::select! {
        () = &mut telling => {}
        () = full.notified() => {}
        // What was already answered still goes out: the queue ends when the last one who could answer has.
        () = &mut listening => telling.await,
    }
}

/// From the reading task to the writing one.
struct Ways {
    answers: mpsc::Sender<Line>,
    follow: mpsc::Sender<u64>,
    full: Arc<Notify>,
}

impl Ways {
    fn refuse(&self, ask: Option<u64>, why: &str) -> bool {
        self.answers.try_send(record(frame::error(ask, why))).is_ok()
    }
}

/// Reads lines until the client ends or speaks another language.
async fn listen(read: OwnedReadHalf, house: Arc<House>, ways: Ways) {
    let mut read = BufReader::new(read);
    loop {
        let line = match line(&mut read).await {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(why) => {
                ways.refuse(None, why);
                return;
            }
        };
        match frame::request(&line) {
            Ok(Request { ask, wants: Wants::Command(command) }) => {
                let (queue, full) = (ways.answers.clone(), Arc::clone(&ways.full));
                let reply = Reply { ask, queue, full, unsent: Arc::clone(&house.unsent), answered: false };
                let ask = Ask(house.next_ask.fetch_add(1, Ordering::Relaxed));
                if house.asked.send(Asked { ask, command, reply }).await.is_err() {
                    return;
                }
            }
            Ok(Request { ask, wants: Wants::Follow { since } }) => {
                if ways.follow.try_send(since).is_err() && !ways.refuse(Some(ask), "this connection follows already") {
                    return;
                }
            }
            Err(Unclear { ask, why }) => {
                if !ways.refuse(ask, &why) || ask.is_none() {
                    return;
                }
            }
        }
    }
}

/// One line without its end; `None`: the client has closed.
async fn line(read: &mut BufReader<OwnedReadHalf>) -> Result<Option<Vec<u8>>, &'static str> {
    // Silence between lines may last for days; only within one there is a limit.
    match read.fill_buf().await {
        Ok([]) | Err(_) => return Ok(None),
        Ok(_) => {}
    }
    let mut line = Vec::new();
    let cap = u64::try_from(frame::CAP).unwrap_or(u64::MAX);
    let mut bounded = read.take(cap);
    match clock::within(LINE_LIMIT, bounded.read_until(b'\n', &mut line)).await {
        Ok(Ok(_)) if line.last() == Some(&b'\n') => Ok(Some(line)),
        Ok(Ok(length)) if length >= frame::CAP => Err("a line has at most 256 KiB"),
        Ok(_) => Ok(None),
        Err(clock::Late(_)) => Err("a line must end within 10 s"),
    }
}

/// Writes the hello, answers, and records, until nobody can answer any more or the client does not read.
async fn tell(
    mut write: OwnedWriteHalf,
    house: Arc<House>,
    mut answers: mpsc::Receiver<Line>,
    mut follow: mpsc::Receiver<u64>,
) {
    let mut following: Option<Following> = None;
    let mut more = put(&mut write, &frame::hello(house.epoch)).await;
    while more {
        let line = tokio::select! {
            biased;
            answer = answers.recv() => match answer {
                Some(answer) => answer,
                None => return,
            },
            Some(since) = follow.recv(), if following.is_none() => {
                following = Following::begin(&house, since);
                match following {
                    Some(_) => continue,
                    None => record(frame::error(None, "the log can't be read just now: ask again")),
                }
            }
            text = next(&mut following) => match text {
                Some(text) => record(text),
                None => return,
            },
        };
        more = put(&mut write, &line.text).await;
    }
}

/// A line that no goodbye waits for.
fn record(text: String) -> Line {
    Line { text, _place: None }
}

async fn put(write: &mut OwnedWriteHalf, text: &str) -> bool {
    matches!(clock::within(WRITE_LIMIT, write.write_all(text.as_bytes())).await, Ok(Ok(())))
}

async fn next(following: &mut Option<Following>) -> Option<String> {
    match following {
        Some(following) => following.next().await,
        None => std::future::pending().await,
    }
}

/// A client's way through the log: the past from the file, then batches as they are committed. Whoever falls behind
/// the batches is back in the past, and no record is told twice or left out.
struct Following {
    log: Reader,
    told: u64,
    batches: broadcast::Receiver<Arc<Batch>>,
    live: bool,
}

impl Following {
    fn begin(house: &House, since: u64) -> Option<Self> {
        // Listening first, reading then: what is committed in between comes twice and is told once.
        let batches = house.batches.subscribe();
        let log = Reader::open(&house.records).ok()?;
        Some(Following { log, told: since, batches, live: false })
    }

    /// The next lines; `None`: the engine has ended.
    async fn next(&mut self) -> Option<String> {
        while self.live {
            match self.batches.recv().await {
                Ok(batch) if batch.last <= self.told => {}
                Ok(batch) if batch.first == self.told + 1 => {
                    self.told = batch.last;
                    return Some(batch.lines.clone());
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => self.live = false,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
        // The engine's other work goes between two pages.
        tokio::task::yield_now().await;
        let rows = self.log.rows(&Filter::default(), Page::After(self.told), ROWS).ok()?;
        let Some(last) = rows.last() else {
            self.live = true;
            return Some(frame::live(self.told));
        };
        self.told = last.stamp.seq;
        let believable = rows.iter().filter(|row| row.intact().is_ok());
        Some(believable.map(|row| frame::stored(row.stamp, &row.json)).collect())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_our_own_user_and_root_may_come_in() {
        let us = rustix::process::geteuid().as_raw();
        assert!(super::may_come(us) && super::may_come(0));
        assert!(!super::may_come(us.wrapping_add(4_321)));
    }
}
