//! What agents say of themselves: their hooks append lines to `.flightdeck/spool/<agent>.jsonl`, and each line becomes an
//! `Event::Reported`. A line is a [`Report`] as JSON, with an `incarnation` if the hook knows it:
//! `{"event":"prompt_submitted","prompt":"…","incarnation":3}`.
//!
//! Woken by the kernel, so a silent fleet costs nothing. How far each file was read is kept beside it, so that a new
//! engine tells only what the old one did not: what was told counts as read when what came of it is in the log, since an
//! engine that ends before it has forgotten it. Never waits for a writer, never fails for what a writer wrote: lines that
//! are no reports are counted and passed over.

mod sessions;
mod tail;
mod threads;
mod transcripts;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::clock;
use super::files::{self, FileError};
use crate::config::model::Channel;
use crate::pilot::event::Event;
use crate::pilot::fact::{Identity, Report};
use crate::pilot::id::{AgentId, Incarnation};
use sessions::{News, Sessions};
use tail::{Kind, Tail};
use threads::Threads;
use transcripts::{Note, Transcripts};

/// Changes that wait to be looked at; when there are more, all files are looked at instead.
const CHANGES: usize = 256;
/// Orders of the engine: a start each.
const ORDERS: usize = 64;
/// Where the kernel can't wake us (no inotify instances left, a network file system), this is how often we look; and how long after
/// something could not be read: nobody tells of it again, and it may have been the end of a turn.
const TICK: Duration = Duration::from_secs(1);

/// The engine's handle on the spool. Reading ends with the last one.
#[derive(Clone, Debug)]
pub struct Spool {
    dir: PathBuf,
    orders: mpsc::Sender<Order>,
    all: Arc<Notify>,
    written: watch::Sender<u64>,
}

#[derive(Debug)]
enum Order {
    Follow { agent: AgentId, incarnation: Incarnation, from: From, done: oneshot::Sender<Result<(), FileError>> },
    Attend { agent: AgentId, incarnation: Incarnation, process: Identity },
    Stir { agent: AgentId },
    Forget { agent: AgentId },
    CatchUp { done: oneshot::Sender<()> },
}

/// Where reading begins.
#[derive(Clone, Copy, Debug)]
enum From {
    /// In a new, empty file.
    Empty,
    /// Where the last engine stopped.
    Mark,
}

impl Spool {
    /// Begins to read in `dir`; reports go to `events`, in the order of each file. What is taken there is to be
    /// acknowledged by [`Self::written`]. Needs a running tokio.
    pub fn start(dir: &Path, events: mpsc::Sender<Event>) -> Result<Self, FileError> {
        files::private_dir(&dir.join(tail::MARKS))?;
        files::private_dir(dir)?;
        let (orders, taken) = mpsc::channel(ORDERS);
        let (changed, changes) = mpsc::channel(CHANGES);
        let all = Arc::new(Notify::new());
        let watcher = watched(dir, changed, Arc::clone(&all));
        let (written, acknowledged) = watch::channel(0);
        let follower = Follower {
            dir: dir.to_path_buf(),
            transcripts: Transcripts::default(),
            sessions: Sessions::default(),
            threads: Threads::default(),
            tails: BTreeMap::new(),
            pending: VecDeque::new(),
            handed: 0,
            unmarked: VecDeque::new(),
            unread: BTreeSet::new(),
            unfollowed: BTreeMap::new(),
            missed: None,
            awaited: Vec::new(),
            watcher,
        };
        let inputs = Inputs { orders: taken, changes, all: Arc::clone(&all), written: acknowledged };
        tokio::spawn(follower.run(inputs, events));
        Ok(Spool { dir: dir.to_path_buf(), orders, all, written })
    }

    /// The file an agent's hooks append to.
    pub fn path(&self, agent: &AgentId) -> PathBuf {
        self.dir.join(format!("{agent}.jsonl"))
    }

    /// A new life of an agent: its file is empty again, and what an earlier life still writes is not taken for its own.
    pub async fn fresh(&self, agent: &AgentId, incarnation: Incarnation) -> Result<(), FileError> {
        self.follow(agent, incarnation, From::Empty).await
    }

    /// An agent that outlived the last engine: reading goes on where that one stopped.
    pub async fn adopt(&self, agent: &AgentId, incarnation: Incarnation) -> Result<(), FileError> {
        self.follow(agent, incarnation, From::Mark).await
    }

    /// The process of a life whose transcript nobody names: it is looked for among the files that this process has open.
    pub async fn attend(&self, agent: &AgentId, incarnation: Incarnation, process: Identity) {
        // Nobody reads any more: then nobody wants to know.
        let _ = self.orders.send(Order::Attend { agent: agent.clone(), incarnation, process }).await;
    }

