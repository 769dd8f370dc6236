use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::*;

fn changed(changes: &[(&str, &[&str])]) -> Result<Keys, Vec<String>> {
    let changes = changes.iter().map(|(name, keys)| (name.to_string(), keys.iter().map(ToString::to_string).collect()));
    Keys::new(&changes.collect::<BTreeMap<String, Vec<String>>>())
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
    let problems = changed(&[("ping", &["r"]), ("restrat", &["x"]), ("quit", &["ctrl-"])]).unwrap_err();
    assert_eq!(
        problems,
        [
            "cockpit.keys.restrat: no such action; did you mean restart?",
            "cockpit.keys: r means both restart and ping in everywhere",
            "cockpit.keys.quit: \"ctrl-\" is no key: expected one like \"r\", \"R\", \"ctrl-r\", \"f5\", \"enter\"",
        ]
    );
    let keys = changed(&[("restart", &["f5"]), ("ping", &["r"])]).expect("no conflict");
    assert_eq!(keys.hint(Action::Restart), "f5");
    assert_eq!(keys.of("ping").len(), 1);
}
