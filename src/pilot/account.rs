//! Agents and the accounts they work on: which way each start goes, when a running agent goes on under another account, and who is
//! held because none can be used. The choice itself is [`route`]'s; here it gets what is known, and its outcome is carried out.
//!
//! Nobody is ended for a mere guess: an agent leaves its account when its own program said that it is limited or not let in, or when the
//! account's budget is used up and no turn runs.

use std::time::Duration;

use crate::config::accounts::{self, Way};
use crate::config::model::{self, Backend, Config, ScreenSays};
use crate::config::prices::Billing;

use super::agent::{Route, Sought};
use super::budget;
use super::effect::Effect;
use super::id::{AccountId, AgentId};
use super::launch;
use super::proof;
use super::reading::Reading;
use super::record::{Actor, Record, StopCause};
use super::restart;
use super::route::{self, Choice, Fitness};
use super::state::State;
use super::time::Time;
use super::turn::Turn;
use super::vetting;

/// A search that does not come back is repeated after this.
const PATIENCE: Duration = Duration::from_secs(20);
const SEEKING: &str = "look whether its conversation is there";
/// A limit that names no time is taken to be over after this, and is told anew if it is not.
const LIMIT_UNTOLD: Duration = Duration::from_hours(1);
/// One that waits for a person is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// How a start goes.
pub(super) struct Start {
    /// The agent as it is on its way: its backend, model and options.
    pub agent: model::Agent,
    pub way: Way,
    /// Its conversation goes on, where it has one.
    pub keeps: bool,
}

/// The account on which an agent works.
pub fn of<'s>(state: &'s State, id: &AgentId) -> Option<&'s AccountId> {
    state.agents.get(id)?.route.as_ref()?.account.as_ref()
}

/// The backend that an agent runs, on its way.
pub fn backend<'r>(state: &State, rules: &'r Config, id: &AgentId) -> Option<&'r Backend> {
    let routed = state.agents.get(id).and_then(|agent| agent.route.as_ref());
    routed
        .and_then(|route| rules.backends.get(&route.backend))
        .or_else(|| rules.backends.get(&rules.agents.get(id)?.backend))
}

/// How what it uses is billed: as its account is, else as its own table says.
pub(super) fn billing(state: &State, rules: &Config, id: &AgentId) -> Billing {
    let account = of(state, id).and_then(|account| rules.accounts.get(account));
    let told = || rules.agents.get(id).map_or(Billing::Unknown, |agent| agent.billing);
    account.map_or_else(told, |account| account.kind.billing())
}

/// The way of the next start. `Err`: there is none just now, and when to come back.
pub(super) fn at_start(turn: &mut Turn<'_>, id: &AgentId) -> Result<Start, (Time, String)> {
    let now = turn.now.steady;
    turn.watch(id).barred = None;
    let rules = turn.rules.agents.get(id).ok_or((now + LOOK_AGAIN, "it left the configuration".to_string()))?;
    match choice(turn, rules, None) {
        Choice::Go { way, why } => {
            if let Some(known) = proof::unconfirmed(turn, &way) {
                return Err(proof::probe(turn, id, &way, Some(known)));
            }
            if let Some(wait) = restart::home_waits(turn, &way) {
                return Err(wait);
            }
            let fresh = leaves_behind(turn, id, rules, &way)?;
            let keeps = fresh.is_none() && goes_on(turn, id, rules);
            let start = Start { agent: way.agent(rules), way, keeps };
            // Before the choice is written down: it is made anew after the look.
            if let Some(wait) = vetting::waits(turn, id, &start) {
                return Err(wait);
            }
            take(turn, id, &start.way, why, fresh);
            Ok(start)
        }
        Choice::Prove { way } => Err(proof::probe(turn, id, &way, None)),
        Choice::Wait { until, why } => {
            turn.watch(id).barred = Some((why.clone(), Some(until)));
            Err((until, format!("start it: {why}")))
        }
        Choice::Stay { why } => {
            turn.watch(id).barred = Some((why.clone(), None));
            Err((now + LOOK_AGAIN, format!("look at its accounts again: {why}")))
        }
    }
}

