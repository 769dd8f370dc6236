//! Telling a stall from an honest wait: markers with a grace, idleness without one, two samples and a last look before
//! any kill. When in doubt, the agent lives.

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{Kind, ScreenSays};

use super::agent::{Sample, SeenMarker, Step, Watch};
use super::effect::Effect;
use super::fact::{Look, Screen, Work};
use super::heal;
use super::id::AgentId;
use super::launch;
use super::marker::{self, Marker};
use super::reading;
use super::record::{Illness, Record, StopCause};
use super::restart;
use super::time::Time;
use super::turn::Turn;

/// A look that does not come back is asked for again after this.
const LOOK_PATIENCE: Duration = Duration::from_secs(15);
/// A process that was stopped by a signal is looked at again after this.
const SUSPENDED_AGAIN: Duration = Duration::from_secs(60);
/// Children that used at least this share of the time between two samples are busy: one part in so many.
const BUSY_SHARE: u32 = 50;

/// Takes note of the marker under the newest screen, and of its absence.
pub(super) fn note_marker(turn: &mut Turn<'_>, id: &AgentId) {
    let now = turn.now;
    let cap = turn.rules.stall.wait_cap;
    let ahead = turn.state.ran_ahead.filter(|(at, _)| now.steady.since(*at) < cap);
    let watch = turn.watch(id);
    let line = watch.reading.as_ref().and_then(|reading| reading.final_line.clone());
    if watch.marker.as_ref().map(|marker| &marker.line) == line.as_ref() && line.is_some() {
        return;
    }
    watch.marker = None;
    let Some(line) = line else {
        watch.flawed = None;
        return;
    };
    if watch.flawed.as_ref() == Some(&line) {
        return;
    }
    watch.flawed = None;
    match marker::parse(&line) {
        Marker::None => {}
        Marker::Flawed(flaw) => {
            watch.flawed = Some(line);
            let until = now.steady;
            turn.record(Record::MarkerSeen { agent: id.clone(), until, flaw: Some(flaw.to_string()) });
        }
        Marker::At(wall) => {
            let written = now.steady_of(wall);
            let latest = now.steady + cap;
            // Written before the machine slept, its clock was set or we went away, and seen after: its timer knows
            // nothing of that.
            let ahead = ahead.filter(|(at, _)| written <= *at).map_or(Duration::ZERO, |(_, span)| span);
            let until = (written + ahead).min(latest);
            watch.marker = Some(SeenMarker { line, until, first_seen: now.steady });
            let flaw = (written > latest)
                .then(|| format!("later than {} ahead: taken as that", humantime::format_duration(cap)));
            turn.record(Record::MarkerSeen { agent: id.clone(), until, flaw });
        }
    }
}

/// When this agent counts as stalled if nothing moves before, and why. `None`: it can't stall just now.
pub(super) fn deadline(turn: &Turn<'_>, id: &AgentId) -> Option<(Time, Illness)> {
    let rules = turn.rules.stall;
    let agent = turn.agent(id)?;
    let watch = turn.state.watches.get(id)?;
    let member = turn.rules.agents.get(id)?;
    let stalls = member.kind == Kind::Loop && !restart::never(turn, id);
    if !stalls || agent.ready.is_none() || agent.limit.is_some() || watch.suspended || delivers(watch) {
        return None;
    }
    match watch.said().filter(|said| !watch.quotes(*said)) {
        // The words of a limit that is over hide no stall; somebody's draft below them is for its writer to end.
        Some(ScreenSays::Limited) if heal::is_old_limit(turn, id, ScreenSays::Limited) && !has_draft(watch) => {}
        Some(ScreenSays::Dialog | ScreenSays::Limited | ScreenSays::AuthFailed | ScreenSays::Retrying) => return None,
        Some(ScreenSays::Idle | ScreenSays::Busy | ScreenSays::Poisoned | ScreenSays::Fatal | ScreenSays::Exited)
        | None => {}
    }
    // Somebody writes to it: ended, it would take the draft along. Who left one behind is told first.
    let told = watch.raw_changed + turn.rules.delivery.blocked_alert;
    let draft = if has_draft(watch) { told } else { Time::default() };
    match &watch.marker {
        // A turn that moves makes the old marker's wait void: the agent has woken.
        Some(marker) if !watch.in_turn(turn.now.steady, rules.idle) => {
            let at = marker.until.max(marker.first_seen).max(watch.grace_from).max(draft) + rules.grace;
            Some((at, Illness::LateMarker))
        }
        Some(_) | None => {
            let lifted = agent.limit_lifted.unwrap_or_default();
            // What runs on in the background, or a timer of its own, will wake it.
            let idle = if watch.pending > 0 { rules.idle.max(rules.quiet_child_cap) } else { rules.idle };
            let quiet = watch.last_sign().max(lifted);
            Some((quiet.max(draft) + idle, Illness::Stalled))
        }
    }
}

