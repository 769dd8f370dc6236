//! Rules about our own code: floors, purity, size, printing.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Tree, code, line_of, without_tests};

/// Each package of `src/` with those it may import. `lib.rs` and `main.rs` stand on the roof and may import all.
const FLOORS: [(&str, &[&str]); 9] = [
    ("pilot", &["pilot", "config"]),
    ("words", &["pilot", "config", "words"]),
    ("config", &["pilot", "config"]),
    ("edge", &["pilot", "config", "words", "edge"]),
    ("engine", &["pilot", "config", "words", "edge", "engine"]),
    ("cockpit", &["pilot", "config", "words", "edge", "cockpit"]),
    ("board", &["pilot", "config", "words", "edge", "board"]),
    ("demo", &["pilot", "config", "words", "edge", "demo"]),
    ("cli", &["pilot", "config", "words", "edge", "engine", "cockpit", "board", "demo", "cli"]),
];

/// What floor 0 must not know: the world, clocks, chance, and maps whose order changes from run to run.
const IMPURE: &str = r"\bstd::(fs|net|process|thread|env|os)\b|\b(tokio|rusqlite|git2|notify|rustix|crossterm|rand)::|\buse (tokio|rusqlite|git2|notify|rustix|crossterm|rand)\b|\b(SystemTime|Instant|HashMap|HashSet)\b|\basync\b|\b(Utc|Local)::now\b|\.(exists|is_file|is_dir|canonicalize|metadata|read_dir)\(\)|\b(stdin|stdout|stderr)\(\)";

/// Lines of a file before its tests; more than a reader keeps in mind.
const LONGEST: usize = 500;

pub(crate) fn floors(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in tree.below("src/", ".rs") {
        let Some(package) = package(path) else { continue };
        let Some((_, may)) = FLOORS.iter().find(|(name, _)| *name == package) else {
            broken.push(format!("{path}: `{package}` stands on no floor: give it one in tests/tidy/source.rs"));
            continue;
        };
        for (name, line) in imports(path, text) {
            if !may.contains(&name.as_str()) {
                broken.push(format!(
                    "{path}:{line}: {package} imports {name}: a file imports from its own package or from a floor below, \
                     never from above, and engine, cockpit, board and demo never import each other"
                ));
            }
        }
    }
    broken
}

pub(crate) fn purity(tree: &Tree) -> Vec<String> {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(IMPURE).expect("a regular expression"));
    let floor_0 = ["src/pilot/", "src/config/", "src/words/"];
    let files = floor_0.into_iter().flat_map(|folder| tree.below(folder, ".rs"));
    found(files, &WORDS, "the pilot and the configuration are pure: no clock, no chance, no I/O, no async, no HashMap")
}

pub(crate) fn wildcards(tree: &Tree) -> Vec<String> {
    let line = "#![warn(clippy::wildcard_enum_match_arm)]";
    if tree.text("src/pilot/mod.rs").lines().any(|seen| seen == line) {
        return Vec::new();
    }
    vec![format!("src/pilot/mod.rs: a match in the pilot names every case, for which the line `{line}` stands there")]
}

pub(crate) fn size(tree: &Tree) -> Vec<String> {
    let counted = tree.below("src/", ".rs").map(|(path, text)| (path, without_tests(text).lines().count()));
    let long = counted.filter(|(_, lines)| *lines > LONGEST);
    long.map(|(path, lines)| format!("{path}: {lines} lines before its tests, at most {LONGEST} fit a reader"))
        .collect()
}

pub(crate) fn prints(tree: &Tree) -> Vec<String> {
    static MACROS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(e?print(ln)?|dbg)!").expect("a regular expression"));
    let prints = |path: &str| path.starts_with("src/cli/") || path == "src/main.rs" || path.ends_with("/tests.rs");
    let files = tree.below("src/", ".rs").filter(|(path, _)| !prints(path));
    found(files, &MACROS, "only the command line prints")
}

/// Where the product's code of these files matches.
fn found<'a>(files: impl Iterator<Item = (&'a str, &'a str)>, what: &Regex, sentence: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in files {
        let code = code(without_tests(text));
        let places = what.find_iter(&code);
        broken.extend(places.map(|at| format!("{path}:{}: `{}`: {sentence}", line_of(&code, at.start()), at.as_str())));
    }
    broken
}

/// `src/pilot/time.rs` and `src/pilot.rs` are `pilot`; `src/lib.rs` and `src/main.rs` are nothing.
fn package(path: &str) -> Option<&str> {
    let name = path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    (!matches!(name, "lib" | "main")).then_some(name)
}

