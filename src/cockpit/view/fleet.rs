//! The fleet: one row per agent, who needs the operator first. A row has two lines where there is room, else one.

mod pulse;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use crate::cockpit::action::Action;
use crate::cockpit::asked::Asked;
use crate::cockpit::layout;
use crate::cockpit::model::{Focus, Model};
use crate::cockpit::tint::Tint;
use crate::pilot::record::AgentState;
use crate::pilot::time::Time;
use crate::pilot::view::AgentView;
use crate::words::when;

use super::{put, put_line, put_right, span};

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.width < 4 || area.height < 3 {
        return;
    }
    let inside = frame(model, area, buffer);
    let Some(_) = &model.view else {
        put(buffer, inside, 0, "nothing is known yet", model.theme.dim);
        return;
    };
    if model.fleet.order.is_empty() {
        let words = if model.fleet.filter.is_empty() { "no agents" } else { "no agent fits the filter" };
        put(buffer, inside, 0, words, model.theme.dim);
    }
    let columns = Columns::of(model, inside.width);
    for (place, agent) in rows(model, inside) {
        agent_row(model, agent, place, columns, buffer);
    }
}

/// The rows that the clock alone has changed since `then`, each with its place.
pub(super) fn ageing(model: &Model, area: Rect, then: Time) -> Vec<(Rect, &AgentView)> {
    if area.width < 4 || area.height < 3 {
        return Vec::new();
    }
    let ages = |place: Rect, agent: &AgentView, now: Time| {
        // A row of one line does not say what comes next.
        let next = (place.height > 1).then(|| next(model, agent, now));
        (when::short(now.since(agent.since)), pulse::beat(now), next)
    };
    let rows = rows(model, layout::inside(area));
    rows.filter(|(place, agent)| ages(*place, agent, then) != ages(*place, agent, model.now)).collect()
}

/// Draws one row alone.
pub(super) fn draw_row(model: &Model, agent: &AgentView, area: Rect, buffer: &mut Buffer) {
    agent_row(model, agent, area, Columns::of(model, area.width), buffer);
}

/// The agents that are shown, each with its place.
fn rows(model: &Model, inside: Rect) -> impl Iterator<Item = (Rect, &AgentView)> {
    let (first, tall) = window(model, inside);
    let places = (0..inside.height / tall).map(move |row| Rect { y: inside.y + row * tall, height: tall, ..inside });
    let agents = model.fleet.order.iter().skip(first);
    places.zip(agents).filter_map(|(place, id)| Some((place, model.agent(id)?)))
}

/// What all rows have in common, so that they stand in columns.
#[derive(Clone, Copy)]
struct Columns {
    width: usize,
    /// The longest name.
    name: usize,
    /// What the right end of the widest row takes.
    right: usize,
    /// The fleet runs on more than one host.
    hosts: bool,
}

impl Columns {
    fn of(model: &Model, width: u16) -> Self {
        let names = model.fleet.order.iter().map(|id| id.as_str().len());
        let agents = model.view.as_ref().map_or(&[][..], |view| &view.agents);
        let hosts = agents.windows(2).any(|pair| pair[0].host != pair[1].host);
        let (right, width) = (pulse::right(agents, width, hosts), usize::from(width));
        Columns { width, name: names.max().unwrap_or(0).min(width / 3), right, hosts }
    }
}

fn frame(model: &Model, area: Rect, buffer: &mut Buffer) -> Rect {
    let focused = model.focus == Focus::Fleet;
    let theme = &model.theme;
    let mut title = vec![Span::styled(" Fleet ", if focused { theme.title } else { theme.dim })];
    if !model.fleet.filter.is_empty() {
        title.push(span(&format!("/{} ", model.fleet.filter), theme.warn));
    }
    if !model.fleet.marks.is_empty() {
        title.push(Span::styled(format!("{} marked ", model.fleet.marks.len()), theme.accent));
    }
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(if focused { theme.border_focus } else { theme.border })
        .title(Line::from(title));
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}

/// The first agent shown and the lines of a row.
fn window(model: &Model, inside: Rect) -> (usize, u16) {
    let agents = model.fleet.order.len();
    let tall: u16 =
        [3, 2].into_iter().find(|tall| agents * usize::from(*tall) <= usize::from(inside.height)).unwrap_or(1);
    let fit = usize::from(inside.height / tall).max(1);
    let selected = model.fleet.position().unwrap_or(0);
    // The selected row is kept in the middle of a list that does not fit.
    let first = selected.saturating_sub(fit / 2).min(agents.saturating_sub(fit));
    (first, tall)
}

/// The row under the mouse.
pub fn row_at(model: &Model, area: Rect, at: Position) -> Option<usize> {
    let inside = Block::bordered().inner(area);
    if !inside.contains(at) {
        return None;
    }
    let (first, tall) = window(model, inside);
    Some(first + usize::from((at.y - inside.y) / tall))
}

fn agent_row(model: &Model, agent: &AgentView, area: Rect, columns: Columns, buffer: &mut Buffer) {
    let theme = &model.theme;
    let selected = model.fleet.selected.as_ref() == Some(&agent.id);
    if selected {
        let style = if model.focus == Focus::Fleet { theme.selected } else { theme.selected_away };
        buffer.set_style(area, style);
    }
    let counts = Line::from(counts(model, agent, columns));
    let room = usize::from(area.width).saturating_sub(counts.width());
    let mut head = headline(model, agent, columns.name, room);
    head.extend(pulse::spans(model, agent, &head, columns));
    put_line(buffer, area, 0, &Line::from(head));
    put_right(buffer, area, 0, &counts);
    if area.height > 1 {
        let next = next(model, agent, model.now);
        let indent = Span::raw("    ");
        if area.height > 2 {
            put_line(buffer, area, 1, &Line::from(vec![indent.clone(), span(&doing(agent), theme.text)]));
            put_line(buffer, area, 2, &Line::from(vec![indent, Span::styled("→ ", theme.dim), span(&next, theme.dim)]));
        } else {
            put_line(buffer, area, 1, &Line::from(vec![indent, span(&brief(model, agent, &next), theme.dim)]));
        }
    }
}