    /// A prompt is on its way into an agent, which may bring its transcript.
    pub async fn stir(&self, agent: &AgentId) {
        let _ = self.orders.send(Order::Stir { agent: agent.clone() }).await;
    }

    /// The agent has ended; its file stays as it is.
    pub async fn forget(&self, agent: &AgentId) {
        // Nobody reads any more: then it is forgotten already.
        let _ = self.orders.send(Order::Forget { agent: agent.clone() }).await;
    }

    /// Looks at all files now, whether or not the kernel told of a change.
    pub fn poke(&self) {
        self.all.notify_one();
    }

    /// Reads on to where all files end now. Done when it is handed over, so whoever waits takes reports meanwhile.
    pub async fn catch_up(&self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::CatchUp { done }).await.is_ok() {
            // Nobody reads any more: then there is nothing to come.
            let _ = is_done.await;
        }
    }

    /// So many reports of all that this spool handed over were taken, and what came of them is in the log.
    pub fn written(&self, reports: u64) {
        self.written.send_if_modified(|known| std::mem::replace(known, reports) != reports);
    }

    async fn follow(&self, agent: &AgentId, incarnation: Incarnation, from: From) -> Result<(), FileError> {
        let (done, is_done) = oneshot::channel();
        let ended = || FileError::Io { path: self.path(agent), cause: std::io::Error::other("the spool has ended") };
        let order = Order::Follow { agent: agent.clone(), incarnation, from, done };
        self.orders.send(order).await.map_err(|_| ended())?;
        is_done.await.map_err(|_| ended())?
    }
}

/// What wakes the follower.
struct Inputs {
    orders: mpsc::Receiver<Order>,
    changes: mpsc::Receiver<PathBuf>,
    all: Arc<Notify>,
    written: watch::Receiver<u64>,
}

/// Owner of all tails.
struct Follower {
    dir: PathBuf,
    tails: BTreeMap<Key, Tail>,
    transcripts: Transcripts,
    sessions: Sessions,
    threads: Threads,
    /// What was read and is on its way to the engine.
    pending: VecDeque<Item>,
    /// How many reports were handed over.
    handed: u64,
    /// Marks to be made when so many of the reports are in the log.
    unmarked: VecDeque<(u64, Mark)>,
    /// Files that may hold more than was read.
    unread: BTreeSet<Key>,
    /// Lives whose files could not be opened.
    unfollowed: BTreeMap<AgentId, Incarnation>,
    /// Since when something may have been missed, by [`clock::monotonic_ms`].
    missed: Option<i64>,
    /// Who waits until all is handed over.
    awaited: Vec<oneshot::Sender<()>>,
    /// `None`: the kernel won't tell of changes.
    watcher: Option<RecommendedWatcher>,
}

/// One file.
type Key = (AgentId, Kind);

enum Item {
    Report(Event),
    /// All before it was handed over.
    Mark(Mark),
}

/// Up to here a file need not be read again.
struct Mark {
    key: Key,
    incarnation: Incarnation,
    offset: u64,
}

