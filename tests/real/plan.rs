//! A workspace to be: agents with their scripts, and the configuration's keys, with deadlines short enough for a test;
//! where it is asked for, a git remote with a clone for each agent.

use std::fs;
use std::path::Path;

use flightdeck::edge::{scaffold, spawn};
use toml::{Table, Value};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_flightdeck");

/// What is to be set up.
pub(crate) struct Plan {
    config: Table,
    scripts: Vec<(String, String)>,
    over_git: bool,
}

impl Plan {
    /// No agents yet. Nobody stalls here unless a test says so.
    pub(crate) fn new() -> Plan {
        let quick = "\
            version = 1\n\
            [project]\nname = 'real'\nsequence = []\nwatch_interval = '2s'\n\
            [stall]\nidle = '60s'\ngrace = '60s'\nwait_cap = '60s'\nstart_limit = '30s'\nsample_gap = '200ms'\n\
            [restart]\ndelay = '100ms'\ndelay_cap = '200ms'\nstop_grace = '1s'\n\
            [backends.player]\nlike = 'demo'\n";
        let plan = Plan { config: quick.parse().expect("a good table"), scripts: Vec::new(), over_git: false };
        plan.set("backends.player.launch", vec![PROGRAM, "demo-agent", "{args}"])
    }

    /// The two loops of a project over git, in a phase.
    pub(crate) fn pair(builder: &str, adversary: &str) -> Plan {
        let plan = Plan::new().agent("builder", builder).agent("adversary", adversary).over_git();
        plan.set("agents.builder.role", "builder").set("agents.adversary.role", "adversary")
    }

    /// One more agent, which plays `script`.
    pub(crate) fn agent(mut self, name: &str, script: &str) -> Plan {
        self.scripts.push((name.to_string(), script.to_string()));
        let mut agent = Table::new();
        agent.insert("role".to_string(), Value::from("other"));
        agent.insert("prompt".to_string(), Value::from("plain"));
        agent.insert("backend".to_string(), Value::from("player"));
        agent.insert("dir".to_string(), Value::from(format!("clones/{name}")));
        table(&mut self.config, "agents").insert(name.to_string(), Value::Table(agent));
        self
    }

    /// Sets a key, named with its table: `stall.idle`, `agents.solo.restart`.
    pub(crate) fn set(mut self, path: &str, value: impl Into<Value>) -> Plan {
        let (tables, key) = path.rsplit_once('.').expect("a table and a key");
        let at = tables.split('.').fold(&mut self.config, table);
        at.insert(key.to_string(), value.into());
        self
    }

    /// Further flags for an agent's program.
    pub(crate) fn flags(self, agent: &str, flags: &[&str]) -> Plan {
        self.set(&format!("agents.{agent}.args"), flags.to_vec())
    }

    /// A program of ours that a line for a shell begins: there `$0` is the program, `$@` what it is started with.
    pub(crate) fn behind(self, agent: &str, line: &str) -> Plan {
        let backend = format!("behind-{agent}");
        self.set(&format!("backends.{backend}.like"), "demo")
            .set(&format!("backends.{backend}.launch"), vec!["sh", "-c", line, PROGRAM, "{args}"])
            .set(&format!("agents.{agent}.backend"), backend)
    }

    /// A remote beside the workspace, whose history has an old claim, and a clone of it for each agent.
    pub(crate) fn over_git(mut self) -> Plan {
        self.over_git = true;
        self
    }

    /// Makes the workspace in `dir`, and what is beside it.
    pub(crate) fn write(mut self, dir: &Path) {
        let around = dir.parent().expect("a folder around it");
        if self.over_git {
            let remote = around.join("remote.git").display().to_string();
            git(around, &["init", "--quiet", "--bare", "--initial-branch=main", &remote]);
            git(around, &["clone", "--quiet", &remote, "seed"]);
            let seed = around.join("seed");
            git(&seed, &["checkout", "--quiet", "-B", "main"]);
            git(&seed, &["commit", "--quiet", "--allow-empty", "--message", "claim(old): long ago"]);
            git(&seed, &["push", "--quiet", "origin", "main"]);
            for (name, _) in &self.scripts {
                git(around, &["clone", "--quiet", &remote, &dir.join("clones").join(name).display().to_string()]);
            }
            self = self.set("project.remote", remote);
        }
        scaffold::init(dir).expect("a workspace");
        // One short line each: what agents are told is another test's concern.
        fs::write(dir.join("prompts/preamble.md"), "{{ agent }}{% if phase_id %}, phase {{ phase_id }}{% endif %}:\n")
            .expect("a file");
        for name in ["plain", "builder", "adversary", "orchestrator", "upgrader"] {
            fs::write(dir.join(format!("prompts/{name}.md")), "begin\n").expect("a file");
        }
        for (name, script) in std::mem::take(&mut self.scripts) {
            fs::create_dir_all(dir.join("clones").join(&name)).expect("a folder");
            let file = |kind: &str| dir.join(format!("{name}.{kind}")).display().to_string();
            fs::write(file("script"), script).expect("a script");
            let mut args = vec!["--script".to_string(), file("script"), "--submit-log".to_string(), file("submits")];
            args.extend(["--state".to_string(), file("state"), "--byte-log".to_string(), file("bytes")]);
            let agent = table(table(&mut self.config, "agents"), &name);
            let more = agent.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
            let all: Vec<Value> = args.into_iter().map(Value::from).chain(more).collect();
            agent.insert("args".to_string(), Value::from(all));
        }
        fs::write(dir.join("flightdeck.toml"), self.config.to_string()).expect("a file");
    }
}

/// git, as nobody in particular and by nobody's configuration; what it said.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = spawn::blocking("git");
    command.current_dir(dir).env("HOME", "/nonexistent").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "user.name=a person", "-c", "user.email=person@real.invalid"]).args(args);
    let output = command.output().expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

fn table<'a>(above: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = above.entry(name).or_insert_with(|| Value::Table(Table::new()));
    entry.as_table_mut().expect("a table")
}
