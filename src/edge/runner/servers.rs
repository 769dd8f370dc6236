//! The MCP servers of an agent whose program takes no list of them: the program is asked what it would find, and is told to leave
//! that out. Whatever goes wrong on the way keeps the agent from starting: with servers of somebody else it would be another one.
//!
//! Holds and passes on names alone. What a variable of a server holds stays in the environment, which the server inherits.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{RunError, RunSpec};
use crate::config::model::{McpServer, McpSpec, McpWay};
use crate::config::servers::{for_opencode, literal};
use crate::edge::files;
use crate::edge::spawn::{self, SpawnError};

/// It takes 1 s on an idle machine, and 5 s on a busy one.
const ANSWER: Duration = Duration::from_secs(60);
/// Letters of a complaint that are told.
const SAID_CAP: usize = 300;

/// What this variable holds is stronger than the user's files and the project's.
pub(super) const OWN_CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

type Environment = BTreeMap<OsString, OsString>;

/// Gives the program the servers of the spec, where its argv does not do that. `file` is where that is written down as well.
pub(super) fn give(spec: &RunSpec, program: &Path, environment: &mut Environment, file: &Path) -> Result<(), RunError> {
    let Some(McpSpec { way: McpWay::Opencode, servers }) = &spec.launch.mcp else { return Ok(()) };
    if spec.launch.argv.get(1).is_some_and(|word| word == "attach") {
        let why = "`mcp` can't be kept: an OpenCode that is attached to a server has the MCP servers of that one";
        return Err(RunError::Servers(why.to_string()));
    }
    let given = environment.get(OsStr::new(OWN_CONFIG));
    let own = own(given.map(OsString::as_os_str)).map_err(RunError::Servers)?;
    let found = found(&asked(spec, program, environment)?).map_err(RunError::Servers)?;
    // Which servers the agent was given can be looked at, as with other programs; and it goes with its life. What its own
    // settings say stays in its environment: keys stand there as well.
    files::write_whole(file, settings(Map::new(), &found, servers).as_bytes(), files::PRIVATE)?;
    environment.insert(OWN_CONFIG.into(), settings(own, &found, servers).into());
    Ok(())
}

/// What the agent's own environment says in the place where we speak.
fn own(given: Option<&OsStr>) -> Result<Map<String, Value>, String> {
    let text = given.map(OsStr::to_string_lossy).unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(own)) => Ok(own),
        // No word of it: it may hold anything.
        Ok(_) | Err(_) => Err(format!(
            "{OWN_CONFIG} of its env file is no JSON object, so that no servers can be added to it: make it one, without comments"
        )),
    }
}

/// What the program says of its settings where this agent works, all of its files taken together.
fn asked(spec: &RunSpec, program: &Path, environment: &Environment) -> Result<String, RunError> {
    let mut command = spawn::command(program);
    command.args(["debug", "config"]).current_dir(&spec.launch.cwd).env_clear().envs(environment);
    let wrong = |why: &str| {
        let program = program.display();
        RunError::Servers(format!("`{program} debug config` does not tell which MCP servers it would find: {why}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| wrong(&why.to_string()))?;
    let output = match runtime.block_on(spawn::output_within(ANSWER, command)) {
        Ok(output) => output,
        Err(SpawnError::Late { span, .. }) => return Err(wrong(&format!("no answer within {span:?}"))),
        Err(SpawnError::Start { cause, .. }) => return Err(wrong(&cause.to_string())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // The lines behind the first may be the settings, with all that is in them.
        let said = said.trim().lines().next().unwrap_or_default();
        let said: String = said.chars().filter(|c| !c.is_control()).take(SAID_CAP).collect();
        return Err(wrong(&format!("it ended with {}: {said}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The names of the servers in what it says.
fn found(answer: &str) -> Result<Vec<String>, String> {
    // It may say something before its settings, such as that it has moved its database.
    let from = answer.find("{\n").or_else(|| answer.find('{')).unwrap_or(answer.len());
    let mut read = serde_json::Deserializer::from_str(&answer[from..]).into_iter::<Map<String, Value>>();
    let Some(Ok(settings)) = read.next() else {
        return Err(
            "its `debug config` prints no settings, so nobody knows which MCP servers it would find".to_string()
        );
    };
    match settings.get("mcp") {
        None => Ok(Vec::new()),
        Some(Value::Object(servers)) => Ok(servers.keys().cloned().collect()),
        Some(_) => Err("its settings have an `mcp` that is no table".to_string()),
    }
}

/// Settings that are stronger than those of all files: what is found is off, and what is named is there.
fn settings(mut own: Map<String, Value>, found: &[String], named: &[McpServer]) -> String {
    let mut servers: Map<String, Value> =
        found.iter().map(|name| (name.clone(), json!({ "enabled": false }))).collect();
    for server in named {
        servers.insert(server.name.clone(), for_opencode(server));
    }
    // What is found is in there.
    own.remove("mcp");
    let rest = Value::Object(own).to_string();
    let comma = if rest == "{}" { "" } else { "," };
    format!("{{\"mcp\":{}{comma}{}", literal(&Value::Object(servers)), &rest[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, args: &[&str]) -> McpServer {
        let args = args.iter().map(ToString::to_string).collect();
        McpServer { name: name.to_string(), command: "/a b/files".to_string(), args, env: vec!["TOKEN".to_string()] }
    }

    #[test]
    fn what_is_found_is_off_what_is_named_is_there_and_what_is_the_agents_own_stays() {
        let own = own(Some(OsStr::new(r#"{"model": "a/{env:M}", "mcp": {"mine": {"enabled": true}}}"#))).unwrap();
        let found = ["mine".to_string(), "files".to_string()];
        let text = settings(own, &found, &[server("files", &["it's \"", "{env:X}", "{file:~/.y}"])]);
        let read: Value = serde_json::from_str(&text).unwrap();
        let command = json!(["/a b/files", "it's \"", "{env:X}", "{file:~/.y}"]);
        let files = json!({ "type": "local", "command": command, "enabled": true });
        assert_eq!(read, json!({ "model": "a/{env:M}", "mcp": { "files": files, "mine": { "enabled": false } } }));
        // Its own words are put in, ours are not.
        assert_eq!((text.matches("{env:").count(), text.matches("{file:").count()), (1, 0), "{text}");
        assert_eq!(settings(Map::new(), &[], &[]), r#"{"mcp":{}}"#);
    }

    #[test]
    fn names_are_read_from_settings_alone() {
        assert_eq!(
            found("Moving the database {1 of 2}\n{\n \"mcp\": {\"a\": {}, \"b c\": 1}\n}\n"),
            Ok(vec!["a".into(), "b c".into()])
        );
        assert_eq!(found("{\"model\": \"x\"}"), Ok(Vec::new()));
        for odd in ["", "Error", "{\n\"mcp\": [", "{\"mcp\": []}"] {
            assert!(found(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn settings_of_the_agents_own_that_can_not_be_read_are_not_told() {
        for odd in ["[1]", "{\"key\": \"sk-secret\" // mine\n}", "sk-secret"] {
            let why = own(Some(OsStr::new(odd))).unwrap_err();
            assert!(why.contains(OWN_CONFIG) && !why.contains("secret"), "{why}");
        }
        assert_eq!(own(None), Ok(Map::new()));
        assert_eq!(own(Some(OsStr::new(" "))), Ok(Map::new()));
    }
}
