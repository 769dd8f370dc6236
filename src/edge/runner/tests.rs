use std::os::unix::fs::MetadataExt;
use std::process::{Output, Stdio};

use super::*;
use crate::config::model::{McpServer, McpSpec};
use crate::edge::spawn;

const CANARY: &str = "canary-5f1d9c";

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { root: tempfile::tempdir().unwrap() }
    }

    fn agents(&self) -> PathBuf {
        self.root.path().join("state/agents")
    }

    fn env_file(&self, text: &str, mode: u32) -> PathBuf {
        let path = self.root.path().join("env");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path
    }

    fn spec(&self, argv: &[&str]) -> RunSpec {
        RunSpec {
            agent: AgentId::parse("builder").unwrap(),
            incarnation: Incarnation(2),
            nonce: "n0nce".to_string(),
            launch: LaunchSpec {
                channel: crate::config::model::Channel::None,
                mcp: None,
                argv: argv.iter().map(ToString::to_string).collect(),
                cwd: self.root.path().to_path_buf(),
                env: BTreeMap::from([("FLIGHTDECK_PHASE".to_string(), "1a".to_string())]),
                env_file: None,
                account: None,
                resumes: None,
                attach: None,
                size: (80, 24),
                history: 100,
            },
        }
    }

    /// The runner as a process of its own: this test program again, with only one test, which becomes the agent.
    fn runner(&self, spec: &RunSpec) -> std::process::Command {
        let path = write_spec(&self.agents(), spec).unwrap();
        let mut command = spawn::blocking(std::env::current_exe().unwrap());
        command.args(["--exact", "edge::runner::tests::the_runner_in_another_process", "--nocapture"]);
        command.env(SPEC, path).env("TMUX", "outer").stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, spec: &RunSpec) -> Output {
        self.runner(spec).spawn().unwrap().wait_with_output().unwrap()
    }
}

const SPEC: &str = "FLIGHTDECK_TEST_SPEC";

/// No test by itself: what the others run.
#[test]
fn the_runner_in_another_process() {
    let Some(spec) = std::env::var_os(SPEC) else { return };
    let error = exec_agent(Path::new(&spec));
    println!("{error}");
    std::process::exit(error.code().into());
}

fn refused(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text.lines().last().unwrap_or_default().to_string())
}

#[test]
fn an_agent_gets_a_fresh_environment_with_its_secrets_and_its_tag() {
    let place = Place::new();
    let mut spec = place.spec(&["env"]);
    spec.launch.env_file = Some(place.env_file(&format!("export KEY='{CANARY}'\nFLIGHTDECK_OWNER=stolen\n"), 0o600));
    let output = place.run(&spec);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in [&format!("KEY={CANARY}"), "FLIGHTDECK_OWNER=n0nce/builder/2", "FLIGHTDECK_PHASE=1a"] {
        assert!(text.lines().any(|have| have == line), "{line} is missing in {text}");
    }
    for absent in ["TMUX=", SPEC, "CARGO"] {
        assert!(!text.lines().any(|have| have.starts_with(absent)), "{absent} is in {text}");
    }
}

#[test]
fn secrets_are_in_the_agents_environment_and_nowhere_else() {
    let place = Place::new();
    let mut spec = place.spec(&["sh", "-c", "echo ready; read never"]);
    spec.launch.env_file = Some(place.env_file(&format!("KEY={CANARY}\n"), 0o600));
    let mut agent = place.runner(&spec).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(agent.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap() == "ready"));
    let proc = |what: &str| std::fs::read(format!("/proc/{}/{what}", agent.id())).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
    assert!(!holds(&proc("cmdline")) && holds(&proc("environ")));
    for file in std::fs::read_dir(place.agents()).unwrap() {
        let file = file.unwrap();
        assert!(!holds(&std::fs::read(file.path()).unwrap()), "{file:?}");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{file:?}");
    }
    drop(agent.stdin.take());
    agent.wait().unwrap();
}