/// Looks now and then whether a stopped process goes on; until then it is not judged.
pub(super) fn mind_suspended(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let watch = turn.watch(id);
    if !watch.suspended {
        return None;
    }
    let due = watch.look_asked.unwrap_or(watch.looked) + SUSPENDED_AGAIN;
    if now < due {
        return Some((due, "look whether its process goes on".to_string()));
    }
    look(turn, id);
    Some((now + SUSPENDED_AGAIN, "look whether its process goes on".to_string()))
}

/// A message is on its way, and not only waiting in the program for the end of the turn.
fn delivers(watch: &Watch) -> bool {
    watch.delivery.as_ref().is_some_and(|progress| !matches!(progress.step, Step::Queued { .. }))
}

fn has_draft(watch: &Watch) -> bool {
    let composer = watch.reading.as_ref().and_then(|reading| reading.composer.as_ref());
    composer.is_some_and(|composer| !composer.text.is_empty())
}

/// Past the deadline: asks for the looks that a verdict needs. Returns when to come back.
pub(super) fn examine(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let (at, illness) = deadline(turn, id)?;
    let now = turn.now.steady;
    let words = match illness {
        Illness::LateMarker => "restart it unless it wakes: its wait is over",
        Illness::Stalled | Illness::Dead | Illness::Fatal | Illness::Poisoned | Illness::NeverReady => {
            "restart it unless it shows a sign of life"
        }
    };
    if now < at {
        turn.watch(id).sample = None;
        return Some((at, words.to_string()));
    }
    let gap = turn.rules.stall.sample_gap;
    let watch = turn.watch(id);
    if let Some(asked) = watch.look_asked.filter(|asked| now.since(*asked) < LOOK_PATIENCE) {
        return Some((asked + LOOK_PATIENCE, "look at it again".to_string()));
    }
    let due = watch.sample.as_ref().map_or(now, |sample| sample.at + gap);
    if now < due {
        return Some((due, words.to_string()));
    }
    look(turn, id);
    Some((now + LOOK_PATIENCE, "look at it again".to_string()))
}

/// A look came back: the first sample, or the verdict.
pub(super) fn looked(turn: &mut Turn<'_>, id: &AgentId, look: &Look) {
    let now = turn.now.steady;
    // A look that saw nothing proves nothing; the next one has the usual patience.
    let (Some(work), Some(seen)) = (look.work.clone(), &look.screen) else { return };
    let watch = turn.watch(id);
    watch.look_asked = None;
    watch.looked = now;
    if watch.suspended && !work.suspended {
        // While it stood still nobody could see how it was.
        watch.grace_from = now;
    }
    watch.suspended = work.suspended;
    let Some((at, illness)) = deadline(turn, id) else { return };
    if now < at {
        turn.watch(id).sample = None;
        return;
    }
    let watch = turn.watch(id);
    let calm = watch.calm;
    let Some(first) = watch.sample.clone() else {
        watch.sample = Some(Sample { at: now, calm, work });
        return;
    };
    if calm != first.calm {
        watch.sample = Some(Sample { at: now, calm, work });
        return;
    }
    if let Some(sign) = busy_children(turn, id, &first, &work) {
        let watch = turn.watch(id);
        watch.sample = None;
        watch.grace_from = now;
        watch.deadlines = vec![(now, sign)];
        return;
    }
    // The newest picture, which the look's own may be older than.
    let newest = turn.watch(id).screen.clone().unwrap_or_else(|| Arc::clone(seen));
    let evidence = evidence(turn.watch(id), &first, &work, now);
    condemn(turn, id, illness, &newest, evidence);
}

/// Asks for one look at the agent.
pub(super) fn look(turn: &mut Turn<'_>, id: &AgentId) {
    let now = turn.now.steady;
    let at_its_place = turn.agent(id).and_then(|agent| {
        let (place, process) = (agent.place.clone()?, agent.process.clone());
        Some(Effect::Look { agent: id.clone(), incarnation: agent.incarnation, place, process })
    });
    turn.watch(id).look_asked = Some(now);
    turn.out.effects.extend(at_its_place);
}

