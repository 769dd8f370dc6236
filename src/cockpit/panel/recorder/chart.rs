//! The lanes, the head above them and the axis below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::cell::Cell;
use super::columns::Column;
use super::legend::Shown;
use super::place::Place;
use super::window::Window;
use crate::cockpit::lanes::{FleetKind, FleetMark, Lanes, MarkKind, Point, Track};
use crate::cockpit::model::{Focus, Model};
use crate::cockpit::theme::Theme;
use crate::cockpit::tint::Tint;
use crate::cockpit::view::{put, put_line, span};
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;
use crate::words::text;

/// Heights of one row, from one eighth to eight.
pub(in crate::cockpit) const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// Nobody was there to look.
pub(super) const ABSENT: &str = "░";

/// Draws them; returns which signs that took.
pub(super) fn draw(model: &Model, place: &Place, buffer: &mut Buffer) -> Shown {
    let mut shown = Shown::default();
    let window = model.recorder.gaze.window(place.chart.width, model.now);
    let known = model.recorder.lanes().filter(|_| !model.fleet.order.is_empty() && place.chart.width > 0);
    let Some(lanes) = known else {
        put(buffer, place.head, 0, "no lanes yet", model.theme.dim);
        return shown;
    };
    grid(model, place, &window, buffer);
    head(model, lanes, place, &window, buffer);
    let (told, absent) = (told(model), absent(lanes, &window));
    let agents = model.fleet.order.iter().skip(place.first).take(place.shown);
    for (row, agent) in (0_u16..).zip(agents) {
        let y = place.chart.y + row * place.tall;
        let rows = Rect { y, height: place.tall, ..place.chart };
        name(model, agent, Rect { y, height: place.tall, ..place.names }, buffer);
        Band { model, lanes, window: &window, absent: &absent, told, rows }.draw(agent, &mut shown, buffer);
    }
    axis(model, place, &window, buffer);
    cursor(model, place, &window, buffer);
    shown
}

/// Fine lines at the ticks, behind everything.
fn grid(model: &Model, place: &Place, window: &Window, buffer: &mut Buffer) {
    for (column, _) in window.ticks() {
        for y in place.head.y..place.chart.bottom() {
            buffer[(place.chart.x + column, y)].set_symbol("┊").set_style(model.theme.border);
        }
    }
}

fn name(model: &Model, agent: &AgentId, area: Rect, buffer: &mut Buffer) {
    let theme = &model.theme;
    let selected = model.fleet.selected.as_ref() == Some(agent);
    let tint = tint_at(model, agent, model.recorder.cursor(model.now));
    let style = if selected { theme.strong } else { theme.dim };
    let room = usize::from(area.width).saturating_sub(3);
    let sign = tint.map_or(Span::raw(" "), |tint| Span::styled(tint.sign(), theme.tint(tint)));
    let words = text::clip(&text::line(agent.as_str()), room);
    put_line(buffer, area, 0, &Line::from(vec![sign, Span::raw(" "), Span::styled(words, style)]));
    if selected {
        let style = if model.focus == Focus::Panel || model.zoomed { theme.selected } else { theme.selected_away };
        buffer.set_style(Rect { width: area.width.saturating_sub(1), height: 1, ..area }, style);
    }
}

/// An agent's state at a moment; for one that has no record yet, what the engine says of the present.
pub(super) fn tint_at(model: &Model, agent: &AgentId, at: Time) -> Option<Tint> {
    let lane = model.recorder.lane(agent).filter(|lane| !lane.states.is_empty());
    match lane {
        Some(lane) => lane.at(at).map(|(tint, _, _)| tint),
        None => model.agent(agent).filter(|agent| agent.since <= at).map(|agent| Tint::of(&agent.state)),
    }
}

/// Until when something is told: nothing is while the engine is silent, so nothing is drawn.
pub(super) fn told(model: &Model) -> Time {
    if model.silence().is_some() { model.engine.last_word } else { model.now }
}

/// Which columns were without an engine for most of their time.
fn absent(lanes: &Lanes, window: &Window) -> Vec<bool> {
    let cell = u64::try_from(window.cell).unwrap_or(0);
    (0..window.columns).map(|at| lanes.absent(window.begin(at), window.begin(at + 1)) * 2 > cell).collect()
}

/// One lane's rows.
struct Band<'a> {
    model: &'a Model,
    lanes: &'a Lanes,
    window: &'a Window,
    absent: &'a [bool],
    told: Time,
    rows: Rect,
}

