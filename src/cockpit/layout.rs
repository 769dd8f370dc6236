//! Where things stand, from the size alone: the same for drawing and for the mouse.

use ratatui::layout::Rect;

use super::model::{Focus, Model};

/// Narrower than this, fleet and panel take turns (a phone over ssh).
const NARROW: u16 = 80;
/// Lower than this, the sequence has one line and alerts one.
const LOW: u16 = 16;

/// The parts of the screen. Parts without room are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    pub header: Rect,
    pub sequence: Rect,
    pub banner: Rect,
    pub fleet: Rect,
    pub panel: Rect,
    pub alerts: Rect,
    pub keys: Rect,
}

/// What a frame leaves of an area.
pub fn inside(area: Rect) -> Rect {
    ratatui::widgets::Block::bordered().inner(area)
}

/// Fleet and panel don't fit side by side.
pub fn is_narrow(size: (u16, u16)) -> bool {
    size.0 < NARROW
}

/// Cuts the screen up.
pub fn areas(model: &Model) -> Areas {
    let (width, height) = model.size;
    let low = height < LOW;
    let alerts = model.view.as_ref().map_or(0, |view| view.alerts.len());
    let lines = |wanted: usize, most: u16| u16::try_from(wanted).unwrap_or(most).min(most);
    let banner = u16::from(super::view::banner::wanted(model));
    let foot = 1;
    let alerts = lines(alerts, if low { 1 } else { 3 });
    let sequence = if low { u16::from(height > 8) } else { 2 };
    let mut top = 0;
    let mut take = |rows: u16| {
        let rows = rows.min(height.saturating_sub(top));
        let area = Rect::new(0, top, width, rows);
        top += rows;
        area
    };
    let (header, banner, sequence) = (take(1), take(banner), take(sequence));
    let rest = height.saturating_sub(header.height + banner.height + sequence.height);
    let alerts = alerts.min(rest.saturating_sub(4));
    let foot = foot.min(rest);
    let body = take(rest - alerts - foot);
    let (alerts, keys) = (take(alerts), take(foot));
    let (fleet, panel) = split(model, body);
    Areas { header, sequence, banner, fleet, panel, alerts, keys }
}

/// Columns and rows inside the panel's frame.
pub fn panel_room(model: &Model) -> (u16, u16) {
    let panel = areas(model).panel;
    (panel.width.saturating_sub(2), panel.height.saturating_sub(2))
}

fn split(model: &Model, body: Rect) -> (Rect, Rect) {
    let nothing = Rect::new(body.x, body.y, 0, 0);
    if model.zoomed {
        return (nothing, body);
    }
    if is_narrow(model.size) {
        return match model.focus {
            Focus::Fleet => (body, nothing),
            Focus::Panel => (nothing, body),
        };
    }
    let left = (u32::from(body.width) * u32::from(model.split) / 100).clamp(24, u32::from(body.width) - 24);
    let left = u16::try_from(left).unwrap_or(body.width / 2);
    (Rect { width: left, ..body }, Rect { x: body.x + left, width: body.width - left, ..body })
}
