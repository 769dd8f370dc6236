//! Watches one branch of one remote and tells what is pushed to it. Reads when the bell rings, when poked, and at each
//! interval; between these nothing runs. Tells nothing while nothing changes; a remote that can't be read is told at every
//! try, with a count, and its return is told too, by a `PushSeen` without commits where nothing was pushed meanwhile.
//!
//! It remembers nothing across restarts (the baseline is given) and never judges whom a push concerns.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::aside::Aside;
use super::bell::{Bell, Spot};
use super::mirror::{self, Line, TIP};
use super::remote::Remote;
use super::shelf::{Scope, Shelf};
use super::{Fault, tracking};
use crate::edge::clock::{self, Clock};
use crate::pilot::event::Event;
use crate::pilot::fact::Push;
use crate::pilot::id::{AgentId, PhaseId, Sha};

/// Rest between two readings in place, which cost microseconds.
const REST_FOLDER: Duration = Duration::from_millis(5);
/// Rest between two readings over the network, each a process and a connection. It doubles with each ring that brought no
/// news, up to the end: an agent that touches its refs without end does not make us hammer the remote.
const REST_NETWORK: Duration = Duration::from_millis(100);
const REST_NETWORK_END: Duration = Duration::from_secs(10);

/// What is watched, and what is looked for in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSettings {
    /// URL, `host:path` or absolute path; `None`: nothing is watched.
    pub remote: Option<String>,
    pub branch: String,
    /// The longest time between two readings.
    pub interval: Duration,
    /// Folder of the status files and inboxes in the repository, `""` for its top.
    pub state_dir: String,
    pub prefixes: Vec<String>,
    pub phases: Vec<PhaseId>,
    /// Everyone with an inbox, and their own clones, whose pushes wake us.
    pub agents: Vec<(AgentId, PathBuf)>,
    /// Where our own mirror of a remote on the network lies; made when it is needed.
    pub mirror: PathBuf,
    /// The end of one reading; [`NETWORK_DEADLINE`](super::NETWORK_DEADLINE) outside tests.
    pub deadline: Duration,
}

/// The watch in progress; it ends when this is dropped, or when nobody takes its events any more.
#[derive(Debug)]
pub struct Watcher {
    orders: watch::Sender<Order>,
    rings: Arc<Notify>,
    restate: Arc<AtomicBool>,
    task: tokio::task::AbortHandle,
}

#[derive(Clone, Debug)]
struct Order {
    settings: WatchSettings,
    baseline: Option<Sha>,
}

impl Watcher {
    /// Begins to watch, within a tokio runtime, by reading at once. `baseline` is the head that was dealt with last on
    /// this remote and branch; `None`: never seen, so its first sight is told without commits.
    pub fn start(settings: WatchSettings, baseline: Option<Sha>, events: mpsc::Sender<Event>) -> Watcher {
        let (rings, restate) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (orders, ordered) = watch::channel(Order { settings: settings.clone(), baseline: baseline.clone() });
        let bell_rings = rings.clone();
        let watch = Watch {
            settings,
            ordered,
            rings: rings.clone(),
            restate: restate.clone(),
            events,
            head: baseline,
            failures: 0,
            failed_fetches: 0,
            rebuilt_for: None,
            fetched: false,
            rung: false,
            vain_rings: 0,
            books: Aside::new("flightdeck-git", move || Books {
                bell: Bell::new(bell_rings.clone()),
                shelf: Shelf::default(),
            }),
        };
        let task = tokio::spawn(watch.run()).abort_handle();
        Watcher { orders, rings, restate, task }
    }

    /// Reads at once.
    pub fn poke(&self) {
        self.rings.notify_one();
    }

    /// Reads at once and tells how the branch stands even where it has not moved.
    pub fn restate(&self) {
        self.restate.store(true, Ordering::SeqCst);
        self.rings.notify_one();
    }

