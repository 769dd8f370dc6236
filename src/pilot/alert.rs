//! What needs the operator, in words: the alerts of the whole picture.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::model::{self, ScreenSays};

use super::agent::{Agent, Watch};
use super::budget::{self, Whose};
use super::id::AgentId;
use super::message::Stage;
use super::record::{AgentState, Record};
use super::turn::Turn;
use super::{account, decide, fleet, gauge, launch, premises, roster};

/// A service that is overloaded for this long is told once (fault A7).
const OVERLOADED: Duration = Duration::from_secs(1800);

/// Keeps the list of what needs the operator; each new line is recorded once.
pub(super) fn note(turn: &mut Turn<'_>) {
    let alerts = alerts(turn);
    let fresh: Vec<String> = alerts
        .iter()
        .filter(|(key, what)| turn.state.seen.alerts.get(*key) != Some(*what))
        .map(|(_, what)| what.clone())
        .collect();
    turn.state.seen.alerts = alerts;
    for what in fresh {
        turn.record(Record::Alerted { agent: None, what });
    }
}

/// What needs the operator, by key, each with what to do.
fn alerts(turn: &Turn<'_>) -> BTreeMap<String, String> {
    let mut alerts: BTreeMap<String, String> = premises::alerts(turn.state).into_iter().collect();
    for (rules, agent, watch) in fleet::walk(turn.rules, turn.state) {
        if let Some(agent) = agent {
            alerts_of(turn, rules, (agent, watch), &mut alerts);
        }
    }
    left_behind(turn, &mut alerts);
    roster::alerts(turn, &mut alerts);
    if let Some(why) = &turn.state.sequence.blocked {
        let phase = turn.state.sequence.current.as_ref().map(ToString::to_string).unwrap_or_default();
        alerts.insert("phase".to_string(), format!("phase {phase} can't end: {why}"));
    }
    if let Some(why) = &turn.state.seen.not_followed {
        alerts.insert("sequence".to_string(), format!("flightdeck.toml is not followed: {why}"));
    }
    if let Some(damage) = &turn.state.seen.damage {
        alerts.insert("log".to_string(), damage.clone());
    }
    if let Some((_, why)) = &turn.state.seen.server_failed {
        alerts.insert("server".to_string(), format!("no tmux server can be started, and no agent: {why}"));
    }
    if let Some((_, why)) = &turn.state.seen.file_failed {
        alerts.insert("file".to_string(), format!("a file of ours can't be written, and is tried again: {why}"));
    }
    if let Some(why) = &turn.state.seen.strained {
        alerts.insert("machine".to_string(), why.clone());
    }
    if let Some(why) = &turn.state.branch.broken {
        alerts.insert("watch".to_string(), format!("the remote can't be read: {why}"));
    }
    alerts
}

/// Agents that run although the configuration does not name them any more: nobody looks after them, and they cost what they cost.
fn left_behind(turn: &Turn<'_>, alerts: &mut BTreeMap<String, String>) {
    // All of the configuration are known, so who is left over shows by the number alone.
    if turn.state.agents.len() <= turn.rules.agents.len() {
        return;
    }
    let left = turn.state.agents.iter().filter(|(id, _)| !turn.rules.agents.contains_key(*id));
    for (id, _) in left.filter(|(_, agent)| agent.up_since().is_some()) {
        let what = format!(
            "{id} runs on, unwatched: flightdeck.toml does not name it any more; put it back and `flightdeck stop {id}`, or \
             end its program"
        );
        alerts.insert(format!("{id} left"), what);
    }
}

/// What an agent needs the operator for.
fn alerts_of(
    turn: &Turn<'_>,
    rules: &model::Agent,
    (agent, watch): (&Agent, Option<&Watch>),
    alerts: &mut BTreeMap<String, String>,
) {
    let (now, id) = (turn.now.steady, &rules.id);
    if let Some(hold) = &agent.held {
        alerts.insert(format!("{id} held"), format!("{id} is held: {}; `flightdeck release {id}`", hold.cause));
    }
    if agent.sight_lost.is_some() {
        let what = format!(
            "{id} is only observed, no rule explains its screens: `flightdeck backend probe {}` says whether its version was \
             tried, `flightdeck attach {id}` shows it, `flightdeck release {id}` acts on it again",
            account::backend(turn.state, turn.rules, id).map_or(&rules.backend, |backend| &backend.name)
        );
        alerts.insert(format!("{id} sight"), what);
    }
    if agent.limit.as_ref().is_some_and(|limit| limit.until.is_none()) {
        let what = format!("{id} is limited and its screen names no time; `flightdeck release {id}` when it is over");
        alerts.insert(format!("{id} limit"), what);
    }
    if let Some(why) = agent.delayed.as_ref().filter(|_| launch::wanted(turn, id)) {
        alerts.insert(format!("{id} delayed"), format!("{id} can't be started: {why}"));
    }
    let overloaded = now.since(agent.shown_since) >= OVERLOADED && agent.shown == AgentState::Retrying;
    if overloaded {
        let what = format!("{id}'s service has been overloaded for long: it tries again by itself");
        alerts.insert(format!("{id} overloaded"), what);
    }
    // What its account's own alert tells, and what an earlier life left on the screen, is not told here.
    let told = || {
        let account = account::of(turn.state, id).and_then(|account| turn.state.accounts.get(account));
        account.is_some_and(|account| account.refused.is_some())
    };
    let passed = |watch: &Watch| {
        let said = watch.said();
        (said == Some(ScreenSays::AuthFailed) && told()) || said.is_some_and(|said| watch.quotes(said))
    };
    let asks = |watch: &&Watch| agent.up_since().is_some() && decide::asks_operator(watch) && !passed(watch);
    if let Some(watch) = watch.filter(asks) {
        let seen = watch.reading.as_ref().filter(|reading| reading.said() == watch.said());
        let asked = seen.map_or_else(|| watch.dialog(), |reading| reading.evidence.clone());
        let what = format!("{id} waits for you: {asked}; `flightdeck attach {id}`");
        alerts.insert(format!("{id} asks"), what);
    }
    if rules.budget.is_some() {
        budget::alerts_of(turn, Whose::Agent(id), alerts);
    }
    if let Some(watch) = watch {
        blocked_messages(turn, id, watch, alerts);
        gauge::alerts(turn.now, id, &watch.gauges, alerts);
    }
}

fn blocked_messages(turn: &Turn<'_>, id: &AgentId, watch: &Watch, alerts: &mut BTreeMap<String, String>) {
    if watch.blocked.is_none_or(|since| turn.now.steady.since(since) < turn.rules.delivery.blocked_alert) {
        return;
    }
    let stuck = turn.state.waiting(id).find_map(|posted| match &posted.stage {
        Stage::Queued { why: Some(why) } => Some((posted.message.id, why.clone())),
        Stage::Queued { why: None }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. }
        | Stage::Submitted { .. }
        | Stage::TypedNotSubmitted
        | Stage::Uncertain { .. }
        | Stage::Refused { .. }
        | Stage::Expired { .. } => None,
    });
    if let Some((message, why)) = stuck {
        let what = format!("{message} can't be delivered to {id}: {why}; `flightdeck attach {id}`");
        alerts.insert(format!("{id} blocked"), what);
    }
}
