//! What whoever watches and peeks is shown, and the screens that were kept.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use flightdeck::edge::link::{Asker, Client, Heard};
use flightdeck::edge::spawn;
use flightdeck::edge::store::screens::ScreensReader;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::view::{AgentView, PaneView, View};
use rustix::process::{Signal, kill_process};

use super::deck::{Deck, id};
use super::plan::Plan;

/// No condition of these tests takes longer, on a machine several times slower than it should be.
const PATIENCE: Duration = Duration::from_secs(45);
/// Twice the time in which a working engine says something.
const SILENCE: Duration = Duration::from_secs(4);

/// Somebody who looks on.
struct Onlooker {
    asker: Asker,
    heard: Receiver<Heard>,
    view: Option<View>,
}

impl Onlooker {
    fn of(deck: &Deck) -> Onlooker {
        let client = Client::connect(&deck.state_dir()).expect("an engine");
        let (asker, mut hearing) = client.duplex().expect("two directions");
        let (sender, heard) = channel();
        spawn::thread("onlooker", move || {
            while let Ok(what) = hearing.next() {
                if sender.send(what).is_err() {
                    return;
                }
            }
        })
        .expect("a thread");
        Onlooker { asker, heard, view: None }
    }

    fn watching(deck: &Deck) -> Onlooker {
        let mut onlooker = Onlooker::of(deck);
        onlooker.asker.watch().expect("a connection");
        onlooker
    }

    /// Takes in what is said until something is picked.
    fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Heard, Option<&View>) -> Option<T>) -> T {
        loop {
            let heard = self.heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited for {what}"));
            match &heard {
                Heard::View(view) => self.view = Some((**view).clone()),
                Heard::Change(change) => self.view.as_mut().expect("a picture first").apply((**change).clone()),
                _ => {}
            }
            if let Some(picked) = pick(&heard, self.view.as_ref()) {
                return picked;
            }
        }
    }

    fn sees(&mut self, what: &str, good: impl Fn(&AgentView) -> bool) {
        let seen = |view: &View| view.agents.iter().any(&good);
        self.until(what, |_, view| view.is_some_and(seen).then_some(()));
    }

    fn sees_pane(&mut self, what: &str, good: impl Fn(&PaneView) -> bool) -> PaneView {
        self.until(what, |heard, _| match heard {
            Heard::Pane(pane) if good(pane) => Some((**pane).clone()),
            _ => None,
        })
    }
}

/// An agent that asks, and one that is only a bit of colour. An end can be seen for a while: of pictures that follow each
/// other closely only the newest is shown.
fn deck() -> Deck {
    Plan::new()
        .agent("solo", "on ask: dialog permission; say thank you\non *: say yes\n")
        .agent("tinted", "")
        .set("backends.tint.like", "demo")
        .set("backends.tint.launch", vec!["sh", "-c", "printf '\\033[31mred\\033[0m\\n'; exec cat", "cat", "{args}"])
        .set("agents.tinted.backend", "tint")
        .set("restart.delay", "1s")
        .set("restart.delay_cap", "1s")
        .up()
}

#[test]
fn who_watches_sees_what_changes_and_the_engines_silence() {
    let deck = deck();
    let mut onlooker = Onlooker::watching(&deck);
    onlooker.sees("an idle agent", |agent| agent.id == id("solo") && agent.state == AgentState::Idle);
    deck.tell(&Command::Hold { agent: id("solo"), reason: "a look".to_string() });
    onlooker.sees("a held agent", |agent| matches!(agent.state, AgentState::Held { .. }));
    let told = onlooker.view.clone().expect("a picture");
    let agent = told.agents.iter().find(|agent| agent.id == id("solo")).expect("solo");
    assert_eq!((agent.kind.as_str(), agent.restart.as_str()), ("loop", "always"));
    onlooker.until("the picture that is asked for", |_, view| view?.change_to(&deck.status()).is_none().then_some(()));
    onlooker.until("a quiet moment", |heard, _| matches!(heard, Heard::Alive(_)).then_some(()));

    kill_process(deck.engine_pid(), Signal::STOP).expect("our own child");
    // What was said before it stopped.
    while onlooker.heard.recv_timeout(Duration::from_millis(500)).is_ok() {}
    assert_eq!(onlooker.heard.recv_timeout(SILENCE).unwrap_err(), RecvTimeoutError::Timeout);
    kill_process(deck.engine_pid(), Signal::CONT).expect("our own child");
    onlooker.until("a sign of life", |heard, _| matches!(heard, Heard::Alive(_) | Heard::Change(_)).then_some(()));
    onlooker.asker.close();
    // Its end hears of it.
    while onlooker.heard.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected) {}
}

#[test]
fn who_peeks_sees_colours_changes_and_ends() {
    let deck = deck();
    deck.until("both agents", || deck.status().agents.iter().all(|agent| agent.pane.is_some()).then_some(()));
    let mut onlooker = Onlooker::of(&deck);
    onlooker.asker.peek(Some(&id("tinted"))).expect("a connection");
    let pane = onlooker.sees_pane("red", |pane| pane.text.contains("\u{1b}[31mred"));
    assert_eq!((pane.agent, pane.dead, pane.in_mode), (id("tinted"), false, false));
    assert!(pane.cursor.is_some() && pane.size.0 > 0, "{:?}", pane.size);
    deck.press("tinted", &["more", "Enter"]);
    onlooker.sees_pane("what was typed", |pane| pane.text.contains("more"));
    onlooker.asker.peek(Some(&id("solo"))).expect("a connection");
    onlooker.sees_pane("the other agent", |pane| pane.agent == id("solo"));
    let nobody = onlooker.asker.peek(Some(&id("nobody"))).expect("a connection");
    onlooker.until("a refusal", |heard, _| {
        matches!(heard, Heard::Refused { ask, .. } if *ask == Some(nobody)).then_some(())
    });
    onlooker.asker.peek(Some(&id("solo"))).expect("a connection");
    let first = onlooker.sees_pane("its pane again", |pane| pane.agent == id("solo")).incarnation;
    deck.kill("solo", Signal::KILL);
    onlooker.sees_pane("its end", |pane| pane.dead);
    onlooker.sees_pane("its next life", |pane| pane.incarnation > first && !pane.dead);
}

#[test]
fn a_screen_is_kept_as_it_was_at_a_decision() {
    let deck = deck();
    deck.prompted("solo", 1);
    deck.send("solo", "ask me something");
    deck.until("a dialog", || matches!(deck.agent("solo").state, AgentState::AtDialog { .. }).then_some(()));
    deck.tell(&Command::Hold { agent: id("solo"), reason: "a look".to_string() });
    let held = deck.until("a hold", || {
        deck.records().iter().find(|(_, record)| matches!(record, Record::Held { .. })).map(|(stamp, _)| *stamp)
    });
    let kept = deck.until("its screen", || {
        let reader = ScreensReader::open(&deck.state_dir().join("screens.db")).ok()?;
        reader.at(&id("solo"), held.at).filter(|kept| kept.at == held.at)
    });
    assert!(kept.lines.iter().any(|line| line.contains("ask me something")), "{kept:?}");
}
