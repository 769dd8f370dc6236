//! Ending everything that belongs to an agent: TERM, a grace, KILL, and a look whether it is really gone.
//!
//! Signals go through process file descriptors that were opened first and whose process was identified afterwards, so
//! that a number that was given to somebody else in between is never hit (fault P13).

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Alive, Tag, alive, table, trees};
use crate::edge::clock;
use crate::pilot::fact::Identity;

/// After KILL the kernel needs milliseconds, unless a process hangs in it (faults P14): not worth a long wait.
const LAST_WAIT: Duration = Duration::from_secs(2);
/// What forks while it is ended shows up in the next look; more rounds than this is a fight that waiting won't win.
const KILL_ROUNDS: u32 = 8;
/// Between two looks during the grace: an agent's children may come to light only when their parent is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Ends `process`, what is below it and whatever carries `tag`. Returns what is left: pid and name; empty when all is
/// gone. An error means that nobody can say, because the process table can't be read.
pub async fn end(process: Option<&Identity>, tag: Option<&Tag>, grace: Duration) -> Result<Vec<(u32, String)>, String> {
    let mut hunt = Hunt { process, tag, known: BTreeMap::new() };
    let deadline = clock::monotonic_ms().saturating_add(millis(grace));
    loop {
        hunt.look()?;
        if hunt.known.is_empty() {
            return Ok(Vec::new());
        }
        hunt.ask_to_end();
        let left = Duration::from_millis(u64::try_from(deadline - clock::monotonic_ms()).unwrap_or(0));
        if left.is_zero() {
            break;
        }
        hunt.wait(left.min(LOOK_AGAIN)).await;
    }
    for _ in 0..KILL_ROUNDS {
        hunt.kill();
        hunt.wait(LAST_WAIT).await;
        let before: Vec<u32> = hunt.known.keys().copied().collect();
        hunt.look()?;
        if hunt.known.keys().all(|pid| before.contains(pid)) {
            break;
        }
    }
    Ok(hunt.left())
}

/// What is to be ended, by pid.
struct Hunt<'a> {
    process: Option<&'a Identity>,
    tag: Option<&'a Tag>,
    known: BTreeMap<u32, Quarry>,
}

struct Quarry {
    process: Identity,
    /// `None`: it could not be had, so this one is left in peace and reported.
    handle: Option<AsyncFd<OwnedFd>>,
    asked: bool,
}

impl Hunt<'_> {
    /// Drops what ended, adds what came to light since.
    fn look(&mut self) -> Result<(), String> {
        self.known.retain(|_, quarry| alive(&quarry.process) != Alive::No);
        // Those already known stay known when their parent is gone, and their children are found through them.
        let roots: Vec<&Identity> = self.known.values().map(|quarry| &quarry.process).chain(self.process).collect();
        let found = trees(&roots, self.tag).ok_or("the process table can't be read")?;
        for process in found {
            self.known.entry(process.pid).or_insert_with(|| Quarry::new(process));
        }
        Ok(())
    }

    /// TERM to all that did not get it yet, and CONT, since a stopped one would not see it.
    fn ask_to_end(&mut self) {
        for quarry in self.known.values_mut().filter(|quarry| !quarry.asked) {
            quarry.asked = true;
            quarry.signal(Signal::TERM);
            quarry.signal(Signal::CONT);
        }
    }

    fn kill(&self) {
        for quarry in self.known.values() {
            quarry.signal(Signal::KILL);
        }
    }

    /// Until all have ended, at most `span`.
    async fn wait(&self, span: Duration) {
        let all = async {
            for handle in self.known.values().filter_map(|quarry| quarry.handle.as_ref()) {
                // A process file descriptor becomes readable when its process ends. An error is as good as an end here:
                // the next look decides.
                let _ = handle.readable().await;
            }
        };
        // Late is an answer as well: the next look says what is left.
        let _ = clock::within(span, all).await;
    }

    fn left(&self) -> Vec<(u32, String)> {
        let living = self.known.values().filter(|quarry| alive(&quarry.process) != Alive::No);
        living.map(|quarry| (quarry.process.pid, name(quarry.process.pid))).collect()
    }
}

impl Quarry {
    fn new(process: Identity) -> Self {
        let handle = handle(&process);
        Quarry { process, handle, asked: false }
    }

    fn signal(&self, signal: Signal) {
        if let Some(handle) = &self.handle {
            // It may have ended, or belong to another user; what is left is looked at afterwards.
            let _ = pidfd_send_signal(handle.get_ref(), signal);
        }
    }
}

/// A grip on exactly this process: opened by number, then checked that the number still means it.
#[expect(deprecated, reason = "an OwnedFd keeps its descriptor, which is all that the unsafe successor asks for")]
fn handle(process: &Identity) -> Option<AsyncFd<OwnedFd>> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    if alive(process) != Alive::Yes {
        return None;
    }
    AsyncFd::with_interest(handle, Interest::READABLE).ok()
}

fn name(pid: u32) -> String {
    table::entry(pid).ok().flatten().map_or_else(|| "unknown".to_string(), |entry| entry.name)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
