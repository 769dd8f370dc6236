//! What the workspace stands on: its files, its state, its disk, its engine.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::{recorded, workspace};
use crate::config::{self, Config, Problem};
use crate::edge::git::{self, LeftLock};
use crate::edge::link::{Client, NoEngine};
use crate::edge::lock;
use crate::edge::process;
use crate::edge::store::{Filter, Page};
use crate::edge::workspace as files;
use crate::pilot::fact::Search;

use super::Finding;

/// Below this, records may soon not be written, and nothing is done without them.
const DISK_BAD: u64 = 50 << 20;
const DISK_LOW: u64 = 1 << 30;

/// Looks at a workspace, if there is one.
pub(super) fn look(root: Option<&Path>) -> Result<Vec<Finding>, CliError> {
    let Some(root) = root else {
        let found = "none here or above";
        return Ok(vec![Finding::warn("workspace", found, "`flightdeck init` makes one, `--workspace DIR` names one")]);
    };
    let config = files::read(root).and_then(|sources| config::load(&sources));
    let mut findings = vec![configured(root, &config)];
    findings.extend(config.iter().flat_map(git_locks));
    findings.extend(state(root));
    findings.push(log(root));
    findings.extend(disk(root));
    findings.push(engine(root));
    Ok(findings)
}

fn configured(root: &Path, config: &Result<Config, Vec<Problem>>) -> Finding {
    match config {
        Ok(config) => Finding::ok("workspace", format!("{}, {} agents", root.display(), config.agents.len())),
        Err(problems) => {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            let found = format!("{}: {} problems, the first: {first}", root.display(), problems.len());
            Finding::bad("workspace", found, "`flightdeck check` shows them all")
        }
    }
}

/// Locks in the agents' clones, and whether a git is there that may hold them.
fn git_locks(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for agent in config.agents.values() {
        let locks = git::locks(&agent.dir);
        if locks.is_empty() {
            continue;
        }
        // None of ours runs there, so whichever is found is one.
        let found = process::search(&["git".to_string()], &agent.dir, "");
        for LeftLock { path, age } in locks {
            let what = format!("{}: {} is {} old", agent.id, path.display(), humantime::format_duration(age));
            findings.push(match &found {
                Search::Found { pid } => {
                    Finding::ok("git lock", format!("{what}, a git is at work there, process {pid}"))
                }
                Search::None => Finding::warn(
                    "git lock",
                    format!("{what}, and no git is at work there"),
                    "its git fails as long as the lock is there: if it is nobody's, remove it",
                ),
                Search::Unknown { why } => {
                    let found = format!("{what}, and nobody can say whose it is: {why}");
                    Finding::warn("git lock", found, "if no git is at work there, remove it")
                }
            });
        }
    }
    findings
}

fn state(root: &Path) -> Option<Finding> {
    let path = workspace::state_dir(root);
    let shown = path.display();
    let meta = path.symlink_metadata().ok()?;
    let us = rustix::process::geteuid().as_raw();
    if !meta.is_dir() {
        return Some(Finding::bad("state", format!("{shown} is no folder"), "move it away"));
    }
    if meta.uid() != us {
        let found = format!("{shown} belongs to user {}, we are {us}", meta.uid());
        return Some(Finding::bad("state", found, "run flightdeck as its owner"));
    }
    if meta.mode() & 0o077 != 0 {
        let found = format!("{shown} is open to others (mode {:04o})", meta.mode() & 0o7777);
        return Some(Finding::bad("state", found, "`chmod 700` it"));
    }
    Some(Finding::ok("state", format!("{shown} is yours alone")))
}

fn log(root: &Path) -> Finding {
    let last = recorded::reader(root).and_then(|reader| match reader {
        Some(reader) => reader.rows(&Filter::default(), Page::Newest, 1).map(Some).map_err(recorded::unreadable),
        None => Ok(None),
    });
    match last {
        Ok(None) => Finding::ok("records", "none yet"),
        Ok(Some(rows)) => Finding::ok("records", format!("{} records", rows.last().map_or(0, |row| row.stamp.seq))),
        Err(error) => {
            let found = error.to_string();
            let advice = "an engine that starts sets a damaged log aside and keeps what can be read";
            Finding::bad("records", found.trim_start_matches("error: "), advice)
        }
    }
}

fn disk(root: &Path) -> Option<Finding> {
    let disk = rustix::fs::statvfs(root).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB free", free >> 20);
    Some(match free {
        0..DISK_BAD => Finding::bad("disk", found, "free some space: without records nothing is done"),
        DISK_BAD..DISK_LOW => Finding::warn("disk", found, "free some space"),
        DISK_LOW.. => Finding::ok("disk", found),
    })
}

fn engine(root: &Path) -> Finding {
    let dir = workspace::state_dir(root);
    let holder = lock::current(&dir);
    let process = holder.as_ref().map_or(String::new(), |holder| format!(", process {}", holder.pid));
    match (Client::connect(&dir), holder) {
        (Ok(client), _) => {
            let found = format!("number {} answers{process}, flightdeck {}", client.epoch, client.version);
            if client.version == env!("CARGO_PKG_VERSION") {
                return Finding::ok("engine", found);
            }
            let ours = env!("CARGO_PKG_VERSION");
            Finding::warn(
                "engine",
                format!("{found}; this is {ours}"),
                "`flightdeck down`, then `flightdeck up`; agents go on",
            )
        }
        (Err(NoEngine::Absent(_)), None) => Finding::warn("engine", "none runs", "`flightdeck up` starts one"),
        (Err(NoEngine::Absent(_)), Some(holder)) => Finding::bad(
            "engine",
            format!("process {} holds the workspace and has no socket", holder.pid),
            format!("it may be just starting; else `kill {}`, and agents go on", holder.pid),
        ),
        (Err(why), Some(holder)) => {
            Finding::bad("engine", why.to_string(), format!("`kill {}` ends it, and agents go on", holder.pid))
        }
        (Err(why), None) => {
            Finding::bad("engine", why.to_string(), "end whoever listens there; `flightdeck up` starts an engine")
        }
    }
}
