//! The way of events to a slow engine: never blocks, keeps only the newest screen of each agent, drops nothing else.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::mpsc::Sender;

use crate::pilot::event::Event;
use crate::pilot::id::AgentId;

/// What waits for room. Bounded by the number of agents: one death and one screen each, and one word on the server.
pub(super) struct Outlet {
    sender: Sender<Event>,
    first: VecDeque<Event>,
    screens: BTreeMap<AgentId, Event>,
    closed: bool,
}

impl Outlet {
    pub(super) fn new(sender: Sender<Event>) -> Self {
        Outlet { sender, first: VecDeque::new(), screens: BTreeMap::new(), closed: false }
    }

    /// Sends an event, now or as soon as there is room.
    pub(super) fn put(&mut self, event: Event) {
        match &event {
            Event::ScreenChanged { agent, .. } => {
                self.screens.insert(agent.clone(), event);
            }
            Event::PaneDied { agent, .. } => {
                // The death brings the last screen along.
                self.screens.remove(agent);
                self.first.push_back(event);
            }
            // Only how the server fares now is news; what it did in between is not.
            _ => {
                self.first.retain(|waiting| matches!(waiting, Event::PaneDied { .. }));
                self.first.push_back(event);
            }
        }
        self.flush();
    }

    /// Sends what there is room for.
    pub(super) fn flush(&mut self) {
        while self.waits() {
            let Ok(room) = self.sender.try_reserve() else {
                self.closed = self.sender.is_closed();
                return;
            };
            let next = self.first.pop_front().or_else(|| self.screens.pop_first().map(|(_, event)| event));
            let Some(event) = next else { return };
            room.send(event);
        }
    }

    pub(super) fn waits(&self) -> bool {
        !(self.closed || self.first.is_empty() && self.screens.is_empty())
    }

    /// Nobody listens any more.
    pub(super) fn closed(&self) -> bool {
        self.closed || self.sender.is_closed()
    }

    /// Waits until there is room, or nobody listens.
    pub(super) async fn room(&self) {
        let _ = self.sender.reserve().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pilot::fact::{Exit, Screen};
    use crate::pilot::id::Incarnation;

    fn agent(name: &str) -> AgentId {
        AgentId::parse(name).expect("a name")
    }

    fn screen(name: &str, line: &str) -> Event {
        let screen = Arc::new(Screen { lines: vec![line.to_string()], ..Screen::default() });
        Event::ScreenChanged { agent: agent(name), incarnation: Incarnation(1), screen, taken: 0 }
    }

    fn died(name: &str) -> Event {
        Event::PaneDied { agent: agent(name), incarnation: Incarnation(1), exit: Exit::Lost, last: None }
    }

    fn shown(event: &Event) -> String {
        match event {
            Event::ScreenChanged { agent, screen, .. } => format!("{agent}: {}", screen.lines[0]),
            Event::PaneDied { agent, .. } => format!("{agent} died"),
            Event::TmuxSilent { why } => why.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_slow_engine_gets_every_death_and_only_the_newest_screens() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let mut outlet = Outlet::new(sender);
        outlet.put(screen("a", "taken at once"));
        for line in ["one", "two", "three"] {
            outlet.put(screen("a", line));
            outlet.put(screen("b", line));
        }
        outlet.put(Event::TmuxSilent { why: "silent".to_string() });
        outlet.put(died("b"));
        outlet.put(Event::TmuxSilent { why: "still silent".to_string() });
        let mut seen = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            seen.push(shown(&event));
            outlet.flush();
        }
        assert_eq!(seen, ["a: taken at once", "b died", "still silent", "a: three"]);
        assert!(!outlet.waits());
    }
}
