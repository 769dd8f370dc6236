//! What the operator asks for. Each command is accepted, with what follows from it, or refused with the reason and what
//! to do; nothing is done half.

use crate::config::model::Kind;
use crate::config::prompts;

use super::agent::Life;
use super::command::{Answer, Command};
use super::effect::Effect;
use super::event::Ask;
use super::id::{AccountId, AgentId, MessageId, PhaseId};
use super::message::{Origin, Stage, clean_text};
use super::record::{Actor, Record, StopCause, Wish};
use super::state::Tmux;
use super::time::Time;
use super::turn::Turn;
use super::{account, heal, job, launch, phase, proof, restart, roster, show};

type Result = std::result::Result<Answer, (String, Option<String>)>;

/// Carries out a command and answers the one who asked.
pub(super) fn asked(turn: &mut Turn<'_>, ask: Ask, command: Command) {
    let answer = match obey(turn, ask, command) {
        Ok(answer) => answer,
        Err((why, hint)) => Answer::Refused { why, hint },
    };
    turn.ask(Effect::Reply { ask, answer });
}

fn obey(turn: &mut Turn<'_>, ask: Ask, command: Command) -> Result {
    match command {
        Command::Status => Ok(Answer::Status { view: Box::new(show::view(turn.state, turn.rules, turn.now)) }),
        Command::Start { agent } => start(turn, &agent),
        Command::Stop { agent } => stop(turn, &agent),
        Command::Restart { agent, fresh } => restart_agent(turn, &agent, fresh),
        Command::Send { agent, text } => send(turn, &agent, &text),
        Command::Ping { agent } => ping(turn, &agent),
        Command::Hold { agent, reason } => hold(turn, &agent, &reason),
        Command::Release { agent } => release(turn, &agent),
        Command::Pause => Ok(pause(turn)),
        Command::Resume => Ok(resume(turn)),
        Command::EmergencyStop => Ok(emergency_stop(turn)),
        Command::PhaseNext => phase_next(turn),
        Command::PhaseGoto { phase } => phase_goto(turn, &phase),
        Command::PhaseAppend { phase } => phase_append(turn, &phase),
        Command::PhaseInsert { phase, before } => phase_insert(turn, &phase, before),
        Command::PhaseRemove { phase } => phase_remove(turn, &phase),
        Command::RunJob { agent, fresh } => run_job(turn, &agent, fresh),
        Command::Drop { message } => drop_message(turn, message),
        Command::Retry { message } => retry(turn, message),
        Command::Probe { account } => probe(turn, account.as_ref()),
        Command::Reload => {
            turn.ask(Effect::Reload { ask: Some(ask) });
            accepted("the configuration is read again")
        }
        Command::Shutdown => {
            turn.ask(Effect::Quit { code: 0 });
            accepted("the engine ends, agents go on")
        }
    }
}

fn accepted(what: impl Into<String>) -> Result {
    Ok(Answer::Accepted { what: what.into() })
}

fn refused(why: impl Into<String>, hint: impl Into<String>) -> Result {
    Err((why.into(), Some(hint.into())))
}

fn known(turn: &Turn<'_>, id: &AgentId) -> std::result::Result<(), (String, Option<String>)> {
    if turn.rules.agents.contains_key(id) {
        return Ok(());
    }
    let names: Vec<&str> = turn.rules.agents.keys().map(AgentId::as_str).collect();
    Err((format!("no agent is called {id}"), Some(format!("known agents: {}", names.join(", ")))))
}

fn wish(turn: &mut Turn<'_>, id: &AgentId, wish: Wish) {
    turn.record(Record::Wished { agent: id.clone(), wish, by: Actor::Operator });
}

fn start(turn: &mut Turn<'_>, id: &AgentId) -> Result {
    known(turn, id)?;
    if is_job(turn, id) {
        return run_job(turn, id, false);
    }
    if turn.state.emergency_stop {
        return refused("an emergency stop is in force", "`flightdeck resume` ends it");
    }
    if !heal::minded(turn, id) {
        return unminded(id);
    }
    let held = turn.agent(id).and_then(|agent| agent.held.as_ref().map(|hold| hold.cause.clone()));
    if let Some(cause) = held {
        return refused(format!("{id} is held: {cause}"), format!("`flightdeck release {id}` lets it go"));
    }
    wish(turn, id, Wish::Running);
    match turn.agent(id).map(|agent| agent.life) {
        Some(Life::Up { .. } | Life::Starting { .. }) => accepted(format!("{id} is running already")),
        Some(Life::Down { .. } | Life::Stopping { .. }) | None => accepted(begun(turn, id)),
    }
}

