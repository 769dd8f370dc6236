//! The one entrance: an event comes in, the observation is noted, then everything that it concerns is decided anew. Deciding is
//! level-triggered: it looks at how things stand, not at how they came to be so, and can be repeated without harm.

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::Config;

use super::agent::{Agent, Life};
use super::concern::Concern;
use super::decide;
use super::effect::{Effect, Outcome as EffectOutcome};
use super::event::Event;
use super::fact::{Exit, Hiccup, Look, PaneFact, Screen, Server};
use super::id::{AgentId, EffectId, Incarnation};
use super::reading;
use super::record::{HiccupNote, Order, Record, StopCause};
use super::state::{State, Tmux};
use super::time::{Now, Time};
use super::turn::{Outcome, Turn};
use super::vetting;
use super::view::View;
use super::{
    account, delivery, handoff, job, launch, operate, phase, post, proof, report, restart, show, sight, stall, usage,
};

/// The outcome of a start goes before a list of panes that waits beside it, also before one that was taken earlier: tmux answers within
/// 2 s, and a list asks after each process.
const YOUNG: Duration = Duration::from_secs(10);

/// One event: what is to be written and, after that, done.
pub fn step(state: &mut State, rules: &Config, now: Now, event: Event) -> Outcome {
    let concern = Concern::of(&event, state);
    decided(state, rules, now, &concern, event)
}

/// As a step, with everything decided anew whomever it concerns. What [`step`] leaves out would be found here: nothing.
pub fn step_all(state: &mut State, rules: &Config, now: Now) -> Outcome {
    decided(state, rules, now, &Concern::All, Event::TimePassed)
}

fn decided(state: &mut State, rules: &Config, now: Now, concern: &Concern, event: Event) -> Outcome {
    let mut turn = Turn::new(state, rules, now);
    observe(&mut turn, event);
    decide::decide(&mut turn, concern);
    turn.out
}

/// The engine that takes charge.
#[derive(Clone, Debug)]
pub struct Charge {
    pub epoch: u64,
    pub pid: u32,
    /// The machine that it runs on.
    pub host: String,
    /// Feeds all jitter.
    pub seed: u64,
}

/// An engine takes charge: the log so far is folded, nothing has been looked at yet.
pub fn begin(state: &mut State, rules: &Config, now: Now, charge: Charge) -> Outcome {
    let mut turn = Turn::new(state, rules, now);
    let version = env!("CARGO_PKG_VERSION").to_string();
    let Charge { epoch, pid, host, seed } = charge;
    turn.record(Record::EngineStarted { epoch, pid, version, seed, host });
    close_fleet_orders(&mut turn);
    config_loaded(&mut turn);
    decide::decide(&mut turn, &Concern::All);
    turn.out
}

/// The next moment at which `step` must run even if nothing happens, and what for.
pub fn next_deadline(state: &State) -> Option<&(Time, String)> {
    let agents = state.watches.values().filter_map(|watch| watch.next());
    agents.chain(&state.seen.next).min_by_key(|(at, _)| *at)
}

/// The whole picture as it stands, for people and scripts.
pub fn view(state: &State, rules: &Config, now: Now) -> View {
    show::view(state, rules, now)
}

