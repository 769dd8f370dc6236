//! Records in words, as they stand in transcripts.

use std::time::Duration;

use flightdeck::pilot::command::Answer;
use flightdeck::pilot::effect::OwnFile;
use flightdeck::pilot::fact::Exit;
use flightdeck::pilot::id::{AgentId, PhaseId, Sha};
use flightdeck::pilot::message::{Message, Origin, Stage};
use flightdeck::pilot::record::{AgentState, HiccupNote, Order, Record};
use flightdeck::pilot::time::Time;
use flightdeck::pilot::usage::Spent;

/// A point in time as an offset from `begin`.
pub(crate) fn offset(at: Time, begin: Time) -> String {
    let ms = at.since(begin).as_millis();
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let day = if days > 0 { format!("{days}d ") } else { String::new() };
    let (hours, minutes, seconds) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{day}{hours:02}:{minutes:02}:{seconds:02}.{}", rest / 100 % 10)
}

/// A step of a delivery, or the end of what was ordered: of interest only where these are the matter.
pub(crate) fn is_detail(record: &Record) -> bool {
    match record {
        Record::Done { .. } | Record::Ordered { order: Order::Paste { .. } | Order::Submit { .. }, .. } => true,
        Record::MessageMoved { stage, .. } => match stage {
            Stage::Pasting | Stage::Posted | Stage::Typed { .. } => true,
            Stage::Queued { why } => {
                why.as_ref().is_some_and(|why| why.contains("seen yet") || why.contains("starting"))
            }
            Stage::Submitted { .. }
            | Stage::TypedNotSubmitted
            | Stage::Uncertain { .. }
            | Stage::Refused { .. }
            | Stage::Expired { .. } => false,
        },
        Record::StateChanged { state, .. } => matches!(state, AgentState::Starting | AgentState::Stopping),
        _ => false,
    }
}

/// What a command came to.
pub(crate) fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Accepted { what } => what.clone(),
        Answer::Queued { message } => format!("{message} is queued"),
        Answer::Refused { why, hint } => {
            let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("refused: {why}{hint}")
        }
        Answer::Status { view } => {
            let agents: Vec<String> =
                view.agents.iter().map(|agent| format!("{} {}", agent.id, agent.state.word())).collect();
            format!("{}; alerts: {}", agents.join(", "), view.alerts.join("; "))
        }
    }
}

