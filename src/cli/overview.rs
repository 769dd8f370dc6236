//! The picture of the fleet as a table for a terminal: agents that need the operator first, the sequence, what to do.

use std::cmp::Reverse;

use crate::pilot::record::{AgentState, Wish};
use crate::pilot::view::{AgentView, NextAction, PhaseView, View};
use crate::words::{text, when};

use super::table::Table;

/// The column of accounts.
const ACCOUNT: usize = 6;

/// The whole picture. `columns`: how wide lines may be.
pub fn shown(view: &View, columns: Option<usize>) -> String {
    let mut lines = vec![head(view)];
    lines.extend(banners(view));
    let mut shown: String = lines.iter().map(|line| fitted(line, columns) + "\n").collect();
    shown.push_str(&agents(view).render(columns));
    shown.push_str(&(fitted(&sequence(&view.phase), columns) + "\n"));
    // What needs somebody is never cut.
    shown.extend(view.alerts.iter().map(|alert| format!("! {}\n", text::line(alert))));
    shown
}

/// Agents in the order in which they need somebody.
pub fn by_need(view: &View) -> Vec<&AgentView> {
    let mut agents: Vec<&AgentView> = view.agents.iter().collect();
    agents.sort_by_key(|agent| (Reverse(need(view, agent)), &agent.id));
    agents
}

/// How much an agent needs the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Off, and meant to be.
    Off,
    Rests,
    Works,
    /// On its way somewhere.
    Moves,
    /// Not as it should be; flightdeck sees to it.
    Ails,
    /// Only a person can help.
    Operator,
}

/// What an agent's state asks of the operator.
pub fn need(view: &View, agent: &AgentView) -> Need {
    match &agent.state {
        AgentState::Held { .. }
        | AgentState::AuthFailed
        | AgentState::AtDialog { .. }
        | AgentState::Suspended
        | AgentState::Limited { until: None } => Need::Operator,
        AgentState::Unknown { .. }
        | AgentState::Backoff { .. }
        | AgentState::Retrying
        | AgentState::Limited { until: Some(_) } => Need::Ails,
        AgentState::Down if agent.wish == Wish::Running && !view.emergency_stop => Need::Ails,
        AgentState::Starting | AgentState::Stopping => Need::Moves,
        AgentState::Working => Need::Works,
        AgentState::Idle | AgentState::Waiting { .. } => Need::Rests,
        AgentState::Stopped | AgentState::Finished | AgentState::Down => Need::Off,
    }
}

/// The need as one sign; readable without colour.
pub fn sign(need: Need) -> &'static str {
    match need {
        Need::Operator => "!",
        Need::Ails => "△",
        Need::Moves => "◐",
        Need::Works => "●",
        Need::Rests => "○",
        Need::Off => "·",
    }
}

/// The sequence in one line.
pub fn sequence(phases: &PhaseView) -> String {
    let items: Vec<String> = phases.sequence.iter().map(|phase| format!("{} {}", phase.id, phase.status)).collect();
    let end = match (phases.complete, &phases.blocked) {
        (_, Some(why)) => format!("; it can't go on: {why}"),
        (true, None) => "; complete".to_string(),
        (false, None) => String::new(),
    };
    if items.is_empty() { "sequence: empty".to_string() } else { format!("sequence: {}{end}", items.join(", ")) }
}

/// What stops the whole fleet, in capitals.
pub fn banners(view: &View) -> Vec<String> {
    let mut banners = Vec::new();
    if view.emergency_stop {
        banners.push("EMERGENCY STOP: all agents stay stopped until `flightdeck resume`".to_string());
    }
    if view.paused {
        banners.push("PAUSED: nothing is done until `flightdeck resume`".to_string());
    }
    if view.tmux != "up" && view.engine_pid != 0 {
        banners.push(format!("TMUX: {}", view.tmux));
    }
    banners
}

fn head(view: &View) -> String {
    let phase = view.phase.current.as_ref().map_or("no phase".to_string(), |phase| format!("phase {phase}"));
    let engine = match view.engine_pid {
        0 => "no engine".to_string(),
        pid => format!("engine {pid} up {}", when::span(view.at.since(view.engine_since))),
    };
    let watched = match (&view.watch.remote, &view.watch.broken, &view.watch.head) {
        (_, Some(why), _) => format!("{} can't be read: {why}", view.watch.branch),
        (Some(_), None, Some(head)) => format!("{} at {}", view.watch.branch, head.short()),
        (Some(_), None, None) => format!("{} not seen yet", view.watch.branch),
        (None, None, _) => "no remote".to_string(),
    };
    format!("{}: {phase}, {engine}, {watched}", view.project)
}

fn agents(view: &View) -> Table {
    // Who has no accounts has no use for a column of them.
    let accounts = !view.accounts.is_empty();
    let heads = ["", "AGENT", "STATE", "SINCE", "NEXT", "PHASE", "ACCOUNT", "MSGS", "LAST LINE"];
    let heads: Vec<&str> = heads.into_iter().filter(|head| accounts || *head != "ACCOUNT").collect();
    let mut table = Table::new(&heads);
    for agent in by_need(view) {
        let account = agent.account.as_ref().map_or("-".to_string(), ToString::to_string);
        let row = [
            sign(need(view, agent)).to_string(),
            agent.id.to_string(),
            agent.state.word().to_string(),
            when::short(view.at.since(agent.since)),
            agent.next.as_ref().map_or("-".to_string(), |next| action(next, view)),
            agent.phase.as_ref().map_or("-".to_string(), ToString::to_string),
            account,
            agent.waiting_messages.to_string(),
            agent.last_line.clone(),
        ];
        let kept = row.into_iter().enumerate().filter(|(at, _)| accounts || *at != ACCOUNT).map(|(_, cell)| cell);
        table.row(kept);
    }
    table
}

/// `restart it in 4m12s`
fn action(next: &NextAction, view: &View) -> String {
    format!("{} {}", next.what, when::until(next.at, view.at))
}

fn fitted(line: &str, columns: Option<usize>) -> String {
    let line = text::line(line);
    columns.map_or_else(|| line.clone(), |columns| text::clip(&line, columns))
}
