//! Records as sentences for people: one line each, in the past tense, without the time.

use std::time::Duration;

use crate::pilot::effect::OwnFile;
use crate::pilot::fact::{Exit, Server, Setting};
use crate::pilot::id::{AgentId, Incarnation, PhaseId, Sha};
use crate::pilot::record::{Actor, AgentState, BaselineWhy, HiccupNote, Illness, Order, Record, StopCause, Wish};
use crate::pilot::time::Time;

use super::{account, message, text, usage, when};

/// The record in words that no terminal can be hurt by.
pub fn sentence(record: &Record) -> String {
    text::line(&told(record))
}

fn told(record: &Record) -> String {
    match record {
        Record::EngineStarted { epoch, pid, version, .. } => {
            format!("engine {epoch} took charge (process {pid}, flightdeck {version})")
        }
        Record::ConfigLoaded { digest } => format!("configuration {digest} is in force"),
        Record::ConfigRefused { problems } => refused(problems),
        Record::Hiccuped { what } => hiccup(what),
        Record::ServerUp { server: Server { pid, .. } } => format!("the tmux server answers (process {pid})"),
        Record::ServerSilent { why } => format!("the tmux server does not answer: {why}"),
        Record::ServerLost => "the tmux server is gone, and every session with it".to_string(),
        Record::Paused { by } => format!("paused by {}", actor(*by)),
        Record::Resumed { by } => format!("resumed by {}", actor(*by)),
        Record::EmergencyStopped { by } => format!("emergency stop by {}", actor(*by)),
        Record::Ordered { id, agent, order, .. } => ordered(id.0, agent.as_ref(), order),
        Record::Done { id } => format!("order {} is done", id.0),
        Record::Failed { id, why } => format!("order {} failed: {why}", id.0),
        Record::MassDeath { agents, until } => {
            format!("{} died at once; nothing is started before {}", names(agents), when::clock(*until))
        }
        Record::Alerted { what, .. } => format!("needs you: {what}"),
        Record::MessageQueued { message } => {
            let first: String = message.text.chars().take(60).collect();
            let from = message::from(&message.origin);
            format!("{} for {} from {from}: {first}", message.id, message.agent)
        }
        Record::MessageMoved { message, agent, stage } => format!("{agent}: {}", message::told(*message, stage)),
        Record::Baseline { .. }
        | Record::HandoffSeen { .. }
        | Record::InboxSeen { .. }
        | Record::WatchBroken { .. }
        | Record::WatchMended => of_branch(record),
        Record::SequenceSet { .. }
        | Record::PhaseEntered { .. }
        | Record::PhaseSuspended { .. }
        | Record::PhaseDone { .. }
        | Record::PhaseDoneUnpushed { .. }
        | Record::PhaseBlocked { .. }
        | Record::PhaseUnblocked { .. }
        | Record::SequenceCompleted
        | Record::SequenceReopened => of_phase(record),
        Record::Wished { .. }
        | Record::Started { .. }
        | Record::Ready { .. }
        | Record::Exited { .. }
        | Record::Stopped { .. }
        | Record::StateChanged { .. }
        | Record::MarkerSeen { .. }
        | Record::Found { .. }
        | Record::BackedOff { .. }
        | Record::StartDelayed { .. }
        | Record::Held { .. }
        | Record::Released { .. }
        | Record::LimitReached { .. }
        | Record::LimitLifted { .. }
        | Record::SightLost { .. }
        | Record::SightRegained { .. }
        | Record::Quarantined { .. }
        | Record::ConversationSeen { .. }
        | Record::SettingsSeen { .. }
        | Record::JobStarted { .. }
        | Record::JobFinished { .. }
        | Record::Used { .. } => of_agent(record),
        Record::Routed { .. }
        | Record::AccountRefused { .. }
        | Record::AccountMended { .. }
        | Record::AccountProbed { .. } => account::told(record),
    }
}

