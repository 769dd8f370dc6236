//! `[agents.*]`: reading each agent with its role's defaults, then what must hold between them and with the rest of the
//! configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::Spanned;

use crate::pilot::id::{AccountId, AgentId};

use super::accounts::{self, Account};
use super::loopback::open_door;
use super::model::{Agent, Backend, Kind, McpServer, McpWay, RestartPolicy, Role, Schedule};
use super::options;
use super::parse::{DETECTED, Machine};
use super::problem::quoted;
use super::raw::{Report, Table, Written};
use super::tables::Backends;
use super::values::{self, Wrong};
use super::{backend, grammar, prices, services};

/// More agents than one screen and one machine hold; above, it is a mistake.
const AGENTS_CAP: usize = 500;

const LABEL: &str = "[agents.NAME]";

/// Leaves the choice of the backend to what is there.
const AUTO: &str = "auto";

const ROLES: [(&str, Role); 5] = [
    ("builder", Role::Builder),
    ("adversary", Role::Adversary),
    ("orchestrator", Role::Orchestrator),
    ("upgrader", Role::Upgrader),
    ("other", Role::Other),
];

const KINDS: [(&str, Kind); 3] = [("loop", Kind::Loop), ("job", Kind::Job), ("service", Kind::Service)];

const POLICIES: [(&str, RestartPolicy); 4] = [
    ("always", RestartPolicy::Always),
    ("on-failure", RestartPolicy::OnFailure),
    ("never", RestartPolicy::Never),
    ("if-absent-anywhere", RestartPolicy::IfAbsentAnywhere),
];

/// What agents may refer to.
pub struct Around<'a> {
    pub root: &'a Path,
    pub machine: &'a Machine,
    /// Stems of the templates that exist.
    pub prompts: &'a [String],
    pub backends: &'a Backends,
    pub servers: &'a BTreeMap<String, McpServer>,
    pub accounts: &'a BTreeMap<AccountId, Account>,
    pub prefixes: &'a [String],
    /// Whether a remote is watched.
    pub watched: bool,
}

/// An agent, and where in the file it stands.
pub struct Member {
    pub agent: Agent,
    pub(super) table: Written<()>,
    /// As written; what it comes to is settled when all are known.
    pub(super) attach: Option<Written<AgentId>>,
    dir: Option<Written<PathBuf>>,
}

/// All agents that could be read.
pub fn read(table: Table<'_>, around: &Around<'_>, report: &mut Report<'_>) -> Vec<Member> {
    let mut members = Vec::new();
    for (name, table) in table.named(report, LABEL) {
        let Some(id) = AgentId::parse(&name.value) else {
            let found = format!("the agent's name {}", quoted(&name.value));
            report.refuse(&name, found, AgentId::EXPECTED);
            continue;
        };
        if members.len() == AGENTS_CAP {
            report.refuse(&name, "too many agents", format!("at most {AGENTS_CAP}"));
            break;
        }
        members.extend(member(id, table, around, report));
    }
    members
}

/// What must hold between agents.
pub fn cross_check(members: &[Member], sequence: Option<&Written<()>>, report: &mut Report<'_>) {
    for (at, member) in members.iter().enumerate() {
        let earlier = &members[..at];
        if let Some(dir) = &member.dir {
            let shared = earlier.iter().find(|other| {
                other.agent.dir == member.agent.dir && (works_on_phases(&other.agent) || works_on_phases(&member.agent))
            });
            if let Some(other) = shared {
                report.refuse(
                    dir,
                    format!("the folder of agent {}", other.agent.id),
                    "a clone of its own for each loop",
                );
            }
        }
        let orchestrator = |member: &Member| member.agent.role == Role::Orchestrator;
        if orchestrator(member) && earlier.iter().any(orchestrator) {
            report.refuse(&member.table, "a second orchestrator", "one");
        }
    }
    if let Some(sequence) = sequence
        && !members.iter().any(|member| works_on_phases(&member.agent))
    {
        report.refuse(sequence, "phases that nobody works on", "an agent of kind \"loop\" beside the orchestrator");
    }
}

