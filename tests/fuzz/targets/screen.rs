//! A pane's bytes: from what tmux prints to what the screen is read as and what may be typed to it. The first byte chooses
//! the program, the second the pane's states, the rest is shown.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flightdeck::config::backend::built_in;
use flightdeck::config::model::Backend;
use flightdeck::edge::tmux::parser::Block;
use flightdeck::edge::tmux::screen::Picture;
use flightdeck::pilot::fact::{PaneMode, Screen};
use flightdeck::pilot::marker;
use flightdeck::pilot::message::is_hostile;
use flightdeck::pilot::reading::{
    Reading, calm, capture, composer_holds, echoes, last_line_of_sense, may_type, of_error, read,
};

use super::{Target, about, check, chosen, outcome};
use crate::corpus::recorded;

pub(super) const TARGET: Target = Target { name: "screen", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "❯ ",
    "❯\u{a0}",
    "> ",
    "● ",
    "⏺ ",
    "✻ Cooked for 3s",
    "✻ Working… (12s · ↓ 1.2k tokens · esc to interrupt)",
    "────────────────────────────────────────────────────────────",
    "╭──────────────────╮",
    "│",
    "┃",
    "▌",
    "  ? for shortcuts",
    "esc to interrupt",
    "usage limit reached · resets 5pm (UTC)",
    "You've hit your limit · resets 2am",
    "API Error: 529 overloaded",
    "Do you want to proceed?",
    "❯ 1. Yes",
    "[Pasted text #1 +10 lines]",
    "Please run /login",
    "WAITING-UNTIL: 2026-11-21T05:00:00Z",
    "Press up to edit queued messages",
    "-- INSERT --",
    "\u{1b}[2m",
    "\u{1b}[7m",
    "\u{1b}[38;5;246m",
    "\u{1b}[0m",
];

/// More than a screen of ours has; what comes from tmux is cut before it is read.
const SHOWN: usize = 64 * 1024;
/// Longest evidence, in characters; a cut line has a sign more.
const EVIDENCE: usize = 200;

static BACKENDS: LazyLock<BTreeMap<String, Backend>> = LazyLock::new(built_in);

fn seeds() -> Vec<Vec<u8>> {
    let screens = recorded("screens").into_iter().filter(|screen| !screen.starts_with(b"#"));
    let kinds = u8::try_from(BACKENDS.len()).expect("a few");
    // Each is read as each program's, since programs change and agents show each other's screens.
    let on = |(at, screen): (usize, Vec<u8>)| {
        let first = u8::try_from(at % usize::from(kinds)).expect("a few");
        [[first, 0].to_vec(), screen].concat()
    };
    screens.enumerate().map(on).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let (kind, rest) = chosen(input, BACKENDS.len());
    let backend = BACKENDS.values().nth(kind).expect("one of them");
    let (states, rest) = chosen(rest, 16);
    let on = |bit: usize| states & (1 << bit) != 0;
    let mode = PaneMode { dead: on(0), in_mode: on(1), input_off: on(2), synchronized: on(3) };
    let block = |body: &[u8]| Block { ok: true, ours: true, cut: false, asked: 0, body: body.to_vec() };
    let flags = format!("%1,0,0,{},{},{},{},80,title", on(0) as u8, on(1) as u8, on(2) as u8, on(3) as u8);
    let picture = Picture::from_blocks(&block(flags.as_bytes()), block(rest)).ok_or("no picture")?;
    let plain = picture.screen();
    check(plain.mode == mode, || format!("other states than tmux told: {:?}", plain.mode))?;
    check(plain.lines.iter().flat_map(|line| line.chars()).all(|c| !c.is_control()), || {
        "a control character".to_string()
    })?;
    let said = judged(backend, &plain)?;
    let text = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]);
    judged(backend, &Screen { mode, ..capture::screen(&text) })?;
    let error: String = text.chars().take(500).collect();
    clean(&of_error(backend, &error))?;
    Ok(outcome(&format!("{kind} {} {said}", about(plain.lines.len().min(64)))))
}

fn judged(backend: &Backend, screen: &Screen) -> Result<String, String> {
    let reading = read(backend, screen);
    check(reading == read(backend, screen), || "two readings of one screen".to_string())?;
    clean(&reading)?;
    let may = may_type(backend, screen);
    if may.is_ok() {
        let free = reading.composer.as_ref().is_some_and(|composer| composer.text.is_empty() && !composer.other_mode);
        check(free && !reading.busy() && screen.mode == PaneMode::default(), || format!("typed into {reading:?}"))?;
    }
    check(calm(backend, screen) == calm(backend, screen), || "it moves by itself".to_string())?;
    check(!composer_holds(backend, screen, " \n\t"), || "a composer holds nothing".to_string())?;
    let sense = last_line_of_sense(backend, screen);
    check(sense.chars().count() <= EVIDENCE, || "too much of a line".to_string())?;
    echoes(backend, screen, "Read your INBOX and go on.");
    if let Some(composer) = reading.composer.as_ref().filter(|composer| !composer.text.trim().is_empty()) {
        composer_holds(backend, screen, &composer.text);
    }
    let marker = reading.final_line.as_deref().map(marker::parse);
    let composer = reading.composer.map(|composer| (composer.text.is_empty(), composer.collapsed, composer.other_mode));
    Ok(format!(
        "{:?} {:?} {composer:?} {may:?} {marker:?} {:?}",
        reading.says,
        reading.rule,
        reading.until_text.is_some()
    ))
}

fn clean(reading: &Reading) -> Result<(), String> {
    let texts = [Some(&reading.evidence), reading.until_text.as_ref(), reading.final_line.as_ref()];
    for text in texts.into_iter().flatten() {
        let bad = text.chars().any(|c| is_hostile(c) || c == '\n' || c == '\t');
        check(!bad, || format!("a reading that is not clean: {text:?}"))?;
        check(text.chars().count() <= EVIDENCE + 1, || format!("a reading of {} characters", text.chars().count()))?;
    }
    let composer = reading.composer.iter().flat_map(|composer| composer.text.chars());
    check(!composer.into_iter().any(is_hostile), || "a composer that is not clean".to_string())
}