/// What happened to one agent.
fn of_agent(record: &Record) -> String {
    match record {
        Record::Wished { agent, wish, by } => format!("{agent}: wanted {} by {}", wanted(*wish), actor(*by)),
        Record::Started { agent, incarnation, place, process, phase, conversation } => {
            let phase = phase.as_ref().map_or(String::new(), |phase| format!(" for phase {phase}"));
            let resumed = if conversation.is_some() { ", in a known conversation" } else { "" };
            format!(
                "{agent}: started{phase} ({}, process {}, pane {}{resumed})",
                life(*incarnation),
                process.pid,
                place.pane
            )
        }
        Record::Ready { agent } => format!("{agent}: ready, its composer is there"),
        Record::Exited { agent, exit, last } => {
            let last = last.last().map_or(String::new(), |line| format!("; last line: {line}"));
            format!("{agent}: ended by itself, {}{last}", exited(*exit))
        }
        Record::Stopped { agent, cause, left } => {
            let left: Vec<String> = left.iter().map(|(pid, name)| format!("{name} ({pid})")).collect();
            let left = if left.is_empty() { String::new() } else { format!("; left over: {}", left.join(", ")) };
            format!("{agent}: stopped, {}{left}", stopped(*cause))
        }
        Record::StateChanged { agent, state, why } => format!("{agent}: {}{}", state_words(state), because(why)),
        Record::MarkerSeen { agent, until, flaw } => {
            let flaw = flaw.as_ref().map_or(String::new(), |flaw| format!(" ({flaw})"));
            format!("{agent}: announced that it waits until {}{flaw}", when::stamp(*until))
        }
        Record::Found { agent, illness, evidence } => {
            format!("{agent}: {}{}", ill(*illness), because(&evidence.join("; ")))
        }
        Record::BackedOff { agent, until, deaths, cause } => {
            format!("{agent}: next start at {}, death {deaths} in a row: {cause}", when::clock(*until))
        }
        Record::StartDelayed { agent, until, why } => {
            format!("{agent}: can't be started just now, again at {}: {why}", when::clock(*until))
        }
        Record::Held { agent, cause, evidence, .. } => {
            let evidence = evidence.join("; ");
            format!("{agent}: held: {cause}{}", because(&evidence))
        }
        Record::Released { agent, by } => format!("{agent}: released by {}", actor(*by)),
        Record::LimitReached { agent, until, text } => {
            format!("{agent}: usage limit {}{}", limit(*until), because(text))
        }
        Record::LimitLifted { agent } => format!("{agent}: its usage limit is over"),
        Record::SightLost { agent, unclear, screens, evidence } => {
            let evidence = because(&evidence.join("; "));
            format!("{agent}: only observed: no rule explains {unclear} of its last {screens} screens{evidence}")
        }
        Record::SightRegained { agent, by } => format!("{agent}: acted on again, by {}", actor(*by)),
        Record::Quarantined { agent, why, .. } => format!("{agent}: its conversation is never resumed: {why}"),
        Record::ConversationSeen { agent, conversation } => format!("{agent}: in conversation {conversation}"),
        Record::SettingsSeen { agent, settings, .. } => format!("{agent}: {}", brought(settings)),
        Record::JobStarted { agent, by } => format!("{agent}: a run was asked for by {}", actor(*by)),
        Record::JobFinished { agent } => format!("{agent}: its run is finished"),
        Record::Used { agent, ended, spent, .. } => usage::used(agent, *ended, spent),
        other => unreached(other),
    }
}

/// What an agent's folder brings for its program.
fn brought(settings: &[Setting]) -> String {
    let files: Vec<String> = settings.iter().map(Setting::words).collect();
    let files = if files.is_empty() { "no settings".to_string() } else { files.join(", ") };
    format!("its folder brings {files}")
}

