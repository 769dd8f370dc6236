//! What is to be done now, as things stand: for the fleet, then for each agent, at most one effect each. Whoever is not
//! finished leaves here with a deadline and its reason; until then it is asked again only by a step that concerns it.

use std::time::Duration;

use crate::config::model::{Kind, ScreenSays};

use super::agent::{Life, Watch};
use super::concern::{Concern, is_own_affair};
use super::effect::{Effect, OwnFile};
use super::id::AgentId;
use super::record::{Actor, Order, Record, StopCause, Wish};
use super::state::Tmux;
use super::time::Time;
use super::turn::Turn;
use super::{
    account, alert, budget, compact, delivery, fleet, heal, job, launch, phase, restart, show, sight, stall, usage,
};

/// An agent nobody has a reason to come back to is looked at again after this all the same.
const NEVER_FORGET: Duration = Duration::from_secs(300);
/// A tmux server that could not be started is tried again after this.
const SERVER_AGAIN: Duration = Duration::from_secs(10);
/// What the list of panes should have told by now is asked for after this.
const SURVEY_AFTER: Duration = Duration::from_secs(5);
/// An agent that could not be stopped is stopped again after this.
const STOP_AGAIN: Duration = Duration::from_secs(10);
/// A file that could not be written is tried again after this.
const FILE_AGAIN: Duration = Duration::from_secs(30);

/// What is done with an agent that is up, for one reason; returns when to come back, and what for.
type Rule = fn(&mut Turn<'_>, &AgentId) -> Option<(Time, String)>;

/// Decides anew what concerns the fleet, and each agent that this step concerns.
pub(super) fn decide(turn: &mut Turn<'_>, concern: &Concern) {
    let mut next = Vec::new();
    if !turn.state.paused {
        next.extend(fleet(turn));
    }
    let shut = account::shut(turn.state);
    if let Some(left) = decide_some(turn, concern) {
        left.iter().for_each(|id| each(turn, id));
    }
    if account::shut(turn.state) != shut {
        // What one of them found out about an account concerns those before it too.
        turn.rules.agents.keys().for_each(|id| each(turn, id));
    }
    // All agents of the configuration have one by now.
    if turn.state.watches.len() > turn.rules.agents.len() {
        turn.state.watches.retain(|id, _| turn.rules.agents.contains_key(id));
    }
    turn.state.seen.next = next.into_iter().min();
    alert::note(turn);
}

/// Decides those whom the step concerns. Returns the others where something was recorded that concerns them as well.
fn decide_some<'r>(turn: &mut Turn<'r>, concern: &Concern) -> Option<Vec<&'r AgentId>> {
    let (rules, now) = (turn.rules, turn.now.steady);
    let (mut some, mut others) = (Vec::new(), Vec::with_capacity(rules.agents.len()));
    for (agent, _, watch) in fleet::walk(rules, turn.state) {
        let to = if concern.takes(&agent.id, watch, now) { &mut some } else { &mut others };
        to.push(&agent.id);
    }
    let known = |id: &AgentId| some.contains(&id);
    if !turn.out.records.iter().all(|(_, record)| is_own_affair(record, known)) {
        return Some(rules.agents.keys().collect());
    }
    some.iter().for_each(|id| each(turn, id));
    let all_own = turn.out.records.iter().all(|(_, record)| is_own_affair(record, known));
    (!all_own && !others.is_empty()).then_some(others)
}

fn each(turn: &mut Turn<'_>, id: &AgentId) {
    turn.watch(id);
    let budget = budget::mind(turn, id);
    let mut deadlines = agent(turn, id).unwrap_or_default();
    deadlines.extend(budget);
    deadlines.extend(usage::settle(turn, id));
    deadlines.extend(show::note_state(turn, id));
    deadlines.sort();
    turn.watch(id).deadlines = deadlines;
}

