//! What is known of the agents' programs, asked without an engine.

use super::deck::Deck;

fn recorded(name: &str) -> String {
    format!("{}/tests/screens/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_recorded_screen_is_told_with_the_rule_that_read_it_a_line_for_each_file() {
    let deck = Deck::new();
    let files = ["claude-2.1.329/err-auth.ansi", "claude-2.1.329/weekly-armed.txt"].map(recorded);
    let said = deck.run(&["backend", "read", "claude", &files[0], &files[1]]);
    let told = said.out.replace(&recorded(""), "");
    assert_eq!(
        (said.code, told.as_str()),
        (
            Some(0),
            "claude-2.1.329/err-auth.ansi: auth-failed, by 'logged out', final '⎿  Invalid API key · Fix external API key'; \
             seen: ⎿  Invalid API key · Fix external API key\n\
             claude-2.1.329/weekly-armed.txt: limited, by 'usage limit armed', until 'Nov 25, 3:32pm', \
             final '⎿  Claude Code will continue automatically at Nov 25, 3:32pm'; \
             seen: ⚠ Usage limit reached · limit resets Nov 25, 3:32pm\n"
        )
    );
    let json = deck.run(&["backend", "read", "claude", &files[1], "--json"]).json();
    assert_eq!((json["says"].as_str(), json["rule"].as_str()), (Some("limited"), Some("usage limit armed")));
    assert_eq!((json["until"].as_str(), json["composer"]["text"].as_str()), (Some("Nov 25, 3:32pm"), Some("")));
}

#[test]
fn grey_words_in_the_composer_are_a_hint_where_colours_are_told_and_a_draft_where_they_are_not() {
    let deck = Deck::new();
    let rule = "─".repeat(40);
    let screen = |text: &str| format!("● All done.\n\n{rule}\n❯\u{a0}{text}\n{rule}\n  ? for shortcuts\n");
    let grey = "\u{1b}[7mW\u{1b}[0;2mrite a test for it\u{1b}[0m";
    for (name, text, draft) in [
        ("grey.ansi", grey.to_string(), ""),
        ("plain.txt", "Write a test for it".to_string(), "Write a test for it"),
        ("half.ansi", format!("mine {grey}"), "mine"),
        ("draft.ansi", "\u{1b}[38;5;246mmy own \u{1b}[7mw\u{1b}[0mords".to_string(), "my own words"),
    ] {
        std::fs::write(deck.root().join(name), screen(&text)).expect("a file");
        let said = deck.run(&["backend", "read", "claude", name, "--json"]).json();
        assert_eq!(said["composer"]["text"], draft, "{name}");
    }
}

#[test]
fn an_unknown_backend_and_a_file_that_can_not_be_read_are_told_and_the_rest_is_read() {
    let deck = Deck::new();
    let said = deck.run(&["backend", "read", "claud", "x"]);
    assert_eq!(
        said.whole(),
        "exit 2\n--- err\nerror: no backend is called claud\nhint: there are claude, codex, demo, opencode; did you mean claude?\n"
    );
    let fine = recorded("claude-2.1.329/fresh.txt");
    let said = deck.run(&["backend", "read", "claude", "none.txt", &fine, "."]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("fresh.txt: idle"), "{said:?}");
    assert!(said.err.starts_with("error: 2 files can't be read: none.txt does not exist; . "), "{said:?}");
    assert_eq!(deck.run(&["backend", "read", "claude"]).code, Some(2));
}

#[test]
fn outside_of_a_workspace_the_built_in_ones_are_known() {
    let deck = Deck::empty();
    let said = deck.run(&["backend", "read", "codex", &recorded("codex/fresh.ansi")]);
    assert!(said.out.contains("codex/fresh.ansi: idle"), "{said:?}");
}
