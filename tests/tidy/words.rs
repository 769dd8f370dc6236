//! Rules about words: the same thing has the same name in code, glossary, docs and on the command line.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use flightdeck::cli::exit::Exit;
use regex::Regex;

use super::tree::{Tree, rows, section, snake, variants};

/// The verbs of the program.
/// Programs inside the program; only the documents about them name them.
const HIDDEN: [&str; 4] = ["demo-agent", "pane-tap", "run-agent", "run-probe"];

const VERBS: [&str; 34] = [
    "accounts",
    "init",
    "check",
    "up",
    "down",
    "watch",
    "status",
    "why",
    "start",
    "stop",
    "restart",
    "ping",
    "send",
    "attach",
    "logs",
    "hold",
    "release",
    "pause",
    "resume",
    "e-stop",
    "phase",
    "outbox",
    "usage",
    "events",
    "run",
    "reload",
    "demo",
    "drill",
    "doctor",
    "backend",
    "setup",
    "completions",
    "man",
    "help",
];

const GLOSSARY: &str = "docs/glossary.md";
const OPERATING: &str = "docs/operating.md";
const REASONS: &str = "docs/decisions/0002-dependencies.md";

pub(crate) fn glossary_words_are_used(tree: &Tree) -> Vec<String> {
    let code: String = tree.below("src/", "").map(|(_, text)| plain(text)).collect();
    let mut broken = Vec::new();
    for row in rows(tree.text(GLOSSARY)) {
        let [word, _, place] = row.as_slice() else {
            broken.push(format!("{GLOSSARY}: the row `{}` should be: word, meaning, where", row.join(" | ")));
            continue;
        };
        let used = Regex::new(&format!(r"\b{}", regex::escape(&plain(word)))).expect("an escaped word");
        if !used.is_match(&code) {
            broken.push(format!("{GLOSSARY}: `{word}` is a word that the code does not use"));
        }
        let file = format!("src/{}", place.trim_matches('`'));
        if !tree.has(&file) {
            broken.push(format!("{GLOSSARY}: `{word}` is said to be in {file}, which does not exist"));
        }
    }
    broken
}

pub(crate) fn pilot_nouns_are_explained(tree: &Tree) -> Vec<String> {
    static NOUN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?m)^pub (?:enum|struct) (\w+)").expect("a regular expression"));
    let known: BTreeSet<String> =
        rows(tree.text(GLOSSARY)).iter().filter_map(|row| row.first()).map(|w| plain(w)).collect();
    let mut broken = Vec::new();
    for file in ["command", "effect", "event", "record"] {
        let path = format!("src/pilot/{file}.rs");
        let nouns = NOUN.captures_iter(tree.text(&path)).map(|noun| noun[1].to_string());
        let unknown = nouns.filter(|noun| !known.contains(&plain(noun)));
        broken.extend(unknown.map(|noun| format!("{path}: `{noun}` is missing in {GLOSSARY}, as `{}`", plain(&noun))));
    }
    broken
}

pub(crate) fn link_is_documented(tree: &Tree) -> Vec<String> {
    let operating = tree.text(OPERATING);
    let mut broken = Vec::new();
    for (heading, file, name) in [
        ("### Commands", "command", "Command"),
        ("### Answers", "command", "Answer"),
        ("### Records", "record", "Record"),
    ] {
        let wanted: Vec<(String, Vec<String>)> = variants(tree.text(&format!("src/pilot/{file}.rs")), name)
            .into_iter()
            .map(|(variant, fields)| (snake(&variant), fields))
            .collect();
        let listed: Vec<(String, Vec<String>)> = rows(section(operating, heading))
            .into_iter()
            .filter(|row| row[0].starts_with('`'))
            .map(|row| (row[0].trim_matches('`').to_string(), spans(&row[1])))
            .collect();
        let missing = wanted.iter().filter(|row| !listed.contains(row));
        broken.extend(missing.map(|(word, fields)| {
            format!("{OPERATING}, {heading}: there should be a row for `{word}` with the fields {fields:?}")
        }));
        let dead = listed.iter().filter(|(word, _)| !wanted.iter().any(|(known, _)| known == word));
        broken.extend(dead.map(|(word, _)| format!("{OPERATING}, {heading}: there is no `{word}`")));
    }
    broken
}

