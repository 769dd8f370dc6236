//! The language of scenarios: one line for one thing that happens, at a time from the beginning.
//!
//! ```text
//! # The rule in plain words.
//! agents: builder adversary
//! sequence: 1a 1b
//! config agents.builder: restart = "on-failure"
//! shown from: 20s
//!
//! # Why the next line is there.
//! 1m    builder exits 1
//! 5m    end
//! ```

use std::time::Duration;

use flightdeck::pilot::command::Command;
use flightdeck::pilot::event::{Event, StatusFile};
use flightdeck::pilot::fact::{Commit, Damage, Disk, Exit, Handoff, Person, Premises, Probed, Push, Search, Setting};
use flightdeck::pilot::id::{AccountId, AgentId, MessageId, PhaseId};
use flightdeck::pilot::usage::Tokens;

use super::engine::{Moment, Trap};
use super::mishaps;
use super::plan::{Asking, Plan, span};
use super::setup::Files;
use super::sights;
use super::world::World;

/// A file of `tests/scenarios/`.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) head: Vec<String>,
    pub(crate) files: Files,
    pub(crate) shown_from: Duration,
    /// `told: all`: each step of a delivery too.
    pub(crate) told_all: bool,
    pub(crate) lines: Vec<Line>,
    pub(crate) end: Duration,
}

/// What happens at one moment, with the comments above it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at: Duration,
    pub(crate) comments: Vec<String>,
    pub(crate) words: String,
}

type Done = Result<(), String>;

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut agents, mut sequence, mut config) = (vec!["builder".to_string()], vec!["1a".to_string()], Vec::new());
        let mut script = Script {
            head: Vec::new(),
            files: Files::of(&[], &[]),
            shown_from: Duration::ZERO,
            told_all: false,
            lines: Vec::new(),
            end: Duration::ZERO,
        };
        let mut comments = Vec::new();
        for line in text.lines().map(str::trim_end) {
            if line.is_empty() {
                if script.lines.is_empty() && !comments.is_empty() {
                    script.head.append(&mut comments);
                }
            } else if line.starts_with('#') {
                comments.push(line.to_string());
            } else if let Some((key, value)) = line.split_once(": ").filter(|(key, _)| is_header(key)) {
                let words = || value.split(' ').map(str::to_string).collect();
                match key.split_once(' ').unwrap_or((key, "")) {
                    ("agents", _) => agents = words(),
                    ("sequence", _) => sequence = words(),
                    ("told", _) => script.told_all = value == "all",
                    ("config", table) => config.push((table.to_string(), format!("{value}\n"))),
                    _ => script.shown_from = span(value)?,
                }
            } else {
                let (at, words) = line.split_once(' ').ok_or_else(|| format!("no time and words: {line:?}"))?;
                let (at, words) = (span(at)?, words.trim().to_string());
                script.lines.push(Line { at, comments: std::mem::take(&mut comments), words });
            }
        }
        let last = script.lines.last().filter(|line| line.words == "end").ok_or("the last line is `TIME end`")?;
        script.end = last.at;
        let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
        let sequence: Vec<&str> = sequence.iter().map(String::as_str).filter(|id| *id != "none").collect();
        script.files = Files::of(&agents, &sequence);
        for (table, lines) in config {
            script.files.add(&table, &lines);
        }
        Ok(script)
    }
}

fn is_header(key: &str) -> bool {
    matches!(key, "agents" | "sequence" | "shown from" | "told") || key.starts_with("config ")
}

