//! What a screen says is wrong, and its remedy: a broken program is restarted, a poisoned conversation is left behind, a
//! usage limit is waited out, a dialog or a login is the operator's. Every symptom is read twice before anything is done.

use std::time::Duration;

use crate::config::model::{Role, ScreenSays};
use crate::config::prompts;

use super::account;
use super::agent::{Limit, Symptom};
use super::id::AgentId;
use super::launch;
use super::limit;
use super::message::Origin;
use super::reading::{self, Reading};
use super::record::{Illness, Record, StopCause};
use super::restart;
use super::stall;
use super::time::{Now, Time};
use super::turn::Turn;

/// Between the first and the second reading of a symptom.
const SECOND_READING: Duration = Duration::from_secs(2);
/// A second reading that does not come back is asked for again after this.
const READING_PATIENCE: Duration = Duration::from_secs(15);
/// After a limit's reset, at most this much later: not everybody at once (fault A8).
const LIMIT_JITTER: Duration = Duration::from_secs(120);
/// Of many whose limits end together so many are spoken to within this long, however their jitter fell (fault A8).
const LIFTS: (usize, Duration) = (2, Duration::from_secs(10));
/// Still limited after the reset: the wait doubles from here, up to the cap that keeps an agent from idling on.
const LIMIT_AGAIN: Duration = Duration::from_secs(60);
const LIMIT_AGAIN_CAP: Duration = Duration::from_secs(600);
/// A program that says that it goes on by itself is left to it for this long after the limit: some take a minute.
const BY_ITSELF: Duration = Duration::from_secs(150);
/// A time of day this far ahead may as well be the last one.
const FAR_AHEAD: Duration = Duration::from_hours(12);

/// Acts on what the newest screen says is wrong. `Some`: something is wrong, and when to come back.
pub(super) fn heal(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    if let Some(limit) = turn.agent(id)?.limit.clone() {
        return Some(wait_for_limit(turn, id, &limit));
    }
    let watch = turn.state.watches.get(id)?;
    // What the program tells of its own turn is sure; what a screen shows may be going by, or a quotation.
    let shut_out = |reading: &Reading| reading.shut_out() && may_be_refused(turn, id);
    let remedied = |reading: &Reading| reading.said().is_some_and(needs_remedy) || shut_out(reading);
    let told = watch.failed.as_ref().filter(|reading| remedied(reading));
    let sure = told.is_some();
    let reading = told.or(watch.reading.as_ref())?;
    let idle_talk = |said| !sure && (watch.quotes(said) || is_old_limit(turn, id, said));
    let said = reading.said().filter(|said| remedied(reading) && !idle_talk(*said));
    let Some((said, reading)) = said.map(|said| (said, reading.clone())) else {
        turn.watch(id).symptom = None;
        return None;
    };
    if !sure && let Some(again) = second_reading(turn, id, &reading) {
        return Some(again);
    }
    let watch = turn.watch(id);
    (watch.symptom, watch.failed) = (None, None);
    treat(turn, id, said, &reading);
    let limit = turn.agent(id)?.limit.clone()?;
    Some(wait_for_limit(turn, id, &limit))
}

fn needs_remedy(said: ScreenSays) -> bool {
    match said {
        ScreenSays::Fatal | ScreenSays::Poisoned | ScreenSays::Limited => true,
        ScreenSays::Idle
        | ScreenSays::Busy
        | ScreenSays::Dialog
        | ScreenSays::Retrying
        | ScreenSays::AuthFailed
        | ScreenSays::Exited => false,
    }
}

/// It works on an account of the configuration of which nobody knows yet that it is not let in. What it said of that once is no news
/// for as long as it stands there: the account may be well again since.
fn may_be_refused(turn: &Turn<'_>, id: &AgentId) -> bool {
    let known = |account| turn.state.accounts.get(account).is_some_and(|standing| standing.refused.is_some());
    let told = turn.state.watches.get(id).is_some_and(|watch| watch.shut_out >= Some(watch.calm_changed));
    !told && account::of(turn.state, id).is_some_and(|account| !known(account))
}

/// The text of a limit that was lifted stays on the screen until the next turn begins.
pub(super) fn is_old_limit(turn: &Turn<'_>, id: &AgentId, said: ScreenSays) -> bool {
    let lifted = turn.agent(id).and_then(|agent| agent.limit_lifted);
    let changed = turn.state.watches.get(id).map(|watch| watch.calm_changed);
    let stale = matches!((lifted, changed), (Some(lifted), Some(changed)) if changed <= lifted);
    let resuming = turn.state.waiting(id).any(|posted| posted.message.origin == Origin::LimitLifted);
    said == ScreenSays::Limited && (stale || resuming)
}