fn observe(turn: &mut Turn<'_>, event: Event) {
    match event {
        Event::TimePassed => {}
        Event::Hiccuped(hiccup) => hiccuped(turn, &hiccup),
        Event::TmuxAnswered { server, panes } => answered(turn, server, &panes),
        Event::TmuxSilent { why } => silent(turn, why),
        Event::TmuxGone => gone(turn),
        Event::ScreenChanged { agent, incarnation, screen, taken } => {
            if is_current(turn, &agent, incarnation) {
                see(turn, &agent, screen, taken);
            }
        }
        Event::PaneDied { agent, incarnation, exit, last } => {
            if is_current(turn, &agent, incarnation) {
                pane_died(turn, &agent, exit, last.as_deref());
            } else if turn.agent(&agent).is_some_and(|known| known.incarnation == incarnation) {
                // It ended before we heard that it had begun.
                turn.watch(&agent).ended = Some((incarnation, exit));
            }
        }
        Event::Looked { agent, incarnation, look } => {
            if is_current(turn, &agent, incarnation) {
                looked(turn, &agent, &look);
            }
        }
        Event::Searched { agent, found } => launch::searched(turn, &agent, found),
        Event::Probed { account, backend, probed } => proof::probed(turn, account, backend, probed),
        Event::Sought { agent, account, conversation, found } => {
            account::sought(turn, &agent, account.as_ref(), (conversation, found));
        }
        Event::Vetted { agent, vetted } => vetting::vetted(turn, &agent, vetted),
        Event::Reported { agent, incarnation, report } => {
            if is_current(turn, &agent, incarnation) {
                report::reported(turn, &agent, report);
            }
        }
        Event::PushSeen(push) => handoff::push_seen(turn, &push),
        Event::WatchFailed { why, count } => handoff::watch_failed(turn, why, count),
        Event::StatusRead { phase, status, .. } => phase::local_status(turn, &phase, &status),
        Event::EffectFinished { id, outcome } => finished(turn, id, outcome),
        Event::Asked { ask, command } => operate::asked(turn, ask, command),
        Event::ConfigLoaded => config_loaded(turn),
        Event::PremisesSeen(premises) => turn.state.seen.premises = premises,
        Event::ConfigRefused { problems } => turn.record(Record::ConfigRefused { problems }),
    }
}

/// Whether news of this life is news of the agent as it is now.
fn is_current(turn: &Turn<'_>, id: &AgentId, incarnation: Incarnation) -> bool {
    turn.agent(id).is_some_and(|agent| agent.incarnation == incarnation && agent.place.is_some())
}

fn hiccuped(turn: &mut Turn<'_>, hiccup: &Hiccup) {
    turn.record(Record::Hiccuped { what: HiccupNote::from(hiccup) });
    stall::begin_graces_anew(turn);
    job::forget_missed(turn, hiccup);
    if let Hiccup::Slept(span) = hiccup {
        stall::skip_sleep(turn, *span);
    }
}

fn silent(turn: &mut Turn<'_>, why: String) {
    let already = matches!(turn.state.seen.tmux, Tmux::Silent { .. });
    turn.state.seen.tmux = Tmux::Silent { why: why.clone() };
    if !already {
        turn.record(Record::ServerSilent { why });
    }
}

fn gone(turn: &mut Turn<'_>) {
    turn.state.seen.tmux = Tmux::Gone;
    if turn.state.server.is_none() {
        return;
    }
    let lost: Vec<AgentId> =
        turn.state.agents.iter().filter(|(_, agent)| agent.place.is_some()).map(|(id, _)| id.clone()).collect();
    turn.record(Record::ServerLost);
    for id in lost {
        life_ended(turn, &id);
        forget(turn, &id);
    }
}

/// The complete list of our panes on an answering server.
fn answered(turn: &mut Turn<'_>, server: Server, panes: &[PaneFact]) {
    let was_silent = turn.state.seen.tmux != Tmux::Up;
    if turn.state.server.as_ref().is_some_and(|known| *known != server) {
        gone(turn);
    }
    if turn.state.server.is_none() {
        turn.record(Record::ServerUp { server });
    }
    turn.state.seen.tmux = Tmux::Up;
    if was_silent {
        stall::begin_graces_anew(turn);
    }
    let ids: Vec<AgentId> = turn.state.agents.keys().cloned().collect();
    for id in ids {
        reconcile(turn, &id, panes);
    }
}

