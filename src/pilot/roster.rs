//! All accounts as they are shown: how each stands, who works on it, what was used on it, and what a person has to do.

use std::collections::BTreeMap;

use crate::config::accounts::{self, Account, Source, Way};
use crate::config::model::Config;

use super::account;
use super::budget::{self, Whose};
use super::id::{AccountId, AgentId};
use super::proof;
use super::standing::Standing;
use super::state::State;
use super::time::Now;
use super::turn::Turn;
use super::usage;
use super::view::{AccountState, AccountView};

/// Every account of the configuration.
pub fn views(state: &State, rules: &Config, now: Now) -> Vec<AccountView> {
    rules.accounts.values().map(|account| view(state, rules, now, account)).collect()
}

fn view(state: &State, rules: &Config, now: Now, account: &Account) -> AccountView {
    let id = &account.id;
    let standing = state.accounts.get(id).cloned().unwrap_or_default();
    let on = |agent: &&AgentId| account::of(state, agent) == Some(id);
    let tried = standing.proofs.values().max_by_key(|proof| proof.at);
    AccountView {
        id: id.clone(),
        provider: account.provider.clone(),
        kind: account.kind.word().to_string(),
        source: source(account),
        state: stands(state, rules, now, id, &standing),
        login: login(state, rules, account),
        agents: rules.agents.keys().filter(on).cloned().collect(),
        triable: triable(state, rules, id).is_some(),
        tried: tried.map(|proof| now.wall_of(proof.at)),
        verdict: tried.map(|proof| proof.verdict.clone()),
        used_today: usage::today_on(state, rules, now.steady, id),
        budget: account.budget.map(|budget| budget.to_string()),
        budget_percent: budget::percent(state, rules, now.steady, Whose::Account(id)),
    }
}

fn stands(state: &State, rules: &Config, now: Now, id: &AccountId, standing: &Standing) -> AccountState {
    if let Some((_, why)) = &standing.refused {
        return AccountState::Refused { why: why.clone() };
    }
    let limit = standing.limit.as_ref().filter(|limit| limit.until.is_none_or(|until| now.steady < until));
    if let Some(limit) = limit {
        return AccountState::Limited { until: limit.until.map(|until| now.wall_of(until)), why: limit.text.clone() };
    }
    match budget::over(state, rules, now.steady, id) {
        true => AccountState::Spent,
        false if standing.worked.is_none() && standing.proofs.is_empty() => AccountState::Unknown,
        false => AccountState::Good,
    }
}

/// An agent and its way by which an account can be tried.
pub(super) fn triable(state: &State, rules: &Config, id: &AccountId) -> Option<(AgentId, Way)> {
    let on = |agent: &&AgentId| account::of(state, agent) == Some(id);
    // One who works on it knows best how.
    let first = rules.agents.keys().filter(on);
    first.chain(rules.agents.keys()).find_map(|agent| {
        let ways = accounts::ways_on(rules, rules.agents.get(agent)?, id);
        let provable = |way: &Way| proof::provable(rules, way);
        ways.into_iter().find(provable).map(|way| (agent.clone(), way))
    })
}

/// Where its credential is, without a word of it.
fn source(account: &Account) -> String {
    match &account.source {
        Source::Login(None) => "its program's own login".to_string(),
        Source::Login(Some(home)) => format!("the login in {}", home.display()),
        Source::EnvFile(path) => format!("the file {}", path.display()),
        Source::Command { variable, .. } => format!("a command, as {variable}"),
    }
}

/// What the operator should know of accounts.
pub(super) fn alerts(turn: &Turn<'_>, alerts: &mut BTreeMap<String, String>) {
    for (id, account) in &turn.rules.accounts {
        if let Some((_, why)) = turn.state.accounts.get(id).and_then(|standing| standing.refused.as_ref()) {
            let held: Vec<&str> = turn
                .rules
                .agents
                .keys()
                .filter(|agent| turn.state.watches.get(*agent).is_some_and(|watch| watch.barred.is_some()))
                .filter(|agent| account::of(turn.state, agent).is_none_or(|on| on == id))
                .map(AgentId::as_str)
                .collect();
            let held = if held.is_empty() { String::new() } else { format!("; held: {}", held.join(", ")) };
            // Where nobody can try it out, its next use tells, and somebody has to allow that.
            let triable = triable(turn.state, turn.rules, id).is_some();
            let then = if triable { "flightdeck accounts --probe" } else { "flightdeck release AGENT" };
            let login = login(turn.state, turn.rules, account);
            let what = format!("account {id} is not let in ({why}): log in with {login}, then `{then}`{held}");
            alerts.insert(format!("account {id}"), what);
        }
        budget::alerts_of(turn, Whose::Account(id), alerts);
    }
}

/// What a person types to log in.
fn login(state: &State, rules: &Config, account: &Account) -> String {
    let on = |agent: &&AgentId| account::of(state, agent) == Some(&account.id);
    let by = rules.agents.keys().find(on).and_then(|agent| account::backend(state, rules, agent));
    let mut ways = rules.agents.values().flat_map(|agent| accounts::ways_on(rules, agent, &account.id));
    let able = || ways.find_map(|way| rules.backends.get(&way.backend));
    match (&account.source, by.or_else(able)) {
        (Source::EnvFile(path), _) => format!("a new key in {}", path.display()),
        (Source::Command { variable, .. }, _) => format!("a new value behind the command for {variable}"),
        (Source::Login(home), Some(backend)) => backend.access.login_at(home.as_deref()),
        (Source::Login(_), None) => "its program's own login".to_string(),
    }
}