/// Whether the symptom still stands at a look that was taken a while after its first sight. `Some`: when to come back.
fn second_reading(turn: &mut Turn<'_>, id: &AgentId, reading: &Reading) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let rule = reading.rule.clone().unwrap_or_default();
    let words = format!("read its screen again ({rule})");
    let watch = turn.watch(id);
    let Some(symptom) = watch.symptom.as_mut().filter(|symptom| symptom.rule == rule) else {
        watch.symptom = Some(Symptom { rule, first: now, asked: None });
        return Some((now + SECOND_READING, words));
    };
    let due = symptom.first + SECOND_READING;
    if now < due {
        return Some((due, words));
    }
    match symptom.asked {
        Some(asked) if watch.looked >= asked => None,
        Some(asked) if now.since(asked) < READING_PATIENCE => Some((asked + READING_PATIENCE, words)),
        Some(_) | None => {
            symptom.asked = Some(now);
            stall::look(turn, id);
            Some((now + READING_PATIENCE, words))
        }
    }
}

fn treat(turn: &mut Turn<'_>, id: &AgentId, said: ScreenSays, reading: &Reading) {
    let evidence = vec![reading.evidence.clone()];
    match said {
        ScreenSays::Fatal => {
            turn.record(Record::Found { agent: id.clone(), illness: Illness::Fatal, evidence: evidence.clone() });
            end_or_hold(turn, id, StopCause::Fatal, evidence, None);
        }
        ScreenSays::Poisoned => {
            turn.record(Record::Found { agent: id.clone(), illness: Illness::Poisoned, evidence: evidence.clone() });
            let conversation = turn.agent(id).and_then(|agent| agent.conversation.clone());
            let why = reading.evidence.clone();
            turn.record(Record::Quarantined { agent: id.clone(), conversation, why });
            end_or_hold(turn, id, StopCause::Poisoned, evidence, None);
        }
        ScreenSays::Limited => reach_limit(turn, id, reading),
        ScreenSays::AuthFailed => account::refuse(turn, id, reading),
        ScreenSays::Idle | ScreenSays::Busy | ScreenSays::Dialog | ScreenSays::Retrying | ScreenSays::Exited => {}
    }
}

/// The remedy for most ills is a new start; for whom that is forbidden, a person.
fn end_or_hold(turn: &mut Turn<'_>, id: &AgentId, cause: StopCause, evidence: Vec<String>, unless_moved: Option<u64>) {
    if !restart::never(turn, id) {
        launch::stop(turn, id, cause, unless_moved);
        return;
    }
    let cause = format!("{}, and its restart policy is never: `flightdeck restart {id}` ends it", cause.words());
    turn.record(Record::Held { agent: id.clone(), cause, evidence, spent: false, until: None });
}

fn reach_limit(turn: &mut Turn<'_>, id: &AgentId, reading: &Reading) {
    let text = reading.evidence.clone();
    let now = turn.now.steady;
    let again = turn.agent(id).map_or(0, |agent| agent.limits_in_a_row(now));
    let told = reading.until.map(|until| turn.now.steady_of(until));
    let reset = told.or_else(|| reset_of(turn, id, reading.until_text.as_deref()?));
    // The very words of a limit that was waited for don't mean the same hour of tomorrow.
    let waited_for = again > 0 && turn.agent(id).is_some_and(|agent| agent.limit_text == text);
    let reset = if waited_for { reset.map(|reset| reset.min(now)) } else { reset };
    let until = reset.map(|reset| {
        let passed = reset <= now;
        let wait =
            if passed { LIMIT_AGAIN.saturating_mul(1 << again.min(4)).min(LIMIT_AGAIN_CAP) } else { Duration::ZERO };
        reset.max(now) + wait + turn.jitter(LIMIT_JITTER.min(reset.since(now).max(Duration::from_secs(2))))
    });
    turn.record(Record::LimitReached { agent: id.clone(), until, text });
}

/// When a limit ends that is told so.
fn reset_of(turn: &Turn<'_>, id: &AgentId, until: &str) -> Option<Time> {
    let now = turn.now.steady;
    let read = |seen: Time| limit::reset_time(until, Now { steady: seen, wall: turn.now.wall_of(seen) });
    // "Resets 5pm" was written when the picture last changed, not now: nobody may have looked for hours.
    let seen = turn.state.watches.get(id).map_or(now, |watch| watch.calm_changed.min(now));
    let reset = read(seen)?;
    // Was the picture there when we came, then nobody knows since when. A time of day that is long ahead was more likely
    // meant for the day that passed meanwhile; if not, the agent says so again.
    let away = turn.state.ran_ahead.filter(|_| seen <= turn.state.engine_since);
    let before = away.and_then(|(at, span)| read(at - span));
    let passed = before.is_some_and(|before| before <= now && reset.since(now) > FAR_AHEAD);
    Some(if passed { now } else { reset })
}

