//! Ending everything that belongs to an agent: TERM, a grace, KILL, and a look whether it is really gone.
//!
//! Signals go through a [`Grip`] only, so that a number that was given to somebody else in between is never hit.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use super::Alive;
use super::grip::Grip;
use super::look::{alive, trees};
use super::source::Source;
use super::tag::Tag;
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
pub(super) async fn end(
    source: &Source,
    process: Option<&Identity>,
    tag: Option<&Tag>,
    grace: Duration,
) -> Result<Vec<(u32, String)>, String> {
    let mut hunt = Hunt { source, process, tag, known: BTreeMap::new() };
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
    source: &'a Source,
    process: Option<&'a Identity>,
    tag: Option<&'a Tag>,
    known: BTreeMap<u32, Quarry>,
}

struct Quarry {
    process: Identity,
    /// `None`: it could not be had, so this one is left in peace and reported.
    grip: Option<Grip>,
    asked: bool,
}

impl Hunt<'_> {
    /// Drops what ended, adds what came to light since.
    fn look(&mut self) -> Result<(), String> {
        self.known.retain(|_, quarry| alive(self.source, &quarry.process) != Alive::No);
        // Those already known stay known when their parent is gone, and their children are found through them.
        let roots: Vec<&Identity> = self.known.values().map(|quarry| &quarry.process).chain(self.process).collect();
        let found = trees(self.source, &roots, self.tag).ok_or("the process table can't be read")?;
        for process in found {
            self.known.entry(process.pid).or_insert_with(|| Quarry::new(self.source, process));
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
            for grip in self.known.values().filter_map(|quarry| quarry.grip.as_ref()) {
                grip.ended().await;
            }
        };
        // Late is an answer as well: the next look says what is left.
        let _ = clock::within(span, all).await;
    }

    fn left(&self) -> Vec<(u32, String)> {
        let living = self.known.values().filter(|quarry| alive(self.source, &quarry.process) != Alive::No);
        living.map(|quarry| (quarry.process.pid, what(self.source, quarry.process.pid))).collect()
    }
}

impl Quarry {
    fn new(source: &Source, process: Identity) -> Self {
        let grip = (source.take)(&process);
        Quarry { process, grip, asked: false }
    }

    fn signal(&self, signal: Signal) {
        if let Some(grip) = &self.grip {
            grip.signal(signal);
        }
    }
}

/// What a process is, and for how long: `sleep, 3m 20s old`.
fn what(source: &Source, pid: u32) -> String {
    let Some(entry) = (source.entry)(pid).ok().flatten() else { return "unknown".to_string() };
    let lived = (source.began_s)(entry.started).map(|began| clock::wall().0 / 1000 - began);
    match lived.and_then(|lived| u64::try_from(lived).ok()) {
        Some(lived) => format!("{}, {} old", entry.name, humantime::format_duration(Duration::from_secs(lived))),
        None => entry.name,
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