/// One record.
#[expect(clippy::too_many_lines, reason = "a table: a line or two for each kind of record")]
pub(crate) fn record(record: &Record, begin: Time) -> String {
    let when = |at: &Time| offset(*at, begin);
    match record {
        Record::EngineStarted { epoch, .. } => format!("engine {epoch} takes charge"),
        Record::ConfigLoaded { .. } => "the configuration is in force".to_string(),
        Record::ConfigRefused { problems } => format!("the configuration is refused: {}", problems.join("; ")),
        Record::Hiccuped { what } => hiccup(*what),
        Record::ServerUp { .. } => "tmux is up".to_string(),
        Record::ServerSilent { why } => format!("tmux is silent: {why}"),
        Record::ServerLost => "the tmux server is lost".to_string(),
        Record::Paused { by } => format!("paused by {}", word(by)),
        Record::Resumed { by } => format!("resumed by {}", word(by)),
        Record::EmergencyStopped { by } => format!("emergency stop by {}", word(by)),
        Record::Ordered { id, agent, order, .. } => format!("ordered #{}: {}", id.0, ordered(agent.as_ref(), order)),
        Record::Done { id } => format!("done #{}", id.0),
        Record::Failed { id, why } => format!("failed #{}: {why}", id.0),
        Record::Wished { agent, wish, by } => format!("{agent}: wished {} by {}", word(wish), word(by)),
        Record::Started { agent, incarnation, phase, conversation, .. } => {
            let talk = conversation.as_ref().map(|_| ", conversation named").unwrap_or_default();
            format!("{agent}: life {} began{}{talk}", incarnation.0, in_phase(phase.as_ref()))
        }
        Record::Ready { agent } => format!("{agent}: ready"),
        Record::Exited { agent, exit, .. } => format!("{agent}: ended by itself, {}", ended(*exit)),
        Record::Stopped { agent, cause, .. } => format!("{agent}: was ended: {}", word(cause)),
        Record::StateChanged { agent, state, .. } => format!("{agent}: {}", doing(state, begin)),
        Record::MarkerSeen { agent, until, flaw: None } => format!("{agent}: waits until {}", when(until)),
        Record::MarkerSeen { agent, until, flaw: Some(flaw) } => {
            format!("{agent}: flawed marker ({flaw}), {}", when(until))
        }
        Record::Found { agent, illness, evidence } => {
            format!("{agent}: found {}: {}", word(illness), evidence.first().cloned().unwrap_or_default())
        }
        Record::BackedOff { agent, until, deaths, cause } => {
            format!("{agent}: not before {} (end {deaths} in a row: {cause})", when(until))
        }
        Record::StartDelayed { agent, until, why } => format!("{agent}: no start before {}: {why}", when(until)),
        Record::Held { agent, cause, .. } => format!("{agent}: HELD: {cause}"),
        Record::Released { agent, by } => format!("{agent}: released by {}", word(by)),
        Record::LimitReached { agent, until, .. } => {
            let until = until.as_ref().map_or("nobody knows when".to_string(), when);
            format!("{agent}: usage limit, until {until}")
        }
        Record::LimitLifted { agent } => format!("{agent}: its limit is over"),
        Record::SightLost { agent, unclear, screens, .. } => {
            format!("{agent}: ONLY OBSERVED: {unclear} of {screens} screens unexplained")
        }
        Record::SightRegained { agent, by } => format!("{agent}: acted on again, by {}", word(by)),
        Record::Quarantined { agent, conversation, why } => {
            let which = if conversation.is_some() { "its conversation" } else { "nothing named" };
            format!("{agent}: quarantined {which}: {why}")
        }
        Record::SettingsSeen { agent, settings, .. } => {
            let files: Vec<&str> = settings.iter().map(|setting| setting.file.as_str()).collect();
            format!("{agent}: its folder brings {files:?}")
        }
        Record::ConversationSeen { agent, .. } => format!("{agent}: told its conversation"),
        Record::MassDeath { agents, until } => {
            format!("mass death of {} and one more, pause until {}", list(agents), when(until))
        }
        Record::Alerted { agent, what } => {
            format!("ALERT {}{what}", agent.as_ref().map(|agent| format!("{agent}: ")).unwrap_or_default())
        }
        Record::JobStarted { agent, by } => format!("{agent}: a run is asked for by {}", word(by)),
        Record::JobFinished { agent } => format!("{agent}: the run is finished"),
        Record::Used { agent, phase, ended, spent, billing, .. } => {
            let of = |spent: &Spent| {
                let cost = spent.cost.map_or("unknown".to_string(), |cost| format!("{cost} micro-dollars"));
                format!("{} of {} in {} answers, cost {cost}", spent.tokens.sum(), spent.model, spent.messages)
            };
            let spent: Vec<String> = spent.iter().map(of).collect();
            let (phase, ended, billing) = (in_phase(phase.as_ref()), word(ended), word(billing));
            format!("{agent}: USED{phase} {} ({ended}, billing {billing})", spent.join("; "))
        }
        Record::Routed { agent, backend, account, fresh, why, .. } => {
            let account = account.as_ref().map_or("its own login".to_string(), ToString::to_string);
            let fresh = fresh.as_ref().map_or(String::new(), |why| format!("; ANEW: {why}"));
            format!("{agent}: ROUTED to {account} with {backend}: {why}{fresh}")
        }
        Record::AccountRefused { account, agent, why } => format!("account {account}: REFUSED, says {agent}: {why}"),
        Record::AccountMended { account, by } => format!("account {account}: mended by {}", word(by)),
        Record::AccountProbed { account, verdict, spent, .. } => {
            let tokens: u64 = spent.iter().map(|spent| spent.tokens.sum()).sum();
            format!("account {account}: tried, {} ({tokens} tokens)", flightdeck::words::account::verdict(verdict))
        }
        Record::MessageQueued { message } => queued(message),
        Record::MessageMoved { message, agent, stage } => format!("{agent}: {message} {}", stage_words(stage)),
        Record::Baseline { why, sha, .. } => format!("branch at {} ({})", short(sha), word(why)),
        Record::HandoffSeen { sha, handoff, targets, .. } => {
            format!("{}({}) {} is for {}", handoff.prefix, handoff.gate, short(sha), list(targets))
        }
        Record::InboxSeen { agent, entries, .. } => format!("{agent}: {entries} new in its inbox"),
        Record::WatchBroken { why } => format!("the branch can't be read: {why}"),
        Record::WatchMended => "the branch can be read again".to_string(),
        Record::SequenceSet { phases, by } => {
            let words: Vec<&str> = phases.iter().map(PhaseId::as_str).collect();
            format!("sequence {} by {}", words.join(" "), word(by))
        }
        Record::PhaseEntered { phase, stale_done: false } => format!("PHASE {phase} is entered"),
        Record::PhaseEntered { phase, stale_done: true } => format!("PHASE {phase} is entered, with an old DONE"),
        Record::PhaseSuspended { phase } => format!("PHASE {phase} is suspended"),
        Record::PhaseDone { phase, by } => format!("PHASE {phase} is done by {}", word(by)),
        Record::PhaseDoneUnpushed { phase, .. } => format!("phase {phase} says DONE, not pushed yet"),
        Record::PhaseBlocked { phase, why } => format!("phase {phase} is blocked: {why}"),
        Record::PhaseUnblocked { phase } => format!("phase {phase} is free again"),
        Record::SequenceCompleted => "SEQUENCE COMPLETE".to_string(),
        Record::SequenceReopened => "the sequence goes on".to_string(),
    }
}

