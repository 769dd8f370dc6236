//! The workspace of a simulated project: real configuration text, read by the real reader, so that defaults are the
//! real ones. Only the prompts are shorter, for transcripts to be readable.

use std::collections::BTreeSet;
use std::path::PathBuf;

use flightdeck::config::parse::Machine;
use flightdeck::config::{Config, Problem, Sources, load};
use flightdeck::pilot::id::{AgentId, PhaseId};

/// An agent program that names its conversations and can take them up again.
const TALKER: &str = r#"
[backends.talker]
like = "demo"
launch = ["talker", "--conversation", "{conversation}", "{args}"]
resume = ["talker", "--resume", "{conversation}", "{args}"]
process_names = ["talker"]

[backends.queuer]
like = "demo"
channel = "codex"

[backends.scribe]
like = "demo"
compact = "/compact"
composer.command = '\A\s*/[a-z]+(?:\s|\z)'

[backends.server]
like = "demo"
channel = "opencode-server"

[backends.sharer]
like = "demo"
channel = "none"
launch = ["sharer", "{server}", "{args}"]

[backends.poster]
like = "demo"
channel = "opencode"

[backends.guest]
like = "demo"
channel = "opencode"
launch = ["guest", "{server}", "{args}"]

[backends.mute]
like = "demo"
channel = "none"
"#;

/// The files of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// `[agents.*]` and every other table but `[project]`.
    pub(crate) tables: String,
    /// Lines of `[project]`.
    pub(crate) project: String,
    pub(crate) sequence: Vec<PhaseId>,
    /// Agents whose folder is missing.
    pub(crate) missing: BTreeSet<AgentId>,
}

impl Files {
    /// A project with these agents, `name` or `name=backend`.
    pub(crate) fn of(agents: &[&str], sequence: &[&str]) -> Self {
        let mut tables = TALKER.to_string();
        for word in agents {
            let (name, backend) = word.split_once('=').unwrap_or((word, "demo"));
            let known = ["builder", "adversary", "orchestrator", "upgrader"].contains(&name);
            let role = match (known, backend) {
                (true, _) => "",
                (false, "server") => "role = \"other\"\n",
                (false, _) => "role = \"other\"\nprompt = \"worker\"\n",
            };
            tables.push_str(&format!("\n[agents.{name}]\nbackend = {backend:?}\ndir = \"clones/{name}\"\n{role}"));
        }
        let sequence = sequence.iter().map(|id| PhaseId::parse(id).expect("a phase")).collect();
        let project = "remote = \"/srv/project.git\"\n".to_string();
        Files { tables, project, sequence, missing: BTreeSet::new() }
    }

    /// Adds lines to the table of an agent, to `[project]`, or a table of its own.
    pub(crate) fn add(&mut self, table: &str, lines: &str) {
        if table == "project" {
            self.project.push_str(lines);
            return;
        }
        let header = format!("[{table}]\n");
        match self.tables.find(&header) {
            Some(at) => self.tables.insert_str(at + header.len(), lines),
            None => self.tables.push_str(&format!("\n{header}{lines}")),
        }
    }

    /// A line of a table, instead of the one with its key if there is one.
    pub(crate) fn put(&mut self, table: &str, line: &str) {
        let key = line.split(" = ").next().unwrap_or_default();
        let header = format!("[{table}]\n");
        if let Some(at) = self.tables.find(&header) {
            let end = self.tables[at..].find("\n\n").map_or(self.tables.len(), |end| at + end);
            let lines = self.tables[at..end].lines().filter(|old| !old.starts_with(&format!("{key} = ")));
            let kept: Vec<&str> = lines.collect();
            let kept = kept.join("\n");
            self.tables.replace_range(at..end, &kept);
        }
        self.add(table, &format!("{line}\n"));
    }

    /// Takes a table away.
    pub(crate) fn drop_table(&mut self, table: &str) {
        if let Some(at) = self.tables.find(&format!("[{table}]\n")) {
            let end = self.tables[at..].find("\n\n").map_or(self.tables.len(), |end| at + end);
            self.tables.replace_range(at..end, "");
        }
    }

    pub(crate) fn load(&self) -> Config {
        let sequence: Vec<String> = self.sequence.iter().map(|phase| format!("{:?}", phase.as_str())).collect();
        let main = format!(
            "version = 1\n[project]\nname = \"sim\"\nsequence = [{}]\n{}\n{}",
            sequence.join(", "),
            self.project,
            self.tables
        );
        let phase =
            |id: &str| (format!("{id}.md"), format!("---\nid: {id}\ntitle: Phase {id}\n---\nplan\n").into_bytes());
        let prompts = [
            ("preamble", "Phase {{ phase_id }} of {{ project }}."),
            ("builder", "Build."),
            ("adversary", "Doubt."),
            ("orchestrator", "Look after them."),
            ("upgrader", "Upgrade."),
            ("worker", "Work."),
        ];
        let sources = Sources {
            root: PathBuf::from("/ws"),
            main: main.into_bytes(),
            phases: ["1a", "1b", "1c", "2", "3"].map(phase).to_vec(),
            machine: Machine::default(),
            prompts: prompts.map(|(name, text)| (format!("{name}.md"), text.as_bytes().to_vec())).to_vec(),
        };
        load(&sources).unwrap_or_else(|problems| {
            let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
            panic!("{}", told.join("\n"))
        })
    }
}
