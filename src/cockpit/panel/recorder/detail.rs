//! Below the lanes: what the selected agent did at the cursor, why, and how its screen looked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::place::Place;
use super::{Told, chart};
use crate::cockpit::model::Model;
use crate::cockpit::view::{put, put_line, span};
use crate::edge::store::screens::KeptScreen;
use crate::pilot::id::AgentId;
use crate::words::{text, when};

/// Least rows of a screen that are drawn: fewer tell nothing.
const SCREEN: u16 = 3;

/// Draws it.
pub(super) fn draw(model: &Model, place: &Place, buffer: &mut Buffer) {
    let Some(agent) = &model.fleet.selected else { return };
    let area = place.detail;
    put_line(buffer, area, 0, &state(model, agent));
    let Some(told) = told(model, agent) else { return };
    let rows = records(model, told, area, buffer);
    let below = Rect { y: area.y + rows, height: area.height.saturating_sub(rows), ..area };
    if below.height > SCREEN {
        screen(model, told.screen.as_ref(), below, buffer);
    }
}

/// The same as text, with all of the screen.
pub(super) fn plain(model: &Model) -> Option<String> {
    let agent = model.fleet.selected.as_ref()?;
    let mut lines = vec![state(model, agent).to_string().trim().to_string()];
    if let Some(told) = told(model, agent) {
        lines.extend(told.records.iter().map(|(stamp, words)| format!("{}  {words}", when::stamp(stamp.at))));
        if let Some(kept) = &told.screen {
            lines.push(format!("its screen at {}", when::stamp(kept.at)));
            lines.extend(kept.lines.iter().map(|line| line.trim_end().to_string()));
        }
    }
    Some(lines.join("\n").trim_end().to_string())
}

/// What was found about the agent at the cursor.
fn told<'a>(model: &'a Model, agent: &AgentId) -> Option<&'a Told> {
    model.recorder.told.as_ref().filter(|(moment, _)| moment.agent == *agent).map(|(_, told)| told)
}

/// What it was doing, from when to when.
fn state(model: &Model, agent: &AgentId) -> Line<'static> {
    let theme = &model.theme;
    let at = model.recorder.cursor(model.now);
    let mut spans = vec![span(&format!(" {agent} "), theme.strong)];
    let found = model.recorder.lane(agent).and_then(|lane| lane.at(at));
    match (found, chart::tint_at(model, agent, at)) {
        (Some((tint, point, until)), _) => {
            let end = until.unwrap_or(model.now);
            spans.push(Span::styled(format!("{} {} ", tint.sign(), tint.word()), theme.tint(tint)));
            let until = until.map_or("now".to_string(), when::clock);
            let lasted = when::span(end.since(point.at));
            spans.push(Span::styled(format!(" {} – {until}  {lasted}", when::clock(point.at)), theme.dim));
        }
        (None, Some(tint)) => {
            spans.push(Span::styled(format!("{} {}", tint.sign(), tint.word()), theme.tint(tint)));
        }
        (None, None) => spans.push(Span::styled("nothing is known of it then", theme.dim)),
    }
    if model.recorder.gaze.cursor().is_some() {
        spans.push(Span::styled(format!("   {} ago", when::span(model.now.since(at))), theme.dim));
    }
    Line::from(spans)
}

/// The records at the cursor, oldest first; returns the rows used.
fn records(model: &Model, told: &Told, area: Rect, buffer: &mut Buffer) -> u16 {
    let theme = &model.theme;
    let most = area.height.saturating_sub(1).min(6);
    let hidden = told.records.len().saturating_sub(usize::from(most));
    let mut row = 1;
    for (stamp, words) in told.records.iter().skip(hidden) {
        let at = Span::styled(format!(" {}  ", when::clock(stamp.at)), theme.dim);
        put_line(buffer, area, row, &Line::from(vec![at, span(words, theme.text)]));
        row += 1;
    }
    row
}

/// The screen as it was, its lowest rows if not all fit: that is where an agent says what it wants.
fn screen(model: &Model, kept: Option<&KeptScreen>, area: Rect, buffer: &mut Buffer) {
    let theme = &model.theme;
    let rule = "─".repeat(usize::from(area.width.saturating_sub(1)));
    let Some(kept) = kept else {
        put(buffer, area, 0, &format!(" {rule}"), theme.border);
        put(buffer, area, 0, " ─ no screen was kept of that time ", theme.dim);
        return;
    };
    put(buffer, area, 0, &format!(" {rule}"), theme.border);
    put(buffer, area, 0, &format!(" ─ its screen at {} ", when::clock(kept.at)), theme.dim);
    let end = kept.lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let room = usize::from(area.height - 1);
    let lines = &kept.lines[end.saturating_sub(room)..end];
    for (row, line) in (1..).zip(lines) {
        put(buffer, area, row, &format!(" {}", text::line(line)), theme.text);
    }
}

/// How much time is seen.
pub(super) fn note(model: &Model) -> Line<'static> {
    let theme = &model.theme;
    let recorder = &model.recorder;
    let mut spans = vec![Span::styled(format!(" {} ", recorder.gaze.span()), theme.strong)];
    if recorder.history.is_loading() {
        spans.push(Span::styled("reading … ", theme.warn));
    }
    match recorder.gaze.cursor() {
        None => spans.push(Span::styled("following ", theme.good)),
        Some(_) => spans.push(Span::styled("held ", theme.dim)),
    }
    Line::from(spans)
}
