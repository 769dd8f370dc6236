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
        "exit 2\n--- err\nerror: no backend is called claud\nhint: there are claude, codex, demo, opencode, opencode-attached, opencode-server; did you mean claude?\n"
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

/// A program of this name in a folder of its own, which answers to `--version` so.
fn installed(deck: &Deck, name: &str, script: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = deck.root().join("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    folder
}

fn run_in(deck: &Deck, path: &std::path::Path, words: &[&str]) -> super::deck::Said {
    deck.said(&deck.call(words).env("PATH", path).env("SECRET_TOKEN", "hunter2").assert())
}

#[test]
fn the_list_says_which_program_is_there_in_which_version_and_who_uses_it() {
    let deck = Deck::new();
    let path = installed(&deck, "claude", "echo '2.1.329 (Claude Code)'");
    installed(&deck, "codex", "echo codex-cli 9.9.9");
    let said = run_in(&deck, &path, &["backend", "list"]);
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["BACKEND", "PROGRAM", "VERSION", "CHANNEL", "AGENTS", "FOUND"]);
    assert_eq!(lines[1], ["claude", "claude", "2.1.329", "claude", "DECK/bin/claude"]);
    assert_eq!(lines[2], ["codex", "codex", "9.9.9", "(not", "tried)", "codex", "DECK/bin/codex"]);
    assert_eq!(lines[3][..2], ["demo", "flightdeck"]);
    assert_eq!(lines[3][3..6], ["reports", "adversary", "builder"]);
    assert_eq!(lines[4][..3], ["opencode", "opencode", "-"]);
    let json = run_in(&deck, &path, &["backend", "list", "--json"]);
    let first: serde_json::Value = serde_json::from_str(json.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!((first["version"].as_str(), first["tried"].as_bool()), (Some("2.1.329"), Some(true)));
}

#[test]
fn a_probe_tells_missing_unwell_untried_and_well_programs_apart() {
    let deck = Deck::new();
    let path = installed(&deck, "claude", "echo '2.1.329 (Claude Code)'; test -z \"$SECRET_TOKEN\"");
    installed(&deck, "codex", "echo codex-cli 0.1.0");
    installed(&deck, "opencode", "echo broken >&2; exit 3");
    let probe = |words: &[&str]| run_in(&deck, &path, &[&["backend", "probe"], words].concat());
    assert_eq!(probe(&["claude"]).whole(), "exit 0\n--- out\nok    claude        2.1.329, DECK/bin/claude\n");
    let untried = probe(&["codex"]);
    assert_eq!(untried.code, Some(0));
    assert!(untried.out.starts_with("warn  codex         0.1.0 was not tried, DECK/bin/codex\n"), "{untried:?}");
    let unwell = probe(&["opencode"]);
    assert_eq!(unwell.code, Some(1));
    assert!(unwell.out.contains("--version ends with exit status: 3: broken"), "{unwell:?}");
    let nothing = std::path::Path::new("/nowhere");
    let missing = run_in(&deck, nothing, &["backend", "probe", "claude"]);
    assert_eq!(
        missing.whole(),
        "exit 1\n--- out\nbad   claude        not found in PATH\n                    do: `npm install -g @anthropic-ai/claude-code`\n"
    );
    // All are asked, and only those that agents need must be there: here the demo agent, which is our own program.
    assert_eq!(run_in(&deck, nothing, &["backend", "probe"]).code, Some(0));
    assert_eq!(probe(&["claud"]).code, Some(2));
    let json = run_in(&deck, nothing, &["backend", "probe", "claude", "--json"]).json();
    assert_eq!((json["health"].as_str(), json["version"].as_str()), (Some("missing"), None));
}

#[test]
fn an_explanation_says_what_would_be_run_and_no_value_of_a_variable() {
    let deck = Deck::new();
    let said = deck.run(&["backend", "explain", "claude"]);
    insta::assert_snapshot!("backend_explain_claude", said.whole());
    let main = deck.root().join("flightdeck.toml");
    let text = std::fs::read_to_string(&main).expect("its configuration");
    let secret = deck.root().join("builder.env");
    std::fs::write(&secret, "TOKEN='hunter2'\n").expect("a file");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    let text =
        text.replacen("backend = \"demo\"", "backend = \"claude\"\nmodel = \"opus\"\nenv_file = \"builder.env\"", 1);
    std::fs::write(&main, text).expect("a file");
    let said = run_in(&deck, std::path::Path::new("/bin"), &["backend", "explain", "claude", "--agent", "builder"]);
    insta::assert_snapshot!("backend_explain_builder", said.whole());
    assert!(!said.out.contains("hunter2"));
    let wrong = deck.run(&["backend", "explain", "claude", "--agent", "adversary"]);
    assert_eq!(wrong.first(), "2 error: no agent adversary has the backend claude");
}

#[test]
fn the_environment_goes_before_the_file_and_what_is_there_is_found_by_itself() {
    let deck = Deck::new();
    let path = installed(&deck, "opencode", "echo 1.18.33");
    let agents = |wish: &str| {
        let call = deck.call(&["check", "--json"]).env("PATH", &path).env("FLIGHTDECK_BACKEND", wish).assert();
        deck.said(&call).code.filter(|code| *code == 0).expect("it is in order");
        let listed = deck.call(&["backend", "list"]).env("PATH", &path).env("FLIGHTDECK_BACKEND", wish).assert();
        let listed = deck.said(&listed).out;
        let line =
            listed.lines().find(|line| line.contains("adversary builder")).expect("somebody has them").to_string();
        line.split(' ').next().expect("a word").to_string()
    };
    assert_eq!((agents(""), agents("codex")), ("demo".to_string(), "codex".to_string()));
    let main = deck.root().join("flightdeck.toml");
    let text = std::fs::read_to_string(&main).expect("its configuration");
    std::fs::write(&main, text.replace("backend = \"demo\"", "backend = \"auto\"")).expect("a file");
    assert_eq!(agents(""), "opencode");
    let nothing = deck.said(&deck.call(&["check"]).env("PATH", "/nowhere").assert());
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("npm install -g @anthropic-ai/claude-code"), "{nothing:?}");
    let unknown = deck.said(&deck.call(&["check"]).env("FLIGHTDECK_BACKEND", "gemini").assert());
    assert!(unknown.err.contains("FLIGHTDECK_BACKEND names the unknown backend \"gemini\""), "{unknown:?}");
}

#[test]
fn a_new_workspace_has_the_backend_that_was_named_and_an_old_one_keeps_its_own() {
    let deck = Deck::empty();
    assert_eq!(deck.run(&["init", "--backend", "codex"]).code, Some(0));
    let main = std::fs::read_to_string(deck.root().join("flightdeck.toml")).expect("its configuration");
    assert_eq!(
        (main.matches("\nbackend = \"codex\"\n").count(), main.matches("\nbackend = \"claude\"\n").count()),
        (2, 0)
    );
    assert!(deck.run(&["check"]).out.contains("builder (codex)"));
    let again = deck.run(&["init", "--backend", "claude"]);
    assert_eq!(again.first(), "2 error: . has a flightdeck.toml, in which --backend changes nothing");
    assert_eq!(deck.run(&["init", "--backend", "gemini"]).code, Some(2));
}
