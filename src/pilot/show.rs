//! The state in words: what each agent is doing, and the whole picture for `status`.

use std::time::Duration;

use crate::config::model::{Backend, Config, ScreenSays};

use super::account;
use super::agent::{Agent, Job, Life, Watch};
use super::branch::PassedOn;
use super::budget::{self, Whose};
use super::id::{AgentId, PhaseId};
use super::launch;
use super::reading::{self, Reading};
use super::record::{AgentState, Record, Wish};
use super::restart;
use super::roster;
use super::sight;
use super::state::{Posted, State, Tmux};
use super::time::{Now, Time};
use super::turn::Turn;
use super::usage;
use super::view::{AgentView, HandoffView, MessageView, NextAction, PhaseItem, PhaseView, View, WatchView};

/// A state that was recorded stands at least this long, so that a flickering screen does not fill the log.
const STANDS: Duration = Duration::from_secs(1);
/// A screen no rule explains counts as work while it moved this recently.
const MOVED: Duration = Duration::from_secs(3);
/// A deadline of ours that asks for a word only, not for a deed: nobody waits for it.
const NAMING: &str = "call its state";
/// What is done with an agent whose screens can't be read.
const OBSERVED: &str = "it is only observed";
/// Settled messages shown.
const SETTLED_SHOWN: usize = 20;

/// What an agent is doing, why we think so, and when that has to be looked at again.
type Shown = (AgentState, String, Option<(Time, String)>);

/// Records a change of what the agent is doing. Returns when to look again.
pub(super) fn note_state(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let (state, why, again) = describe(turn, id)?;
    let agent = turn.agent(id)?;
    if same(&agent.shown, &state) {
        return again;
    }
    let rested = now.since(agent.shown_since) >= STANDS;
    if flickers(&agent.shown) && flickers(&state) && !rested {
        return Some((agent.shown_since + STANDS, NAMING.to_string()));
    }
    turn.record(Record::StateChanged { agent: id.clone(), state, why });
    again
}

/// The whole picture.
pub(super) fn view(state: &State, rules: &Config, now: Now) -> View {
    let tmux = match &state.seen.tmux {
        Tmux::Unseen => "not seen yet".to_string(),
        Tmux::Up => "up".to_string(),
        Tmux::Silent { why } => format!("silent: {why}"),
        Tmux::Gone => "gone".to_string(),
    };
    View {
        at: now.wall,
        project: rules.project.name.clone(),
        epoch: state.epoch,
        engine_pid: state.engine_pid,
        engine_since: state.engine_since,
        seq: state.seq,
        paused: state.paused,
        emergency_stop: state.emergency_stop,
        tmux,
        watch: WatchView {
            remote: rules.project.remote.clone(),
            branch: rules.project.branch.clone(),
            head: state.branch.baseline.clone(),
            broken: state.branch.broken.clone(),
            handoffs: handoff_views(state, now),
        },
        phase: phase_view(state, rules, now),
        agents: rules.agents.keys().filter_map(|id| agent_view(state, rules, now, id)).collect(),
        accounts: roster::views(state, rules, now),
        outbox: outbox_view(state),
        alerts: state.seen.alerts.values().cloned().collect(),
    }
}

fn handoff_views(state: &State, now: Now) -> Vec<HandoffView> {
    let view = |(prefix, passed): (&String, &PassedOn)| HandoffView {
        prefix: prefix.clone(),
        gate: passed.gate.clone(),
        sha: passed.sha.clone(),
        at: now.wall_of(passed.at),
    };
    state.branch.handoffs.iter().map(view).collect()
}

fn phase_view(state: &State, rules: &Config, now: Now) -> PhaseView {
    let sequence = &state.sequence;
    let item = |id: &PhaseId| PhaseItem {
        id: id.clone(),
        status: sequence.status(id).to_string(),
        title: rules.phases.get(id).map(|phase| phase.title.clone()).unwrap_or_default(),
        since: sequence.entered.get(id).map(|entered| now.wall_of(*entered)),
        spent_s: sequence.spent(id, now.steady).as_secs(),
    };
    PhaseView {
        current: sequence.current.clone(),
        sequence: sequence.phases.iter().map(item).collect(),
        complete: sequence.complete,
        blocked: sequence.blocked.clone(),
    }
}

