//! Incidents of handing over: agents that were told of a claim too early, wrongly, or once more.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use flightdeck::pilot::message::Origin;
use flightdeck::pilot::record::Record;
use regex::Regex;
use rustix::process::Signal;

use super::deck::Deck;
use super::plan::{Plan, git};
use super::{Rule, both, judge};

const IDLE: &str = "on *: say yes\n";

/// Where the old scripts looked for claims.
#[derive(Clone, Copy)]
enum Source {
    /// In the Builder's clone, pushed or not.
    Clone,
    /// In the text of the status file on the branch.
    Prose,
    /// In all subjects of the branch.
    Branch,
}

/// Who watches for claims, by one of the rules, and tells the Adversary.
struct Watch<'a> {
    deck: &'a Deck,
    rule: Rule,
    source: Source,
    /// Of the old rule: what was seen since its start.
    seen: BTreeSet<String>,
    told: Vec<String>,
}

impl Watch<'_> {
    fn begin(deck: &Deck, rule: Rule, source: Source) -> Watch<'_> {
        if rule == Rule::Ours {
            deck.start_engine();
            deck.prompted("adversary", 1);
            deck.saw("the first sight", |record| matches!(record, Record::Baseline { .. }).then_some(()));
        }
        let mut watch = Watch { deck, rule, source, seen: BTreeSet::new(), told: Vec::new() };
        if rule == Rule::Old && matches!(source, Source::Clone | Source::Prose) {
            watch.seen = watch.claims();
        }
        watch
    }

    /// Ends it and begins anew, as after a crash.
    fn again(&mut self) {
        match self.rule {
            Rule::Old => self.seen.clear(),
            Rule::Ours => {
                self.deck.end_engine(Signal::KILL);
                self.deck.start_engine();
            }
        }
    }

    /// Looks once, surely, and says of what it has told the Adversary since the last look.
    fn looks(&mut self) -> Vec<String> {
        let known = self.told.len();
        match self.rule {
            Rule::Old => {
                let now = self.claims();
                self.told.extend(now.difference(&self.seen).cloned());
                self.seen = now;
            }
            Rule::Ours => {
                push(self.deck, "nothing of note");
                self.told = pings(self.deck);
            }
        }
        self.told[known..].to_vec()
    }

    /// All claims that the old rule sees.
    fn claims(&self) -> BTreeSet<String> {
        let remote = self.deck.outside().join("remote.git");
        let (text, rule) = match self.source {
            Source::Clone => (git(&builder(self.deck), &["log", "--format=%s"]), r"(?m)^claim\(([^)]+)\)"),
            Source::Prose => (git(&remote, &["show", "main:STATUS-1a.md"]), r"([A-Z]\d+)[^\n]*CLAIMED"),
            Source::Branch => (git(&remote, &["log", "--format=%s", "main"]), r"(?m)^claim\(([^)]+)\)"),
        };
        let rule = Regex::new(rule).unwrap();
        rule.captures_iter(&text).map(|found| found[1].to_string()).collect()
    }
}

fn builder(deck: &Deck) -> PathBuf {
    deck.workspace.join("clones/builder")
}

/// What the Adversary was told of, by the names of the gates.
fn pings(deck: &Deck) -> Vec<String> {
    let gate = Regex::new(r"claim\(([^)]+)\)").unwrap();
    let texts = deck.all(|record| match record {
        Record::MessageQueued { message } if matches!(message.origin, Origin::Handoff { .. }) => {
            Some(message.text.clone())
        }
        _ => None,
    });
    texts.iter().flat_map(|text| gate.captures_iter(text).map(|found| found[1].to_string())).collect()
}

