//! Drawing: a function of the model, and of nothing else. Every text that comes from outside passes [`text::line`] on its way into
//! a frame, and [`harmless`] is the last thing done to each frame.

pub mod banner;
mod compose;
mod confirm;
pub mod fleet;
pub mod foot;
mod header;
pub mod overlay;
pub mod panel;
mod sequence;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use unicode_width::UnicodeWidthStr;

use crate::words::text::{self, is_unseen};

use crate::pilot::time::Time;
use crate::pilot::view::AgentView;

use super::layout;
use super::mode::Mode;
use super::model::{Model, Panel};

/// Draws everything, and tells where the terminal's cursor belongs.
pub fn draw(model: &Model, buffer: &mut Buffer) -> Option<Position> {
    let whole = buffer.area;
    // The terminal may have changed since the model heard its size. That news is on its way and brings the next frame.
    if (whole.width, whole.height) != model.size {
        return None;
    }
    let areas = layout::areas(model);
    buffer.set_style(whole, model.theme.text);
    header::draw(model, areas.header, buffer);
    banner::draw(model, areas.banner, buffer);
    sequence::draw(model, areas.sequence, buffer);
    fleet::draw(model, areas.fleet, buffer);
    panel::draw(model, areas.panel, buffer);
    foot::alerts(model, areas.alerts, buffer);
    foot::keys(model, areas.keys, buffer);
    let cursor = overlay::draw(model, whole, buffer);
    if model.theme.sixteen {
        let pane = model.panel == Panel::Live && model.mode.shows_screen();
        let is_pane = |at: Position| pane && areas.panel.contains(at);
        even(buffer, is_pane);
    }
    harmless(buffer);
    cursor.filter(|at| whole.contains(*at))
}

/// A part of the screen that changes by the clock.
pub struct Part<'a> {
    /// Where it stands.
    pub area: Rect,
    what: Ageing<'a>,
}

enum Ageing<'a> {
    Header,
    Sequence,
    Row(&'a AgentView),
    Panel,
}

/// What the clock alone has changed in a frame that was drawn at `then`. `None`: it may be anything.
pub fn ageing(model: &Model, then: Time) -> Option<Vec<Part<'_>>> {
    if !matches!(model.mode, Mode::Browse) || model.silence().is_some() {
        return None;
    }
    let areas = layout::areas(model);
    let mut parts = vec![Part { area: areas.header, what: Ageing::Header }];
    parts.push(Part { area: areas.sequence, what: Ageing::Sequence });
    let rows = fleet::ageing(model, areas.fleet, then);
    parts.extend(rows.into_iter().map(|(area, agent)| Part { area, what: Ageing::Row(agent) }));
    if matches!(model.panel, Panel::Recorder | Panel::Outbox | Panel::Why) {
        parts.push(Part { area: areas.panel, what: Ageing::Panel });
    }
    parts.retain(|part| !part.area.is_empty());
    Some(parts)
}

impl Part<'_> {
    /// Its cells as they are now.
    pub fn cells(&self, model: &Model) -> Buffer {
        let mut cells = Buffer::empty(self.area);
        cells.set_style(self.area, model.theme.text);
        match self.what {
            Ageing::Header => header::draw(model, self.area, &mut cells),
            Ageing::Sequence => sequence::draw(model, self.area, &mut cells),
            Ageing::Row(agent) => fleet::draw_row(model, agent, self.area, &mut cells),
            Ageing::Panel => panel::draw(model, self.area, &mut cells),
        }
        if model.theme.sixteen {
            even(&mut cells, |_| false);
        }
        harmless(&mut cells);
        cells
    }
}

/// A row that is turned around to show that it is selected is of one colour: turned around, the colours of its words are patches.
fn even(buffer: &mut Buffer, is_pane: impl Fn(Position) -> bool) {
    for at in buffer.area.positions().filter(|at| !is_pane(*at)) {
        let cell = &mut buffer[at];
        if cell.modifier.contains(Modifier::REVERSED) {
            (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
            cell.modifier.remove(Modifier::DIM);
        }
    }
}

/// Longest sign of a cell, in bytes: the longest emoji of several parts fits. A letter under a hundred marks is no text but
/// a flood, which terminals draw over the lines around it.
const SIGN: usize = 40;

/// A joiner: a part of many a picture, and of words in some scripts.
const JOINER: char = '\u{200d}';

/// Nothing that acts on a terminal leaves in a cell, whatever way it came in (fault U3). What acts is left out of the sign that it stands
/// with; a joiner at an end would join the sign with its neighbour and move all that follows.
pub fn harmless(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.len() == 1 && !symbol.as_bytes()[0].is_ascii_control() {
            continue;
        }
        let bad = |c: char| c.is_control() || acts(c);
        let at_end = symbol.starts_with(JOINER) || symbol.ends_with(JOINER);
        if symbol.len() <= SIGN && !at_end && !symbol.contains(bad) {
            continue;
        }
        let kept: String = symbol.chars().filter(|c| !bad(*c)).collect();
        let kept = kept.trim_matches(JOINER);
        // Shortened to nothing, or a flood, or made narrower than its place: a mark that something was there.
        let stays = !kept.is_empty() && kept.len() <= SIGN && kept.width() == symbol.width();
        let sign = if stays { kept.to_string() } else { "\u{b7}".to_string() };
        cell.set_symbol(&sign);
    }
}

/// Joiners and variation selectors are a part of many a picture; what else can't be seen has no business here.
fn acts(c: char) -> bool {
    is_unseen(c) && !matches!(c, '\u{200c}' | JOINER)
}

/// One line of outside text, cut to the width.
pub fn put(buffer: &mut Buffer, area: Rect, row: u16, words: &str, style: Style) {
    put_line(buffer, area, row, &Line::from(Span::styled(text::line(words), style)));
}

/// One line of spans, cut to the width.
pub fn put_line(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height && area.width > 0 {
        buffer.set_line(area.x, area.y + row, line, area.width);
        if line.width() > usize::from(area.width) {
            buffer[(area.x + area.width - 1, area.y + row)].set_symbol("…");
        }
    }
}

/// A span of outside text.
pub fn span(words: &str, style: Style) -> Span<'static> {
    Span::styled(text::line(words), style)
}

/// Words that end at the right edge; what stands there already is covered.
pub fn put_right(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    let place = Rect { x: area.x + area.width - width, width, ..area };
    put_line(buffer, place, row, line);
}
