//! Where the parts of the recorder stand, from the size and the number of agents: the same for drawing and for the mouse.

use ratatui::layout::{Position, Rect};

use crate::cockpit::model::Model;

/// The parts. Those without room have no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Names and signs, left of the lanes.
    pub(super) names: Rect,
    /// Phases and pushes: 0, 1 or 2 rows.
    pub(super) head: Rect,
    /// The lanes, in the columns of time.
    pub(super) chart: Rect,
    /// Rows of a lane.
    pub(super) tall: u16,
    /// The first agent shown, and how many are.
    pub(super) first: usize,
    pub(super) shown: usize,
    pub(super) axis: Rect,
    pub(super) detail: Rect,
    pub(super) legend: Rect,
}

/// Rows of detail without a screen: time and state, the reason, an event.
const TOLD: u16 = 4;
/// Rows of a screen that are worth a look.
const SCREEN: u16 = 8;

/// Rows of a lane, the most first, and what must be left below it.
const TALL: [(u16, u16); 4] = [(5, TOLD + 4 * SCREEN), (4, TOLD + 3 * SCREEN), (3, TOLD + SCREEN), (2, TOLD)];

impl Place {
    /// Cuts the panel up. The more room, the higher the lanes, and a screen has the rest.
    pub(super) fn new(model: &Model, area: Rect) -> Self {
        let agents = u16::try_from(model.fleet.order.len()).unwrap_or(u16::MAX);
        let longest = model.fleet.order.iter().map(|id| id.as_str().len()).max().unwrap_or(0);
        let label = u16::try_from(longest + 3).unwrap_or(u16::MAX).clamp(8, (area.width / 4).max(8)).min(area.width);
        let chart = |y: u16, height: u16| Rect { x: area.x + label, width: area.width - label, y, height };
        let legend = u16::from(area.height >= 16);
        let head = [0, 1, 2][usize::from((area.height / 6).min(2))];
        let axis = u16::from(area.height > 2);
        let rest = area.height.saturating_sub(legend + head + axis);
        let fits = |tall: u16, below: u16| u32::from(agents) * u32::from(tall) + u32::from(below) <= u32::from(rest);
        let tall = match model.recorder.open {
            true => 1,
            false => TALL.into_iter().find(|(tall, below)| fits(*tall, *below)).map_or(1, |(tall, _)| tall),
        };
        let below = TOLD + if model.recorder.open { SCREEN } else { 0 };
        let room = rest.saturating_sub(below).max(rest / 2).max(1).min(rest);
        let shown = (room / tall).min(agents);
        let selected = model.fleet.position().unwrap_or(0);
        let hidden = usize::from(agents - shown);
        let first = selected.saturating_sub(usize::from(shown / 2)).min(hidden);
        let top = area.y + head;
        let lanes = shown * tall;
        let foot = top + lanes + axis;
        let detail = area.bottom().saturating_sub(foot + legend);
        Place {
            names: Rect { width: label, y: top, height: lanes, ..area },
            head: chart(area.y, head),
            chart: chart(top, lanes),
            tall,
            first,
            shown: usize::from(shown),
            axis: chart(top + lanes, axis),
            detail: Rect { y: foot, height: detail, ..area },
            legend: Rect { y: foot + detail, height: legend.min(area.bottom().saturating_sub(foot + detail)), ..area },
        }
    }

    /// All rows in which a column means a time.
    pub(super) fn columns(&self) -> Rect {
        Rect { y: self.head.y, height: self.head.height + self.chart.height + self.axis.height, ..self.chart }
    }

    /// The agent whose lane or name is there, by its place in the fleet.
    pub(super) fn lane_at(&self, at: Position) -> Option<usize> {
        let lanes = Rect { width: self.names.width + self.chart.width, ..self.names };
        lanes.contains(at).then(|| self.first + usize::from((at.y - lanes.y) / self.tall.max(1)))
    }
}
