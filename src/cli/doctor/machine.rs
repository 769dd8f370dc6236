//! What the machine offers: programs, letters, terminals and limits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::error::CliError;
use crate::cli::{out, workspace};
use crate::edge::spawn;
use crate::edge::tmux::oneshot::OneShot;
use crate::edge::tmux::server;

use super::Finding;

/// A program tells its version in milliseconds.
const ANSWER: Duration = Duration::from_secs(5);
/// A fleet needs one terminal an agent; fewer free than this are worth a word.
const PTYS_FREE: u64 = 64;
/// Watched: refs of a few clones and the spool. Editors and file synchronisers use up the rest.
const INOTIFY_INSTANCES: u64 = 128;
const INOTIFY_WATCHES: u64 = 8192;
/// Every client, agent and log takes a descriptor or two.
const FILES: u64 = 1024;

/// Before it a paste into a dead pane ends the server (fault T2).
const SAFE_PASTES: (u32, u32) = (3, 4);

/// Looks at the machine; of a workspace also at the tmux server that runs for it.
pub(super) fn look(root: Option<&Path>) -> Result<Vec<Finding>, CliError> {
    let mut findings = vec![git()?];
    findings.extend(tmux(root)?);
    findings.push(letters());
    findings.extend(root_user());
    findings.push(terminfo());
    findings.extend(ptys());
    findings.extend(inotify());
    findings.extend(files());
    findings.extend(logout());
    Ok(findings)
}

fn tmux(root: Option<&Path>) -> Result<Vec<Finding>, CliError> {
    let program = OsString::from("tmux");
    let version = match workspace::wait(server::version(&program))? {
        Ok(version) => version,
        Err(why) => {
            return Ok(vec![Finding::bad(
                "tmux",
                why.to_string(),
                "install tmux 3.2 or newer with your package manager",
            )]);
        }
    };
    let installed = version.text;
    let mut findings = vec![if (version.major, version.minor) >= SAFE_PASTES {
        Finding::ok("tmux", format!("tmux {installed}"))
    } else {
        let found = format!("tmux {installed}: whoever pastes into a dead pane ends its whole server");
        Finding::warn("tmux", found, "flightdeck never does, others may: take 3.4 or newer when it suits")
    }];
    let Some(root) = root else { return Ok(findings) };
    let socket = workspace::tmux_socket(root);
    findings.push(match workspace::wait(server::probe(&program, &socket, None))? {
        server::Probe::Gone => Finding::ok("tmux server", "none runs for this workspace"),
        server::Probe::Silent(why) => {
            Finding::bad("tmux server", why, "agents can't be reached before it answers; none is restarted meanwhile")
        }
        server::Probe::Answering(server) => {
            let running = workspace::wait(OneShot::new(program, socket).version())?.unwrap_or_default();
            running_server(server.pid, &running, &installed)
        }
    });
    Ok(findings)
}

fn running_server(pid: u32, running: &str, installed: &str) -> Finding {
    if running == installed {
        return Finding::ok("tmux server", format!("tmux {running} answers, process {pid}"));
    }
    Finding::warn(
        "tmux server",
        format!("process {pid} is tmux {running}, installed is tmux {installed}"),
        "stop the agents and the engine when it suits, `tmux -S .flightdeck/tmux.sock kill-server`, then `flightdeck up`",
    )
}

fn git() -> Result<Finding, CliError> {
    let advice = "install git with your package manager";
    let mut command_line = spawn::blocking("git");
    command_line.arg("--version");
    let output = workspace::wait(async { spawn::output_within(ANSWER, command_line.into()).await })?;
    Ok(match output {
        Ok(output) if output.status.success() => {
            Finding::ok("git", String::from_utf8_lossy(&output.stdout).trim().to_string())
        }
        Ok(output) => Finding::bad("git", format!("`git --version` ends with {}", output.status), advice),
        Err(why) => Finding::bad("git", why.to_string(), advice),
    })
}

fn letters() -> Finding {
    if out::is_utf8() {
        return Finding::ok("letters", "the locale is UTF-8");
    }
    Finding::warn(
        "letters",
        "the locale is not UTF-8: other letters than ASCII are shown as `?`",
        "set LANG to one of `locale -a` with UTF-8, like C.UTF-8",
    )
}

