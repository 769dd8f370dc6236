//! `flightdeck stop`: agents end with all that they started, and stay so.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::edge::clock;
use crate::edge::link::Followed;
use crate::pilot::command::Command;
use crate::pilot::id::AgentId;
use crate::pilot::record::{Record, Wish};
use crate::words::when;

use super::asking::{Asking, of_link, tell_each};
use super::confirm::confirm;
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out};

/// The longest way from the wish to the end: what is in flight, the grace of a stop at its usual length, its kill.
const ENDS: Duration = Duration::from_secs(45);

/// End agents with their whole process trees, and want them stopped from now on
///
/// Examples:
///   flightdeck stop builder
///   flightdeck stop --all --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agents
    #[arg(required_unless_present = "all")]
    agents: Vec<AgentId>,
    /// Every agent that is wanted running
    #[arg(long, conflicts_with = "agents")]
    all: bool,
    /// Don't ask; for `--all`
    #[arg(short, long)]
    yes: bool,
}

/// Asks for each.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let agents = if args.all { wanted(&mut asking, args.yes)? } else { args.agents.clone() };
    if agents.is_empty() && !global.json {
        out::line("no agent is wanted running")?;
    }
    let before = asking.view()?;
    let up = before.agents.iter().filter(|agent| agent.pid.is_some() && agents.contains(&agent.id));
    // Paused, nothing is done to anybody until it goes on.
    let up: BTreeSet<AgentId> = up.filter(|_| !before.paused).map(|agent| agent.id.clone()).collect();
    let exit = tell_each(global, &mut asking, &agents, |agent| Command::Stop { agent })?;
    if exit == Exit::Done { until_ended(asking, before.seq, up, global) } else { Ok(exit) }
}

/// Who goes on before they have ended, by ending the engine for one, would leave them running.
fn until_ended(asking: Asking, since: u64, mut up: BTreeSet<AgentId>, global: &Global) -> Result<Exit, CliError> {
    if up.is_empty() {
        return Ok(Exit::Done);
    }
    let began = clock::monotonic_ms();
    let mut follow = asking.follow(since)?;
    while !up.is_empty() {
        let Some(left) = clock::left(began, ENDS) else { return Err(late(&up)) };
        let ended = match follow.next_within(left).map_err(of_link)? {
            Some(Followed::Record(_, record)) => match *record {
                Record::Stopped { agent, .. } | Record::Exited { agent, .. } => Some(agent),
                _ => None,
            },
            Some(_) | None => None,
        };
        if let Some(agent) = ended.filter(|agent| up.remove(agent))
            && !global.json
        {
            out::line(&format!("{agent} has ended"))?;
        }
    }
    Ok(Exit::Done)
}

fn late(up: &BTreeSet<AgentId>) -> CliError {
    let names: Vec<&str> = up.iter().map(AgentId::as_str).collect();
    CliError::new(Kind::Late, format!("{} still run(s) after {}", names.join(", "), when::span(ENDS)))
        .hint("the engine goes on with it: `flightdeck why` says how far it is")
}

fn wanted(asking: &mut Asking, yes: bool) -> Result<Vec<AgentId>, CliError> {
    let view = asking.view()?;
    let running = view.agents.into_iter().filter(|agent| agent.wish == Wish::Running || agent.pid.is_some());
    let agents: Vec<AgentId> = running.map(|agent| agent.id).collect();
    if !agents.is_empty() {
        let names: Vec<&str> = agents.iter().map(AgentId::as_str).collect();
        confirm(
            &format!("{} will be ended with all that they started: {}", count(agents.len()), names.join(", ")),
            yes,
        )?;
    }
    Ok(agents)
}

fn count(agents: usize) -> String {
    if agents == 1 { "1 agent".to_string() } else { format!("{agents} agents") }
}
