//! The message that is being written: to whom, how each of them will get it, and what stands in its way.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::cockpit::compose::Compose;
use crate::cockpit::model::Model;
use crate::pilot::id::AgentId;
use crate::pilot::message::TEXT_CAP;
use crate::pilot::record::AgentState;
use crate::pilot::view::AgentView;

use super::overlay::window;
use super::{put, put_line, span};

/// Agents whose delivery is told; more would leave no room for the text.
const TOLD: usize = 4;

/// Draws it; the cursor's place.
pub(super) fn draw(model: &Model, compose: &Compose, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    // Notices and keys stay in sight.
    let area = Rect { height: area.height - 1, ..area };
    let size = (area.width.saturating_sub(4).min(100), area.height.saturating_sub(2).clamp(4, 26));
    let inside = window(model, area, size, &title(&compose.to), buffer);
    let notes = notes(model, compose);
    // The text keeps at least three rows.
    let rows = u16::try_from(notes.len()).unwrap_or(u16::MAX).min(inside.height.saturating_sub(3));
    let text = Rect { height: inside.height - rows, ..inside };
    compose.editor().render(text, buffer);
    for (row, note) in (0..rows).rev().zip(notes.iter().rev()) {
        put_line(buffer, inside, text.height + row, note);
    }
    if compose.is_blank() && compose.bytes() == 0 {
        put(buffer, text, 0, "write here; enter begins a new line", model.theme.dim);
    }
    let (at, scrolled) = (compose.editor().screen_cursor(), compose.editor().scroll_offset());
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let (x, y) = (short(at.col).saturating_sub(scrolled.1), short(at.row).saturating_sub(scrolled.0));
    Some(Position::new(text.x + x.min(text.width.saturating_sub(1)), text.y + y.min(text.height.saturating_sub(1))))
}

fn title(to: &[AgentId]) -> String {
    match to {
        [] => "message".to_string(),
        [one] => format!("message to {one}"),
        [first, second] => format!("message to {first} and {second}"),
        [first, second, more @ ..] => format!("message to {first}, {second} and {} more", more.len()),
    }
}

/// Below the text: how it will get to each, then its size and what is wrong with it.
fn notes(model: &Model, compose: &Compose) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut lines = Vec::new();
    for agent in compose.to.iter().take(TOLD) {
        let words = match model.agent(agent) {
            Some(agent) => delivery(model, agent),
            None => "is not known any more".to_string(),
        };
        lines.push(Line::from(vec![span(&format!("→ {agent} "), theme.accent), span(&words, theme.dim)]));
    }
    if compose.to.len() > TOLD {
        lines.push(Line::styled(format!("  and {} more", compose.to.len() - TOLD), theme.dim));
    }
    let size = format!("{} of {TEXT_CAP} bytes", compose.bytes());
    let verdict = match compose.cleaned() {
        _ if compose.is_blank() => Span::styled(size, theme.dim),
        Ok(_) if !model.engine.connected => {
            span(&format!("{size}; no engine is connected: it can't be sent now"), theme.warn)
        }
        Ok(_) => Span::styled(size, theme.dim),
        Err(why) => span(&format!("can't be sent: {why}"), theme.bad),
    };
    lines.push(Line::from(verdict));
    lines
}

/// How a message gets to an agent as it is now.
fn delivery(model: &Model, agent: &AgentView) -> String {
    let view = model.view.as_ref();
    if view.is_some_and(|view| view.emergency_stop) {
        return "is stopped by the emergency stop: delivered after it".to_string();
    }
    if view.is_some_and(|view| view.paused) {
        return "is delivered to when the pause is over".to_string();
    }
    let words = match &agent.state {
        AgentState::Idle => "is idle: delivered at once",
        AgentState::Working if agent.deliver_in_turn => "is in a turn: delivered into it",
        AgentState::Working => "is in a turn: delivered after it",
        AgentState::Waiting { .. } if agent.deliver_in_turn => "waits, as it announced: delivered at once",
        AgentState::Waiting { .. } => "waits, as it announced: delivered at once unless a turn is going on",
        AgentState::Limited { .. } => "waits for its usage limit: delivered after it",
        AgentState::AuthFailed => "is logged out: delivered when it is logged in again",
        AgentState::AtDialog { .. } => "is at a dialog: delivered when that is answered",
        AgentState::Retrying => "waits for its service: delivered after that",
        AgentState::Starting => "is starting: delivered when it is ready",
        AgentState::Suspended => "is suspended: delivered when it goes on",
        AgentState::Held { .. } => "is held: delivered when it is released and ready",
        AgentState::Stopped | AgentState::Finished => "does not run: delivered when it is started",
        AgentState::Stopping | AgentState::Down | AgentState::Backoff { .. } => {
            "does not run: delivered when it is up again"
        }
        AgentState::Unknown { .. } => "can't be seen: delivered when it can",
    };
    match agent.waiting_messages {
        0 => words.to_string(),
        1 => format!("{words}, behind 1 other message"),
        many => format!("{words}, behind {many} other messages"),
    }
}
