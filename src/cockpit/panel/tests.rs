//! Panels as the operator sees them: given a picture and a log, keys, and what is on the screen.

mod desk;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::cockpit::archive::Question;
use crate::cockpit::happening::Happening;
use crate::cockpit::layout;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::Focus;
use crate::cockpit::update::update;
use crate::edge::link::Heard;
use crate::pilot::command::Command;
use crate::pilot::id::MessageId;
use crate::pilot::message::Stage;
use crate::pilot::time::Time;

use super::*;
use desk::*;

#[test]
fn the_logbook_opens_at_the_newest_record_and_follows() {
    let mut desk = Desk::new((120, 30), 1_000_000, Vec::new());
    desk.press("3");
    desk.sees(&["number 1000000", "1 000 000 of 1 000 000 · following"]);
    desk.write();
    desk.sees(&["number 1000001", "1 000 001 of 1 000 001"]);
    desk.press("tab k");
    desk.write();
    desk.read();
    desk.sees(&["1 000 000 of 1 000 002 "]);
    desk.sees_no("following");
    desk.press("f");
    desk.sees(&["1 000 002 of 1 000 002 · following"]);
}

#[test]
fn first_and_last_are_one_question_away_however_long_the_log_is() {
    let mut desk = Desk::new((120, 30), 1_000_000, Vec::new());
    desk.press("3 tab g");
    desk.sees(&["number 1 ", "1 of 1 000 000 "]);
    desk.press("k");
    desk.sees(&["1 of 1 000 000 "]);
    desk.press("page-down page-down");
    desk.sees(&["number 41 "]);
    desk.press("G");
    desk.sees(&["1 000 000 of 1 000 000 · following"]);
    desk.press("j");
    desk.sees(&["1 000 000 of 1 000 000 · following"]);
}

#[test]
fn paging_up_reads_older_pages_before_they_are_seen() {
    let mut desk = Desk::new((120, 30), 5_000, Vec::new());
    desk.press("3 tab");
    for _ in 0..300 {
        desk.press("page-up");
    }
    desk.sees(&["number 1 ", "1 of 5 000 "]);
}

#[test]
fn the_logbook_shows_one_agent_one_kind_or_some_words() {
    let mut desk = Desk::new((120, 30), 3_000, Vec::new());
    desk.press("3 tab A");
    desk.sees(&["only builder", "number 2999"]);
    desk.sees_no("number 3000");
    desk.press("A K f o u n d enter");
    desk.sees(&["only found", "oven 2907 is hot"]);
    desk.sees_no("number 2999");
    desk.press("esc");
    desk.sees(&["number 3000"]);
    desk.press("/ o v e n enter");
    desk.sees(&["only /oven", "oven 2907 is hot", "oven 1207 is hot"]);
    desk.press("/ esc");
    desk.sees(&["number 3000"]);
    desk.press("/ x y z enter");
    desk.sees(&["no record fits; esc shows all again"]);
    assert!(desk.model.fleet.filter.is_empty(), "the fleet is not filtered");
}

#[test]
fn a_search_goes_on_through_older_pages_and_says_how_far_it_is() {
    let mut desk = Desk::new((120, 30), 100_000, Vec::new());
    desk.press("3 tab");
    desk.happens(Happening::Key(KeyEvent::from(KeyCode::Char('/'))));
    desk.happens(Happening::Pasted("oven 10007".to_string()));
    let asked = desk.looks();
    let found = desk.answer(asked[0].clone());
    desk.happens(Happening::Found(found));
    desk.sees(&["searching… back to 99 801", "looking through the log"]);
    desk.read();
    desk.sees(&["oven 10007 is hot"]);
    desk.sees_no("searching");
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut desk = Desk::new((120, 30), 1_000, Vec::new());
    desk.happens(Happening::Key(KeyEvent::from(KeyCode::Char('3'))));
    let old = desk.looks();
    desk.press("tab A");
    let found = desk.answer(old[0].clone());
    desk.happens(Happening::Found(found));
    desk.read();
    desk.sees_no("number 999");
    desk.sees(&["number 1000"]);
}