/// What follows from the wish that it runs.
fn begun(turn: &Turn<'_>, id: &AgentId) -> String {
    if launch::wanted(turn, id) {
        return format!("{id} is started");
    }
    format!("{id} is started with the next phase: none is active (`flightdeck phase append ID` adds one)")
}

fn stop(turn: &mut Turn<'_>, id: &AgentId) -> Result {
    known(turn, id)?;
    wish(turn, id, Wish::Stopped);
    accepted(format!("{id} is to be stopped, and to stay so until `flightdeck start {id}`"))
}

fn restart_agent(turn: &mut Turn<'_>, id: &AgentId, fresh: bool) -> Result {
    known(turn, id)?;
    if turn.state.emergency_stop || turn.state.paused {
        return refused("no action is taken while paused or after an emergency stop", "`flightdeck resume` first");
    }
    if is_job(turn, id) {
        return run_job(turn, id, true);
    }
    if !heal::minded(turn, id) {
        return unminded(id);
    }
    let up = turn.agent(id).is_some_and(|agent| matches!(agent.life, Life::Up { .. }));
    if up && turn.state.seen.tmux != Tmux::Up {
        return refused("tmux does not answer just now", "`flightdeck status` says since when");
    }
    if turn.watch(id).flight.is_some() {
        return refused(format!("{id} has an effect in flight just now"), "try again in a moment");
    }
    if turn.agent(id).is_some_and(|agent| agent.held.is_some()) {
        restart::release(turn, id, Actor::Operator);
    }
    wish(turn, id, Wish::Running);
    if fresh {
        let why = "a fresh start was asked for".to_string();
        turn.record(Record::Quarantined { agent: id.clone(), conversation: None, why });
    }
    if up {
        launch::stop(turn, id, StopCause::Restart, None);
        return accepted(format!("{id} is restarted"));
    }
    accepted(begun(turn, id))
}

fn send(turn: &mut Turn<'_>, id: &AgentId, text: &str) -> Result {
    known(turn, id)?;
    if let Err(why) = clean_text(text) {
        return Err((why, None));
    }
    if is_command(turn, id, text) {
        return refused(
            format!("{id} would run that as a command of its program, and take it for no message"),
            format!("put a word before it; or run it yourself: `flightdeck attach {id}`"),
        );
    }
    queue(turn, id, Origin::Operator, text)
}

fn is_command(turn: &Turn<'_>, id: &AgentId, text: &str) -> bool {
    let backend = account::backend(turn.state, turn.rules, id);
    backend.and_then(|backend| backend.composer.command.as_ref()).is_some_and(|command| command.is_match(text))
}

fn ping(turn: &mut Turn<'_>, id: &AgentId) -> Result {
    known(turn, id)?;
    let phase = turn.agent(id).and_then(|agent| agent.phase.clone());
    match prompts::render_nudge(turn.rules, id, phase.as_ref()) {
        Ok(text) => queue(turn, id, Origin::Nudge, &text),
        Err(why) => Err((format!("the ping can't be made: {why}"), None)),
    }
}

fn queue(turn: &mut Turn<'_>, id: &AgentId, origin: Origin, text: &str) -> Result {
    if turn.rules.agents.get(id).is_some_and(|rules| rules.kind == Kind::Service) {
        return refused(format!("{id} is a service, which nobody speaks to"), "name one of the agents that use it");
    }
    let cap = turn.rules.delivery.queue;
    if turn.state.waiting(id).count() >= cap {
        return refused(
            format!("{cap} messages already wait for {id}"),
            "`flightdeck outbox` shows them, `outbox drop` ends one",
        );
    }
    match turn.queue(id, origin, text, false) {
        Some(message) => Ok(Answer::Queued { message }),
        None => refused("the text can't be typed", "see `flightdeck events`"),
    }
}

fn hold(turn: &mut Turn<'_>, id: &AgentId, reason: &str) -> Result {
    known(turn, id)?;
    let reason: String = reason.chars().filter(|c| !super::message::is_hostile(*c) && *c != '\n').take(200).collect();
    let cause =
        if reason.is_empty() { "held by the operator".to_string() } else { format!("held by the operator: {reason}") };
    turn.record(Record::Held { agent: id.clone(), cause, evidence: Vec::new(), spent: false, until: None });
    accepted(format!("{id} is held: nothing is done with it until `flightdeck release {id}`"))
}

fn release(turn: &mut Turn<'_>, id: &AgentId) -> Result {
    known(turn, id)?;
    restart::release(turn, id, Actor::Operator);
    account::release(turn, id);
    accepted(format!("{id} is released"))
}

