//! What differs between two pictures, so that whoever watches is told of a change and not of everything again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AgentView, MessageView, NextAction, View};
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;

/// Wall time is computed anew for each picture from two clocks of whole milliseconds, one of which is slewed: the same
/// moment may come out this much apart and is the same still.
const SAME_MOMENT: Duration = Duration::from_millis(100);

/// What differs between two pictures. Whatever it does not name is as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The new picture with its `agents` and `outbox` left empty.
    pub head: Box<View>,
    /// Agents that are new or differ, whole.
    pub agents: Vec<AgentView>,
    /// All agents of the new picture in their order, where that list differs; who is not in it has left.
    pub order: Option<Vec<AgentId>>,
    /// The whole outbox, where anything in it differs.
    pub outbox: Option<Vec<MessageView>>,
}

impl View {
    /// What makes `new` of this picture. `None`: nothing but `at` differs, and what goes with it: moments that came out
    /// less than 100 ms apart, and how long the active phase has taken.
    pub fn change_to(&self, new: &View) -> Option<Change> {
        let head = new.head();
        let differs = |(at, agent): &(usize, &AgentView)| !self.shows(*at, agent);
        let agents: Vec<AgentView> =
            new.agents.iter().enumerate().filter(differs).map(|(_, agent)| agent.clone()).collect();
        let same_order = self.ids().eq(new.ids());
        let order = (!same_order).then(|| new.ids().cloned().collect());
        let outbox = (self.outbox != new.outbox).then(|| new.outbox.clone());
        let same = agents.is_empty() && order.is_none() && outbox.is_none() && self.has_head_of(&head);
        (!same).then(|| Change { head: Box::new(head), agents, order, outbox })
    }

    /// Makes this the picture that the change leads to. Total: a change between two other pictures does what it can.
    pub fn apply(&mut self, change: Change) {
        let mut agents = std::mem::take(&mut self.agents);
        let outbox = change.outbox.unwrap_or_else(|| std::mem::take(&mut self.outbox));
        let mut from = 0;
        for new in change.agents {
            // They come in the order of the picture, so the next one is mostly not far.
            let found = (from..agents.len()).chain(0..from).find(|at| agents[*at].id == new.id);
            match found {
                Some(at) => {
                    agents[at] = new;
                    from = at + 1;
                }
                None => agents.push(new),
            }
        }
        if let Some(order) = change.order {
            let mut known: BTreeMap<AgentId, AgentView> =
                agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect();
            agents = order.iter().filter_map(|id| known.remove(id)).collect();
        }
        *self = View { agents, outbox, ..*change.head };
    }

    /// Everything but agents and outbox.
    fn head(&self) -> View {
        View {
            at: self.at,
            project: self.project.clone(),
            epoch: self.epoch,
            engine_pid: self.engine_pid,
            engine_since: self.engine_since,
            seq: self.seq,
            paused: self.paused,
            emergency_stop: self.emergency_stop,
            tmux: self.tmux.clone(),
            watch: self.watch.clone(),
            phase: self.phase.clone(),
            agents: Vec::new(),
            accounts: self.accounts.clone(),
            outbox: Vec::new(),
            alerts: self.alerts.clone(),
        }
    }

    fn ids(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.iter().map(|agent| &agent.id)
    }

    /// Whether it shows this agent, which stands at that place in another picture: mostly at the same one.
    fn shows(&self, at: usize, new: &AgentView) -> bool {
        let here = self.agents.get(at).filter(|old| old.id == new.id);
        here.or_else(|| self.agents.iter().find(|old| old.id == new.id)).is_some_and(|old| {
            if new == old {
                return true;
            }
            let mut new = new.clone();
            settle(&mut new.since, old.since);
            settle_actions(new.next.as_mut_slice(), old.next.as_slice());
            settle_actions(&mut new.deadlines, &old.deadlines);
            new == *old
        })
    }

    fn has_head_of(&self, head: &View) -> bool {
        let old = self.head();
        let mut new = head.clone();
        new.at = old.at;
        settle(&mut new.engine_since, old.engine_since);
        for (new, old) in new.watch.handoffs.iter_mut().zip(&old.watch.handoffs) {
            settle(&mut new.at, old.at);
        }
        for (new, old) in new.accounts.iter_mut().zip(&old.accounts) {
            if let (Some(new), Some(old)) = (&mut new.tried, old.tried) {
                settle(new, old);
            }
        }
        for (new, old) in new.phase.sequence.iter_mut().zip(&old.phase.sequence) {
            if let (Some(new), Some(old)) = (&mut new.since, old.since) {
                settle(new, old);
            }
            if new.is_active() && old.is_active() && new.since == old.since {
                // It only grew with `at`.
                new.spent_s = old.spent_s;
            }
        }
        new == old
    }
}

/// Takes the old form of a moment that is the same.
fn settle(new: &mut Time, old: Time) {
    if new.since(old).max(old.since(*new)) < SAME_MOMENT {
        *new = old;
    }
}

fn settle_actions(new: &mut [NextAction], old: &[NextAction]) {
    for (new, old) in new.iter_mut().zip(old) {
        settle(&mut new.at, old.at);
    }
}

#[cfg(test)]
mod tests;