#[test]
fn a_log_that_cannot_be_read_is_told_and_not_asked_in_a_circle() {
    let mut desk = Desk::new((120, 30), 10, Vec::new());
    desk.happens(Happening::Key(KeyEvent::from(KeyCode::Char('3'))));
    let is_page = |question: &Question| matches!(question, Question::Entries { .. });
    let question = desk.looks().into_iter().find(is_page).expect("a page is wanted");
    desk.happens(Happening::Found(Found::Entries { question, leaf: Err("records.db does not exist".to_string()) }));
    desk.sees(&["the log can't be read: records.db does not exist"]);
    assert!(!desk.looks().iter().any(is_page));
    let later = Time(NOW.0 + 3_000);
    let errands = update(&mut desk.model, later, Happening::Ticked);
    let again = errands.iter().any(|errand| matches!(errand, Errand::Look(Question::Entries { .. })));
    assert!(again, "after a while it is tried again");
}

#[test]
fn what_waits_stands_first_in_the_outbox() {
    let doubt = Stage::Uncertain { why: "the pane was gone".to_string() };
    let proof = Stage::Submitted { evidence: "the composer is empty".to_string() };
    let outbox =
        vec![sent(1, Stage::Queued { why: Some("it is in a turn".to_string()) }), sent(2, proof), sent(3, doubt)];
    let mut desk = Desk::new((120, 30), 10, outbox);
    desk.press("4");
    let screen = desk.screen();
    let at = |words: &str| screen.find(words).unwrap_or_else(|| panic!("{words:?} is not on\n{screen}"));
    assert!(at("queued: it is in a turn") < at("uncertain: the pane was gone"));
    assert!(at("uncertain: the pane was gone") < at("submitted: the composer is empty"));
    desk.sees(&["please do 1", "3 messages, 1 wait", "x drop"]);
}

#[test]
fn a_message_in_doubt_is_sent_again_only_after_the_risk_was_told() {
    let mut desk = Desk::new((120, 30), 10, vec![sent(7, Stage::Uncertain { why: "the pane was gone".to_string() })]);
    desk.press("4 tab t");
    desk.sees(&["retry m7?", "m7 for builder, from operator: “please do 7”", "it may arrive twice"]);
    desk.press("n");
    assert!(!desk.errands.iter().any(|errand| matches!(errand, Errand::Ask(_))));
    desk.press("t y");
    assert!(desk.errands.contains(&Errand::Ask(Command::Retry { message: MessageId(7) })));
    desk.sees(&["asked: retry m7"]);
}

#[test]
fn what_the_engine_would_refuse_is_not_asked() {
    let mut desk = Desk::new((120, 30), 10, vec![sent(7, Stage::Submitted { evidence: String::new() })]);
    desk.press("4 tab t");
    desk.sees(&["m7 was submitted"]);
    desk.press("x");
    desk.sees(&["m7 is settled: submitted"]);
    assert!(matches!(desk.model.mode, Mode::Browse));
    let mut empty = Desk::new((120, 30), 10, Vec::new());
    empty.press("4 tab t j k enter");
    empty.sees(&["the outbox is empty: no message was sent yet"]);
}

#[test]
fn an_open_message_shows_its_whole_text_and_its_history() {
    let mut desk = Desk::new((120, 30), 10, vec![sent(7, Stage::Uncertain { why: "nobody saw it".to_string() })]);
    desk.press("4 tab enter");
    desk.sees(&["message m7", "all of the text", "what became of it", "? uncertain: nobody saw it"]);
    desk.press("y");
    assert!(desk.errands.iter().any(|errand| matches!(errand, Errand::Copy(text) if text.contains("all of the text"))));
    desk.press("x");
    desk.sees(&["drop m7?"]);
}