/// Agents of the configuration that were never heard of begin with the wish of the configuration.
pub(super) fn greet_new_agents(turn: &mut Turn<'_>) {
    let rules = turn.rules;
    for (id, agent) in &rules.agents {
        if !turn.state.agents.contains_key(id) {
            let wish = if agent.autostart && agent.kind != Kind::Job { Wish::Running } else { Wish::Stopped };
            turn.record(Record::Wished { agent: id.clone(), wish, by: Actor::Config });
        }
    }
}

/// What concerns all: the server, the phases, our files, the schedule.
fn fleet(turn: &mut Turn<'_>) -> Vec<(Time, String)> {
    let mut next = Vec::new();
    next.extend(delivery::expire_old(turn));
    // What begins here may want a server, so that comes last.
    next.extend(job::schedule(turn));
    next.extend(phase::watch_push(turn));
    next.extend(files(turn));
    next.extend(server(turn));
    next.extend(survey(turn));
    next
}

/// Where nobody knows what came of a start or a stop, or whether a server answers, the list of panes tells.
fn survey(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let flying = |id: &AgentId| turn.state.watches.get(id).is_some_and(|watch| watch.flight.is_some());
    let lost = turn.state.agents.iter().any(|(id, agent)| agent.between() && !flying(id));
    let needed = match turn.state.seen.tmux {
        Tmux::Unseen => turn.state.seen.server_flight.is_none(),
        Tmux::Up => lost,
        // The edge tells by itself when that changes.
        Tmux::Silent { .. } | Tmux::Gone => false,
    };
    if !needed {
        turn.state.seen.survey_from = None;
        return None;
    }
    let due = *turn.state.seen.survey_from.get_or_insert(now) + SURVEY_AFTER;
    if now >= due {
        turn.state.seen.survey_from = Some(now);
        turn.ask(Effect::Survey);
        return Some((now + SURVEY_AFTER, "list the panes again".to_string()));
    }
    Some((due, "list the panes".to_string()))
}

fn server(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let wanted = turn.rules.agents.keys().any(|id| launch::wanted(turn, id));
    if turn.state.seen.tmux != Tmux::Gone || turn.state.seen.server_flight.is_some() || !wanted {
        return None;
    }
    let now = turn.now.steady;
    let failed = turn.state.seen.server_failed.as_ref().map(|(at, _)| *at);
    if let Some(failed) = failed.filter(|failed| now.since(*failed) < SERVER_AGAIN) {
        return Some((failed + SERVER_AGAIN, "start the tmux server again".to_string()));
    }
    if let Some(until) = restart::server_waits(turn) {
        return Some((until, "start the tmux server again".to_string()));
    }
    let flight = turn.order(None, Order::StartServer, |id| Effect::StartServer { id });
    turn.state.seen.server_flight = Some(flight);
    None
}

fn files(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let now = turn.now.steady;
    if turn.state.seen.file_flight.is_some() {
        return None;
    }
    let failed = turn.state.seen.file_failed.as_ref().map(|(at, _)| *at);
    if let Some(failed) = failed.filter(|failed| now.since(*failed) < FILE_AGAIN) {
        return Some((failed + FILE_AGAIN, "write our files again".to_string()));
    }
    let sequence = &turn.state.sequence;
    let what = if sequence.in_file != sequence.phases {
        OwnFile::Sequence { phases: sequence.phases.clone() }
    } else if sequence.complete && !turn.state.complete_file {
        OwnFile::SequenceComplete { phases: sequence.phases.clone() }
    } else if !sequence.complete && turn.state.complete_file {
        OwnFile::NoSequenceComplete
    } else {
        return None;
    };
    let flight = turn.order(None, Order::Write { what: what.clone() }, |id| Effect::Write { id, what });
    turn.state.seen.file_flight = Some(flight);
    None
}