/// Restarted at each change of phase.
fn works_on_phases(agent: &Agent) -> bool {
    agent.kind == Kind::Loop && agent.role != Role::Orchestrator
}

fn member(id: AgentId, mut table: Table<'_>, around: &Around<'_>, report: &mut Report<'_>) -> Option<Member> {
    let place = Written { value: (), key: table.key.clone(), span: table.span.clone() };
    let known_role = role(&id, &mut table, report);
    let role = known_role.unwrap_or(Role::Other);
    let written = table.get(report, "kind", values::word("kind", &KINDS));
    let backend = backend(&mut table, around, report);
    let known = backend.as_deref().and_then(|name| around.backends.get(name));
    let kind = written.map_or(usual_kind(role, known), |kind| kind.value);
    let attach = services::attach(&mut table, report);
    let dir = table.need(report, "dir", "the folder of its own clone", |value| {
        grammar::path(around.root, &values::string(value)?)
    });
    let options = options::read(&mut table, known, around.servers, report);
    let model = table.get(report, "model", values::checked("a model's name", grammar::model));
    let env_file = table.get(report, "env_file", |value| grammar::path(around.root, &values::string(value)?));
    let argument = values::checked("one line of text", grammar::argument);
    let args = table.get(report, "args", values::list("a list of strings", argument));
    if let (Some(args), Some(backend)) = (&args, known) {
        options::untaken(Some(args).filter(|args| !args.value.is_empty()), "{args}", true, backend, report);
        let words: Vec<&String> = args.value.iter().map(Spanned::get_ref).collect();
        if let Some((at, expected)) = open_door(&words).filter(|_| backend.channel.serves()) {
            report.refuse(args, format!("found {}", quoted(words[at])), expected);
        }
    }
    let deliver = table.get(report, "deliver", values::word("policy", &[("idle", false), ("any", true)]));
    let autostart = table.get(report, "autostart", values::flag);
    let size = table.get(report, "size", size);
    let model = model.map_or_else(String::new, |model| model.value);
    let (accounts, fallback) =
        accounts::of_agent(&mut table, (known, &model), (around.accounts, around.backends), report);
    let deaf = |name: &String| {
        around.backends.get(name).is_some_and(|backend| backend.mcp_way == McpWay::Args && backend.mcp_args.is_empty())
    };
    if let Some(other) = fallback.iter().map(|other| &other.backend).find(|name| options.mcp.is_some() && deaf(name)) {
        let key = format!("{}.fallback", table.key);
        let found = format!("the backend {} takes no MCP servers, and the agent's `mcp` names them", quoted(other));
        report.add(table.place_of("fallback"), &key, found).expected = "another backend, or no `mcp`".to_string();
    }
    // What goes before the files goes before their ways round it too.
    let forced = around.machine.backend.as_ref();
    let fallback = fallback.into_iter().filter(|other| forced.is_none_or(|name| *name == other.backend)).collect();
    let agent = Agent {
        role,
        kind,
        model,
        permission: options.permission,
        fallback_model: options.fallback_model,
        mcp: options.mcp,
        compact_at: options.compact_at,
        project_settings: options.project_settings,
        dir: dir.as_ref().map_or_else(|| around.root.to_path_buf(), |dir| dir.value.clone()),
        prompt: prompt(&id, known_role.filter(|_| kind != Kind::Service), &mut table, around, report),
        restart: restart(role, kind, &mut table, report),
        schedule: schedule(kind, &mut table, report),
        env_file: env_file.map(|file| file.value),
        args: args.map(Written::plain).unwrap_or_default(),
        pinged_by: pinged_by(role, &mut table, around, report),
        resume: resume(role, backend.as_deref(), &mut table, around, report),
        deliver_in_turn: deliver.is_some_and(|deliver| deliver.value),
        autostart: autostart.map_or(kind != Kind::Job, |autostart| autostart.value),
        attach: None,
        size: size.map_or((120, 40), |size| size.value),
        billing: prices::billing(&mut table, report),
        budget: prices::budget(&mut table, report),
        accounts,
        fallback,
        backend: backend.unwrap_or_default(),
        id,
    };
    services::check(kind, role, known, &table, report);
    table.close(report);
    Some(Member { agent, table: place, attach, dir })
}

