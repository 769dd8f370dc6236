//! A workspace that was copied while its agents ran.

use flightdeck::edge::process::{self, Alive};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::Deck;
use super::plan::Plan;

const IDLE: &str = "on *: say yes; wait 60s\n";

#[test]
fn a_copied_workspace_neither_adopts_nor_ends_the_agents_of_the_original() {
    let deck = Plan::new().agent("solo", IDLE).agent("other", IDLE).up();
    deck.prompted("solo", 1);
    deck.prompted("other", 1);
    let lives = || ["solo", "other"].map(|name| deck.process(name));
    let before = lives();
    let copy = Deck::copied_from(&deck);
    copy.start_engine();
    // Its agents are started anew, as after the loss of a server; the runner finds that they live already.
    copy.until("what keeps it", || {
        let why = copy.all(|record| match record {
            Record::StartDelayed { why, .. } => Some(why.clone()),
            _ => None,
        });
        (why.len() >= 2 && why.iter().all(|why| why.contains("already runs as this agent"))).then_some(())
    });
    assert_eq!(["solo", "other"].map(|name| copy.starts(name)), [1, 1], "{}", copy.story());
    copy.tell(&Command::EmergencyStop);
    copy.until("its obedience", || copy.status().emergency_stop.then_some(()));
    copy.end_engine(Signal::TERM);

    assert!(before.iter().all(|life| process::alive(life) == Alive::Yes), "{}", copy.story());
    let message = deck.send("solo", "still there");
    deck.settled(message);
    assert_eq!(lives(), before, "{}", deck.story());
    assert_eq!(["solo", "other"].map(|name| deck.starts(name)), [1, 1]);
}
