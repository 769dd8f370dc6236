//! The flight recorder: a lane per agent, time to the right. What was, when it turned, why, and the screen as it was then.
//!
//! ```text
//!  phases       ▶p1──────────────▶p2─────────────────────│──────────     what concerned everybody
//!  pushes               ◆claim(1a)     ◇review(1a)       │
//!  ● builder   ▇▇▇▅▂▂▇▇▇▇▇▇▇▇▇▆▂▂▂▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇│▇▇▇▇▅▂▂    a lane: colour = state, height = how busy
//!                 ✉       ◆             ✉    ↻           │     ✉      its marks
//!  ◷ adversary ▄▄▄▄▄▇▇▇▄▄▄▄▄▄▇▇▇▇▇▇▂▂▂▂▂░░░░░░░▇▇▇▇▇▇▇▇▇▇│▄▄▄▄▄▄▄     ░ = no engine was there to look
//!              ╷14:00    ╷14:10    ╷14:20    ╷14:30     14:37:12      the cursor's time
//!  builder  ● working  14:31:02 – 14:39:47  8m45s                     what it was doing there, and why
//!  14:31:02 builder: working: its screen changes
//!  ╶ screen of 14:31:02 ─────────────────────────────────────────     how it looked
//! ```
//!
//! It shows what records tell and judges nothing. The sign before each name is the agent's state at the cursor.

mod cell;
pub(in crate::cockpit) mod chart;
mod columns;
mod detail;
mod history;
mod legend;
pub mod past;
mod place;
mod window;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use crate::cockpit::action::Action;
use crate::cockpit::archive::Question;
use crate::cockpit::happening::Errand;
use crate::cockpit::lanes::{Lane, Lanes, WEEK};
use crate::cockpit::layout;
use crate::cockpit::model::{Model, Panel};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

use columns::Columns;
use history::History;
use past::{Moment, Past, Stretch, Told};
use place::Place;
use window::Gaze;

/// What the fleet's rows show of the past, and some more, so that the next minute is there when it is wanted.
const HOUR_MS: i64 = 3_900_000;
/// Records of the whole fleet and of the agent that are told at the cursor.
const TOLD: usize = 4;

/// Its state.
#[derive(Debug, Default)]
pub struct Recorder {
    gaze: Gaze,
    /// The screen has most of the room.
    open: bool,
    history: History,
    columns: Columns,
    /// What was asked about the cursor last, and what came of it.
    asked: Option<Moment>,
    told: Option<(Moment, Told)>,
}

impl Recorder {
    /// What is known of the past.
    pub fn lanes(&self) -> Option<&Lanes> {
        self.history.lanes()
    }

    /// One agent's lane.
    pub fn lane(&self, agent: &AgentId) -> Option<&Lane> {
        self.lanes()?.lane(agent)
    }

    /// A picture was told; from here on every record after number `seq` is heard.
    pub fn joined(&mut self, seq: u64) {
        self.history.joined(seq);
        self.columns.forget();
    }

    /// A record over the link.
    pub fn heard(&mut self, stamp: Stamp, record: &Record) {
        self.history.heard(stamp, record);
        self.columns.forget_from(stamp.at);
    }

    /// A page of the past. Tells whether it changes anything.
    pub fn found(&mut self, stretch: Stretch, past: Result<Past, String>) -> bool {
        self.history.found(stretch, past)
    }

    /// What was found about the cursor. Tells whether it is still there.
    pub fn told(&mut self, moment: Moment, told: Told) -> bool {
        let wanted = self.asked.as_ref() == Some(&moment);
        if wanted {
            self.told = Some((moment, told));
        }
        wanted
    }

    /// The moment under the cursor.
    fn cursor(&self, now: Time) -> Time {
        self.gaze.cursor().unwrap_or(now).min(now)
    }
}

/// Does an action; `false`: it means nothing here.
pub(super) fn act(model: &mut Model, action: Action) -> bool {
    let (columns, now) = (place(model).chart.width, model.now);
    let page = i64::from(columns / 2).max(1);
    let gaze = &mut model.recorder.gaze;
    match action {
        Action::Earlier | Action::Left => gaze.go(-1, columns, now),
        Action::Later | Action::Right => gaze.go(1, columns, now),
        Action::PageUp => gaze.go(-page, columns, now),
        Action::PageDown => gaze.go(page, columns, now),
        Action::ZoomIn => gaze.zoom(-1, columns, now),
        Action::ZoomOut => gaze.zoom(1, columns, now),
        Action::First => gaze.look_at(now - WEEK, columns, now),
        Action::Last | Action::Follow => gaze.follow(),
        Action::EarlierMark => to_mark(model, false),
        Action::LaterMark => to_mark(model, true),
        Action::Open => model.recorder.open = !model.recorder.open,
        Action::Back if model.recorder.open => model.recorder.open = false,
        _ => return false,
    }
    true
}

/// What is told at the cursor, as text; `None`: no agent is selected.
pub(super) fn plain(model: &Model) -> Option<String> {
    detail::plain(model)
}

