//! MCP servers that both programs get, from `[mcp.*]` by the names in `[setup]`. OpenCode's stand in its settings, which we add to.
//! Claude Code's stand in a file that it writes itself all the time; so it is asked to make the change, and that file is only read.
//!
//! What we register has a mark of its own, a variable with a sum of the rest: what has it and fits it is ours to change and to clean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::config::fnv::fnv;
use crate::config::model::McpServer;
use crate::config::servers::{for_claude, for_opencode, literal};
use crate::edge::spawn;

use super::super::workspace;
use super::deed::{self, Change, Deed};
use super::graft::Wish;
use super::homes::Home;
use super::jsonc::Dialect;
use super::prune;
use super::slash::Whose;

/// The variable that is our mark; a server that looks at it learns nothing.
const MARK: &str = "FLIGHTDECK_SETUP";
/// The file of Claude Code's own, in its folder or in the home.
const CLAUDE_FILE: &str = ".claude.json";
/// It takes 0.2 s on an idle machine.
const ANSWER: Duration = Duration::from_secs(30);
/// Letters of a complaint that are told.
const SAID_CAP: usize = 200;

/// The servers that all programs get, in the order of their names.
pub(super) fn wanted(config: &Config) -> Vec<&McpServer> {
    config.mcp.values().filter(|server| config.setup.mcp.contains(&server.name)).collect()
}

/// What OpenCode's settings should hold.
pub(super) fn wishes(servers: &[&McpServer]) -> Vec<Wish> {
    let wish = |server: &&McpServer| Wish::Whole {
        path: vec!["mcp".to_string()],
        key: server.name.clone(),
        value: marked(for_opencode(server), "environment"),
    };
    servers.iter().map(wish).collect()
}

/// What Claude Code has to be asked for, so that these are registered.
pub(super) fn give_claude(home: &Home, servers: &[&McpServer]) -> (PathBuf, Result<Deed, String>) {
    (home.base.join(CLAUDE_FILE), claude(home).map(|(deed, there)| give(deed, &there, servers)))
}

fn give(mut deed: Deed, there: &Map<String, Value>, servers: &[&McpServer]) -> Deed {
    let mut calls = Vec::new();
    for server in servers {
        let value = marked(for_claude(server), "env");
        let shown = format!("mcpServers.{} = {value}", server.name);
        if let Some(old) = there.get(&server.name) {
            match (whose(old), same(old, &value)) {
                (_, true) => continue,
                (Whose::Ours, false) => {
                    calls.push(removal(&server.name));
                    deed.lines.push(format!("- mcpServers.{} = {old}", server.name));
                }
                (Whose::Changed, false) => {
                    deed.kept.push(format!("{shown}: it was changed by hand"));
                    continue;
                }
                (Whose::Theirs, false) => {
                    deed.kept.push(format!("{shown}: a server of your own has that name"));
                    continue;
                }
            }
        }
        deed.lines.push(format!("+ {shown}"));
        calls.push(
            ["mcp", "add-json", "--scope", "user", &server.name, &value.to_string()].map(str::to_string).to_vec(),
        );
    }
    if !calls.is_empty() {
        deed.change = Change::Asked { calls };
    }
    deed
}

/// What it has to be asked for, so that ours are gone; `None`: none are there.
pub(super) fn clean_claude(home: &Home) -> Option<(PathBuf, Result<Deed, String>)> {
    let path = home.base.join(CLAUDE_FILE);
    let (mut deed, there) = match claude(home) {
        Ok(found) => found,
        Err(why) => return Some((path, Err(why))),
    };
    let mut calls = Vec::new();
    for (name, value) in &there {
        match whose(value) {
            Whose::Ours => {
                deed.lines.push(format!("- mcpServers.{name} = {value}"));
                calls.push(removal(name));
            }
            Whose::Changed => deed.kept.push(format!("mcpServers.{name}: it was changed by hand")),
            Whose::Theirs => {}
        }
    }
    if !calls.is_empty() {
        deed.change = Change::Asked { calls };
    }
    (deed.change != Change::Nothing || !deed.kept.is_empty()).then_some((path, Ok(deed)))
}

/// OpenCode's settings without what is ours; `None`: nothing is.
pub(super) fn clean_opencode(home: &Home) -> Option<(PathBuf, Result<Deed, String>)> {
    let path = home.base.join(&home.settings);
    let deed = || -> Result<Deed, String> {
        let old = deed::read(&home.base, &home.settings)?;
        let name = path.display().to_string();
        let mut text = String::from_utf8(old.clone().unwrap_or_else(|| home.blank.into()))
            .map_err(|_| format!("{name} is not UTF-8"))?;
        let (mut lines, mut kept) = (Vec::new(), Vec::new());
        for (key, value) in prune::members(&name, &text, home.dialect, "mcp").map_err(|why| why.to_string())? {
            match whose(&value) {
                Whose::Ours => {
                    text = prune::prune(&name, &text, home.dialect, "mcp", &key).map_err(|why| why.to_string())?;
                    lines.push(format!("- mcp.{key} = {value}"));
                }
                Whose::Changed => kept.push(format!("mcp.{key}: it was changed by hand")),
                Whose::Theirs => {}
            }
        }
        let change = match lines.is_empty() {
            true => Change::Nothing,
            false => Change::Written { new: text.into_bytes(), ours: false },
        };
        Ok(Deed { path: path.clone(), old, change, lines, kept })
    };
    match deed() {
        Ok(deed) if deed.change == Change::Nothing && deed.kept.is_empty() => None,
        deed => Some((path.clone(), deed)),
    }
}