/// Compares what we remember of one agent with the list of panes.
fn reconcile(turn: &mut Turn<'_>, id: &AgentId, panes: &[PaneFact]) {
    let in_flight = turn.state.watches.get(id).is_some_and(|watch| watch.flight.is_some());
    let of_this_life = |pane: &&PaneFact| turn.agent(id).is_some_and(|agent| agent.incarnation == pane.incarnation);
    let pane = panes.iter().filter(|pane| pane.agent == *id).find(of_this_life);
    match turn.agent(id).map(|agent| agent.life) {
        // An effect of this engine is under way; its outcome tells more than a list taken meanwhile.
        _ if in_flight => {}
        None => {}
        Some(Life::Up { .. }) => match pane.map(|pane| pane.dead) {
            // What an earlier engine had in flight into its composer: its screen tells what came of that.
            Some(None) => {
                close_order(turn, id, "the engine that ordered it ended");
                turn.watch(id).missing = false;
            }
            Some(Some(exit)) => pane_died(turn, id, exit, None),
            None if is_young(turn, id) && !seen_missing(turn, id) => {}
            None => pane_died(turn, id, Exit::Lost, None),
        },
        Some(Life::Starting { .. }) => adopt(turn, id, pane),
        Some(Life::Stopping { cause, .. }) => {
            let alive = pane.is_some_and(|pane| pane.dead.is_none());
            close_order(turn, id, "the engine that ordered it ended");
            if !alive {
                life_ended(turn, id);
                stall::stopped(turn, id, cause, &[]);
            }
        }
        Some(Life::Down { .. }) => {
            let over = turn.agent(id).is_some_and(|agent| agent.over == agent.incarnation);
            let alive = pane.is_some_and(|pane| pane.dead.is_none());
            close_order(turn, id, "the engine that ordered it ended");
            if alive && (!over || seen_risen(turn, id)) {
                adopt(turn, id, pane);
            }
            if !alive {
                turn.watch(id).risen = false;
            }
        }
    }
}

/// A life whose end we recorded is in the list, alive: the list may be older than the end. Whether the one asked for then
/// says so too.
fn seen_risen(turn: &mut Turn<'_>, id: &AgentId) -> bool {
    let again = std::mem::replace(&mut turn.watch(id).risen, true);
    if !again {
        turn.ask(Effect::Survey);
    }
    again
}

/// It began so recently that a list of panes which lacks it may have been taken before.
fn is_young(turn: &Turn<'_>, id: &AgentId) -> bool {
    let since = turn.agent(id).and_then(Agent::up_since);
    since.is_some_and(|since| turn.now.steady.since(since) < YOUNG)
}

/// Whether the list that was asked for because of that lacks it too.
fn seen_missing(turn: &mut Turn<'_>, id: &AgentId) -> bool {
    let again = std::mem::replace(&mut turn.watch(id).missing, true);
    if !again {
        turn.ask(Effect::Survey);
    }
    again
}

/// A pane of this life is there although nobody told us: it is ours all the same, and never started twice.
fn adopt(turn: &mut Turn<'_>, id: &AgentId, pane: Option<&PaneFact>) {
    close_order(turn, id, "the engine that ordered it ended");
    let Some(pane) = pane else { return };
    let Some(process) = pane.process.clone() else { return };
    launch::started(turn, id, pane.incarnation, pane.place.clone(), process);
}

/// Ends what an earlier engine ordered for this agent; what came of it was just found out by looking.
fn close_order(turn: &mut Turn<'_>, id: &AgentId, why: &str) {
    let open: Vec<EffectId> = turn
        .state
        .orders
        .iter()
        .filter(|(_, (agent, _))| agent.as_ref() == Some(id))
        .map(|(effect, _)| *effect)
        .collect();
    for effect in open {
        turn.record(Record::Failed { id: effect, why: why.to_string() });
    }
}

/// Servers and files that an earlier engine ordered: how things stand now is decided anew, without them.
fn close_fleet_orders(turn: &mut Turn<'_>) {
    let of_nobody = |(effect, (agent, _)): (&EffectId, &(Option<AgentId>, Order))| agent.is_none().then_some(*effect);
    let open: Vec<EffectId> = turn.state.orders.iter().filter_map(of_nobody).collect();
    for id in open {
        turn.record(Record::Failed { id, why: "the engine that ordered it ended".to_string() });
    }
}

/// What a life leaves undone when it ends.
fn life_ended(turn: &mut Turn<'_>, id: &AgentId) {
    delivery::life_ended(turn, id);
    usage::life_ended(turn, id);
}