impl Band<'_> {
    fn draw(&self, agent: &AgentId, shown: &mut Shown, buffer: &mut Buffer) {
        let lane = self.lanes.lane(agent);
        let since = self.model.agent(agent).map(|agent| (agent.since, Tint::of(&agent.state)));
        let mut present = Track::default();
        if let Some((since, tint)) = since {
            present.push(Point::new(since, 0, tint as u8));
        }
        let states = lane.map(|lane| &lane.states).filter(|states| !states.is_empty()).unwrap_or(&present);
        let known = self.model.recorder.columns.of(agent, self.lanes, self.window, self.told);
        for (at, absent) in (0..self.window.columns).zip(self.absent) {
            let column = known.get(usize::from(at)).copied();
            let column = column.unwrap_or_else(|| Column::of(states, lane, self.window, at, self.told));
            let begin = self.window.begin(at);
            let late = begin >= self.told && begin < self.model.now;
            match column.cell {
                Some(cell) if !absent => {
                    shown.tint(cell.tint);
                    self.cell(at, cell, buffer);
                }
                None if !late => {}
                Some(_) | None => {
                    shown.absence();
                    self.hatch(at, buffer);
                }
            }
            // In a lane of one row only what is worse than a message covers the state.
            if let Some(kind) = column.mark.filter(|kind| self.rows.height > 1 || *kind > MarkKind::Started) {
                shown.mark(kind);
                self.mark(at, kind, buffer);
            }
        }
    }

    /// Rows for the states: all but the last, which is for marks; of a single one all.
    fn bar_rows(&self) -> u16 {
        self.rows.height.saturating_sub(1).max(1)
    }

    fn hatch(&self, column: u16, buffer: &mut Buffer) {
        let y = self.rows.y + self.bar_rows() - 1;
        buffer[(self.rows.x + column, y)].set_symbol(ABSENT).set_style(self.model.theme.tint(Tint::Unknown));
    }

    fn cell(&self, column: u16, cell: Cell, buffer: &mut Buffer) {
        let theme = &self.model.theme;
        let (x, rows) = (self.rows.x + column, self.bar_rows());
        let bottom = self.rows.y + rows - 1;
        if !theme.colours {
            buffer[(x, bottom)].set_symbol(cell.tint.sign()).set_style(theme.tint(cell.tint));
            return;
        }
        // Lanes of one row stand on each other: without an eighth of air they would be one wall.
        let most = if self.rows.height == 1 { 7 } else { 8 };
        let mut left = (u16::from(cell.eighths) * rows).max(1).min(most * rows);
        for y in (self.rows.y..=bottom).rev() {
            let here = left.min(8);
            if here == 0 {
                break;
            }
            left -= here;
            buffer[(x, y)].set_symbol(BLOCKS[usize::from(here) - 1]).set_style(theme.tint(cell.tint));
        }
    }

    fn mark(&self, column: u16, kind: MarkKind, buffer: &mut Buffer) {
        let cell = &mut buffer[(self.rows.x + column, self.rows.bottom() - 1)];
        cell.set_symbol(kind.sign()).set_style(mark_style(&self.model.theme, kind));
    }
}

/// How a mark looks.
pub(super) fn mark_style(theme: &Theme, kind: MarkKind) -> Style {
    match kind {
        MarkKind::Submitted => theme.dim,
        MarkKind::Claim | MarkKind::Review => theme.accent,
        MarkKind::Started | MarkKind::Released => theme.good,
        MarkKind::Stopped | MarkKind::Doubt => theme.warn,
        MarkKind::Exited | MarkKind::Found | MarkKind::Alerted | MarkKind::Held => {
            theme.bad.add_modifier(Modifier::BOLD)
        }
    }
}

fn head(model: &Model, lanes: &Lanes, place: &Place, window: &Window, buffer: &mut Buffer) {
    let theme = &model.theme;
    if place.head.height > 0 {
        let names = Rect { x: place.names.x, y: place.head.y, width: place.names.width, height: 2 };
        put(buffer, names, 0, "  phase", theme.dim);
        phases(model, lanes, place.head, window, buffer);
        if place.head.height > 1 {
            put(buffer, names, 1, "  pushed", theme.dim);
            let area = Rect { y: place.head.y + 1, height: 1, ..place.head };
            events(model, &seen(lanes, window, FleetKind::is_pushed), area, window, buffer);
        }
    }
}

/// The fleet's marks in the window that pass, with their columns.
fn seen<'a>(lanes: &'a Lanes, window: &Window, passes: fn(FleetKind) -> bool) -> Vec<(u16, &'a FleetMark)> {
    let first = lanes.fleet().partition_point(|mark| mark.at < window.begin(0));
    let marks = lanes.fleet().iter().skip(first).take_while(|mark| mark.at < window.end());
    marks.filter(|mark| passes(mark.kind)).filter_map(|mark| Some((window.column(mark.at)?, mark))).collect()
}

