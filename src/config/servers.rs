//! An MCP server as the agent programs write it down, in JSON. Each of them reads it from files of its own; none of those is known
//! here. Variables stand there by their names.

use serde_json::{Map, Value, json};

use super::model::McpServer;

/// As Claude Code has it: the program itself puts in the values, from its own environment.
pub fn for_claude(server: &McpServer) -> Value {
    let env: Map<String, Value> =
        server.env.iter().map(|name| (name.clone(), Value::String(format!("${{{name}}}")))).collect();
    json!({ "type": "stdio", "command": server.command, "args": server.args, "env": env })
}

/// As OpenCode has it: what a server needs it inherits. To name a variable would put its value into the text of the settings
/// before that is read, where a quote in it ends the text.
pub fn for_opencode(server: &McpServer) -> Value {
    let command: Vec<&String> = std::iter::once(&server.command).chain(&server.args).collect();
    json!({ "type": "local", "command": command, "enabled": true })
}

/// The text of a value that means itself for OpenCode, too, which puts variables and files in where `{env:NAME}` and
/// `{file:PATH}` stand.
pub fn literal(value: &Value) -> String {
    value.to_string().replace("{env:", "\\u007benv:").replace("{file:", "\\u007bfile:")
}
