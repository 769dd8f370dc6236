//! `[cockpit]` in the configuration, as `check` judges it.

use super::deck::Deck;

/// A workspace whose configuration ends with these lines; the number of its lines before them.
fn with(lines: &str) -> (Deck, usize) {
    let deck = Deck::new();
    let main = deck.root().join("flightdeck.toml");
    let text = std::fs::read_to_string(&main).expect("its configuration");
    let text = text.trim_end();
    std::fs::write(&main, format!("{text}\n{lines}")).expect("a file");
    (deck, text.lines().count())
}

const WRONG: &str = "[cockpit.keys]\nping = [\"r\"]\nrestrat = [\"x\"]\nquit = [\"q\", \"ctrl-\"]\n";

#[test]
fn keys_and_themes_that_are_good_pass() {
    let (deck, _) = with("[cockpit.keys]\nrestart = [\"f5\", \"alt-r\"]\nping = [\"r\"]\ne-stop = []\n");
    let main = deck.root().join("flightdeck.toml");
    let text = std::fs::read_to_string(&main).expect("its configuration");
    std::fs::write(&main, text.replace("\n[cockpit]\n", "\n[cockpit]\ntheme = \"16\"\nmouse = false\n"))
        .expect("a file");
    let said = deck.run(&["check"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.ends_with("everything is in order\n"), "{}", said.out);
}

#[test]
fn each_wrong_key_is_told_with_its_line_and_what_was_expected_and_the_code_is_2() {
    let (deck, above) = with(WRONG);
    let said = deck.run(&["check"]);
    let expected = format!(
        "flightdeck.toml:{}:9: cockpit.keys.ping: r means both ping and restart (everywhere), expected one meaning for each key; \
         `restart = []` would leave restart without a key\n\
         flightdeck.toml:{}:1: cockpit.keys: no such action: \"restrat\", expected the name of an action; did you mean \"restart\"?\n\
         flightdeck.toml:{}:14: cockpit.keys.quit: no such key: \"ctrl-\", expected one like \"r\", \"R\", \"ctrl-r\", \"f5\", \"enter\"\n\
         error: 3 problems in the workspace DECK\n\
         hint: `?` in the cockpit shows the actions and keys of each place\n",
        above + 2,
        above + 3,
        above + 4
    );
    assert_eq!((said.code, said.out.as_str(), said.err), (Some(2), "", expected));
}

#[test]
fn programs_get_the_place_of_a_wrong_key_too() {
    let (deck, above) = with(WRONG);
    let said = deck.run(&["check", "--json"]);
    let json = said.json();
    assert_eq!((said.code, json["exit"].as_i64()), (Some(2), Some(2)));
    let first = &json["problems"][0];
    assert_eq!((first["file"].as_str(), first["line"].as_u64()), (Some("flightdeck.toml"), Some(above as u64 + 2)));
    assert_eq!((first["column"].as_u64(), first["key"].as_str()), (Some(9), Some("cockpit.keys.ping")));
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(3));
}

#[test]
fn wrong_keys_keep_no_engine_from_its_work() {
    let (deck, _) = with(WRONG);
    // Whatever else it says: it got past the configuration.
    let said = deck.run(&["doctor"]);
    assert!(!said.err.contains("cockpit.keys"), "{}", said.err);
}
