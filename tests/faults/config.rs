//! Faults of the configuration and of what is typed at the command line.

use std::fs;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::Record;
use rustix::process::{Signal, kill_process};

use super::plan::Plan;

const IDLE: &str = "on *: say yes\n";

#[test]
fn k6_a_broken_configuration_is_refused_with_all_its_problems_and_the_old_one_stays() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    let file = deck.workspace.join("flightdeck.toml");
    let good = fs::read_to_string(&file).expect("the configuration");
    let bad = good.replace("role = \"other\"", "role = \"othre\"").replace("idle = \"60s\"", "idle = \"0s\"");
    assert_ne!(good, bad);
    fs::write(&file, &bad).expect("a file");
    deck.tell(&Command::Reload);
    let problems = deck.saw("a refusal", |record| match record {
        Record::ConfigRefused { problems } => Some(problems.join("\n")),
        _ => None,
    });
    assert!(
        problems.contains("othre") && problems.contains("idle") && problems.contains("flightdeck.toml:"),
        "{problems}"
    );
    let message = deck.send("solo", "still there");
    deck.settled(message);

    // Another agent comes by the file and a signal; the one that is there is not touched.
    let more = good.replace("[agents.solo]", "[agents.more]\nrole = \"other\"\nprompt = \"plain\"\nbackend = \"player\"\ndir = \"clones/solo/sub\"\n\n[agents.solo]");
    assert_ne!(good, more);
    fs::create_dir(deck.workspace.join("clones/solo/sub")).expect("a folder");
    fs::write(&file, &more).expect("a file");
    kill_process(deck.engine_pid(), Signal::HUP).expect("our child");
    deck.ready("more", 1);
    fs::write(&file, &good).expect("a file");
    kill_process(deck.engine_pid(), Signal::HUP).expect("our child");
    deck.until("one agent", || (deck.status().agents.len() == 1).then_some(()));
    let left = deck.process("more");
    assert_eq!(flightdeck::edge::process::alive(&left), flightdeck::edge::process::Alive::Yes, "it was killed");
    assert_eq!((deck.starts("solo"), deck.submits("solo").len()), (1, 2));
}
