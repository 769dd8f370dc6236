//! The stage of `flightdeck demo`: a folder with a bare remote, a clone for each agent and a workspace whose agents are
//! the built-in demo agent. Everything real: git, tmux, processes; only the model is missing. Real deadlines, but short
//! ones, so that a stall shows within seconds.

use std::path::{Path, PathBuf};

use crate::edge::{files, scaffold, spawn};

/// The demo's phases, in order; the demo agent's faults are spread over them.
pub const PHASES: [&str; 3] = ["1a", "1b", "2"];

/// Why there is no stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("`git {args}` failed: {said}")]
    Git { args: String, said: String },
    #[error(transparent)]
    File(#[from] files::FileError),
}

/// A stage that is set up.
#[derive(Debug)]
pub struct Stage {
    /// The workspace.
    pub workspace: PathBuf,
}

impl Stage {
    /// Builds everything below `dir`, which must be empty or missing. `program` is the demo agent's program: our own.
    /// `pace`: how many times as long its agents think.
    pub fn build(dir: &Path, program: &Path, faults: bool, pace: u32) -> Result<Stage, StageError> {
        let remote = dir.join("remote.git");
        let seed = dir.join("seed");
        make(dir)?;
        git(dir, &["init", "--quiet", "--bare", "--initial-branch=main", &text(&remote)])?;
        git(dir, &["clone", "--quiet", &text(&remote), &text(&seed)])?;
        files::write_atomic(&seed.join("README.md"), b"# tally\n\nThe demo project.\n", files::PUBLIC)?;
        git(&seed, &["checkout", "--quiet", "-B", "main"])?;
        git(&seed, &["add", "README.md"])?;
        git(&seed, &["commit", "--quiet", "--message", "the empty project"])?;
        git(&seed, &["push", "--quiet", "origin", "main"])?;
        let workspace = dir.join("deck");
        scaffold::init(&workspace)?;
        for agent in ["builder", "adversary"] {
            git(dir, &["clone", "--quiet", &text(&remote), &text(&workspace.join("clones").join(agent))])?;
        }
        let toml = configuration(&remote, program, faults, pace);
        files::write_atomic(&workspace.join("flightdeck.toml"), toml.as_bytes(), files::PUBLIC)?;
        Ok(Stage { workspace })
    }
}

fn configuration(remote: &Path, program: &Path, faults: bool, pace: u32) -> String {
    let phases: Vec<String> = PHASES.iter().map(|phase| quoted(phase)).collect();
    let faults = if faults { r#", "--faults", "demo""# } else { "" };
    format!(
        r#"version = 1

[project]
name = "demo"
remote = {remote}
sequence = [{phases}]

[agents.builder]
backend = "player"
dir = "clones/builder"

[agents.adversary]
backend = "player"
dir = "clones/adversary"

[backends.player]
like = "demo"
launch = [{program}, "demo-agent", "--pace", "{pace}"{faults}, "{{args}}"]

# Short deadlines, so that the stall in phase 1b is found within seconds; see the defaults for real work.
[stall]
idle = "6s"
grace = "5s"
wait_cap = "60s"
start_limit = "20s"
sample_gap = "1s"

[restart]
delay = "1s"
"#,
        remote = quoted(&text(remote)),
        phases = phases.join(", "),
        program = quoted(&text(program)),
    )
}

fn git(dir: &Path, args: &[&str]) -> Result<(), StageError> {
    let mut command = spawn::blocking("git");
    command.current_dir(dir).env("GIT_TERMINAL_PROMPT", "0");
    command.args(["-c", "user.name=flightdeck demo", "-c", "user.email=demo@flightdeck.invalid"]).args(args);
    let failed = |said: String| StageError::Git { args: args.join(" "), said };
    let output = command.output().map_err(|cause| failed(cause.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_string()))
}

fn make(dir: &Path) -> Result<(), StageError> {
    std::fs::create_dir_all(dir.join("deck").join("clones"))
        .map_err(|cause| StageError::Io { path: dir.to_path_buf(), cause })
}

/// As a TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