fn agent_view(state: &State, rules: &Config, now: Now, id: &AgentId) -> Option<AgentView> {
    let agent = state.agents.get(id)?;
    let config = rules.agents.get(id)?;
    let watch = state.watches.get(id);
    let backend = account::backend(state, rules, id);
    let last_line = watch
        .and_then(|watch| watch.screen.as_ref())
        .map(|screen| backend.map_or_else(String::new, |backend| reading::last_line_of_sense(backend, screen)));
    let route = agent.route.as_ref();
    let action = |(at, what): &(Time, String)| NextAction { what: what.clone(), at: now.wall_of(*at) };
    let deadlines: Vec<NextAction> = watch
        .into_iter()
        .flat_map(|watch| {
            watch.deadlines.iter().filter(|(_, what)| what != NAMING && what != usage::COUNTING).map(action)
        })
        .collect();
    Some(AgentView {
        id: id.clone(),
        role: config.role.word().to_string(),
        backend: route.map_or(&config.backend, |route| &route.backend).clone(),
        wish: agent.wish,
        state: agent.shown.clone(),
        since: now.wall_of(agent.shown_since),
        evidence: evidence(agent, watch, account::backend(state, rules, id)),
        next: deadlines.first().cloned(),
        incarnation: agent.incarnation,
        pid: agent.process.as_ref().map(|process| process.pid),
        session: agent.place.as_ref().map(|place| place.session.clone()),
        pane: agent.place.as_ref().map(|place| place.pane.clone()),
        phase: agent.phase.clone(),
        restarts_today: agent.starts_today.1.saturating_sub(1),
        waiting_messages: u32::try_from(state.waiting(id).count()).unwrap_or(u32::MAX),
        last_line: last_line.unwrap_or_default(),
        model: route.map_or(&config.model, |route| &route.model).clone(),
        kind: config.kind.word().to_string(),
        restart: config.restart.word().to_string(),
        deadlines,
        host: state.host.clone(),
        dir: config.dir.to_string_lossy().into_owned(),
        deliver_in_turn: config.deliver_in_turn,
        gauges: watch.map(|watch| watch.gauges.clone()).unwrap_or_default(),
        version: watch.and_then(|watch| watch.version.clone()),
        unclear: watch.map(|watch| watch.sight.share()).unwrap_or_default(),
        used_today: usage::today(state, rules, now.steady, id),
        budget: config.budget.map(|budget| budget.to_string()),
        budget_percent: budget::percent(state, rules, now.steady, Whose::Agent(id)),
        billing: account::billing(state, rules, id),
        account: route.and_then(|route| route.account.clone()),
        account_why: agent.route_why.clone(),
    })
}

fn evidence(agent: &Agent, watch: Option<&Watch>, backend: Option<&Backend>) -> Vec<String> {
    let mut evidence = vec![agent.shown_why.clone()];
    if let Some(hold) = &agent.held {
        evidence.extend(hold.evidence.iter().cloned());
    }
    if let Some(watch) = watch.filter(|_| agent.up_since().is_some()) {
        if let Some(reading) = &watch.reading {
            let by = match &reading.rule {
                Some(rule) => format!("screen read by the rule {rule:?}"),
                None if reading.composer.is_some() => "its composer is on the screen and no rule says more".to_string(),
                None => "no rule explains its screen".to_string(),
            };
            evidence.push(format!("{by}: {}", reading.evidence));
            evidence.extend(reading.notes.iter().map(|note| format!("noted on its screen: {note}")));
        }
        if let Some(state) = &watch.program {
            evidence.push(format!("its program says that it is {}", state.words()));
        }
        evidence.extend(watch.gauges.lines());
        if let Some(marker) = &watch.marker {
            evidence.push(format!("marker {:?} seen {}, waits until {}", marker.line, marker.first_seen, marker.until));
        }
        evidence.push(format!("last sign of life {}", watch.last_sign()));
        if let Some(since) = agent.sight_lost {
            evidence.push(format!("{OBSERVED} since {since}"));
        }
        evidence.extend(sight::words(watch, backend));
    }
    if let (Life::Down { .. }, Some(exit)) = (agent.life, agent.last_exit) {
        evidence.push(restart::exit_words(exit));
        evidence.extend(agent.last_screen.iter().cloned());
    }
    evidence.retain(|line| !line.is_empty());
    evidence
}