fn pane_died(turn: &mut Turn<'_>, id: &AgentId, exit: Exit, last: Option<&Screen>) {
    let stopping = turn.agent(id).is_some_and(|agent| matches!(agent.life, Life::Stopping { .. }));
    if stopping {
        // We are ending it ourselves; the outcome of that says the rest, unless nothing comes of it.
        let incarnation = turn.agent(id).map(|agent| agent.incarnation).unwrap_or_default();
        turn.watch(id).ended = Some((incarnation, exit));
        return;
    }
    let lines = last_lines(turn, id, last);
    close_order(turn, id, "the agent ended meanwhile");
    life_ended(turn, id);
    restart::died(turn, id, exit, lines);
    forget(turn, id);
}

/// What was observed of a life that is over is void; an effect that is still in flight is not.
fn forget(turn: &mut Turn<'_>, id: &AgentId) {
    let flight = turn.state.watches.remove(id).and_then(|watch| watch.flight);
    if flight.is_some_and(|flight| turn.state.orders.contains_key(&flight)) {
        turn.watch(id).flight = flight;
    }
}

fn last_lines(turn: &Turn<'_>, id: &AgentId, last: Option<&Screen>) -> Vec<String> {
    let seen = turn.state.watches.get(id).and_then(|watch| watch.screen.clone());
    let Some(screen) = last.or(seen.as_deref()) else { return Vec::new() };
    let lines: Vec<&String> = screen.lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(turn.rules.capture.last_lines);
    lines[from..].iter().map(|line| line.chars().take(300).collect()).collect()
}

fn looked(turn: &mut Turn<'_>, id: &AgentId, look: &Look) {
    if let Some(screen) = look.screen.clone() {
        see(turn, id, screen, look.taken);
    }
    if look.screen.as_ref().is_some_and(|screen| screen.mode.dead) {
        // A dead pane is an end, whether or not the feed says so; the list tells how it came.
        turn.ask(Effect::Survey);
    }
    stall::looked(turn, id, look);
}

/// A screen of the agent, new or looked at again.
fn see(turn: &mut Turn<'_>, id: &AgentId, screen: Arc<Screen>, taken: u64) {
    let now = turn.now.steady;
    let rules = turn.rules;
    let Some(backend) = account::backend(turn.state, rules, id) else { return };
    let watch = turn.watch(id);
    // An older picture that arrives after a newer one tells nothing new.
    if taken < watch.taken {
        return;
    }
    watch.taken = taken;
    if watch.screen.as_deref() == Some(&*screen) {
        return;
    }
    let first = watch.screen.is_none();
    let lines_moved = watch.screen.as_ref().is_none_or(|old| old.lines != screen.lines);
    let before = watch.screen.as_deref().map(|screen| (screen, &watch.known));
    let reading::Read { reading: read, calm, known } = reading::read_on(backend, &screen, before);
    if lines_moved && !first {
        watch.raw_changed = now;
        // A stopped process draws nothing.
        watch.suspended = false;
    }
    if calm != watch.calm {
        if !first {
            watch.calm_changed = now;
        }
        watch.calm = calm;
    }
    if read.said().is_none() {
        watch.unclear += 1;
    }
    let (composer, explained) = (read.composer.is_some(), read.said().is_some());
    watch.reading = Some(read);
    watch.screen = Some(screen);
    watch.known = known;
    sight::note(turn, id, calm, explained);
    stall::note_marker(turn, id);
    let ready = turn.agent(id).is_some_and(|agent| agent.ready.is_some());
    if composer && !ready {
        turn.record(Record::Ready { agent: id.clone() });
        turn.watch(id).grace_from = now;
    }
}

