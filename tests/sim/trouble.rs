//! Trouble below and around the agents: a tmux server that can't be had, a machine that gives nothing more, files that can't be written
//! or changed, processes that nobody sees; and what programs tell of themselves beside their screens. More words of scenarios.

use std::collections::{BTreeMap, BTreeSet};

use flightdeck::pilot::command::Command;
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Disk, Exit, Premises, ProgramState, Report, Server};
use flightdeck::pilot::gauge::{Gauges, Quota};
use flightdeck::pilot::id::{AccountId, AgentId};
use flightdeck::pilot::time::Time;

use super::plan::span;
use super::world::{Tmux, World};

type Done = Result<(), String>;

/// What is wrong with the machine, and stays so until it is said to be over.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// Why no tmux server can be started.
    pub(crate) no_server: Option<String>,
    /// Why our files can't be written.
    pub(crate) no_writing: Option<String>,
    /// What the machine does not give.
    pub(crate) strained: Option<String>,
    /// What the next engine will find wrong with its log.
    pub(crate) damaged: Option<String>,
    /// The process table can't be read.
    pub(crate) hidden: bool,
    /// The configuration says something else than it did.
    pub(crate) new_rules: bool,
    /// Conversations that programs began by themselves.
    pub(crate) talks: BTreeSet<String>,
    /// What conversations showed when their last life ended.
    pub(crate) shown: BTreeMap<String, Vec<String>>,
    /// What was last seen of files and disks.
    premises: Premises,
}

/// Lets one line happen, if it is one of these words.
pub(crate) fn happen(world: &mut World, words: &str) -> Option<Done> {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (first, rest) {
        ("tmux", rest) => tmux(world, rest),
        ("machine", rest) => machine(world, rest),
        ("disk", "takes no files") => over(&mut world.trouble.no_writing, Some("no space left on device")),
        ("disk", "takes files") => over(&mut world.trouble.no_writing, None),
        ("disk", "is seen no more") => premises(world, |premises| premises.disk = None),
        ("disk", rest) if rest.contains("% ") => Some(disk(world, rest)),
        ("file", rest) => file(world, rest),
        ("engine", rest) => {
            let why = rest.strip_prefix("will find its log damaged: ")?;
            over(&mut world.trouble.damaged, Some(why))
        }
        ("operator", rest) => operator(world, rest),
        (agent, rest) => told(world, &AgentId::parse(agent)?, rest),
    }
}

fn over(trouble: &mut Option<String>, why: Option<&str>) -> Option<Done> {
    *trouble = why.map(str::to_string);
    Some(Ok(()))
}

fn premises(world: &mut World, change: impl FnOnce(&mut Premises)) -> Option<Done> {
    change(&mut world.trouble.premises);
    let seen = world.trouble.premises.clone();
    world.feed(Event::PremisesSeen(seen));
    Some(Ok(()))
}

/// `can't be started: WHY`, `can be started`, `is another server`
fn tmux(world: &mut World, words: &str) -> Option<Done> {
    match words {
        "can be started" => over(&mut world.trouble.no_server, None),
        "is another server" => {
            world.replace_server();
            Some(Ok(()))
        }
        _ => {
            let why = words.strip_prefix("can't be started: ")?;
            over(&mut world.trouble.no_server, Some(why))
        }
    }
}

/// `is strained: WHY`, `is eased`, `hides processes`, `shows processes`
fn machine(world: &mut World, words: &str) -> Option<Done> {
    match words {
        "is eased" => {
            world.trouble.strained = None;
            world.feed(Event::TimePassed);
            Some(Ok(()))
        }
        "hides processes" | "shows processes" => {
            world.trouble.hidden = words == "hides processes";
            Some(Ok(()))
        }
        _ => {
            world.trouble.strained = Some(words.strip_prefix("is strained: ")?.to_string());
            world.feed(Event::TimePassed);
            Some(Ok(()))
        }
    }
}

/// `9% 500`: percent and MiB that are free; `9% 500 /ws/log` names the largest file.
fn disk(world: &mut World, words: &str) -> Done {
    let (percent, rest) = words.split_once("% ").ok_or("disk PERCENT% MIB")?;
    let (mib, largest) = rest.split_once(' ').map_or((rest, None), |(mib, file)| (mib, Some(file.to_string())));
    let free = percent.parse().map_err(|_| format!("no percent: {percent:?}"))?;
    let free_mib = mib.parse().map_err(|_| format!("no MiB: {mib:?}"))?;
    premises(world, |premises| premises.disk = Some(Disk { folder: "/ws".to_string(), free, free_mib, largest }))
        .unwrap_or(Ok(()))
}

