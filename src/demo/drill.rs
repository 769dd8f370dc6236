//! The stage of `flightdeck drill`: a workspace with an agent for each fault, under an operator's own settings, shortened; for a
//! real program a home and a model server with it. Who runs it and what comes of it is elsewhere.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::backend;
use crate::edge::files;

use super::faults::{Fault, Part, Service};
use super::guest;
use super::spans::Spans;
use super::stage::StageError;
use super::stub::Stub;

/// One short line each: what real agents are told is of no use to these.
const PROMPTS: [(&str, &str); 2] = [("preamble", "{{ agent }}:\n"), ("drill", "begin\n")];

/// A stage that is set up; the model servers on it end with the value.
#[derive(Debug)]
pub struct Stage {
    pub workspace: PathBuf,
    pub servers: Vec<Stub>,
}

/// Builds the workspace below `dir`, which is there. `program` is who plays: our own, or a real agent's, by what the faults say.
pub fn build(dir: &Path, program: &Path, faults: &[&Fault], spans: &Spans) -> Result<Stage, StageError> {
    let workspace = dir.join("deck");
    let folders = [workspace.join("prompts"), workspace.join("clones")];
    for folder in folders.into_iter().chain(faults.iter().map(|fault| clone(&workspace, fault))) {
        make(&folder)?;
    }
    for (name, text) in PROMPTS {
        files::write_atomic(&workspace.join(format!("prompts/{name}.md")), text.as_bytes(), files::PRIVATE)?;
    }
    let (mut servers, mut agents, mut backend) = (Vec::new(), Table::new(), Table::new());
    for fault in faults {
        let mut agent = agent(&workspace, fault);
        match &fault.part {
            Part::Script(text) => {
                agent.insert("args".to_string(), by_script(&workspace, fault, text)?);
                backend = demo(program);
            }
            Part::Service(service) => {
                agent.extend(before_a_server(dir, &workspace, fault, service, spans, &mut servers)?);
                backend = claude(program);
            }
        }
        agents.insert(fault.name.to_string(), Value::Table(agent));
    }
    let mut main = Table::new();
    main.insert("version".to_string(), Value::from(1));
    main.insert("project".to_string(), one("name", Value::from("drill")));
    main.insert("agents".to_string(), Value::Table(agents));
    main.insert("backends".to_string(), one("player", Value::Table(backend)));
    main.extend(spans.tables());
    files::write_atomic(&workspace.join("flightdeck.toml"), main.to_string().as_bytes(), files::PRIVATE)?;
    Ok(Stage { workspace, servers })
}

fn demo(program: &Path) -> Table {
    let launch = |verb: &str| -> Value {
        let words = [text(program), "demo-agent".into(), format!("--{verb}"), "{conversation}".into(), "{args}".into()];
        Value::from(words.to_vec())
    };
    let backend = [
        ("like".to_string(), Value::from("demo")),
        ("launch".to_string(), launch("conversation")),
        ("resume".to_string(), launch("resume")),
    ];
    backend.into_iter().collect()
}

/// The built-in backend with the program that was found.
fn claude(program: &Path) -> Table {
    let argv = |argv: Vec<String>| -> Value {
        Value::from([text(program)].into_iter().chain(argv.into_iter().skip(1)).collect::<Vec<String>>())
    };
    let built_in = backend::built_in_named("claude").expect("it is built in");
    let backend = [
        ("like".to_string(), Value::from("claude")),
        ("launch".to_string(), argv(built_in.launch)),
        ("resume".to_string(), argv(built_in.resume.unwrap_or_default())),
    ];
    backend.into_iter().collect()
}

