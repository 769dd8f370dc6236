//! What the right side can show, a file each: its state, how actions move it, what the log tells it, and how it is drawn.

pub mod live;
pub mod logbook;
pub mod opened;
pub mod outbox;
pub mod past;
pub mod recorder;
pub mod sheet;
pub mod usage;
pub mod why;

use ratatui::layout::Rect;

use super::action::Action;
use super::archive::{Found, News};
use super::happening::Errand;
use super::layout;
use super::model::{Model, Panel};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::words::text;

use sheet::Tone;

/// An action while the panel has the focus. `None`: it means nothing to this panel.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    match model.panel {
        Panel::Live => live(model, action),
        Panel::Recorder if action == Action::Copy => {
            let text = recorder::plain(model);
            Some(copied(model, text))
        }
        Panel::Recorder => recorder::act(model, action).then(Vec::new),
        Panel::Logbook => logbook::act(model, action),
        Panel::Outbox => outbox::act(model, action),
        Panel::Why => why::act(model, action),
        Panel::Usage => usage::act(model, action),
    }
}

fn live(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    let pane = model.selected().and_then(|agent| agent.pane.clone());
    let room = layout::panel_room(model);
    if action == Action::Copy {
        let text = model.live.plain(room.1);
        return Some(copied(model, text));
    }
    let questions = model.live.go(action, room, pane.as_deref())?;
    Some(questions.into_iter().map(Errand::Look).collect())
}

/// To the clipboard, as text in which nothing acts on the terminal that it is pasted into.
pub(super) fn copied(model: &mut Model, text: Option<String>) -> Vec<Errand> {
    let Some(text) = text.map(|text| text::block(&text)).filter(|text| !text.is_empty()) else {
        model.say("there is nothing to copy", true);
        return Vec::new();
    };
    let words = match text.lines().count() {
        1 => "copied".to_string(),
        lines => format!("copied {lines} lines"),
    };
    model.say(words, false);
    vec![Errand::Copy(text)]
}

/// What was looked up goes to whoever asked for it.
pub(super) fn found(model: &mut Model, found: Found) -> Vec<Errand> {
    let now = model.now;
    match found {
        Found::Rows { .. } => {}
        Found::Past { stretch, past } => model.dirty |= model.recorder.found(stretch, past),
        Found::Moment { moment, told } => model.dirty |= model.recorder.told(moment, told),
        Found::Entries { question, leaf } => model.dirty |= model.logbook.found(now, &question, leaf),
        Found::Record { question, vicinity } => opened::found_record(model, &question, vicinity),
        Found::Letter { question, letter } => opened::found_letter(model, &question, letter),
        Found::Decisions { question, decisions } => model.dirty |= model.why.found(now, &question, decisions),
        // Asked for by no panel.
        Found::Ground(_) => {}
        Found::Scrollback { span, page } => {
            model.dirty = true;
            if let Some(why) = model.live.take(&span, page) {
                model.say(why, true);
            }
        }
    }
    Vec::new()
}

/// A record was written.
pub(super) fn heard(model: &mut Model, stamp: Stamp, record: &Record) -> Vec<Errand> {
    let seen = model.logbook.heard(stamp, record);
    model.dirty |= seen && model.panel == Panel::Logbook && model.shows_panel();
    model.why.heard(stamp, record);
    opened::heard(model, record)
}

/// What the panel on the screen has to know next; asked after each happening.
pub(super) fn wants(model: &mut Model) -> Vec<Errand> {
    if !model.shows_panel() {
        return Vec::new();
    }
    match model.panel {
        Panel::Live | Panel::Recorder | Panel::Usage => Vec::new(),
        Panel::Logbook => logbook::wants(model),
        Panel::Outbox => {
            outbox::settle(model);
            Vec::new()
        }
        Panel::Why => why::wants(model),
    }
}

/// A click into the panel, in this row below its upper edge.
pub(super) fn click(model: &mut Model, row: u16) {
    match model.panel {
        Panel::Live | Panel::Recorder | Panel::Why | Panel::Usage => {}
        Panel::Logbook => logbook::click(model, row),
        Panel::Outbox => outbox::click(model, row),
    }
}

/// The place within the panel's frame.
fn inside(area: Rect) -> Rect {
    let (width, height) = (area.width.saturating_sub(2), area.height.saturating_sub(2));
    Rect { x: area.x + 1, y: area.y + 1, width, height }
}

/// The colour of a kind of news.
fn tone(news: News) -> Tone {
    match news {
        News::Trouble => Tone::Bad,
        News::Warning => Tone::Warn,
        News::Relief => Tone::Good,
        News::Message => Tone::Accent,
        News::Order | News::Engine => Tone::Dim,
        News::Phase => Tone::Title,
        News::Branch | News::Doing => Tone::Text,
    }
}

#[cfg(test)]
mod tests;
