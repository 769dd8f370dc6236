//! Rules about documents: links that lead somewhere, decisions that can be found.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Tree, line_of};

pub(crate) fn links(tree: &Tree) -> Vec<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[[^\]\[]*\]\(([^)\s]+)\)").expect("a regular expression"));
    let mut broken = Vec::new();
    for (path, text) in tree.below("", ".md").filter(|(path, _)| path.starts_with("docs/") || !path.contains('/')) {
        let prose = prose(text);
        for link in LINK.captures_iter(&prose) {
            let target = &link[1];
            if !target.contains("://") && !target.starts_with("mailto:") && !leads_somewhere(tree, path, target) {
                let line = line_of(&prose, link.get(0).expect("the whole").start());
                broken.push(format!("{path}:{line}: the link to `{target}` leads nowhere"));
            }
        }
    }
    broken
}

pub(crate) fn decisions(tree: &Tree) -> Vec<String> {
    let folder = "docs/decisions/";
    let list = tree.text("docs/decisions/README.md");
    let mut broken = Vec::new();
    let pages = tree.below(folder, "").map(|(path, text)| (&path[folder.len()..], text));
    for (at, (name, text)) in pages.filter(|(name, _)| *name != "README.md").enumerate() {
        let number = format!("{:04}", at + 1);
        if !name.starts_with(&format!("{number}-")) || !name.ends_with(".md") {
            broken.push(format!(
                "{folder}{name}: decisions are numbered without gaps: this one should begin with {number}-"
            ));
        }
        if !text.starts_with(&format!("# {number}: ")) {
            broken.push(format!("{folder}{name}: its title should begin with `# {number}: `"));
        }
        if !list.contains(&format!("({name})")) {
            broken.push(format!("{folder}{name}: docs/decisions/README.md does not link to it"));
        }
        for part in ["**Situation.**", "**Choice.**", "**Price.**", "**What would change it.**"] {
            if !text.contains(part) {
                broken.push(format!("{folder}{name}: it does not say its {part}"));
            }
        }
    }
    broken
}

/// A document without its code, line breaks kept.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fenced && !fence {
            // What stands between backticks is every second piece.
            out.extend(line.split('`').step_by(2));
        }
        out.push('\n');
    }
    out
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { from.to_string() } else { resolve(from, file) };
    tree.has(&path) && anchor.is_none_or(|anchor| anchors(tree.text(&path)).contains(anchor))
}

/// The path of a relative link, seen from the top.
fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors of a document's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let slug = |title: &str| -> String {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
    };
    titles.map(slug).collect()
}

#[test]
fn a_dead_link_and_a_dead_anchor_are_caught() {
    let there = ("docs/b.md", "# One `two`: three\n");
    for (link, dead) in [
        ("[x](b.md)", false),
        ("[x](b.md#one-two-three)", false),
        ("[x](../docs/)", false),
        ("[x](#here)", false),
        ("[x](https://example.org/nothing)", false),
        ("`[x](c.md)`", false),
        ("```\n[x](c.md)\n```", false),
        ("[x](c.md)", true),
        ("[x](b.md#four)", true),
        ("[x](#there)", true),
        ("[x](../b.md)", true),
    ] {
        let broken = links(&Tree::of(&[there, ("docs/a.md", &format!("# Here\n\n{link}\n"))]));
        assert_eq!(!broken.is_empty(), dead, "{link}: {broken:?}");
    }
}

#[test]
fn a_decision_out_of_order_or_unlisted_is_caught() {
    let page = |number: &str| format!("# {number}: x\n**Situation.** **Choice.** **Price.** **What would change it.**");
    let (one, two, three) = (page("0001"), page("0002"), page("0003"));
    let list = ("docs/decisions/README.md", "[1](0001-a.md) [2](0002-b.md) [3](0003-c.md)");
    let good = [list, ("docs/decisions/0001-a.md", &one), ("docs/decisions/0002-b.md", &two)];
    assert_eq!(decisions(&Tree::of(&good)), Vec::<String>::new());
    let gap = [list, ("docs/decisions/0001-a.md", &one), ("docs/decisions/0003-c.md", &three)];
    assert_eq!(decisions(&Tree::of(&gap)).len(), 2);
    let unlisted = [list, ("docs/decisions/0001-z.md", &one)];
    assert_eq!(decisions(&Tree::of(&unlisted)).len(), 1);
    let bare = [list, ("docs/decisions/0001-a.md", "# 0001: x\n**Situation.** **Choice.** **Price.**")];
    assert_eq!(decisions(&Tree::of(&bare)).len(), 1);
}