/// Nobody else's files are taken for ours, whoever we are; what agents do as root is another matter (fault X5).
fn root_user() -> Option<Finding> {
    let found = "you are root, and so is each agent: no file of this machine is safe from them";
    let advice = "run flightdeck as a user of its own, unless this is a container that holds nothing else";
    rustix::process::geteuid().is_root().then(|| Finding::warn("user", found, advice))
}

fn terminfo() -> Finding {
    let mut folders: Vec<PathBuf> =
        std::env::var_os("HOME").map(|home| Path::new(&home).join(".terminfo")).into_iter().collect();
    let system =
        ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/opt/homebrew/share/terminfo"];
    folders.extend(system.iter().map(PathBuf::from));
    // Linux files an entry under its first letter, macOS under that letter's number.
    let known = |name: &str, number: &str| {
        folders.iter().any(|folder| [&name[..1], number].iter().any(|sub| folder.join(sub).join(name).exists()))
    };
    if known("tmux-256color", "74") {
        return Finding::ok("terminfo", "tmux-256color is known");
    }
    let used = if known("screen-256color", "73") { "screen-256color" } else { "screen" };
    Finding::warn(
        "terminfo",
        format!("tmux-256color is not known, {used} is used"),
        "install ncurses-term (or ncurses)",
    )
}

fn ptys() -> Option<Finding> {
    let used = number("/proc/sys/kernel/pty/nr")?;
    let all = number("/proc/sys/kernel/pty/max")?;
    let found = format!("{used} of {all} terminals are used");
    if all.saturating_sub(used) >= PTYS_FREE {
        return Some(Finding::ok("terminals", found));
    }
    Some(Finding::warn("terminals", found, "raise kernel.pty.max, or find who holds so many"))
}

fn inotify() -> Option<Finding> {
    let instances = number("/proc/sys/fs/inotify/max_user_instances")?;
    let watches = number("/proc/sys/fs/inotify/max_user_watches")?;
    let found = format!("{instances} instances, {watches} watches");
    let advice =
        "sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=65536; until then files are polled";
    if let Err(why) = one_more_inotify() {
        return Some(Finding::warn("inotify", format!("all are in use ({why})"), advice));
    }
    if instances < INOTIFY_INSTANCES || watches < INOTIFY_WATCHES {
        return Some(Finding::warn("inotify", found, advice));
    }
    Some(Finding::ok("inotify", found))
}

/// Takes an instance and gives it back: whether the limit is reached, nothing else tells.
#[cfg(target_os = "linux")]
fn one_more_inotify() -> std::io::Result<()> {
    rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::CLOEXEC)?;
    Ok(())
}

/// Other systems watch files by other means, without such a limit.
#[cfg(not(target_os = "linux"))]
fn one_more_inotify() -> std::io::Result<()> {
    Ok(())
}

fn files() -> Option<Finding> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    let found = format!("{limit} may be open at once");
    if limit >= FILES {
        return Some(Finding::ok("files", found));
    }
    Some(Finding::warn("files", found, format!("`ulimit -n {FILES}` before `flightdeck up`")))
}

/// Where systemd ends a user's processes at logout, agents would go with them.
fn logout() -> Option<Finding> {
    if !Path::new("/run/systemd/system").exists() || rustix::process::geteuid().is_root() {
        return None;
    }
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok()?;
    if Path::new("/var/lib/systemd/linger").join(&user).exists() {
        return Some(Finding::ok("logout", "your processes outlive your logout (linger is on)"));
    }
    let kills = ["/etc/systemd/logind.conf", "/usr/lib/systemd/logind.conf"]
        .iter()
        .any(|path| kills_at_logout(Path::new(path)));
    let advice = format!("`loginctl enable-linger {user}`; as a service of your own, set KillMode=process");
    if kills {
        return Some(Finding::bad(
            "logout",
            "systemd ends your processes at logout, agents too (KillUserProcesses)",
            advice,
        ));
    }
    Some(Finding::warn("logout", "linger is off: what systemd starts for you ends at your last logout", advice))
}

fn kills_at_logout(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .any(|line| matches!(line.trim(), "KillUserProcesses=yes" | "KillUserProcesses=true" | "KillUserProcesses=1"))
}

fn number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