fn outbox_view(state: &State) -> Vec<MessageView> {
    let settled = state.outbox.values().filter(|posted| posted.stage.settled()).count();
    let skip = settled.saturating_sub(SETTLED_SHOWN);
    let mut passed = 0;
    let shown = state.outbox.values().filter(|posted| {
        if posted.stage.settled() {
            passed += 1;
            return passed > skip;
        }
        true
    });
    shown.map(message_view).collect()
}

fn message_view(posted: &Posted) -> MessageView {
    let message = &posted.message;
    let preview: String = message.text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).take(80).collect();
    MessageView {
        id: message.id,
        agent: message.agent.clone(),
        origin: message.origin.clone(),
        stage: posted.stage.clone(),
        queued_at: message.queued_at,
        preview,
    }
}

/// Two states that differ only in a time that slides are the same news.
fn same(old: &AgentState, new: &AgentState) -> bool {
    match (old, new) {
        (AgentState::Waiting { until: a }, AgentState::Waiting { until: b })
        | (AgentState::Backoff { until: a }, AgentState::Backoff { until: b }) => a == b,
        (AgentState::Unknown { .. }, AgentState::Unknown { .. }) => true,
        _ => old == new,
    }
}

/// States that a restless screen goes to and fro between; all others are news at once, an end above all.
fn flickers(state: &AgentState) -> bool {
    matches!(state, AgentState::Idle | AgentState::Working | AgentState::Waiting { .. })
}

/// What the agent is doing, why we think so, and when that has to be looked at again.
fn describe(turn: &Turn<'_>, id: &AgentId) -> Option<Shown> {
    let agent = turn.agent(id)?;
    if let (Some(hold), false) = (&agent.held, matches!(agent.life, Life::Stopping { .. })) {
        return Some((AgentState::Held { cause: hold.cause.clone() }, hold.cause.clone(), None));
    }
    if let Some(shown) = barred(turn, agent, id) {
        return Some(shown);
    }
    match agent.life {
        Life::Starting { .. } => Some((AgentState::Starting, "its start is ordered".to_string(), None)),
        Life::Stopping { cause, .. } => Some((AgentState::Stopping, cause.words().to_string(), None)),
        Life::Down { .. } => {
            let state = down(turn, agent, id);
            // It is over also where nobody is started then.
            let over = agent.not_before.filter(|_| matches!(state, AgentState::Backoff { .. }));
            Some((state, down_words(turn, agent, id), over.map(|until| (until, NAMING.to_string()))))
        }
        Life::Up { .. } => {
            if let Tmux::Silent { why } = &turn.state.seen.tmux {
                return Some((AgentState::Unknown { why: why.clone() }, "tmux does not answer".to_string(), None));
            }
            let watch = turn.state.watches.get(id)?;
            // After a start of ours nothing has been seen yet: what was said last stands.
            if watch.screen.is_none() && agent.ready.is_some() {
                return None;
            }
            Some(running(turn, agent, watch))
        }
    }
}

