//! How a change of a pane is noticed. Everything above sees only [`Event::ScreenChanged`], [`Event::PaneDied`] and how
//! the tmux server fares.
//!
//! ```text
//! quiet pane   its output pipe (a tap) wakes us; 5 ms later it is captured and compared      no timer runs
//! busy pane    one shared tick: taps are drained, captures of all busy panes in one write    5 a second
//! peeked pane  the same with a tick of its own, captured with its colours as well            10 a second
//! no tap       one list of all panes a second; captured are those that moved
//! process      a pidfd tells its end at once; tmux is asked for status and last screen
//! all          every 30 s one list of everything, so that a lost wake-up costs little
//! ```
//!
//! Judges no screen, restarts nothing, starts no server. Where the engine is slow, only the newest screen of an agent is
//! kept for it; deaths and the server's state are never dropped.

mod looks;
mod outlet;
mod pane;
mod peeks;
pub mod tap;
mod watcher;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::tmux::TmuxClient;
use crate::pilot::event::Event;
use crate::pilot::fact::{Identity, Place, Screen, Server};
use crate::pilot::id::{AgentId, Incarnation};
use crate::pilot::view::PaneView;

/// Orders that may wait; the watcher takes them at once unless tmux is silent.
const ORDERS: usize = 256;

/// Tells a living process from a later one with its number.
pub type Identify = Box<dyn Fn(u32) -> Option<Identity> + Send + Sync>;

/// Where somebody sees an agent's pane: always the newest picture, none at first. Who drops the other end sees no more.
pub type Sight = watch::Sender<Option<Arc<PaneView>>>;

/// What a feed works with.
pub struct FeedSpec {
    /// Not connected yet; the feed connects it, and again whenever it is lost.
    pub client: TmuxClient,
    /// The workspace's part of the owner tag.
    pub nonce: String,
    /// The server that should be there.
    pub recorded: Option<Server>,
    /// The local fast path; `None` for servers elsewhere.
    pub tap: Option<TapSpec>,
    pub identify: Identify,
    pub events: mpsc::Sender<Event>,
}

/// The local fast path: tmux runs `<exe> pane-tap <socket> <pane>`, which hands the pane's output pipe to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapSpec {
    /// Our own executable.
    pub exe: PathBuf,
    /// Made by the feed, for us alone.
    pub socket: PathBuf,
}

/// A handle to the running feed. The feed ends with the last handle or with the receiver of its events.
#[derive(Clone, Debug)]
pub struct Feed(mpsc::Sender<Order>);

pub(super) enum Order {
    Watch { agent: AgentId, incarnation: Incarnation, place: Place, process: Option<Identity> },
    Forget { agent: AgentId },
    Peek { agent: AgentId, sight: Sight },
    Look { agent: AgentId, reply: oneshot::Sender<Arc<Screen>> },
    FindServer,
}

impl Feed {
    /// Starts a feed on this runtime. Its first event says how the tmux server fares.
    pub fn new(spec: FeedSpec) -> Self {
        let (sender, orders) = mpsc::channel(ORDERS);
        tokio::spawn(watcher::Watcher::new(spec, orders).run());
        Feed(sender)
    }

    /// Watches an agent's pane and process; an earlier life of the agent is forgotten. The first screen follows at once.
    pub async fn watch(&self, agent: AgentId, incarnation: Incarnation, place: Place, process: Option<Identity>) {
        self.order(Order::Watch { agent, incarnation, place, process }).await;
    }

    /// Tells nothing more about an agent.
    pub async fn forget(&self, agent: AgentId) {
        self.order(Order::Forget { agent }).await;
    }

    /// Shows an agent's pane from now on, over all its lives, with its colours: at once, and whenever it differs. A pane
    /// that has no tap is seen by the list, once a second.
    pub async fn peek(&self, agent: AgentId, sight: Sight) {
        self.order(Order::Peek { agent, sight }).await;
    }

    /// Looks at a watched agent now. `None`: it is not watched, or tmux does not answer.
    pub async fn look(&self, agent: AgentId) -> Option<Arc<Screen>> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Look { agent, reply }).await;
        answer.await.ok()
    }

    /// Looks for the server now instead of at the next try, and tells how it fares and which panes it has, even where
    /// that was told before.
    pub async fn find_server(&self) {
        self.order(Order::FindServer).await;
    }

    async fn order(&self, order: Order) {
        // A feed that ended has nobody to tell, and its end was the engine's own wish.
        let _ = self.0.send(order).await;
    }
}
