//! Secrets in every place where one may be given, through a whole life of a deck: a start from an operator's shell, agents of all kinds,
//! crashes, wrong files, every verb, the cockpit. All the while somebody looks everywhere else, and must find none.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flightdeck::edge::spawn;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::canaries::{Canaries, Holder, Sampler, found};
use super::deck::{Deck, id, signal_to};
use super::plan::{PROGRAM, Plan, git};
use super::terminal::Terminal;

const IDLE: &str = "once show on *: child sleep 5s; say yes\non *: say yes\n";

/// A file that nobody else can read.
fn private(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("our own file");
}

/// The agents and their configuration; what they are given comes later.
fn plan() -> Plan {
    let agents = [
        "plain", "filed", "printed", "login", "tooled", "settled", "nosign", "open", "binary", "unclosed", "failing",
        "wrongkey", "server",
    ];
    let mut plan = agents.iter().fold(Plan::new(), |plan, name| plan.agent(name, IDLE));
    for (name, kind) in [
        ("filed", "api-key"),
        ("printed", "api-key"),
        ("login", "subscription"),
        ("failing", "api-key"),
        ("wrongkey", "api-key"),
    ] {
        plan = plan.set(&format!("accounts.{name}.provider"), "anthropic").set(&format!("accounts.{name}.kind"), kind);
        plan = plan.set(&format!("agents.{name}.accounts"), vec![name]);
    }
    plan = plan
        .set("accounts.filed.env_file", "secrets/account.env")
        .set("accounts.wrongkey.env_file", "secrets/wrongkey.env");
    plan = plan.set("accounts.login.config_home", "homes/login");
    for name in ["printed", "failing"] {
        plan = plan.set(&format!("accounts.{name}.command"), vec!["sh", "vault.sh"]);
        plan = plan.set(&format!("accounts.{name}.variable"), "DEMO_KEY");
    }
    for name in ["plain", "filed", "tooled", "settled", "nosign", "open", "binary", "unclosed", "server"] {
        plan = plan.set(&format!("agents.{name}.env_file"), format!("secrets/{name}.env"));
    }
    plan = plan.set("mcp.files.command", "mcp-files").set("mcp.files.env", vec!["FILES_TOKEN"]);
    let given = vec!["sh", "-c", "shift 2; exec \"$0\" demo-agent \"$@\"", PROGRAM, "{mcp_args}", "{args}"];
    plan = plan.set("backends.tooled.like", "demo").set("backends.tooled.launch", given);
    plan = plan.set("backends.tooled.mcp_args", vec!["--mcp", "{mcp}"]).set("agents.tooled.backend", "tooled");
    // As with OpenCode: its settings are asked for, and go on in a variable.
    let asked = vec!["../../bin/settled", "demo-agent", "{args}"];
    plan = plan.set("backends.settled.like", "demo").set("backends.settled.launch", asked);
    plan = plan.set("backends.settled.mcp_way", "opencode").set("agents.settled.backend", "settled");
    for name in ["tooled", "settled"] {
        plan = plan.set(&format!("agents.{name}.mcp"), vec!["files"]);
    }
    plan = plan.set("backends.serving.like", "opencode-server").set("agents.server.backend", "serving");
    let serves = vec!["../../bin/serving", "serve", "{channel_args}", "{args}"];
    plan = plan.set("backends.serving.launch", serves).set("agents.server.kind", "service");
    plan.over_git()
}

/// The workspace of all that.
fn laid_out() -> Deck {
    let deck = plan().laid_out();
    // Nobody speaks to a service.
    let config = deck.workspace.join("flightdeck.toml");
    let mut table: toml::Table = fs::read_to_string(&config).expect("a file").parse().expect("TOML");
    table["agents"]["server"].as_table_mut().expect("an agent").remove("prompt");
    fs::write(&config, table.to_string()).expect("a file");
    deck
}

/// Gives a secret in each place, and says who may have it.
fn give(deck: &Deck) -> Canaries {
    let mut canaries = Canaries::default();
    for place in [env_files, accounts, servers, refused, foreign, shell] {
        place(deck, &mut canaries);
    }
    programs(deck);
    canaries
}

