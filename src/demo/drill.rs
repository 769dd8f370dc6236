//! The stage of `flightdeck drill`: a workspace with an agent for each fault, under an operator's own settings, shortened.
//! Only writes files; who runs it and what comes of it is elsewhere.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::edge::files;

use super::faults::Fault;
use super::spans::Spans;
use super::stage::StageError;

/// One short line each: what real agents are told is of no use to these.
const PROMPTS: [(&str, &str); 2] = [("preamble", "{{ agent }}:\n"), ("drill", "begin\n")];

/// Builds the workspace below `dir`, which is there. `program` is our own. Its folder is the answer.
pub fn build(dir: &Path, program: &Path, faults: &[&Fault], spans: &Spans) -> Result<PathBuf, StageError> {
    let workspace = dir.join("deck");
    let folders = [workspace.join("prompts"), workspace.join("clones")];
    for folder in folders.into_iter().chain(faults.iter().map(|fault| clone(&workspace, fault))) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|cause| StageError::Io { path: folder, cause })?;
    }
    for (name, text) in PROMPTS {
        files::write_atomic(&workspace.join(format!("prompts/{name}.md")), text.as_bytes(), files::PRIVATE)?;
    }
    for fault in faults {
        files::write_atomic(&script(&workspace, fault), fault.script.as_bytes(), files::PRIVATE)?;
    }
    let toml = configuration(&workspace, program, faults, spans).to_string();
    files::write_atomic(&workspace.join("flightdeck.toml"), toml.as_bytes(), files::PRIVATE)?;
    Ok(workspace)
}

fn configuration(workspace: &Path, program: &Path, faults: &[&Fault], spans: &Spans) -> Table {
    let launch = |verb: &str| -> Value {
        let words = [text(program), "demo-agent".into(), format!("--{verb}"), "{conversation}".into(), "{args}".into()];
        Value::from(words.to_vec())
    };
    let backend = [
        ("like".to_string(), Value::from("demo")),
        ("launch".to_string(), launch("conversation")),
        ("resume".to_string(), launch("resume")),
    ];
    let agents = faults.iter().map(|fault| (fault.name.to_string(), Value::Table(agent(workspace, fault))));
    let mut main = Table::new();
    main.insert("version".to_string(), Value::from(1));
    main.insert("project".to_string(), one("name", Value::from("drill")));
    main.insert("agents".to_string(), Value::Table(agents.collect()));
    main.insert("backends".to_string(), one("player", Value::Table(backend.into_iter().collect())));
    main.extend(spans.tables());
    main
}

fn agent(workspace: &Path, fault: &Fault) -> Table {
    let state = workspace.join(format!("{}.state", fault.name));
    let args = ["--script".to_string(), text(&script(workspace, fault)), "--state".to_string(), text(&state)];
    let fields = [
        ("role", Value::from("other")),
        ("prompt", Value::from("drill")),
        ("backend", Value::from("player")),
        ("dir", Value::from(text(&clone(workspace, fault)))),
        // Whether a conversation is left behind shows only where it could be taken up.
        ("resume", Value::from(true)),
        ("args", Value::from(args.to_vec())),
    ];
    fields.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

fn one(key: &str, value: Value) -> Value {
    Value::Table([(key.to_string(), value)].into_iter().collect())
}

fn clone(workspace: &Path, fault: &Fault) -> PathBuf {
    workspace.join("clones").join(fault.name)
}

fn script(workspace: &Path, fault: &Fault) -> PathBuf {
    workspace.join(format!("{}.script", fault.name))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::demo::faults::FAULTS;
    use crate::edge::workspace as reading;
    use crate::pilot::id::AgentId;

    #[test]
    fn the_workspace_is_valid_holds_the_spans_and_every_script_can_be_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().canonicalize().expect("it is there");
        let usual = usual();
        let faults: Vec<&Fault> = FAULTS.iter().collect();
        let workspace = build(&path, Path::new("/opt/flightdeck"), &faults, &usual.shortened(30)).expect("it is built");
        let sources = reading::read(&workspace).expect("its files are in order");
        let config = config::load(&sources).expect("it is valid");
        assert_eq!(Spans::of(&config), usual.shortened(30));
        for fault in FAULTS {
            assert!(config.agents.contains_key(&AgentId::parse(fault.name).expect("a name")), "{}", fault.name);
            super::super::script::parse(fault.script).expect(fault.name);
        }
    }

    fn usual() -> Spans {
        let main = b"version = 1\n[agents.builder]\nbackend = \"demo\"\ndir = \"a\"\n".to_vec();
        let sources = config::Sources { root: "/w".into(), main, ..config::Sources::default() };
        Spans::of(&config::load(&sources).expect("a good configuration"))
    }
}
