//! The live pane: the agent's own colours and size, and the part of it that is shown.

use flightdeck::cockpit::happening::Errand;
use flightdeck::cockpit::theme::Theme;
use flightdeck::config::model::ThemeName;
use flightdeck::edge::link::Heard;
use flightdeck::pilot::view::PaneView;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::desk::Desk;
use super::world::id;

/// The pane of the selected agent shows this.
fn shown(desk: &mut Desk, size: (u16, u16), text: &str) {
    let agent = desk.model.fleet.selected.clone().expect("one is selected");
    let pane = desk.world.pane(&agent).expect("it runs");
    desk.hears(Heard::Pane(Box::new(PaneView { size, text: text.to_string(), cursor: None, history: 0, ..pane })));
}

/// Columns and rows, each cell its own letter.
fn grid(columns: u16, rows: u16) -> String {
    let row =
        |row: u16| (0..columns).map(move |column| char::from(b'a' + ((column + row) % 26) as u8)).collect::<String>();
    (0..rows).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_pane_is_shown_in_its_own_colours() {
    let mut desk = Desk::new();
    shown(&mut desk, (20, 2), "\u{1b}[1;31mred\u{1b}[0m \u{1b}[48;2;1;2;3mdeep\u{1b}[0m\nplain");
    let picture = desk.picture();
    let cell = |letter: &str| {
        picture.cells().iter().rev().find(|cell| cell.symbol() == letter && cell.fg == Color::Indexed(1))
    };
    assert!(cell("r").is_some_and(|cell| cell.modifier.contains(Modifier::BOLD)));
    assert!(picture.cells().iter().any(|cell| cell.bg == Color::Rgb(1, 2, 3)));
}

#[test]
fn without_colours_the_pane_has_none_either() {
    let mut desk = Desk::new();
    desk.model.theme = Theme::new(ThemeName::Dark, true);
    shown(&mut desk, (20, 2), "\u{1b}[1;31mred\u{1b}[0m \u{1b}[48;2;1;2;3mdeep\u{1b}[0m\nplain");
    assert!(desk.picture().cells().iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
}

#[test]
fn a_pane_that_is_larger_than_its_place_is_scrolled_and_stops_at_its_edges() {
    let mut desk = Desk::sized(80, 24);
    desk.press("<tab>");
    shown(&mut desk, (200, 60), &format!("FIRST\n{}\nLAST", grid(200, 58)));
    desk.shows("LAST").hides("FIRST");
    desk.press("g").shows("FIRST").hides("LAST");
    desk.press("j").hides("FIRST");
    desk.press("k").shows("FIRST").press("kkkk").shows("FIRST").press("j").hides("FIRST");
    desk.press("G").shows("LAST").press("jjj").press("k").hides("LAST");
    desk.press("g").press(&"<right>".repeat(40)).hides("FIRST").press(&"<left>".repeat(20)).shows("FIRST");
}

#[test]
fn who_is_looked_at_follows_the_selection_and_nobody_is_while_help_covers_the_screen() {
    let mut desk = Desk::new();
    desk.press("jjj?<esc>3");
    let peeks: Vec<Errand> = desk.errands.into_iter().filter(|errand| matches!(errand, Errand::Peek(_))).collect();
    let at = |agent| Errand::Peek(Some(id(agent)));
    assert_eq!(peeks, [at("fixer"), at("wreck"), at("builder"), Errand::Peek(None), at("builder"), Errand::Peek(None)]);
}

#[test]
fn an_agent_without_a_pane_says_why_there_is_nothing() {
    let mut desk = Desk::new();
    desk.press("jj").shows("wreck has no pane: it is backoff");
}

#[test]
fn what_joins_or_turns_letters_is_left_out_and_the_letters_stay() {
    let mut desk = Desk::new();
    shown(&mut desk, (40, 2), "bidi\u{202e}idib\u{202c}. joi\u{200b}ned\u{feff} 👨\u{200d}👩\u{200d}👧 end");
    desk.shows("│bidiidib. joined 👨👩👧 end");
    // A joiner at the end of a cell would join it with the next one, and move all that follows.
    let joins = |symbol: &str| symbol.starts_with('\u{200d}') || symbol.ends_with('\u{200d}');
    assert!(desk.picture().cells().iter().all(|cell| !joins(cell.symbol())));
}

#[test]
fn a_wide_letter_that_is_cut_in_half_at_the_edge_is_left_out() {
    let mut desk = Desk::sized(80, 24);
    for odd in ["", "x"] {
        shown(&mut desk, (120, 2), &format!("{odd}{}", "日".repeat(59)));
        let text = desk.text();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("日日")).collect();
        assert_eq!(rows.len(), 1, "{text}");
        assert!(rows[0].width() == 80 && rows[0].ends_with('│'), "{}", rows[0]);
    }
}

/// What was copied last.
fn copied(desk: &Desk) -> &str {
    match desk.errands.last() {
        Some(Errand::Copy(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rows_in_sight_are_copied_to_their_ends_as_plain_text() {
    let mut desk = Desk::sized(80, 12);
    desk.press("<tab>");
    let wide = format!("\u{1b}[31m日本語\u{1b}[0m {}end\u{7}\u{1b}]52;c;eA==\u{7}", "x".repeat(100));
    shown(&mut desk, (150, 60), &format!("FIRST\n{}\n{wide}\n", grid(150, 57)));
    desk.press("gy");
    assert!(copied(&desk).starts_with("FIRST\nabc"), "{}", copied(&desk));
    desk.press("Gy").shows("copied");
    let text = copied(&desk);
    assert!(text.ends_with(&format!("\n日本語 {}end", "x".repeat(100))), "{text:?}");
    assert!(text.lines().count() < 12 && !text.contains("FIRST"), "{text}");
}