/// The agent's own processes, and the file in which it stands.
fn agent(name: &'static str, file: &Path) -> Vec<Holder> {
    vec![Holder::Agent(name), Holder::File(file.to_path_buf())]
}

/// Env files, in every way to write a line.
fn env_files(deck: &Deck, canaries: &mut Canaries) {
    let at = |name: &str| deck.workspace.join(name);
    let file = at("secrets/plain.env");
    let mut text = String::new();
    for (name, before, after) in [
        ("PLAIN", "", ""),
        ("SINGLE", "'it is ", "'"),
        ("DOUBLE", "\"a \\\"b\\\" \\$c ", "\""),
        ("WITH_SIGN", "x#", ""),
        ("WITH_EQUALS", "a=b=", ""),
        ("UNICODE", "äöü日本", "ß"),
        ("WORDS", "one two ", " three"),
        ("URL", "https://you:", "@example.invalid/x"),
        ("BREAKS", "\"one\\n", "\\ntwo\""),
        ("ANTHROPIC_API_KEY", "sk-ant-", ""),
        ("DEMO_KEY", "", ""),
        ("GH_TOKEN", "ghp_", ""),
    ] {
        // It works on an account, and a key of its own would go before that.
        let may = if name == "DEMO_KEY" { vec![Holder::File(file.clone())] } else { agent("plain", &file) };
        let canary = canaries.one("a line of an env file", may);
        text += &format!("export {name}={before}{canary}{after}\n");
    }
    let long = canaries.one("a long line of an env file", agent("plain", &file));
    text += &format!(
        "LONG={}{long}\n# {}\n",
        "k".repeat(8_000),
        canaries.one("a comment", vec![Holder::File(file.clone())])
    );
    private(&file, text.as_bytes());
}

/// Accounts: a file, a command, a login; what goes before what.
fn accounts(deck: &Deck, canaries: &mut Canaries) {
    let at = |name: &str| deck.workspace.join(name);
    let (own, key) = (at("secrets/filed.env"), at("secrets/account.env"));
    let below = canaries.one("a key that an account's goes before", vec![Holder::File(own.clone())]);
    let other = canaries.one("beside an account", agent("filed", &own));
    private(&own, format!("DEMO_KEY={below}\nOTHER={other}\n").as_bytes());
    private(&key, format!("DEMO_KEY={}\n", canaries.one("an account's env file", agent("filed", &key))).as_bytes());
    let vault = at("clones/printed/vault.sh");
    let printed = canaries.one("what a command prints", agent("printed", &vault));
    let beside = canaries.one("what it says beside that", vec![Holder::File(vault.clone())]);
    private(&vault, format!("read -r x 2>&-; echo {beside} >&2\necho {printed}\n").as_bytes());
    let vault = at("clones/failing/vault.sh");
    let halves = ["what a failing command prints", "what it says"]
        .map(|place| canaries.one(place, vec![Holder::File(vault.clone())]));
    private(&vault, format!("echo {}\necho {} >&2\nexit 3\n", halves[0], halves[1]).as_bytes());
    let login = at("homes/login/.credentials.json");
    let token = canaries.one("a program's own login", vec![Holder::File(login.clone())]);
    private(&login, format!("{{\"accessToken\":\"{token}\"}}").as_bytes());
}

/// MCP servers, settings that go on in a variable, a shared server.
fn servers(deck: &Deck, canaries: &mut Canaries) {
    let at = |name: &str| deck.workspace.join(name);
    for (name, variable) in [("tooled", "FILES_TOKEN"), ("settled", "FILES_TOKEN"), ("server", "PROVIDER_KEY")] {
        let file = at(&format!("secrets/{name}.env"));
        let mut text = format!("{variable}={}\n", canaries.one("a variable of an MCP server", agent(name, &file)));
        if name == "settled" {
            let key = canaries.one("settings in a variable", agent(name, &file));
            text += &format!(
                "OPENCODE_CONFIG_CONTENT='{{\"provider\":{{\"x\":{{\"options\":{{\"apiKey\":\"{key}\"}}}}}}}}'\n"
            );
        }
        private(&file, text.as_bytes());
    }
}