/// With one line below the head: what comes next when that is news, else what it is doing.
fn brief(model: &Model, agent: &AgentView, next: &str) -> String {
    let calm = matches!(agent.state, AgentState::Working | AgentState::Idle) && !agent.last_line.is_empty();
    if calm && asked(model, agent).is_none() { doing(agent) } else { next.to_string() }
}

fn doing(agent: &AgentView) -> String {
    match agent.last_line.is_empty() {
        true => agent.evidence.first().cloned().unwrap_or_default(),
        false => agent.last_line.clone(),
    }
}

/// Names take `wide` columns; of the row, `room` is its own, counts cover the rest.
fn headline(model: &Model, agent: &AgentView, wide: usize, room: usize) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let tint = Tint::of(&agent.state);
    let stale = model.silence().is_some();
    let style = if stale { theme.stale } else { theme.tint(tint) };
    let mark = if model.fleet.marks.contains(&agent.id) { "✔" } else { " " };
    let name = if stale { theme.stale } else { theme.strong };
    let mut spans = vec![
        Span::styled(mark, theme.accent),
        Span::styled(format!("{} ", tint.sign()), style),
        span(&format!("{:wide$} ", agent.id.as_str()), name),
    ];
    match asked(model, agent) {
        Some(words) => spans.push(span(&format!("asked: {words}"), theme.warn.add_modifier(Modifier::ITALIC))),
        None => {
            spans.push(Span::styled(format!("{:<9}", agent.state.word()), style));
            let age = format!(" {:>4}", when::short(model.now.since(agent.since)));
            // Half an age would be another one.
            let fits = spans.iter().map(Span::width).sum::<usize>() + age.len() <= room;
            spans.extend(fits.then(|| Span::styled(age, theme.dim)));
        }
    }
    spans
}

fn asked(model: &Model, agent: &AgentView) -> Option<String> {
    let mine = model.asked.iter().filter(|asked| asked.agent() == Some(&agent.id));
    mine.map(Asked::words).next_back()
}

/// What stands at the right end of the first line: messages, restarts, phase, program, and where it runs when that differs.
fn counts(model: &Model, agent: &AgentView, columns: Columns) -> Vec<Span<'static>> {
    let (theme, width) = (&model.theme, columns.width);
    let mut spans = Vec::new();
    if agent.waiting_messages > 0 {
        spans.push(Span::styled(format!(" ✉{}", agent.waiting_messages), theme.accent));
    }
    if model.drafts.has(&agent.id) {
        spans.push(Span::styled(" ✎", theme.accent));
    }
    if agent.restarts_today > 0 {
        spans.push(Span::styled(format!(" ↻{}", agent.restarts_today), theme.warn));
    }
    if let Some(phase) = agent.phase.as_ref().filter(|_| width >= 44) {
        spans.push(span(&format!(" {phase}"), theme.dim));
    }
    if width >= 60 {
        let model_of = if agent.model.is_empty() { String::new() } else { format!("/{}", agent.model) };
        spans.push(span(&format!(" {}{model_of}", agent.backend), theme.dim));
    }
    if columns.hosts {
        spans.push(span(&format!(" @{}", agent.host), theme.dim));
    }
    spans.push(Span::raw(" "));
    spans
}

/// What happens next and in how long, seen from `now`.
pub fn next(model: &Model, agent: &AgentView, now: Time) -> String {
    let view = model.view.as_ref();
    let key = |action| model.keys.hint(action);
    if let AgentState::Held { cause } = &agent.state {
        let held = if cause.starts_with("held ") { "" } else { "held: " };
        return format!("{held}{cause}; {} to release", key(Action::Release));
    }
    if view.is_some_and(|view| view.emergency_stop) {
        return format!("emergency stop; {} goes on", key(Action::Resume));
    }
    if view.is_some_and(|view| view.paused) {
        return format!("paused; {} goes on", key(Action::Resume));
    }
    match (&agent.state, &agent.next) {
        (AgentState::Limited { until: Some(until) }, _) => {
            format!("limit lifts {}, {}", until.utc().format("%H:%M"), countdown(*until, now))
        }
        (AgentState::Limited { until: None }, _) => {
            format!("limited, and nobody knows until when; {} when it is over", key(Action::Release))
        }
        (AgentState::AtDialog { .. } | AgentState::AuthFailed, _) => {
            format!("waits for you; {} to answer it", key(Action::Attach))
        }
        (AgentState::Stopped, _) => format!("stopped; {} to start it", key(Action::Start)),
        // The time comes first, for a narrow row cuts off its end.
        (_, Some(next)) => format!("{}: {}", countdown(next.at, now), next.what),
        (_, None) => "nothing until something changes".to_string(),
    }
}

/// `in 2:41`, `in 1h12m`, `now`.
pub fn countdown(at: Time, now: Time) -> String {
    let left = at.since(now).as_secs();
    match left {
        0 => "now".to_string(),
        1..3_600 => format!("in {}:{:02}", left / 60, left % 60),
        _ => format!("in {}", when::span(at.since(now))),
    }
}

/// The style of text that may be old.
pub fn aged(model: &Model, style: Style) -> Style {
    if model.silence().is_some() { model.theme.stale } else { style }
}
