//! What an agent, or all who work on an account, may use in a day (UTC): told at 80 %, held at 100 %, until the day is over or the
//! operator releases it. Whom an account's budget holds is `account`'s affair.
//!
//! A hold types nothing more; it ends no agent and interrupts no turn, so what runs may go beyond the budget. Days are those of
//! steady time.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::model::Config;
use crate::config::prices::{Budget, dollars};

use super::heal;
use super::id::{AccountId, AgentId};
use super::record::{Actor, Record};
use super::restart;
use super::state::State;
use super::time::Time;
use super::turn::Turn;
use super::usage::{self, Used};

/// Told from here on.
const PERCENT_TOLD: u64 = 80;

/// Whose budget it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    Agent(&'a AgentId),
    Account(&'a AccountId),
}

/// Holds an agent that has used up its budget, and releases it when the day is over. Returns when to come back.
pub(super) fn mind(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    if turn.state.paused || !heal::minded(turn, id) {
        return None;
    }
    let today = turn.now.steady.midnight();
    let over = today.next_midnight();
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

/// What the operator should know of a budget before it is used up.
pub(super) fn alerts_of(turn: &Turn<'_>, whose: Whose<'_>, alerts: &mut BTreeMap<String, String>) {
    let Some((used, budget)) = of_today(turn.state, turn.rules, turn.now.steady, whose) else { return };
    let all = whose.used(turn.state, turn.rules, turn.now.steady);
    if matches!(budget, Budget::Money(_)) && all.unpriced > 0 {
        let what = format!(
            "{whose}'s budget of {budget} can't be kept: not all that it uses has a known price; write [prices.MODEL] for what \
             `flightdeck usage --by model` shows"
        );
        alerts.insert(format!("{whose} unpriced"), what);
    }
    let told = u128::from(used) * 100 >= u128::from(size(budget)) * u128::from(PERCENT_TOLD);
    match whose {
        Whose::Agent(id) if turn.agent(id).is_none_or(|agent| agent.held.is_some()) => {}
        Whose::Agent(_) | Whose::Account(_) if told && used < size(budget) => {
            let held = match whose {
                Whose::Agent(_) => "it is held",
                Whose::Account(_) => "its agents are held, or go to their next account",
            };
            let what = format!("{whose} has used {PERCENT_TOLD} % of its budget of {budget}; at 100 % {held}");
            alerts.insert(format!("{whose} budget"), what);
        }
        Whose::Account(id) if over(turn.state, turn.rules, turn.now.steady, id) => {
            let midnight = turn.now.steady.next_midnight();
            let what = format!(
                "{whose}'s budget of {budget} is used up ({}), until {}; `flightdeck release AGENT` uses it all the same",
                amount(used, budget),
                clock(turn, midnight)
            );
            alerts.insert(format!("{whose} budget"), what);
        }
        Whose::Agent(_) | Whose::Account(_) => {}
    }
}

/// How much of a budget was used today, rounded down; `None`: there is none.
pub(super) fn percent(state: &State, rules: &Config, now: Time, whose: Whose<'_>) -> Option<u32> {
    let (used, budget) = of_today(state, rules, now, whose)?;
    u32::try_from(u128::from(used) * 100 / u128::from(size(budget).max(1))).ok().or(Some(u32::MAX))
}

/// Whether an account's budget of today is used up, and nobody said that this does not matter.
pub(super) fn over(state: &State, rules: &Config, now: Time, account: &AccountId) -> bool {
    let waived = state.accounts.get(account).and_then(|standing| standing.waived) == Some(now.midnight());
    let spent = of_today(state, rules, now, Whose::Account(account));
    !waived && spent.is_some_and(|(used, budget)| used >= size(budget))
}

fn spent(turn: &Turn<'_>, id: &AgentId) -> Option<(u64, Budget)> {
    of_today(turn.state, turn.rules, turn.now.steady, Whose::Agent(id))
}

/// What counts against a budget, in its unit; `None`: there is none.
fn of_today(state: &State, rules: &Config, now: Time, whose: Whose<'_>) -> Option<(u64, Budget)> {
    let budget = whose.budget(rules)?;
    let used = whose.used(state, rules, now);
    let spent = match budget {
        Budget::Money(_) => used.cost,
        Budget::Tokens(_) => used.tokens.worked(),
    };
    Some((spent, budget))
}

impl Whose<'_> {
    fn budget(self, rules: &Config) -> Option<Budget> {
        match self {
            Whose::Agent(id) => rules.agents.get(id)?.budget,
            Whose::Account(id) => rules.accounts.get(id)?.budget,
        }
    }

    fn used(self, state: &State, rules: &Config, now: Time) -> Used {
        match self {
            Whose::Agent(id) => usage::today(state, rules, now, id),
            Whose::Account(id) => usage::today_on(state, rules, now, id),
        }
    }
}

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Agent(id) => write!(f, "{id}"),
            Whose::Account(id) => write!(f, "account {id}"),
        }
    }
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
