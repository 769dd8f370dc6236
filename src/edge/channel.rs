//! What agents' programs tell of themselves by their own means, made one with what the spool carries. Each program has a
//! file here: what it has to be given, and how what it says becomes a [`Report`].
//!
//! ```text
//!  Claude Code ── hooks ──► flightdeck hook claude ──► spool/<agent>.jsonl ─┐
//!       │                                                                  ├─► Event::Reported
//!       └─ transcript, a line per turn, answer and error ──────────────────┤
//!  Codex ── rollout, the same, found among its open files ─────────────────┘
//! ```

pub mod claude;
pub mod codex;
pub mod opencode;

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::config::launch::{PORT, STATE, mcp_file, settings_file};
use crate::config::model::{Channel, McpSpec, McpWay};
use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::Report;
use crate::pilot::id::{AgentId, Incarnation};

use super::files::{self, FileError};
use super::process::{OWNER, Tag};
use super::spawn;
use opencode::access;

/// The file that an agent's reports are appended to.
pub const SPOOL: &str = "FLIGHTDECK_SPOOL";
/// Our own program, for what its hooks call.
pub const PROGRAM: &str = "FLIGHTDECK_PROGRAM";
/// Largest thing a program may tell at once: a prompt of the largest size, escaped, and what else stands around it.
const PAYLOAD_CAP: u64 = 4 << 20;

/// A line of the spool: what is told, and by which life.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    #[serde(flatten)]
    pub report: Report,
}

/// What an agent's program finds in its environment about its channel.
pub fn environment(spool: &Path, program: &Path) -> [(String, String); 2] {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    [(SPOOL.to_string(), text(spool)), (PROGRAM.to_string(), text(program))]
}

/// Makes the files that an agent's program is given: by which it learns where to report, and which MCP servers are its own. All
/// are 0600, and hold no secret. What an earlier start was given is gone then.
pub fn equip(root: &Path, agent: &AgentId, incarnation: Incarnation, launch: &mut LaunchSpec) -> Result<(), FileError> {
    clear(root, agent);
    match launch.channel {
        Channel::None | Channel::Reports | Channel::Codex => {}
        Channel::Claude => files::write_whole(&settings_file(root, agent), &claude::settings(), files::PRIVATE)?,
        Channel::OpenCode if launch.attach.is_some() => {
            opencode::attach::equip(&agents(root), agent, incarnation, launch)?;
        }
        Channel::OpenCode => berth(root, agent, incarnation, launch)?,
        Channel::OpenCodeServer => {
            let port = access::make_server(&agents(root), agent, incarnation)?.port;
            fill(&mut launch.argv, PORT, &port.to_string());
        }
    }
    match &launch.mcp {
        Some(McpSpec { way: McpWay::Args, servers }) => {
            files::write_whole(&mcp_file(root, agent), &claude::mcp(servers), files::PRIVATE)?;
        }
        // Its runner asks the program first.
        Some(McpSpec { way: McpWay::Opencode, .. }) | None => {}
    }
    Ok(())
}

/// A port and a password for a program that is a server at the same time. One whose argv has no place for the port has no
/// server either.
fn berth(root: &Path, agent: &AgentId, incarnation: Incarnation, launch: &mut LaunchSpec) -> Result<(), FileError> {
    if !launch.argv.iter().any(|word| word == PORT) {
        launch.channel = Channel::None;
        return Ok(());
    }
    let path = access::path(&agents(root), agent);
    let access = access::make(&path, incarnation, &launch.argv, launch.resumes.clone())?;
    fill(&mut launch.argv, PORT, &access.port.to_string());
    Ok(())
}

/// Puts what is known by now in the place of a hole.
fn fill(argv: &mut [String], hole: &str, value: &str) {
    argv.iter_mut().filter(|word| *word == hole).for_each(|word| *word = value.to_string());
}

/// What only another program can tell before a start: the name of a conversation that is begun for it. `Err`: why it can't be
/// started.
pub async fn arrange(
    root: &Path,
    agent: &AgentId,
    incarnation: Incarnation,
    launch: &mut LaunchSpec,
) -> Result<(), String> {
    match &launch.attach {
        Some(_) => opencode::attach::begin(&agents(root), agent, incarnation, launch).await,
        None => Ok(()),
    }
}

fn agents(root: &Path) -> PathBuf {
    root.join(STATE).join("agents")
}