/// The packages a file names by `crate::…` or by climbing `super::` up to the crate, with the line.
fn imports(path: &str, text: &str) -> Vec<(String, usize)> {
    static PATHS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(crate::|(?:super::)+)(\{|\*|\w+)").expect("a regular expression"));
    let code = code(without_tests(text));
    let depth = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let mut names = Vec::new();
    for place in PATHS.captures_iter(&code) {
        let reaches_crate = &place[1] == "crate::" || place[1].matches("super").count() >= depth;
        if !reaches_crate {
            continue;
        }
        let at = place.get(2).expect("the pattern has it");
        let line = line_of(&code, at.start());
        match at.as_str() {
            "{" => names.extend(group(&code[at.end()..]).into_iter().map(|name| (name, line))),
            name => names.push((name.to_string(), line)),
        }
    }
    names
}

/// The first words of the parts of `{a::b, c::{d, e}}`, from behind its opening brace.
fn group(rest: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0;
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            c if depth == 0 => names.last_mut().expect("it begins with one").push(c),
            _ => {}
        }
    }
    let first = |name: String| name.trim().split("::").next().unwrap_or_default().to_string();
    names.into_iter().map(first).filter(|name| !name.is_empty()).collect()
}

#[test]
fn an_import_from_above_is_caught_however_it_is_written() {
    for (path, text, seen) in [
        ("src/pilot/step.rs", "use crate::edge::clock;", "src/pilot/step.rs:1: pilot imports edge"),
        ("src/pilot/step.rs", "\nfn f() { crate::engine::run() }", "src/pilot/step.rs:2: pilot imports engine"),
        ("src/edge/tmux.rs", "use crate::{pilot::{id, time}, cli::exit};", "edge imports cli"),
        ("src/edge/tmux.rs", "use super::super::engine;", "edge imports engine"),
        ("src/edge/mod.rs", "use super::cli;", "edge imports cli"),
        ("src/edge/tmux/client.rs", "use super::super::super::{demo};", "edge imports demo"),
        ("src/engine.rs", "use crate::cockpit::model;", "engine imports cockpit"),
        ("src/cockpit/mod.rs", "use crate::engine;", "cockpit imports engine"),
        ("src/demo/agent.rs", "use crate::*;", "demo imports *"),
        ("src/extra/mod.rs", "", "`extra` stands on no floor"),
    ] {
        let broken = floors(&Tree::of(&[(path, text)]));
        assert!(broken.len() == 1 && broken[0].contains(seen), "{text}: {broken:?}");
    }
}

#[test]
fn an_import_from_below_is_no_sin() {
    for (path, text) in [
        ("src/edge/tmux/client.rs", "use super::super::clock; use super::line; use crate::pilot::id::AgentId;"),
        ("src/cli/up.rs", "use crate::{engine, edge::{clock, spawn}, pilot::time::Time};"),
        (
            "src/pilot/step.rs",
            "// see crate::edge\nconst A: &str = \"crate::edge\";\n#[cfg(test)]\nmod tests { use crate::edge; }\n",
        ),
        ("src/main.rs", "use flightdeck::cli::Cli;"),
    ] {
        assert_eq!(floors(&Tree::of(&[(path, text)])), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn each_impurity_is_caught() {
    for text in [
        "use std::fs;",
        "std::thread::yield_now();",
        "use tokio::sync;",
        "let x: rusqlite::Row;",
        "use std::time::Instant;",
        "SystemTime::now()",
        "async fn f() {}",
        "let m: HashMap<u8, u8>;",
        "chrono::Utc::now()",
        "path.is_file()",
    ] {
        for path in ["src/pilot/a.rs", "src/config/a.rs"] {
            assert_eq!(purity(&Tree::of(&[(path, text)])).len(), 1, "{text}");
        }
        assert_eq!(purity(&Tree::of(&[("src/edge/a.rs", text)])).len(), 0, "{text}");
    }
    let pure = "use std::time::Duration; fn notify(instant: Time) {} // std::fs\n";
    assert_eq!(purity(&Tree::of(&[("src/pilot/a.rs", pure)])), Vec::<String>::new());
}

#[test]
fn a_pilot_without_its_lint_is_caught() {
    assert_eq!(wildcards(&Tree::of(&[("src/pilot/mod.rs", "// #![warn(clippy::wildcard_enum_match_arm)]")])).len(), 1);
}

#[test]
fn a_long_file_is_caught_and_long_tests_are_not() {
    let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "a\n".repeat(LONGEST), "b\n".repeat(LONGEST));
    assert_eq!(size(&Tree::of(&[("src/a.rs", &tests)])), Vec::<String>::new());
    assert_eq!(size(&Tree::of(&[("src/a.rs", &"a\n".repeat(LONGEST + 1))])).len(), 1);
}

#[test]
fn printing_outside_the_command_line_is_caught() {
    let text = "fn f() { println!(\"a\"); eprint!(\"b\"); }";
    assert_eq!(prints(&Tree::of(&[("src/edge/a.rs", text)])).len(), 2);
    assert_eq!(prints(&Tree::of(&[("src/cli/a.rs", text), ("src/main.rs", text)])), Vec::<String>::new());
}
