//! What is read of the branch: a subject hands over exactly what the grammar says, and nothing else does; status files and
//! inboxes are compared whatever lies in them.

use std::sync::LazyLock;

use flightdeck::pilot::done::is_done;
use flightdeck::pilot::inbox::new_entries;
use flightdeck::pilot::subject::parse;
use regex::bytes::Regex;

use super::{Target, check, lines, outcome};

pub(super) const TARGET: Target = Target { name: "commits", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "claim(",
    "review(",
    "claim-all(",
    "claim(1a): ",
    "review(2w): ",
    "): ",
    ")",
    ": ",
    "1a",
    "..",
    "a_b-c.d",
    "gggggggggggggggggggggggggggggggg",
    "Revert \"",
    "fixup! ",
    "## DONE",
    "```",
    "~~~",
    "<!--",
    "-->",
    "### 2026-11-21T05:00:00Z from builder",
    "\t",
];

/// The grammar of the subject once more, as a pattern.
static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s-u)\A(claim-all|claim|review)\(([A-Za-z0-9][A-Za-z0-9._-]{0,31})\): (.*[^ \t].*)\z")
        .expect("a pattern")
});

fn seeds() -> Vec<Vec<u8>> {
    lines(&[
        "claim(1a): the parser reads every fixture",
        "review(1a): pass",
        "claim-all(0): x",
        "claim(C1.2_b-3):  two blanks",
        "claim(1a): Revert \"claim(2b): x\"",
        "claim(1a,1b): x",
        "Claim(1a): x",
        "claim(claim(1a)): x",
        "# Phase 1a\n\n```\n## DONE\n```\n\n## DONE\n",
        "<!-- ## DONE -->\n    ## DONE\n> ## DONE\n",
        "### 2026-11-21T05:00:00Z from builder\n\nLook at it.\n\n### 2026-11-21T06:00:00Z from adversary\n\nI did.\n",
    ])
}

fn run(input: &[u8]) -> Result<u64, String> {
    let prefixes = ["claim", "review", "claim-all"].map(String::from);
    let got = parse(input, &prefixes).map(|handoff| (handoff.prefix, handoff.gate));
    let sane = input.len() <= 4096 && input.iter().all(|byte| (*byte >= b' ' || *byte == b'\t') && *byte != 0x7f);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let want = Some(input)
        .filter(|_| sane)
        .and_then(|input| GRAMMAR.captures(input))
        .map(|found| (text(&found[1]), text(&found[2])));
    check(got == want, || format!("read as {got:?}, by the grammar {want:?}"))?;
    let done = is_done(input);
    let half = input.len() / 2;
    let (grown, again) = (new_entries(&input[..half], input), new_entries(input, input));
    let after = new_entries(b"", input);
    Ok(outcome(&format!("{} {done} {grown:?} {again:?} {after:?}", got.is_some())))
}
