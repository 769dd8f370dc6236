//! What the engine says.

use crate::edge::link::Heard;
use crate::pilot::command::{Answer, Command};

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::model::Model;
use crate::cockpit::panel;

use super::compose;

/// A connection stands; the picture follows.
pub(super) fn connected(model: &mut Model, version: String) -> Vec<Errand> {
    model.engine.lost = None;
    model.engine.connected = true;
    model.engine.version = version;
    model.engine.last_word = model.now;
    model.dirty = true;
    // A new connection looks at nothing yet.
    vec![Errand::Peek(model.peeked().cloned())]
}

/// The engine is away; the picture stays, drawn as old.
pub(super) fn disconnected(model: &mut Model, why: String) -> Vec<Errand> {
    if model.engine.connected || model.engine.lost.as_ref() != Some(&why) {
        model.dirty = true;
    }
    model.engine.connected = false;
    model.engine.lost = Some(why);
    for asked in std::mem::take(&mut model.asked) {
        let draft = compose::give_back(model, &asked);
        model.say(format!("{}: the engine went away before it showed an effect{draft}", asked.words()), true);
    }
    Vec::new()
}

/// One thing that the engine said.
pub(super) fn heard(model: &mut Model, heard: Heard) -> Vec<Errand> {
    if model.silence().is_some() {
        model.dirty = true;
    }
    model.engine.last_word = model.now;
    let complete = is_complete(model);
    match heard {
        Heard::View(view) => {
            model.fleet.follow(&view);
            model.logbook.reaches(view.seq);
            model.recorder.joined(view.seq);
            model.view = Some(*view);
            model.dirty = true;
        }
        Heard::Change(change) => {
            if let Some(view) = &mut model.view {
                view.apply(*change);
                model.fleet.follow(view);
                model.dirty = true;
            }
        }
        Heard::Pane(pane) => {
            if model.peeked() == Some(&pane.agent) {
                model.live.show(&pane);
                model.dirty = true;
            }
        }
        Heard::Record(stamp, record) => {
            model.recorder.heard(stamp, &record);
            let before = model.asked.len();
            model.asked.retain(|asked| !asked.is_shown_by(&record));
            model.dirty |= before != model.asked.len();
            return panel::heard(model, stamp, &record);
        }
        Heard::Answer { ask, answer } => answered(model, ask, *answer),
        Heard::Refused { ask, why } => {
            let at = model.asked.iter().position(|asked| ask.is_some() && asked.ask == ask);
            let asked = at.map(|at| model.asked.remove(at));
            let draft = asked.map_or_else(String::new, |asked| compose::give_back(model, &asked));
            model.say(format!("refused: {why}{draft}"), true);
        }
        Heard::Live(_) | Heard::Alive(_) | Heard::Unknown => {}
    }
    if complete == Some(false) && is_complete(model) == Some(true) {
        let (append, quit) = (model.keys.hint(Action::PhaseAppend), model.keys.hint(Action::Quit));
        model.say(format!("all phases are done; {append} appends another, {quit} leaves the cockpit"), false);
    }
    Vec::new()
}

fn is_complete(model: &Model) -> Option<bool> {
    model.view.as_ref().map(|view| view.phase.complete)
}

fn answered(model: &mut Model, ask: u64, answer: Answer) {
    let Some(at) = model.asked.iter().position(|asked| asked.ask == Some(ask)) else { return };
    model.dirty = true;
    match answer {
        Answer::Accepted { what } => {
            let ends = matches!(model.asked[at].command, Command::Shutdown);
            model.asked[at].accepted = true;
            if ends {
                model.asked.remove(at);
            }
            model.say(what, false);
        }
        Answer::Queued { message } => {
            let words = model.asked[at].words();
            model.asked[at].accepted = true;
            model.say(format!("{words}: {message} is queued"), false);
        }
        Answer::Refused { why, hint } => {
            let asked = model.asked.remove(at);
            let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
            let draft = compose::give_back(model, &asked);
            model.say(format!("{} was refused: {why}{hint}{draft}", asked.words()), true);
        }
        Answer::Status { .. } => {}
    }
}

/// A command has left, or could not.
pub(super) fn sent(model: &mut Model, command: &Command, ask: Result<u64, String>) -> Vec<Errand> {
    match ask {
        Ok(ask) => {
            if let Some(asked) = model.asked.iter_mut().find(|asked| asked.ask.is_none() && asked.command == *command) {
                asked.ask = Some(ask);
            }
        }
        Err(why) => {
            let at = model.asked.iter().position(|asked| asked.ask.is_none() && asked.command == *command);
            let asked = at.map(|at| model.asked.remove(at));
            let draft = asked.map_or_else(String::new, |asked| compose::give_back(model, &asked));
            model.say(format!("{why}{draft}"), true);
        }
    }
    Vec::new()
}
