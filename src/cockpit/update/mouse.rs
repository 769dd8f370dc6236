//! The mouse: a click selects, the wheel scrolls, a drag moves the split.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::{Focus, Model, Panel, SPLIT};
use crate::cockpit::{layout, panel, view};

use super::prompts;

/// The mouse did something.
pub(super) fn moved(model: &mut Model, event: MouseEvent) -> Vec<Errand> {
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click(model, at),
        MouseEventKind::Drag(MouseButton::Left) if model.dragging => drag(model, event.column),
        MouseEventKind::Up(_) => model.dragging = false,
        MouseEventKind::ScrollDown => return wheel(model, at, Action::Down),
        MouseEventKind::ScrollUp => return wheel(model, at, Action::Up),
        _ => {}
    }
    Vec::new()
}

fn click(model: &mut Model, at: Position) {
    if !matches!(model.mode, Mode::Browse) {
        return;
    }
    let areas = layout::areas(model);
    model.dirty = true;
    let edge = areas.panel.x;
    if areas.fleet.width > 0 && (at.x == edge || at.x + 1 == edge) && at.y > areas.panel.y {
        model.dragging = true;
    } else if areas.fleet.contains(at) {
        model.focus = Focus::Fleet;
        if let Some(row) = view::fleet::row_at(model, areas.fleet, at) {
            model.fleet.select(row);
        }
    } else if areas.panel.contains(at) {
        model.focus = Focus::Panel;
        if let Some(panel) = view::panel::tab_at(model.panel, areas.panel, at) {
            model.panel = panel;
        } else if model.panel == Panel::Recorder {
            panel::recorder::click(model, areas.panel, at);
        } else if let Some(row) = at.y.checked_sub(areas.panel.y + 1).filter(|row| row + 2 < areas.panel.height) {
            panel::click(model, row);
        }
    }
}

fn drag(model: &mut Model, column: u16) {
    let percent = u32::from(column) * 100 / u32::from(model.size.0.max(1));
    model.split = u16::try_from(percent).unwrap_or(SPLIT.1).clamp(SPLIT.0, SPLIT.2);
    model.dirty = true;
}

fn wheel(model: &mut Model, at: Position, action: Action) -> Vec<Errand> {
    // A question and a filter have nothing to scroll, and no wheel answers them.
    if matches!(model.mode, Mode::Confirm(_) | Mode::Filter(_)) {
        return Vec::new();
    }
    if matches!(model.mode, Mode::Browse) {
        let areas = layout::areas(model);
        model.focus = if areas.fleet.contains(at) { Focus::Fleet } else { Focus::Panel };
    }
    model.dirty = true;
    prompts::act(model, action)
}
