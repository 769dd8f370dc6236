//! A table of calls, `codes.txt`: in which world, with which words, and the exit code and first line that come of it.

use std::path::{Path, PathBuf};

use flightdeck::pilot::command::Command;

use super::deck::{Deck, Said};
use super::fleet::{showing, view};
use super::stand_in::StandIn;

const TABLE: &str = include_str!("codes.txt");

/// One line of the table.
struct Call {
    /// `empty`, `deck`, `engine` or `broken`, and what is odd about the environment behind `+`.
    world: String,
    words: Vec<String>,
    expected: String,
    line: String,
}

#[test]
fn every_call_without_an_engine_ends_with_its_code_and_says_its_line() {
    come_out_right(|call| !call.world.starts_with("engine"));
}

#[test]
fn every_call_with_an_engine_ends_with_its_code_and_says_its_line() {
    come_out_right(|call| call.world.starts_with("engine"));
}

fn come_out_right(chosen: impl Fn(&Call) -> bool) {
    let calls: Vec<Call> = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(call).collect();
    assert!(calls.len() >= 150, "{} calls", calls.len());
    let mut wrong = Vec::new();
    for call in calls.iter().filter(|call| chosen(call)) {
        let found = made(call);
        let right = match call.expected.strip_suffix('…') {
            Some(begin) => found.starts_with(begin.trim_end()),
            None => found.trim_end() == call.expected,
        };
        if !right {
            wrong.push(format!("{} => {found}", call.line));
        }
    }
    assert!(wrong.is_empty(), "these came out differently:\n{}", wrong.join("\n"));
}

#[test]
fn every_verb_is_in_the_table() {
    let verbs = super::verbs();
    let missing: Vec<&String> = verbs.iter().filter(|verb| !TABLE.contains(&format!(": {verb}"))).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

fn call(line: &str) -> Call {
    let (call, expected) = line.split_once(" => ").unwrap_or((line, ""));
    let (world, words) = call.split_once(':').expect("a call names its world");
    // `_` stands for a word of blanks and `''` for one of nothing.
    let word = |word: &str| match word {
        "_" => "  ".to_string(),
        "''" => String::new(),
        other => other.to_string(),
    };
    let words = words.split_whitespace().map(word).collect();
    Call { world: world.to_string(), words, expected: expected.to_string(), line: call.to_string() }
}

/// The code and the first line; help may not touch anything.
fn made(call: &Call) -> String {
    let (world, odd) = call.world.split_once('+').unwrap_or((&call.world, ""));
    let deck = if world == "empty" { Deck::empty() } else { Deck::new() };
    if world == "broken" {
        std::fs::write(deck.root().join("flightdeck.toml"), "version = 1\nsequnce = 2\n").expect("a file");
    }
    let engine = (world == "engine").then(|| StandIn::start(&deck.root(), Vec::new(), showing(view())));
    let before = below(&deck.root());
    let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
    let said = run(&deck, &words, odd);
    if words.contains(&"--help") || words.contains(&"-h") {
        assert_eq!(below(&deck.root()), before, "{}: help has made something", call.line);
        assert_eq!(engine.map(|engine| engine.asked()), (world == "engine").then(Vec::<Command>::new), "{}", call.line);
    }
    said.first()
}

fn run(deck: &Deck, words: &[&str], odd: &str) -> Said {
    let mut command = deck.call(words);
    match odd {
        "" => {}
        "no-home" => drop(command.env_remove("HOME")),
        "c" => drop(command.env("LANG", "C").env("LC_ALL", "C").env("NO_COLOR", "1").env("TERM", "dumb")),
        "nowhere" => drop(command.env("FLIGHTDECK_WORKSPACE", "/nowhere")),
        "closed" | "full" => return unread(deck, words, odd),
        other => panic!("no environment is odd like this: {other}"),
    }
    let said = deck.said(&command.assert());
    let plain = odd != "c" || (said.out.is_ascii() && !said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'));
    assert!(plain, "{words:?} says what a plain terminal can't show: {said:?}");
    said
}

/// With a standard output that nobody reads any more, or that takes nothing.
fn unread(deck: &Deck, words: &[&str], odd: &str) -> Said {
    let mut command = flightdeck::edge::spawn::blocking(env!("CARGO_BIN_EXE_flightdeck"));
    command.args(words).current_dir(deck.root());
    if odd == "closed" {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        command.stdout(writer);
    } else {
        command.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device"));
    }
    let run = command.output().expect("it runs");
    let err = String::from_utf8_lossy(&run.stderr).replace(&deck.root().display().to_string(), "DECK");
    Said { code: run.status.code(), out: String::new(), err }
}

/// All files of a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}
