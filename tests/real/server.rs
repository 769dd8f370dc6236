//! A tmux server that dies, hangs or hides, and sessions that are not ours.

use flightdeck::edge::process::identity;
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::Record;
use rustix::process::Signal;

use super::deck::signal_to;
use super::plan::Plan;

const IDLE: &str = "on *: say yes\n";

#[test]
fn a_connection_that_is_cut_is_made_again_and_nobody_notices() {
    let deck = Plan::new().agent("solo", IDLE).up();
    deck.prompted("solo", 1);
    deck.tmux(&["kill-session", "-t", "=_flightdeck"]);
    let message = deck.send("solo", "without the anchor");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    let client = std::fs::read_to_string(deck.socket().with_extension("client")).expect("the client's number");
    let pid = client.split_whitespace().next().expect("a number").parse().expect("a number");
    signal_to(&identity(pid).expect("it lives"), Signal::KILL);
    let message = deck.send("solo", "without the client");
    assert!(matches!(deck.settled(message), Stage::Submitted { .. }), "{}", deck.story());
    assert_eq!(deck.submits("solo")[1..], ["without the anchor", "without the client"]);
    let harm = |record: &Record| matches!(record, Record::Exited { .. } | Record::ServerLost | Record::Stopped { .. });
    assert_eq!((deck.count(harm), deck.starts("solo"), deck.servers().len()), (0, 1, 1), "{}", deck.story());
}
