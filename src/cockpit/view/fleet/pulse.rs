//! The last hour of an agent in a few columns: how much of each of them it worked.

use std::time::Duration;

use ratatui::text::Span;

use crate::cockpit::model::Model;
use crate::cockpit::panel::recorder::chart::BLOCKS;
use crate::cockpit::tint::Tint;
use crate::pilot::time::Time;
use crate::pilot::view::AgentView;

use super::Columns;

const HOUR: Duration = Duration::from_secs(3_600);
const BEAT_MS: i64 = 10_000;
/// Columns, where so many fit: 2, 3, 5 or 10 minutes each, so that they begin at round times.
const COLUMNS: [u16; 4] = [30, 20, 12, 6];

/// What follows the head of an agent's row, the same columns in each row; nothing where there is no room.
pub(super) fn spans(model: &Model, agent: &AgentView, head: &[Span<'_>], columns: Columns) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let used: usize = head.iter().map(Span::width).sum();
    let room = columns.width.saturating_sub(used + 2 + columns.right);
    let columns = COLUMNS.into_iter().find(|columns| usize::from(*columns) <= room);
    let (Some(columns), Some(lane)) = (columns, model.recorder.lane(&agent.id)) else { return Vec::new() };
    let stale = model.silence().is_some();
    let style = if stale { theme.stale } else { theme.tint(Tint::Working) };
    let end = if stale { model.engine.last_word } else { beat(model.now) };
    let shares = lane.busy(end, HOUR, columns);
    let mut spans = vec![Span::raw("  ")];
    spans.extend(shares.into_iter().map(|share| match share {
        None => Span::raw(" "),
        Some(0) => Span::styled(BLOCKS[0], theme.border),
        Some(eighths) => Span::styled(BLOCKS[usize::from(eighths.clamp(1, 8)) - 1], style),
    }));
    spans
}

/// The beat in which the pulse moves: a change of the last seconds is seen in its agent's state already.
pub(super) fn beat(now: Time) -> Time {
    Time(now.0.div_euclid(BEAT_MS) * BEAT_MS)
}

/// Columns that the right end of the widest row takes.
pub(super) fn right(agents: &[AgentView], width: u16, hosts: bool) -> usize {
    let words = |agent: &AgentView| {
        let phase = agent.phase.as_ref().filter(|_| width >= 44).map_or(0, |phase| phase.as_str().len() + 1);
        let program = if width >= 60 { agent.backend.len() + agent.model.len() + 2 } else { 0 };
        let host = if hosts { agent.host.len() + 2 } else { 0 };
        // Each count is a blank, a sign and mostly one digit.
        let counts = usize::from(agent.waiting_messages > 0) * 3 + usize::from(agent.restarts_today > 0) * 3;
        phase + program + host + counts + 1
    };
    agents.iter().map(words).max().unwrap_or(0)
}
