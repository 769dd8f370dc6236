//! What is fuzzed, a file for each: how an input is read, and what must be true of every one.

mod commits;
mod config;
mod control;
mod frames;
mod limit;
mod marker;
mod paste;
mod records;
mod screen;
mod terminal;

use flightdeck::config::fnv::fnv;

/// One reader of what others wrote.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Recorded inputs, beside those of the corpus.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    pub(crate) words: &'static [&'static str],
    /// Reads an input and checks what was made of it: a number that is equal for outcomes of the same kind, or what is wrong.
    pub(crate) run: fn(&[u8]) -> Result<u64, String>,
}

pub(crate) const TARGETS: &[Target] = &[
    config::TARGET,
    marker::TARGET,
    screen::TARGET,
    paste::TARGET,
    terminal::TARGET,
    commits::TARGET,
    limit::TARGET,
    frames::TARGET,
    records::TARGET,
    control::TARGET,
];

pub(crate) fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The number of an outcome that is told by words; digits in them are of no matter.
fn outcome(words: &str) -> u64 {
    fnv(words.bytes().filter(|byte| !byte.is_ascii_digit()))
}

/// The same for words that quote what was read: without the quotes.
fn outcome_unquoted(words: &str) -> u64 {
    let mut quoted = false;
    let kind = words.chars().filter(|c| {
        quoted ^= *c == '"';
        !quoted
    });
    outcome(&kind.collect::<String>())
}

/// A rough size, for outcomes: 0, 1, 2 to 3, 4 to 7 and so on are the same.
fn about(count: usize) -> u32 {
    usize::BITS - count.leading_zeros()
}

/// The first bytes choose among so many, the rest is the text.
fn chosen(input: &[u8], from: usize) -> (usize, &[u8]) {
    match input.split_first() {
        Some((first, rest)) => (usize::from(*first) % from, rest),
        None => (0, input),
    }
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Texts as inputs.
fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
