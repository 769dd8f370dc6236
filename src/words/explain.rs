//! One agent, explained: verdict, what comes next, which life this is.

use crate::pilot::record::AgentState;
use crate::pilot::time::Time;
use crate::pilot::view::{AgentView, View};

use super::when;

/// `builder is waiting until 14:05:00 UTC (in 3m02s) (since …)`, as it is `now`
pub fn verdict(agent: &AgentView, now: Time) -> String {
    let detail = match &agent.state {
        AgentState::Waiting { until } | AgentState::Backoff { until } | AgentState::Limited { until: Some(until) } => {
            format!(" until {} UTC ({})", when::clock(*until), when::until(*until, now))
        }
        AgentState::Limited { until: None } => ", its screen does not tell until when".to_string(),
        AgentState::AtDialog { dialog } => format!(" {dialog}"),
        AgentState::Held { cause } => format!(": {cause}"),
        AgentState::Unknown { why } => format!(": {why}"),
        AgentState::Stopped
        | AgentState::Starting
        | AgentState::Idle
        | AgentState::Working
        | AgentState::AuthFailed
        | AgentState::Retrying
        | AgentState::Suspended
        | AgentState::Finished
        | AgentState::Stopping
        | AgentState::Down => String::new(),
    };
    let since = format!("since {} UTC, {}", when::stamp(agent.since), when::span(now.since(agent.since)));
    format!("{} is {}{detail} ({since})", agent.id, agent.state.word())
}

/// What flightdeck does next with it, and when.
pub fn next(view: &View, agent: &AgentView) -> String {
    match &agent.next {
        Some(next) => {
            format!(
                "{} {}, at {} UTC, unless something changes",
                next.what,
                when::until(next.at, view.at),
                when::clock(next.at)
            )
        }
        None if view.emergency_stop => "nothing until `flightdeck resume` ends the emergency stop".to_string(),
        None if view.paused => "nothing until `flightdeck resume` ends the pause".to_string(),
        None if matches!(agent.state, AgentState::Held { .. }) => {
            format!("nothing until `flightdeck release {}`", agent.id)
        }
        None => "nothing until something changes".to_string(),
    }
}

/// Which life it is in, and where it lives.
pub fn life(agent: &AgentView) -> String {
    let number = match agent.incarnation.0 {
        0 => return "never started".to_string(),
        number => format!("number {number}, {} restarts today", agent.restarts_today),
    };
    match (agent.pid, &agent.session, &agent.pane) {
        (Some(pid), Some(session), Some(pane)) => {
            format!("{number}, process {pid}, session {session}, pane {pane}")
        }
        (None, _, _) | (_, None, _) | (_, _, None) => number,
    }
}
