//! Starting and stopping an agent: when, with which argv, in which conversation.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::accounts;
use crate::config::launch::{CONVERSATION, Holes, Paths, attaches, launch_argv, names_conversation, resume_argv};
use crate::config::model::{self, Config, Kind, McpSpec, RestartPolicy, Role};
use crate::config::prompts;

use super::account;
use super::agent::{Job, Life};
use super::effect::{Attach, Effect, LaunchSpec, Outcome, Refusal};
use super::fact::{Identity, Place, Search};
use super::heal;
use super::id::{AccountId, AgentId, Incarnation};
use super::message::Origin;
use super::record::{Order, Record, StopCause, Wish};
use super::restart;
use super::stall;
use super::time::Time;
use super::turn::Turn;

/// A found or unknown orchestrator is looked for again after this.
const SEARCH_AGAIN: Duration = Duration::from_secs(60);
/// A search that does not come back is repeated after this.
const SEARCH_PATIENCE: Duration = Duration::from_secs(20);
/// A start of which nobody knows is followed up after this: tmux needs a moment to carry out what it was told.
const UNSEEN_AGAIN: Duration = Duration::from_secs(5);
/// Whether the server that it attaches to is up shows at once; looked at again all the same.
const SERVER_AGAIN: Duration = Duration::from_secs(60);
/// A start that was positively refused (missing folder, foreign session) is tried again after this.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);

/// Whether the agent should be running now, all wishes and rules together.
pub(super) fn wanted(turn: &Turn<'_>, id: &AgentId) -> bool {
    turn.agent(id).zip(turn.rules.agents.get(id)).is_some_and(|(agent, rules)| {
        let sequence = &turn.state.sequence;
        let no_phase = sequence.complete || (sequence.current.is_none() && !sequence.phases.is_empty());
        let idle_loop = (phased(rules) && no_phase) || !heal::minded(turn, id);
        // A job is started for a run; after it, it stays as it is.
        let idle_job = rules.kind == Kind::Job && !matches!(agent.job, Job::Running { .. });
        agent.wish == Wish::Running && !turn.state.emergency_stop && !idle_loop && !idle_job
    })
}

/// Loops that are restarted at each change of phase: all but the orchestrator.
pub(super) fn phased(rules: &model::Agent) -> bool {
    rules.kind == Kind::Loop && rules.role != Role::Orchestrator
}

/// Brings up an agent that is down and wanted, or says what it waits for.
pub(super) fn bring_up(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    if restart::rests(turn, id) {
        return None;
    }
    if let Some(wait) = restart::start_waits(turn, id) {
        return Some(wait);
    }
    let rules = turn.rules.agents.get(id)?;
    if rules.restart == RestartPolicy::IfAbsentAnywhere
        && let Some(wait) = someone_else(turn, id, rules)
    {
        return Some(wait);
    }
    match account::at_start(turn, id) {
        Ok(begun) if !served(turn, &begun.agent) => {
            let server = begun.agent.attach.as_ref().map(ToString::to_string).unwrap_or_default();
            Some((turn.now.steady + SERVER_AGAIN, format!("start it when {server} is up")))
        }
        Ok(begun) => start(turn, &begun),
        // Who was held for what was seen waits for a person and for nothing else.
        Err(wait) => Some(wait).filter(|_| turn.agent(id).is_some_and(|agent| agent.held.is_none())),
    }
}

/// Whether the server that it attaches to, if any, is there.
fn served(turn: &Turn<'_>, rules: &model::Agent) -> bool {
    let server = rules.attach.as_ref().map(|server| turn.agent(server));
    server.is_none_or(|server| {
        server.is_some_and(|server| matches!(server.life, Life::Up { .. }) && server.ready.is_some())
    })
}

/// The answer to the search for one launched by hand.
pub(super) fn searched(turn: &mut Turn<'_>, id: &AgentId, found: Search) {
    let now = turn.now.steady;
    let watch = turn.watch(id);
    watch.search_asked = None;
    watch.searched = Some((now, found));
}

/// Orders the end of an agent.
pub(super) fn stop(turn: &mut Turn<'_>, id: &AgentId, cause: StopCause, unless_moved: Option<u64>) {
    let Some(agent) = turn.agent(id) else { return };
    let (place, process) = (agent.place.clone(), agent.process.clone());
    let grace = turn.rules.restart.stop_grace;
    let agent = id.clone();
    turn.order(Some(id), Order::Stop { cause }, |id| Effect::Stop { id, agent, place, process, grace, unless_moved });
}

