//! The status file in an agent's own clone: the first place where a phase is said to be done. It may be anything at any
//! moment (faults F1, F4), so it is read with care, and twice with the same result before anything is told.
//!
//! What it says is a claim only: whether it is pushed, the watcher tells.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::aside::Aside;
use super::bell::{Bell, Spot};
use super::regular::{self, Unread};
use crate::edge::clock::{self, Clock};
use crate::pilot::done;
use crate::pilot::event::{Event, StatusFile};
use crate::pilot::id::{AgentId, PhaseId};

/// Between the two readings: a file that is being written looks different after that.
const GAP: Duration = Duration::from_millis(50);
/// Pairs of readings for one ring; a file that never rests is looked at again at its next change.
const TRIES: u32 = 5;
/// A status file is a page or two.
const CAP: u64 = 1024 * 1024;
/// A local file that takes longer to read lies on a dead file system.
const DEADLINE: Duration = Duration::from_secs(5);

/// One status file: of the phase in progress, in the Builder's clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusTarget {
    pub agent: AgentId,
    /// The agent's clone, absolute.
    pub dir: PathBuf,
    /// Folder in it, `""` for its top.
    pub state_dir: String,
    pub phase: PhaseId,
    /// The longest time between two readings.
    pub interval: Duration,
}

/// The look at a status file in progress; it ends when this is dropped.
#[derive(Debug)]
pub struct LocalStatus {
    target: watch::Sender<Option<StatusTarget>>,
    task: tokio::task::AbortHandle,
}

impl LocalStatus {
    /// Begins to look, within a tokio runtime. What the file says is told first at once, then whenever it changes.
    pub fn start(target: Option<StatusTarget>, events: mpsc::Sender<Event>) -> LocalStatus {
        let (sender, receiver) = watch::channel(target);
        let rings = Arc::new(Notify::new());
        let bell_rings = rings.clone();
        let bell = Aside::new("flightdeck-status", move || Bell::new(bell_rings.clone()));
        let look = LookOut { target: receiver, rings, events, bell, told: None };
        let task = tokio::spawn(look.run()).abort_handle();
        LocalStatus { target: sender, task }
    }

    /// Goes on with another file (a new phase), or with none. The same one again changes nothing.
    pub fn replace(&self, target: Option<StatusTarget>) {
        self.target.send_if_modified(|now| {
            let differs = *now != target;
            *now = target;
            differs
        });
    }
}

impl Drop for LocalStatus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct LookOut {
    target: watch::Receiver<Option<StatusTarget>>,
    rings: Arc<Notify>,
    events: mpsc::Sender<Event>,
    bell: Aside<Bell>,
    told: Option<StatusFile>,
}

impl LookOut {
    async fn run(mut self) {
        let clock = Clock::anchored(None);
        loop {
            let target = self.target.borrow_and_update().clone();
            if let Some(target) = &target {
                self.look(target).await;
            }
            let due = target.map(|target| clock.now().steady + target.interval);
            loop {
                tokio::select! {
                    () = self.rings.notified() => break,
                    () = self.events.closed() => return,
                    changed = self.target.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        self.told = None;
                        break;
                    }
                    () = clock.wait_until(due) => if due.is_some_and(|due| clock.now().steady >= due) { break },
                }
            }
        }
    }

    /// Reads until two readings agree, and tells it where it is news.
    async fn look(&mut self, target: &StatusTarget) {
        for _ in 0..TRIES {
            let first = self.read(target).await;
            let says = judge(&first, target);
            // An empty file is one that is just being written anew: what it said before still counts.
            let empty = first.as_ref().is_ok_and(Vec::is_empty) && self.told.is_some();
            if empty || Some(&says) == self.told.as_ref() {
                return;
            }
            clock::pause(GAP).await;
            if self.read(target).await == first {
                self.told = Some(says.clone());
                let event =
                    Event::StatusRead { agent: target.agent.clone(), phase: target.phase.clone(), status: says };
                // Nobody takes it: the engine is ending, and the loop sees that next.
                let _ = self.events.send(event).await;
                return;
            }
        }
    }

    async fn read(&mut self, target: &StatusTarget) -> Result<Vec<u8>, Unread> {
        let (dir, file) = (target.dir.clone(), target.file());
        let read = self.bell.ask(DEADLINE, move |bell| {
            bell.tend(vec![Spot::new(&dir, &file)]);
            regular::read(&dir.join(&file), CAP)
        });
        read.await.unwrap_or_else(|why| Err(Unread::Refused(why)))
    }
}

impl StatusTarget {
    /// Relative to the clone.
    fn file(&self) -> PathBuf {
        PathBuf::from(&self.state_dir).join(format!("STATUS-{}.md", self.phase))
    }
}

/// A file that is not there yet says nothing, which is how every phase begins.
fn judge(read: &Result<Vec<u8>, Unread>, target: &StatusTarget) -> StatusFile {
    match read {
        Ok(bytes) if done::is_done(bytes) => StatusFile::Done,
        Ok(_) | Err(Unread::Missing) => StatusFile::Open,
        Err(Unread::Refused(why)) => StatusFile::Unreadable(format!("{}: {why}", target.file().display())),
    }
}
