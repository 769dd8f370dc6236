//! What the right side can show, a file each: its state, how actions move it, what the log tells it, and how it is drawn.

pub mod live;

use super::action::Action;
use super::archive::Found;
use super::happening::Errand;
use super::model::{Model, Panel};

/// An action while the panel has the focus. `None`: it means nothing to this panel.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    match model.panel {
        Panel::Live => model.live.go(action).then(Vec::new),
        Panel::Recorder | Panel::Logbook | Panel::Outbox | Panel::Why => None,
    }
}

/// What was looked up goes to whoever asked for it.
pub(super) fn found(_model: &mut Model, found: Found) -> Vec<Errand> {
    match found {
        Found::Rows { .. } => Vec::new(),
    }
}