fn agent(workspace: &Path, fault: &Fault) -> Table {
    let fields = [
        ("role", Value::from("other")),
        ("prompt", Value::from("drill")),
        ("backend", Value::from("player")),
        ("dir", Value::from(text(&clone(workspace, fault)))),
        // Whether a conversation is left behind shows only where it could be taken up.
        ("resume", Value::from(true)),
    ];
    fields.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

fn by_script(workspace: &Path, fault: &Fault, words: &str) -> Result<Value, StageError> {
    let script = workspace.join(format!("{}.script", fault.name));
    files::write_atomic(&script, words.as_bytes(), files::PRIVATE)?;
    let state = workspace.join(format!("{}.state", fault.name));
    Ok(Value::from(vec!["--script".to_string(), text(&script), "--state".to_string(), text(&state)]))
}

/// A home of its own and a model server of its own, so that each knows whose turn it is.
fn before_a_server(
    dir: &Path,
    workspace: &Path,
    fault: &Fault,
    service: &Service,
    spans: &Spans,
    servers: &mut Vec<Stub>,
) -> Result<Table, StageError> {
    let home = dir.join("homes").join(fault.name);
    make(&home)?;
    let server = Stub::open().map_err(|cause| StageError::Io { path: home.clone(), cause })?;
    server.next(service.next);
    match service.next.last().filter(|_| service.stays) {
        Some(last) => server.by_default(last),
        None => server.by_default(&format!("wait {}", long(spans))),
    }
    let lines = guest::furnish(&home, &clone(workspace, fault), service.login, &server.url())?;
    let file = workspace.join(format!("{}.env", fault.name));
    files::write_atomic(&file, lines.as_bytes(), files::PRIVATE)?;
    servers.push(server);
    let args: Vec<String> = service.args.iter().map(ToString::to_string).collect();
    let fields = [("env_file", Value::from(text(&file))), ("args", Value::from(args))];
    Ok(fields.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
}

/// A wait that outlasts the drill, where the settings allow one: in seconds.
fn long(spans: &Spans) -> u64 {
    (spans.stall.wait_cap.as_secs() * 9 / 10).clamp(5, 1_800)
}

fn make(folder: &Path) -> Result<(), StageError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|cause| StageError::Io { path: folder.to_path_buf(), cause })
}

fn one(key: &str, value: Value) -> Value {
    Value::Table([(key.to_string(), value)].into_iter().collect())
}

fn clone(workspace: &Path, fault: &Fault) -> PathBuf {
    workspace.join("clones").join(fault.name)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::demo::faults::{CLAUDE, FAULTS, UNPLAYED};
    use crate::edge::workspace as reading;
    use crate::pilot::id::AgentId;

    #[test]
    fn the_workspace_is_valid_holds_the_spans_and_every_script_can_be_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().canonicalize().expect("it is there");
        let usual = usual();
        let faults: Vec<&Fault> = FAULTS.iter().collect();
        let stage = build(&path, Path::new("/opt/flightdeck"), &faults, &usual.shortened(30)).expect("it is built");
        let sources = reading::read(&stage.workspace).expect("its files are in order");
        let config = config::load(&sources).expect("it is valid");
        assert_eq!(Spans::of(&config), usual.shortened(30));
        for fault in FAULTS {
            assert!(config.agents.contains_key(&AgentId::parse(fault.name).expect("a name")), "{}", fault.name);
            let Part::Script(script) = fault.part else { panic!("{}", fault.name) };
            super::super::script::parse(script).expect(fault.name);
        }
    }

    #[test]
    fn a_real_program_has_a_home_and_a_server_for_each_fault_and_no_fault_is_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().canonicalize().expect("it is there");
        let faults: Vec<&Fault> = CLAUDE.iter().collect();
        let stage = build(&path, Path::new("/opt/claude"), &faults, &usual().shortened(30)).expect("it is built");
        let sources = reading::read(&stage.workspace).expect("its files are in order");
        let config = config::load(&sources).expect("it is valid");
        assert_eq!((config.agents.len(), stage.servers.len()), (CLAUDE.len(), CLAUDE.len()));
        for fault in CLAUDE {
            let Part::Service(service) = fault.part else { panic!("{}", fault.name) };
            assert!(service.next.iter().all(|words| Stub::knows(words)), "{}", fault.name);
            assert!(path.join("homes").join(fault.name).join(".claude.json").exists());
        }
        let told = |name: &str| {
            CLAUDE.iter().any(|fault| fault.name == name) || UNPLAYED.iter().any(|(unplayed, _)| *unplayed == name)
        };
        assert!(FAULTS.iter().all(|fault| told(fault.name)) && CLAUDE.len() + UNPLAYED.len() == FAULTS.len());
    }

    fn usual() -> Spans {
        let main = b"version = 1\n[agents.builder]\nbackend = \"demo\"\ndir = \"a\"\n".to_vec();
        let sources = config::Sources { root: "/w".into(), main, ..config::Sources::default() };
        Spans::of(&config::load(&sources).expect("a good configuration"))
    }
}
