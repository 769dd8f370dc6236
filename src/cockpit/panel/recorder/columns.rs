//! Columns of lanes whose time is over, added up once: behind each of them may lie hundreds of points, and a frame has thousands of
//! columns. They are filled in `update`, so that a frame only reads them.
//!
//! Lanes alone know what was. A column that is not here is added up where it is drawn, and gives the same.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::window::Window;
use crate::cockpit::lanes::{Lane, Lanes, MarkKind, Track};
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;

/// What a lane shows in one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// `None`: nothing is known of that time.
    pub(super) cell: Option<Cell>,
    pub(super) mark: Option<MarkKind>,
}

impl Column {
    /// Adds up a column of the window from what is known until `told`.
    pub(super) fn of(states: &Track, lane: Option<&Lane>, window: &Window, column: u16, told: Time) -> Self {
        let (begin, end) = (window.begin(column), window.begin(column + 1));
        Column {
            cell: Cell::of(&states.spent(begin, end.min(told))),
            mark: lane.and_then(|lane| lane.marks.telling(begin, end)).map(|mark| mark.kind()),
        }
    }
}

/// The columns of each lane that was looked at, all of the same width in time.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// Milliseconds of a column.
    cell: i64,
    /// [`Lanes::rewritten`] when they were added up.
    rewritten: u64,
    lanes: BTreeMap<AgentId, Stretch>,
}

/// Columns without a hole.
#[derive(Debug, Default)]
struct Stretch {
    /// The first one's number since the beginning of time.
    first: i64,
    columns: Vec<Column>,
}

impl Columns {
    /// Other lanes are told of from now on.
    pub(super) fn forget(&mut self) {
        self.lanes.clear();
    }

    /// Something happened at `at`: what was over before stays as it was, even if the news came late.
    pub(super) fn forget_from(&mut self, at: Time) {
        let cell = self.cell.max(1);
        for stretch in self.lanes.values_mut() {
            let over = at.0.div_euclid(cell) - stretch.first;
            stretch.columns.truncate(usize::try_from(over).unwrap_or(0));
        }
    }

    /// Adds up what is over at `told` and was not added up yet.
    pub(super) fn fill(&mut self, lanes: &Lanes, agents: &[AgentId], window: &Window, told: Time) {
        if (self.cell, self.rewritten) != (window.cell, lanes.rewritten()) {
            self.lanes.clear();
            (self.cell, self.rewritten) = (window.cell, lanes.rewritten());
        }
        for agent in agents {
            let Some(lane) = lanes.lane(agent).filter(|lane| !lane.states.is_empty()) else { continue };
            let stretch = match self.lanes.get_mut(agent) {
                Some(stretch) => stretch,
                None => self.lanes.entry(agent.clone()).or_default(),
            };
            stretch.follow(lane, window, told);
        }
    }

    /// The columns of a lane that are known, from the window's first one on.
    pub(super) fn of(&self, agent: &AgentId, lanes: &Lanes, window: &Window, told: Time) -> &[Column] {
        let same = (self.cell, self.rewritten) == (window.cell, lanes.rewritten());
        let found = self.lanes.get(agent).filter(|stretch| same && stretch.first == window.first);
        found.map_or(&[], |stretch| &stretch.columns[..stretch.columns.len().min(window.over(told))])
    }
}

impl Stretch {
    /// Moves to where the window is; what both have is kept.
    fn follow(&mut self, lane: &Lane, window: &Window, told: Time) {
        let (over, moved) = (window.over(told), window.first - self.first);
        let column = |at: usize| Column::of(&lane.states, Some(lane), window, u16::try_from(at).unwrap_or(0), told);
        let steps = usize::try_from(moved.unsigned_abs()).unwrap_or(usize::MAX);
        if steps >= usize::from(window.columns) {
            self.columns.clear();
        } else if moved > 0 {
            self.columns.drain(..steps.min(self.columns.len()));
        } else {
            self.columns.splice(0..0, (0..steps).map(column));
        }
        self.first = window.first;
        self.columns.truncate(over);
        self.columns.extend((self.columns.len()..over).map(column));
    }
}

#[cfg(test)]
mod tests;