fn probe(turn: &mut Turn<'_>, only: Option<&AccountId>) -> Result {
    let names: Vec<AccountId> = turn.rules.accounts.keys().cloned().collect();
    if names.is_empty() {
        return refused("no accounts are configured", "write [accounts.NAME] into flightdeck.toml");
    }
    if let Some(unknown) = only.filter(|only| !names.contains(only)) {
        let known: Vec<&str> = names.iter().map(AccountId::as_str).collect();
        return refused(format!("no account is called {unknown}"), format!("known accounts: {}", known.join(", ")));
    }
    let mut tried = Vec::new();
    for account in names.iter().filter(|name| only.is_none_or(|only| only == *name)) {
        if let Some((agent, way)) = roster::triable(turn.state, turn.rules, account) {
            proof::probe(turn, &agent, &way, None);
            tried.push(account.as_str());
        }
    }
    match tried.as_slice() {
        [] => refused("no program of an agent can try it", "claude can; another shows with its first use"),
        tried => accepted(format!("tried: {}", tried.join(", "))),
    }
}

fn pause(turn: &mut Turn<'_>) -> Answer {
    if !turn.state.paused {
        turn.record(Record::Paused { by: Actor::Operator });
    }
    Answer::Accepted { what: "paused: agents go on, nothing is done with them until `flightdeck resume`".to_string() }
}

fn resume(turn: &mut Turn<'_>) -> Answer {
    if turn.state.paused || turn.state.emergency_stop {
        turn.record(Record::Resumed { by: Actor::Operator });
        super::stall::begin_graces_anew(turn);
        // Runs whose time came meanwhile are not caught up.
        turn.state.seen.job_checked = Time(0);
    }
    Answer::Accepted { what: "flightdeck acts again".to_string() }
}

fn emergency_stop(turn: &mut Turn<'_>) -> Answer {
    if !turn.state.emergency_stop {
        turn.record(Record::EmergencyStopped { by: Actor::Operator });
    }
    Answer::Accepted {
        what: "all agents are stopped and stay so, also across restarts, until `flightdeck resume`".to_string(),
    }
}

fn phase_next(turn: &mut Turn<'_>) -> Result {
    let Some(current) = turn.state.sequence.current.clone() else {
        return refused("no phase is active", "`flightdeck phase append ID` adds one");
    };
    phase::finish(turn, &current, Actor::Operator);
    accepted(format!("phase {current} is done"))
}

fn in_sequence(turn: &Turn<'_>, phase: &PhaseId) -> std::result::Result<(), (String, Option<String>)> {
    if turn.state.sequence.phases.contains(phase) {
        return Ok(());
    }
    Err((format!("phase {phase} is not in the sequence"), Some("`flightdeck phase list` shows it".to_string())))
}

fn phase_goto(turn: &mut Turn<'_>, target: &PhaseId) -> Result {
    in_sequence(turn, target)?;
    if turn.state.sequence.current.as_ref() == Some(target) {
        return refused(format!("phase {target} is active already"), "`flightdeck phase list` shows the sequence");
    }
    let order = turn.state.sequence.phases.clone();
    let place = |phase: &PhaseId| order.iter().position(|other| other == phase);
    let current = turn.state.sequence.current.clone();
    phase::suspend(turn);
    // Going forward leaves out what lies between; going back takes up the present phase afterwards.
    let forward = current.as_ref().is_none_or(|current| place(current) < place(target));
    if forward {
        let skipped: Vec<PhaseId> = order
            .iter()
            .take_while(|phase| *phase != target)
            .filter(|phase| !turn.state.sequence.done.contains(*phase))
            .cloned()
            .collect();
        for phase in skipped {
            turn.record(Record::PhaseDone { phase, by: Actor::Operator });
        }
    }
    if turn.state.sequence.complete {
        turn.record(Record::SequenceReopened);
    }
    phase::enter(turn, target);
    accepted(format!("phase {target} is entered"))
}

fn addable(turn: &Turn<'_>, phase: &PhaseId) -> std::result::Result<(), (String, Option<String>)> {
    if turn.state.sequence.phases.contains(phase) {
        return Err((
            format!("phase {phase} is in the sequence already"),
            Some("`flightdeck phase goto` goes back to it".to_string()),
        ));
    }
    if !turn.rules.phases.contains_key(phase) {
        let hint = format!("write phases/{phase}.md, then `flightdeck reload`");
        return Err((format!("phase {phase} has no plan"), Some(hint)));
    }
    Ok(())
}

fn set_sequence(turn: &mut Turn<'_>, phases: Vec<PhaseId>) {
    turn.record(Record::SequenceSet { phases, by: Actor::Operator });
}

