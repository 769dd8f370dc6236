//! Rules about what should not be left behind: notes to self, ignored tests, silenced lints, paths of a machine.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Tree, code, line_of};

/// Texts where such a word is data: what agents say, what was captured from a screen, what is locked.
const DATA: [&str; 7] =
    ["prompts/", "phases/", "tests/screens/", "tests/channels/", "tests/fuzz/corpus/", "Cargo.lock", "JOURNAL.md"];

pub(crate) fn allowed_lints(tree: &Tree) -> Vec<String> {
    static ALLOW: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"#!?\[\s*(cfg_attr\([^\]]*,\s*)?allow\s*\(").expect("a regular expression"));
    let mut broken = Vec::new();
    for (path, text) in tree.below("", ".rs") {
        let code = code(text);
        broken.extend(ALLOW.find_iter(&code).map(|at| {
            let line = line_of(&code, at.start());
            format!("{path}:{line}: a lint is switched off by `#[expect(lint, reason = \"…\")]` or not at all")
        }));
    }
    broken
}

pub(crate) fn notes_to_self(tree: &Tree) -> Vec<String> {
    // In pieces, so that this file does not match itself.
    static NOTES: LazyLock<Regex> = LazyLock::new(|| {
        let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")].join("|");
        let macros = concat!(r"\bto", r"do!|\bunimple", r"mented!|#\[\s*ig", "nore");
        Regex::new(&format!(r"\b({words})\b|{macros}")).expect("a regular expression")
    });
    matches(tree, &NOTES, "what is not done stands in the issue or in the journal, not in the tree")
}

pub(crate) fn machine_paths(tree: &Tree) -> Vec<String> {
    static PATHS: LazyLock<Regex> = LazyLock::new(|| {
        let own = regex::escape(env!("CARGO_MANIFEST_DIR"));
        let homes = concat!("/ro", "ot/|/ho", r"me/\w|/Us", r"ers/\w|/wo", "rk/");
        Regex::new(&format!(r#"(^|[\s"'`(=:])({homes})|{own}"#)).expect("a regular expression")
    });
    matches(tree, &PATHS, "this path exists on somebody's machine only: `~/…` or a folder of /tmp says the same")
}

/// Instead of the home of whoever recorded.
const NOBODYS_HOME: &str = concat!("/ho", "me/me");

/// What was recorded from the agents' channels is JSON and knows no folder but the one of nobody in particular.
pub(crate) fn recordings(tree: &Tree) -> Vec<String> {
    static PATHS: LazyLock<Regex> = LazyLock::new(|| {
        // Of the machine they were recorded on; what every machine has is no secret.
        Regex::new(r#"(?:/home/[^/"\\ ]*|/var/|/work/|/Users/|[^<]/root\b)"#).expect("a regular expression")
    });
    let mut broken = Vec::new();
    for (path, text) in tree.below("tests/channels/", "").filter(|(path, _)| !path.ends_with(".md")) {
        for (at, line) in text.lines().enumerate() {
            if serde_json::from_str::<serde_json::Value>(line).is_err() {
                broken.push(format!("{path}:{}: a recorded line is one JSON document", at + 1));
            }
            let foreign = PATHS.find_iter(line).filter(|seen| seen.as_str() != NOBODYS_HOME);
            broken.extend(foreign.map(|seen| {
                format!(
                    "{path}:{}: `{}`: what is recorded names {NOBODYS_HOME} and no other folder",
                    at + 1,
                    seen.as_str()
                )
            }));
        }
    }
    broken
}

fn matches(tree: &Tree, what: &Regex, sentence: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.0.iter().filter(|(path, _)| !DATA.iter().any(|data| path.starts_with(data))) {
        for (at, line) in text.lines().enumerate() {
            broken.extend(
                what.find(line).map(|seen| format!("{path}:{}: `{}`: {sentence}", at + 1, seen.as_str().trim())),
            );
        }
    }
    broken
}

#[test]
fn a_silenced_lint_is_caught() {
    for text in ["#[allow(dead_code)]", "#![allow(clippy::all)]", "#[cfg_attr(test, allow(unused))]"] {
        assert_eq!(allowed_lints(&Tree::of(&[("src/a.rs", text)])).len(), 1, "{text}");
    }
    assert_eq!(allowed_lints(&Tree::of(&[("src/a.rs", "fn allow() {} // #[allow(x)]")])), Vec::<String>::new());
}

#[test]
fn a_note_to_self_is_caught() {
    for text in [
        concat!("// TO", "DO: later"),
        concat!("# FIX", "ME"),
        concat!("to", "do!()"),
        concat!("#[ig", "nore = \"slow\"]"),
    ] {
        assert_eq!(notes_to_self(&Tree::of(&[("src/a.rs", text)])).len(), 1, "{text}");
        assert_eq!(notes_to_self(&Tree::of(&[("Makefile", text)])).len(), 1, "{text}");
        assert_eq!(notes_to_self(&Tree::of(&[("prompts/a.md", text)])).len(), 0, "{text}");
    }
    assert_eq!(notes_to_self(&Tree::of(&[(".ci/a", "mktemp -d /tmp/a.XXXXXX")])), Vec::<String>::new());
}

#[test]
fn a_path_of_a_machine_is_caught() {
    for text in [concat!("see /ho", "me/ann/x"), concat!("`/ro", "ot/x`"), env!("CARGO_MANIFEST_DIR")] {
        assert_eq!(machine_paths(&Tree::of(&[("docs/a.md", text)])).len(), 1, "{text}");
    }
    assert_eq!(machine_paths(&Tree::of(&[("docs/a.md", "/tmp/x ~/x https://a.b/home/x")])), Vec::<String>::new());
}

#[test]
fn a_recording_that_tells_where_it_was_made_is_caught() {
    let check = |line: &str| recordings(&Tree::of(&[("tests/channels/a-1/b.jsonl", line)])).len();
    assert_eq!(check(concat!(r#"{"cwd":"/ho"#, r#"me/me/project","t":"/tmp/a.sock"}"#)), 0);
    assert_eq!(check(concat!(r#"{"cwd":"/ho"#, r#"me/ann/project"}"#)), 1);
    assert_eq!(check(concat!(r#"{"cwd":"/va"#, r#"r/lib/x"}"#)), 1);
    assert_eq!(check("{\"cwd\":"), 1);
}
