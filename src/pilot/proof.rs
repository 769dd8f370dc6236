//! Whether an account lets its program in, proved by a tiny real call: asked for when an account is about to be used and nothing
//! recent is known of it, never by the clock. A call that can't be made proves nothing, and keeps nobody from starting.

use std::time::Duration;

use crate::config::accounts::{AccountKind, Way};
use crate::config::model::{Config, ScreenSays};
use crate::config::prices::Billing;

use super::effect::Effect;
use super::fact::Probed;
use super::id::{AccountId, AgentId};
use super::launch;
use super::limit;
use super::message::is_hostile;
use super::reading::{self, Reading};
use super::record::Record;
use super::standing::{Standing, Verdict};
use super::time::Time;
use super::turn::Turn;
use super::usage::{self, Spent};

/// A good proof holds for this long.
const PROOF: Duration = Duration::from_secs(300);
/// One that says no, or nothing, holds for this long.
pub(super) const NO_PROOF: Duration = Duration::from_secs(60);
/// A start this soon after the program's version was compared needs no second look at it.
const CONFIRMED: Duration = Duration::from_secs(10);
/// A call that does not come back is asked for again after this; the edge gives it up before.
const PATIENCE: Duration = Duration::from_secs(90);
/// Letters of an answer that are kept.
const WORDS: usize = 200;

/// Whether a tiny call can be made on this way.
pub(super) fn provable(rules: &Config, way: &Way) -> bool {
    rules.backends.get(&way.backend).is_some_and(|backend| !backend.access.probe.is_empty())
}

/// Whether a way is proved before it is gone: a login may have run out unseen, a key is tried by its first use.
pub(super) fn possible(rules: &Config, way: &Way) -> bool {
    let account = way.account.as_ref().and_then(|account| rules.accounts.get(account));
    let flat = account.is_some_and(|account| account.kind == AccountKind::Subscription);
    flat && provable(rules, way)
}

/// Whether enough is known to start without another call.
pub(super) fn stands(standing: &Standing, backend: &str, now: Time) -> bool {
    let worked = standing.worked.is_some_and(|at| now.since(at) < PROOF);
    let proved = standing.proofs.get(backend).is_some_and(|proof| match proof.verdict {
        Verdict::Good => now.since(proof.at) < PROOF,
        Verdict::Refused { .. } | Verdict::Limited { .. } | Verdict::Unknown { .. } => now.since(proof.at) < NO_PROOF,
    });
    worked || proved
}

/// The version of a good proof that nobody compared with the program of this moment.
pub(super) fn unconfirmed(turn: &Turn<'_>, way: &Way) -> Option<String> {
    let account = way.account.as_ref().filter(|_| possible(turn.rules, way))?;
    let proof = turn.state.accounts.get(account)?.proofs.get(&way.backend)?;
    let now = turn.now.steady;
    let key = (account.clone(), way.backend.clone());
    let compared = turn.state.seen.confirmed.get(&key).is_some_and(|at| now.since(*at) < CONFIRMED);
    (proof.verdict == Verdict::Good && now.since(proof.at) < PROOF && !compared).then(|| proof.version.clone())
}

/// Asks for a call, unless one is under way. Returns when to come back.
pub(super) fn probe(turn: &mut Turn<'_>, id: &AgentId, way: &Way, known: Option<String>) -> (Time, String) {
    let asked = call(turn, id, way, known).unwrap_or(turn.now.steady);
    (asked + PATIENCE, "hear whether its account lets it in".to_string())
}

/// Since when a call is under way: from now on, where there is none. `None`: none can be made.
fn call(turn: &mut Turn<'_>, id: &AgentId, way: &Way, known: Option<String>) -> Option<Time> {
    let now = turn.now.steady;
    let (account, backend) = (way.account.clone()?, way.backend.clone());
    let key = (account.clone(), backend.clone());
    if let Some(asked) = turn.state.seen.probing.get(&key).filter(|asked| now.since(**asked) < PATIENCE) {
        return Some(*asked);
    }
    let argv = turn.rules.backends.get(&backend)?.access.probe.clone();
    let agent = way.agent(turn.rules.agents.get(id)?);
    let spec = Box::new(launch::spec(turn.rules, &agent, Some(&account), argv, ""));
    turn.state.seen.probing.insert(key, now);
    turn.ask(Effect::Probe { account, backend, agent: id.clone(), spec, known });
    Some(now)
}

/// What came of a call.
pub(super) fn probed(turn: &mut Turn<'_>, account: AccountId, backend: String, probed: Probed) {
    let now = turn.now.steady;
    let key = (account.clone(), backend.clone());
    turn.state.seen.probing.remove(&key);
    turn.state.seen.confirmed.insert(key, now);
    let (version, verdict, used) = match probed {
        Probed::Same => return,
        Probed::Nothing { why } => (String::new(), Verdict::Unknown { why: clean(&why) }, Vec::new()),
        Probed::Answered { version, failed: false, used, .. } => (version, Verdict::Good, used),
        Probed::Answered { version, failed: true, text, status, used } => {
            (version, verdict(turn, &backend, &text, status), used)
        }
    };
    let spent = |(model, tokens): (String, _)| Spent {
        cost: usage::cost(turn.rules, &model, &tokens),
        model,
        messages: 1,
        tokens,
    };
    let spent = used.into_iter().map(spent).collect();
    let billing = turn.rules.accounts.get(&account).map_or(Billing::Unknown, |account| account.kind.billing());
    let version = version.chars().filter(char::is_ascii_graphic).take(100).collect();
    turn.record(Record::AccountProbed { account, backend, version, verdict, spent, billing });
}

/// An error is read by the rules for screens: they know its words.
fn verdict(turn: &Turn<'_>, backend: &str, text: &str, status: Option<u16>) -> Verdict {
    let why = clean(text);
    let reading = turn.rules.backends.get(backend).map(|backend| reading::of_error(backend, text));
    match reading.as_ref().and_then(Reading::said) {
        Some(ScreenSays::Limited) => {
            let until = reading.and_then(|reading| limit::reset_time(reading.until_text.as_deref()?, turn.now));
            Verdict::Limited { until, text: why }
        }
        Some(ScreenSays::AuthFailed) if reading.is_some_and(|reading| reading.shut_out()) => Verdict::Refused { why },
        Some(
            ScreenSays::AuthFailed
            | ScreenSays::Idle
            | ScreenSays::Busy
            | ScreenSays::Dialog
            | ScreenSays::Poisoned
            | ScreenSays::Fatal
            | ScreenSays::Retrying
            | ScreenSays::Exited,
        )
        | None => match status {
            Some(401 | 403) => Verdict::Refused { why },
            Some(_) | None => Verdict::Unknown { why },
        },
    }
}

fn clean(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().filter(|c| !is_hostile(*c)).take(WORDS).collect()
}
