//! A backend's launch and resume argv: the closed list of holes and how they are filled. The result is an argv, never a
//! command line: no value is split, quoted or seen by a shell.
//!
//! A hole is `{word}` anywhere inside an element; braces around anything else stay as they are, so that JSON survives.
//! An element that is exactly a hole of a list, such as `{args}` or `{model_args}`, becomes any number of elements, also none.

use std::path::{Path, PathBuf};

use crate::pilot::id::AgentId;

use super::model::{Agent, Backend, Channel};

/// The folder of a workspace's state, in the workspace.
pub const STATE: &str = ".flightdeck";

/// Holes that stand for one text, inside an element or as a whole one.
const TEXT_HOLES: [&str; 10] =
    ["model", "conversation", "agent", "phase", "dir", "settings", "fallback", "mcp", PORT_WORD, SERVER_WORD];
const PORT_WORD: &str = "port";
const SERVER_WORD: &str = "server";
/// The element that becomes a free port at each start; it stays as it is until then, since only the edge knows one.
pub const PORT: &str = "{port}";
/// The elements that become the address of the server which the program attaches to, and the conversation that is begun there for
/// it: as long as nobody knows them they stay as they are.
pub const SERVER: &str = "{server}";
pub const CONVERSATION: &str = "{conversation}";
/// Elements that stand for any number of elements.
const LIST_HOLES: [&str; 6] =
    ["{args}", "{model_args}", "{channel_args}", "{permission_args}", "{fallback_args}", "{mcp_args}"];

/// What the holes are filled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holes<'a> {
    /// Empty: the backend's own default, and `{model_args}` vanishes.
    pub model: &'a str,
    pub conversation: &'a str,
    pub agent: &'a str,
    /// Empty when no phase runs.
    pub phase: &'a str,
    pub dir: &'a str,
    /// The file by which the program learns where to report.
    pub settings: &'a str,
    /// A mode of the backend; empty: `{permission_args}` vanishes.
    pub permission: &'a str,
    /// Empty: `{fallback_args}` vanishes.
    pub fallback: &'a str,
    /// The file that names its MCP servers; empty: `{mcp_args}` vanishes.
    pub mcp: &'a str,
    pub args: &'a [String],
}

/// The paths that an argv of an agent names, as texts.
#[derive(Clone, Debug)]
pub struct Paths {
    pub dir: String,
    pub settings: String,
    pub mcp: String,
}

impl Paths {
    /// Those of one agent; whether they are there is the affair of who makes them.
    pub fn of(root: &Path, agent: &Agent) -> Paths {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Paths {
            dir: text(&agent.dir),
            settings: text(&settings_file(root, &agent.id)),
            mcp: text(&mcp_file(root, &agent.id)),
        }
    }
}

impl<'a> Holes<'a> {
    /// What an agent's rules say, without a conversation and a phase.
    pub fn of(agent: &'a Agent, paths: &'a Paths) -> Holes<'a> {
        Holes {
            model: &agent.model,
            agent: agent.id.as_str(),
            dir: &paths.dir,
            settings: &paths.settings,
            permission: &agent.permission,
            fallback: &agent.fallback_model,
            mcp: if agent.mcp.is_some() { &paths.mcp } else { "" },
            args: &agent.args,
            ..Holes::default()
        }
    }

    fn text(&self, word: &str) -> Option<&str> {
        match word {
            "model" => Some(self.model),
            "conversation" => Some(self.conversation),
            "agent" => Some(self.agent),
            "phase" => Some(self.phase),
            "dir" => Some(self.dir),
            "settings" => Some(self.settings),
            "fallback" => Some(self.fallback),
            "mcp" => Some(self.mcp),
            _ => None,
        }
    }
}

/// The settings that a program gets from us, beside its user's own.
pub fn settings_file(root: &Path, agent: &AgentId) -> PathBuf {
    root.join(STATE).join("agents").join(format!("{agent}.settings.json"))
}

/// The file that names an agent's MCP servers.
pub fn mcp_file(root: &Path, agent: &AgentId) -> PathBuf {
    root.join(STATE).join("agents").join(format!("{agent}.mcp.json"))
}

/// The files that are made for a start of this agent, all 0600: what its runner reads, who it was, and what its program is given.
pub fn files(root: &Path, agent: &Agent, backend: &Backend) -> Vec<PathBuf> {
    let own = |end: &str| root.join(STATE).join("agents").join(format!("{}.{end}", agent.id));
    let mut files = vec![own("spec.json"), own("json")];
    match backend.channel {
        Channel::None | Channel::Reports | Channel::Codex => {}
        Channel::Claude => files.push(settings_file(root, &agent.id)),
        Channel::OpenCode => files.push(own("opencode.json")),
        Channel::OpenCodeServer => files.push(own("server.json")),
    }
    if agent.mcp.is_some() {
        files.push(mcp_file(root, &agent.id));
    }
    files
}

/// The argv that begins a new conversation.
pub fn launch_argv(backend: &Backend, holes: &Holes<'_>) -> Vec<String> {
    argv(backend, &backend.launch, holes)
}

/// The argv that takes up `holes.conversation`; `None` when this backend can't.
pub fn resume_argv(backend: &Backend, holes: &Holes<'_>) -> Option<Vec<String>> {
    backend.resume.as_ref().map(|template| argv(backend, template, holes))
}

/// Whether its program attaches to the server of a service.
pub fn attaches(backend: &Backend) -> bool {
    backend.launch.iter().any(|element| element == SERVER)
}

/// Whether a new conversation gets its name from us: then the caller makes one up before the launch. A server names its own.
pub fn names_conversation(backend: &Backend) -> bool {
    !attaches(backend) && backend.launch.iter().any(|element| element.contains("{conversation}"))
}

