//! What the real Claude Code says that it is doing, as the engine shows it.

use flightdeck::pilot::message::{Origin, Stage};
use flightdeck::pilot::record::{AgentState, Record};

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

#[test]
fn a_context_that_fills_up_is_shortened_by_its_own_command_and_its_users_status_line_stays() {
    let driven = Driven::claude(Login::Subscription, "compact_at = 20\n");
    driven.until("the user's own status line", || driven.screen().contains("own line 0 %").then_some(()));
    driven.settled(driven.send("near a limit [[warn 91]]"));
    driven.until("what is used of its quota", || {
        let told = driven.view().alerts;
        told.iter().any(|alert| alert.contains("91 % of its 5-hour limit is used, resets")).then_some(())
    });
    driven.settled(driven.send("read much [[ctx 250000]]"));
    driven.until("a full context", || (driven.worker().gauges.context == Some(25)).then_some(()));
    let wish = driven.until("our wish for less", || {
        driven.records().into_iter().find_map(|(_, record)| match record {
            Record::MessageQueued { message } if message.origin == Origin::Compact => Some(message.id),
            _ => None,
        })
    });
    let stage = driven.settled(wish);
    let evidence = "its event channel reported that it shortens its conversation".to_string();
    assert_eq!(stage, Stage::Submitted { evidence });
    driven.until("room", || driven.worker().gauges.context.is_none_or(|used| used < 20).then_some(()));
    let message = driven.send("go on [[ok Going on.]]");
    assert!(matches!(driven.settled(message), Stage::Submitted { .. }));
    driven.until("the answer", || driven.screen().contains("Going on.").then_some(()));
    let wishes = |(_, record): &(_, Record)| matches!(record, Record::MessageQueued { message } if message.origin == Origin::Compact);
    assert_eq!(driven.records().iter().filter(|record| wishes(record)).count(), 1);
}
