//! The files of a workspace as values, and what is told of them.

use std::path::PathBuf;

use flightdeck::config::parse::Machine;
use flightdeck::config::prompts::BUILT_IN;
use flightdeck::config::{Problem, Sources, load};

/// A workspace with this `flightdeck.toml` and three phases.
pub(crate) fn workspace(main: &str) -> Sources {
    let phase = |id: &str| (format!("{id}.md"), format!("---\nid: {id}\ntitle: Phase {id}\n---\nplan\n").into_bytes());
    Sources {
        root: PathBuf::from("/ws"),
        main: main.as_bytes().to_vec(),
        phases: ["1a", "1b", "2"].map(phase).to_vec(),
        machine: Machine::default(),
        prompts: BUILT_IN.iter().map(|(name, text)| (format!("{name}.md"), text.as_bytes().to_vec())).collect(),
    }
}

pub(crate) fn told(sources: &Sources) -> Vec<String> {
    match load(sources) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}