fn finished(turn: &mut Turn<'_>, id: EffectId, outcome: EffectOutcome) {
    let Some((agent, order)) = turn.state.orders.get(&id).cloned() else { return };
    if let Some(agent) = &agent {
        turn.watch(agent).flight = None;
    }
    let ended = match &outcome {
        EffectOutcome::Done | EffectOutcome::Started { .. } | EffectOutcome::Stopped { .. } => Record::Done { id },
        EffectOutcome::Found { process, .. } => {
            Record::Failed { id, why: format!("it lives already, as process {}", process.pid) }
        }
        EffectOutcome::Refused { why } => Record::Failed { id, why: format!("refused: {why:?}") },
        EffectOutcome::Failed { why } | EffectOutcome::Unknown { why } => Record::Failed { id, why: why.clone() },
    };
    turn.record(ended);
    match (agent, &order) {
        (Some(agent), Order::Start { incarnation, .. }) => {
            let ended = turn.watch(&agent).ended.take();
            launch::start_finished(turn, &agent, *incarnation, outcome);
            died_meanwhile(turn, &agent, ended);
        }
        (Some(agent), Order::Stop { cause }) => {
            let ended = turn.watch(&agent).ended.take();
            stop_finished(turn, &agent, *cause, outcome);
            died_meanwhile(turn, &agent, ended);
        }
        (Some(agent), Order::Paste { message }) => delivery::pasted(turn, &agent, *message, outcome),
        (Some(agent), Order::Post { message }) => post::posted(turn, &agent, *message, outcome),
        (Some(agent), Order::Submit { message }) => delivery::pressed(turn, &agent, *message, &outcome),
        (_, Order::Write { .. }) => {
            turn.state.seen.file_flight = None;
            turn.state.seen.file_failed = failure(&outcome).map(|why| (turn.now.steady, why));
        }
        (_, Order::StartServer) => server_started(turn, &outcome),
        (
            None,
            Order::Start { .. } | Order::Stop { .. } | Order::Paste { .. } | Order::Submit { .. } | Order::Post { .. },
        ) => {}
    }
}

/// An end that was told before the outcome of what was in flight.
fn died_meanwhile(turn: &mut Turn<'_>, id: &AgentId, ended: Option<(Incarnation, Exit)>) {
    let Some((incarnation, exit)) = ended else { return };
    if is_current(turn, id, incarnation) {
        pane_died(turn, id, exit, None);
    }
}

/// Why what was ordered was not done, as far as anybody knows.
fn failure(outcome: &EffectOutcome) -> Option<String> {
    match outcome {
        EffectOutcome::Done
        | EffectOutcome::Started { .. }
        | EffectOutcome::Found { .. }
        | EffectOutcome::Stopped { .. } => None,
        EffectOutcome::Refused { why } => Some(format!("{why:?}")),
        EffectOutcome::Failed { why } | EffectOutcome::Unknown { why } => Some(why.clone()),
    }
}

/// A server was started, or not. That one answers is told by its first list of panes, not by this.
fn server_started(turn: &mut Turn<'_>, outcome: &EffectOutcome) {
    turn.state.seen.server_flight = None;
    let failed = failure(outcome);
    if failed.is_none() && turn.state.seen.tmux == Tmux::Gone {
        turn.state.seen.tmux = Tmux::Unseen;
    }
    turn.state.seen.server_failed = failed.map(|why| (turn.now.steady, why));
}

fn stop_finished(turn: &mut Turn<'_>, id: &AgentId, cause: StopCause, outcome: EffectOutcome) {
    let now = turn.now.steady;
    match outcome {
        EffectOutcome::Stopped { left } => {
            life_ended(turn, id);
            stall::stopped(turn, id, cause, &left);
        }
        // It moved at the last look, or nobody knows: it lives, and all of its graces begin anew.
        EffectOutcome::Refused { .. } | EffectOutcome::Failed { .. } | EffectOutcome::Unknown { .. } => {
            let watch = turn.watch(id);
            watch.grace_from = now;
            watch.sample = None;
            watch.not_stopped = Some(now);
            // All others are thought over again; this one was somebody's wish, and is no longer known.
            if cause == StopCause::Restart {
                let what =
                    "it was not seen to end for the restart that was asked for: look, then ask again".to_string();
                turn.record(Record::Alerted { agent: Some(id.clone()), what });
            }
        }
        EffectOutcome::Done | EffectOutcome::Started { .. } | EffectOutcome::Found { .. } => {}
    }
}

/// A configuration is in force that was not before.
fn config_loaded(turn: &mut Turn<'_>) {
    // Its lines may mean something else by now.
    turn.state.watches.values_mut().for_each(|watch| watch.known = reading::Known::default());
    let digest = turn.rules.digest.clone();
    if turn.state.config_digest != digest {
        turn.record(Record::ConfigLoaded { digest });
    }
    decide::greet_new_agents(turn);
    phase::follow_config(turn);
}