/// A line for each phase, which begins with its name.
fn phases(model: &Model, lanes: &Lanes, area: Rect, window: &Window, buffer: &mut Buffer) {
    let theme = &model.theme;
    let is_turn = |kind: FleetKind| matches!(kind, FleetKind::Phase | FleetKind::Complete);
    let before = lanes.fleet().partition_point(|mark| mark.at < window.begin(0));
    let earlier = lanes.fleet().iter().take(before).rev().find(|mark| is_turn(mark.kind));
    let turns = seen(lanes, window, is_turn);
    // What began before the log was read is known from the engine's own picture.
    let told = current(model, window).filter(|_| earlier.is_none() && turns.is_empty());
    let from = match earlier {
        _ if told.is_some() => Some(0),
        Some(mark) => (mark.kind == FleetKind::Phase).then_some(0),
        None => turns.first().map(|(column, _)| *column),
    };
    let to = window.column(model.now).map_or(window.columns, |column| column + 1);
    for column in from.unwrap_or(to)..to {
        buffer[(area.x + column, area.y)].set_symbol("─").set_style(theme.border);
    }
    let begun = earlier.filter(|mark| mark.kind == FleetKind::Phase).map(|mark| &*mark.label).or(told);
    if let Some(label) = begun {
        let end = turns.first().map_or(to, |(column, _)| *column);
        write(buffer, area, (0, end), &[span(label, theme.accent)]);
    }
    let others =
        seen(lanes, window, |kind| !matches!(kind, FleetKind::Phase | FleetKind::Complete) && !kind.is_pushed());
    for (column, mark) in others {
        buffer[(area.x + column, area.y)].set_symbol(mark.kind.sign()).set_style(fleet_style(theme, mark.kind));
    }
    events(model, &turns, Rect { height: 1, ..area }, window, buffer);
}

/// The phase that is current, if it began before the window.
fn current<'a>(model: &'a Model, window: &Window) -> Option<&'a str> {
    let active = model.view.as_ref()?.phase.sequence.iter().find(|item| item.is_active())?;
    active.since.filter(|since| *since < window.begin(0)).map(|_| active.id.as_str())
}

/// Signs with their words, as far as the next one leaves room.
fn events(model: &Model, marks: &[(u16, &FleetMark)], area: Rect, window: &Window, buffer: &mut Buffer) {
    for (at, (column, mark)) in marks.iter().enumerate() {
        let end = marks.get(at + 1).map_or(window.columns, |(next, _)| *next);
        let style = fleet_style(&model.theme, mark.kind);
        write(buffer, area, (*column, end), &[Span::styled(mark.kind.sign(), style), span(&mark.label, style)]);
    }
}

/// The first span always, the others where they fit whole.
fn write(buffer: &mut Buffer, area: Rect, (from, to): (u16, u16), spans: &[Span<'_>]) {
    let mut x = from;
    for (at, span) in spans.iter().enumerate() {
        let width = u16::try_from(span.content.width()).unwrap_or(u16::MAX);
        if x.saturating_add(width) >= to.saturating_add(u16::from(at == 0)) || x >= area.width {
            return;
        }
        buffer.set_span(area.x + x, area.y, span, width.min(area.width - x));
        x += width;
    }
}

fn fleet_style(theme: &Theme, kind: FleetKind) -> Style {
    match kind {
        FleetKind::Engine => theme.dim,
        FleetKind::Resumed | FleetKind::Complete | FleetKind::Review => theme.good,
        FleetKind::Paused => theme.warn,
        FleetKind::EmergencyStop | FleetKind::MassDeath => theme.bad,
        FleetKind::Phase => theme.title,
        FleetKind::Claim => theme.accent,
    }
}

fn axis(model: &Model, place: &Place, window: &Window, buffer: &mut Buffer) {
    if place.axis.height == 0 {
        return;
    }
    for (column, words) in window.ticks() {
        let words = format!("╵{words}");
        let width = u16::try_from(words.width()).unwrap_or(0);
        if column + width <= place.axis.width {
            buffer.set_span(place.axis.x + column, place.axis.y, &span(&words, model.theme.dim), width);
        }
    }
}

/// The line at the cursor and its time on the axis.
fn cursor(model: &Model, place: &Place, window: &Window, buffer: &mut Buffer) {
    let theme = &model.theme;
    let x = place.chart.x + window.cursor;
    for y in place.head.y..place.chart.bottom() {
        let cell = &mut buffer[(x, y)];
        let empty = matches!(cell.symbol(), " " | "┊" | "─");
        let bar = BLOCKS.contains(&cell.symbol()) || cell.symbol() == ABSENT;
        if empty {
            cell.set_symbol("│").set_style(theme.accent);
        } else if bar {
            // A line in the bar, in which its colour is still seen.
            cell.set_symbol("│").set_style(theme.text.patch(Style::new().add_modifier(Modifier::BOLD)));
        } else {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }
    if place.axis.height > 0 {
        let at = model.recorder.cursor(model.now);
        let words = at.utc().format(if window.cell >= 3_600_000 { " %a %H:%M " } else { " %H:%M:%S " }).to_string();
        let width = u16::try_from(words.width()).unwrap_or(0).min(place.axis.width);
        let left = window.cursor.saturating_sub(width / 2).min(place.axis.width - width);
        let style = theme.accent.add_modifier(Modifier::REVERSED);
        buffer.set_span(place.axis.x + left, place.axis.y, &span(&words, style), width);
    }
}
