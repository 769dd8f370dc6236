//! Choosing a phase.

use crate::pilot::id::PhaseId;
use crate::pilot::view::View;

use super::prompt::Choice;

/// What is done with the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picking {
    Goto,
    Insert,
    Append,
    Remove,
}

impl Picking {
    /// What the choice asks.
    pub fn title(self) -> &'static str {
        match self {
            Picking::Goto => "go to which phase?",
            Picking::Insert => "insert which phase before the current one?",
            Picking::Append => "append which phase?",
            Picking::Remove => "remove which pending phase?",
        }
    }

    /// Phases come from the workspace's plans, not from the sequence.
    pub fn adds(self) -> bool {
        matches!(self, Picking::Insert | Picking::Append)
    }
}

/// The choice that is open.
#[derive(Debug)]
pub struct Pick {
    pub picking: Picking,
    pub choice: Choice<PhaseId>,
}

impl Pick {
    /// Among the phases of the sequence; those that can be added follow with [`Pick::offer`], and any can be typed.
    pub fn new(picking: Picking, view: &View) -> Self {
        let items = view.phase.sequence.iter().filter(|item| match picking {
            Picking::Goto => !item.is_active(),
            Picking::Remove => item.status == "pending",
            Picking::Insert | Picking::Append => false,
        });
        let entries = items.map(|item| (words(&item.id, &item.title, &item.status), item.id.clone())).collect();
        let choice = Choice::new(picking.title(), entries);
        let choice = if picking.adds() { choice.or_typed(typed) } else { choice };
        Pick { picking, choice }
    }

    /// The phases that have a plan; those of the sequence can't be added again.
    pub fn offer(&mut self, plans: Vec<(PhaseId, String)>, view: Option<&View>) {
        let known = |id: &PhaseId| view.is_some_and(|view| view.phase.sequence.iter().any(|item| item.id == *id));
        let new = plans.into_iter().filter(|(id, _)| !known(id));
        self.choice.fill(new.map(|(id, title)| (words(&id, &title, ""), id)).collect());
    }
}

fn words(id: &PhaseId, title: &str, status: &str) -> String {
    let status = if status.is_empty() { String::new() } else { format!("  ({status})") };
    format!("{id}  {title}{status}")
}

fn typed(text: &str) -> Option<(String, PhaseId)> {
    let id = PhaseId::parse(text)?;
    Some((format!("{id}  as typed"), id))
}