/// Files that are refused: nobody gets anything of them.
fn refused(deck: &Deck, canaries: &mut Canaries) {
    let at = |name: &str| deck.workspace.join(name);
    for (name, before, after) in [
        ("nosign", "X=1\nTOKEN ", "\n"),
        ("open", "TOKEN=", "\n"),
        ("binary", "TOKEN=", "\u{0}\n"),
        ("unclosed", "TOKEN='", "\n"),
        ("wrongkey", "DEMO_KEY=\"", "\n"),
    ] {
        let file = at(&format!("secrets/{name}.env"));
        let canary = canaries.one("an env file that is refused", vec![Holder::File(file.clone())]);
        private(&file, format!("{before}{canary}{after}").as_bytes());
        if name == "open" {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("our own file");
        }
    }
}

/// What lies in a clone, and in the operator's home.
fn foreign(deck: &Deck, canaries: &mut Canaries) {
    let at = |name: &str| deck.workspace.join(name);
    let in_clone = [".git/config", ".env", ".mcp.json", ".git/credentials"].map(|name| at("clones/plain").join(name));
    let in_home = [
        ".netrc",
        ".git-credentials",
        ".ssh/id_ed25519",
        ".claude/.credentials.json",
        ".claude/settings.json",
        ".config/opencode/opencode.json",
        ".npmrc",
        ".config/gh/hosts.yml",
        ".aws/credentials",
    ]
    .map(|name| deck.home.join(name));
    for file in in_clone.into_iter().chain(in_home) {
        let mut may = vec![Holder::File(file.clone())];
        // What setup changes it keeps as it was.
        may.push(Holder::File(PathBuf::from(format!("{}.flightdeck-backup", file.display()))));
        let canary = canaries.one("a file that is none of ours", may);
        let text = match file.file_name().and_then(|name| name.to_str()) {
            Some("config") => {
                fs::read_to_string(&file).expect("a clone")
                    + &format!("[remote \"backup\"]\n\turl = https://you:{canary}@example.invalid/x\n")
            }
            Some("settings.json") => format!("{{\n  \"env\": {{ \"ANTHROPIC_AUTH_TOKEN\": \"{canary}\" }}\n}}\n"),
            Some("opencode.json") => {
                format!("{{\n  \"provider\": {{ \"x\": {{ \"options\": {{ \"apiKey\": \"{canary}\" }} }} }}\n}}\n")
            }
            _ => format!("{canary}\n"),
        };
        private(&file, text.as_bytes());
    }
}

/// The environment of the operator's shell.
fn shell(deck: &Deck, canaries: &mut Canaries) {
    let shell = deck.outside().join("shell.sh");
    let mut text = "umask 000\n".to_string();
    for name in [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "GEMINI_API_KEY",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "NPM_TOKEN",
        "HTTPS_PROXY",
        "DATABASE_URL",
        "OPENCODE_SERVER_PASSWORD",
        "FLIGHTDECK_TOKEN",
        "DEMO_KEY",
        "GIT_CONFIG_VALUE_0",
        "TMUX_SECRET",
    ] {
        let canary = canaries.one("the operator's environment", vec![Holder::Operator, Holder::File(shell.clone())]);
        text += &format!("export {name}={canary}\n");
    }
    private(&shell, text.as_bytes());
}

/// Programs that agents are made of.
fn programs(deck: &Deck) {
    for (name, text) in [
        ("settled", format!("[ \"$1\" = debug ] && {{ printf '{{}}'; exit; }}\nexec {PROGRAM} \"$@\"\n")),
        ("serving", "shift; echo \"opencode server listening on http://127.0.0.1:$2\"; exec sleep 600\n".to_string()),
        ("claude", "exit 0\n".to_string()),
        ("opencode", "exit 0\n".to_string()),
    ] {
        let file = deck.workspace.join("bin").join(name);
        private(&file, format!("#!/bin/sh\n{text}").as_bytes());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("our own file");
    }
}