#[test]
fn the_selection_in_the_outbox_stays_with_its_message_and_stops_at_both_ends() {
    let outbox = |ids: &[u64]| ids.iter().map(|id| sent(*id, Stage::Pasting)).collect::<Vec<_>>();
    let mut desk = Desk::new((120, 30), 10, outbox(&[1, 2, 3]));
    desk.press("4 tab k j");
    assert_eq!(outbox::note(&desk.model), " 3 messages, 3 wait ");
    desk.happens(Happening::Heard(Heard::View(Box::new(picture(11, outbox(&[1, 2, 3, 4, 5]))))));
    desk.press("y");
    let copied = |desk: &mut Desk| match std::mem::take(&mut desk.errands).pop() {
        Some(Errand::Copy(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(copied(&mut desk).starts_with("m2 "));
    desk.press("G j y");
    assert!(copied(&mut desk).starts_with("m1 "));
}

#[test]
fn why_tells_the_verdict_the_deadlines_and_the_decisions() {
    let mut desk = Desk::new((130, 50), 10, Vec::new());
    desk.press("5");
    desk.sees(&[
        "builder is working (since",
        "→ in 1:30: look for a stall",
        "screen read by the rule \"busy\"",
        "in 1h06m  give up",
        "decided lately",
        "oven 7 is hot",
        "│ the door was open",
        "runs on        devbox, process 4711, tmux session $1, pane %1",
        "directory      /deck/clones/builder",
    ]);
    desk.press("j");
    desk.sees(&["adversary is working"]);
    desk.press("tab enter");
    assert_eq!((desk.model.panel, desk.model.focus), (Panel::Logbook, Focus::Panel));
    desk.sees(&["only adversary"]);
}

#[test]
fn why_scrolls_where_there_is_little_room_and_stops_at_both_ends() {
    let mut desk = Desk::new((40, 16), 10, Vec::new());
    desk.press("5");
    desk.sees(&["more ▼", "builder is working"]);
    desk.press("G j j");
    desk.sees(&["engine"]);
    desk.sees_no("more ▼");
    desk.press("k");
    desk.sees(&["1 more ▼"]);
    desk.press("g k");
    desk.sees(&["builder is working"]);
}

#[test]
fn a_decision_makes_why_read_the_log_again() {
    let mut desk = Desk::new((120, 40), 6, Vec::new());
    desk.press("5");
    desk.write();
    assert_eq!(desk.looks(), [Question::Decisions { agent: agent_id("builder") }]);
    desk.write();
    assert_eq!(desk.looks(), [], "what is no decision changes nothing");
}

#[test]
fn the_palette_finds_what_a_panel_can_do_and_shows_the_panel() {
    let mut desk = Desk::new((120, 30), 1_000, Vec::new());
    desk.press(": o n l y - k i n d enter");
    desk.sees(&["only records of this kind", "all kinds", "engine_started"]);
    assert_eq!(desk.model.panel, Panel::Logbook);
    desk.press("esc : r e t r y : enter");
    assert_eq!(desk.model.panel, Panel::Outbox);
    desk.sees(&["no message is selected"]);
}

#[test]
fn a_click_selects_what_is_under_it() {
    let click = |column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Happening::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    };
    let mut desk = Desk::new((120, 30), 1_000, (1..=9).map(|id| sent(id, Stage::Pasting)).collect());
    desk.press("3");
    let panel = layout::areas(&desk.model).panel;
    desk.happens(click(panel.x + 9, panel.y + 1));
    desk.sees(&["977 of 1 000 "]);
    desk.press("A");
    desk.happens(click(panel.x + 9, panel.y + 2));
    desk.sees(&["only builder", "967 of 1 000 "]);
    desk.press("4");
    desk.happens(click(panel.x + 9, panel.y + 4));
    desk.press("y");
    assert!(matches!(desk.errands.last(), Some(Errand::Copy(text)) if text.starts_with("m8 ")));
}

#[test]
fn the_chosen_tab_has_its_name_where_not_all_have_room() {
    let mut desk = Desk::new((40, 20), 10, Vec::new());
    desk.press("5");
    desk.sees(&["1  2  3  4  5 Why  6"]);
    let mut wide = Desk::new((120, 20), 10, Vec::new());
    wide.press("5");
    wide.sees(&["1 Live  2 Recorder  3 Logbook  4 Outbox  5 Why  6 Usage"]);
}

#[test]
fn panels_are_drawn_at_any_size() {
    for size in [(40, 10), (40, 24), (80, 24), (20, 6), (8, 4), (1, 1), (300, 100)] {
        let outbox = vec![sent(1, Stage::TypedNotSubmitted), sent(2, Stage::Typed { presses: 2 })];
        let mut desk = Desk::new(size, 500, outbox);
        for keys in [
            "3",
            "g j page-down",
            "A",
            "/ x esc",
            "enter",
            "esc",
            "4 j",
            "enter",
            "j esc",
            "t n",
            "5",
            "page-down",
            "esc",
        ] {
            desk.press(keys);
            desk.screen();
        }
    }
}
