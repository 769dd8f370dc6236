//! What the real Claude Code says that it is doing, as the engine shows it.

use flightdeck::pilot::record::AgentState;

use super::Driven;
use crate::cli::claude::Login;

#[test]
fn its_own_word_tells_a_turn_a_question_and_a_turn_that_somebody_stopped() {
    let driven = Driven::claude(Login::ApiKey, "");
    let says = |words: &str| {
        let wanted = format!("its program says that it is {words}");
        driven.until(&wanted, || driven.worker().evidence.contains(&wanted).then_some(()));
    };
    says("idle");
    driven.settled(driven.send("work [[slow 30]]"));
    says("busy");
    driven.until("work", || (driven.worker().state == AgentState::Working).then_some(()));
    // No hook tells of this one.
    driven.tmux(&["send-keys", "-t", "=worker:", "Escape"]);
    says("idle");
    driven.until("rest", || (driven.worker().state == AgentState::Idle).then_some(()));

    driven.settled(driven.send("ask me [[ask]]"));
    says("waiting for a person: input needed");
    let dialog = "input needed".to_string();
    assert_eq!(driven.worker().state, AgentState::AtDialog { dialog });
    driven.tmux(&["send-keys", "-t", "=worker:", "Escape"]);
    says("idle");
}