/// What was seen on the watched branch.
fn of_branch(record: &Record) -> String {
    match record {
        Record::Baseline { branch, sha, why, .. } => format!("{branch} is at {}, {}", sha.short(), baseline(*why)),
        Record::HandoffSeen { sha, handoff, targets, by, .. } => {
            let targets = if targets.is_empty() { "nobody".to_string() } else { names(targets) };
            let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
            format!("{}({}) was pushed as {}{by}, for {targets}", handoff.prefix, handoff.gate, sha.short())
        }
        Record::InboxSeen { sha, agent, entries, .. } => inbox(agent, *entries, sha),
        Record::WatchBroken { why } => format!("the remote can't be read: {why}"),
        Record::WatchMended => "the remote can be read again".to_string(),
        other => unreached(other),
    }
}

/// What happened to the sequence.
fn of_phase(record: &Record) -> String {
    match record {
        Record::SequenceSet { phases, by } => {
            let phases: Vec<&str> = phases.iter().map(PhaseId::as_str).collect();
            format!("the sequence is {} (by {})", phases.join(", "), actor(*by))
        }
        Record::PhaseEntered { phase, stale_done: false } => format!("phase {phase} begins"),
        Record::PhaseEntered { phase, stale_done: true } => {
            format!("phase {phase} begins; the DONE in its status file is an old one and ends nothing")
        }
        Record::PhaseSuspended { phase } => format!("phase {phase} is suspended"),
        Record::PhaseDone { phase, by } => format!("phase {phase} is done (by {})", actor(*by)),
        Record::PhaseDoneUnpushed { phase, since } => {
            format!("phase {phase} says DONE since {}, which is not pushed yet", when::clock(*since))
        }
        Record::PhaseBlocked { phase, why } => format!("phase {phase} can't end: {why}"),
        Record::PhaseUnblocked { phase } => format!("phase {phase} can go on"),
        Record::SequenceCompleted => "the sequence is complete".to_string(),
        Record::SequenceReopened => "the sequence goes on".to_string(),
        other => unreached(other),
    }
}

/// The groups above are told apart once, in [`told`]; were that wrong, the record would still be shown.
pub(super) fn unreached(record: &Record) -> String {
    format!("{record:?}")
}

fn ordered(id: u64, agent: Option<&AgentId>, order: &Order) -> String {
    let what = match order {
        Order::StartServer => "start the tmux server".to_string(),
        Order::Start { incarnation, .. } => format!("start {}", life(*incarnation)),
        Order::Stop { cause } => format!("stop it, {}", stopped(*cause)),
        Order::Paste { message } => format!("paste {message}"),
        Order::Post { message } => format!("hand over {message} by the program's own interface"),
        Order::Submit { message } => format!("submit {message}"),
        Order::Write { what: OwnFile::SequenceComplete { .. } } => "write SEQUENCE-COMPLETE".to_string(),
        Order::Write { what: OwnFile::NoSequenceComplete } => "remove SEQUENCE-COMPLETE".to_string(),
        Order::Write { what: OwnFile::Sequence { .. } } => "write the sequence into flightdeck.toml".to_string(),
    };
    let whom = agent.map_or(String::new(), |agent| format!("{agent}: "));
    format!("{whom}order {id}: {what}")
}

fn hiccup(what: &HiccupNote) -> String {
    match what {
        HiccupNote::Late { ms } => format!("the engine was {} late", seconds(*ms)),
        HiccupNote::Slept { ms } => format!("the machine slept for {}", seconds(*ms)),
        HiccupNote::ClockMoved { ms } => {
            let way = if *ms < 0 { "back" } else { "forward" };
            format!("the machine's clock was set {way} by {}", seconds(ms.unsigned_abs()))
        }
    }
}

/// Parts of a second matter only where there is no minute.
fn seconds(ms: u64) -> String {
    match ms {
        0..60_000 => format!("{}.{:03}s", ms / 1000, ms % 1000),
        60_000.. => when::span(Duration::from_millis(ms)),
    }
}

