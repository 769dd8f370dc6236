//! Keys and pastes: to the prompt that is open, else to the main screen.

use ratatui::crossterm::event::{KeyEvent, KeyEventKind};

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::{Gravity, Mode};
use crate::cockpit::model::Model;
use crate::cockpit::panel;

use super::{browse, compose, order, pick};

/// A key was pressed.
pub(super) fn press(model: &mut Model, key: KeyEvent) -> Vec<Errand> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    model.dirty = true;
    match model.keys.action(model.context(), key) {
        Some(action) => act(model, action),
        None => {
            type_into(model, key);
            Vec::new()
        }
    }
}

/// Does what a key or the palette said, in the mode that is.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Errand> {
    match &mut model.mode {
        Mode::Browse => browse::act(model, action),
        Mode::Confirm(confirm) => {
            let usual = action == Action::AcceptUsual && confirm.gravity == Gravity::Usual;
            let yes = action == Action::Accept || usual;
            let commands = if yes { std::mem::take(&mut confirm.commands) } else { Vec::new() };
            model.mode = Mode::Browse;
            order::ask_all(model, commands)
        }
        Mode::Help { scroll, .. } => {
            match action {
                Action::Down => *scroll = scroll.saturating_add(3),
                Action::Up => *scroll = scroll.saturating_sub(3),
                _ => model.mode = Mode::Browse,
            }
            Vec::new()
        }
        Mode::Palette(choice) => match action {
            Action::Down => step(|| choice.go(1)),
            Action::Up => step(|| choice.go(-1)),
            Action::Accept => {
                let chosen = choice.chosen();
                model.mode = Mode::Browse;
                chosen.map_or_else(Vec::new, |chosen| browse::act_by_name(model, &chosen))
            }
            _ => step(|| model.mode = Mode::Browse),
        },
        Mode::Pick(_) => pick::act(model, action),
        Mode::Compose(_) => compose::act(model, action),
        Mode::Filter(_) => {
            if action == Action::Back {
                browse::filter(model, String::new());
            }
            model.mode = Mode::Browse;
            Vec::new()
        }
        Mode::Kinds(choice) => match action {
            Action::Down => step(|| choice.go(1)),
            Action::Up => step(|| choice.go(-1)),
            Action::Accept => {
                let chosen = choice.chosen();
                model.mode = Mode::Browse;
                step(|| model.logbook.kind = chosen.unwrap_or_default())
            }
            _ => step(|| model.mode = Mode::Browse),
        },
        Mode::Record(_) => panel::opened::act(model, action),
    }
}

fn step(change: impl FnOnce()) -> Vec<Errand> {
    change();
    Vec::new()
}

/// A key that means nothing here is text, where there is a place for text.
fn type_into(model: &mut Model, key: KeyEvent) {
    match &mut model.mode {
        Mode::Browse | Mode::Confirm(_) | Mode::Help { .. } | Mode::Record(_) => {}
        Mode::Palette(choice) => choice.edit(key),
        Mode::Pick(pick) => pick.choice.edit(key),
        Mode::Compose(compose) => compose.edit(key),
        Mode::Kinds(choice) => choice.edit(key),
        Mode::Filter(input) => {
            use tui_input::backend::crossterm::EventHandler;
            input.handle_event(&ratatui::crossterm::event::Event::Key(key));
            let words = input.value().to_string();
            browse::filter(model, words);
        }
    }
}

/// Text from the clipboard is text where there is a place for it, and never a command.
pub(super) fn paste(model: &mut Model, text: &str) -> Vec<Errand> {
    model.dirty = true;
    match &mut model.mode {
        Mode::Browse => {
            let key = model.keys.hint(Action::Compose);
            model.say(format!("pasted text is no command; {key} opens a message to paste it into"), false);
        }
        Mode::Confirm(_) | Mode::Help { .. } | Mode::Record(_) => {}
        Mode::Palette(choice) => choice.paste(text),
        Mode::Pick(pick) => pick.choice.paste(text),
        Mode::Compose(compose) => {
            if let Some(words) = compose.paste(text) {
                model.say(words, true);
            }
        }
        Mode::Kinds(choice) => choice.paste(text),
        Mode::Filter(input) => {
            for c in text.chars().filter(|c| !c.is_control()) {
                input.handle(tui_input::InputRequest::InsertChar(c));
            }
            let words = input.value().to_string();
            browse::filter(model, words);
        }
    }
    Vec::new()
}