/// Lets one line happen.
pub(crate) fn happen(world: &mut World, words: &str) -> Done {
    let (first, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (first, rest) {
        ("end", "") => Ok(()),
        ("engine", rest) => engine(world, rest),
        ("tmux", "is silent") => {
            world.tmux_silent();
            Ok(())
        }
        ("tmux", rest) if rest.starts_with("fails the next ") => mishaps::tmux(world, rest),
        ("tmux", "answers") => {
            world.tmux_answers();
            Ok(())
        }
        ("tmux", "dies") => {
            world.tmux_dies(false);
            Ok(())
        }
        ("tmux", "dies and its agents survive") => {
            world.tmux_dies(true);
            Ok(())
        }
        ("tmux", "is listed") => {
            world.wake_ping();
            Ok(())
        }
        // Taken now, told later: what happened meanwhile is not in it.
        ("tmux", rest) if rest.starts_with("is listed late by ") => {
            world.list_late(span(rest.trim_start_matches("is listed late by "))?);
            Ok(())
        }
        ("operator", what) if what.starts_with("looks at ") => {
            sights::operator(world, what.trim_start_matches("looks at "))
        }
        ("operator", command) => {
            let command = command_of(command)?;
            {
                world.asked(command);
                Ok(())
            }
        }
        ("branch", what) => mishaps::branch(world, what),
        ("pushed", what) => push(world, what, false),
        ("force-pushed", what) => push(world, what, true),
        ("status", what) => status(world, what),
        ("remote", "fails") => {
            for count in 1..=3 {
                world.feed(Event::WatchFailed { why: "no route to host".to_string(), count });
            }
            Ok(())
        }
        ("clock", by) => clock(world, by),
        ("machine", rest) => {
            let slept = span(rest.strip_prefix("sleeps ").ok_or("machine sleeps TIME")?)?;
            {
                world.sleep(slept);
                Ok(())
            }
        }
        ("file", rest) => file(world, rest),
        ("disk", rest) => disk(world, rest),
        ("account", rest) => account(world, rest),
        ("hand", rest) => by_hand(world, rest),
        (agent, rest) => agent_does(world, &agent_id(agent)?, rest),
    }
}

fn agent_id(text: &str) -> Result<AgentId, String> {
    AgentId::parse(text).ok_or_else(|| format!("no agent: {text:?}"))
}

fn phase_id(text: &str) -> Result<PhaseId, String> {
    PhaseId::parse(text).ok_or_else(|| format!("no phase: {text:?}"))
}

fn engine(world: &mut World, words: &str) -> Done {
    match words {
        "starts" => {
            world.start_engine();
            Ok(())
        }
        "is killed" => {
            world.kill_engine();
            Ok(())
        }
        _ => {
            if let Some(by) = words.strip_prefix("is late by ") {
                let by = span(by)?;
                world.late(by, &mut |_, _| {});
                return Ok(());
            }
            // `dies before|after|during "words", back in 3s`
            let parts: Vec<&str> = words.splitn(3, '"').collect();
            let [moment, words, back] = parts.as_slice() else { return Err(format!("no trap: {words:?}")) };
            let moment = match moment.trim() {
                "dies before" => Moment::Before,
                "dies after" => Moment::After,
                "dies during" => Moment::During,
                _ => return Err(format!("dies before, after or during, not {moment:?}")),
            };
            let back = span(back.trim_start_matches(", back in "))?;
            world.trap = Some(Trap { words: (*words).to_string(), moment, back });
            Ok(())
        }
    }
}

fn clock(world: &mut World, words: &str) -> Done {
    let (sign, by) = match words.split_once(' ') {
        Some(("forward", by)) => (1, by),
        Some(("back", by)) => (-1, by),
        _ => return Err(format!("clock forward|back TIME, not {words:?}")),
    };
    let ms = i64::try_from(span(by)?.as_millis()).map_err(|why| why.to_string())?;
    {
        world.clock_moves(sign * ms);
        Ok(())
    }
}

fn status(world: &mut World, words: &str) -> Done {
    let (phase, what) = words.split_once(' ').ok_or("status PHASE done|open|unreadable")?;
    let status = match what {
        "done" => StatusFile::Done,
        "open" => StatusFile::Open,
        "unreadable" => StatusFile::Unreadable("it is a directory".to_string()),
        _ => return Err(format!("no status: {what:?}")),
    };
    let agent = agent_id("builder")?;
    let phase = phase_id(phase)?;
    {
        world.feed(Event::StatusRead { agent, phase, status });
        Ok(())
    }
}

fn file(world: &mut World, words: &str) -> Done {
    let (what, rest) = words.split_once(' ').unwrap_or((words, ""));
    match what {
        "sequence" => {
            let phases: Result<Vec<PhaseId>, String> = rest.split(' ').map(phase_id).collect();
            world.files.sequence = phases?;
        }
        "lacks" => {
            world.files.missing.insert(agent_id(rest)?);
        }
        "has" => {
            world.files.missing.remove(&agent_id(rest)?);
        }
        _ => return mishaps::file(world, words),
    }
    Ok(())
}

/// `disk 9% 500`: percent and MiB that are free.
fn disk(world: &mut World, words: &str) -> Done {
    let (percent, mib) = words.split_once("% ").ok_or("disk PERCENT% MIB")?;
    let number = |text: &str| text.parse::<u64>().map_err(|why| format!("{text:?}: {why}"));
    let free = u8::try_from(number(percent)?).map_err(|why| why.to_string())?;
    let disk = Disk { folder: "/ws".to_string(), free, free_mib: number(mib)?, largest: None };
    world.feed(Event::PremisesSeen(Premises { changed: Vec::new(), disk: Some(disk) }));
    Ok(())
}

/// `max answers good`, `max answers limited TEXT`, `max answers TEXT`, `max has all transcripts`
fn account(world: &mut World, words: &str) -> Done {
    let (name, what) = words.split_once(' ').ok_or("account NAME answers …")?;
    let name = AccountId::parse(name).ok_or_else(|| format!("no account: {name:?}"))?;
    let answer = |failed: bool, text: &str| Probed::Answered {
        version: "1".to_string(),
        failed,
        text: text.to_string(),
        status: None,
        used: vec![("cheap".to_string(), Tokens { input: 10, output: 1, ..Tokens::default() })],
    };
    match what.strip_prefix("answers ") {
        Some("good") => world.proofs.insert(name, answer(false, "ok")).map_or((), drop),
        Some("nothing") => world.proofs.remove(&name).map_or((), drop),
        Some(text) => world.proofs.insert(name, answer(true, text)).map_or((), drop),
        None if what == "has all transcripts" => {
            world.transcripts.insert(name);
        }
        None if what.starts_with("is slow by ") => {
            world.slow.insert(name, span(what.trim_start_matches("is slow by "))?);
        }
        None => return Err(format!("nothing of an account: {what:?}")),
    }
    Ok(())
}

/// What its program would go by at a start: `brings SETTING, SETTING` or `nothing`; `finds its home whole`, `finds damage in FILE, kept|lost`.
fn goes_by(world: &mut World, agent: &AgentId, verb: &str, what: &str) -> Done {
    let vetted = world.vetted.entry(agent.clone()).or_default();
    match (verb, what) {
        ("brings", settings) => {
            vetted.settings = settings.split(", ").filter(|text| *text != "nothing").map(setting).collect();
        }
        (_, "its home whole") => vetted.damaged = None,
        (_, damage) => {
            let (file, kept) = damage
                .strip_prefix("damage in ")
                .and_then(|rest| rest.split_once(", "))
                .ok_or("damage in FILE, kept|lost")?;
            let kept = (kept == "kept").then(|| format!("{file}.damaged-1234"));
            vetted.damaged = Some(Damage { file: file.to_string(), why: "it is empty".to_string(), kept });
        }
    }
    Ok(())
}

/// `.a/settings.json=DIGEST`, or with `+key` for each name in it.
fn setting(text: &str) -> Setting {
    let mut parts = text.split('+');
    let (file, digest) = parts.next().unwrap_or_default().split_once('=').unwrap_or((text, ""));
    Setting { file: file.to_string(), digest: digest.to_string(), keys: parts.map(str::to_string).collect() }
}

fn by_hand(world: &mut World, words: &str) -> Done {
    world.by_hand = match words {
        "runs one" => Search::Found { pid: 77 },
        "ends it" => Search::None,
        "hides it" => Search::Unknown { why: "the process table can't be read".to_string() },
        _ => return Err(format!("no hand: {words:?}")),
    };
    Ok(())
}

/// `claim(1a) claim(1a)~b@example.org review(1a) plain done:1a inbox:builder:2`; behind `~` who committed it for somebody else.
fn push(world: &mut World, words: &str, rewritten: bool) -> Done {
    let (mut commits, mut inbox, mut open) = (Vec::new(), Vec::new(), Vec::new());
    let mut done: Vec<PhaseId> = world.remote.done.iter().cloned().collect();
    let person = |mail: &str| Person { words: format!("somebody <{mail}>"), mail: mail.to_string() };
    for word in words.split(' ') {
        let (word, committer) = word.split_once('~').unwrap_or((word, "a@example.org"));
        let handoff = word
            .split_once('(')
            .map(|(prefix, gate)| Handoff { prefix: prefix.to_string(), gate: gate.trim_end_matches(')').to_string() });
        let parts: Vec<&str> = word.split(':').collect();
        match parts.as_slice() {
            ["done", phase] => done.push(phase_id(phase)?),
            ["open", phase] => open.push(phase_id(phase)?),
            ["inbox", agent, count] => {
                let count = count.parse().map_err(|_| format!("no count: {count:?}"))?;
                inbox.push((agent_id(agent)?, count));
            }
            _ => {}
        }
        let (author, committer) = (person("a@example.org"), person(committer));
        commits.push(Commit { sha: world.sha(), handoff, author, committer });
    }
    done.retain(|phase| !open.contains(phase));
    let old = world.remote.pushes.last().map(|push| push.new.clone());
    let new = commits.last().map(|commit| commit.sha.clone()).ok_or("an empty push")?;
    if rewritten || old.is_none() {
        commits.clear();
        inbox.clear();
    }
    world.push(Push { old, new, rewritten, commits, inbox, done });
    Ok(())
}

fn agent_does(world: &mut World, agent: &AgentId, words: &str) -> Done {
    if !world.rules.agents.contains_key(agent) {
        return Err(format!("no agent {agent}"));
    }
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    let asking = |text: &str| match text {
        "permission" => Ok(Asking::Permission),
        "trust" => Ok(Asking::Trust),
        _ => Err(format!("no dialog: {text:?}")),
    };
    match (verb, rest) {
        ("next:", plan) => {
            world.plans.entry(agent.clone()).or_default().push(Plan::parse(plan)?);
            Ok(())
        }
        ("always:", plan) => {
            world.always.insert(agent.clone(), Plan::parse(plan)?);
            Ok(())
        }
        ("exits", status) => {
            let status = status.parse().map_err(|_| format!("no status: {status:?}"))?;
            world.touch(agent, |body, _| body.end(Exit::Status(status)))
        }
        ("killed", signal) => {
            let signal = signal.parse().map_err(|_| format!("no signal: {signal:?}"))?;
            world.touch(agent, |body, _| body.end(Exit::Signal(signal)))
        }
        ("vanishes", "") => world.touch(agent, |body, _| body.end(Exit::Lost)),
        ("dies", "unheard") => {
            world.mute_death(agent);
            world.touch(agent, |body, _| body.end(Exit::Status(1)))
        }
        ("brings" | "finds", what) => goes_by(world, agent, verb, what),
        ("loses", "its pane unheard") => world.bodies.remove(agent).map(drop).ok_or("it has none".to_string()),
        ("drafts", text) => world.touch(agent, |body, _| body.draft(text)),
        ("drops", "its draft") => world.touch(agent, |body, _| body.draft("")),
        ("asks", dialog) => {
            let dialog = asking(dialog)?;
            world.touch(agent, |body, _| body.dialog = Some(dialog))
        }
        ("is", told) if told.starts_with("told ") => {
            let plan = world.next_plan(agent);
            let text = told.trim_start_matches("told ");
            world.touch(agent, |body, now| {
                // A person answers a question before anything else.
                if body.dialog.is_some() {
                    return;
                }
                body.draft(text);
                body.enter(now, text, || plan);
            })
        }
        ("is", "answered") => {
            let plan = world.next_plan(agent);
            world.touch(agent, |body, now| body.answer(now, || plan))
        }
        ("context", used) => {
            let used = used.parse().map_err(|_| format!("no percent: {used:?}"))?;
            world.touch(agent, |body, _| body.gauge(used))
        }
        ("tells", "its answers again") => world.touch(agent, |body, _| body.repeat()),
        ("is", "suspended") => world.touch(agent, |body, _| body.suspended = true),
        ("is", "continued") => world.touch(agent, |body, _| body.suspended = false),
        // Its program was updated: no rule knows what it draws.
        ("looks", "new") => world.touch(agent, |body, _| body.garbled = true),
        ("looks", "as before") => world.touch(agent, |body, _| body.garbled = false),
        ("enters", "copy mode") => world.touch(agent, |body, _| body.mode.in_mode = true),
        ("leaves", "copy mode") => world.touch(agent, |body, _| body.mode.in_mode = false),
        ("input", state) => world.touch(agent, |body, _| body.mode.input_off = state == "off"),
        _ => is_like(world, agent, words),
    }
}

/// Habits, of this life and the next ones.
fn is_like(world: &mut World, agent: &AgentId, words: &str) -> Done {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (verb, rest) {
        ("swallows", count) => {
            let swallows = count.parse().map_err(|_| format!("no count: {count:?}"))?;
            {
                world.habit(agent, |habits| habits.swallows = swallows);
                Ok(())
            }
        }
        ("collapses", "long pastes") => {
            world.habit(agent, |habits| habits.collapses = true);
            Ok(())
        }
        ("starts", "with trust") => {
            world.habit(agent, |habits| habits.start_dialog = Some(Asking::Trust));
            Ok(())
        }
        ("starts", rest) => {
            let start = span(rest.trim_start_matches("in "))?;
            {
                world.habit(agent, |habits| habits.start = start);
                Ok(())
            }
        }
        _ => mishaps::agent(world, agent, words),
    }
}

fn command_of(words: &str) -> Result<Command, String> {
    let parts: Vec<&str> = words.split(' ').collect();
    let message = |text: &str| -> Result<MessageId, String> {
        text.trim_start_matches('m').parse().map(MessageId).map_err(|_| format!("no message: {text:?}"))
    };
    Ok(match parts.as_slice() {
        ["status"] => Command::Status,
        ["start", agent] => Command::Start { agent: agent_id(agent)? },
        ["stop", agent] => Command::Stop { agent: agent_id(agent)? },
        ["restart", agent] => Command::Restart { agent: agent_id(agent)?, fresh: false },
        ["restart", agent, "--fresh"] => Command::Restart { agent: agent_id(agent)?, fresh: true },
        ["send", agent, ..] => {
            Command::Send { agent: agent_id(agent)?, text: parts[2..].join(" ").replace("\\n", "\n") }
        }
        ["ping", agent] => Command::Ping { agent: agent_id(agent)? },
        ["hold", agent, ..] => Command::Hold { agent: agent_id(agent)?, reason: parts[2..].join(" ") },
        ["release", agent] => Command::Release { agent: agent_id(agent)? },
        ["pause"] => Command::Pause,
        ["resume"] => Command::Resume,
        ["e-stop"] => Command::EmergencyStop,
        ["phase", "next"] => Command::PhaseNext,
        ["phase", "goto", phase] => Command::PhaseGoto { phase: phase_id(phase)? },
        ["phase", "append", phase] => Command::PhaseAppend { phase: phase_id(phase)? },
        ["phase", "insert", phase] => Command::PhaseInsert { phase: phase_id(phase)?, before: None },
        ["phase", "insert", phase, "before", other] => {
            Command::PhaseInsert { phase: phase_id(phase)?, before: Some(phase_id(other)?) }
        }
        ["phase", "remove", phase] => Command::PhaseRemove { phase: phase_id(phase)? },
        ["run", agent] => Command::RunJob { agent: agent_id(agent)?, fresh: false },
        ["run", agent, "--fresh"] => Command::RunJob { agent: agent_id(agent)?, fresh: true },
        ["drop", id] => Command::Drop { message: message(id)? },
        ["retry", id] => Command::Retry { message: message(id)? },
        ["probe"] => Command::Probe { account: None },
        ["reload"] => Command::Reload,
        ["shutdown"] => Command::Shutdown,
        _ => return Err(format!("no command: {words:?}")),
    })
}