/// One agent: the first thing that applies, in this order. Returns what is waited for.
fn agent(turn: &mut Turn<'_>, id: &AgentId) -> Option<Vec<(Time, String)>> {
    let agent = turn.agent(id)?;
    let life = agent.life;
    let held = agent.held.is_some();
    let flying = turn.state.watches.get(id).is_some_and(|watch| watch.flight.is_some());
    // The outcome of what is in flight brings us back; an unanswering tmux proves nothing about anybody.
    let paused = turn.state.paused && !turn.state.emergency_stop;
    if flying || paused || turn.state.seen.tmux != Tmux::Up || !(heal::minded(turn, id) || turn.state.emergency_stop) {
        return None;
    }
    match life {
        Life::Starting { .. } | Life::Stopping { .. } => None,
        Life::Down { .. } => {
            delivery::hold_back(turn, id, if held { "it is held" } else { "it is not running" });
            let start = if held || !launch::wanted(turn, id) { None } else { launch::bring_up(turn, id) };
            Some(start.into_iter().collect())
        }
        Life::Up { .. } => Some(up(turn, id, held)),
    }
}

fn up(turn: &mut Turn<'_>, id: &AgentId, held: bool) -> Vec<(Time, String)> {
    if let Some(cause) = unwanted(turn, id) {
        let now = turn.now.steady;
        if let Some(failed) = turn.watch(id).not_stopped.filter(|failed| now.since(*failed) < STOP_AGAIN) {
            return vec![(failed + STOP_AGAIN, "stop it again".to_string())];
        }
        launch::stop(turn, id, cause, None);
        return Vec::new();
    }
    if held {
        delivery::hold_back(turn, id, "it is held");
        return Vec::new();
    }
    if let Some(again) = sight::observed(turn, id) {
        return vec![again];
    }
    let mut next: Vec<(Time, String)> = Vec::new();
    // Its account comes before everything, and once more when it is known what ails it: it alone bars the others without a record.
    let rules: [(Rule, bool); 9] = [
        (account::mind, true),
        (job::mind, false),
        (heal::start_limit, false),
        (heal::heal, false),
        (account::mind, true),
        (stall::mind_suspended, false),
        (stall::examine, false),
        (compact::mind, false),
        (delivery::deliver, false),
    ];
    for (rule, bars) in rules {
        let told = turn.out.records.len();
        next.extend(rule(turn, id));
        if turn.out.records.len() == told && !bars {
            continue;
        }
        let watch = turn.watch(id);
        let (flies, barred) = (watch.flight.is_some(), watch.barred.is_some());
        if flies {
            return Vec::new();
        }
        if turn.agent(id).is_some_and(|agent| agent.held.is_some()) {
            delivery::hold_back(turn, id, "it is held");
            return Vec::new();
        }
        if barred {
            delivery::hold_back(turn, id, "its account can't be used");
            return next;
        }
    }
    if next.is_empty() {
        next.push((turn.now.steady + NEVER_FORGET, "look at it again".to_string()));
    }
    next
}

/// Why an agent that runs should not.
fn unwanted(turn: &Turn<'_>, id: &AgentId) -> Option<StopCause> {
    let agent = turn.agent(id)?;
    let rules = turn.rules.agents.get(id)?;
    if turn.state.emergency_stop {
        return Some(StopCause::EmergencyStop);
    }
    if agent.wish == Wish::Stopped {
        return Some(StopCause::Operator);
    }
    if launch::phased(rules) && agent.held.is_none() {
        if turn.state.sequence.complete {
            return Some(StopCause::SequenceComplete);
        }
        if turn.state.sequence.current.is_some() && agent.phase != turn.state.sequence.current {
            return Some(StopCause::PhaseChange);
        }
    }
    None
}

/// What an agent in front of a person shows or tells, for showing and alerts.
pub(super) fn asks_operator(watch: &Watch) -> bool {
    match watch.said() {
        Some(ScreenSays::Dialog | ScreenSays::AuthFailed) => true,
        Some(
            ScreenSays::Idle
            | ScreenSays::Busy
            | ScreenSays::Limited
            | ScreenSays::Poisoned
            | ScreenSays::Fatal
            | ScreenSays::Retrying
            | ScreenSays::Exited,
        )
        | None => false,
    }
}
