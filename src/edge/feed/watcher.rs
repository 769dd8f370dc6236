//! The task behind a [`super::Feed`]: owns all watched panes, their taps and the connection to the server. It sleeps
//! until something happens or the earliest time is due; [`super::looks`] then does all that is due.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::outlet::Outlet;
use super::pane::{Life, Pane, Source};
use super::peeks::Peeks;
use super::tap::{self, Tap};
use super::{FeedSpec, Identify, Order, TapSpec};
use crate::edge::clock;
use crate::edge::tmux::client::{Lost, News};
use crate::edge::tmux::server::{self, Probe};
use crate::edge::tmux::{TmuxClient, TmuxError, session};
use crate::pilot::event::Event;
use crate::pilot::fact::{Exit, Identity, Place, Server};
use crate::pilot::id::{AgentId, Incarnation};

/// From the first output to the capture: a redraw comes in several writes.
const COALESCE: i64 = 5;
/// From a word of the server that sessions came or went to a list of everything, and between two of those.
const CHANGE: i64 = 20;
const CHANGES_GAP: i64 = 1_000;
/// Between tries to reach the server: doubled from the first to the last.
const RETRY_FIRST: i64 = 200;
const RETRY_LAST: i64 = 5_000;
/// After an error of the tap's socket, which would come again at once.
const ACCEPT_GAP: Duration = Duration::from_secs(1);
/// Waits at once: a tap and a pidfd per pane, and helpers that hand over; above, helpers wait in the socket's queue.
const SIGNALS: usize = 8_192;

/// What a wait ended with; the number is the watch's.
enum Signal {
    Printed(AgentId, u64),
    Ended(AgentId, u64),
    Tapped(Option<(String, Tap)>),
}

/// What was last told about the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Answered,
    Silent,
    Gone,
}

/// The way to the server.
pub(super) enum Reach {
    Up(Server),
    Down { retry_at: i64, gap: i64 },
}

/// When the work that panes share is due.
#[derive(Default)]
pub(super) struct Due {
    /// The drain of busy taps, and of those that somebody peeks at.
    pub(super) tick: Option<i64>,
    pub(super) peek: Option<i64>,
    /// The list for panes that can't wake us.
    pub(super) list: Option<i64>,
    /// The list of everything, and when it was made last.
    pub(super) reconcile: i64,
    pub(super) reconciled: i64,
}

pub(super) struct Watcher {
    pub(super) client: TmuxClient,
    pub(super) nonce: String,
    recorded: Option<Server>,
    pub(super) tap: Option<TapSpec>,
    pub(super) listener: Option<UnixListener>,
    pub(super) identify: Identify,
    pub(super) outlet: Outlet,
    orders: mpsc::Receiver<Order>,
    news: watch::Receiver<News>,
    changes: u64,
    pub(super) panes: BTreeMap<AgentId, Pane>,
    pub(super) peeks: Peeks,
    signals: JoinSet<Signal>,
    watches: u64,
    pub(super) reach: Reach,
    told: Told,
    /// Somebody wants to hear the next list of all panes.
    pub(super) asked: bool,
    pub(super) due: Due,
    pub(super) scratch: Vec<u8>,
}

impl Watcher {
    pub(super) fn new(spec: FeedSpec, orders: mpsc::Receiver<Order>) -> Self {
        let listener = spec.tap.as_ref().and_then(|tap| match tap::listen(&tap.socket) {
            Ok(listener) => Some(listener),
            Err(cause) => {
                tracing::warn!(socket = %tap.socket.display(), %cause, "no taps; panes are listed once a second");
                None
            }
        });
        Watcher {
            news: spec.client.news(),
            recorded: spec.recorded.or_else(|| server::unrecorded(spec.client.socket())),
            client: spec.client,
            nonce: spec.nonce,
            tap: spec.tap,
            listener,
            identify: spec.identify,
            outlet: Outlet::new(spec.events),
            orders,
            changes: 0,
            panes: BTreeMap::new(),
            peeks: Peeks::default(),
            signals: JoinSet::new(),
            watches: 0,
            reach: Reach::Down { retry_at: clock::monotonic_ms(), gap: RETRY_FIRST },
            told: Told::Nothing,
            asked: false,
            due: Due::default(),
            scratch: vec![0; 64 * 1024],
        }
    }