    /// Goes on with other settings. `baseline` counts only where the remote or the branch is another one; new phases are
    /// answered by a `PushSeen` even where the branch has not moved.
    pub fn replace(&self, settings: WatchSettings, baseline: Option<Sha>) {
        self.orders.send_replace(Order { settings, baseline });
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is used in the reading thread.
struct Books {
    bell: Bell,
    shelf: Shelf,
}

/// Whose changes ring the bell; found in the reading thread, because finding them reads files.
enum Spots {
    /// A repository on this machine and the full name of the branch in it.
    Folder(PathBuf, String),
    /// The agents' clones, and the branch's short name.
    Clones(Vec<(AgentId, PathBuf)>, String),
}

impl Spots {
    fn find(&self) -> Vec<Spot> {
        match self {
            Spots::Folder(folder, reference) => {
                let git_dir = tracking::git_dir(folder).unwrap_or_else(|| folder.clone());
                let files = ["packed-refs", reference, "reftable/tables.list"];
                files.iter().map(|file| Spot::new(&git_dir, file)).collect()
            }
            Spots::Clones(agents, branch) => {
                agents.iter().flat_map(|(_, clone)| tracking::spots(clone, branch)).collect()
            }
        }
    }
}

struct Watch {
    settings: WatchSettings,
    ordered: watch::Receiver<Order>,
    rings: Arc<Notify>,
    restate: Arc<AtomicBool>,
    events: mpsc::Sender<Event>,
    head: Option<Sha>,
    failures: u32,
    /// In a row, of a remote that answers.
    failed_fetches: u32,
    /// The head for which the mirror was last built anew: once per head, or a remote that is broken itself would be
    /// fetched whole at each interval.
    rebuilt_for: Option<Sha>,
    fetched: bool,
    /// This reading was rung for.
    rung: bool,
    /// Rings since the last news.
    vain_rings: u32,
    books: Aside<Books>,
}

impl Watch {
    async fn run(mut self) {
        let clock = Clock::anchored(None);
        loop {
            if !self.turn().await {
                return;
            }
            self.rung = false;
            let rest = self.rest();
            let read_at = clock.now().steady;
            let due = read_at + self.settings.interval;
            while clock.now().steady < due {
                let rings = self.rings.clone();
                tokio::select! {
                    () = rings.notified() => {
                        self.rung = true;
                        self.vain_rings = self.vain_rings.saturating_add(1);
                        break;
                    }
                    () = self.events.closed() => return,
                    changed = self.ordered.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        self.take_order();
                        break;
                    }
                    () = clock.wait_until(Some(due)) => {}
                }
            }
            clock::pause(rest.saturating_sub(clock.now().steady.since(read_at))).await;
        }
    }

    fn take_order(&mut self) {
        let Order { settings, baseline } = self.ordered.borrow_and_update().clone();
        if (&settings.remote, &settings.branch) != (&self.settings.remote, &self.settings.branch) {
            self.head = baseline;
            self.failures = 0;
            self.failed_fetches = 0;
        } else if settings.phases != self.settings.phases || settings.state_dir != self.settings.state_dir {
            self.restate.store(true, Ordering::SeqCst);
        }
        self.settings = settings;
    }

    fn rest(&self) -> Duration {
        match self.settings.remote.as_deref().map(Remote::parse) {
            Some(Ok(Remote::Network(_))) => REST_NETWORK_END.min(REST_NETWORK * 2_u32.pow(self.vain_rings.min(10))),
            Some(Ok(Remote::Folder(_)) | Err(_)) | None => REST_FOLDER,
        }
    }

    /// One reading and what it tells; `false` when nobody listens any more.
    async fn turn(&mut self) -> bool {
        let Some(remote) = self.settings.remote.clone() else { return true };
        let asked = self.restate.swap(false, Ordering::SeqCst);
        let wanted = asked || self.failures > 0 || self.head.is_none();
        let event = match self.read(&remote, wanted).await {
            Ok(push) => {
                self.failures = 0;
                push.map(|push| {
                    self.vain_rings = 0;
                    self.head = Some(push.new.clone());
                    Event::PushSeen(push)
                })
            }
            Err(why) => {
                self.failures = self.failures.saturating_add(1);
                if asked {
                    self.restate.store(true, Ordering::SeqCst);
                }
                Some(Event::WatchFailed { why, count: self.failures })
            }
        };
        let heard = match event {
            Some(event) => self.events.send(event).await.is_ok(),
            None => true,
        };
        if std::mem::take(&mut self.fetched)
            && let Ok(Remote::Network(url)) = Remote::parse(&remote)
        {
            self.line(url).tidy().await;
        }
        heard
    }

    /// What changed; `None`: nothing, and nothing is `wanted`.
    async fn read(&mut self, remote: &str, wanted: bool) -> Result<Option<Push>, String> {
        let branch = format!("refs/heads/{}", self.settings.branch);
        if self.settings.branch.starts_with('-') || !git2::Reference::is_valid_name(&branch) {
            return Err(format!("`{}` is no name of a branch", self.settings.branch.escape_default()));
        }
        match Remote::parse(remote)? {
            Remote::Network(url) => {
                let spots = Spots::Clones(self.settings.agents.clone(), self.settings.branch.clone());
                self.read_network(url, spots, wanted).await
            }
            Remote::Folder(folder) => match self.read_folder(folder.clone(), branch.clone(), wanted).await? {
                Ok(push) => Ok(push),
                // A format that libgit2 lacks (reftable): the system's git can read it for us.
                Err(Fault::Unsupported(_)) => {
                    self.read_network(remote.to_string(), Spots::Folder(folder, branch), wanted).await
                }
                Err(fault) => Err(fault.to_string()),
            },
        }
    }

    async fn read_folder(
        &mut self,
        folder: PathBuf,
        reference: String,
        wanted: bool,
    ) -> Result<Result<Option<Push>, Fault>, String> {
        let spots = Spots::Folder(folder.clone(), reference.clone());
        let (scope, head) = (self.scope(reference), self.head.clone());
        self.books
            .ask(self.settings.deadline, move |books| {
                books.bell.tend(spots.find());
                if !wanted && Some(books.shelf.tip(&folder, &scope)?) == head {
                    return Ok(None);
                }
                books.shelf.push(&folder, &scope, head.as_ref()).map(Some)
            })
            .await
    }

    async fn read_network(&mut self, url: String, spots: Spots, wanted: bool) -> Result<Option<Push>, String> {
        let line = self.line(url);
        let mirrored = self.prepare_mirror(spots).await?;
        let tip = self.bring(&line, mirrored).await?;
        if !wanted && Some(&tip) == self.head.as_ref() {
            return Ok(None);
        }
        match self.read_mirror().await? {
            Ok(push) => Ok(Some(push)),
            Err(fault) if self.rebuilt_for.as_ref() == Some(&tip) => Err(fault.to_string()),
            Err(fault) => {
                tracing::warn!(%fault, "our mirror is damaged and is built anew from the remote");
                self.rebuild(&line, &tip).await?;
                self.read_mirror().await?.map(Some).map_err(|fault| fault.to_string())
            }
        }
    }

    /// The mirror's tip, where it has one.
    async fn prepare_mirror(&mut self, spots: Spots) -> Result<Option<Sha>, String> {
        let (scope, mirror) = (self.scope(TIP.to_string()), self.settings.mirror.clone());
        let prepared = self.books.ask(self.settings.deadline, move |books| {
            books.bell.tend(spots.find());
            mirror::prepare(&mirror)?;
            Ok(books.shelf.tip(&mirror, &scope).ok())
        });
        prepared.await?
    }

    /// Brings the mirror up to date and tells its tip. At an interval, when news is unlikely, by a cheap look first; at a
    /// ring by a fetch alone, which saves a connection (over ssh most of the time it all takes).
    async fn bring(&mut self, line: &Line, mirrored: Option<Sha>) -> Result<Sha, String> {
        if self.rung && mirrored.is_some() && line.fetch(false).await.is_ok() {
            let (scope, mirror) = (self.scope(TIP.to_string()), line.mirror.clone());
            let tip = self.books.ask(self.settings.deadline, move |books| books.shelf.tip(&mirror, &scope).ok());
            if let Some(tip) = tip.await? {
                self.fetched = mirrored.as_ref() != Some(&tip);
                return Ok(tip);
            }
        }
        let tip = line.tip().await?;
        if mirrored.as_ref() != Some(&tip) {
            self.fetch(line, mirrored.is_none()).await?;
        }
        Ok(tip)
    }

    async fn fetch(&mut self, line: &Line, fresh: bool) -> Result<(), String> {
        let fetched = line.fetch(fresh).await;
        self.fetched = fetched.is_ok();
        self.failed_fetches = if fetched.is_ok() { 0 } else { self.failed_fetches + 1 };
        if self.failed_fetches >= 2 {
            // The remote answers, and yet it can't be fetched: the fault may be our mirror's (fault G10).
            self.failed_fetches = 0;
            let mirror = line.mirror.clone();
            self.remake(mirror).await?;
        }
        fetched
    }

    async fn rebuild(&mut self, line: &Line, tip: &Sha) -> Result<(), String> {
        self.rebuilt_for = Some(tip.clone());
        self.remake(line.mirror.clone()).await?;
        self.fetch(line, true).await
    }

    async fn remake(&mut self, mirror: PathBuf) -> Result<(), String> {
        let made = self.books.ask(self.settings.deadline, move |books| {
            books.shelf.close();
            mirror::make(&mirror)
        });
        made.await?
    }

    async fn read_mirror(&mut self) -> Result<Result<Push, Fault>, String> {
        let (scope, head, mirror) = (self.scope(TIP.to_string()), self.head.clone(), self.settings.mirror.clone());
        self.books.ask(self.settings.deadline, move |books| books.shelf.push(&mirror, &scope, head.as_ref())).await
    }

    fn line(&self, url: String) -> Line {
        Line {
            mirror: self.settings.mirror.clone(),
            url,
            branch: self.settings.branch.clone(),
            deadline: self.settings.deadline,
        }
    }

    fn scope(&self, reference: String) -> Scope {
        Scope {
            branch: self.settings.branch.clone(),
            reference,
            state_dir: self.settings.state_dir.clone(),
            prefixes: self.settings.prefixes.clone(),
            phases: self.settings.phases.clone(),
            agents: self.settings.agents.iter().map(|(agent, _)| agent.clone()).collect(),
        }
    }
}
