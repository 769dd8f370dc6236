//! What lies over the main screen: questions, the palette, the filter, help. Returns where the terminal's cursor belongs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Widget};
use unicode_width::UnicodeWidthStr;

use crate::cockpit::keys::{Context, TABLE};
use crate::cockpit::layout;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::Model;
use crate::cockpit::panel::opened::Opened;
use crate::cockpit::prompt::Choice;
use crate::words::text;

use super::{put, put_line, span};

/// Draws what is open.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if is_too_small(area) {
        return None;
    }
    match &model.mode {
        Mode::Browse => None,
        Mode::Confirm(question) => {
            super::confirm::draw(model, question, area, buffer);
            None
        }
        Mode::Help { of, scroll } => {
            help(model, *of, *scroll, area, buffer);
            None
        }
        Mode::Palette(choice) => Some(choose(model, choice, area, buffer)),
        Mode::Pick(pick) => Some(choose(model, &pick.choice, area, buffer)),
        Mode::Compose(message) => super::compose::draw(model, message, area, buffer),
        Mode::Filter(input) => Some(filter(model, input, area, buffer)),
        Mode::Kinds(choice) => Some(choose(model, choice, area, buffer)),
        Mode::Record(opened) => {
            record(model, opened, area, buffer);
            None
        }
    }
}

/// Is what is open drawn at this place? Found by drawing it, so that it can't differ from what is seen.
pub fn covers(model: &Model, at: Position) -> bool {
    // No text that is drawn holds this.
    const NOTHING: &str = "\0";
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    if !area.contains(at) {
        return false;
    }
    let mut buffer = Buffer::filled(area, ratatui::buffer::Cell::new(NOTHING));
    draw(model, area, &mut buffer);
    buffer[at].symbol() != NOTHING
}

/// The entry of the list that is open, where one is drawn at this place, and how many fit.
pub fn entry_at(model: &Model, at: Position) -> Option<(usize, usize)> {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    if is_too_small(area) {
        return None;
    }
    let (list, first, entries) = match &model.mode {
        Mode::Palette(choice) => list(choice, area),
        Mode::Kinds(choice) => list(choice, area),
        Mode::Pick(pick) => list(&pick.choice, area),
        _ => return None,
    };
    let entry = first + usize::from(at.y.checked_sub(list.y)?);
    (list.contains(at) && entry < entries).then_some((entry, usize::from(list.height)))
}

fn is_too_small(area: Rect) -> bool {
    area.width < 8 || area.height < 5
}

/// A box of that size in the middle; what was there is wiped.
pub(super) fn window(model: &Model, area: Rect, size: (u16, u16), title: &str, buffer: &mut Buffer) -> Rect {
    let place = middle(area, size);
    Clear.render(place, buffer);
    buffer.set_style(place, model.theme.text);
    let title = Line::from(span(&format!(" {title} "), model.theme.title));
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(model.theme.border_focus).title(title);
    let inside = block.inner(place);
    block.render(place, buffer);
    inside
}

fn middle(area: Rect, size: (u16, u16)) -> Rect {
    let (width, height) = (size.0.min(area.width), size.1.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 3, width, height)
}

fn help(model: &Model, of: Context, scroll: u16, area: Rect, buffer: &mut Buffer) {
    let width = area.width.min(92);
    let room = width.saturating_sub(2);
    let mut lines = Vec::new();
    let contexts = [of, Context::Browse];
    let shown = if of.is_place() && of != Context::Browse { &contexts[..] } else { &contexts[..1] };
    for context in shown {
        lines.push(Line::styled(context.title().to_string(), model.theme.title));
        for binding in TABLE.iter().filter(|binding| binding.context == *context) {
            let keys: Vec<String> = model.keys.of(binding.name).iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() { "-".to_string() } else { keys.join(" ") };
            let mut keys = format!("  {keys:<16} ");
            let wide = keys.chars().count();
            for words in folded(binding.words, usize::from(room).saturating_sub(wide)) {
                lines.push(Line::from(vec![
                    Span::styled(keys, model.theme.accent),
                    Span::styled(words, model.theme.text),
                ]));
                keys = " ".repeat(wide);
            }
        }
        lines.push(Line::default());
    }
    let inside = window(model, area, (width, area.height), "keys", buffer);
    let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(inside.height);
    Paragraph::new(lines).scroll((scroll.min(most), 0)).render(inside, buffer);
}

/// Lines of at most that many columns, broken between words; a word that is longer stays whole.
fn folded(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= room => *line += &format!(" {word}"),
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Above the key bar, so that its keys can be seen.
fn record(model: &Model, opened: &Opened, area: Rect, buffer: &mut Buffer) {
    let place = opened.place(model.size, &model.theme);
    let area = Rect { height: area.height.saturating_sub(1), ..area };
    let inside = window(model, area, (place.width + 4, place.height + 2), &opened.title, buffer);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    opened.sheet.draw(opened.scroll, inside, buffer, &model.theme);
}

fn choose<T: Clone + PartialEq>(model: &Model, choice: &Choice<T>, area: Rect, buffer: &mut Buffer) -> Position {
    let inside = window(model, area, size(choice, area), &choice.title, buffer);
    put_line(
        buffer,
        inside,
        0,
        &Line::from(vec![Span::styled("› ", model.theme.accent), span(choice.input.value(), model.theme.strong)]),
    );
    let (list, first, _) = list(choice, area);
    for (row, name) in choice.names().enumerate().skip(first).take(usize::from(list.height).max(1)) {
        let y = u16::try_from(row - first).unwrap_or(0);
        put(buffer, list, y, &format!("  {}", text::line(name)), model.theme.text);
        if row == choice.at {
            buffer.set_style(Rect { y: list.y + y, height: 1, ..list }, model.theme.selected);
        }
    }
    if choice.count() == 0 {
        put(buffer, list, 0, "  nothing fits", model.theme.dim);
    }
    Position::new(inside.x + 2 + u16::try_from(choice.input.visual_cursor()).unwrap_or(0), inside.y)
}

/// Columns and rows of the box around a choice.
fn size<T: Clone + PartialEq>(choice: &Choice<T>, area: Rect) -> (u16, u16) {
    let rows = u16::try_from(choice.count()).unwrap_or(u16::MAX).saturating_add(4).clamp(6, area.height.max(6));
    (area.width.saturating_sub(4).min(90), rows.min(22))
}

/// Where its entries stand, the first that is shown, and how many there are.
fn list<T: Clone + PartialEq>(choice: &Choice<T>, area: Rect) -> (Rect, usize, usize) {
    let inside = layout::inside(middle(area, size(choice, area)));
    let list = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    (list, choice.first(usize::from(list.height)), choice.count())
}

fn filter(model: &Model, input: &tui_input::Input, area: Rect, buffer: &mut Buffer) -> Position {
    let row = Rect { y: area.y + area.height - 1, height: 1, ..area };
    buffer.set_style(row, model.theme.bar);
    put(buffer, row, 0, &" ".repeat(usize::from(row.width)), model.theme.bar);
    put_line(
        buffer,
        row,
        0,
        &Line::from(vec![Span::styled(" /", model.theme.key), span(input.value(), model.theme.strong)]),
    );
    Position::new(row.x + 2 + u16::try_from(input.visual_cursor()).unwrap_or(0), row.y)
}
