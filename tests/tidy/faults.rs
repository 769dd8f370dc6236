//! Rules about the catalogue of faults: each line has one test, each test has a line, and those with a mark run always.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::Tree;

const CATALOGUE: &str = "tests/faults/catalogue.txt";
const FILTER: &str = ".config/nextest.toml";

/// A line of the catalogue: `p3 | * | what is promised`.
struct Line {
    id: String,
    marked: bool,
}

fn lines(tree: &Tree, broken: &mut Vec<String>) -> Vec<Line> {
    static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[a-z][0-9]{1,2}\z").expect("a regular expression"));
    let mut lines: Vec<Line> = Vec::new();
    for text in tree.text(CATALOGUE).lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = text.split('|').map(str::trim).collect();
        match parts.as_slice() {
            [id, mark @ ("*" | "!" | ""), promise] if ID.is_match(id) && !promise.is_empty() => {
                if lines.iter().any(|line| line.id == *id) {
                    broken.push(format!("{CATALOGUE}: {id} is there twice"));
                }
                lines.push(Line { id: (*id).to_string(), marked: !mark.is_empty() });
            }
            _ => broken.push(format!("{CATALOGUE}: `{text}` is no `id | * or ! or nothing | promise`")),
        }
    }
    lines
}

/// How many tests each id has, and tests whose names begin with none.
fn tests(tree: &Tree) -> (BTreeMap<String, usize>, Vec<String>) {
    static TEST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"#\[(?:tokio::)?test\]\s*(?:async )?fn (?:([a-z][0-9]{1,2})_)?(\w+)").expect("a regular expression")
    });
    let (mut counts, mut nameless) = (BTreeMap::new(), Vec::new());
    for (path, text) in tree.below("tests/faults/", ".rs") {
        for test in TEST.captures_iter(text) {
            match test.get(1) {
                Some(id) => *counts.entry(id.as_str().to_string()).or_default() += 1,
                None => nameless.push(format!("{path}: `{}` is named after no fault of the catalogue", &test[2])),
            }
        }
    }
    (counts, nameless)
}

pub(crate) fn catalogue(tree: &Tree) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = lines(tree, &mut broken);
    let (counts, nameless) = tests(tree);
    broken.extend(nameless);
    for line in &lines {
        match counts.get(&line.id).copied().unwrap_or(0) {
            1 => {}
            count => broken.push(format!("{CATALOGUE}: {} has {count} tests in tests/faults, not one", line.id)),
        }
    }
    let unknown = counts.keys().filter(|id| lines.iter().all(|line| line.id != **id));
    broken.extend(unknown.map(|id| format!("{CATALOGUE}: has no line for the test of {id}")));
    let marked: Vec<&str> = lines.iter().filter(|line| line.marked).map(|line| line.id.as_str()).collect();
    let filter = format!("test(/::({})_/)", marked.join("|"));
    if !tree.text(FILTER).contains(&filter) {
        broken.push(format!("{FILTER}: `make test` is to run what has a mark in the catalogue: {filter}"));
    }
    broken
}

#[test]
fn a_fault_without_a_test_and_a_test_without_a_fault_are_caught() {
    let good = ("p1 | * | comes back\np2 | | stays", "#[test]\nfn p1_x() {}\n#[tokio::test]\nasync fn p2_y() {}");
    assert_eq!(catalogue_of(good.0, good.1, "test(/::(p1)_/)"), Vec::<String>::new());
    for (catalogue, tests, filter, seen) in [
        (good.0, "#[test]\nfn p1_x() {}", "test(/::(p1)_/)", "p2 has 0 tests in tests/faults, not one"),
        (good.0, &format!("{}\n#[test]\nfn p2_z() {{}}", good.1), "test(/::(p1)_/)", "p2 has 2 tests"),
        ("p1 | * | comes back", good.1, "test(/::(p1)_/)", "has no line for the test of p2"),
        (good.0, &format!("{}\n#[test]\nfn other() {{}}", good.1), "test(/::(p1)_/)", "`other` is named after"),
        (good.0, good.1, "test(/::(p2)_/)", "`make test` is to run"),
        ("p1 | * | comes back\np2 | | stays\np2 | | stays", good.1, "test(/::(p1)_/)", "p2 is there twice"),
        ("p1 | * | comes back\np2 | | stays\nrubbish", good.1, "test(/::(p1)_/)", "`rubbish` is no"),
    ] {
        let told = catalogue_of(catalogue, tests, filter);
        assert!(told.len() == 1 && told[0].contains(seen), "{seen}: {told:?}");
    }
}

fn catalogue_of(lines: &str, tests: &str, filter: &str) -> Vec<String> {
    catalogue(&Tree::of(&[(CATALOGUE, lines), ("tests/faults/a.rs", tests), (FILTER, filter)]))
}
