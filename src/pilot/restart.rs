//! What the end of an agent costs it, and when it may start again: delays that double, budgets that end in a hold, and
//! the mass death that spends nobody's budget.

use std::time::Duration;

use crate::config::accounts::Way;
use crate::config::model::{Kind, RestartPolicy};

use super::agent::{Job, Life};
use super::fact::Exit;
use super::id::AgentId;
use super::record::{Actor, Record};
use super::time::Time;
use super::turn::Turn;
use super::{heal, launch, premises, sight};

/// After a mass death or the loss of the server, starts are staged for this long.
const STAGED_FOR: Duration = Duration::from_secs(600);
/// A program writes to its home as it starts, some without a thought for others that do: two starts in one are this far apart.
const HOME_GAP: Duration = Duration::from_secs(2);
/// The server is started again after 1 s, 2 s, 4 s … of losses within the hour, at most this.
const SERVER_DELAY_CAP: Duration = Duration::from_secs(60);

/// An agent's process ended by itself.
pub(super) fn died(turn: &mut Turn<'_>, id: &AgentId, exit: Exit, last: Vec<String>) {
    let up_for = up_for(turn, id);
    turn.record(Record::Exited { agent: id.clone(), exit, last: last.clone() });
    let Some(rules) = turn.rules.agents.get(id) else { return };
    let running = turn.agent(id).is_some_and(|agent| matches!(agent.job, Job::Running { .. }));
    if rules.kind == Kind::Job && !running {
        // What stayed open for reading was closed.
        return;
    }
    match after(rules.restart, exit) {
        After::Rest if rules.kind == Kind::Job => turn.record(Record::JobFinished { agent: id.clone() }),
        After::Rest => {}
        After::Start if mass_death(turn, id) => {}
        After::Start => charge(turn, id, up_for, &exit_words(exit), last),
        After::Doubt => {
            let cause = format!(
                "it is {}, and its restart policy is on-failure: `flightdeck release` starts it again",
                exit_words(exit)
            );
            turn.record(Record::Held { agent: id.clone(), cause, evidence: last, spent: false, until: None });
        }
    }
}

/// Whom nobody would start again is not ended either: an ill agent is worth more than none, and a person may heal it.
pub(super) fn never(turn: &Turn<'_>, id: &AgentId) -> bool {
    turn.rules.agents.get(id).is_some_and(|rules| rules.restart == RestartPolicy::Never)
}

/// One end is charged to the agent: the next start waits, and past the budget it is held.
pub(super) fn charge(turn: &mut Turn<'_>, id: &AgentId, up_for: Duration, cause: &str, evidence: Vec<String>) {
    let rules = turn.rules.restart;
    let before = turn.agent(id).map_or(0, |agent| agent.streak);
    let streak = if up_for >= rules.reset_after { 1 } else { before.saturating_add(1) };
    let delay = rules.delay.saturating_mul(1 << (streak - 1).min(16)).min(rules.delay_cap);
    let until = turn.now.steady + turn.jitter(delay);
    turn.record(Record::BackedOff { agent: id.clone(), until, deaths: streak, cause: cause.to_string() });
    let now = turn.now.steady;
    let Some(agent) = turn.agent(id).filter(|agent| agent.held.is_none()) else { return };
    let within = |(_, span): (u32, Duration)| agent.deaths.iter().filter(|death| now.since(**death) <= span).count();
    let over = [rules.budget_short, rules.budget_long].into_iter().find(|budget| within(*budget) > budget.0 as usize);
    if let Some(budget) = over {
        let cause = format!(
            "crash loop: ended {} times within {}, the budget is {}; last: {cause}",
            within(budget),
            humantime::format_duration(budget.1),
            budget.0
        );
        turn.record(Record::Held { agent: id.clone(), cause, evidence, spent: true, until: None });
    }
}

/// How long the agent had been up and well.
pub(super) fn up_for(turn: &Turn<'_>, id: &AgentId) -> Duration {
    let ready = turn.agent(id).and_then(|agent| agent.ready);
    ready.map_or(Duration::ZERO, |ready| turn.now.steady.since(ready))
}

/// Why a start must wait, and until when; `None`: it may go.
pub(super) fn start_waits(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let not_before = turn.agent(id).and_then(|agent| agent.not_before).filter(|until| now < *until);
    if let Some(until) = not_before {
        return Some((until, "start it again".to_string()));
    }
    if let Some(until) = turn.state.mass_until.filter(|until| now < *until) {
        return Some((until, "start it again after the mass death".to_string()));
    }
    if let Some(wait) = premises::start_waits(turn) {
        return Some(wait);
    }
    let rules = turn.rules.restart;
    turn.state.seen.starts.retain(|start| now.since(*start) < rules.stage_gap);
    let starts = &turn.state.seen.starts;
    if staged(turn, now) && starts.len() >= rules.stage_size as usize {
        let free = starts.first().map_or(now, |first| *first + rules.stage_gap);
        return Some((free, "start it in its turn".to_string()));
    }
    None
}

