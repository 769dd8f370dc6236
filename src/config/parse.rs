//! All files of a workspace -> its configuration, or everything that is wrong with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::pilot::id::{AgentId, PhaseId};

use super::fleet::{self, Around};
use super::fnv::fnv;
use super::model::{Agent, Config, Phase, Prompts};
use super::nearest::nearest;
use super::problem::{Problem, in_order, quoted};
use super::raw::{self, MISSING, Report, Table, Written};
use super::text::Text;
use super::values::{self, Wrong};
use super::{accounts, options, phases, prices, prompts, sections, services, setup, tables};

/// The version of `flightdeck.toml` that is written and understood.
pub const VERSION: u32 = 1;

/// The name of the main file.
pub const MAIN: &str = "flightdeck.toml";
/// Longest line of it, in bytes: a prompt may be written as one, and is shorter.
const LINE_CAP: usize = 64 * 1024;

/// The files of a workspace as they were read; names are relative to their folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The workspace, absolute.
    pub root: PathBuf,
    /// `flightdeck.toml`.
    pub main: Vec<u8>,
    /// `phases/*.md`
    pub phases: Vec<(String, Vec<u8>)>,
    /// `prompts/*.md`
    pub prompts: Vec<(String, Vec<u8>)>,
    pub machine: Machine,
}

/// What the files leave to the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The backend that all agents get, whatever the files say: [`BACKEND`] of the environment.
    pub backend: Option<String>,
    /// Those of [`DETECTED`] whose program is there.
    pub found: Vec<String>,
}

/// The variable that goes before the files.
pub const BACKEND: &str = "FLIGHTDECK_BACKEND";

/// The backends that an agent may get by itself, in this order.
pub const DETECTED: [&str; 3] = ["claude", "opencode", "codex"];

/// The checked configuration, or all problems, in order of files and places.
pub fn load(sources: &Sources) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let phases = phases::read(&sources.phases, &mut problems);
    let phases_broken = !problems.is_empty();
    let prompts = prompts::compile(&sources.prompts, &mut problems);
    let text = match Text::decode(MAIN, &sources.main) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(*problem);
            return Err(in_order(problems));
        }
    };
    if let Some(at) = text.lines_over(LINE_CAP).next() {
        // A key of a hundred thousand names takes longer to be refused than all else takes to be read.
        let long = Problem::at(&text, at.start..at.start, "", format!("a line of {} bytes", at.len()));
        problems.push(long.expected(format!("at most {LINE_CAP} bytes a line")));
        return Err(in_order(problems));
    }
    let (mut top, broken) = raw::tree(&text);
    let mut report = Report::new(&text);
    if let Some(newer) = version(&mut top, &mut report) {
        // Another version's keys mean other things: what else is wrong can't be known.
        return Err(vec![newer]);
    }
    if let Some(first) = broken.syntax {
        // What else is said of this file would be guesses about what the broken place was meant to be.
        problems.push(first);
        return Err(in_order(problems));
    }
    let known = Known { phases, phases_broken, prompts: prompt_names(sources) };
    let config = build(sources, top, known, prompts, &mut report);
    problems.extend(credible(report.finish(), &broken.doubled));
    problems.extend(broken.doubled);
    if problems.is_empty() { Ok(config) } else { Err(in_order(problems)) }
}

/// What `flightdeck.toml` may refer to.
struct Known {
    phases: BTreeMap<PhaseId, Phase>,
    /// A file of phases/ can't be read, so that a phase may be missing for that reason alone.
    phases_broken: bool,
    prompts: Vec<String>,
}

fn version(top: &mut Table<'_>, report: &mut Report<'_>) -> Option<Problem> {
    let expected = format!("version = {VERSION} at the top");
    let written = top.need(report, "version", &expected, values::whole(1..=u32::MAX))?;
    let newer = written.value > VERSION;
    newer.then(|| {
        Problem::at(report.text, written.span, &written.key, format!("the file has version {}", written.value))
            .expected(format!("version {VERSION}, the newest that this flightdeck understands"))
            .help("use a newer flightdeck; nothing was changed")
    })
}