/// It can't go on for its account's sake.
fn barred(turn: &Turn<'_>, agent: &Agent, id: &AgentId) -> Option<Shown> {
    let (why, until) = turn.state.watches.get(id)?.barred.clone()?;
    match (agent.life, until) {
        (Life::Starting { .. } | Life::Stopping { .. }, _) => None,
        (Life::Down { .. } | Life::Up { .. }, Some(until)) => {
            Some((AgentState::Limited { until: Some(until) }, why, None))
        }
        (Life::Down { .. } | Life::Up { .. }, None) => Some((AgentState::Held { cause: why.clone() }, why, None)),
    }
}

fn down(turn: &Turn<'_>, agent: &Agent, id: &AgentId) -> AgentState {
    let waits = agent.not_before.filter(|until| turn.now.steady < *until);
    match (agent.wish, agent.job, waits) {
        (_, Job::Finished { .. }, _) => AgentState::Finished,
        (Wish::Stopped, _, _) => AgentState::Stopped,
        _ if turn.state.emergency_stop => AgentState::Stopped,
        _ if turn.state.sequence.complete && !launch::wanted(turn, id) => AgentState::Finished,
        (Wish::Running, _, Some(until)) => AgentState::Backoff { until },
        (Wish::Running, _, None) if restart::rests(turn, id) || !launch::wanted(turn, id) => AgentState::Finished,
        (Wish::Running, _, None) => AgentState::Down,
    }
}

fn down_words(turn: &Turn<'_>, agent: &Agent, id: &AgentId) -> String {
    if turn.state.sequence.complete && agent.wish == Wish::Running && !launch::wanted(turn, id) {
        return "the sequence of phases is complete".to_string();
    }
    agent.delayed.clone().unwrap_or_default()
}

fn running(turn: &Turn<'_>, agent: &Agent, watch: &Watch) -> Shown {
    let now = turn.now.steady;
    let evidence = watch.reading.as_ref().map(|reading| reading.evidence.clone()).unwrap_or_default();
    if agent.sight_lost.is_some() {
        return (AgentState::Unknown { why: "no rule explains its screens".to_string() }, OBSERVED.to_string(), None);
    }
    if let Some(limit) = &agent.limit {
        return (AgentState::Limited { until: limit.until }, limit.text.clone(), None);
    }
    if watch.suspended {
        return (AgentState::Suspended, "its process is stopped by a signal".to_string(), None);
    }
    let failed = watch.failed.as_ref().and_then(Reading::said).filter(|said| *said == ScreenSays::AuthFailed);
    let seen = watch.said();
    let said = failed.or(seen.map(|said| if watch.quotes(said) { ScreenSays::Idle } else { said }));
    let state = match said {
        Some(ScreenSays::Dialog) => AgentState::AtDialog { dialog: watch.dialog() },
        Some(ScreenSays::AuthFailed) => AgentState::AuthFailed,
        Some(ScreenSays::Retrying) => AgentState::Retrying,
        _ if agent.ready.is_none() => AgentState::Starting,
        Some(ScreenSays::Busy) => AgentState::Working,
        _ if watch.in_turn(now, turn.rules.stall.idle) => AgentState::Working,
        // The words of an old limit or an error are still there, and it waits for input.
        Some(ScreenSays::Idle | ScreenSays::Limited | ScreenSays::Poisoned | ScreenSays::Fatal) => {
            at_rest(agent, watch)
        }
        _ => return unexplained(watch, now, evidence),
    };
    (state, evidence, None)
}

fn at_rest(agent: &Agent, watch: &Watch) -> AgentState {
    match (&watch.marker, agent.job) {
        (Some(marker), _) => AgentState::Waiting { until: marker.until },
        (None, Job::Finished { .. }) => AgentState::Finished,
        (None, Job::Idle | Job::Running { .. }) => AgentState::Idle,
    }
}

fn unexplained(watch: &Watch, now: Time, evidence: String) -> Shown {
    if now.since(watch.raw_changed) < MOVED {
        let again = (watch.raw_changed + MOVED, NAMING.to_string());
        return (AgentState::Working, evidence, Some(again));
    }
    (AgentState::Unknown { why: "no rule explains its screen".to_string() }, evidence, None)
}
