//! The engine's side of the connections: one reading and one writing task a client.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinSet;

use super::frame::{self, Request, Unclear, Wants};
use super::sights::{Peeking, Peep, Wanted, Watching};
use super::{ANSWERS, Asked, Batch, CLIENTS, Line, Mouth, Reply};
use crate::edge::clock;
use crate::edge::reserve::{Reserve, is_exhaustion};
use crate::edge::store::{Filter, Page, Reader};
use crate::pilot::event::Ask;
use crate::pilot::view::{PaneView, View};

/// A line that was begun must end: a half one would hold a place for ever.
const LINE_LIMIT: Duration = Duration::from_secs(10);
/// Who does not take what it asked for within this is gone, however alive its process is.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Changes of what is told that wait for the writing task; above, the client's next question waits.
const TURNS: usize = 8;
/// Rows read from the log at once for a client that is behind: a millisecond of the engine's time.
const ROWS: u32 = 500;
/// After an accept that failed (no descriptors left, fault P15): others may close theirs meanwhile.
const ACCEPT_AGAIN: Duration = Duration::from_millis(500);

/// What all connections share.
pub(super) struct House {
    records: PathBuf,
    epoch: u64,
    asked: mpsc::Sender<Asked>,
    wanted: mpsc::Sender<Wanted>,
    engine: Mouth,
    next_ask: AtomicU64,
}

impl House {
    pub(super) fn new(
        records: PathBuf,
        epoch: u64,
        asked: mpsc::Sender<Asked>,
        wanted: mpsc::Sender<Wanted>,
        engine: Mouth,
    ) -> Arc<Self> {
        Arc::new(House { records, epoch, asked, wanted, engine, next_ask: AtomicU64::new(1) })
    }
}

/// Takes clients until it is aborted, and all their tasks end with it.
pub(super) async fn accept(listener: UnixListener, house: Arc<House>) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    let mut reserve = Reserve::new();
    loop {
        while clients.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Whoever comes now wants to know what is the matter.
            Err(cause) if is_exhaustion(&cause) && reserve.lend() => continue,
            Err(_) => {
                clock::pause(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // Not before: whoever comes is to get what was lent.
        reserve.refill();
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
    let (turns, turned) = mpsc::channel(TURNS);
    let full = Arc::new(Notify::new());
    let listening = listen(read, Arc::clone(&house), Ways { answers, turns, full: Arc::clone(&full) });
    let telling = tell(write, house, queue, turned);
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
    turns: mpsc::Sender<Turn>,
    full: Arc<Notify>,
}

/// What the writing task is to tell from now on.
enum Turn {
    Follow { ask: u64, since: u64 },
    Watch { ask: u64, views: watch::Receiver<Option<Arc<View>>> },
    Peek(Option<watch::Receiver<Option<Arc<PaneView>>>>),
}

impl Ways {
    fn refuse(&self, ask: Option<u64>, why: &str) -> bool {
        self.answers.try_send(Line::plain(frame::error(ask, why))).is_ok()
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
        let more = match frame::request(&line) {
            Ok(request) => pass_on(request, &house, &ways).await,
            Err(Unclear { ask, why }) => ways.refuse(ask, &why) && ask.is_some(),
        };
        if !more {
            return;
        }
    }
}

/// Hands a request to who can do something about it. False: there is nobody any more.
async fn pass_on(request: Request, house: &House, ways: &Ways) -> bool {
    let ask = request.ask;
    match request.wants {
        Wants::Command(command) => {
            let (queue, full) = (ways.answers.clone(), Arc::clone(&ways.full));
            let reply = Reply { ask, queue, full, unsent: Arc::clone(&house.engine.unsent), answered: false };
            let ask = Ask(house.next_ask.fetch_add(1, Ordering::Relaxed));
            house.asked.send(Asked { ask, command, reply }).await.is_ok()
        }
        Wants::Follow { since } => ways.turns.send(Turn::Follow { ask, since }).await.is_ok(),
        Wants::Watch => {
            // Listening first, asking then: the picture that is made for us is not missed.
            let views = house.engine.views.subscribe();
            ways.turns.send(Turn::Watch { ask, views }).await.is_ok() && house.wanted.send(Wanted::View).await.is_ok()
        }
        Wants::Peek { agent: None } => ways.turns.send(Turn::Peek(None)).await.is_ok(),
        Wants::Peek { agent: Some(agent) } => {
            let (sight, panes) = watch::channel(None);
            let peep = Peep { agent, sight, ask, answers: ways.answers.clone() };
            ways.turns.send(Turn::Peek(Some(panes))).await.is_ok()
                && house.wanted.send(Wanted::Pane(peep)).await.is_ok()
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

/// Writes the hello, answers, and what the client sees and follows, until nobody can answer any more or the client does
/// not read.
async fn tell(
    mut write: OwnedWriteHalf,
    house: Arc<House>,
    mut answers: mpsc::Receiver<Line>,
    mut turns: mpsc::Receiver<Turn>,
) {
    let mut tale = Tale::default();
    let mut more = put(&mut write, &frame::hello(house.epoch)).await;
    while more {
        let line = tokio::select! {
            biased;
            answer = answers.recv() => match answer {
                Some(answer) => answer,
                None => return,
            },
            Some(turn) = turns.recv() => match tale.take(turn, &house) {
                Some(refusal) => Line::plain(refusal),
                None => continue,
            },
            text = tale.next() => match text {
                Some(text) => Line::plain(text),
                None => return,
            },
        };
        more = put(&mut write, &line.text).await;
    }
}

/// All that one client is told unasked.
#[derive(Default)]
struct Tale {
    following: Option<Following>,
    watching: Option<Watching>,
    peeking: Option<Peeking>,
}

impl Tale {
    /// Tells that too from now on, or why not.
    fn take(&mut self, turn: Turn, house: &House) -> Option<String> {
        match turn {
            Turn::Follow { ask, .. } if self.following.is_some() => {
                return Some(frame::error(Some(ask), "this connection follows already"));
            }
            Turn::Follow { since, .. } => {
                self.following = Following::begin(house, since);
                if self.following.is_none() {
                    return Some(frame::error(None, "the log can't be read just now: ask again"));
                }
            }
            Turn::Watch { ask, .. } if self.watching.is_some() => {
                return Some(frame::error(Some(ask), "this connection watches already"));
            }
            Turn::Watch { views, .. } => self.watching = Some(Watching::new(views)),
            Turn::Peek(panes) => self.peeking = panes.map(Peeking::new),
        }
        None
    }

    /// The next lines; `None`: the engine has ended. What is slow to come by goes last, the log.
    async fn next(&mut self) -> Option<String> {
        tokio::select! {
            biased;
            text = async { self.watching.as_mut().expect("polled only while there is one").next().await }, if self.watching.is_some() => text,
            text = async { self.peeking.as_mut().expect("polled only while there is one").next().await }, if self.peeking.is_some() => {
                if text.is_none() {
                    // Nobody shows this pane any more; the rest goes on.
                    self.peeking = None;
                }
                Some(text.unwrap_or_default())
            }
            text = async { self.following.as_mut().expect("polled only while there is one").next().await }, if self.following.is_some() => text,
            else => std::future::pending().await,
        }
    }
}

async fn put(write: &mut OwnedWriteHalf, text: &str) -> bool {
    matches!(clock::within(WRITE_LIMIT, write.write_all(text.as_bytes())).await, Ok(Ok(())))
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
        let batches = house.engine.batches.subscribe();
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
