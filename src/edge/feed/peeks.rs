//! Who peeks at whose pane. Peeks are at an agent, not at a pane: they outlast its lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Sight;
use crate::pilot::id::AgentId;
use crate::pilot::view::PaneView;

/// All sights. Each belongs to a client of the link, of which there is a bounded number; those that closed are dropped
/// whenever a new one comes or something is shown.
#[derive(Default)]
pub(super) struct Peeks(BTreeMap<AgentId, Vec<Sight>>);

impl Peeks {
    /// Shows this agent's pane there too from now on.
    pub(super) fn add(&mut self, agent: AgentId, sight: Sight) {
        for sights in self.0.values_mut() {
            sights.retain(|sight| !sight.is_closed());
        }
        self.0.retain(|_, sights| !sights.is_empty());
        self.0.entry(agent).or_default().push(sight);
    }

    /// Whether anybody peeks at it.
    pub(super) fn sees(&self, agent: &AgentId) -> bool {
        self.0.get(agent).is_some_and(|sights| sights.iter().any(|sight| !sight.is_closed()))
    }

    /// Shows a pane to all who peek at it and were not shown the same last.
    pub(super) fn show(&mut self, pane: PaneView) {
        let Some(sights) = self.0.get_mut(&pane.agent) else { return };
        sights.retain(|sight| !sight.is_closed());
        let pane = Arc::new(pane);
        for sight in sights {
            sight.send_if_modified(|shown| {
                let differs = shown.as_ref() != Some(&pane);
                *shown = Some(Arc::clone(&pane));
                differs
            });
        }
    }

    /// Says that the process in it has ended.
    pub(super) fn die(&mut self, agent: &AgentId) {
        let open = self.0.get(agent).into_iter().flatten().filter(|sight| !sight.is_closed());
        let shown = open.filter_map(|sight| sight.borrow().clone()).max_by_key(|pane| pane.incarnation);
        if let Some(pane) = shown.filter(|pane| !pane.dead) {
            self.show(PaneView { dead: true, ..(*pane).clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::pilot::id::Incarnation;

    fn pane(text: &str) -> PaneView {
        PaneView {
            agent: AgentId::parse("a").expect("a name"),
            incarnation: Incarnation(1),
            size: (80, 24),
            cursor: None,
            history: 0,
            dead: false,
            in_mode: false,
            text: text.to_string(),
        }
    }

    #[test]
    fn each_peeper_sees_what_differs_and_who_has_left_costs_nothing() {
        let mut peeks = Peeks::default();
        let agent = pane("").agent;
        let ((one, mut first), (two, second)) = (watch::channel(None), watch::channel(None));
        peeks.add(agent.clone(), one);
        peeks.show(pane("x"));
        assert!(first.has_changed().expect("open"));
        first.mark_unchanged();
        peeks.add(agent.clone(), two);
        peeks.show(pane("x"));
        assert!(!first.has_changed().expect("open"));
        assert!(second.has_changed().expect("open"));
        peeks.die(&agent);
        assert!(first.borrow_and_update().as_ref().is_some_and(|pane| pane.dead && pane.text == "x"));
        drop((first, second));
        assert!(!peeks.sees(&agent));
        peeks.add(AgentId::parse("b").expect("a name"), watch::channel(None).0);
        assert_eq!(peeks.0.len(), 1);
    }
}