fn refused(problems: &[String]) -> String {
    let first = problems.first().map_or("", String::as_str);
    match problems.len() {
        0 | 1 => format!("a new configuration was refused: {first}"),
        many => format!("a new configuration was refused for {many} problems, the first: {first}"),
    }
}

fn inbox(agent: &AgentId, entries: u32, sha: &Sha) -> String {
    let entries = if entries == 1 { "1 new entry".to_string() } else { format!("{entries} new entries") };
    format!("{agent}: {entries} in its inbox, pushed as {}", sha.short())
}

/// What an agent does, with what belongs to it.
fn state_words(state: &AgentState) -> String {
    let word = state.word();
    match state {
        AgentState::Waiting { until } | AgentState::Backoff { until } | AgentState::Limited { until: Some(until) } => {
            format!("{word} until {}", when::clock(*until))
        }
        AgentState::AtDialog { dialog } => format!("{word} {dialog}"),
        AgentState::Unknown { why } => format!("{word} ({why})"),
        AgentState::Held { .. }
        | AgentState::Limited { until: None }
        | AgentState::Stopped
        | AgentState::Starting
        | AgentState::Idle
        | AgentState::Working
        | AgentState::AuthFailed
        | AgentState::Retrying
        | AgentState::Suspended
        | AgentState::Finished
        | AgentState::Stopping
        | AgentState::Down => word.to_string(),
    }
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

fn limit(until: Option<Time>) -> String {
    until.map_or("without a time".to_string(), |until| format!("until {}", when::stamp(until)))
}

fn life(incarnation: Incarnation) -> String {
    format!("life {}", incarnation.0)
}

fn names(agents: &[AgentId]) -> String {
    agents.iter().map(AgentId::as_str).collect::<Vec<_>>().join(", ")
}

fn exited(exit: Exit) -> String {
    match exit {
        Exit::Status(status) => format!("status {status}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::Lost => "nobody can tell how".to_string(),
    }
}

fn wanted(wish: Wish) -> &'static str {
    match wish {
        Wish::Running => "running",
        Wish::Stopped => "stopped",
    }
}

pub(super) fn actor(by: Actor) -> &'static str {
    match by {
        Actor::Operator => "the operator",
        Actor::Pilot => "flightdeck",
        Actor::Config => "the configuration",
        Actor::Branch => "the pushed branch",
        Actor::Schedule => "its schedule",
    }
}

fn stopped(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Operator => "asked by the operator",
        StopCause::EmergencyStop => "for the emergency stop",
        StopCause::PhaseChange => "for the change of phase",
        StopCause::SequenceComplete => "the sequence is complete",
        StopCause::Stall => "it had stalled",
        StopCause::LateMarker => "the wait it announced was over",
        StopCause::Fatal => "its screen told a fatal error",
        StopCause::Poisoned => "its conversation could not go on",
        StopCause::StartLimit => "it never became ready",
        StopCause::JobRun => "to make room for a new run",
        StopCause::Restart => "for a restart",
        StopCause::Rerouted => "to go on under an account that can be used",
        StopCause::Survivor => "it had survived its tmux server",
    }
}

fn ill(illness: Illness) -> &'static str {
    match illness {
        Illness::Dead => "found dead",
        Illness::Stalled => "found stalled",
        Illness::LateMarker => "found late: the wait it announced is over",
        Illness::Fatal => "found with a fatal error",
        Illness::Poisoned => "found in a conversation that fails each turn",
        Illness::NeverReady => "found never to become ready",
    }
}

fn baseline(why: BaselineWhy) -> &'static str {
    match why {
        BaselineWhy::FirstSight => "seen for the first time",
        BaselineWhy::Pushed => "pushed",
        BaselineWhy::Rewritten => "its history was rewritten, nobody is pinged for it",
        BaselineWhy::PhaseChange => "where a new phase begins",
    }
}