/// Whether what an agent wishes can reach the program: the hole stands in every argv of it.
pub(super) fn takes(backend: &Backend, hole: &str) -> bool {
    let holds = |argv: &Vec<String>| argv.iter().any(|element| element == hole);
    holds(&backend.launch) && backend.resume.as_ref().is_none_or(holds)
}

/// What is wrong with an element of a launch argv, as what was expected instead.
pub(super) fn hole_problem(element: &str) -> Option<String> {
    if LIST_HOLES.contains(&element) {
        return None;
    }
    let mut rest = element;
    while let Some((_, word, tail)) = next_hole(rest) {
        if !TEXT_HOLES.contains(&word) {
            let list = LIST_HOLES.iter().any(|hole| hole[1..hole.len() - 1] == *word);
            return Some(if list {
                format!("`{{{word}}}` as an element of its own")
            } else {
                format!("one of the holes {{{}}}, {}, not {{{word}}}", TEXT_HOLES.join("}, {"), LIST_HOLES.join(", "))
            });
        }
        rest = tail;
    }
    None
}

fn argv(backend: &Backend, template: &[String], holes: &Holes<'_>) -> Vec<String> {
    let mut argv = Vec::new();
    for element in template {
        let list = match element.as_str() {
            "{args}" => {
                argv.extend(holes.args.iter().cloned());
                continue;
            }
            "{channel_args}" => Some(&backend.channel_args),
            "{model_args}" => Some(&backend.model_args).filter(|_| !holes.model.is_empty()),
            "{fallback_args}" => Some(&backend.fallback_args).filter(|_| !holes.fallback.is_empty()),
            "{mcp_args}" => Some(&backend.mcp_args).filter(|_| !holes.mcp.is_empty()),
            "{permission_args}" => backend.permissions.get(holes.permission),
            _ => {
                argv.push(filled(element, holes));
                continue;
            }
        };
        argv.extend(list.into_iter().flatten().map(|element| filled(element, holes)));
    }
    argv
}

/// One pass from left to right: what a value holds is never looked at again for holes.
fn filled(element: &str, holes: &Holes<'_>) -> String {
    let mut text = String::new();
    let mut rest = element;
    while let Some((before, word, tail)) = next_hole(rest) {
        text.push_str(before);
        match holes.text(word) {
            Some(value) => text.push_str(value),
            None => text.push_str(&rest[before.len()..rest.len() - tail.len()]),
        }
        rest = tail;
    }
    text + rest
}

/// The text before the next `{word}`, the word, and what follows.
fn next_hole(text: &str) -> Option<(&str, &str, &str)> {
    for (open, _) in text.match_indices('{') {
        let inside = &text[open + 1..];
        let end = inside.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        if let Some(end) = end.filter(|end| *end > 0 && inside[*end..].starts_with('}')) {
            return Some((&text[..open], &inside[..end], &inside[end + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::backend::built_in;

    fn claude(model: &str, args: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let holes = Holes {
            model,
            conversation: "c-1",
            agent: "builder",
            phase: "1a",
            dir: "/w",
            settings: "/w/s",
            args: &args,
            ..Holes::default()
        };
        launch_argv(&built_in()["claude"], &holes)
    }

    #[test]
    fn an_argv_without_a_model_has_no_model_arguments() {
        assert_eq!(claude("", &[]), ["claude", "--session-id", "c-1", "--settings", "/w/s"]);
        assert_eq!(claude("opus", &[]), ["claude", "--session-id", "c-1", "--settings", "/w/s", "--model", "opus"]);
    }

    #[test]
    fn values_survive_whatever_they_hold() {
        let hostile = ["it's \"quoted\"", "two\nlines", "-leading --dash", "$(touch x) `id`", "{model}", ""];
        let argv = claude("m'\n\"{agent}\"", &hostile);
        assert_eq!(argv[6], "m'\n\"{agent}\"");
        assert_eq!(argv[7..], hostile);
    }

    #[test]
    fn a_resume_argv_names_the_old_conversation() {
        let backends = built_in();
        let holes = Holes { conversation: "c-9", settings: "/w/s", ..Holes::default() };
        assert_eq!(
            resume_argv(&backends["claude"], &holes),
            Some(["claude", "--resume", "c-9", "--settings", "/w/s"].map(String::from).to_vec())
        );
        let opencode = resume_argv(&backends["opencode"], &holes).expect("it resumes");
        let server = ["--port", PORT, "--hostname", "127.0.0.1"];
        assert_eq!(opencode, [&["opencode"], &server[..], &["--session", "c-9"]].concat());
        assert!(names_conversation(&backends["claude"]));
        assert!(!names_conversation(&backends["opencode"]));
    }

    #[test]
    fn holes_are_filled_inside_elements_and_other_braces_stay() {
        let mut backend = built_in()["claude"].clone();
        backend.launch =
            ["x", "--at={dir}/{phase}", "{\"a\":{\"b\":1}}", "{", "{}", "{A}", "{{agent}}"].map(String::from).to_vec();
        let holes = Holes { agent: "b", phase: "1a", dir: "/w d", ..Holes::default() };
        let argv = launch_argv(&backend, &holes);
        assert_eq!(argv, ["x", "--at=/w d/1a", "{\"a\":{\"b\":1}}", "{", "{}", "{A}", "{b}"]);
    }

    #[test]
    fn unknown_holes_and_lists_inside_an_element_are_problems() {
        for good in ["{args}", "{model_args}", "a{model}b", "{\"a\":1}", "{", "{}", "{A}"] {
            assert_eq!(hole_problem(good), None, "{good}");
        }
        for bad in ["{modell}", "x{args}", "--m={model_args}", "{agent}{nope}"] {
            assert!(hole_problem(bad).is_some(), "{bad}");
        }
    }
}
