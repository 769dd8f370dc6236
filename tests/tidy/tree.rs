//! The source tree as text, and ways to read it without a parser.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// Folders that are no part of what we wrote.
const SKIPPED: [&str; 4] = ["target", ".git", ".flightdeck", "proptest-regressions"];

/// Path relative to the top, with `/`, and text of each file that is text.
#[derive(Debug, Default)]
pub(crate) struct Tree(pub(crate) BTreeMap<String, String>);

impl Tree {
    pub(crate) fn of_the_house() -> Self {
        let mut tree = Tree::default();
        tree.read(Path::new(env!("CARGO_MANIFEST_DIR")), "");
        assert!(tree.0.contains_key("src/lib.rs"), "the tree was not found");
        tree
    }

    /// A tree of these files alone.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Tree(files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect())
    }

    /// Files below `folder` whose names end so.
    pub(crate) fn below(&self, folder: &str, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self.0.iter().filter(move |(path, _)| path.starts_with(folder) && path.ends_with(end));
        files.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// A file's text; empty where there is no such file.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    /// Is there such a file, or a folder with files in it?
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.0.contains_key(path) || path.is_empty() || self.0.keys().any(|file| file.starts_with(&folder))
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("a folder of the tree") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("its type");
            // `.git` is a file in a worktree.
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                self.read(&entry.path(), &format!("{prefix}{name}/"));
            } else if kind.is_file()
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.0.insert(format!("{prefix}{name}"), text);
            }
        }
    }
}

/// Line number of a byte.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Everything before the tests at the end of a file.
pub(crate) fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |at| &text[..=at])
}

/// The code alone: comments, strings and characters become spaces, line breaks stay.
pub(crate) fn code(text: &str) -> String {
    static NO_CODE: LazyLock<Regex> = LazyLock::new(|| {
        let comments = r"//[^\n]*|(?s:/\*.*?\*/)";
        let raw = r##"\bb?r"[^"]*"|(?s:\bb?r#".*?"#)"##;
        let strings = r#"(?s:b?"(?:[^"\\]|\\.)*")|b?'(?:[^'\\\n]|\\[^\n]{1,10}?)'"#;
        Regex::new(&format!("{comments}|{raw}|{strings}")).expect("a regular expression")
    });
    let blank =
        |found: &regex::Captures<'_>| found[0].chars().map(|c| if c == '\n' { c } else { ' ' }).collect::<String>();
    NO_CODE.replace_all(text, blank).into_owned()
}

/// `StopCause` -> `stop_cause`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The variants of an enum, each with the names of its fields, as formatted by rustfmt.
pub(crate) fn variants(text: &str, name: &str) -> Vec<(String, Vec<String>)> {
    static VARIANT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^    ([A-Z]\w*)(?: \{(.*))?").expect("a regular expression"));
    static FIELD: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:^ {8}|[{,] )(\w+): ").expect("a regular expression"));
    let text = code(text);
    let body = text.split_once(&format!("pub enum {name} {{\n")).map_or("", |(_, rest)| rest);
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in body.lines().take_while(|line| *line != "}") {
        if let Some(variant) = VARIANT.captures(line) {
            found.push((variant[1].to_string(), Vec::new()));
        }
        if let Some((_, fields)) = found.last_mut() {
            fields.extend(FIELD.captures_iter(line).map(|field| field[1].to_string()));
        }
    }
    found
}

/// The part of a document below a heading, up to the next one of its rank.
pub(crate) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(&format!("\n{heading}\n")) else { return "" };
    let rank = heading.split(' ').next().unwrap_or_default();
    rest.split(&format!("\n{rank} ")).next().unwrap_or_default()
}

/// The rows of all tables in a text, heads and rules left out, each as its cells.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &str| line.starts_with("|--") || line.starts_with("| --");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('|') && !is_rule(line)) {
        if !lines.get(at + 1).is_some_and(|next| is_rule(next)) {
            let cells = line.trim().trim_matches('|').split('|');
            found.push(cells.map(|cell| cell.trim().to_string()).collect());
        }
    }
    found
}

#[test]
fn code_is_what_is_left_without_comments_and_strings() {
    let seen = code("a(\"x \\\" // y\"); // b\nlet c: &'static str = 'd'; r#\"e\"f\"#; '\\''; g/* h\n */i");
    assert_eq!(seen.split_whitespace().collect::<String>(), "a();letc:&'staticstr=;;;gi");
    assert_eq!(seen.matches('\n').count(), 2);
}

#[test]
fn variants_are_read_with_their_fields() {
    let text = "pub enum A {\n    /// B: c\n    B,\n    C { d: E, f: G<H, I> },\n    J {\n        k: L,\n    },\n}\npub enum M {\n    N,\n}\n";
    let seen = variants(text, "A");
    let expected = [("B", vec![]), ("C", vec!["d", "f"]), ("J", vec!["k"])];
    let seen: Vec<_> = seen.iter().map(|(name, f)| (name.as_str(), f.iter().map(String::as_str).collect())).collect();
    assert_eq!(seen, expected);
}