impl Follower {
    async fn run(mut self, mut inputs: Inputs, events: mpsc::Sender<Event>) {
        loop {
            self.mark(*inputs.written.borrow_and_update());
            self.read_one();
            if self.watcher.is_none() {
                self.miss();
            }
            let missed = self.missed.map(|since| clock::left(since, TICK).unwrap_or_default());
            let idle = self.pending.is_empty() && self.unread.is_empty();
            if idle {
                for done in self.awaited.drain(..) {
                    // Who no longer waits need not know.
                    let _ = done.send(());
                }
            }
            tokio::select! {
                // Orders first: an engine that waits for one must not wait for itself to take our reports.
                biased;
                order = inputs.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(path) = inputs.changes.recv() => self.changed(&path),
                () = inputs.all.notified() => self.look_everywhere(),
                Ok(()) = inputs.written.changed() => {}
                room = events.reserve(), if !self.pending.is_empty() => match room {
                    Ok(room) => self.hand_over(room),
                    Err(_) => return,
                },
                () = clock::pause(transcripts::LOOK_AGAIN), if self.transcripts.is_awaited() => self.attach(),
                () = clock::pause(threads::LOOK_AGAIN), if self.threads.is_awaited() => self.look(),
                () = clock::pause(missed.unwrap_or_default()), if missed.is_some() => self.look_everywhere(),
                () = tokio::task::yield_now(), if !idle && self.pending.is_empty() => {}
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Follow { agent, incarnation, from, done } => {
                // Who ordered it may have given up; it is done all the same.
                let _ = done.send(self.follow(&agent, incarnation, from));
            }
            Order::Attend { agent, incarnation, process } => self.threads.attend(&agent, incarnation, process),
            Order::Stir { agent } => self.threads.stir(&agent),
            Order::Forget { agent } => {
                self.drop_transcript(&agent);
                self.threads.forget(&agent);
                self.unfollowed.remove(&agent);
                self.tails.remove(&(agent, Kind::Spool));
            }
            Order::CatchUp { done } => {
                self.look_everywhere();
                self.awaited.push(done);
            }
        }
    }

    /// Begins to read what an agent says in this life. Where that can't be just now, it is tried again, unless its file is to be
    /// empty: its new life may have written by then.
    fn follow(&mut self, agent: &AgentId, incarnation: Incarnation, from: From) -> Result<(), FileError> {
        self.unfollowed.remove(agent);
        let tail = match from {
            From::Empty => Tail::fresh(&self.dir, agent, incarnation),
            From::Mark => Tail::adopt(&self.dir, agent, incarnation),
        };
        if let (From::Mark, Err(FileError::Io { .. })) = (from, &tail) {
            self.unfollowed.insert(agent.clone(), incarnation);
            self.miss();
        }
        let tail = tail?;
        self.drop_transcript(agent);
        self.threads.begins(agent, incarnation);
        if matches!(from, From::Mark) {
            if let Some(path) = self.transcripts.recall(&self.dir, agent, incarnation) {
                self.sessions.expect(agent, incarnation, &path);
            }
            self.attach();
            let states = self.look_at_sessions();
            self.pending.extend(states.into_iter().map(state));
        }
        let key = (agent.clone(), Kind::Spool);
        self.tails.insert(key.clone(), tail);
        self.unread.insert(key);
        Ok(())
    }

    /// Something could not be read: all is looked at again in a while.
    fn miss(&mut self) {
        self.missed.get_or_insert_with(clock::monotonic_ms);
    }

    /// Reads one file, when all that was read before has left: the files are the queue, and they are on disk.
    fn read_one(&mut self) {
        if !self.pending.is_empty() {
            return;
        }
        let Some(key) = self.unread.pop_first() else { return };
        let Some(tail) = self.tails.get_mut(&key) else { return };
        let incarnation = tail.incarnation();
        let read = tail.read();
        if read.more {
            self.unread.insert(key.clone());
        }
        if read.failed {
            self.miss();
        }
        let agent = key.0.clone();
        if read.passed_over > 0 {
            tracing::warn!(%agent, lines = read.passed_over, "lines in its spool file are no reports of this life");
        }
        for report in &read.reports {
            let Report::SessionStarted { transcript: Some(path), .. } = report else { continue };
            let note = Note { incarnation, path: path.clone(), channel: Channel::Claude };
            // A conversation that was shortened goes on in the same file.
            if !self.transcripts.holds(&agent, &note) {
                self.drop_transcript(&agent);
                self.transcripts.expect(&self.dir, &agent, note, !path.exists());
                self.sessions.expect(&agent, incarnation, path);
            }
        }
        if !read.reports.is_empty() && self.transcripts.stir(&agent) {
            self.attach();
        }
        let states = if read.reports.is_empty() { Vec::new() } else { self.look_at_sessions() };
        let told = |report| Item::Report(Event::Reported { agent: agent.clone(), incarnation, report });
        self.pending.extend(read.reports.into_iter().map(told));
        self.pending.extend(states.into_iter().map(state));
        if read.moved {
            self.pending.push_back(Item::Mark(Mark { key, incarnation, offset: read.offset }));
        }
    }

    /// The kernel tells of a file.
    fn changed(&mut self, path: &Path) {
        match self.sessions.changed(path) {
            Ok(news) => self.pending.extend(news.map(state)),
            Err(_) => self.miss(),
        }
        let ours = path.parent() == Some(&self.dir);
        let key = match ours {
            true => agent_of(path).map(|agent| (agent, Kind::Spool)),
            false => self.transcripts.whose(path).map(|agent| (agent, Kind::Transcript)),
        };
        self.unread.extend(key);
    }

    fn look_everywhere(&mut self) {
        self.missed = None;
        for (agent, incarnation) in std::mem::take(&mut self.unfollowed) {
            // What went wrong was told when it was ordered.
            let _ = self.follow(&agent, incarnation, From::Mark);
        }
        self.unread.extend(self.tails.keys().cloned());
        let (news, whole) = self.sessions.scan_all();
        self.pending.extend(news.into_iter().map(state));
        if !whole {
            self.miss();
        }
    }

    /// Begins with the folders of states that are there by now: what stands there already.
    fn look_at_sessions(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        for folder in self.sessions.unwatched() {
            if let Some(Err(cause)) =
                self.watcher.as_mut().map(|watcher| watcher.watch(&folder, RecursiveMode::NonRecursive))
            {
                tracing::warn!(%cause, "no notice of what programs say of their state");
            }
            let (stands, whole) = self.sessions.scan(&folder);
            news.extend(stands);
            if !whole {
                self.miss();
            }
        }
        news
    }

    /// Looks for the transcripts that nobody names.
    fn look(&mut self) {
        for found in self.threads.look() {
            let (agent, incarnation) = (found.agent.clone(), found.incarnation);
            let report = found.report();
            self.pending.push_back(Item::Report(Event::Reported { agent: agent.clone(), incarnation, report }));
            let Some((path, new)) = found.rollout else { continue };
            let note = Note { incarnation, path, channel: Channel::Codex };
            // An earlier engine may have told us.
            if !self.transcripts.holds(&agent, &note) {
                self.drop_transcript(&agent);
                self.transcripts.expect(&self.dir, &agent, note, new);
                self.transcripts.stir(&agent);
            }
        }
        self.attach();
    }

    /// Begins with the transcripts that are there by now.
    fn attach(&mut self) {
        for (agent, note, whole) in self.transcripts.arrived() {
            match Tail::transcript(&self.dir, &agent, &note, whole) {
                Ok(tail) => {
                    let watched =
                        self.watcher.as_mut().map(|watcher| watcher.watch(&note.path, RecursiveMode::NonRecursive));
                    if let Some(Err(cause)) = watched {
                        tracing::warn!(%agent, %cause, "no notice of changes in its transcript");
                    }
                    self.transcripts.followed(&agent);
                    let key = (agent, Kind::Transcript);
                    self.tails.insert(key.clone(), tail);
                    self.unread.insert(key);
                }
                // It is still awaited.
                Err(error) => tracing::warn!(%agent, %error, "its transcript can't be read"),
            }
        }
    }

    fn drop_transcript(&mut self, agent: &AgentId) {
        self.tails.remove(&(agent.clone(), Kind::Transcript));
        if let Some((folder, watcher)) = self.sessions.forget(agent).zip(self.watcher.as_mut()) {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(&folder);
        }
        let Some(path) = self.transcripts.forget(agent) else { return };
        if let Some(watcher) = &mut self.watcher {
            // It may be gone, and its watch with it.
            let _ = watcher.unwatch(&path);
        }
    }

    fn hand_over(&mut self, room: mpsc::Permit<'_, Event>) {
        if let Some(Item::Report(_)) = self.pending.front()
            && let Some(Item::Report(event)) = self.pending.pop_front()
        {
            self.handed += 1;
            room.send(event);
        }
    }

    /// Notes down how far the log has what the engine has been told.
    fn mark(&mut self, written: u64) {
        while let Some(Item::Mark(mark)) = self.pending.pop_front_if(|item| matches!(item, Item::Mark(_))) {
            self.unmarked.push_back((self.handed, mark));
        }
        while let Some((_, mark)) = self.unmarked.pop_front_if(|(handed, _)| *handed <= written) {
            if let Some(tail) = self.tails.get_mut(&mark.key).filter(|tail| tail.incarnation() == mark.incarnation) {
                tail.mark(mark.offset);
            }
        }
    }
}

/// Has the kernel tell of appended lines.
fn watched(dir: &Path, changed: mpsc::Sender<PathBuf>, all: Arc<Notify>) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return all.notify_one() };
        // Our own opening and closing of the files is told as well, and is no news.
        let news = matches!(event.kind, EventKind::Any | EventKind::Create(_) | EventKind::Modify(_));
        if event.need_rescan() {
            return all.notify_one();
        }
        for path in event.paths.into_iter().filter(|_| news) {
            if changed.try_send(path).is_err() {
                all.notify_one();
            }
        }
    };
    let watching = notify::recommended_watcher(told).and_then(|mut watcher| {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(watcher),
        Err(cause) => {
            tracing::warn!(%cause, "no notice of changes in the spool: it is looked at each second");
            None
        }
    }
}

fn state((agent, incarnation, state): News) -> Item {
    Item::Report(Event::Reported { agent, incarnation, report: Report::State { state } })
}

fn agent_of(path: &Path) -> Option<AgentId> {
    AgentId::parse(path.file_name()?.to_str()?.strip_suffix(".jsonl")?)
}

#[cfg(test)]
mod tests;
