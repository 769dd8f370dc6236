//! Processes on this machine: who lives, what belongs to an agent, and ending it whole.
//!
//! A process is its [`Identity`] (boot, pid, start time), never a bare pid: no signal leaves for anything else (fault P13).
//! What belongs to an agent is found by descent, by session and by the owner tag in the environment, so that neither
//! setsid nor a new parent hides it (faults P11, V12). What can't be read is unknown, never dead.
//!
//! Needs `/proc`, so Linux: elsewhere every answer is "unknown". Knows nothing of tmux.

#[cfg(target_os = "linux")]
mod ending;
#[cfg(not(target_os = "linux"))]
#[path = "process/no_ending.rs"]
mod ending;
mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::pilot::fact::{Identity, Search, Work};
use crate::pilot::id::{AgentId, Incarnation};

pub use ending::end;
use table::{Entry, Table};

/// Variable by which everything an agent starts can be told as its own.
pub const OWNER: &str = "FLIGHTDECK_OWNER";

/// Whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    Yes,
    /// Gone, a zombie, another process under the same number, or of another boot.
    No,
    /// It can't be told.
    Unknown,
}

/// The value of [`OWNER`]: `<workspace nonce>/<agent>/<incarnation>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// Random text of the workspace, from its state folder: tells one fleet from another on the same machine.
    pub nonce: String,
    pub agent: AgentId,
    pub incarnation: Incarnation,
}

impl Tag {
    /// The tag that `text` is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (nonce, agent, incarnation) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && !nonce.is_empty();
        let tag = Tag {
            nonce: nonce.to_string(),
            agent: AgentId::parse(agent)?,
            incarnation: Incarnation(incarnation.parse().ok()?),
        };
        whole.then_some(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.nonce, self.agent, self.incarnation.0)
    }
}

/// Who the process with this number is now; `None` when there is none or it can't be told.
pub fn identity(pid: u32) -> Option<Identity> {
    let entry = table::entry(pid).ok()??;
    let boot = boot()?;
    entry.lives.then(|| entry.identity(boot))
}

/// Whether exactly this process still lives.
pub fn alive(process: &Identity) -> Alive {
    let Some(boot) = boot() else { return Alive::Unknown };
    if process.boot != boot {
        return Alive::No;
    }
    match table::entry(process.pid) {
        Ok(Some(entry)) if entry.lives && entry.started == process.started => Alive::Yes,
        Ok(_) => Alive::No,
        Err(_) => Alive::Unknown,
    }
}

/// Everything that belongs to an agent and lives: `process` and its descendants, the sessions they lead, and whatever
/// carries the tag. `None`: the process table can't be read.
pub fn tree(process: Option<&Identity>, tag: Option<&Tag>) -> Option<Vec<Identity>> {
    trees(process.as_slice(), tag)
}

/// The trees of several processes, from one look.
fn trees(processes: &[&Identity], tag: Option<&Tag>) -> Option<Vec<Identity>> {
    let boot = boot()?;
    let table = Table::read(tag.is_some()).ok()?;
    let found = table.closure(&roots(&table, processes, &|found| tag == Some(found)));
    Some(found.iter().filter_map(|pid| table.get(*pid)).map(|entry| entry.identity(boot)).collect())
}

/// What is still alive of any agent of this workspace. `None`: the process table can't be read.
pub fn survivors(nonce: &str) -> Option<Vec<(Tag, Identity)>> {
    let table = Table::read(true).ok()?;
    let boot = boot()?;
    let tagged = table.living().filter_map(|entry| {
        let tag = entry.tag.clone().filter(|tag| tag.nonce == nonce)?;
        Some((tag, entry.identity(boot)))
    });
    Some(tagged.collect())
}

/// What the processes below an agent are doing. A child counts as late when it began more than `late_after` after the
/// agent. `None`: the agent is not alive, or it can't be told.
pub fn work(process: &Identity, tag: Option<&Tag>, late_after: Duration) -> Option<Work> {
    let table = Table::read(tag.is_some()).ok()?;
    if process.boot != boot()? {
        return None;
    }
    let agent = table.get(process.pid).filter(|entry| entry.lives && entry.started == process.started)?;
    let below = table.closure(&roots(&table, &[process], &|found| tag == Some(found)));
    let hertz = rustix::param::clock_ticks_per_second().max(1);
    let late = agent.started.saturating_add(ticks(late_after, hertz));
    let mut work = Work { suspended: agent.stopped, ..Work::default() };
    // Children that ended are counted with whoever waited for them, so that the sum never falls.
    let mut cpu = agent.waited_cpu;
    for entry in below.iter().filter_map(|pid| table.get(*pid)).filter(|entry| entry.pid != process.pid) {
        cpu = cpu.saturating_add(entry.own_cpu).saturating_add(entry.waited_cpu);
        work.late_children += u32::from(entry.started > late);
    }
    work.children_cpu = Duration::from_millis(cpu.saturating_mul(1000) / hertz);
    Some(work)
}

/// Whether a program of one of these names works in `dir` without being one of ours: launched by hand. Looks at programs
/// of our own user only; a folder of ours is no place for others.
pub fn search(names: &[String], dir: &Path, nonce: &str) -> Search {
    let unknown = |why: String| Search::Unknown { why };
    let table = match Table::read(true) {
        Ok(table) => table,
        Err(cause) => return unknown(format!("the process table can't be read: {cause}")),
    };
    let dir = match dir.canonicalize() {
        Ok(dir) => dir,
        Err(cause) => return unknown(format!("{}: {cause}", dir.display())),
    };
    let ours = table.closure(&roots(&table, &[], &|found| found.nonce == nonce));
    let mut doubt = None;
    for entry in table.living().filter(|entry| entry.own && !ours.contains(&entry.pid)) {
        if !table::names(entry).iter().any(|name| names.contains(name)) {
            continue;
        }
        match table::cwd(entry.pid) {
            Ok(cwd) if cwd.starts_with(&dir) && entry.environ_known => return Search::Found { pid: entry.pid },
            Ok(cwd) if !cwd.starts_with(&dir) => {}
            // It may have ended while we looked; only one that lives and hides is a doubt.
            Ok(_) | Err(_) if table::entry(entry.pid).is_ok_and(|now| now.is_none_or(|now| !now.lives)) => {}
            Ok(_) | Err(_) => doubt = Some(entry.pid),
        }
    }
    doubt.map_or(Search::None, |pid| unknown(format!("process {pid} has the name, and what it does can't be read")))
}

/// This boot of this machine.
fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(table::boot).as_deref()
}

/// Where a closure starts: the processes themselves, as far as they are still the same, and whatever carries a wanted tag.
fn roots(table: &Table, processes: &[&Identity], wanted: &dyn Fn(&Tag) -> bool) -> BTreeSet<u32> {
    let boot = boot();
    let same = |entry: &Entry, process: &Identity| {
        entry.pid == process.pid && entry.started == process.started && boot == Some(&process.boot)
    };
    let named = |entry: &&Entry| processes.iter().any(|process| same(entry, process));
    let tagged = |entry: &&Entry| entry.tag.as_ref().is_some_and(wanted);
    table.living().filter(|entry| named(entry) || tagged(entry)).map(|entry| entry.pid).collect()
}

fn ticks(span: Duration, hertz: u64) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).saturating_mul(hertz) / 1000
}

#[cfg(test)]
mod tests;
