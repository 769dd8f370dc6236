//! What the process table says about tmux servers and clients: just enough to know a recorded one again. It
//! never guesses that somebody is dead.

use std::path::Path;

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};

use crate::edge::process::{Entry, HERE};
use crate::pilot::fact::{Exit, Server};

/// Whether a recorded server still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    Unknown,
}

/// A server's start time and the process table's may differ by rounding and by slow starts, in seconds.
const START_SLACK: i64 = 5;

/// Looks for the process of a recorded server of this socket.
pub(super) fn life(server: &Server, socket: &Path) -> Life {
    let Some(pid) = pid(server.pid) else { return Life::Dead };
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Life::Dead;
    }
    let entry = match (HERE.entry)(server.pid) {
        Ok(Some(entry)) if entry.lives && entry.name.starts_with("tmux") => entry,
        Ok(_) => return Life::Dead,
        Err(_) => return Life::Unknown,
    };
    // A server keeps the arguments it was started with, so ours shows our socket. A clock that was set may have moved
    // the start time, which therefore only counts as a second way to know it.
    if names_socket(server.pid, socket)
        || (HERE.began_s)(entry.started).is_some_and(|at| (at - server.started).abs() <= START_SLACK)
    {
        Life::Alive
    } else {
        Life::Dead
    }
}

/// The server process that was started with this socket, when one lives although nobody recorded it.
pub(super) fn unrecorded(socket: &Path) -> Option<Server> {
    let table = (HERE.all)(false).ok()?;
    let server = table.living().find(|entry| is_server(entry) && names_socket(entry.pid, socket))?;
    Some(Server { pid: server.pid, started: (HERE.began_s)(server.started)? })
}

/// Sends a signal; whether there was somebody to get it.
pub(super) fn signal(number: u32, signal: Signal) -> bool {
    pid(number).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Is this process called tmux?
pub(super) fn is_tmux(pid: u32) -> bool {
    (HERE.entry)(pid).is_ok_and(|entry| entry.is_some_and(|entry| entry.name.starts_with("tmux")))
}

/// How a child of `parent` ended for which it has not waited yet: until then the kernel keeps its status, and its number
/// can't come to mean another process. Where there is no /proc nobody can tell.
pub(super) fn ending(pid: u32, parent: u32) -> Option<Exit> {
    use std::os::unix::fs::MetadataExt;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Of other users' processes the kernel shows a status of 0, whatever it is.
    let ours = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid() == geteuid().as_raw();
    let zombie = field(&stat, 3)? == "Z" && field(&stat, 20)? == "1";
    if !ours || !zombie || field(&stat, 4)? != parent.to_string() {
        return None;
    }
    // As wait(2) tells it.
    let status: i32 = field(&stat, 52)?.parse().ok()?;
    Some(if status & 0x7f == 0 { Exit::Status((status >> 8) & 0xff) } else { Exit::Signal(status & 0x7f) })
}

/// When the process with this number began, in the machine's own unit.
pub(super) fn started(pid: u32) -> Option<u64> {
    (HERE.entry)(pid).ok()?.map(|entry| entry.started)
}

/// On Linux tmux says in its name what it is. Elsewhere a server is known by the session that it leads, which none of its
/// clients does.
fn is_server(entry: &Entry) -> bool {
    entry.name.starts_with("tmux: server") || (entry.name == "tmux" && entry.session == entry.pid)
}

pub(super) fn names_socket(pid: u32, socket: &Path) -> bool {
    let wanted = std::os::unix::ffi::OsStrExt::as_bytes(socket.as_os_str());
    (HERE.arguments)(pid).iter().any(|argument| argument == wanted)
}

/// A field of `/proc/PID/stat`, counted from 1 as in its manual page. The second may hold anything, so count after it.
fn field(stat: &str, number: usize) -> Option<&str> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::edge::{clock, spawn};

    #[test]
    fn a_childs_status_can_be_had_until_its_parent_has_taken_it() {
        let us = std::process::id();
        for (script, expected) in
            [("exit 0", Exit::Status(0)), ("exit 7", Exit::Status(7)), ("kill -9 $$", Exit::Signal(9))]
        {
            let mut child = spawn::blocking("sh")
                .args(["-c", &format!("read x; {script}")])
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            assert_eq!(ending(child.id(), us), None, "it lives");
            drop(child.stdin.take());
            let deadline = clock::monotonic_ms() + 10_000;
            while (HERE.entry)(child.id()).is_ok_and(|entry| entry.is_some_and(|entry| entry.lives)) {
                assert!(clock::monotonic_ms() < deadline, "{script}");
                std::thread::yield_now();
            }
            assert_eq!(ending(child.id(), us), Some(expected), "{script}");
            assert_eq!(ending(child.id(), 1), None, "somebody else's child");
            child.wait().unwrap();
            assert_eq!(ending(child.id(), us), None, "it was waited for");
        }
    }
}
