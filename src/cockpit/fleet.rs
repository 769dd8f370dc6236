//! The list of agents: its order, what is selected, what is marked, what is filtered out.

use std::collections::BTreeSet;

use crate::pilot::id::AgentId;
use crate::pilot::view::{AgentView, View};

use super::tint;

/// The list of agents as the operator left it.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Agents shown, top to bottom.
    pub order: Vec<AgentId>,
    pub selected: Option<AgentId>,
    pub marks: BTreeSet<AgentId>,
    /// Words that a row must contain.
    pub filter: String,
}

impl Fleet {
    /// Sorts anew: who needs the operator comes first. The selection stays with its agent.
    pub fn follow(&mut self, view: &View) {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut shown: Vec<&AgentView> = view.agents.iter().filter(|agent| has(agent, &words)).collect();
        shown.sort_by_key(|agent| tint::rank(&agent.state));
        let before = self.position();
        self.order = shown.into_iter().map(|agent| agent.id.clone()).collect();
        if !self.marks.is_empty() {
            let known: BTreeSet<&AgentId> = view.agents.iter().map(|agent| &agent.id).collect();
            self.marks.retain(|id| known.contains(id));
        }
        if self.selected.as_ref().is_none_or(|id| !self.order.contains(id)) {
            let near = before.unwrap_or(0).min(self.order.len().saturating_sub(1));
            self.selected = self.order.get(near).cloned();
        }
    }

    /// Row of the selected agent.
    pub fn position(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.order.iter().position(|id| id == selected)
    }

    /// Moves the selection; it stops at both ends. Tells whether it moved.
    pub fn go(&mut self, by: isize) -> bool {
        let Some(last) = self.order.len().checked_sub(1) else { return false };
        let at = self.position().unwrap_or(0).saturating_add_signed(by).min(last);
        self.select(at)
    }

    /// Selects a row. Tells whether that is another one.
    pub fn select(&mut self, row: usize) -> bool {
        let Some(id) = self.order.get(row) else { return false };
        let other = self.selected.as_ref() != Some(id);
        self.selected = Some(id.clone());
        other
    }

    /// Marks the selected agent, or takes its mark away.
    pub fn mark(&mut self) {
        let Some(id) = self.selected.clone() else { return };
        if !self.marks.remove(&id) {
            self.marks.insert(id);
        }
    }

    /// Marks all that are shown; when all are, none.
    pub fn mark_all(&mut self) {
        let all = self.order.iter().all(|id| self.marks.contains(id));
        self.marks = if all { BTreeSet::new() } else { self.order.iter().cloned().collect() };
    }

    /// Whom a command means: the marked agents, or the selected one.
    pub fn meant(&self) -> Vec<AgentId> {
        if self.marks.is_empty() {
            return self.selected.iter().cloned().collect();
        }
        self.order.iter().filter(|id| self.marks.contains(*id)).cloned().collect()
    }
}

/// Whether all these words, in lower case, stand in an agent's row.
fn has(agent: &AgentView, words: &[&str]) -> bool {
    if words.is_empty() {
        return true;
    }
    let phase = agent.phase.as_ref().map_or("", |phase| phase.as_str());
    let AgentView { id, role, backend, model, host, last_line, .. } = agent;
    let text = format!("{id} {role} {backend} {model} {host} {} {phase} {last_line}", agent.state.word());
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}