/// What came of an ordered start.
pub(super) fn start_finished(turn: &mut Turn<'_>, id: &AgentId, incarnation: Incarnation, outcome: Outcome) {
    match outcome {
        Outcome::Started { place, process } => started(turn, id, incarnation, place, process),
        Outcome::Refused { why } => refused(turn, id, &why),
        Outcome::Failed { why } => {
            restart::charge(turn, id, Duration::ZERO, &format!("it could not be started: {why}"), Vec::new());
        }
        Outcome::Found { incarnation, place, process } => started(turn, id, incarnation, place, process),
        // Nobody knows: the next list of panes may tell, and the next start looks before it acts.
        Outcome::Unknown { why } => {
            let until = turn.now.steady + UNSEEN_AGAIN;
            let why = format!("nobody saw whether it was started ({why}): it is looked for first");
            turn.record(Record::StartDelayed { agent: id.clone(), until, why });
        }
        Outcome::Done | Outcome::Stopped { .. } => {}
    }
}

/// A new life of an agent is there: its start prompt is queued in the same breath.
pub(super) fn started(turn: &mut Turn<'_>, id: &AgentId, incarnation: Incarnation, place: Place, process: Identity) {
    let known = turn.agent(id).map(|agent| (agent.phase.clone(), agent.conversation.clone(), agent.rerouted));
    let (phase, conversation, rerouted) = known.unwrap_or_default();
    let inherited = rerouted && conversation.is_some();
    let started =
        Record::Started { agent: id.clone(), incarnation, place, process, phase: phase.clone(), conversation };
    turn.record(started);
    turn.state.watches.remove(id);
    turn.watch(id).inherited = inherited;
    // Its first picture may have come before the news of its start, and was nobody's then.
    stall::look(turn, id);
    expire_bound(turn, id, incarnation);
    if turn.rules.agents.get(id).is_some_and(|rules| rules.kind == Kind::Service) {
        return;
    }
    match prompts::render_start(turn.rules, id, phase.as_ref()) {
        Ok(text) => {
            turn.queue(id, Origin::StartPrompt { phase }, &text, true);
        }
        Err(why) => {
            let cause = format!("its start prompt can't be made: {why}");
            turn.record(Record::Held { agent: id.clone(), cause, evidence: Vec::new(), spent: false, until: None });
        }
    }
}

/// Orders a start. There is nothing to wait for, then.
fn start(turn: &mut Turn<'_>, begun: &account::Start) -> Option<(Time, String)> {
    let (rules, id) = (&begun.agent, &begun.agent.id);
    let backend = turn.rules.backends.get(&rules.backend)?;
    let agent = turn.agent(id)?;
    let incarnation = Incarnation(agent.incarnation.0 + 1);
    let resumed = agent
        .conversation
        .clone()
        .filter(|conversation| begun.keeps && !agent.fresh_next && !agent.quarantined.contains(conversation));
    let phase = if phased(rules) { turn.state.sequence.current.clone() } else { None };
    let fresh = if names_conversation(backend) { Some(turn.uuid()) } else { None };
    let paths = Paths::of(&turn.rules.root, rules);
    let phase_text = phase.as_ref().map(ToString::to_string).unwrap_or_default();
    let holes = |conversation| Holes { conversation, phase: &phase_text, ..Holes::of(rules, &paths) };
    let resume = resumed.as_ref().and_then(|old| Some((old.clone(), resume_argv(backend, &holes(old.as_str()))?)));
    let resumes = resume.as_ref().map(|(old, _)| old.clone());
    let (conversation, argv) = match resume {
        Some((old, argv)) => (Some(old), argv),
        // Where the program names it, the edge fills in what is told it.
        None => (fresh.clone(), launch_argv(backend, &holes(fresh.as_deref().unwrap_or(CONVERSATION)))),
    };
    let spec = spec(turn.rules, rules, begun.way.account.as_ref(), argv, &phase_text);
    let spec = LaunchSpec { resumes, ..spec };
    let now = turn.now.steady;
    turn.state.seen.starts.push(now);
    restart::take_home(turn, &begun.way);
    let agent = id.clone();
    let order = Order::Start { incarnation, phase, conversation };
    turn.order(Some(id), order, |id| Effect::Start { id, agent, incarnation, spec });
    None
}

