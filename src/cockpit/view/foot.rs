//! The foot of the screen: alerts, each with what to do; then the key bar, or what was just said.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::cockpit::action::Action;
use crate::cockpit::keys::{Binding, Context, TABLE};
use crate::cockpit::model::Model;

use super::{put, put_line, put_right, span};

/// What needs the operator, newest last.
pub(super) fn alerts(model: &Model, area: Rect, buffer: &mut Buffer) {
    let Some(view) = &model.view else { return };
    let fit = usize::from(area.height);
    let hidden = view.alerts.len().saturating_sub(fit);
    for (row, alert) in view.alerts.iter().take(fit).enumerate() {
        let row = u16::try_from(row).unwrap_or(u16::MAX);
        put_line(
            buffer,
            area,
            row,
            &Line::from(vec![Span::styled(" ⚑ ", model.theme.bad), span(alert, model.theme.warn)]),
        );
    }
    if hidden > 0 && area.height > 0 {
        let more = Line::styled(format!(" and {hidden} more "), model.theme.bad);
        put_right(buffer, area, area.height - 1, &more);
    }
}

/// The key bar of the present context.
pub(super) fn keys(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.theme;
    buffer.set_style(area, theme.bar);
    if let Some(notice) = &model.notice {
        let style = if notice.bad { theme.bad } else { theme.good };
        put(buffer, area, 0, &format!(" {}", notice.words), style);
        return;
    }
    put_line(
        buffer,
        area,
        0,
        &Line::from(entries(model, area.width).into_iter().flat_map(|entry| entry.spans).collect::<Vec<_>>()),
    );
}

/// One key of the bar with what it does.
struct Entry {
    action: Action,
    spans: [Span<'static>; 2],
}

impl Entry {
    fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }

    /// Whoever knows these finds all others, and the way out.
    fn is_kept(&self) -> bool {
        matches!(self.action, Action::Palette | Action::Help | Action::Quit | Action::Back)
    }
}

/// The keys of the place itself, then those that work everywhere; as many as there is room for.
fn entries(model: &Model, width: u16) -> Vec<Entry> {
    let context = model.context();
    let own = TABLE.iter().filter(|binding| binding.context == context);
    let common = TABLE
        .iter()
        .filter(|binding| context.is_place() && context != Context::Browse && binding.context == Context::Browse);
    let shown = own.chain(common).filter(|binding| !binding.bar.is_empty());
    let entry = |binding: &Binding| {
        let key = Span::styled(format!(" {}", model.keys.of(binding.name).first()?), model.theme.key);
        Some(Entry {
            action: binding.action,
            spans: [key, Span::styled(format!(" {} ", binding.bar), model.theme.bar)],
        })
    };
    let mut entries: Vec<Entry> = shown.filter_map(entry).collect();
    let kept: usize = entries.iter().filter(|entry| entry.is_kept()).map(Entry::width).sum();
    let mut room = usize::from(width).saturating_sub(kept);
    entries.retain(|entry| {
        let fits = entry.is_kept() || entry.width() <= room;
        if !entry.is_kept() {
            // What comes after one that does not fit is of less use still.
            room = if fits { room - entry.width() } else { 0 };
        }
        fits
    });
    entries
}

/// What the key under the mouse does.
pub fn action_at(model: &Model, area: Rect, at: Position) -> Option<Action> {
    if !area.contains(at) || model.notice.is_some() {
        return None;
    }
    let column = usize::from(at.x - area.x);
    let mut end = 0;
    entries(model, area.width).into_iter().find_map(|entry| {
        end += entry.width();
        (column < end).then_some(entry.action)
    })
}