/// When a start may go for the sake of those that share its program's home; `None`: now (fault A4).
pub(super) fn home_waits(turn: &Turn<'_>, way: &Way) -> Option<(Time, String)> {
    let last = turn.state.seen.homes.get(&way.home(turn.rules)?)?;
    let free = *last + HOME_GAP;
    (turn.now.steady < free).then(|| (free, "start it after another that shares its program's home".to_string()))
}

/// A program begins to work in its home.
pub(super) fn take_home(turn: &mut Turn<'_>, way: &Way) {
    if let Some(home) = way.home(turn.rules) {
        turn.state.seen.homes.insert(home, turn.now.steady);
    }
}

/// When a lost server may be started again.
pub(super) fn server_waits(turn: &Turn<'_>) -> Option<Time> {
    let last = turn.state.server_losses.last()?;
    let losses = u32::try_from(turn.state.server_losses.len()).unwrap_or(u32::MAX);
    // The first loss within the hour is healed at once.
    let delay = if losses <= 1 { Duration::ZERO } else { Duration::from_secs(1) * (1 << (losses - 2).min(10)) };
    let until = *last + delay.min(SERVER_DELAY_CAP);
    (turn.now.steady < until).then_some(until)
}

/// How an end is told.
pub(super) fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Status(status) => format!("exited with status {status}"),
        Exit::Signal(signal) => format!("killed by signal {signal}"),
        Exit::Lost => "gone, nobody saw how".to_string(),
    }
}

/// What an end asks for.
enum After {
    Start,
    Rest,
    /// Nobody knows whether it failed: that is for a person.
    Doubt,
}

fn after(policy: RestartPolicy, exit: Exit) -> After {
    match (policy, exit) {
        (RestartPolicy::Always | RestartPolicy::IfAbsentAnywhere, _) => After::Start,
        (RestartPolicy::OnFailure, Exit::Lost) => After::Doubt,
        (RestartPolicy::OnFailure, Exit::Status(0)) | (RestartPolicy::Never, _) => After::Rest,
        (RestartPolicy::OnFailure, Exit::Status(_) | Exit::Signal(_)) => After::Start,
    }
}

fn staged(turn: &Turn<'_>, now: Time) -> bool {
    let recent = |at: &Time| now.since(*at) < STAGED_FOR;
    turn.state.mass_until.as_ref().is_some_and(recent) || turn.state.server_losses.last().is_some_and(recent)
}

/// Many deaths at once are one event: a pause for all, no budget spent (fault P16).
fn mass_death(turn: &mut Turn<'_>, id: &AgentId) -> bool {
    let (size, window) = turn.rules.restart.mass_death;
    let now = turn.now.steady;
    let deaths = &mut turn.state.seen.deaths;
    deaths.retain(|(at, _)| now.since(*at) <= window);
    deaths.push((now, id.clone()));
    if turn.state.mass_until.is_some_and(|until| now < until) {
        return true;
    }
    let mut agents: Vec<AgentId> = deaths.iter().map(|(_, agent)| agent.clone()).collect();
    agents.sort();
    agents.dedup();
    if agents.len() < size as usize {
        return false;
    }
    // The newest death is not charged yet; the others are forgiven by the record.
    agents.retain(|agent| agent != id);
    let until = now + turn.rules.restart.mass_pause;
    turn.record(Record::MassDeath { agents, until });
    true
}

/// Whether an agent that is down stays so although it should run: it ended by itself in a way after which its policy
/// forbids a new start, and nothing was asked of it since.
pub(super) fn rests(turn: &Turn<'_>, id: &AgentId) -> bool {
    turn.agent(id).zip(turn.rules.agents.get(id)).is_none_or(|(agent, rules)| {
        let (Life::Down { since }, Some(exit)) = (agent.life, agent.last_exit) else { return false };
        let new_phase = launch::phased(rules) && agent.phase != turn.state.sequence.current;
        agent.asked_at <= since && !new_phase && !matches!(after(rules.restart, exit), After::Start)
    })
}

/// An agent is taken out of its hold, by the operator or because its time is over.
pub(super) fn release(turn: &mut Turn<'_>, id: &AgentId, by: Actor) {
    if by == Actor::Operator && turn.agent(id).is_some_and(|agent| agent.sight_lost.is_some()) {
        sight::regain(turn, id, Actor::Operator);
    }
    let limited = by == Actor::Operator && turn.agent(id).is_some_and(|agent| agent.limit.is_some());
    turn.record(Record::Released { agent: id.clone(), by });
    // Nobody judged it while it was held.
    turn.watch(id).grace_from = turn.now.steady;
    if limited {
        heal::lift_limit(turn, id);
    }
}