fn ordered(agent: Option<&AgentId>, order: &Order) -> String {
    let agent = agent.map_or(String::new(), ToString::to_string);
    match order {
        Order::StartServer => "start a tmux server".to_string(),
        Order::Start { incarnation, phase, .. } => {
            format!("start {agent}, life {}{}", incarnation.0, in_phase(phase.as_ref()))
        }
        Order::Stop { cause } => format!("stop {agent}: {}", word(cause)),
        Order::Paste { message } => format!("paste {message} into {agent}"),
        Order::Submit { message } => format!("press the submit key for {message} in {agent}"),
        Order::Post { message } => format!("hand {message} over to {agent}"),
        Order::Write { what } => match what {
            OwnFile::SequenceComplete { .. } => "write SEQUENCE-COMPLETE".to_string(),
            OwnFile::NoSequenceComplete => "take SEQUENCE-COMPLETE away".to_string(),
            OwnFile::Sequence { .. } => "write the sequence into flightdeck.toml".to_string(),
        },
    }
}

fn queued(message: &Message) -> String {
    let origin = match &message.origin {
        Origin::Operator => "from the operator".to_string(),
        Origin::Nudge => "the nudge".to_string(),
        Origin::StartPrompt { .. } => "its start prompt".to_string(),
        Origin::Handoff { commits } => format!("{} commit(s)", commits.len()),
        Origin::Inbox { .. } => "its inbox".to_string(),
        Origin::LimitLifted => "go on after the limit".to_string(),
        Origin::Compact => "our wish for a shorter context".to_string(),
    };
    let first = message.text.lines().next().unwrap_or_default();
    let shown: String = first.chars().take(60).collect();
    format!("{}: {} queued, {origin}: {shown:?}", message.agent, message.id)
}

fn stage_words(stage: &Stage) -> String {
    match stage {
        Stage::Queued { why: None } => "waits".to_string(),
        Stage::Queued { why: Some(why) } => format!("waits: {why}"),
        Stage::Pasting => "is being pasted".to_string(),
        Stage::Posted => "is being handed over".to_string(),
        Stage::Typed { presses } => format!("is typed, {presses} presses"),
        Stage::Submitted { evidence } => format!("SUBMITTED: {evidence}"),
        Stage::TypedNotSubmitted => "TYPED, NOT SUBMITTED".to_string(),
        Stage::Uncertain { why } => format!("UNCERTAIN: {why}"),
        Stage::Refused { why } => format!("REFUSED: {why}"),
        Stage::Expired { why } => format!("EXPIRED: {why}"),
    }
}

fn doing(state: &AgentState, begin: Time) -> String {
    let extra = match state {
        AgentState::Waiting { until } | AgentState::Backoff { until } => format!(" until {}", offset(*until, begin)),
        AgentState::Limited { until } => {
            until.map_or(String::new(), |until| format!(" until {}", offset(until, begin)))
        }
        AgentState::AtDialog { dialog } => format!(" {dialog}"),
        AgentState::Unknown { why } => format!(": {why}"),
        AgentState::Held { .. }
        | AgentState::Stopped
        | AgentState::Starting
        | AgentState::Idle
        | AgentState::Working
        | AgentState::AuthFailed
        | AgentState::Retrying
        | AgentState::Suspended
        | AgentState::Finished
        | AgentState::Stopping
        | AgentState::Down => String::new(),
    };
    format!("now {}{extra}", state.word())
}

fn hiccup(what: HiccupNote) -> String {
    match what {
        HiccupNote::Late { ms } => format!("we were late by {}", span(ms)),
        HiccupNote::Slept { ms } => format!("the machine slept for {}", span(ms)),
        HiccupNote::ClockMoved { ms } => {
            format!("the clock was set {} by {}", if ms < 0 { "back" } else { "forward" }, span(ms.unsigned_abs()))
        }
    }
}

fn span(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}

fn ended(exit: Exit) -> String {
    match exit {
        Exit::Status(status) => format!("status {status}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::Lost => "nobody saw how".to_string(),
    }
}

fn in_phase(phase: Option<&PhaseId>) -> String {
    phase.map_or(String::new(), |phase| format!(" for phase {phase}"))
}

fn list(agents: &[AgentId]) -> String {
    let names: Vec<&str> = agents.iter().map(AgentId::as_str).collect();
    names.join(", ")
}

fn short(sha: &Sha) -> &str {
    &sha.as_str()[..7]
}

/// A plain variant in small letters.
fn word(value: &impl std::fmt::Debug) -> String {
    let mut text = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}
