//! The fleet as the log last knew it, for a workspace without an engine. Reads only; what only an engine sees (screens,
//! what comes next) is missing.

use std::path::Path;

use crate::config::prices::Billing;
use crate::edge::clock;
use crate::edge::files::FileError;
use crate::edge::store::{Filter, PAGE_CAP, Page, Reader, StoreError};
use crate::pilot::agent::Agent;
use crate::pilot::branch::PassedOn;
use crate::pilot::gauge::Gauges;
use crate::pilot::id::{AgentId, PhaseId};
use crate::pilot::state::State;
use crate::pilot::time::Time;
use crate::pilot::usage::Used;
use crate::pilot::view::{AgentView, HandoffView, PhaseItem, PhaseView, View, WatchView};

use super::error::{CliError, Kind};
use super::workspace;

/// The picture, and the time of the last record; `None`: nothing was ever recorded.
pub fn view(root: &Path) -> Result<Option<(View, Time)>, CliError> {
    Ok(state(root)?.map(|state| (of(&state, root), state.last_at)))
}

/// What the records come to; `None`: nothing was ever recorded.
pub fn state(root: &Path) -> Result<Option<State>, CliError> {
    let Some(reader) = reader(root)? else { return Ok(None) };
    let mut state = State::default();
    loop {
        let rows = reader.rows(&Filter::default(), Page::After(state.seq), PAGE_CAP).map_err(unreadable)?;
        let Some(last) = rows.last() else { break };
        let last = last.stamp.seq;
        for row in rows {
            // A record that is damaged or of a newer flightdeck is left out, as an engine would.
            if let Ok(record) = row.record() {
                state.apply(row.stamp, &record);
            }
        }
        state.seq = last;
    }
    Ok((state.seq > 0).then_some(state))
}

/// The log of a workspace; `None`: there is none yet.
pub fn reader(root: &Path) -> Result<Option<Reader>, CliError> {
    match Reader::open(&workspace::records(root)) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::File(FileError::Missing(_))) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// The words for a log that can't be read.
pub fn unreadable(error: StoreError) -> CliError {
    CliError::new(Kind::Machine, "the log of records can't be read").cause(error)
}

fn of(state: &State, root: &Path) -> View {
    let sequence = &state.sequence;
    let at = clock::wall();
    let item = |id: &PhaseId| PhaseItem {
        id: id.clone(),
        status: sequence.status(id).to_string(),
        title: String::new(),
        since: sequence.entered.get(id).copied(),
        spent_s: sequence.spent(id, at).as_secs(),
    };
    let handoff = |(prefix, passed): (&String, &PassedOn)| HandoffView {
        prefix: prefix.clone(),
        gate: passed.gate.clone(),
        sha: passed.sha.clone(),
        at: passed.at,
    };
    let (remote, branch) = state.branch.of.clone().unzip();
    View {
        at,
        project: root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        epoch: state.epoch,
        engine_pid: 0,
        engine_since: state.engine_since,
        seq: state.seq,
        paused: state.paused,
        emergency_stop: state.emergency_stop,
        tmux: "not looked at without an engine".to_string(),
        watch: WatchView {
            remote,
            branch: branch.unwrap_or_default(),
            head: state.branch.baseline.clone(),
            broken: state.branch.broken.clone(),
            handoffs: state.branch.handoffs.iter().map(handoff).collect(),
        },
        phase: PhaseView {
            current: sequence.current.clone(),
            sequence: sequence.phases.iter().map(item).collect(),
            complete: sequence.complete,
            blocked: sequence.blocked.clone(),
        },
        agents: state.agents.iter().map(|(id, agent)| agent_of(state, id, agent)).collect(),
        accounts: Vec::new(),
        outbox: Vec::new(),
        alerts: state.agents.iter().filter_map(|(id, agent)| held(id, agent)).collect(),
    }
}

fn held(id: &AgentId, agent: &Agent) -> Option<String> {
    let hold = agent.held.as_ref()?;
    Some(format!("{id} is held: {}; `flightdeck release {id}`", hold.cause))
}

fn agent_of(state: &State, id: &AgentId, agent: &Agent) -> AgentView {
    AgentView {
        id: id.clone(),
        role: String::new(),
        backend: String::new(),
        wish: agent.wish,
        state: agent.shown.clone(),
        since: agent.shown_since,
        evidence: vec![agent.shown_why.clone()],
        next: None,
        incarnation: agent.incarnation,
        pid: agent.process.as_ref().map(|process| process.pid),
        session: agent.place.as_ref().map(|place| place.session.clone()),
        pane: agent.place.as_ref().map(|place| place.pane.clone()),
        phase: agent.phase.clone(),
        restarts_today: agent.starts_today.1.saturating_sub(1),
        waiting_messages: u32::try_from(state.waiting(id).count()).unwrap_or(u32::MAX),
        last_line: agent.last_screen.last().cloned().unwrap_or_default(),
        model: String::new(),
        kind: String::new(),
        restart: String::new(),
        deadlines: Vec::new(),
        host: state.host.clone(),
        dir: String::new(),
        deliver_in_turn: false,
        gauges: Gauges::default(),
        version: None,
        unclear: (0, 0),
        used_today: if agent.used_today.0 == state.last_at.midnight() { agent.used_today.1 } else { Used::default() },
        budget: None,
        budget_percent: None,
        billing: Billing::Unknown,
        account: agent.route.as_ref().and_then(|route| route.account.clone()),
        account_why: agent.route_why.clone(),
    }
}
