use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::*;

use crate::config::text::Text;

/// As if each change stood in a line of its own, its keys in the columns from 10 on.
fn changed(changes: &[(&str, &[&str])]) -> Result<Keys, Vec<String>> {
    let text = Text::of(MAIN, &format!("{}\n", " ".repeat(19)).repeat(changes.len()));
    let own = |(row, (name, keys)): (usize, &(&str, &[&str]))| {
        let spot = |column: usize| Spot::of(&text, row * 20 + column..row * 20 + column + 1);
        let keys = keys.iter().enumerate().map(|(at, key)| (key.to_string(), spot(9 + at))).collect();
        (name.to_string(), OwnKeys { at: spot(0), keys })
    };
    let changes: BTreeMap<String, OwnKeys> = changes.iter().enumerate().map(own).collect();
    Keys::new(&changes).map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

#[test]
fn the_table_agrees_with_itself() {
    Keys::new(&BTreeMap::new()).expect("the built-in table has no conflict");
    let mut names: Vec<&str> = TABLE.iter().map(|binding| binding.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all, "each entry has a name of its own");
    assert!(TABLE.iter().all(|binding| !binding.words.is_empty()));
}

#[test]
fn every_key_is_written_as_it_is_read() {
    for binding in TABLE {
        for word in binding.keys {
            assert_eq!(Key::parse(word).expect(word).to_string(), *word);
        }
    }
    for wrong in ["", "ctrl-", "f13", "hyper-x", "rr", "\u{1b}"] {
        assert_eq!(Key::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn the_place_goes_before_everywhere() {
    let keys = Keys::default();
    let left = KeyEvent::new(KeyCode::Left, KeyModifiers::NONE);
    assert_eq!(keys.action(Context::Recorder, left), Some(Action::Earlier));
    assert_eq!(keys.action(Context::Logbook, left), Some(Action::Left));
    let r = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::NONE);
    assert_eq!(keys.action(Context::Outbox, r), Some(Action::Restart));
    assert_eq!(keys.action(Context::Compose, r), None, "in a prompt a letter is text");
    let shifted = KeyEvent::new(KeyCode::Char('R'), KeyModifiers::SHIFT);
    assert_eq!(keys.action(Context::Fleet, shifted), Some(Action::RestartFresh));
}

#[test]
fn conflicts_and_wrong_words_are_all_told_at_once() {
    let problems = changed(&[("ping", &["r"]), ("restrat", &["x"]), ("quit", &["q", "ctrl-"])]).unwrap_err();
    assert_eq!(
        problems,
        [
            "flightdeck.toml:1:10: cockpit.keys.ping: r means both ping and restart (everywhere), \
             expected one meaning for each key; `restart = []` would leave restart without a key",
            "flightdeck.toml:2:1: cockpit.keys: no such action: \"restrat\", expected the name of an action; \
             did you mean \"restart\"?",
            "flightdeck.toml:3:11: cockpit.keys.quit: no such key: \"ctrl-\", \
             expected one like \"r\", \"R\", \"ctrl-r\", \"f5\", \"enter\"",
        ]
    );
    let keys = changed(&[("restart", &["f5"]), ("ping", &["r"])]).expect("no conflict");
    assert_eq!(keys.hint(Action::Restart), "f5");
    assert_eq!(keys.of("ping").len(), 1);
}

#[test]
fn a_conflict_is_told_where_the_operator_wrote_it_whichever_stands_first_in_the_table() {
    // Restart stands above ping in the table.
    let problems = changed(&[("restart", &["f5", "p"])]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("flightdeck.toml:1:11: cockpit.keys.restart: p means both restart and ping"));
}
