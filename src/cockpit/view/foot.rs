//! The foot of the screen: alerts, each with what to do; then the key bar, or what was just said.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::cockpit::keys::TABLE;
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
    let context = model.context();
    let here = |binding: &&crate::cockpit::keys::Binding| {
        binding.context == context || (context.is_place() && binding.context == crate::cockpit::keys::Context::Browse)
    };
    let mut spans = vec![Span::raw(" ")];
    let own = TABLE.iter().filter(here).filter(|binding| binding.context == context);
    let common = TABLE.iter().filter(here).filter(|binding| binding.context != context);
    for binding in own.chain(common).filter(|binding| !binding.bar.is_empty()) {
        let Some(key) = model.keys.of(binding.name).first() else { continue };
        spans.push(Span::styled(key.to_string(), theme.key));
        spans.push(Span::styled(format!(" {}  ", binding.bar), theme.bar));
    }
    put_line(buffer, area, 0, &Line::from(spans));
}
