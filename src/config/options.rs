//! What an agent's program is started with besides its model: its permission mode, the models it falls back to, the MCP servers
//! it may use. Each is data of the backend; an option that a backend has no arguments for is a mistake, never a silence.
//!
//! `[mcp.*]` says what a server is. Its secrets are named here and lie in the agent's env file.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::grammar;
use super::launch::takes;
use super::model::{Backend, McpServer, McpWay, ProjectSettings};
use super::problem::quoted;
use super::raw::{Report, Table, Written};
use super::values::{self, Wrong};

const LABEL: &str = "[mcp.NAME]";
/// More servers than an agent can make use of; each is a process of its own.
const SERVERS_CAP: usize = 50;
/// Below, a context would be shortened all the time; above, its program comes first.
const COMPACT_AT: RangeInclusive<u32> = 20..=95;

const PROJECT_SETTINGS: [(&str, ProjectSettings); 2] =
    [("tell", ProjectSettings::Tell), ("hold", ProjectSettings::Hold)];

/// The options of one agent.
pub struct Options {
    pub permission: String,
    pub fallback_model: String,
    /// `None`: those that its program finds by itself.
    pub mcp: Option<Vec<String>>,
    pub compact_at: Option<u8>,
    pub project_settings: ProjectSettings,
}

/// All servers that could be read.
pub fn servers(table: Table<'_>, report: &mut Report<'_>) -> BTreeMap<String, McpServer> {
    let mut servers = BTreeMap::new();
    for (name, table) in table.named(report, LABEL) {
        if grammar::prefix(&name.value).is_none() {
            let found = format!("the server's name {}", quoted(&name.value));
            report.refuse(&name, found, "a lower-case letter, then at most 31 of a-z, 0-9 and `-`");
            continue;
        }
        if servers.len() == SERVERS_CAP {
            report.refuse(&name, "too many servers", format!("at most {SERVERS_CAP}"));
            break;
        }
        let server = server(&name.value, table, report);
        // One that is wrong is known all the same: who names it makes no second mistake.
        servers.insert(name.value, server);
    }
    servers
}

fn server(name: &str, mut table: Table<'_>, report: &mut Report<'_>) -> McpServer {
    let program = |text: &str| grammar::argument(text).filter(|text| !text.trim().is_empty());
    let command = table.need(report, "command", "a program", values::checked("a program", program));
    let argument = values::checked("one line of text", grammar::argument);
    let args = table.get(report, "args", values::list("a list of strings", argument));
    let variable =
        values::checked("the name of a variable; its value belongs into the agent's env file", grammar::variable);
    let env = table.get(report, "env", values::list("a list of names of variables", variable));
    table.close(report);
    McpServer {
        name: name.to_string(),
        command: command.map(|command| command.value).unwrap_or_default(),
        args: args.map(Written::plain).unwrap_or_default(),
        env: env.map(Written::plain).unwrap_or_default(),
    }
}

/// Reads an agent's options. `backend` is `None` where it is wrong itself: then nothing can be said of what it takes.
pub fn read(
    table: &mut Table<'_>,
    backend: Option<&Backend>,
    servers: &BTreeMap<String, McpServer>,
    report: &mut Report<'_>,
) -> Options {
    let has_env_file = table.has("env_file");
    let permission = table.get(report, "permission", values::judged(|text| mode(text, backend)));
    let fallback = table.get(report, "fallback_model", values::checked("a model's name", fallback));
    let names: Vec<&str> = servers.keys().map(String::as_str).collect();
    let known = values::judged(|text: &str| match servers.get(text) {
        None => Err(values::unknown("MCP server", text, &names)),
        Some(server) if !server.env.is_empty() && !has_env_file => {
            let found = format!("{} needs {}", quoted(text), server.env.join(", "));
            Err(Wrong::new(found, "an env_file of the agent, where they are set"))
        }
        Some(_) => Ok(text.to_string()),
    });
    let compact = table.get(report, "compact_at", values::whole(COMPACT_AT));
    let mcp = table.get(report, "mcp", values::list("a list of names of [mcp.NAME]", known));
    let settings = table.get(report, "project_settings", values::word("policy", &PROJECT_SETTINGS));
    if let Some(backend) = backend {
        if let Some(settings) = settings.as_ref().filter(|_| backend.access.settings.is_empty()) {
            no_such(settings, backend, report);
        }
        untaken(permission.as_ref(), "{permission_args}", !backend.permissions.is_empty(), backend, report);
        untaken(fallback.as_ref(), "{fallback_args}", !backend.fallback_args.is_empty(), backend, report);
        if let Some(compact) = compact.as_ref().filter(|_| backend.compact.is_none()) {
            no_such(compact, backend, report);
        }
        match backend.mcp_way {
            McpWay::Args => untaken(mcp.as_ref(), "{mcp_args}", !backend.mcp_args.is_empty(), backend, report),
            McpWay::Opencode => {}
        }
    }
    Options {
        permission: permission.map(|mode| mode.value).unwrap_or_default(),
        fallback_model: fallback.map(|model| model.value).unwrap_or_default(),
        compact_at: compact.and_then(|at| u8::try_from(at.value).ok()),
        project_settings: settings.map(|settings| settings.value).unwrap_or_default(),
        mcp: mcp.map(Written::plain),
    }
}

fn mode(text: &str, backend: Option<&Backend>) -> Result<String, Wrong> {
    let Some(backend) = backend.filter(|backend| !backend.permissions.is_empty()) else { return Ok(text.to_string()) };
    let modes: Vec<&str> = backend.permissions.keys().map(String::as_str).collect();
    if modes.contains(&text) { Ok(text.to_string()) } else { Err(values::unknown("permission mode", text, &modes)) }
}

/// One model, or several in their order with commas between.
fn fallback(text: &str) -> Option<String> {
    text.split(',').all(|model| !model.is_empty() && grammar::model(model).is_some()).then(|| text.to_string())
}

/// Refuses an option that the backend takes, but has no place for in its argvs.
pub fn untaken<T>(option: Option<&Written<T>>, hole: &str, known: bool, backend: &Backend, report: &mut Report<'_>) {
    let Some(option) = option else { return };
    if !known {
        no_such(option, backend, report);
    } else if !takes(backend, hole) {
        let found = format!("the backend {} has no place for it", quoted(&backend.name));
        report.refuse(option, found, format!("{hole} in its `launch` and `resume`"));
    }
}

fn no_such<T>(option: &Written<T>, backend: &Backend, report: &mut Report<'_>) {
    let found = format!("the backend {} has no such option", quoted(&backend.name));
    report.refuse(option, found, "nothing, or another backend");
}
