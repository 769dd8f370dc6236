//! The mouse: a click selects, takes what is selected in an open list, does what an entry of the key bar says, or closes what it does not hit; the wheel scrolls, a drag
//! moves the split.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::cockpit::action::Action;
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::{Focus, Model, Panel, SPLIT};
use crate::cockpit::{layout, panel, view};

use super::prompts;

/// The mouse did something.
pub(super) fn moved(model: &mut Model, event: MouseEvent) -> Vec<Errand> {
    let at = Position::new(event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => return click(model, at),
        MouseEventKind::Drag(MouseButton::Left) if model.dragging => drag(model, event.column),
        MouseEventKind::Up(_) => model.dragging = false,
        MouseEventKind::ScrollDown => return wheel(model, at, Action::Down),
        MouseEventKind::ScrollUp => return wheel(model, at, Action::Up),
        _ => {}
    }
    Vec::new()
}

fn click(model: &mut Model, at: Position) -> Vec<Errand> {
    let areas = layout::areas(model);
    model.dirty = true;
    let open = !matches!(model.mode, Mode::Browse);
    if let Some((entry, fit)) = view::overlay::entry_at(model, at) {
        return choose(model, entry, fit);
    }
    if open && view::overlay::covers(model, at) {
        return Vec::new();
    }
    if let Some(action) = view::foot::action_at(model, areas.keys, at) {
        return prompts::act(model, action);
    }
    if open {
        return prompts::act(model, Action::Back);
    }
    let edge = areas.panel.x;
    if areas.fleet.width > 0 && (at.x == edge || at.x + 1 == edge) && at.y > areas.panel.y {
        model.dragging = true;
    } else if areas.fleet.contains(at) {
        model.focus = Focus::Fleet;
        if let Some(row) = view::fleet::row_at(model, areas.fleet, at) {
            model.fleet.select(row);
        }
    } else if areas.panel.contains(at) {
        model.focus = Focus::Panel;
        if let Some(panel) = view::panel::tab_at(model.panel, areas.panel, at) {
            model.panel = panel;
        } else if model.panel == Panel::Recorder {
            panel::recorder::click(model, areas.panel, at);
        } else if let Some(row) = at.y.checked_sub(areas.panel.y + 1).filter(|row| row + 2 < areas.panel.height) {
            panel::click(model, row);
        }
    }
    Vec::new()
}

/// The first click on an entry of an open list goes to it, the next one takes it.
fn choose(model: &mut Model, entry: usize, fit: usize) -> Vec<Errand> {
    let again = match &mut model.mode {
        Mode::Palette(choice) => choice.select(entry, fit),
        Mode::Kinds(choice) => choice.select(entry, fit),
        Mode::Pick(pick) => pick.choice.select(entry, fit),
        _ => false,
    };
    if again { prompts::act(model, Action::Accept) } else { Vec::new() }
}

fn drag(model: &mut Model, column: u16) {
    let percent = u32::from(column) * 100 / u32::from(model.size.0.max(1));
    model.split = u16::try_from(percent).unwrap_or(SPLIT.1).clamp(SPLIT.0, SPLIT.2);
    model.dirty = true;
}

