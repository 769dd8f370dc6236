//! The way to the feed of panes: orders are given from the loop, which never waits, and carried out in their order.

use tokio::sync::mpsc;

use crate::edge::feed::{Feed, Sight};
use crate::pilot::fact::{Identity, Place};
use crate::pilot::id::{AgentId, Incarnation};

enum Order {
    Watch(AgentId, Incarnation, Place, Option<Identity>),
    Forget(AgentId),
    Peek(AgentId, Sight),
    FindServer,
}

/// Which panes are watched. Unbounded, but each order answers one change of the state or one
/// wish of a client, of which only so many wait.
#[derive(Clone)]
pub(super) struct Panes(mpsc::UnboundedSender<Order>);

impl Panes {
    /// Gives orders to `feed` from now on; the feed ends with the last clone of this.
    pub(super) fn new(feed: Feed) -> Self {
        let (sender, mut orders) = mpsc::unbounded_channel();
        tokio::task::spawn_local(async move {
            while let Some(order) = orders.recv().await {
                match order {
                    Order::Watch(agent, incarnation, place, process) => {
                        feed.watch(agent, incarnation, place, process).await;
                    }
                    Order::Forget(agent) => feed.forget(agent).await,
                    Order::Peek(agent, sight) => feed.peek(agent, sight).await,
                    Order::FindServer => feed.find_server().await,
                }
            }
        });
        Panes(sender)
    }

    /// An agent lives in this pane now.
    pub(super) fn watch(&self, agent: &AgentId, incarnation: Incarnation, place: Place, process: Option<Identity>) {
        self.order(Order::Watch(agent.clone(), incarnation, place, process));
    }

    /// Nobody lives there any more.
    pub(super) fn forget(&self, agent: &AgentId) {
        self.order(Order::Forget(agent.clone()));
    }

    /// Somebody wants to see its pane.
    pub(super) fn peek(&self, agent: AgentId, sight: Sight) {
        self.order(Order::Peek(agent, sight));
    }

    /// The server was just started.
    pub(super) fn find_server(&self) {
        self.order(Order::FindServer);
    }

    fn order(&self, order: Order) {
        // The task ends only with the engine.
        let _ = self.0.send(order);
    }
}
