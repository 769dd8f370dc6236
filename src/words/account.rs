//! Accounts in words: who works on which, and how they stand.

use crate::pilot::record::Record;
use crate::pilot::standing::Verdict;
use crate::pilot::time::Time;
use crate::pilot::view::{AccountState, AccountView, AgentView, View};

use super::{sentence, usage, when};

/// A record about accounts as a sentence.
pub(super) fn told(record: &Record) -> String {
    match record {
        Record::Routed { agent, backend, account, model, why, fresh } => {
            let account = account.as_ref().map_or("its own login".to_string(), |account| format!("account {account}"));
            let model = if model.is_empty() { String::new() } else { format!(" with {model}") };
            let fresh = fresh.as_ref().map_or(String::new(), |why| format!("; it begins anew: {why}"));
            format!("{agent}: works on {account} ({backend}{model}): {why}{fresh}")
        }
        Record::AccountRefused { account, agent, why } => {
            format!("account {account} is not let in by its provider, as {agent} was told: {why}")
        }
        Record::AccountMended { account, by } => {
            format!("account {account} may be used again, by {}", sentence::actor(*by))
        }
        Record::AccountProbed { account, backend, verdict, spent, .. } => {
            let used = usage::in_all(spent);
            format!("account {account} was tried with {backend}: {}{used}", self::verdict(verdict))
        }
        other => sentence::unreached(other),
    }
}

/// What a tiny call came to.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "it is let in".to_string(),
        Verdict::Refused { why } => format!("it is not let in: {why}"),
        Verdict::Limited { until: Some(until), text } => format!("it is limited until {}: {text}", when::stamp(*until)),
        Verdict::Limited { until: None, text } => format!("it is limited: {text}"),
        Verdict::Unknown { why } => format!("nobody can say: {why}"),
    }
}

/// How an account of the picture stands.
pub fn stands(account: &AccountView, now: Time) -> String {
    match &account.state {
        AccountState::Good => "good".to_string(),
        AccountState::Unknown => "not used yet".to_string(),
        AccountState::Refused { why } => format!("not let in: {why}"),
        AccountState::Limited { until: Some(until), .. } => {
            format!("limited until {} UTC ({})", when::clock(*until), when::until(*until, now))
        }
        AccountState::Limited { until: None, why } => format!("limited: {why}"),
        AccountState::Spent => "its budget of the day is used up".to_string(),
    }
}

/// The account of an agent: which, how it stands, and why that one.
pub fn of_agent(view: &View, agent: &AgentView) -> Option<String> {
    let id = agent.account.as_ref()?;
    let known = view.accounts.iter().find(|account| account.id == *id);
    let told = |known: &AccountView| format!(" ({} of {}, {})", known.kind, known.provider, stands(known, view.at));
    let stands = known.map_or(String::new(), told);
    let why = if agent.account_why.is_empty() { String::new() } else { format!("; {}", agent.account_why) };
    Some(format!("{id}{stands}{why}"))
}