/// What becomes of an agent that is up, for its account's sake, and when to come back. With its bar set nothing else is done with it.
pub(super) fn mind(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    turn.watch(id).barred = None;
    let route = turn.agent(id)?.route.as_ref().filter(|route| route.account.is_some())?.clone();
    let account = route.account.as_ref()?;
    let rules = turn.rules.agents.get(id)?;
    let now = turn.now.steady;
    let refused = turn.state.accounts.get(account).is_some_and(|standing| standing.refused.is_some());
    let out = shut_out(turn, id, refused);
    let may = !restart::never(turn, id);
    if out.is_some() && !refused && may {
        // It was put right since: a new life takes up the new login.
        leave(turn, id);
        return None;
    }
    let limited = turn.agent(id)?.limit.is_some();
    let spent = budget::over(turn.state, turn.rules, now, account);
    if !(refused || limited || spent) {
        return None;
    }
    let resting = !turn.state.watches.get(id)?.in_turn(now, turn.rules.stall.idle);
    let may = may && (limited || out.is_some() || (spent && resting));
    let why = if refused { "is not let in by its provider" } else { "has used up its budget of the day" };
    let bar = (format!("its account {account} {why}"), None);
    match choice(turn, rules, Some(&route)) {
        Choice::Go { .. } if may => {
            leave(turn, id);
            None
        }
        Choice::Prove { way } if may => {
            // As long as nobody knows, a limit is waited for as ever.
            turn.watch(id).barred = (!limited).then_some(bar);
            Some(proof::probe(turn, id, &way, None))
        }
        // It is well itself, and has another account to go to.
        Choice::Go { .. } | Choice::Prove { .. } => None,
        Choice::Wait { until, why } if !(refused || spent) => Some((until, format!("see whether it can go on: {why}"))),
        Choice::Stay { .. } if !(refused || spent) => None,
        Choice::Wait { .. } | Choice::Stay { .. } => {
            turn.watch(id).barred = Some(bar);
            let until = if refused { now + LOOK_AGAIN } else { now.next_midnight() };
            Some((until, format!("see whether its account {account} can be used again")))
        }
    }
}

/// Which accounts are not let in: news of that concerns everybody on them.
pub(super) fn shut(state: &State) -> Vec<AccountId> {
    state.accounts.iter().filter(|(_, standing)| standing.refused.is_some()).map(|(id, _)| id.clone()).collect()
}

/// An agent's own program says that it is not let in: so is nobody else on that account.
pub(super) fn refuse(turn: &mut Turn<'_>, id: &AgentId, reading: &Reading) {
    let Some(account) = of(turn.state, id).cloned() else { return };
    let why = reading.evidence.clone();
    turn.record(Record::AccountRefused { account, agent: id.clone(), why });
    let now = turn.now.steady;
    turn.watch(id).shut_out = Some(now);
}

/// The operator says that what keeps an agent's account from being used is over. Whether there was anything.
pub(super) fn release(turn: &mut Turn<'_>, id: &AgentId) {
    let kept = |account: &AccountId| {
        let standing = turn.state.accounts.get(account);
        let bad = standing.is_some_and(|standing| standing.refused.is_some() || standing.limit.is_some());
        bad || budget::over(turn.state, turn.rules, turn.now.steady, account)
    };
    let ways = turn.rules.agents.get(id).map(|rules| accounts::ways(turn.rules, rules).0).unwrap_or_default();
    let on = of(turn.state, id).cloned();
    let mut bad: Vec<AccountId> = ways.into_iter().filter_map(|way| way.account).chain(on).filter(kept).collect();
    bad.sort();
    bad.dedup();
    for account in bad {
        turn.record(Record::AccountMended { account, by: Actor::Operator });
    }
}

/// Since when an agent's program says that it is not let in.
fn shut_out(turn: &Turn<'_>, id: &AgentId, refused: bool) -> Option<Time> {
    let watch = turn.state.watches.get(id)?;
    let said =
        watch.reading.as_ref().is_some_and(|reading| reading.shut_out() && !watch.quotes(ScreenSays::AuthFailed));
    // What stands there may be older than the news; with a refused account there is no doubt.
    watch.shut_out.or((said && refused).then_some(watch.calm_changed))
}

/// It ends, to be started again on another way, with its conversation where that is found there.
fn leave(turn: &mut Turn<'_>, id: &AgentId) {
    launch::stop(turn, id, StopCause::Rerouted, None);
}

/// `from`: the way that a running agent would leave; refused accounts are not tried again for it.
fn choice(turn: &Turn<'_>, rules: &model::Agent, from: Option<&Route>) -> Choice {
    let (mut ways, unable) = accounts::ways(turn.rules, rules);
    if let Some(from) = from {
        ways.retain(|way| (&way.backend, &way.account, &way.model) != (&from.backend, &from.account, &from.model));
    }
    let asked = turn.agent(&rules.id).map(|agent| agent.asked_at);
    route::choose(&ways, &unable, |way| fitness(turn, way, from.is_none(), asked))
}

fn fitness(turn: &Turn<'_>, way: &Way, starting: bool, asked: Option<Time>) -> Fitness {
    let now = turn.now.steady;
    let Some(account) = &way.account else { return Fitness::Good };
    let provable = proof::possible(turn.rules, way);
    let standing = turn.state.accounts.get(account).cloned().unwrap_or_default();
    if let Some((at, _)) = standing.refused {
        let tried = standing.proofs.get(&way.backend).map_or(at, |proof| proof.at.max(at));
        let patience = if asked > Some(tried) { proof::NO_PROOF } else { LOOK_AGAIN };
        let again = starting && provable && now.since(tried) >= patience;
        return if again { Fitness::Unproved } else { Fitness::Refused };
    }
    let limit = standing.limit.as_ref().map(|limit| limit.until.unwrap_or(limit.since + LIMIT_UNTOLD));
    if let Some(until) = limit.filter(|until| now < *until) {
        return Fitness::Limited { until };
    }
    if budget::over(turn.state, turn.rules, now, account) {
        return Fitness::Spent { until: now.next_midnight() };
    }
    if provable && !proof::stands(&standing, &way.backend, now) { Fitness::Unproved } else { Fitness::Good }
}