/// Somebody else pushes, and our engine has seen that: what was pushed before was seen too.
fn push(deck: &Deck, subject: &str) {
    let seed = deck.outside().join("seed");
    git(&seed, &["pull", "--quiet", "--rebase", "origin", "main"]);
    git(&seed, &["add", "."]);
    git(&seed, &["commit", "--quiet", "--allow-empty", "--message", subject]);
    git(&seed, &["push", "--quiet", "origin", "main"]);
    let head = git(&seed, &["rev-parse", "HEAD"]);
    deck.saw("the branch's new head", |record| match record {
        Record::Baseline { sha, .. } if sha.as_str() == head => Some(()),
        _ => None,
    });
}

/// The same where nobody may be watching.
fn push_unseen(deck: &Deck, subject: &str) {
    let seed = deck.outside().join("seed");
    git(&seed, &["add", "."]);
    git(&seed, &["commit", "--quiet", "--allow-empty", "--message", subject]);
    git(&seed, &["push", "--quiet", "origin", "main"]);
}

/// The Adversary pulls as it was told to, and finds what it was told of.
fn finds(deck: &Deck, gates: &[String]) -> Result<(), String> {
    let clone = deck.workspace.join("clones/adversary");
    git(&clone, &["pull", "--quiet", "--rebase", "origin", "main"]);
    let there = git(&clone, &["log", "--format=%s"]);
    let missing = gates.iter().find(|gate| !there.contains(&format!("claim({gate})")));
    judge(missing.is_none(), || format!("told of {missing:?}, which nobody can pull yet"))
}

/// The watchdog looked into the Builder's clone: the Adversary was told before the push, pulled, found nothing and idled.
#[test]
fn nobody_is_told_of_a_claim_that_is_not_pushed() {
    both("which nobody can pull yet", |rule| {
        let deck = Plan::pair(IDLE, IDLE).laid_out();
        let mut watch = Watch::begin(&deck, rule, Source::Clone);
        let clone = builder(&deck);
        git(&clone, &["commit", "--quiet", "--allow-empty", "--message", "claim(1a): all is built"]);
        let early = watch.looks();
        finds(&deck, &early)?;
        git(&clone, &["pull", "--quiet", "--rebase", "origin", "main"]);
        git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
        let told = watch.looks();
        finds(&deck, &told)?;
        judge([early, told].concat() == ["1a"], || "not told of the push".to_string())
    });
}

/// Claims were looked for in prose: a gate called WC1 was taken for C1, and a sentence about C2 for a claim of it.
#[test]
fn prose_and_half_a_name_are_no_claim() {
    both("told of [\"C1\", \"C2\"]", |rule| {
        let deck = Plan::pair(IDLE, IDLE).laid_out();
        let seed = deck.outside().join("seed");
        let status = seed.join("STATUS-1a.md");
        fs::write(&status, "# 1a\n").unwrap();
        push_unseen(&deck, "a status file");
        let mut watch = Watch::begin(&deck, rule, Source::Prose);
        fs::write(&status, "# 1a\nWC1: CLAIMED\nC2 must not be CLAIMED before its tests pass\n").unwrap();
        push_unseen(&deck, "claim(WC1): all is built");
        push_unseen(&deck, "docs: what claim(C2) would need");
        let told = watch.looks();
        judge(told == ["WC1"], || format!("told of {told:?}"))
    });
}

/// What the watchdog knew was gone with its process: after each restart the Adversary was told of all that ever was claimed.
#[test]
fn nobody_is_told_again_after_a_restart() {
    both("told of [\"new\", \"new\"", |rule| {
        let deck = Plan::pair(IDLE, IDLE).laid_out();
        let mut watch = Watch::begin(&deck, rule, Source::Branch);
        // What was there before it looked for the first time is nobody's news; the old rule learned that first.
        if rule == Rule::Old {
            watch.seen = watch.claims();
        }
        push_unseen(&deck, "claim(new): all is built");
        let mut told = watch.looks();
        for _ in 0..3 {
            watch.again();
            told.extend(watch.looks().into_iter().filter(|gate| gate == "new"));
        }
        judge(told == ["new"], || format!("told of {told:?}"))
    });
}