fn wait_for_limit(turn: &mut Turn<'_>, id: &AgentId, limit: &Limit) -> (Time, String) {
    let (now, until) = (turn.now.steady, limit.until);
    // The program's own word of its limit comes before its screen has left the turn.
    let settled = limit.since + SECOND_READING;
    let busy = turn.state.watches.get(id).and_then(|watch| watch.reading.as_ref()).is_some_and(Reading::busy);
    if busy && now < settled {
        return (settled, "look whether it works on in spite of its limit".to_string());
    }
    let wakes =
        turn.state.watches.get(id).and_then(|watch| watch.reading.as_ref()).is_some_and(|reading| reading.wakes);
    let until = until.map(|until| if wakes { until + BY_ITSELF } else { until });
    let over = until.is_some_and(|until| now >= until);
    if busy {
        turn.record(Record::LimitLifted { agent: id.clone() });
        return (now, "go on after the limit".to_string());
    }
    if over {
        let lifts = &mut turn.state.seen.lifts;
        lifts.retain(|lift| now.since(*lift) < LIFTS.1);
        if lifts.len() >= LIFTS.0 {
            return (lifts[0] + LIFTS.1, "speak to it again in its turn: many limits end now".to_string());
        }
        lifts.push(now);
        lift_limit(turn, id);
        return (now, "go on after the limit".to_string());
    }
    match until {
        Some(until) => (until, "speak to it again: its limit is lifted then".to_string()),
        None => (now + Duration::from_secs(300), "look at it again: the limit names no time".to_string()),
    }
}

/// The limit is over, or a person says so: the agent is spoken to.
pub(super) fn lift_limit(turn: &mut Turn<'_>, id: &AgentId) {
    turn.record(Record::LimitLifted { agent: id.clone() });
    // What was to be said after the limit before this one is said now.
    if turn.state.waiting(id).any(|posted| posted.message.origin == Origin::LimitLifted) {
        return;
    }
    let phase = turn.agent(id).and_then(|agent| agent.phase.clone());
    match prompts::render_resume_after_limit(turn.rules, id, phase.as_ref()) {
        Ok(text) => {
            turn.queue(id, Origin::LimitLifted, &text, true);
        }
        Err(why) => {
            let what = format!("it can't be told that its limit is over: {why}");
            turn.record(Record::Alerted { agent: Some(id.clone()), what });
        }
    }
}

/// It never showed a composer within its start limit. Returns when that is, before it.
pub(super) fn start_limit(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let agent = turn.agent(id)?;
    let since = agent.up_since()?;
    if agent.ready.is_some() {
        return None;
    }
    let grace_from = turn.watch(id).grace_from;
    let deadline = since.max(grace_from) + turn.rules.stall.start_limit;
    if turn.now.steady < deadline {
        return Some((deadline, "restart it unless its composer shows".to_string()));
    }
    // A last look: the picture may have come before we knew of this life, and never changed since.
    let watch = turn.watch(id);
    if watch.looked < deadline {
        let words = "look whether its composer shows".to_string();
        let due = watch.look_asked.map_or(deadline, |asked| asked + READING_PATIENCE);
        if turn.now.steady < due {
            return Some((due, words));
        }
        stall::look(turn, id);
        return Some((turn.now.steady + READING_PATIENCE, words));
    }
    let watch = turn.watch(id);
    let (reading, said) = (watch.reading.clone(), watch.said());
    let asks = said.is_some_and(|said| match said {
        ScreenSays::Dialog | ScreenSays::AuthFailed | ScreenSays::Limited | ScreenSays::Retrying => true,
        ScreenSays::Idle | ScreenSays::Busy | ScreenSays::Poisoned | ScreenSays::Fatal | ScreenSays::Exited => false,
    });
    if asks {
        return Some((turn.now.steady + turn.rules.stall.start_limit, "look whether it became ready".to_string()));
    }
    let evidence = vec![reading.map_or_else(|| "no screen was seen".to_string(), |reading| reading.evidence)];
    turn.record(Record::Found { agent: id.clone(), illness: Illness::NeverReady, evidence: evidence.clone() });
    let raw = turn.watch(id).screen.as_deref().map(reading::raw);
    end_or_hold(turn, id, StopCause::StartLimit, evidence, raw);
    None
}

/// Whether flightdeck minds this agent at all.
pub(super) fn minded(turn: &Turn<'_>, id: &AgentId) -> bool {
    let rules = turn.rules.agents.get(id);
    rules.is_some_and(|rules| rules.role != Role::Orchestrator || turn.rules.project.watch_orchestrator)
}