/// Verbs from the operator's shell; what they say is nobody's secret.
fn looks(deck: &Deck, canaries: &Canaries, verbs: &[&[&str]]) -> Vec<String> {
    let path = format!("{}:{}", deck.workspace.join("bin").display(), std::env::var("PATH").expect("a PATH"));
    let shell = canaries.shell(&deck.outside().join("shell.sh"));
    let mut hits = Vec::new();
    for words in verbs {
        let mut command = spawn::blocking(PROGRAM);
        command.args(*words).arg("--workspace").arg(&deck.workspace).env("HOME", &deck.home).env("PATH", &path);
        let output = command.envs(&shell).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        hits.extend(found(canaries, &said).into_iter().map(|canary| format!("{words:?} says {canary:?}")));
    }
    hits
}

/// Every verb that tells anything.
const VERBS: [&[&str]; 34] = [
    &["status"],
    &["status", "--json"],
    &["status", "--plain"],
    &["events", "--limit", "10000"],
    &["events", "--json", "--limit", "10000"],
    &["why", "plain", "--json"],
    &["why", "settled"],
    &["why", "nosign"],
    &["why", "failing"],
    &["why", "server"],
    &["logs", "plain"],
    &["logs", "nosign"],
    &["logs", "failing"],
    &["logs", "server"],
    &["backend", "list"],
    &["backend", "probe"],
    &["backend", "explain", "player", "--agent", "plain"],
    &["backend", "explain", "tooled", "--agent", "tooled"],
    &["backend", "explain", "settled", "--agent", "settled"],
    &["outbox", "--json"],
    &["usage", "--by", "account"],
    &["accounts"],
    &["accounts", "filed"],
    &["accounts", "--json"],
    &["check"],
    &["check", "--json"],
    &["doctor", "--json"],
    &["phase", "list"],
    &["reload"],
    &["setup", "--dry-run"],
    &["setup"],
    &["setup", "--clean"],
    &["accounts", "--probe"],
    &["send", "plain", "hello", "--no-wait"],
];

/// A configuration with a password in an address is refused, in every way to have it read.
fn wrong_configurations(deck: &Deck, shell: &Terminal<'_>, canaries: &mut Canaries, sampler: &Sampler) -> Vec<String> {
    let file = deck.workspace.join("flightdeck.toml");
    let good = fs::read_to_string(&file).expect("a file");
    let mut hits = Vec::new();
    for address in ["https://you:", "ssh://you:", "git://you:", "https://"] {
        let canary = canaries.one("an address in flightdeck.toml", vec![Holder::File(file.clone())]);
        sampler.knows(canaries);
        let mut table: toml::Table = good.parse().expect("TOML");
        table["project"]["remote"] = format!("{address}{canary}@example.invalid/x.git").into();
        fs::write(&file, table.to_string()).expect("a file");
        let refused = deck.count(|record| matches!(record, Record::ConfigRefused { .. }));
        let answer = deck.verb(&["reload"]);
        assert_eq!(answer.status.code(), Some(2), "{address}: {}", String::from_utf8_lossy(&answer.stderr));
        let engine = flightdeck::edge::process::identity(deck.status().engine_pid).expect("it lives");
        signal_to(&engine, Signal::HUP);
        deck.until("a refusal", || {
            (deck.count(|record| matches!(record, Record::ConfigRefused { .. })) > refused).then_some(())
        });
        for words in [&["check"][..], &["check", "--json"], &["status"], &["events"]] {
            let output = deck.verb(words);
            let said = [output.stdout, output.stderr, answer.stderr.clone(), answer.stdout.clone()].concat();
            hits.extend(
                found(canaries, &said).into_iter().map(|canary| format!("{words:?} with a wrong file says {canary:?}")),
            );
        }
        // Drawn with the lines around it, for somebody who may be looked over the shoulder.
        let number = canaries.count();
        shell.say(&format!("clear; {PROGRAM} check --workspace {}; echo checked ''{number}", deck.workspace.display()));
        shell.shows(&format!("checked {number}"));
        let shown = shell.screen();
        assert!(shown.contains("remote = "), "{shown}");
        hits.extend(found(canaries, shown.as_bytes()).into_iter().map(|canary| format!("a drawing shows {canary:?}")));
        fs::write(&file, &good).expect("a file");
    }
    hits
}