/// `was changed: NAMES`, `is as it was`; `says TABLE: KEY = VALUE`, also where that key is there; `drops AGENT`
fn file(world: &mut World, words: &str) -> Option<Done> {
    let (what, rest) = words.split_once(' ')?;
    match what {
        "was" => {
            let names: Vec<String> = rest.strip_prefix("changed: ")?.split(' ').map(str::to_string).collect();
            premises(world, |premises| premises.changed = names)
        }
        "is" => premises(world, |premises| premises.changed.clear()),
        "says" => {
            let (table, line) = rest.split_once(": ")?;
            world.files.put(table, line);
            world.trouble.new_rules = true;
            Some(Ok(()))
        }
        "drops" => {
            world.files.drop_table(&format!("agents.{rest}"));
            Some(Ok(()))
        }
        _ => None,
    }
}

/// `probe ACCOUNT`; and any command with `\t` and `\e` for what they stand for.
fn operator(world: &mut World, words: &str) -> Option<Done> {
    if let Some(account) = words.strip_prefix("probe ") {
        world.asked(Command::Probe { account: Some(AccountId::parse(account)?) });
        return Some(Ok(()));
    }
    let meant = words.replace("\\t", "\t").replace("\\e", "\u{1b}");
    (meant != words).then(|| super::script::happen(world, &format!("operator {meant}")))
}

/// What its program tells: `calls itself idle|busy|waiting on WHAT|retrying`, `quota WINDOW PERCENT [resets in SPAN]`, `fails by ERROR [which resets in SPAN]`,
/// `talks in CONVERSATION`. And what is done to it: `leaves NAME behind` when it is ended, `heads its screen WORDS`, `can't be killed`.
fn told(world: &mut World, agent: &AgentId, words: &str) -> Option<Done> {
    let (verb, rest) = words.split_once(' ')?;
    let report = match verb {
        "calls" => Report::State { state: program_state(rest.strip_prefix("itself ")?)? },
        "quota" => Report::Gauges { gauges: quota(world, rest)? },
        "fails" => {
            let error = rest.strip_prefix("by ")?;
            let (error, resets) = resetting(world, error, " which resets in ");
            Report::TurnFailed { error: error.to_string(), status: None, resets: resets.map(|at| at.0 / 1000) }
        }
        "talks" => {
            let talk = rest.strip_prefix("in ")?.to_string();
            world.trouble.talks.insert(talk.clone());
            Report::SessionStarted { conversation: Some(talk), transcript: None }
        }
        "leaves" => {
            let name = rest.strip_suffix(" behind")?;
            return Some(world.touch(agent, |body, _| body.leaves.push((4711, name.to_string()))));
        }
        // Who is in the configuration ends by the usual words.
        "exits" if !world.rules.agents.contains_key(agent) => {
            let status = Exit::Status(rest.parse().ok()?);
            return Some(world.touch(agent, |body, _| body.end(status)));
        }
        "heads" => {
            let head = format!(" {}", rest.strip_prefix("its screen ")?);
            return Some(world.touch(agent, |body, _| body.said[0] = head));
        }
        "can't" | "can" => {
            rest.strip_prefix("be killed")?;
            return Some(world.touch(agent, |body, _| body.immortal = verb == "can't"));
        }
        "has" => {
            let pending = rest.strip_suffix(" tasks")?.parse().ok()?;
            return Some(world.touch(agent, |body, _| body.pending = pending));
        }
        "redraws" => {
            world.habit(agent, |habits| habits.redraws = true);
            return Some(Ok(()));
        }
        _ => return None,
    };
    Some(world.touch(agent, |body, _| body.report(report)))
}

fn program_state(words: &str) -> Option<ProgramState> {
    match words {
        "idle" => Some(ProgramState::Idle),
        "busy" => Some(ProgramState::Busy),
        "retrying" => Some(ProgramState::Retrying { attempt: 2, until: None }),
        _ => words.strip_prefix("waiting on ").map(|on| ProgramState::Waiting { on: on.to_string() }),
    }
}

/// `5-hour 95 resets in 2h`
fn quota(world: &World, words: &str) -> Option<Gauges> {
    let (window, rest) = words.split_once(' ')?;
    let (used, resets) = resetting(world, rest, " resets in ");
    let quota = Quota { window: window.to_string(), used: used.parse().ok()?, resets };
    Some(Gauges { context: None, quotas: vec![quota] })
}

/// What stands before `sign`, and the time that it and a span behind it tell.
fn resetting<'w>(world: &World, words: &'w str, sign: &str) -> (&'w str, Option<Time>) {
    let Some((before, after)) = words.split_once(sign) else { return (words, None) };
    (before, span(after).ok().map(|after| world.clock().wall + after))
}

impl World {
    /// Our server dies and another one answers on its socket before anybody looks.
    fn replace_server(&mut self) {
        self.note("= another tmux server answers on the socket");
        for (_, mut body) in std::mem::take(&mut self.bodies) {
            body.end(Exit::Signal(1));
        }
        self.pids += 1;
        self.tmux = Tmux::Up(Server { pid: self.pids, started: self.now.0 / 1000 });
        self.trial.calm_since = self.now;
        self.wake_ping();
    }
}