/// Asks Claude Code, which joins the change with what it writes at the same time; then looks whether it did.
pub(super) fn ask(home: &Home, deed: &Deed, calls: &[Vec<String>]) -> Result<(), String> {
    for call in calls {
        let mut command = spawn::command(home.program);
        // Its folder where one is named, else the home.
        let place = if home.commands.parent() == Some(Path::new("")) { "CLAUDE_CONFIG_DIR" } else { "HOME" };
        command.args(call).env(place, &home.base).current_dir(&home.base);
        command.env("DISABLE_AUTOUPDATER", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        let output = workspace::wait(spawn::output_within(ANSWER, command)).map_err(|why| why.to_string())?;
        let output = output.map_err(|why| why.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let said: String = said.trim().lines().next().unwrap_or_default().chars().take(SAID_CAP).collect();
            return Err(format!("`{} {}` ended with {}: {said}", home.program, call[..2].join(" "), output.status));
        }
    }
    let (_, there) = claude(home)?;
    for line in &deed.lines {
        let Some((name, value)) = line.strip_prefix("+ mcpServers.").and_then(|line| line.split_once(" = ")) else {
            continue;
        };
        let value: Value = serde_json::from_str(value).unwrap_or_default();
        if !there.get(name).is_some_and(|there| same(there, &value)) {
            return Err(format!("{} said it was done, and {} does not have {name}", home.program, deed.path.display()));
        }
    }
    Ok(())
}

/// Whose a registration is.
pub(super) fn whose(value: &Value) -> Whose {
    match told(value) {
        None => Whose::Theirs,
        Some(told) if told == sum(value) => Whose::Ours,
        Some(_) => Whose::Changed,
    }
}

/// Whether two registrations say the same, with a mark or without.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    bare(one) == bare(other)
}

fn claude(home: &Home) -> Result<(Deed, Map<String, Value>), String> {
    let path = home.base.join(CLAUDE_FILE);
    let name = path.display().to_string();
    let old = deed::read(&home.base, Path::new(CLAUDE_FILE))?;
    let text =
        String::from_utf8(old.clone().unwrap_or_else(|| b"{}".to_vec())).map_err(|_| format!("{name} is not UTF-8"))?;
    let there = prune::members(&name, &text, Dialect::Strict, "mcpServers").map_err(|why| why.to_string())?;
    let deed = Deed { path, old, change: Change::Nothing, lines: Vec::new(), kept: Vec::new() };
    Ok((deed, there.into_iter().collect()))
}

fn removal(name: &str) -> Vec<String> {
    ["mcp", "remove", "--scope", "user", name].map(str::to_string).to_vec()
}

fn marked(mut value: Value, variables: &str) -> Value {
    let sum = sum(&value);
    if !value[variables].is_object() {
        value[variables] = json!({});
    }
    value[variables][MARK] = Value::from(sum);
    value
}

fn told(value: &Value) -> Option<&str> {
    ["env", "environment"].into_iter().find_map(|variables| value[variables][MARK].as_str())
}

fn sum(value: &Value) -> String {
    format!("{:016x}", fnv(literal(&bare(value)).bytes()))
}

/// Without our mark, and without what is empty: a program may leave that out.
fn bare(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        for variables in ["env", "environment"] {
            if let Some(Value::Object(variables)) = members.get_mut(variables) {
                variables.remove(MARK);
            }
        }
        members.retain(|_, member| *member != json!({}) && *member != json!([]));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_known_and_what_somebody_changed_since_too() {
        let (name, command) = ("files".to_string(), "f".to_string());
        let server = McpServer { name, command, args: Vec::new(), env: vec!["TOKEN".to_string()] };
        for (value, variables) in [(for_claude(&server), "env"), (for_opencode(&server), "environment")] {
            assert_eq!(whose(&value), Whose::Theirs);
            let ours = marked(value.clone(), variables);
            assert_eq!(whose(&ours), Whose::Ours, "{ours}");
            assert!(same(&ours, &value));
            let mut changed = ours.clone();
            changed["enabled"] = json!(false);
            assert_eq!(whose(&changed), Whose::Changed);
            assert!(!same(&changed, &ours));
        }
        assert_eq!(whose(&json!("odd")), Whose::Theirs);
    }
}