    pub(super) async fn run(mut self) {
        while !self.outlet.closed() {
            let rest = self.rest();
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => break,
                },
                Some(signal) = self.signals.join_next(), if !self.signals.is_empty() => {
                    // A wait that was called off has nothing to say.
                    if let Ok(signal) = signal {
                        self.hear(signal);
                    }
                }
                stream = accept(self.listener.as_ref()), if self.signals.len() < SIGNALS => {
                    self.signals.spawn(async move { Signal::Tapped(tap::receive(stream).await) });
                }
                Ok(()) = self.news.changed() => {}
                () = self.outlet.room(), if self.outlet.waits() => self.outlet.flush(),
                () = rest_for(rest) => {}
            }
            self.take_waiting();
            self.notice_news();
            self.act().await;
        }
        self.client.disconnect();
    }

    /// What else has already happened belongs to the same round.
    fn take_waiting(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
        while let Some(signal) = self.signals.try_join_next() {
            if let Ok(signal) = signal {
                self.hear(signal);
            }
        }
    }

    /// How many milliseconds nothing is due; `None`: until something happens.
    fn rest(&self) -> Option<i64> {
        let now = clock::monotonic_ms();
        let due = match self.reach {
            Reach::Down { retry_at, .. } => Some(retry_at),
            Reach::Up(_) => {
                let wanted = |pane: &Pane| pane.tap_wanted.then_some(now);
                let panes = self.panes.values().flat_map(|pane| [pane.look_at, pane.asked_at(), wanted(pane)]);
                let shared = [self.due.tick, self.due.peek, self.due.list, Some(self.due.reconcile)];
                panes.chain(shared).flatten().min()
            }
        };
        due.map(|due| (due - now).max(0))
    }

    fn obey(&mut self, order: Order) {
        let now = clock::monotonic_ms();
        match order {
            Order::Watch { agent, incarnation, place, process } => self.watch(agent, incarnation, place, process),
            Order::Forget { agent } => drop(self.panes.remove(&agent)),
            Order::Peek { agent, sight } => {
                self.peeks.add(agent.clone(), sight);
                if let Some(pane) = self.panes.get_mut(&agent) {
                    pane.look_by(now);
                    self.plan_tick(&agent, now);
                }
            }
            Order::Look { agent, reply } => {
                let up = matches!(self.reach, Reach::Up(_));
                if let Some(pane) = self.panes.get_mut(&agent).filter(|_| up) {
                    pane.lookers.push(reply);
                    pane.look_by(now);
                }
            }
            Order::FindServer => match &mut self.reach {
                Reach::Down { retry_at, .. } => {
                    *retry_at = now;
                    self.told = Told::Nothing;
                }
                Reach::Up(_) => {
                    self.asked = true;
                    self.due.reconcile = now;
                }
            },
        }
    }

    fn watch(&mut self, agent: AgentId, incarnation: Incarnation, place: Place, process: Option<Identity>) {
        self.watches += 1;
        let now = clock::monotonic_ms();
        let mut pane = Pane::new(self.watches, incarnation, place, self.listener.is_some(), now);
        if let Some(process) = process {
            self.watch_process(&agent, &mut pane, process.pid, |now| now == Some(&process));
        }
        self.panes.insert(agent, pane);
        self.plan_list();
    }

    /// Waits for the end of a process, when it is the right one. Where that can't be done, the list tells.
    pub(super) fn watch_process(
        &mut self,
        agent: &AgentId,
        pane: &mut Pane,
        pid: u32,
        is_right: impl Fn(Option<&Identity>) -> bool,
    ) {
        let Some(process) = open_process(pid) else { return };
        // Checked after the opening: from here on the number can't come to mean another process.
        if is_right((self.identify)(pid).as_ref()) {
            let (agent, watch) = (agent.clone(), pane.watch);
            let wait = self.signals.spawn(async move {
                let _ = process.readable().await;
                Signal::Ended(agent, watch)
            });
            pane.life = Life::Watched(wait);
        }
    }

    fn hear(&mut self, signal: Signal) {
        let now = clock::monotonic_ms();
        match signal {
            Signal::Printed(agent, watch) => {
                let Some(pane) = self.panes.get_mut(&agent).filter(|pane| pane.watch == watch) else { return };
                if let Source::Quiet(tap, _) = &pane.source {
                    pane.source = Source::Busy(tap.clone());
                    pane.look_by(now + COALESCE);
                    self.plan_tick(&agent, now + COALESCE);
                }
            }
            Signal::Ended(agent, watch) => {
                if let Some(pane) = self.panes.get_mut(&agent).filter(|pane| pane.watch == watch) {
                    pane.end(now);
                }
            }
            Signal::Tapped(Some((id, tap))) => self.tapped(&id, tap),
            Signal::Tapped(None) => {}
        }
    }

    fn tapped(&mut self, id: &str, tap: Tap) {
        let asked = |pane: &Pane| pane.place.pane == id && pane.taps > 0 && matches!(pane.source, Source::List);
        let Some((agent, pane)) = self.panes.iter_mut().find(|(_, pane)| asked(pane)) else { return };
        let agent = agent.clone();
        pane.taps = 0;
        // What was printed between the last capture and the tap rang no bell.
        pane.look_by(clock::monotonic_ms());
        self.quieten(&agent, tap);
        self.plan_list();
    }

    /// Waits for the next output of a pane.
    pub(super) fn quieten(&mut self, agent: &AgentId, tap: Tap) {
        let Some(pane) = self.panes.get_mut(agent) else { return };
        let (name, watch, bell) = (agent.clone(), pane.watch, tap.clone());
        let wait = self.signals.spawn(async move {
            bell.printed().await;
            Signal::Printed(name, watch)
        });
        pane.source = Source::Quiet(tap, wait);
    }

    fn notice_news(&mut self) {
        let news = self.news.borrow_and_update().clone();
        let now = clock::monotonic_ms();
        if news.changes != self.changes {
            self.changes = news.changes;
            let soon = (now + CHANGE).max(self.due.reconciled + CHANGES_GAP);
            self.due.reconcile = self.due.reconcile.min(soon);
        }
        let (Some(lost), Reach::Up(_)) = (&news.lost, &self.reach) else { return };
        if let Lost::Silent(span) = lost {
            self.tell_silent(format!("the tmux server did not answer within {span:?}"));
        }
        self.reach = Reach::Down { retry_at: now, gap: RETRY_FIRST };
    }

    /// Does all that is due now.
    async fn act(&mut self) {
        let now = clock::monotonic_ms();
        match self.reach {
            Reach::Down { retry_at, gap } if retry_at <= now => self.find_server(gap).await,
            Reach::Down { .. } => {}
            Reach::Up(_) => {
                if let Err(error) = self.work(now).await {
                    tracing::debug!(%error, "a look at the panes failed");
                    self.notice_news();
                    if let Reach::Up(_) = self.reach {
                        // An answer nobody understands: a new connection, but not in a hurry.
                        self.retry_later(RETRY_FIRST);
                    }
                }
            }
        }
    }

    /// Looks who answers, connects, and tells what changed.
    async fn find_server(&mut self, gap: i64) {
        let found = server::probe(self.client.program(), self.client.socket(), self.recorded.as_ref()).await;
        let told = match found {
            Probe::Gone => {
                self.tell_gone();
                Ok(())
            }
            Probe::Silent(why) => {
                if why.contains(server::WEDGED) {
                    // Whether one was there shows at the next try.
                    self.client.end_stale();
                }
                Err(why)
            }
            Probe::Answering(_) => self.connect().await.map_err(|error| error.to_string()),
        };
        if let Err(why) = told {
            self.tell_silent(why);
        }
        if let Reach::Down { .. } = self.reach {
            self.retry_later(gap);
        }
    }

    fn retry_later(&mut self, gap: i64) {
        let retry_at = clock::monotonic_ms() + gap;
        self.reach = Reach::Down { retry_at, gap: (gap * 2).min(RETRY_LAST) };
    }

    async fn connect(&mut self) -> Result<(), TmuxError> {
        let server = self.client.connect().await?.server;
        let owned = session::list_panes(&self.client, &server, &self.nonce).await?;
        let now = clock::monotonic_ms();
        // Panes of an earlier server are gone with it; their ids would mean others here.
        self.panes.retain(|_, pane| pane.place.server == server);
        for pane in self.panes.values_mut() {
            pane.look_by(now);
        }
        self.due.reconcile = now;
        self.recorded = Some(server.clone());
        self.reach = Reach::Up(server.clone());
        self.told = Told::Answered;
        let panes = owned.into_iter().map(|pane| pane.fact(&*self.identify)).collect();
        self.outlet.put(Event::TmuxAnswered { server, panes });
        self.plan_list();
        Ok(())
    }

    fn tell_silent(&mut self, why: String) {
        if self.told != Told::Silent {
            self.told = Told::Silent;
            self.outlet.put(Event::TmuxSilent { why });
        }
        for pane in self.panes.values_mut() {
            pane.lookers.clear();
        }
    }

    /// The server is gone and every pane with it: one event for all of them.
    fn tell_gone(&mut self) {
        while let Some((agent, _)) = self.panes.pop_first() {
            self.peeks.die(&agent);
        }
        (self.due.tick, self.due.peek) = (None, None);
        if self.told != Told::Gone {
            self.told = Told::Gone;
            self.outlet.put(Event::TmuxGone);
        }
    }
}

/// The word of a pane's end.
pub(super) fn died(agent: &AgentId, pane: &Pane, exit: Exit) -> Event {
    Event::PaneDied { agent: agent.clone(), incarnation: pane.incarnation, exit, last: pane.screen.clone() }
}

/// Becomes readable when the process ends.
#[cfg(target_os = "linux")]
fn open_process(pid: u32) -> Option<AsyncFd<Arc<OwnedFd>>> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK).ok()?;
    tap::ready_to_read(Arc::new(process))
}

/// Elsewhere the list tells.
#[cfg(not(target_os = "linux"))]
fn open_process(_pid: u32) -> Option<AsyncFd<Arc<OwnedFd>>> {
    None
}

async fn accept(listener: Option<&UnixListener>) -> UnixStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => clock::pause(ACCEPT_GAP).await,
        }
    }
}

async fn rest_for(rest: Option<i64>) {
    match rest {
        Some(rest) => clock::pause(Duration::from_millis(u64::try_from(rest).unwrap_or(0))).await,
        None => std::future::pending().await,
    }
}