pub(crate) fn codes_and_states_are_documented(tree: &Tree) -> Vec<String> {
    let operating = tree.text(OPERATING);
    let codes: Vec<Vec<String>> =
        Exit::ALL.into_iter().map(|exit| vec![exit.code().to_string(), exit.meaning().to_string()]).collect();
    let mut broken = Vec::new();
    if rows(section(operating, "## Exit codes")) != codes {
        broken.push(format!("{OPERATING}: the exit codes are not those of the program: {codes:?}"));
    }
    let listed: BTreeSet<String> = rows(section(operating, "## What the states of an agent mean"))
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_string())
        .collect();
    let states = variants(tree.text("src/pilot/record.rs"), "AgentState");
    let states: BTreeSet<String> = states.iter().map(|(name, _)| snake(name).replace('_', "-")).collect();
    let differing = listed.symmetric_difference(&states);
    broken.extend(
        differing.map(|state| format!("{OPERATING}: `{state}` is a state of agents either there or in the code")),
    );
    broken
}

pub(crate) fn dependencies_have_reasons(tree: &Tree) -> Vec<String> {
    let manifest: toml::Table = tree.text("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
    let used: BTreeSet<String> = tables.flat_map(|table| table.keys().cloned()).collect();
    let mut broken = Vec::new();
    let mut explained = BTreeSet::new();
    for row in rows(tree.text(REASONS)) {
        let name = row[0].trim_matches('`').to_string();
        if !explained.insert(name.clone()) || row.get(1).is_none_or(String::is_empty) {
            broken.push(format!("{REASONS}: `{name}` should have one reason"));
        }
    }
    broken.extend(used.difference(&explained).map(|name| format!("{REASONS}: the reason for `{name}` is missing")));
    broken.extend(explained.difference(&used).map(|name| format!("{REASONS}: nothing depends on `{name}`")));
    broken
}

pub(crate) fn verbs_exist(tree: &Tree) -> Vec<String> {
    static CALL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bflightdeck ([a-z][a-z-]*)").expect("a regular expression"));
    let known: BTreeSet<&str> = VERBS.into_iter().chain(HIDDEN).collect();
    let mut broken = Vec::new();
    for (path, text) in tree.below("", ".md").filter(|(path, _)| path.starts_with("docs/") || *path == "README.md") {
        for code in code_of(text) {
            let unknown = CALL.captures_iter(&code).map(|call| call[1].to_string());
            let unknown = unknown.filter(|verb| !known.contains(verb.as_str()));
            broken.extend(unknown.map(|verb| format!("{path}: there is no verb `{verb}`")));
        }
    }
    let listed: BTreeSet<String> = spans(section(tree.text("README.md"), "## Verbs")).into_iter().collect();
    let wanted = VERBS
        .iter()
        .filter(|verb| **verb != "help")
        .map(|verb| verb.to_string())
        .chain(["--help".into(), "--json".into()]);
    let differing: Vec<String> = listed.symmetric_difference(&wanted.collect()).cloned().collect();
    broken.extend(
        differing.iter().map(|verb| format!("README.md, Verbs: `{verb}` is a verb either there or in the program")),
    );
    broken
}

/// Lower case, names taken apart into their words: `StopCause`, `stop_cause` and `stop-cause` are `stop cause`.
fn plain(text: &str) -> String {
    static HUMP: LazyLock<Regex> = LazyLock::new(|| Regex::new("([a-z0-9])([A-Z])").expect("a regular expression"));
    HUMP.replace_all(text, "$1 $2").replace(['_', '-'], " ").replace('`', "").to_lowercase()
}

/// What stands between backticks.
fn spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// The lines of code blocks and the code within lines.
fn code_of(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.to_string());
        } else {
            found.extend(spans(line));
        }
    }
    found
}

#[test]
fn the_verbs_of_the_program_are_known() {
    for verb in flightdeck::cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        assert!(VERBS.contains(&verb.get_name()), "{}: a verb that tests/tidy/words.rs does not know", verb.get_name());
    }
}

