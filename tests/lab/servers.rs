//! Which MCP servers the real programs start and offer to their model, where flightdeck has started them: those that the agent
//! names, and none of the user's or the project's.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::config::model::{Channel, McpServer, McpSpec, McpWay};
use flightdeck::edge::{channel, runner, spawn};
use flightdeck::pilot::effect::LaunchSpec;
use flightdeck::pilot::id::{AgentId, Incarnation};
use serde_json::{Value, json};

use crate::cli::claude::{CLAUDE, Claude, KEY, Login, answered};
use crate::cli::opencode::{self, OPENCODE, Shell, free_address};
use crate::cli::{Agent, Place, fields, json_lines};
use crate::http;
use crate::stub::Stub;
use crate::support::run;

const PROGRAM: &str = env!("CARGO_BIN_EXE_flightdeck");
/// No token of anybody; with what would break a text in JSON.
const TOKEN: &str = "fake\"token\\9";
/// How many times it is asked what it offers: a program does not wait for slow servers with its first turn.
const ASKED: usize = 10;

/// A server of one tool, which writes down what it was started with. It answers lines by their ids.
const SERVER: &str = r#"#!/bin/sh
printf '{"name":"%s","args":"%s","token":"%s"}\n' "$1" "$2" "$(printf %s "$TOKEN" | sed 's/[\\"]/\\&/g')" >> "${0%/*}/started.jsonl"
while read -r line; do
    id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
    case $line in
    *'"initialize"'*)
        version=$(printf '%s' "$line" | sed -n 's/.*"protocolVersion":"\([^"]*\)".*/\1/p')
        result='{"protocolVersion":"'$version'","capabilities":{"tools":{}},"serverInfo":{"name":"'$1'","version":"1"}}' ;;
    *'"tools/list"'*)
        result='{"tools":[{"name":"greet","description":"Greets.","inputSchema":{"type":"object","properties":{}}}]}' ;;
    *) result='{}' ;;
    esac
    [ -z "$id" ] || printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// A place with three of them: one of the user's, one of the project's, and the one that the agent names.
struct Ground {
    place: Place,
    root: PathBuf,
    server: PathBuf,
}

impl Ground {
    fn new() -> Ground {
        let place = Place::new();
        let root = place.home.with_file_name("deck");
        std::fs::create_dir_all(root.join(".flightdeck/agents")).expect("folders");
        let server = place.home.with_file_name("server");
        std::fs::write(&server, SERVER).expect("a script");
        std::fs::set_permissions(&server, PermissionsExt::from_mode(0o700)).expect("its mode");
        let secrets = root.join("agent.env");
        std::fs::write(&secrets, format!("TOKEN='{TOKEN}'\n")).expect("a file");
        std::fs::set_permissions(&secrets, PermissionsExt::from_mode(0o600)).expect("its mode");
        Ground { place, root, server }
    }

    fn words(&self, name: &str) -> Value {
        json!([self.server, name])
    }

    /// What the agent's runner is given.
    fn spec(&self, way: McpWay, argv: &[&str], variables: &[(&str, &str)]) -> LaunchSpec {
        let server = McpServer {
            name: "named".to_string(),
            command: self.server.display().to_string(),
            args: vec!["named".to_string(), "{env:TOKEN}".to_string()],
            env: vec!["TOKEN".to_string()],
        };
        let pairs = variables.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string()));
        LaunchSpec {
            argv: argv.iter().map(ToString::to_string).collect(),
            channel: Channel::None,
            mcp: Some(McpSpec { way, servers: vec![server] }),
            cwd: self.place.project.clone(),
            env: pairs.collect(),
            env_file: Some(self.root.join("agent.env")),
            account: None,
            resumes: None,
            attach: None,
            size: (120, 40),
            history: 100,
        }
    }

    /// Starts it as the engine does.
    async fn start(self, stub: Stub, mut launch: LaunchSpec) -> (Agent, PathBuf, PathBuf) {
        let agent = worker();
        channel::equip(&self.root, &agent, Incarnation(1), &mut launch).expect("its files");
        let agents = self.root.join(".flightdeck/agents");
        let spec = runner::RunSpec { agent, incarnation: Incarnation(1), nonce: "nonce".to_string(), launch };
        let spec = runner::write_spec(&agents, &spec).expect("its spec");
        let argv = [PROGRAM.to_string(), "run-agent".to_string(), spec.display().to_string()];
        let file = agents.join("worker.mcp.json");
        let started = self.server.with_file_name("started.jsonl");
        (Agent::start(self.place, stub, &[], argv.to_vec()).await, file, started)
    }
}

