//! Hostile input: each reader of what others wrote is given inputs that chance makes out of recorded ones, and what it says
//! of them is checked. Not led by the coverage of the code, which takes a compiler that is not stable: an input is worth
//! keeping when its outcome (refused why, read as what) was not seen before.
//!
//! As ordinary tests the corpora are played once, and a few inputs made of them. `make fuzz` goes on for as long as it is told.

mod chance;
mod corpus;
#[path = "../sim/dice.rs"]
#[expect(dead_code, reason = "the simulation uses the rest of it")]
mod dice;
#[path = "../support/escapes.rs"]
mod escapes;
mod hunt;
mod mutate;
mod targets;

use std::path::Path;
use std::time::Duration;

use hunt::{Until, hunt};
use targets::{TARGETS, Target};

/// Inputs that an ordinary test makes up for each target: a second or so without optimisation.
const FEW: u64 = 100;

#[test]
fn whatever_lies_in_the_corpora_is_borne_at_once() {
    for target in TARGETS {
        let inputs = corpus::kept(target);
        assert!(!inputs.is_empty(), "{} has no corpus", target.name);
        for (name, input) in inputs {
            if let Err(why) = hunt::judge(target, &input, hunt::slack()) {
                panic!("{}/{name}: {why}", target.name);
            }
        }
    }
}

#[test]
fn what_chance_makes_of_them_is_borne_too() {
    let wanted = wanted();
    let seconds: Option<u64> =
        std::env::var("FLIGHTDECK_FUZZ_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    if let Ok(file) = std::env::var("FLIGHTDECK_FUZZ_REPLAY") {
        println!("{}", replay(Path::new(&file)));
        return;
    }
    let until = seconds.map_or(Until::Cases(FEW), |seconds| Until::Spent(Duration::from_secs(seconds)));
    let mut findings = Vec::new();
    for target in wanted {
        let told = hunt(target, until);
        println!("{}", told.line(target));
        findings.extend(told.findings);
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// The targets that the environment names, else all.
fn wanted() -> Vec<&'static Target> {
    let names = std::env::var("FLIGHTDECK_FUZZ_TARGETS").unwrap_or_default();
    let named = names.split_whitespace().map(|name| {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        targets::named(name).unwrap_or_else(|| panic!("no target is called {name}: there are {}", known.join(" ")))
    });
    let named: Vec<&Target> = named.collect();
    if named.is_empty() { TARGETS.iter().collect() } else { named }
}

/// One saved input again, and what it takes; the folder that it lies in names the target.
fn replay(file: &Path) -> String {
    let folder = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let target =
        targets::named(folder).unwrap_or_else(|| panic!("no target is called like the folder of the file: {folder}"));
    let input = std::fs::read(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    match hunt::judge(target, &input, hunt::slack()) {
        Ok(seen) => format!("{}: borne in {:.1} ms", target.name, seen.took.as_secs_f64() * 1000.0),
        Err(why) => panic!("{}: {why}", target.name),
    }
}
