//! The first line: project, engine, what is wrong, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::cockpit::model::Model;
use crate::pilot::record::AgentState;
use crate::words::when;

use super::{put_line, put_right, span};

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.theme;
    buffer.set_style(area, theme.bar);
    let project = model.view.as_ref().map_or(model.engine.place.as_str(), |view| view.project.as_str());
    let mut spans = vec![Span::styled(" flightdeck ", theme.title), span(project, theme.strong), Span::raw("  ")];
    spans.extend(engine(model, area.width));
    if let Some(view) = &model.view {
        let asks = view.agents.iter().filter(|agent| crate::cockpit::tint::rank(&agent.state) == 0).count();
        let works = view.agents.iter().filter(|agent| agent.state == AgentState::Working).count();
        if area.width >= 70 {
            spans.push(Span::styled(format!("  {works} of {} working", view.agents.len()), theme.dim));
        }
        if asks > 0 {
            spans.push(Span::styled(format!("  {asks} need you"), theme.warn));
        }
    }
    put_line(buffer, area, 0, &Line::from(spans));
    if area.width >= 50 {
        let clock = match model.settings.clock {
            true => model.now.utc().format("%H:%M:%S UTC ").to_string(),
            false => model.now.utc().format("%H:%M UTC ").to_string(),
        };
        put_right(buffer, area, 0, &Line::styled(clock, theme.dim));
    }
}

/// The engine's own state: the age of its last word.
fn engine(model: &Model, width: u16) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let Some(view) = &model.view else {
        return vec![Span::styled("○ no engine yet", theme.warn)];
    };
    if let Some(silence) = model.silence() {
        return vec![Span::styled(format!("✖ engine silent for {}", when::span(silence)), theme.bad)];
    }
    let mut spans = vec![Span::styled("● engine ", theme.good)];
    if width >= 100 {
        spans.push(Span::styled(
            format!("{} up {}", view.epoch, when::short(model.now.since(view.engine_since))),
            theme.dim,
        ));
    }
    if view.tmux != "up" {
        spans.push(span(&format!("  tmux {}", view.tmux), theme.warn));
    }
    spans
}
