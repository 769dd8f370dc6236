//! The sequence of phases as one bar, and the last claim and verdict.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::cockpit::model::Model;
use crate::pilot::view::{PhaseItem, View};
use crate::words::when;

use super::{put_line, span};

/// Draws it: phases in the first row, handoffs in the second.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let Some(view) = model.view.as_ref().filter(|_| area.height > 0) else { return };
    put_line(buffer, area, 0, &Line::from(phases(model, view, usize::from(area.width))));
    put_line(buffer, area, 1, &Line::from(handoffs(model, view)));
}

/// As many phases as there is room for, the current one always among them.
fn phases(model: &Model, view: &View, width: usize) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let items = &view.phase.sequence;
    if items.is_empty() {
        return vec![Span::styled(" no phases", theme.dim)];
    }
    let cells: Vec<Vec<Span<'static>>> = items.iter().map(|item| phase(model, view, item)).collect();
    let long = |cell: &Vec<Span<'static>>| cell.iter().map(Span::width).sum::<usize>() + 3;
    let current = items.iter().position(PhaseItem::is_active).unwrap_or(0);
    let (mut first, mut last, mut used) = (current, current, long(&cells[current]));
    loop {
        let before = first.checked_sub(1).filter(|at| used + long(&cells[*at]) <= width.saturating_sub(4));
        if let Some(at) = before.filter(|_| current - first < 2 || last + 1 == cells.len()) {
            (first, used) = (at, used + long(&cells[at]));
            continue;
        }
        let after =
            (last + 1 < cells.len()).then(|| last + 1).filter(|at| used + long(&cells[*at]) <= width.saturating_sub(4));
        match after.or(before) {
            Some(at) if at > last => (last, used) = (at, used + long(&cells[at])),
            Some(at) => (first, used) = (at, used + long(&cells[at])),
            None => break,
        }
    }
    let mut spans = vec![Span::styled(if first > 0 { " … " } else { " " }, theme.dim)];
    for (at, cell) in cells.into_iter().enumerate().take(last + 1).skip(first) {
        if at > first {
            spans.push(Span::styled(" ─ ", theme.border));
        }
        spans.extend(cell);
    }
    if last + 1 < items.len() {
        spans.push(Span::styled(" …", theme.dim));
    }
    if view.phase.complete {
        spans.push(Span::styled("   all done", theme.good));
    }
    spans
}

fn phase(model: &Model, view: &View, item: &PhaseItem) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let (sign, style) = match item.status.as_str() {
        "done" => ("✓", theme.good),
        "active" if view.phase.blocked.is_some() => ("▶", theme.bad),
        "active" => ("▶", theme.title),
        "suspended" => ("‖", theme.warn),
        _ => ("·", theme.dim),
    };
    let mut spans = vec![Span::styled(format!("{sign} "), style), span(item.id.as_str(), style)];
    let running = if item.is_active() { model.now.since(view.at).as_secs() } else { 0 };
    let spent = item.spent_s + running;
    if spent > 0 {
        spans.push(Span::styled(format!(" {}", when::short(std::time::Duration::from_secs(spent))), theme.dim));
    }
    spans
}

fn handoffs(model: &Model, view: &View) -> Vec<Span<'static>> {
    let theme = &model.theme;
    if let Some(why) = &view.phase.blocked {
        return vec![Span::styled(" can't end: ", theme.bad), span(why, theme.bad)];
    }
    let mut spans = Vec::new();
    for handoff in &view.watch.handoffs {
        let age = when::short(model.now.since(handoff.at));
        spans.push(Span::styled("  ◆ ", theme.accent));
        spans.push(span(&format!("{}({})", handoff.prefix, handoff.gate), theme.text));
        spans.push(span(&format!(" {} {age} ago", handoff.sha.short()), theme.dim));
    }
    if spans.is_empty() {
        let what = match &view.watch.remote {
            Some(_) => "  no claim and no review was pushed yet",
            None => "  no remote is watched",
        };
        spans.push(Span::styled(what, theme.dim));
    }
    spans
}
