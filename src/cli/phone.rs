//! The picture of the fleet as a phone message: ASCII, no escapes, and short whatever the fleet is.

use crate::pilot::record::AgentState;
use crate::pilot::view::{AgentView, View};
use crate::words::{text, when};

use super::overview::{Need, by_need, need};

/// Characters of the whole message: what two text messages hold, and a lock screen shows.
pub const CAP: usize = 400;
/// An alert longer than this would leave no room for a second one.
const ALERT: usize = 120;

/// The message: the phase, who needs somebody, what is wrong, who works; cut where it is full.
pub fn message(view: &View) -> String {
    let mut parts = vec![head(view)];
    if view.emergency_stop {
        parts.push("EMERGENCY STOP".to_string());
    } else if view.paused {
        parts.push("PAUSED".to_string());
    }
    let (needy, others): (Vec<_>, Vec<_>) =
        by_need(view).into_iter().partition(|agent| need(view, agent) == Need::Operator);
    parts.extend(needy.iter().map(|agent| told(agent, view)));
    parts.extend(view.alerts.iter().map(|alert| format!("! {}", text::clip(&text::line(alert), ALERT))));
    if view.tmux != "up" && view.engine_pid != 0 {
        parts.push(format!("tmux {}", view.tmux));
    }
    parts.extend(others.iter().map(|agent| told(agent, view)));
    fitted(&parts)
}

fn head(view: &View) -> String {
    let done = view.phase.sequence.iter().filter(|phase| phase.status == "done").count();
    let all = view.phase.sequence.len();
    let phase = match &view.phase.current {
        Some(phase) => format!("phase {phase}"),
        None if view.phase.complete => "sequence complete".to_string(),
        None => "no phase".to_string(),
    };
    format!("{}: {phase}, {done}/{all} done", text::clip(&text::line(&view.project), 60))
}

/// `builder WORKING 4m`; capitals for who needs somebody.
fn told(agent: &AgentView, view: &View) -> String {
    let word = agent.state.word();
    let word = if need(view, agent) == Need::Operator { word.to_uppercase() } else { word.to_string() };
    let since = when::short(view.at.since(agent.since));
    match agent.state {
        AgentState::Waiting { until } | AgentState::Backoff { until } | AgentState::Limited { until: Some(until) } => {
            format!("{} {word} until {}", agent.id, when::clock(until))
        }
        _ => format!("{} {word} {since}", agent.id),
    }
}

/// One part a line, as many as fit; the last line counts what did not.
fn fitted(parts: &[String]) -> String {
    let mut message = String::new();
    for (at, part) in parts.iter().enumerate() {
        let line = text::ascii(&text::line(part)) + "\n";
        let rest = parts.len() - at - 1;
        let room = if rest == 0 { CAP } else { CAP - "+999 more\n".len() };
        if message.len() + line.len() > room {
            message.push_str(&format!("+{} more\n", rest + 1));
            break;
        }
        message.push_str(&line);
    }
    message
}
