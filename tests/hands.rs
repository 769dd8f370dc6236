//! The last look before a key is pressed, with the real tmux and the demo agent.

mod support;

use std::sync::Arc;

use flightdeck::config::parse::Machine;
use flightdeck::config::{Sources, load};
use flightdeck::edge::perform::Hands;
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::effect::{Outcome, Refusal};
use rustix::process::Signal;
use support::{Lab, NONCE, run, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flightdeck");

/// Our hands on the agents of a lab.
fn hands(lab: &Lab) -> Hands {
    let sources = Sources {
        main: b"version = 1\n[agents.builder]\nbackend = \"demo\"\ndir = \"clone\"\n".to_vec(),
        phases: Vec::new(),
        prompts: Vec::new(),
        root: lab.path(""),
        machine: Machine::default(),
    };
    let rules = load(&sources).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (events, _) = tokio::sync::mpsc::channel(1);
    Hands {
        client: lab.client.clone(),
        nonce: NONCE.into(),
        state_dir: lab.path("state").into(),
        program: lab.path("program").into(),
        rules: Arc::new(rules),
        events,
    }
}

/// What became of each Enter.
fn enters(lab: &Lab) -> Vec<String> {
    let text = std::fs::read_to_string(lab.path("enters")).unwrap_or_default();
    let word = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["enter"].as_str().map(str::to_string);
    text.lines().filter_map(word).collect()
}

#[test]
fn a_key_that_waited_in_a_server_that_stood_still_is_not_pressed_twice() {
    run(async {
        let lab = Lab::new().await;
        std::fs::write(lab.path("script"), "on *: say yes\n").expect("a script");
        let script =
            format!("exec '{PROGRAM}' demo-agent --script script --state . --enter-log enters --submit-log submits");
        let agent = lab.start("builder", &script).await;
        let (hands, pane) = (hands(&lab), agent.place.pane.clone());
        lab.shows(&pane, "? for shortcuts").await;
        for round in 1..=8 {
            let text = format!("message {round}");
            lab.tmux(&["send-keys", "-t", &pane, "-l", &text]);
            lab.shows(&pane, &text).await;
            // The first press: tmux has it, and stands still.
            lab.signal(Signal::STOP);
            let mut first = spawn::blocking("tmux");
            first.arg("-S").arg(lab.client.socket()).args(["-N", "send-keys", "-t", &pane, "Enter"]);
            let mut first = first.spawn().expect("tmux is installed");
            clock::pause(std::time::Duration::from_millis(300)).await;
            // The second one, since nobody saw the text go.
            let second = async {
                clock::pause(std::time::Duration::from_millis(200)).await;
                lab.signal(Signal::CONT);
            };
            let (outcome, ()) = tokio::join!(hands.submit("demo", &agent.place, &text), second);
            first.wait().expect("it ends");
            assert!(matches!(outcome, Outcome::Done | Outcome::Refused { why: Refusal::TextGone }), "{outcome:?}");
            until("its submission", async || enters(&lab).len() >= round).await;
            lab.shows(&pane, &format!("> {text}")).await;
            assert_eq!(enters(&lab), vec!["taken"; round], "{outcome:?}");
        }
    });
}
