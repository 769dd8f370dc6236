//! Incidents of messages: words that were typed and never said.

use flightdeck::edge::link::Client;
use flightdeck::edge::spawn;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::message::Stage;
use rustix::process::Signal;

use super::deck::{Deck, id, text};
use super::plan::Plan;
use super::{Rule, both, judge};

/// What a hand pastes from the clipboard, as the old scripts did it; how many calls that takes is their affair.
struct Hand<'a> {
    deck: &'a Deck,
    name: &'a str,
}

impl Hand<'_> {
    fn load(&self, words: &str) {
        let file = self.deck.outside().join(self.name);
        std::fs::write(&file, words).expect("a file");
        self.deck.tmux(&["load-buffer", "-b", self.name, &file.display().to_string()]);
    }

    fn paste(&self) {
        self.deck.tmux(&["paste-buffer", "-p", "-d", "-b", self.name, "-t", "=solo:"]);
    }

    fn enter(&self) {
        self.deck.press("solo", &["Enter"]);
    }
}

/// Types a letter that nobody sends, and waits for it: whatever came before it has been taken in by then.
fn settled(deck: &Deck) -> String {
    deck.press("solo", &["-l", "!"]);
    deck.until("a letter in the composer", || {
        let screen = deck.screen("solo");
        let line = screen.lines().rev().find(|line| line.trim_end().ends_with('!'));
        line.map(|line| line.trim_start_matches('❯').trim().to_string())
    })
}

/// What the agent took in beside its start prompt.
fn said(deck: &Deck) -> Vec<String> {
    deck.submits("solo").split_off(1)
}

/// The submit key was lost while the program took in a paste; the words stood in its box, and the loop idled for hours.
#[test]
fn a_submit_key_that_is_swallowed_does_not_leave_the_words_unsaid() {
    both("typed and never said", |rule| {
        let deck = Plan::new().agent("solo", "on *: say yes\n").flags("solo", &["--swallow-enter", "1"]).up();
        deck.prompted("solo", 1);
        if rule == Rule::Old {
            deck.end_engine(Signal::TERM);
            let hand = Hand { deck: &deck, name: "hand" };
            hand.load("a gate is claimed");
            hand.paste();
            hand.enter();
        } else {
            let stage = deck.settled(deck.send("solo", "a gate is claimed"));
            assert!(matches!(stage, Stage::Submitted { .. }), "{stage:?}");
        }
        let box_says = settled(&deck);
        judge(said(&deck) == ["a gate is claimed"] && box_says == "!", || {
            format!("typed and never said: {:?}, the box says {box_says:?}", said(&deck))
        })
    });
}

/// Watchdog and messenger each typed with three calls of tmux: load, paste, Enter. Between them there was room for the other.
#[test]
fn two_senders_at_once_are_not_merged() {
    both("merged", |rule| {
        let deck = Plan::new().agent("solo", "on *: say yes\n").up();
        deck.prompted("solo", 1);
        let words = |sender: &str, number: u32| format!("{sender} {number}");
        if rule == Rule::Old {
            deck.end_engine(Signal::TERM);
            let (one, two) = (Hand { deck: &deck, name: "one" }, Hand { deck: &deck, name: "two" });
            for number in 0..4 {
                // One of the orders in which a scheduler may let them run.
                one.load(&words("one", number));
                two.load(&words("two", number));
                one.paste();
                two.paste();
                one.enter();
                two.enter();
            }
        } else {
            let state = deck.state_dir();
            let sends = ["one", "two"].map(|sender| {
                let state = state.clone();
                let send = move || {
                    let mut client = Client::connect(&state).expect("an engine");
                    for number in 0..4 {
                        let command = Command::Send { agent: id("solo"), text: words(sender, number) };
                        client.ask(&command, std::time::Duration::from_secs(60)).expect("an answer");
                    }
                };
                spawn::thread(sender, send).expect("a thread")
            });
            sends.into_iter().for_each(|thread| thread.join().expect("it sent all of its own"));
            deck.until("all of them", || (deck.agent("solo").waiting_messages == 0).then_some(()));
        }
        settled(&deck);
        let taken = said(&deck);
        let of = |sender: &str| taken.iter().filter(|said| said.starts_with(sender)).cloned().collect::<Vec<_>>();
        let whole =
            ["one", "two"].iter().all(|sender| of(sender) == (0..4).map(|n| words(sender, n)).collect::<Vec<_>>());
        let keys = text(&deck.workspace.join("solo.bytes")).matches('\r').count();
        judge(whole && taken.len() == 8 && keys == 9, || format!("merged: {taken:?}, {keys} submit keys"))
    });
}