/// All that a start of this agent needs to know, but for what the engine adds where it runs.
pub fn spec(
    config: &Config,
    rules: &model::Agent,
    account: Option<&AccountId>,
    argv: Vec<String>,
    phase: &str,
) -> LaunchSpec {
    let backend = config.backends.get(&rules.backend);
    let account = account.and_then(|account| config.accounts.get(account));
    let env = BTreeMap::from([
        ("FLIGHTDECK_AGENT".to_string(), rules.id.to_string()),
        ("FLIGHTDECK_ROLE".to_string(), rules.role.word().to_string()),
        ("FLIGHTDECK_PHASE".to_string(), phase.to_string()),
    ]);
    let mcp = rules.mcp.as_ref().map(|names| McpSpec {
        way: backend.map(|backend| backend.mcp_way).unwrap_or_default(),
        servers: names.iter().filter_map(|name| config.mcp.get(name).cloned()).collect(),
    });
    LaunchSpec {
        argv,
        channel: backend.map(|backend| backend.channel).unwrap_or_default(),
        mcp,
        cwd: rules.dir.clone(),
        env,
        env_file: rules.env_file.clone(),
        account: account.zip(backend).map(|(account, backend)| accounts::credential(account, backend)),
        resumes: None,
        attach: rules.attach.clone().filter(|_| backend.is_some_and(attaches)).map(|server| {
            let model = rules.model.clone();
            Box::new(Attach { server, model })
        }),
        size: rules.size,
        history: config.capture.history,
    }
}

/// Whether one of its kind may run that we did not start; unknown counts as yes (fault A8 of the watchdog's list).
fn someone_else(turn: &mut Turn<'_>, id: &AgentId, rules: &model::Agent) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let names = turn.rules.backends.get(&rules.backend).map(|backend| backend.process_names.clone())?;
    if names.is_empty() {
        return None;
    }
    let dir = turn.rules.root.clone();
    let watch = turn.watch(id);
    let recent = watch.searched.clone().filter(|(at, _)| now.since(*at) < SEARCH_AGAIN);
    match recent {
        Some((_, Search::None)) => {
            watch.searched = None;
            None
        }
        Some((at, Search::Found { pid })) => {
            Some((at + SEARCH_AGAIN, format!("look again whether process {pid}, launched by hand, still runs")))
        }
        Some((at, Search::Unknown { why })) => {
            Some((at + SEARCH_AGAIN, format!("look again whether one runs that was launched by hand ({why})")))
        }
        None => {
            if watch.search_asked.is_none_or(|asked| now.since(asked) >= SEARCH_PATIENCE) {
                watch.search_asked = Some(now);
                turn.ask(Effect::Search { agent: id.clone(), process_names: names, dir });
            }
            Some((now + SEARCH_PATIENCE, "look for one launched by hand".to_string()))
        }
    }
}

fn refused(turn: &mut Turn<'_>, id: &AgentId, why: &Refusal) {
    let cause = match why {
        Refusal::NoCwd(path) => {
            format!("its folder {path} is missing: make it (its own clone), it is looked for again")
        }
        Refusal::EnvFile(problem) => format!("its env file is refused: {problem}"),
        Refusal::Foreign(session) => {
            format!("session {session} has its name and is not ours: rename or close that session")
        }
        Refusal::AlreadyAlive(pid) => format!("process {pid} already runs as this agent: end it, or wait for its end"),
        Refusal::PaneDead
        | Refusal::PaneMissing
        | Refusal::InMode
        | Refusal::InputOff
        | Refusal::Synchronized
        | Refusal::NoComposer
        | Refusal::Draft
        | Refusal::Busy
        | Refusal::TextGone
        | Refusal::Moved => format!("the start was refused: {why:?}"),
    };
    let until = turn.now.steady + REFUSED_AGAIN;
    turn.record(Record::StartDelayed { agent: id.clone(), until, why: cause });
}

/// Words meant for an earlier life (fault M14).
fn expire_bound(turn: &mut Turn<'_>, id: &AgentId, incarnation: Incarnation) {
    use super::message::Stage;
    let old: Vec<_> = turn
        .state
        .waiting(id)
        .filter(|posted| posted.message.only.is_some_and(|only| only != incarnation))
        .map(|posted| posted.message.id)
        .collect();
    for message in old {
        turn.move_message(
            message,
            id,
            Stage::Expired { why: "it was meant for an earlier start of the agent".to_string() },
        );
    }
}

/// Whether the life that is up belongs to the run that was asked for.
pub(super) fn belongs_to_run(turn: &Turn<'_>, id: &AgentId) -> bool {
    turn.agent(id).is_none_or(|agent| match (agent.job, agent.life) {
        (Job::Running { since: asked }, Life::Up { since } | Life::Starting { since }) => since >= asked,
        (Job::Idle | Job::Finished { .. } | Job::Running { .. }, _) => true,
    })
}
