//! The mouse: a click selects, the wheel scrolls what is below it, a drag moves the split.

use ratatui::crossterm::event::{MouseButton, MouseEventKind};

use super::desk::Desk;

/// Column and row where these words begin.
fn place(desk: &Desk, words: &str) -> (u16, u16) {
    let text = desk.text();
    let (row, line) = text.lines().enumerate().find(|(_, line)| line.contains(words)).expect("it is on the screen");
    let column = line[..line.find(words).expect("it is in the line")].chars().count();
    (u16::try_from(column).expect("narrow"), u16::try_from(row).expect("low"))
}

#[test]
fn a_click_selects_the_agent_whose_row_it_hits() {
    let mut desk = Desk::new();
    for agent in ["scout", "adversary", "upgrader"] {
        let (column, row) = place(&desk, agent);
        desk.click(column, row + 1);
        assert_eq!(desk.selected(), agent);
    }
    desk.click(5, 38);
    assert_eq!(desk.selected(), "upgrader");
}

#[test]
fn a_click_on_a_tab_shows_its_panel() {
    let mut desk = Desk::new();
    let (column, row) = place(&desk, "3 Logbook");
    desk.click(column + 2, row);
    assert_eq!(desk.model.panel.title(), "Logbook");
}

#[test]
fn the_wheel_moves_the_selection_over_the_fleet_and_the_pane_over_the_panel() {
    let mut desk = Desk::sized(80, 20);
    desk.mouse(MouseEventKind::ScrollDown, 5, 6).mouse(MouseEventKind::ScrollDown, 5, 6);
    assert_eq!(desk.selected(), "wreck");
    desk.press("k").shows("日本語 wide");
    desk.mouse(MouseEventKind::ScrollUp, 60, 6).hides("日本語 wide");
    assert_eq!(desk.selected(), "fixer");
}

#[test]
fn a_drag_of_the_edge_moves_the_split_within_its_bounds() {
    let mut desk = Desk::sized(100, 30);
    let (edge, _) = place(&desk, "1 Live");
    for (to, split) in [(60, 60), (0, 20), (99, 80)] {
        let edge = if to == 60 { edge - 2 } else { place(&desk, "1 Live").0 - 2 };
        desk.mouse(MouseEventKind::Down(MouseButton::Left), edge, 12);
        desk.mouse(MouseEventKind::Drag(MouseButton::Left), to, 12);
        desk.mouse(MouseEventKind::Up(MouseButton::Left), to, 12);
        assert_eq!(desk.model.split, split);
    }
}

#[test]
fn the_mouse_answers_no_question() {
    let mut desk = Desk::new();
    desk.press("r");
    let errands = desk.errands.clone();
    let (column, row) = place(&desk, "do it");
    desk.click(column, row).mouse(MouseEventKind::ScrollDown, column, row).mouse(MouseEventKind::ScrollUp, 1, 1);
    desk.shows("restart adversary?");
    assert_eq!(desk.errands, errands);
}