/// All that was made under a umask that hides nothing is ours alone all the same.
fn modes(folder: &Path, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        let mode = entry.metadata().expect("it is there").permissions().mode() & 0o777;
        let good = if kind.is_dir() { mode == 0o700 } else { mode & 0o177 == 0 };
        // Sockets have a mode of their own; what counts is that nobody else comes in.
        if !good && (kind.is_file() || kind.is_dir() || mode & 0o077 != 0) {
            wrong.push(format!("{} has mode {mode:o}", path.display()));
        }
        if kind.is_dir() {
            modes(&path, wrong);
        }
    }
}

#[test]
fn of_seventy_secrets_none_is_seen_but_in_its_own_place() {
    let deck = laid_out();
    let mut canaries = give(&deck);
    let shell = Terminal::beside(&deck);
    let sampler = Sampler::start(&deck, &shell, &canaries);
    let up = |time: &str| {
        shell.say(&format!("clear; {PROGRAM} up --workspace {} && echo up ''{time}", deck.workspace.display()));
        shell.shows(&format!("up {time}"));
    };
    shell.say(&format!(". {}/shell.sh", deck.outside().display()));
    up("first");
    let working = ["plain", "filed", "printed", "login", "tooled", "settled"];
    working.iter().for_each(|name| deck.prompted(name, 1));
    // It is as it should be: who is meant to have one has it.
    canaries.are_had(&deck, &working);
    for name in ["nosign", "open", "binary", "unclosed", "failing", "wrongkey"] {
        deck.until(&format!("why {name} is not started"), || {
            let agent = deck.agent(name);
            (!matches!(agent.state, AgentState::Idle | AgentState::Working | AgentState::Starting)).then_some(())
        });
        assert!(deck.submits(name).is_empty(), "{name} was started");
    }
    // The password of the shared server is our own secret.
    let access = deck.state_dir().join("agents/server.server.json");
    let password = deck.until("a password", || {
        let read: serde_json::Value = serde_json::from_slice(&fs::read(&access).ok()?).ok()?;
        Some(read["password"].as_str()?.to_string())
    });
    canaries.add("the password of a shared server", &password, vec![Holder::Agent("server"), Holder::File(access)]);
    sampler.knows(&canaries);

    let mut hits = looks(&deck, &canaries, &VERBS);
    // Crashes of agents, of the engine, of all of tmux; each start is the same.
    deck.kill("plain", Signal::KILL);
    deck.prompted("plain", 2);
    let engine = flightdeck::edge::process::identity(deck.status().engine_pid).expect("it lives");
    signal_to(&engine, Signal::KILL);
    deck.until("its end", || {
        flightdeck::edge::process::identity(engine.pid).is_none_or(|now| now != engine).then_some(())
    });
    up("again");
    deck.tell(&Command::Restart { agent: id("printed"), fresh: true });
    deck.prompted("printed", 2);
    hits.extend(wrong_configurations(&deck, &shell, &mut canaries, &sampler));
    let remote = deck.outside().join("seed");
    git(&remote, &["commit", "--quiet", "--allow-empty", "--message", "claim(1a): nothing of note"]);
    git(&remote, &["push", "--quiet", "origin", "main"]);
    // The cockpit, from the same shell: each of its panels, and its own crash.
    shell.say("clear");
    let panic = deck.outside().join("panic");
    shell.run(&format!("FLIGHTDECK_TEST_PANIC={}", panic.display()));
    shell.shows(" life ");
    for key in ["1", "2", "3", "4", "5", "j", "j", "?", "Escape", "/", "s", "Escape"] {
        shell.press(&[key]);
    }
    shell.shows("plain");
    fs::write(&panic, "").expect("a file");
    shell.press(&["j"]);
    shell.shows("left with ");
    hits.extend(looks(
        &deck,
        &canaries,
        &[&["status"], &["events", "--json", "--limit", "10000"], &["why", "plain"], &["logs", "plain"]],
    ));
    deck.tell(&Command::Stop { agent: id("filed") });
    deck.until("its end", || (deck.agent("filed").state == AgentState::Stopped).then_some(()));

    let (rounds, seen) = sampler.end();
    hits.extend(seen);
    assert!(hits.is_empty(), "{:#?}", hits.iter().collect::<BTreeSet<_>>());
    assert!(canaries.count() >= 50 && rounds > 20, "{} secrets, {rounds} rounds", canaries.count());
    let mut wrong = Vec::new();
    modes(&deck.state_dir(), &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