/// To the next mark of the selected agent or of the fleet, in another column than the cursor's.
fn to_mark(model: &mut Model, later: bool) {
    let (columns, now) = (place(model).chart.width, model.now);
    let Some(lanes) = model.recorder.lanes() else { return };
    let window = model.recorder.gaze.window(columns, now);
    let (begin, end) = (window.begin(window.cursor), window.begin(window.cursor + 1));
    let lane = model.fleet.selected.as_ref().and_then(|agent| lanes.lane(agent));
    let fleet = lanes.fleet();
    let found = if later {
        let of_fleet = fleet.get(fleet.partition_point(|mark| mark.at < end)).map(|mark| mark.at);
        let own = lane.and_then(|lane| lane.marks.from(end)).map(|mark| mark.at());
        [of_fleet, own].into_iter().flatten().min()
    } else {
        let place = fleet.partition_point(|mark| mark.at < begin).checked_sub(1);
        let of_fleet = place.and_then(|place| fleet.get(place)).map(|mark| mark.at);
        [of_fleet, lane.and_then(|lane| lane.marks.before(begin)).map(|mark| mark.at())].into_iter().flatten().max()
    };
    match found {
        Some(at) => model.recorder.gaze.look_at(at, columns, now),
        None if later => model.recorder.gaze.follow(),
        None => model.say("nothing is known of earlier events", false),
    }
}

/// A click in the chart moves the cursor there, one on a lane selects its agent.
pub fn click(model: &mut Model, area: Rect, at: Position) {
    let place = Place::new(model, layout::inside(area));
    if let Some(row) = place.lane_at(at) {
        model.fleet.select(row);
    }
    if place.columns().contains(at) {
        let by = i64::from(at.x) - i64::from(place.chart.x);
        let window = model.recorder.gaze.window(place.chart.width, model.now);
        model.recorder.gaze.go(by - i64::from(window.cursor), place.chart.width, model.now);
    }
}

/// What has to be looked up, as things stand.
pub fn wants(model: &mut Model) -> Vec<Errand> {
    let seen = model.panel == Panel::Recorder && model.shows_panel() && model.mode.shows_screen();
    let mut need = Time(model.now.0 - HOUR_MS);
    if let Some(beginning) = model.recorder.history.beginning() {
        model.recorder.gaze.fit(model.now.since(beginning));
    }
    if seen {
        let window = model.recorder.gaze.window(place(model).chart.width, model.now);
        // One window more, for the next step to the left.
        need = need.min(window.begin(0) - model.recorder.gaze.reach());
    }
    let need = need.max(model.now - WEEK);
    let past = model.recorder.history.wants(need).map(|stretch| Errand::Look(Question::Past(stretch)));
    if seen {
        add_up(model);
    }
    let moment = if seen { moment(model).filter(|moment| model.recorder.asked.as_ref() != Some(moment)) } else { None };
    if moment.is_some() {
        model.recorder.asked.clone_from(&moment);
    }
    past.into_iter().chain(moment.map(|moment| Errand::Look(Question::Moment(moment)))).collect()
}

/// The columns that the next frame shows, as far as they are over.
fn add_up(model: &mut Model) {
    let (place, told) = (place(model), chart::told(model));
    let window = model.recorder.gaze.window(place.chart.width, model.now);
    let recorder = &mut model.recorder;
    if let Some(lanes) = recorder.history.lanes() {
        let shown = &model.fleet.order[place.first..place.first + place.shown];
        recorder.columns.fill(lanes, shown, &window, told);
    }
}

/// What there is to know about the cursor.
fn moment(model: &Model) -> Option<Moment> {
    let lanes = model.recorder.lanes()?;
    let agent = model.fleet.selected.clone()?;
    let window = model.recorder.gaze.window(place(model).chart.width, model.now);
    let (begin, end) = (window.begin(window.cursor), window.begin(window.cursor + 1));
    let at = model.recorder.cursor(model.now);
    let mut seqs = Vec::new();
    if let Some(lane) = lanes.lane(&agent) {
        seqs.extend(lane.at(at).map(|(_, point, _)| point.seq()));
        let here: Vec<u64> = lane.marks.within(begin, end).map(|mark| mark.seq()).collect();
        let before = if here.is_empty() { lane.marks.before(begin).map(|mark| mark.seq()) } else { None };
        seqs.extend(here.iter().rev().take(TOLD).chain(before.iter()));
    }
    let first = lanes.fleet().partition_point(|mark| mark.at < begin);
    seqs.extend(lanes.fleet().iter().skip(first).take_while(|mark| mark.at < end).map(|mark| mark.seq).take(TOLD));
    seqs.sort_unstable();
    seqs.dedup();
    // The newest screen is the same for all of the present.
    let at = model.recorder.gaze.cursor().map_or(Time(i64::MAX), |_| at);
    Some(Moment { agent, at, seqs })
}

fn place(model: &Model) -> Place {
    Place::new(model, layout::inside(layout::areas(model).panel))
}

/// Draws it into the inside of the panel.
pub fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let place = Place::new(model, area);
    let shown = chart::draw(model, &place, buffer);
    detail::draw(model, &place, buffer);
    legend::draw(&model.theme, &shown, place.legend, buffer);
}

/// What its lower edge says: how much time is seen, and whether it follows the present.
pub fn note(model: &Model) -> Line<'static> {
    detail::note(model)
}

#[cfg(test)]
mod tests;
