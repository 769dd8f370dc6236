//! The line that can't be overlooked: a silent engine, an emergency stop, a pause.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::cockpit::action::Action;
use crate::cockpit::model::Model;
use crate::words::when;

use super::put;

/// Is there one?
pub fn wanted(model: &Model) -> bool {
    words(model).is_some()
}

/// Draws it.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if let Some((words, style)) = words(model) {
        buffer.set_style(area, style);
        put(buffer, area, 0, &format!(" {words}"), style);
    }
}

fn words(model: &Model) -> Option<(String, Style)> {
    let theme = &model.theme;
    let key = |action| model.keys.hint(action);
    let Some(view) = &model.view else {
        let why = model.engine.lost.as_ref()?;
        return Some((format!("NO ENGINE: {why}  ({} starts one)", key(Action::EngineStart)), theme.alarm));
    };
    if let Some(silence) = model.silence() {
        let age = when::span(silence);
        let words = match &model.engine.lost {
            Some(why) => {
                format!("NO ENGINE for {age}: {why}; what is shown is old  ({} starts one)", key(Action::EngineStart))
            }
            None => format!("ENGINE SILENT for {age}: what is shown is old"),
        };
        return Some((words, theme.alarm));
    }
    if view.emergency_stop {
        return Some((
            format!("EMERGENCY STOP: all agents stay stopped  ({} goes on)", key(Action::Resume)),
            theme.alarm,
        ));
    }
    view.paused
        .then(|| (format!("PAUSED: flightdeck takes no action  ({} goes on)", key(Action::Resume)), theme.banner))
}