fn role(id: &AgentId, table: &mut Table<'_>, report: &mut Report<'_>) -> Option<Role> {
    // `[agents.builder]` needs no `role = "builder"`; any other name has to say what it is.
    let named = ROLES.iter().find(|(word, _)| *word == id.as_str()).map(|(_, role)| *role);
    let read = values::word("role", &ROLES);
    let written = match named {
        Some(_) => table.get(report, "role", read),
        None => {
            let words: Vec<&str> = ROLES.iter().map(|(word, _)| *word).collect();
            table.need(report, "role", &values::one_of(&words), read)
        }
    };
    written.map(|role| role.value).or(named)
}

fn usual_kind(role: Role, backend: Option<&Backend>) -> Kind {
    match role {
        _ if backend.is_some_and(services::is_server) => Kind::Service,
        Role::Upgrader => Kind::Job,
        Role::Builder | Role::Adversary | Role::Orchestrator | Role::Other => Kind::Loop,
    }
}

fn backend(table: &mut Table<'_>, around: &Around<'_>, report: &mut Report<'_>) -> Option<String> {
    let names: Vec<&str> = around.backends.names().into_iter().chain([AUTO]).collect();
    let known = |text: &str| {
        if names.contains(&text) { Ok(text.to_string()) } else { Err(values::unknown("backend", text, &names)) }
    };
    let silent = !table.has("backend");
    let written = table.get(report, "backend", values::judged(known));
    if let Some(name) = &around.machine.backend {
        return Some(name.clone());
    }
    match written {
        Some(written) if written.value != AUTO => Some(written.value),
        None if !silent => None,
        Some(_) | None => detected(table, around.machine, report),
    }
}

/// The first whose program is there; else what to install.
fn detected(table: &Table<'_>, machine: &Machine, report: &mut Report<'_>) -> Option<String> {
    let found = DETECTED.iter().find(|name| machine.found.iter().any(|found| found == *name));
    if found.is_none() {
        let key = format!("{}.backend", table.key);
        let installs = DETECTED.iter().filter_map(|name| backend::install(name));
        let expected = format!("one of them ({}), or another backend", installs.collect::<Vec<_>>().join("; "));
        let told = format!("none of {} is found in PATH", DETECTED.join(", "));
        report.add(table.place_of("backend"), &key, told).expected = expected;
    }
    found.map(|name| (*name).to_string())
}

fn prompt(
    id: &AgentId,
    role: Option<Role>,
    table: &mut Table<'_>,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> String {
    let names: Vec<&str> = around.prompts.iter().map(String::as_str).collect();
    let known = |text: &str| {
        if names.contains(&text) { Ok(text.to_string()) } else { Err(values::unknown("prompt", text, &names)) }
    };
    // A role's prompt is built in; an agent of no role has none but its own. Of an unknown role nothing can be said.
    let usual = match role {
        None => Some(""),
        Some(Role::Other) => names.contains(&id.as_str()).then_some(id.as_str()),
        Some(role) => Some(role.word()),
    };
    if let Some(usual) = usual {
        return table.get(report, "prompt", values::judged(known)).map_or(usual.to_string(), |prompt| prompt.value);
    }
    let expected = format!("a file of prompts/ without its .md, such as {}", quoted(id.as_str()));
    table.need(report, "prompt", &expected, values::judged(known)).map_or_else(String::new, |prompt| prompt.value)
}

fn restart(role: Role, kind: Kind, table: &mut Table<'_>, report: &mut Report<'_>) -> RestartPolicy {
    let usual = match (role, kind) {
        (_, Kind::Job) => RestartPolicy::Never,
        (Role::Orchestrator, Kind::Loop) => RestartPolicy::IfAbsentAnywhere,
        (_, Kind::Loop | Kind::Service) => RestartPolicy::Always,
    };
    let Some(written) = table.get(report, "restart", values::word("restart policy", &POLICIES)) else { return usual };
    if kind == Kind::Job && written.value == RestartPolicy::Always {
        report.refuse(&written, "a job that is started again whenever it is done", "on-failure or never");
    }
    written.value
}