/// Our clock or our attention had a gap: no verdict on stale evidence, and all graces begin anew (rule 3 of faults.md).
pub(super) fn begin_graces_anew(turn: &mut Turn<'_>) {
    let now = turn.now.steady;
    for watch in turn.state.watches.values_mut() {
        watch.grace_from = now;
        watch.sample = None;
        watch.symptom = None;
        if let Some(marker) = &mut watch.marker {
            marker.first_seen = now;
        }
    }
}

/// The timers by which agents wake do not run while the machine sleeps: who was waiting then has that much more time.
pub(super) fn skip_sleep(turn: &mut Turn<'_>, slept: Duration) {
    let now = turn.now.steady;
    let latest = now + turn.rules.stall.wait_cap;
    for watch in turn.state.watches.values_mut() {
        if let Some(marker) = watch.marker.as_mut().filter(|marker| marker.until > now - slept) {
            marker.until = (marker.until + slept).min(latest);
        }
        // Nor did anybody keep silent meanwhile.
        watch.raw_changed = (watch.raw_changed + slept).min(now);
        watch.calm_changed = (watch.calm_changed + slept).min(now);
        watch.reported = watch.reported.map(|reported| (reported + slept).min(now));
    }
}

/// Work below the agent that a silent screen does not show, in words.
fn busy_children(turn: &Turn<'_>, id: &AgentId, first: &Sample, work: &Work) -> Option<String> {
    let now = turn.now.steady;
    let span = now.since(first.at);
    let used = work.children_cpu.saturating_sub(first.work.children_cpu);
    if used >= span / BUSY_SHARE && !used.is_zero() {
        return Some(format!("its children are busy ({} ms of CPU)", used.as_millis()));
    }
    let watch = turn.state.watches.get(id)?;
    let progress = watch.calm_changed.max(watch.reported.unwrap_or_default());
    let quiet_for = now.since(progress);
    (work.late_children > 0 && quiet_for < turn.rules.stall.quiet_child_cap)
        .then(|| format!("{} process(es) it started itself still run", work.late_children))
}

/// What two looks have shown.
fn evidence(watch: &Watch, first: &Sample, work: &Work, now: Time) -> Vec<String> {
    let waited = watch.marker.as_ref();
    let waited = waited.map(|marker| format!("its last line was {:?}, seen {}", marker.line, marker.first_seen));
    let looks = [
        format!("no sign of life since {}", watch.last_sign()),
        format!("two looks {} s apart show the same screen", now.since(first.at).as_secs()),
        format!("{} late children, {} ms of CPU by children", work.late_children, work.children_cpu.as_millis()),
    ];
    let shown = watch.reading.as_ref().map(|reading| format!("screen: {}", reading.evidence));
    waited.into_iter().chain(looks).chain(shown).collect()
}

fn condemn(turn: &mut Turn<'_>, id: &AgentId, illness: Illness, newest: &Screen, evidence: Vec<String>) {
    turn.record(Record::Found { agent: id.clone(), illness, evidence });
    let cause = if illness == Illness::LateMarker { StopCause::LateMarker } else { StopCause::Stall };
    launch::stop(turn, id, cause, Some(reading::raw(newest)));
}

/// Ends that we brought about because the agent was ill count like deaths.
pub(super) fn charge_for(cause: StopCause) -> Option<&'static str> {
    match cause {
        StopCause::Stall => Some("stalled"),
        StopCause::LateMarker => Some("did not wake after its announced wait"),
        StopCause::Fatal => Some("showed a fatal error"),
        StopCause::Poisoned => Some("its conversation was poisoned"),
        StopCause::StartLimit => Some("never became ready"),
        StopCause::Operator
        | StopCause::EmergencyStop
        | StopCause::PhaseChange
        | StopCause::SequenceComplete
        | StopCause::JobRun
        | StopCause::Restart
        | StopCause::Rerouted
        | StopCause::Survivor => None,
    }
}

/// An ordered stop came back.
pub(super) fn stopped(turn: &mut Turn<'_>, id: &AgentId, cause: StopCause, left: &[(u32, String)]) {
    let up_for = restart::up_for(turn, id);
    turn.record(Record::Stopped { agent: id.clone(), cause, left: left.to_vec() });
    turn.state.watches.remove(id);
    if let Some(words) = charge_for(cause) {
        let evidence = turn.agent(id).map(|agent| agent.last_screen.clone()).unwrap_or_default();
        restart::charge(turn, id, up_for, words, evidence);
    }
    if !left.is_empty() {
        let pids: Vec<String> = left.iter().map(|(pid, name)| format!("{pid} ({name})")).collect();
        let what = format!("processes of its survived KILL: {}", pids.join(", "));
        turn.record(Record::Alerted { agent: Some(id.clone()), what });
    }
}
