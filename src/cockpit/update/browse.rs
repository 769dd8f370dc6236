//! The main screen: what each action does there.

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::keys::{Binding, Context, TABLE};
use crate::cockpit::layout;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::{Focus, Model, Panel, SPLIT};
use crate::cockpit::panel;
use crate::cockpit::prompt::Choice;

use super::order;

/// Percent of the width by which a key moves the split.
const SPLIT_STEP: u16 = 4;

/// Does it.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Errand> {
    model.dirty = true;
    if (model.focus == Focus::Panel || model.zoomed)
        && let Some(errands) = panel::act(model, action)
    {
        return errands;
    }
    match action {
        Action::Quit => return vec![Errand::Quit],
        Action::Suspend => return vec![Errand::Suspend],
        Action::Redraw => return vec![Errand::Clear],
        Action::Help => model.mode = Mode::Help { of: model.context(), scroll: 0 },
        Action::Palette => model.mode = Mode::Palette(palette(model)),
        Action::Filter => model.mode = Mode::Filter(tui_input::Input::new(words_of_filter(model))),
        Action::Focus => model.focus = other(model.focus),
        Action::ShowLive => show(model, Panel::Live),
        Action::ShowRecorder => show(model, Panel::Recorder),
        Action::ShowLogbook => show(model, Panel::Logbook),
        Action::ShowOutbox => show(model, Panel::Outbox),
        Action::ShowWhy => show(model, Panel::Why),
        Action::ShowUsage => show(model, Panel::Usage),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Wider => model.split = (model.split + SPLIT_STEP).min(SPLIT.2),
        Action::Narrower => model.split = model.split.saturating_sub(SPLIT_STEP).max(SPLIT.0),
        Action::Mark => {
            model.fleet.mark();
            model.fleet.go(1);
        }
        Action::MarkAll => model.fleet.mark_all(),
        Action::Back => back(model),
        Action::Down
        | Action::Up
        | Action::PageDown
        | Action::PageUp
        | Action::First
        | Action::Last
        | Action::Left
        | Action::Right => go(model, action),
        other => return in_its_panel(model, other).unwrap_or_else(|| order::order(model, other)),
    }
    Vec::new()
}

fn go(model: &mut Model, action: Action) {
    let page = isize::try_from(layout::areas(model).fleet.height / 2).unwrap_or(1).max(1);
    let by = match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::PageDown => page,
        Action::PageUp => -page,
        Action::First => isize::MIN / 2,
        Action::Last => isize::MAX / 2,
        _ => 0,
    };
    model.fleet.go(by);
}

/// An action that only panels know, chosen from the palette: its panel is shown first.
fn in_its_panel(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    let is_known_in = |context| TABLE.iter().any(|binding| binding.context == context && binding.action == action);
    if is_known_in(Context::Browse) || is_known_in(Context::Fleet) {
        return None;
    }
    let mut panels = Panel::ALL.into_iter().filter(|panel| is_known_in(panel.context()));
    let first = panels.clone().next()?;
    let panel = panels.find(|panel| *panel == model.panel).unwrap_or(first);
    (model.panel, model.focus) = (panel, Focus::Panel);
    panel::act(model, action)
}

fn other(focus: Focus) -> Focus {
    match focus {
        Focus::Fleet => Focus::Panel,
        Focus::Panel => Focus::Fleet,
    }
}

fn show(model: &mut Model, panel: Panel) {
    model.panel = panel;
    if layout::is_narrow(model.size) {
        model.focus = Focus::Panel;
    }
}

/// One thing at a time: zoom, filter, marks, focus.
fn back(model: &mut Model) {
    if model.zoomed {
        model.zoomed = false;
    } else if model.focus == Focus::Panel {
        model.focus = Focus::Fleet;
    } else if !model.fleet.filter.is_empty() {
        filter(model, String::new());
    } else {
        model.fleet.marks.clear();
        model.notice = None;
    }
}

/// `/` filters the list that has the focus.
fn filters_logbook(model: &Model) -> bool {
    (model.focus == Focus::Panel || model.zoomed) && model.panel == Panel::Logbook
}

fn words_of_filter(model: &Model) -> String {
    if filters_logbook(model) { model.logbook.words.clone() } else { model.fleet.filter.clone() }
}

/// Filters what has the focus.
pub(super) fn filter(model: &mut Model, words: String) {
    if filters_logbook(model) {
        model.logbook.words = words;
        return;
    }
    model.fleet.filter = words;
    if let Some(view) = &model.view {
        model.fleet.follow(view);
    }
}

/// Does what was chosen by its name: what belongs to a panel brings that panel first.
pub(super) fn act_by_name(model: &mut Model, chosen: &Binding) -> Vec<Errand> {
    if let Some(panel) = Panel::ALL.into_iter().find(|panel| panel.context() == chosen.context) {
        (model.panel, model.focus) = (panel, Focus::Panel);
    }
    act(model, chosen.action)
}

/// All actions of the main screen by name, with their keys.
fn palette(model: &Model) -> Choice<Binding> {
    let entries = TABLE.iter().filter(|binding| binding.context.is_place()).map(|binding| {
        let keys: Vec<String> = model.keys.of(binding.name).iter().map(ToString::to_string).collect();
        let keys = if keys.is_empty() { String::new() } else { format!("  [{}]", keys.join(" ")) };
        (format!("{}: {}{keys}", binding.name, binding.words), *binding)
    });
    Choice::new("actions", entries.collect())
}

#[cfg(test)]
mod tests {
    use crate::cockpit::model::{Focus, Panel};
    use crate::cockpit::update::stand::{Stand, asked};
    use crate::pilot::command::Command;

    #[test]
    fn every_verb_that_acts_on_the_fleet_is_found_in_the_palette() {
        let verbs = [
            "start",
            "stop",
            "restart",
            "ping",
            "send",
            "attach",
            "hold",
            "release",
            "pause",
            "resume",
            "e-stop",
            "phase-next",
            "phase-goto",
            "phase-append",
            "phase-insert",
            "phase-remove",
            "outbox",
            "retry",
            "drop",
            "run",
            "reload",
            "up",
            "down",
        ];
        let stand = Stand::new();
        let palette = super::palette(&stand.model);
        for verb in verbs {
            let named = |name: &str| name.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == verb);
            assert!(palette.names().any(named), "{verb}");
        }
    }

    #[test]
    fn an_action_is_done_by_its_name_and_brings_its_panel() {
        let mut stand = Stand::new();
        stand.press(":");
        stand.type_text("pause");
        assert_eq!(asked(&stand.press("enter")), [Command::Pause]);
        stand.press(":");
        stand.type_text("drop");
        stand.press("enter");
        assert_eq!((stand.model.panel, stand.model.focus), (Panel::Outbox, Focus::Panel));
    }
}
