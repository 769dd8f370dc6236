//! `update(model, now, happening) -> errands`: the only way the model changes. Looking around ends here; what asks something of
//! the engine, the terminal or a file leaves as an errand.

mod browse;
mod compose;
mod mouse;
mod news;
mod order;
mod pick;
mod prompts;
#[cfg(test)]
pub(crate) mod stand;

use crate::pilot::time::Time;

use super::archive::Found;
use super::happening::{Errand, Happening};
use super::mode::Mode;
use super::model::Model;
use super::panel;

/// An asked command that no record has shown after this long is said to be still open, in milliseconds.
const ASKED_MS: u128 = 10_000;

/// Takes in one happening.
pub fn update(model: &mut Model, now: Time, happening: Happening) -> Vec<Errand> {
    let was_silent = model.silence().is_some();
    model.now = now;
    let peeked = model.peeked().cloned();
    let mut errands = match happening {
        Happening::Key(key) => prompts::press(model, key),
        Happening::Pasted(text) => prompts::paste(model, &text),
        Happening::Mouse(event) => mouse::moved(model, event),
        Happening::Resized(width, height) => {
            model.size = (width, height);
            model.dirty = true;
            Vec::new()
        }
        Happening::Ticked => {
            model.dirty |= was_silent != model.silence().is_some();
            model.aged = true;
            Vec::new()
        }
        Happening::Connected { version } => news::connected(model, version),
        Happening::Disconnected { why } => news::disconnected(model, why),
        Happening::Heard(heard) => news::heard(model, heard),
        Happening::Sent { command, ask } => news::sent(model, &command, ask),
        Happening::Found(Found::Ground(ground)) => pick::found(model, ground),
        Happening::Found(found) => panel::found(model, found),
        Happening::Returned { trouble } => {
            if let Some(trouble) = trouble {
                model.say(trouble, true);
            }
            vec![Errand::Clear]
        }
    };
    errands.extend(panel::wants(model));
    forget_old(model);
    errands.extend(panel::recorder::wants(model));
    if model.peeked() != peeked.as_ref() {
        model.live.forget();
        errands.push(Errand::Peek(model.peeked().cloned()));
    }
    errands
}

/// Notices go by themselves; a command that shows no effect is told as open and forgotten.
fn forget_old(model: &mut Model) {
    let now = model.now;
    if model.notice.as_ref().is_some_and(|notice| now >= notice.until) {
        model.notice = None;
        model.dirty = true;
    }
    let late = model.asked.iter().position(|asked| now.since(asked.at).as_millis() > ASKED_MS);
    if let Some(late) = late {
        let asked = model.asked.remove(late);
        let draft = if asked.accepted { String::new() } else { compose::give_back(model, &asked) };
        let how = if asked.accepted { "was accepted; no record shows it yet" } else { "got no answer yet" };
        model.say(format!("{}: {how}{draft}", asked.words()), !asked.accepted);
    }
}

/// When the model changes by itself next: a notice ends, a second begins (or a minute, without a clock).
pub fn next_tick(model: &Model) -> Time {
    let beat = if model.settings.clock || !matches!(model.mode, Mode::Browse) { 1_000 } else { 60_000 };
    let next = Time((model.now.0 / beat + 1) * beat);
    let notice = model.notice.as_ref().map_or(next, |notice| notice.until);
    let silence = match model.engine.connected && model.silence().is_none() {
        true => Time(model.engine.last_word.0 + 5_001),
        false => next,
    };
    next.min(notice).min(silence.max(Time(model.now.0 + 1)))
}

#[cfg(test)]
mod tests;