fn schedule(kind: Kind, table: &mut Table<'_>, report: &mut Report<'_>) -> Option<Schedule> {
    let written = table.get(report, "schedule", values::judged(cron))?;
    if kind != Kind::Job {
        report.refuse(&written, "a schedule for a loop", "kind = \"job\", or no schedule");
    }
    Some(written.value)
}

fn cron(text: &str) -> Result<Schedule, Wrong> {
    let expected = "five cron fields in UTC, such as \"0 3 * * 6\"";
    // Longer than any real one; the parser's time grows with it.
    if text.len() > 100 {
        return Err(Wrong::new("a cron expression of more than 100 characters", expected));
    }
    // The parser would take seconds and years too, and words for whole lines.
    if text.split_whitespace().count() != 5 {
        return Err(Wrong::new(format!("{} has not five fields", quoted(text)), expected));
    }
    match croner::Cron::from_str(text) {
        Ok(cron) => Ok(Schedule { text: text.to_string(), cron }),
        Err(why) => {
            let why = why.to_string().to_lowercase();
            Err(Wrong::new(format!("{} is no schedule ({})", quoted(text), why.trim_end_matches('.')), expected))
        }
    }
}

fn pinged_by(role: Role, table: &mut Table<'_>, around: &Around<'_>, report: &mut Report<'_>) -> Vec<String> {
    let names: Vec<&str> = around.prefixes.iter().map(String::as_str).collect();
    let known = values::judged(|text: &str| {
        if names.contains(&text) { Ok(text.to_string()) } else { Err(values::unknown("handoff prefix", text, &names)) }
    });
    let Some(written) = table.get(report, "pinged_by", values::list("a list of handoff prefixes", known)) else {
        let usual = match role {
            Role::Builder => "review",
            Role::Adversary => "claim",
            Role::Orchestrator | Role::Upgrader | Role::Other => return Vec::new(),
        };
        return names.iter().filter(|name| **name == usual).map(|name| (*name).to_string()).collect();
    };
    if !around.watched && !written.value.is_empty() {
        report.refuse(&written, "pings by commits that nobody watches for", "project.remote to be set");
    }
    written.plain()
}

fn resume(
    role: Role,
    backend: Option<&str>,
    table: &mut Table<'_>,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> bool {
    let known = backend.and_then(|name| around.backends.get(name));
    let can = known.is_none_or(|backend| backend.resume.is_some());
    let Some(written) = table.get(report, "resume", values::flag) else { return role == Role::Orchestrator && can };
    if written.value && !can {
        let found = format!("the backend {} cannot take up a conversation", quoted(backend.unwrap_or_default()));
        report.refuse(&written, found, "false, or a backend with a `resume` argv");
    }
    written.value
}

fn size(value: &Spanned<toml::de::DeValue<'_>>) -> Result<(u16, u16), Wrong> {
    let expected = "[columns, rows], 40 to 500 by 10 to 200";
    let pair = values::list(expected, values::whole(0..=65_535))(value);
    let pair = pair.map_err(|wrong| Wrong { expected: expected.to_string(), ..wrong })?;
    match pair.as_slice() {
        [columns, rows] if (40..=500).contains(columns.get_ref()) && (10..=200).contains(rows.get_ref()) => {
            Ok((small(*columns.get_ref()), small(*rows.get_ref())))
        }
        [columns, rows] => {
            Err(Wrong::new(format!("{} by {} is out of range", columns.get_ref(), rows.get_ref()), expected))
        }
        _ => Err(Wrong::new(format!("found a list of {}", pair.len()), expected)),
    }
}

fn small(number: u32) -> u16 {
    u16::try_from(number).expect("its range was checked")
}