#[test]
fn a_glossary_that_lags_behind_is_caught() {
    let table = "| word | meaning | where |\n|---|---|---|\n";
    let code = ("src/pilot/record.rs", "pub enum StopCause {}\npub struct Stamp;\n");
    let check = |row: &str| {
        let glossary = format!("{table}{row}\n");
        let tree = Tree::of(&[code, (GLOSSARY, &glossary)]);
        (glossary_words_are_used(&tree).len(), pilot_nouns_are_explained(&tree).len())
    };
    assert_eq!(check("| stop cause | x | `pilot/record.rs` |\n| stamp | x | `pilot/record.rs` |"), (0, 0));
    assert_eq!(check("| stop cause | x | `pilot/record.rs` |"), (0, 1));
    assert_eq!(check("| reason | x | `pilot/record.rs` |"), (1, 2));
    assert_eq!(check("| stop cause | x | `pilot/gone.rs` |"), (1, 1));
    assert_eq!(check("| stop cause | x |"), (1, 1));
}

#[test]
fn a_link_that_is_documented_wrongly_is_caught() {
    let code = (
        "src/pilot/command.rs",
        "pub enum Command {\n    Start {\n        agent: AgentId,\n    },\n    PhaseNext,\n}\n",
    );
    let check = |rows: &str| {
        let text = format!("\n### Commands\n\n| a | b | c |\n|---|---|---|\n{rows}");
        link_is_documented(&Tree::of(&[code, (OPERATING, &text)]))
    };
    assert_eq!(check("| `start` | `agent` | x |\n| `phase_next` | | x |\n"), Vec::<String>::new());
    assert_eq!(check("| `start` | `agent` | x |\n").len(), 1);
    assert_eq!(check("| `start` | `name` | x |\n| `phase_next` | | x |\n").len(), 1);
    assert_eq!(check("| `start` | `agent` | x |\n| `phase_next` | | x |\n| `phase_last` | | x |\n").len(), 1);
}

#[test]
fn codes_and_states_that_are_documented_wrongly_are_caught() {
    let code = ("src/pilot/record.rs", "pub enum AgentState {\n    AtDialog {\n        dialog: String,\n    },\n}\n");
    let exits: String = Exit::ALL.iter().map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning())).collect();
    let check = |exits: &str, state: &str| {
        let head = "| a | b |\n|---|---|\n";
        let text = format!(
            "\n## Exit codes\n\n{head}{exits}\n## What the states of an agent mean\n\n{head}| `{state}` | x |\n"
        );
        codes_and_states_are_documented(&Tree::of(&[code, (OPERATING, &text)])).len()
    };
    assert_eq!(check(&exits, "at-dialog"), 0);
    assert_eq!(check(&exits.replace("| 3 |", "| 9 |"), "at-dialog"), 1);
    assert_eq!(check(&exits, "at_dialog"), 2);
}

#[test]
fn a_dependency_without_a_reason_is_caught() {
    let check = |manifest: &str, row: &str| {
        let reasons = format!("| crate | reason |\n|---|---|\n{row}\n");
        dependencies_have_reasons(&Tree::of(&[("Cargo.toml", manifest), (REASONS, &reasons)])).len()
    };
    assert_eq!(check("[dev-dependencies]\na = \"1\"", "| `a` | x |"), 0);
    assert_eq!(check("[dependencies]\na = \"1\"\nb = \"1\"", "| `a` | x |"), 1);
    assert_eq!(check("[dependencies]\na = \"1\"", "| `a` | |"), 1);
    assert_eq!(check("[dependencies]", "| `a` | x |"), 1);
}

#[test]
fn an_unknown_verb_in_the_docs_is_caught() {
    let table = VERBS.iter().filter(|verb| **verb != "help").map(|verb| format!("`{verb}` ")).collect::<String>();
    let check = |text: &str, table: &str| {
        let readme = format!("{text}\n## Verbs\n\n{table}`--help` `--json`\n\n## More\n");
        verbs_exist(&Tree::of(&[("README.md", &readme)])).len()
    };
    assert_eq!(check("flightdeck keeps `flightdeck up` and `flightdeck.toml`", &table), 0);
    assert_eq!(check("`flightdeck explode`", &table), 1);
    assert_eq!(check("```sh\nflightdeck explode builder\n```", &table), 1);
    assert_eq!(check("", &table.replace("`why`", "")), 1);
    assert_eq!(check("", &format!("{table}`explode` ")), 1);
}