fn phase_append(turn: &mut Turn<'_>, phase: &PhaseId) -> Result {
    addable(turn, phase)?;
    let mut phases = turn.state.sequence.phases.clone();
    phases.push(phase.clone());
    set_sequence(turn, phases);
    phase::proceed(turn);
    accepted(format!("phase {phase} stands at the end of the sequence"))
}

fn phase_insert(turn: &mut Turn<'_>, phase: &PhaseId, before: Option<PhaseId>) -> Result {
    addable(turn, phase)?;
    let current = turn.state.sequence.current.clone();
    let Some(before) = before.or_else(|| current.clone()) else {
        return refused("no phase is active to insert before", format!("`flightdeck phase append {phase}`"));
    };
    in_sequence(turn, &before)?;
    if turn.state.sequence.done.contains(&before) {
        return refused(format!("phase {before} is done"), "insert before one that is not");
    }
    let mut phases = turn.state.sequence.phases.clone();
    let place = phases.iter().position(|other| *other == before).unwrap_or(phases.len());
    phases.insert(place, phase.clone());
    set_sequence(turn, phases);
    if current.as_ref() == Some(&before) {
        phase::suspend(turn);
        phase::enter(turn, phase);
        return accepted(format!("phase {phase} is entered, {before} is suspended and resumes after it"));
    }
    accepted(format!("phase {phase} stands before {before}"))
}

fn phase_remove(turn: &mut Turn<'_>, phase: &PhaseId) -> Result {
    in_sequence(turn, phase)?;
    if turn.state.sequence.status(phase) != "pending" {
        let status = turn.state.sequence.status(phase);
        return refused(
            format!("phase {phase} is {status}, only a pending one is removed"),
            "`flightdeck phase next` ends the active one",
        );
    }
    let phases = turn.state.sequence.phases.iter().filter(|other| *other != phase).cloned().collect();
    set_sequence(turn, phases);
    phase::proceed(turn);
    accepted(format!("phase {phase} is out of the sequence"))
}

fn unminded(id: &AgentId) -> Result {
    refused(format!("{id} is left alone: watch_orchestrator is false"), "set it to true, then `flightdeck reload`")
}

fn is_job(turn: &Turn<'_>, id: &AgentId) -> bool {
    turn.rules.agents.get(id).is_some_and(|rules| rules.kind == Kind::Job)
}

fn run_job(turn: &mut Turn<'_>, id: &AgentId, fresh: bool) -> Result {
    known(turn, id)?;
    if turn.state.emergency_stop {
        return refused("an emergency stop is in force", "`flightdeck resume` ends it");
    }
    if let Some(hold) = turn.agent(id).and_then(|agent| agent.held.as_ref()) {
        return refused(format!("{id} is held: {}", hold.cause), format!("`flightdeck release {id}` lets it go"));
    }
    match job::run(turn, id, fresh, Actor::Operator) {
        Ok(what) => accepted(what),
        Err(why) => Err((why, None)),
    }
}

fn drop_message(turn: &mut Turn<'_>, message: MessageId) -> Result {
    let Some(posted) = turn.state.outbox.get(&message) else {
        return refused(format!("no message is called {message}"), "`flightdeck outbox` lists them");
    };
    let agent = posted.message.agent.clone();
    match posted.stage {
        Stage::Queued { .. } | Stage::Uncertain { .. } | Stage::TypedNotSubmitted => {
            turn.move_message(message, &agent, Stage::Refused { why: "dropped by the operator".to_string() });
            accepted(format!("{message} is dropped"))
        }
        Stage::Pasting | Stage::Posted | Stage::Typed { .. } => {
            refused(format!("{message} is on its way"), "wait for what becomes of it")
        }
        Stage::Submitted { .. } | Stage::Refused { .. } | Stage::Expired { .. } => {
            refused(format!("{message} is settled: {}", posted.stage.word()), "nothing is left to drop")
        }
    }
}

fn retry(turn: &mut Turn<'_>, message: MessageId) -> Result {
    let Some(posted) = turn.state.outbox.get(&message).cloned() else {
        return refused(format!("no message is called {message}"), "`flightdeck outbox` lists them");
    };
    match posted.stage {
        Stage::Uncertain { .. } | Stage::TypedNotSubmitted | Stage::Refused { .. } | Stage::Expired { .. } => {
            queue(turn, &posted.message.agent, posted.message.origin.clone(), &posted.message.text)
        }
        Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } => {
            refused(format!("{message} is still on its way"), "wait for what becomes of it")
        }
        Stage::Submitted { .. } => refused(format!("{message} was submitted"), "`flightdeck send` says it again"),
    }
}
