//! The right side: tabs, and the panel that is chosen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

use crate::cockpit::action::Action;
use crate::cockpit::layout;
use crate::cockpit::model::{Focus, Model, Panel};
use crate::cockpit::panel::{logbook, outbox, recorder, usage, why};

use super::{put, span};

/// Draws it.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    if area.width < 4 || area.height < 3 {
        return;
    }
    let inside = frame(model, area, buffer);
    match model.panel {
        Panel::Live => live(model, inside, buffer),
        Panel::Recorder => recorder::draw(model, inside, buffer),
        Panel::Logbook => logbook::draw(model, inside, buffer),
        Panel::Outbox => outbox::draw(model, inside, buffer),
        Panel::Why => why::draw(model, inside, buffer),
        Panel::Usage => usage::draw(model, inside, buffer),
    }
}

/// The tabs with their columns, from the left edge of a panel of that width. Where not all names fit, only the chosen one has its.
fn tabs(chosen: Panel, width: u16) -> impl Iterator<Item = (Panel, u16, String)> {
    let all: usize = Panel::ALL.into_iter().map(|panel| panel.title().len() + 4).sum();
    let names = all + 2 <= usize::from(width);
    let mut at = 2;
    (1..).zip(Panel::ALL).map(move |(number, panel)| {
        let name = if names || panel == chosen { format!(" {}", panel.title()) } else { String::new() };
        let words = format!("{number}{name}");
        let from = at;
        at += u16::try_from(words.len()).unwrap_or(0) + 2;
        (panel, from, words)
    })
}

/// The tab under the mouse.
pub fn tab_at(chosen: Panel, area: Rect, at: Position) -> Option<Panel> {
    let column = at.x.checked_sub(area.x).filter(|_| at.y == area.y)?;
    tabs(chosen, area.width)
        .find(|(_, from, words)| (*from..*from + words.len() as u16).contains(&column))
        .map(|(panel, _, _)| panel)
}

fn frame(model: &Model, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = &model.theme;
    let focused = model.focus == Focus::Panel || model.zoomed;
    let border = if focused { theme.border_focus } else { theme.border };
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(border);
    let inside = block.inner(area);
    block.render(area, buffer);
    let mut spans = vec![Span::raw(" ")];
    for (panel, _, words) in tabs(model.panel, area.width) {
        let style = match panel == model.panel {
            true if focused => theme.title,
            true => theme.strong,
            false => theme.dim,
        };
        spans.push(Span::styled(words, style));
        spans.push(Span::raw("  "));
    }
    let top = Rect { x: area.x + 1, width: area.width - 2, height: 1, ..area };
    buffer.set_line(top.x, top.y, &Line::from(spans), top.width);
    let note = note(model);
    let long = u16::try_from(note.width()).unwrap_or(u16::MAX);
    if long > 0 && long + 2 < area.width {
        let foot = Rect { x: area.x + area.width - long - 2, y: area.y + area.height - 1, width: long, height: 1 };
        buffer.set_line(foot.x, foot.y, &note, long);
    }
    inside
}

/// What the lower edge says about what is shown.
fn note(model: &Model) -> Line<'static> {
    let theme = &model.theme;
    match (model.panel, model.selected()) {
        (Panel::Live, Some(agent)) => {
            let back = model.keys.hint(Action::Last);
            let life = format!(" {} life {} ", agent.id, agent.incarnation.0);
            Line::from(vec![
                span(&life, theme.dim),
                span(&format!("{} ", model.live.note(layout::panel_room(model).1, &back)), theme.dim),
            ])
        }
        (Panel::Recorder, _) => recorder::note(model),
        (Panel::Logbook, _) => Line::from(span(&logbook::note(model), theme.dim)),
        (Panel::Outbox, _) => Line::from(span(&outbox::note(model), theme.dim)),
        _ => Line::default(),
    }
}

fn live(model: &Model, area: Rect, buffer: &mut Buffer) {
    if model.live.draw(area, buffer, &model.theme).is_some() {
        if model.silence().is_some() {
            buffer.set_style(area, model.theme.stale);
        }
        return;
    }
    let words = match model.selected() {
        None => "no agent is selected".to_string(),
        Some(agent) if agent.pane.is_none() => format!("{} has no pane: it is {}", agent.id, agent.state.word()),
        Some(agent) => format!("looking at {} …", agent.id),
    };
    put(buffer, area, 0, &words, model.theme.dim);
}