fn build(sources: &Sources, mut top: Table<'_>, known: Known, prompts: Prompts, report: &mut Report<'_>) -> Config {
    let mut project_table = top.table(report, "project", "[project]");
    let project = sections::project(&mut project_table, &sources.root, report);
    let (sequence, sequence_place) = sequence(&mut project_table, &known, report);
    project_table.close(report);
    let handoff = sections::handoff(top.table(report, "handoff", "[handoff]"), report);
    let backends = tables::read(top.table(report, "backends", "[backends.NAME]"), report);
    let servers = options::servers(top.table(report, "mcp", "[mcp.NAME]"), report);
    let accounts = accounts::read(top.table(report, "accounts", "[accounts.NAME]"), &sources.root, report);
    let prefer_oauth = accounts::routing(top.table(report, "routing", "[routing]"), report);
    let agents_table = top.table(report, "agents", "[agents.NAME]");
    if agents_table.is_empty() {
        report.add(0..0, "agents", MISSING).expected = "at least one table [agents.NAME]".to_string();
    }
    let machine = &sources.machine;
    if let Some(name) = machine.backend.as_ref().filter(|name| !backends.names().contains(name.as_str())) {
        let names: Vec<&str> = backends.names().into_iter().collect();
        let problem = Problem::of(MAIN, format!("{BACKEND} names the unknown backend {}", quoted(name)));
        let near = nearest(name, names.iter().copied());
        report.problems.push(problem.expected(values::one_of(&names)).nearest(near));
    }
    let around = Around {
        root: &sources.root,
        machine,
        prompts: &known.prompts,
        backends: &backends,
        servers: &servers,
        accounts: &accounts,
        prefixes: &handoff.prefixes,
        watched: project.remote.is_some(),
    };
    let mut members = fleet::read(agents_table, &around, report);
    services::settle(&mut members, &backends, report);
    fleet::cross_check(&members, sequence_place.as_ref(), report);
    let agents: BTreeMap<AgentId, Agent> =
        members.into_iter().map(|member| (member.agent.id.clone(), member.agent)).collect();
    let setup = setup::read(top.table(report, "setup", "[setup]"), &servers, report);
    let config = Config {
        root: sources.root.clone(),
        project,
        sequence,
        phases: known.phases,
        backends: backends.whole(agents.values().flat_map(|agent| {
            let others = agent.fallback.iter().map(|other| other.backend.as_str());
            std::iter::once(agent.backend.as_str()).chain(others)
        })),
        digest: digest(sources, &agents),
        agents,
        accounts,
        prefer_oauth,
        mcp: servers,
        prices: prices::read(top.table(report, "prices", "[prices.MODEL]"), report),
        prompts,
        stall: sections::stall(top.table(report, "stall", "[stall]"), report),
        restart: sections::restart(top.table(report, "restart", "[restart]"), report),
        delivery: sections::delivery(top.table(report, "delivery", "[delivery]"), report),
        handoff,
        capture: sections::capture(top.table(report, "capture", "[capture]"), report),
        retention: sections::retention(top.table(report, "retention", "[retention]"), report),
        cockpit: sections::cockpit(top.table(report, "cockpit", "[cockpit]"), report),
        setup,
    };
    top.close(report);
    config
}

fn sequence(table: &mut Table<'_>, known: &Known, report: &mut Report<'_>) -> (Vec<PhaseId>, Option<Written<()>>) {
    let names: Vec<&str> = known.phases.keys().map(PhaseId::as_str).collect();
    let phase = values::judged(|text: &str| match PhaseId::parse(text) {
        None => Err(Wrong::new(format!("found {}", quoted(text)), PhaseId::EXPECTED)),
        Some(id) if known.phases_broken || known.phases.contains_key(&id) => Ok(id),
        Some(_) => Err(values::unknown("phase", text, &names)),
    });
    let expected = "a list of phase ids such as [\"1a\", \"1b\"]";
    let Some(written) = table.get(report, "sequence", values::list(expected, phase)) else { return (Vec::new(), None) };
    let place = Written { value: (), key: written.key.clone(), span: written.span.clone() };
    let mut sequence: Vec<PhaseId> = Vec::new();
    for element in written.value {
        if sequence.contains(element.get_ref()) {
            let found = format!("the phase {} is there twice", quoted(element.get_ref().as_str()));
            report.add(element.span(), &place.key, found).expected = "each phase once".to_string();
        } else {
            sequence.push(element.into_inner());
        }
    }
    let place = (!sequence.is_empty()).then_some(place);
    (sequence, place)
}

/// Problems that are no mere echo of a key or table that is written twice: one that is missing may stand in the second.
fn credible(problems: Vec<Problem>, broken: &[Problem]) -> Vec<Problem> {
    if broken.is_empty() {
        return problems;
    }
    let line = |problem: &Problem| problem.at.as_ref().map(|spot| spot.place.line);
    let echo = |problem: &Problem| problem.found == MISSING || broken.iter().any(|one| line(one) == line(problem));
    problems.into_iter().filter(|problem| !echo(problem)).collect()
}

fn prompt_names(sources: &Sources) -> Vec<String> {
    let built_in = prompts::BUILT_IN.iter().map(|(name, _)| (*name).to_string());
    let written = sources.prompts.iter().map(|(name, _)| name.trim_end_matches(".md").to_string());
    let mut names: Vec<String> = built_in.chain(written).filter(|name| prompts::starts_agents(name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Tells versions of the files, and machines with other programs, apart.
fn digest(sources: &Sources, agents: &BTreeMap<AgentId, Agent>) -> String {
    let mut all = Vec::new();
    let mut add = |bytes: &[u8]| {
        all.extend(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        all.extend(bytes);
    };
    add(&sources.main);
    for files in [&sources.phases, &sources.prompts] {
        add(&files.len().to_le_bytes());
        for (name, bytes) in files {
            add(name.as_bytes());
            add(bytes);
        }
    }
    // What the files say of it is in them; here stands what became of it on this machine.
    agents.values().for_each(|agent| add(agent.backend.as_bytes()));
    format!("{:016x}", fnv(all))
}