/// Takes away what [`equip`] made: when the agent's life is over, and when it did not begin.
pub fn clear(root: &Path, agent: &AgentId) {
    for file in [settings_file(root, agent), mcp_file(root, agent), access::path(&agents(root), agent)] {
        // Gone already, or in the way of nobody: the next start makes it anew.
        let _ = std::fs::remove_file(file);
    }
}

/// A hook's whole life: what it is told on standard input is appended to the spool of the agent that it runs for. Outside of an
/// agent of ours it does nothing; it says nothing, since programs read what hooks print, but for the user's own status line.
pub fn hook(program: &OsStr) -> io::Result<()> {
    let Some(spool) = std::env::var_os(SPOOL) else { return Ok(()) };
    let tag = std::env::var(OWNER).ok().and_then(|tag| Tag::parse(&tag));
    let mut payload = Vec::new();
    io::stdin().take(PAYLOAD_CAP).read_to_end(&mut payload)?;
    let incarnation = tag.map(|tag| tag.incarnation);
    match program.to_str() {
        Some("claude") => {
            let Some(report) = claude::told(&payload) else { return Ok(()) };
            append(Path::new(&spool), &[Line { incarnation, report }])
        }
        Some("claude-status") => {
            let Some(status) = claude::Status::parse(&payload) else { return Ok(()) };
            let lines: Vec<Line> = status.reports().into_iter().map(|report| Line { incarnation, report }).collect();
            let told = append(Path::new(&spool), &lines);
            status.users_own().map_or(Ok(()), |command| show(&command, &payload))?;
            told
        }
        Some(_) | None => Ok(()),
    }
}

/// Runs the user's own status line, by the shell, as its program would: what it prints is shown.
fn show(command: &str, payload: &[u8]) -> io::Result<()> {
    let mut shell = spawn::foreground("sh").args(["-c", command]).stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = shell.stdin.take() {
        // One that reads nothing needs nothing.
        let _ = stdin.write_all(payload);
    }
    shell.wait().map(drop)
}

/// One write, so that two hooks at once don't mix their lines. The file is the engine's: where it is gone, nobody listens.
fn append(spool: &Path, lines: &[Line]) -> io::Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = std::fs::OpenOptions::new().append(true).custom_flags(nofollow).open(spool)?;
    file.write_all(&text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::model::McpServer;

    fn launch(channel: Channel, servers: Option<Vec<McpServer>>) -> LaunchSpec {
        LaunchSpec {
            argv: Vec::new(),
            channel,
            mcp: servers.map(|servers| McpSpec { way: McpWay::Args, servers }),
            cwd: "/".into(),
            env: std::collections::BTreeMap::new(),
            env_file: None,
            account: None,
            resumes: None,
            attach: None,
            size: (80, 24),
            history: 100,
        }
    }

    #[test]
    fn what_a_program_is_given_is_private_holds_names_alone_and_goes_with_the_next_start_or_the_end() {
        let root = tempfile::tempdir().expect("a folder");
        let agent = AgentId::parse("builder").expect("a name");
        files::private_dir(&root.path().join(".flightdeck/agents")).expect("a folder");
        let text = |name: &str| [name.to_string()].to_vec();
        let server = McpServer {
            name: "files".into(),
            command: "mcp files".into(),
            args: text("--a=\"b\"\n"),
            env: text("TOKEN"),
        };
        equip(root.path(), &agent, Incarnation(1), &mut launch(Channel::Claude, Some(vec![server])))
            .expect("its files");
        let file = mcp_file(root.path(), &agent);
        let written: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).expect("it is there")).expect("JSON");
        assert_eq!(
            written,
            serde_json::json!({ "mcpServers": { "files": {
                "type": "stdio", "command": "mcp files", "args": ["--a=\"b\"\n"], "env": { "TOKEN": "${TOKEN}" },
            } } })
        );
        for file in [&file, &settings_file(root.path(), &agent)] {
            assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
        equip(root.path(), &agent, Incarnation(1), &mut launch(Channel::None, None)).expect("nothing to make");
        assert!(!file.exists() && !settings_file(root.path(), &agent).exists());
        equip(root.path(), &agent, Incarnation(1), &mut launch(Channel::Claude, Some(Vec::new()))).expect("its files");
        clear(root.path(), &agent);
        assert!(!file.exists() && !settings_file(root.path(), &agent).exists());
    }
}