/// Its next life shall take up its conversation: by its rules, or because it was ended for its account's sake in this very phase.
fn goes_on(turn: &Turn<'_>, id: &AgentId, rules: &model::Agent) -> bool {
    let same_phase = |phase| !launch::phased(rules) || phase == turn.state.sequence.current;
    turn.agent(id).is_some_and(|agent| rules.resume || (agent.rerouted && same_phase(agent.phase.clone())))
}

/// Why its conversation stays behind on this way, if it does. `Err`: somebody has to look first.
fn leaves_behind(
    turn: &mut Turn<'_>,
    id: &AgentId,
    rules: &model::Agent,
    way: &Way,
) -> Result<Option<String>, (Time, String)> {
    let now = turn.now.steady;
    let Some(agent) = turn.agent(id).filter(|agent| goes_on(turn, id, rules) && !agent.fresh_next) else {
        return Ok(None);
    };
    let rerouted = agent.rerouted;
    let kept = agent.conversation.clone().filter(|conversation| !agent.quarantined.contains(conversation));
    let (Some(conversation), Some(backend)) = (kept, turn.rules.backends.get(&way.backend)) else { return Ok(None) };
    let (before, from) = match &agent.talks_on {
        Some(route) => (route.backend.as_str(), route.account.as_ref()),
        None => (rules.backend.as_str(), None),
    };
    if before != way.backend {
        return Ok(Some(format!("{} knows nothing of a conversation of {before}", way.backend)));
    }
    if backend.resume.is_none() {
        return Ok(rerouted.then(|| format!("{} can't take up a conversation", way.backend)));
    }
    let home =
        |account: Option<&AccountId>| account.and_then(|id| turn.rules.accounts.get(id)).and_then(accounts::home);
    if home(from) == home(way.account.as_ref()) {
        return Ok(None);
    }
    let Some(at) = backend.access.transcript_of(&rules.dir, &conversation) else {
        return Ok(Some(format!("nobody knows where {} keeps conversations", way.backend)));
    };
    let known = turn.watch(id).sought.clone();
    let known = known.filter(|sought| sought.account == way.account && sought.conversation == conversation);
    match known {
        Some(Sought { found: Some(Ok(())), .. }) => Ok(None),
        Some(Sought { found: Some(Err(why)), .. }) => Ok(Some(why)),
        Some(Sought { asked, found: None, .. }) if now.since(asked) < PATIENCE => {
            Err((asked + PATIENCE, SEEKING.to_string()))
        }
        Some(_) | None => {
            let spec = Box::new(launch::spec(turn.rules, &way.agent(rules), way.account.as_ref(), Vec::new(), ""));
            let (agent, account) = (id.clone(), way.account.clone());
            turn.watch(id).sought =
                Some(Sought { account: account.clone(), conversation: conversation.clone(), asked: now, found: None });
            let backend = way.backend.clone();
            turn.ask(Effect::Seek { agent, account, conversation, backend, at, spec });
            Err((now + PATIENCE, SEEKING.to_string()))
        }
    }
}

/// The answer to a search for a conversation.
pub(super) fn sought(
    turn: &mut Turn<'_>,
    id: &AgentId,
    account: Option<&AccountId>,
    found: (String, Result<(), String>),
) {
    let (conversation, found) = found;
    let known = turn.watch(id).sought.as_mut();
    if let Some(sought) =
        known.filter(|sought| sought.account.as_ref() == account && sought.conversation == conversation)
    {
        sought.found = Some(found);
    }
}

/// The choice is written down, where it is another one or leaves something behind.
fn take(turn: &mut Turn<'_>, id: &AgentId, way: &Way, why: String, fresh: Option<String>) {
    let route = Route { backend: way.backend.clone(), account: way.account.clone(), model: way.model.clone() };
    let known = turn.agent(id).and_then(|agent| agent.route.clone());
    if (known.is_none() && way.account.is_none()) || (known.as_ref() == Some(&route) && fresh.is_none()) {
        return;
    }
    if let Some(why) = &fresh {
        let on = route.account.as_ref().map_or(String::new(), |account| format!(" on account {account}"));
        let what = format!("it begins anew{on}, without its conversation: {why}");
        turn.record(Record::Alerted { agent: Some(id.clone()), what });
    }
    let Route { backend, account, model } = route;
    turn.record(Record::Routed { agent: id.clone(), backend, account, model, why, fresh });
}