fn wheel(model: &mut Model, at: Position, action: Action) -> Vec<Errand> {
    // A question and a filter have nothing to scroll, and no wheel answers them.
    if matches!(model.mode, Mode::Confirm(_) | Mode::Filter(_)) {
        return Vec::new();
    }
    if matches!(model.mode, Mode::Browse) {
        let areas = layout::areas(model);
        model.focus = if areas.fleet.contains(at) { Focus::Fleet } else { Focus::Panel };
    }
    model.dirty = true;
    prompts::act(model, action)
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

    use crate::cockpit::happening::{Errand, Happening};
    use crate::cockpit::keys::TABLE;
    use crate::cockpit::mode::Mode;
    use crate::cockpit::model::{Focus, Panel};
    use crate::cockpit::update::stand::{Stand, agent, asked};

    fn mouse(stand: &mut Stand, kind: MouseEventKind, column: u16, row: u16) -> Vec<Errand> {
        stand.take(Happening::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    }

    #[test]
    fn a_click_selects_an_agent_or_a_tab() {
        let mut stand = Stand::new();
        stand.click_on("adversary");
        assert_eq!(stand.model.fleet.selected, Some(agent("adversary")));
        stand.click_on("4 Outbox");
        assert_eq!((stand.model.panel, stand.model.focus), (Panel::Outbox, Focus::Panel));
    }

    #[test]
    fn a_click_on_the_key_bar_does_what_it_says() {
        let mut stand = Stand::new();
        assert_eq!(asked(&stand.click_on("p ping")).len(), 1);
        stand.click_on("r restart");
        assert!(matches!(stand.model.mode, Mode::Confirm(_)));
        let bar = stand.shown().lines().last().expect("a bar").to_string();
        let column = bar.find("do it").expect("an entry");
        assert_eq!(asked(&stand.click(u16::try_from(column).expect("small"), 39)).len(), 1, "{bar}");
    }

    #[test]
    fn a_click_on_an_entry_goes_to_it_and_another_takes_it() {
        let mut stand = Stand::new();
        stand.press(":");
        assert!(stand.click_on("restart-fresh: restart").is_empty());
        assert!(
            stand.model.mode.context() == crate::cockpit::keys::Context::Palette,
            "the first click only goes there"
        );
        stand.click_on("restart-fresh: restart");
        assert!(stand.shown().contains("restart in a new conversation builder?"), "{}", stand.shown());
        stand.press("esc N");
        stand.click_on("2  title of 2");
        stand.click_on("2  title of 2");
        assert!(stand.shown().contains("go to phase 2?"), "{}", stand.shown());
        stand.press("esc tab 3 K");
        stand.click_on("config_loaded");
        stand.click_on("config_loaded");
        assert_eq!(stand.model.logbook.kind.as_deref(), Some("config_loaded"));
    }

    #[test]
    fn a_click_on_a_list_that_is_scrolled_takes_what_is_seen_there() {
        let mut stand = Stand::new();
        stand.press(":");
        (0..30).for_each(|_| drop(stand.press("down")));
        let chosen = |stand: &Stand| match &stand.model.mode {
            Mode::Palette(choice) => choice.chosen().map_or("", |chosen| chosen.name),
            other => panic!("{other:?}"),
        };
        let at = chosen(&stand);
        let above = TABLE.iter().rev().skip_while(|binding| binding.name != at).nth(5).expect("there are many");
        let before = stand.shown();
        stand.click_on(&format!("  {}: ", above.name));
        assert_eq!(chosen(&stand), above.name);
        assert_eq!(stand.shown(), before, "what is pointed at stays where it is");
    }

    #[test]
    fn a_click_beside_what_is_open_closes_it_and_one_on_it_does_not() {
        for keys in ["r", "m", ":", "N", "/", "?"] {
            let mut stand = Stand::new();
            stand.press(keys);
            let inside = if keys == "/" { (60, 39) } else { (60, 15) };
            stand.click(inside.0, inside.1);
            assert!(!matches!(stand.model.mode, Mode::Browse), "{keys}");
            stand.click(2, 5);
            assert!(matches!(stand.model.mode, Mode::Browse), "{keys} {}", stand.shown());
        }
    }

    #[test]
    fn a_drag_moves_the_split_and_the_wheel_the_selection() {
        let mut stand = Stand::new();
        let edge = crate::cockpit::layout::areas(&stand.model).panel.x;
        mouse(&mut stand, MouseEventKind::Down(MouseButton::Left), edge, 20);
        mouse(&mut stand, MouseEventKind::Drag(MouseButton::Left), 72, 20);
        mouse(&mut stand, MouseEventKind::Up(MouseButton::Left), 72, 20);
        assert_eq!(stand.model.split, 60);
        mouse(&mut stand, MouseEventKind::ScrollDown, 5, 10);
        assert_eq!(stand.model.fleet.selected, Some(agent("adversary")));
    }
}