#[test]
fn a_second_life_is_refused_with_the_holders_pid_until_the_first_has_ended() {
    let place = Place::new();
    let mut first =
        place.runner(&place.spec(&["sh", "-c", "echo ready; read never"])).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(first.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap() == "ready"));
    assert_eq!(recorded(&place.agents(), &place.spec(&[]).agent).unwrap().pid, first.id());
    let (code, text) = refused(&place.run(&place.spec(&["true"])));
    assert_eq!(code, Some(75));
    assert!(text.contains(&format!("process {}", first.id())), "{text}");
    assert!(matches!(check(&place.agents(), &place.spec(&["true"])), Err(RunError::Alive { .. })));
    drop(first.stdin.take());
    first.wait().unwrap();
    assert_eq!(place.run(&place.spec(&["true"])).status.code(), Some(0));
}

#[test]
fn of_many_starts_at_once_one_wins() {
    let place = Place::new();
    let spec = place.spec(&["sh", "-c", "echo alive; read never"]);
    let mut racing: Vec<_> = (0..8).map(|_| place.runner(&spec).stdin(Stdio::piped()).spawn().unwrap()).collect();
    let inputs: Vec<_> = racing.iter_mut().map(|child| child.stdin.take()).collect();
    let winners: Vec<bool> = racing
        .iter_mut()
        .map(|child| {
            let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
            lines.map_while(Result::ok).any(|line| line == "alive")
        })
        .collect();
    drop(inputs);
    let codes: Vec<_> = racing.iter_mut().map(|child| child.wait().unwrap().code()).collect();
    assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(75)).count(), 7, "{codes:?}");
}

#[test]
fn an_env_file_that_others_can_read_is_refused_with_the_command_that_helps() {
    let place = Place::new();
    let mut spec = place.spec(&["true"]);
    spec.launch.env_file = Some(place.env_file(&format!("KEY={CANARY}"), 0o640));
    let (code, text) = refused(&place.run(&spec));
    assert_eq!(code, Some(78));
    assert!(text.contains("chmod 600") && !text.contains(CANARY), "{text}");
    spec.launch.env_file = Some(place.env_file(&format!("KEY='{CANARY}"), 0o600));
    let (code, text) = refused(&place.run(&spec));
    assert_eq!(code, Some(78));
    assert!(text.contains("env:1:") && !text.contains(CANARY), "{text}");
    spec.launch.env_file = Some(place.root.path().to_path_buf());
    assert_eq!(refused(&place.run(&spec)).0, Some(78));
}

#[test]
fn what_is_missing_is_named_and_has_a_code_of_its_own() {
    let place = Place::new();
    let (code, text) = refused(&place.run(&place.spec(&["no-such-agent-cli", "x"])));
    assert_eq!(code, Some(127));
    assert!(text.contains("no-such-agent-cli: not found in PATH"), "{text}");
    let mut spec = place.spec(&["true"]);
    spec.launch.cwd = place.root.path().join("missing");
    let (code, text) = refused(&place.run(&spec));
    assert_eq!(code, Some(72));
    assert!(text.contains("missing: no such folder"), "{text}");
    assert_eq!(refused(&place.run(&place.spec(&[]))).0, Some(65));
}

#[test]
fn arguments_reach_the_agent_as_they_are() {
    let place = Place::new();
    let hostile = ["$(touch x)", "; id", "a b", "", "*", "#{pane_id}", "-n"];
    let argv: Vec<&str> = ["printf", "<%s>"].into_iter().chain(hostile).collect();
    let text = String::from_utf8(place.run(&place.spec(&argv)).stdout).unwrap();
    let expected: String = hostile.iter().map(|argument| format!("<{argument}>")).collect();
    assert!(text.ends_with(&expected), "{text}");
    assert!(!place.root.path().join("x").exists());
}

#[test]
fn a_variable_that_a_server_needs_must_be_set() {
    let place = Place::new();
    let mut spec = place.spec(&["true"]);
    let needs = |env: &str| {
        let (name, command, env) = ("files".to_string(), "f".to_string(), vec![env.to_string()]);
        let servers = vec![McpServer { name, command, args: Vec::new(), env }];
        Some(McpSpec { way: McpWay::Args, servers })
    };
    spec.launch.env_file = Some(place.env_file(&format!("TOKEN={CANARY}\n"), 0o600));
    spec.launch.mcp = needs("TOKEN");
    assert!(check(&place.agents(), &spec).is_ok());
    assert!(!variables(&spec.launch).unwrap().join(" ").contains(CANARY));
    spec.launch.mcp = needs("OTHER");
    let why = check(&place.agents(), &spec).unwrap_err().to_string();
    assert_eq!(why, "env file: OTHER is not set, which the MCP server files needs");
}
