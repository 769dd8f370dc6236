//! A question before something that can't be taken back: each consequence in a sentence, as many as fit, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::cockpit::mode::{Confirm, Gravity};
use crate::cockpit::model::Model;
use crate::words::text;

use super::overlay::window;
use super::{put, put_line};

/// Draws it.
pub(super) fn draw(model: &Model, question: &Confirm, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(76);
    let columns = usize::from(width.saturating_sub(2));
    let sentences = question.lines.iter().map(|line| text::wrap(&text::line(line), columns)).collect();
    // Two rows of border, an empty one and the keys.
    let rows = fitting(sentences, usize::from(area.height.saturating_sub(4)));
    let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inside = window(model, area, (width, height), &format!("{}?", question.title), buffer);
    for (row, words) in (0..inside.height.saturating_sub(1)).zip(&rows) {
        put(buffer, inside, row, words, model.theme.text);
    }
    put_line(buffer, inside, inside.height.saturating_sub(1), &keys(model, question.gravity));
}

/// As many whole sentences as fit into so many rows; when not all do, the last row says how many more there are.
fn fitting(sentences: Vec<Vec<String>>, most: usize) -> Vec<String> {
    let all = sentences.len();
    if sentences.iter().map(Vec::len).sum::<usize>() <= most {
        return sentences.into_iter().flatten().collect();
    }
    let mut rows = Vec::new();
    for (at, sentence) in sentences.into_iter().enumerate() {
        if rows.len() + sentence.len() + 1 > most {
            rows.push(format!("and {} more", all - at));
            break;
        }
        rows.extend(sentence);
    }
    rows
}

fn keys(model: &Model, gravity: Gravity) -> Line<'static> {
    let theme = &model.theme;
    let first = |name: &str| model.keys.of(name).first().map(ToString::to_string);
    let named = |names: &[&str]| names.iter().filter_map(|name| first(name)).collect::<Vec<_>>().join(" or ");
    let (yes, no) = match gravity {
        Gravity::Usual => (named(&["yes", "yes-usual"]), named(&["no"])),
        Gravity::Grave => (named(&["yes"]), named(&["yes-usual", "no"])),
    };
    Line::from(vec![
        Span::styled(yes, theme.key),
        Span::styled(" do it   ", theme.text),
        Span::styled(no, theme.key),
        Span::styled(" leave it", theme.text),
    ])
}