fn worker() -> AgentId {
    AgentId::parse("worker").expect("a name")
}

/// What every program here needs, besides what is its own.
fn inside(url: &str) -> [(&'static str, &str); 3] {
    [("HTTP_PROXY", url), ("HTTPS_PROXY", url), ("NO_PROXY", "127.0.0.1,localhost")]
}

/// The tools of servers that the model was offered last.
fn offered(agent: &Agent) -> Vec<String> {
    let asked = agent.stub.mains().pop().and_then(|entry| entry.asked);
    let mut tools = asked.map(|asked| asked.tools).unwrap_or_default();
    tools.retain(|tool| tool.contains("greet"));
    tools
}

/// The named one alone was started, once or more; it has its token, and its arguments as they were written.
fn only_the_named_one(started: &Path) {
    let started = json_lines(started);
    let named = json!({ "name": "named", "args": "{env:TOKEN}", "token": TOKEN });
    assert!(!started.is_empty() && started.iter().all(|one| *one == named), "{started:?}");
}

fn private_and_without_secret(file: &Path) {
    assert_eq!(file.metadata().expect("its file").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(file).expect("its file");
    assert!(!text.contains("fake"), "{text}");
}

#[test]
fn a_claude_has_the_servers_that_are_named_and_no_others() {
    run(async {
        let ground = Ground::new();
        let stub = Stub::start();
        let mut answers = answered(&ground.place.project);
        answers["mcpServers"] = json!({ "users": { "command": ground.server, "args": ["users"] } });
        ground.place.write_home(".claude.json", &answers.to_string());
        ground.place.write_home(".claude/settings.json", "{\"enableAllProjectMcpServers\": true}");
        let projects = json!({ "mcpServers": { "projects": { "command": ground.server, "args": ["projects"] } } });
        std::fs::write(ground.place.project.join(".mcp.json"), projects.to_string()).expect("a file");
        let url = stub.url();
        let variables = [
            ("ANTHROPIC_BASE_URL", url.as_str()),
            ("ANTHROPIC_API_KEY", KEY),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
            // Without it servers' tools are not offered but to be looked for.
            ("ENABLE_TOOL_SEARCH", "false"),
        ];
        let variables: Vec<_> = variables.into_iter().chain(inside(&url)).collect();
        let file = ground.root.join(".flightdeck/agents/worker.mcp.json").display().to_string();
        let path = CLAUDE.path();
        let argv = [path.as_str(), "--mcp-config", &file, "--strict-mcp-config", "--", "hello"];
        let launch = ground.spec(McpWay::Args, &argv, &variables);
        let (agent, file, started) = ground.start(stub, launch).await;
        for turn in 0..ASKED {
            agent.wait("a turn", async || agent.stub.mains().len() > turn).await;
            if !offered(&agent).is_empty() {
                break;
            }
            agent.shows("All done.").await;
            agent.paste("again").await;
            flightdeck::edge::clock::pause(Duration::from_millis(500)).await;
            agent.press("Enter").await;
        }
        assert_eq!(offered(&agent), ["mcp__named__greet"]);
        only_the_named_one(&started);
        private_and_without_secret(&file);
    });
}

#[test]
fn an_opencode_has_the_servers_that_are_named_and_no_others_and_its_users_model() {
    run(async {
        let ground = Ground::new();
        let stub = Stub::start();
        let mut config = opencode::config(&stub, Shell::Free);
        let server = |name: &str| json!({ "type": "local", "command": ground.words(name), "enabled": true });
        // One of the same name as ours is another one.
        let remote = json!({ "type": "remote", "url": stub.url(), "headers": { "a": "b" } });
        config["mcp"] = json!({ "users": server("users"), "named": remote });
        // With a comment, which no program but OpenCode understands.
        ground.place.write_home(".config/opencode/opencode.jsonc", &format!("// mine\n{config}"));
        let projects = json!({ "mcp": { "projects": server("projects") } });
        std::fs::write(ground.place.project.join("opencode.json"), projects.to_string()).expect("a file");
        let url = stub.url();
        let address = free_address();
        let variables = [
            ("OPENCODE_SERVER_PASSWORD", http::PASSWORD),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
            ("OPENCODE_CONFIG_CONTENT", "{\"username\": \"{env:HOME}\"}"),
        ];
        let variables: Vec<_> = variables.into_iter().chain(inside(&url)).collect();
        let (path, port) = (OPENCODE.path(), address.port().to_string());
        let launch =
            ground.spec(McpWay::Opencode, &[&path, "--port", &port, "--prompt", "hello [[ok Hello.]]"], &variables);
        let (agent, file, started) = ground.start(stub, launch).await;
        let home = agent.home.display().to_string();
        agent.wait("its turn", async || !agent.stub.mains().is_empty()).await;
        assert_eq!(offered(&agent), ["named_greet"]);
        only_the_named_one(&started);
        private_and_without_secret(&file);
        let get = async |path: &str| {
            let (status, text, _) = http::ask(Duration::from_secs(30), address, ("GET", path), &Value::Null).await;
            assert_eq!(status, 200, "{path}: {text}");
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let servers = get("/mcp").await;
        let states: Vec<_> = ["named", "projects", "users"].map(|name| servers[name]["status"].clone()).to_vec();
        assert_eq!(states, ["connected", "disabled", "disabled"], "{servers}");
        let config = get("/config").await;
        assert_eq!((&config["model"], &config["username"]), (&json!("stub/stub-model"), &json!(home)));
    });
}

#[test]
fn what_setup_registers_claude_and_opencode_have_and_a_claude_that_runs_loses_nothing() {
    run(async {
        let claude = Claude::start(CLAUDE, Login::ApiKey).await;
        let home = claude.agent.home.clone();
        let (root, bin) = (home.with_file_name("deck"), home.with_file_name("bin"));
        let server = home.with_file_name("server");
        for made in [&root, &bin] {
            std::fs::create_dir(made).expect("a folder");
        }
        std::fs::write(&server, SERVER).expect("a script");
        std::fs::set_permissions(&server, PermissionsExt::from_mode(0o700)).expect("its mode");
        for (program, name) in [(CLAUDE, "claude"), (OPENCODE, "opencode")] {
            std::os::unix::fs::symlink(program.path(), bin.join(name)).expect("a link");
        }
        let main = format!(
            "version = 1\n[agents.a]\nrole = 'builder'\nbackend = 'claude'\ndir = '.'\n[setup]\nmcp = ['files']\n[mcp.files]\ncommand = '{}'\nargs = ['files', '{{env:TOKEN}}']\n",
            server.display()
        );
        std::fs::write(root.join("flightdeck.toml"), main).expect("a file");
        let outside = claude.agent.stub.url();
        let told = |program: &Path, words: &[&str]| {
            let mut command = spawn::blocking(program);
            let path = format!("{}:/usr/bin:/bin", bin.display());
            command.args(words).env_clear().env("HOME", &home).env("PATH", path).current_dir(&root);
            command.env("TOKEN", TOKEN).env("DISABLE_AUTOUPDATER", "1").env("OPENCODE_DISABLE_MODELS_FETCH", "1");
            let output = command.envs(inside(&outside)).output().expect("it runs");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{words:?}: {said}");
            said
        };
        let file = || -> Value {
            serde_json::from_str(&std::fs::read_to_string(home.join(".claude.json")).expect("its file")).expect("JSON")
        };
        let before = file();
        let setup = |words: &[&str]| told(Path::new(PROGRAM), &[&["setup", "--workspace", "."], words].concat());
        setup(&[]);
        // It works on and writes its file, and both stay.
        claude.turn("hello", &["Stop"]).await;
        let after = file();
        let lost: Vec<_> = fields(&before).difference(&fields(&after)).copied().map(str::to_string).collect();
        assert!(lost.is_empty() && after["mcpServers"]["files"].is_object(), "{lost:?} {after}");
        assert!(setup(&[]).contains("nothing to change"));
        let got = told(&bin.join("claude"), &["mcp", "get", "files"]);
        assert!(got.contains("Scope: User config") && got.contains("Connected"), "{got}");
        let got = told(&bin.join("opencode"), &["mcp", "list"]);
        assert!(got.contains("✓ files") && got.contains("connected"), "{got}");
        let started = json_lines(&server.with_file_name("started.jsonl"));
        assert!(!started.is_empty() && started.iter().all(|one| one["args"] == "{env:TOKEN}"), "{started:?}");
        setup(&["--clean"]);
        assert!(file()["mcpServers"]["files"].is_null());
        let got = told(&bin.join("opencode"), &["mcp", "list"]);
        assert!(!got.contains("files"), "{got}");
    });
}
