//! Commits whose subjects hold what acts on terminals, through a real push: neither the cockpit nor any verb lets it through.

use std::fs;

use flightdeck::pilot::record::Record;

use unicode_width::UnicodeWidthStr;

use super::deck::{Deck, text};
use super::escapes::{ESCAPES, flood};
use super::plan::{PROGRAM, Plan, git};
use super::terminal::{Terminal, acting};

/// Two loops that hand over, and one that shows the subjects of what was pushed whenever it gets a line.
fn fleet() -> Deck {
    let plan =
        Plan::new().agent("builder", "on *: say yes\n").agent("adversary", "on *: say yes\n").agent("reader", "");
    let plan = plan.over_git().set("agents.builder.role", "builder").set("agents.adversary.role", "adversary");
    let plan = plan.set("stall.start_limit", "5m").set("backends.log.like", "demo").set("agents.reader.backend", "log");
    // As they are, each with an end for what it may have begun; a reset; and what only a terminal's reader could be hurt by.
    let show = "while read -r line; do git pull --quiet; git --no-pager log --reverse --format=%s%x1b%x5c%x07; printf '\\033c'; \
                git --no-pager log --reverse --format=%s | LC_ALL=C tr -d '\\000-\\011\\013-\\037'; done";
    plan.set("backends.log.launch", vec!["sh", "-c", show, "log", "{args}"]).up()
}

/// A commit for each text of the corpus: as the words of a claim, as its gate, and as a subject that is nothing else.
fn push_corpus(deck: &Deck) {
    let seed = deck.outside().join("seed");
    let message = deck.outside().join("message");
    let flood = flood();
    for hostile in ESCAPES.iter().copied().chain([flood.as_str()]) {
        // git keeps neither of them in a subject.
        let hostile = hostile.replace(['\n', '\0'], " ");
        for subject in [format!("claim(1a): {hostile}"), format!("review({hostile}): fine"), hostile] {
            fs::write(&message, subject).expect("a file");
            let file = message.display().to_string();
            git(
                &seed,
                &["commit", "--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "--file", &file],
            );
        }
    }
    git(&seed, &["commit", "--quiet", "--allow-empty", "--message", "the end of it: \u{202e}turned\u{202c} around"]);
    git(&seed, &["push", "--quiet", "origin", "main"]);
    let head = git(&seed, &["rev-parse", "HEAD"]);
    deck.saw("the branch's new head", |record| match record {
        Record::Baseline { sha, .. } if sha.as_str() == head => Some(()),
        _ => None,
    });
}

#[test]
fn hostile_subjects_of_real_pushes_are_drawn_as_text_and_act_on_nothing() {
    let deck = fleet();
    deck.prompted("builder", 1);
    deck.prompted("adversary", 1);
    deck.saw("the first sight", |record| matches!(record, Record::Baseline { .. }).then_some(()));
    let terminal = Terminal::beside(&deck);
    let before = terminal.acted_on();
    let written = terminal.record();
    terminal.open();
    push_corpus(&deck);
    // Claims whose words are no control characters were handed over: they are on the screen as what they are.
    terminal.shows("claim(1a)");
    deck.prompted("adversary", 2);

    terminal.press(&["/", "r", "e", "a", "d", "e", "r", "Enter"]);
    terminal.shows("reader life 1");
    deck.press("reader", &["Enter"]);
    terminal.shows("the end of it: ");
    for keys in [&["Tab"][..], &["2"], &["3"], &["G"], &["4"], &["5"], &["1"], &["z"]] {
        terminal.press(keys);
    }
    // Its history, as far back as the first of them.
    terminal.until("its pane alone", |screen| screen.contains("reader life 1 120x40 +") && !screen.contains("Fleet"));
    terminal.press(&["g", "g"]);
    terminal.shows("lines above");
    terminal.press(&["G"]);
    terminal.hides("lines above");
    // Bytes that join letters or turn them around are left out of the letters that they stand with.
    terminal.shows("claim(1a): bidiidib");
    terminal.shows("the end of it: turned around");
    // Nothing has moved the columns behind it: each row ends where it should.
    terminal.until("whole rows", |screen| {
        let rows = screen.lines().filter(|row| row.starts_with('│'));
        rows.clone().count() > 30 && rows.clone().all(|row| row.ends_with('│') && columns(row) == 120)
    });
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    terminal.press(&["q"]);
    terminal.shows("left with 0");

    for verb in
        ["status", "status --plain", "why reader", "why adversary", "logs reader", "events", "outbox", "phase list"]
    {
        terminal.say(&format!("clear; {PROGRAM} --workspace {} {verb}; echo said wi''th $?", deck.workspace.display()));
        terminal.until(verb, |screen| screen.contains("said with 0"));
    }
    assert_eq!(terminal.acted_on(), before);
    assert_eq!(terminal.flags(), "alternate 0 cursor 1 mouse 0");
    let bad: Vec<String> = acting(&text(&written)).into_iter().take(5).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

/// As tmux counts them, for whom a sign is as wide with the word for "as a picture" as without.
fn columns(row: &str) -> usize {
    row.replace('\u{fe0f}', "").width()
}
