//! What an agent may use in a day (UTC): told at 80 %, held at 100 %, until the day is over or the operator releases it.
//!
//! A hold types nothing more; it ends no agent and interrupts no turn, so what runs may go beyond the budget. Days are those of
//! steady time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::model::Config;
use crate::config::prices::{Budget, dollars};

use super::heal;
use super::id::AgentId;
use super::record::{Actor, Record};
use super::restart;
use super::state::State;
use super::time::{DAY_MS, Time};
use super::turn::Turn;
use super::usage;

/// Told from here on.
const PERCENT_TOLD: u64 = 80;

/// Holds an agent that has used up its budget, and releases it when the day is over. Returns when to come back.
pub(super) fn mind(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    if turn.state.paused || !heal::minded(turn, id) {
        return None;
    }
    let today = turn.now.steady.midnight();
    let over = today + Duration::from_millis(DAY_MS.unsigned_abs());
    let spent = spent(turn, id);
    let agent = turn.agent(id)?;
    let waived = agent.budget_waived == Some(today);
    let until = agent.held.as_ref().map(|hold| hold.until);
    match (until, spent) {
        // It is held for another reason, or by the operator.
        (Some(None), _) | (None, None) => return None,
        (Some(Some(until)), Some((used, budget))) if turn.now.steady < until && used >= size(budget) => {
            return Some((until, "release it: its budget is that of a new day".to_string()));
        }
        // The day is over, or the configuration gives it more.
        (Some(Some(_)), _) => restart::release(turn, id, Actor::Pilot),
        (None, Some((used, budget))) if used >= size(budget) && !waived => {
            let cause =
                format!("its budget of {budget} is used up ({}), until {}", amount(used, budget), clock(turn, over));
            let held = Record::Held { agent: id.clone(), cause, evidence: Vec::new(), spent: false, until: Some(over) };
            turn.record(held);
            return Some((over, "release it: its budget is that of a new day".to_string()));
        }
        (None, Some(_)) => {}
    }
    None
}

/// What the operator should know of an agent's budget before it is used up.
pub(super) fn alerts(turn: &Turn<'_>, id: &AgentId, alerts: &mut BTreeMap<String, String>) {
    let Some(budget) = turn.rules.agents.get(id).and_then(|agent| agent.budget) else { return };
    let used = usage::today(turn.state, turn.rules, turn.now.steady, id);
    if matches!(budget, Budget::Money(_)) && used.unpriced > 0 {
        let what = format!(
            "{id}'s budget of {budget} can't be kept: not all that it uses has a known price; write [prices.MODEL] for what \
             `flightdeck usage --by model` shows"
        );
        alerts.insert(format!("{id} unpriced"), what);
    }
    let Some((used, _)) = spent(turn, id).filter(|_| turn.agent(id).is_some_and(|agent| agent.held.is_none())) else {
        return;
    };
    let told = u128::from(used) * 100 >= u128::from(size(budget)) * u128::from(PERCENT_TOLD);
    if told && used < size(budget) {
        let what = format!("{id} has used {PERCENT_TOLD} % of its budget of {budget}; at 100 % it is held");
        alerts.insert(format!("{id} budget"), what);
    }
}

/// How much of its budget an agent has used today, rounded down; `None`: it has none.
pub(super) fn percent(state: &State, rules: &Config, now: Time, id: &AgentId) -> Option<u32> {
    let (used, budget) = of_today(state, rules, now, id)?;
    u32::try_from(u128::from(used) * 100 / u128::from(size(budget).max(1))).ok().or(Some(u32::MAX))
}

fn spent(turn: &Turn<'_>, id: &AgentId) -> Option<(u64, Budget)> {
    of_today(turn.state, turn.rules, turn.now.steady, id)
}

/// What counts against an agent's budget, in its unit; `None`: it has none.
fn of_today(state: &State, rules: &Config, now: Time, id: &AgentId) -> Option<(u64, Budget)> {
    let budget = rules.agents.get(id)?.budget?;
    let used = usage::today(state, rules, now, id);
    let spent = match budget {
        Budget::Money(_) => used.cost,
        Budget::Tokens(_) => used.tokens.worked(),
    };
    Some((spent, budget))
}

fn size(budget: Budget) -> u64 {
    match budget {
        Budget::Money(micro) => micro,
        Budget::Tokens(tokens) => tokens,
    }
}

fn amount(used: u64, budget: Budget) -> String {
    match budget {
        Budget::Money(_) => format!("{} USD", dollars(used)),
        Budget::Tokens(_) => format!("{used} tokens"),
    }
}

/// `2026-11-22 00:00 UTC`
fn clock(turn: &Turn<'_>, at: Time) -> String {
    turn.now.wall_of(at).utc().format("%Y-%m-%d %H:%M UTC").to_string()
}
