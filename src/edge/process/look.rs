//! The questions about processes, put to any source.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::Alive;
use super::source::Source;
use super::table::{Entry, Table};
use super::tag::Tag;
use crate::pilot::fact::{Identity, Search, Work};

/// Who the process with this number is now; `None` when there is none or it can't be told.
pub(super) fn identity(source: &Source, pid: u32) -> Option<Identity> {
    let entry = (source.entry)(pid).ok()??;
    let boot = (source.boot)()?;
    entry.lives.then(|| entry.identity(boot))
}

/// Whether exactly this process still lives.
pub(super) fn alive(source: &Source, process: &Identity) -> Alive {
    let Some(boot) = (source.boot)() else { return Alive::Unknown };
    if process.boot != boot {
        return Alive::No;
    }
    match (source.entry)(process.pid) {
        Ok(Some(entry)) if entry.lives && entry.started == process.started => Alive::Yes,
        Ok(_) => Alive::No,
        Err(_) => Alive::Unknown,
    }
}

/// Everything that belongs to an agent and lives: `process` and its descendants, the sessions they lead, and whatever
/// carries the tag. `None`: the process table can't be read.
pub(super) fn tree(source: &Source, process: Option<&Identity>, tag: Option<&Tag>) -> Option<Vec<Identity>> {
    trees(source, process.as_slice(), tag)
}

/// The trees of several processes, from one look.
pub(super) fn trees(source: &Source, processes: &[&Identity], tag: Option<&Tag>) -> Option<Vec<Identity>> {
    let boot = (source.boot)()?;
    let table = (source.all)(tag.is_some()).ok()?;
    let found = table.closure(&roots(source, &table, processes, &|found| tag == Some(found)));
    Some(found.iter().filter_map(|pid| table.get(*pid)).map(|entry| entry.identity(boot)).collect())
}

/// What is still alive of any agent of this workspace. `None`: the process table can't be read.
pub(super) fn survivors(source: &Source, nonce: &str) -> Option<Vec<(Tag, Identity)>> {
    let table = (source.all)(true).ok()?;
    let boot = (source.boot)()?;
    let tagged = table.living().filter_map(|entry| {
        let tag = entry.tag.clone().filter(|tag| tag.nonce == nonce)?;
        Some((tag, entry.identity(boot)))
    });
    Some(tagged.collect())
}

/// What the processes below an agent are doing. A child counts as late when it began more than `late_after` after the
/// agent. `None`: the agent is not alive, or it can't be told.
pub(super) fn work(source: &Source, process: &Identity, tag: Option<&Tag>, late_after: Duration) -> Option<Work> {
    let table = (source.all)(tag.is_some()).ok()?;
    if process.boot != (source.boot)()? {
        return None;
    }
    let agent = table.get(process.pid).filter(|entry| entry.lives && entry.started == process.started)?;
    let below = table.closure(&roots(source, &table, &[process], &|found| tag == Some(found)));
    let hertz = (source.ticks_per_second)().max(1);
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
pub(super) fn search(source: &Source, names: &[String], dir: &Path, nonce: &str) -> Search {
    let unknown = |why: String| Search::Unknown { why };
    let table = match (source.all)(true) {
        Ok(table) => table,
        Err(cause) => return unknown(format!("the process table can't be read: {cause}")),
    };
    let dir = match dir.canonicalize() {
        Ok(dir) => dir,
        Err(cause) => return unknown(format!("{}: {cause}", dir.display())),
    };
    let ours = table.closure(&roots(source, &table, &[], &|found| found.nonce == nonce));
    let mut doubt = None;
    for entry in table.living().filter(|entry| entry.own && !ours.contains(&entry.pid)) {
        if !names_of(source, entry).iter().any(|name| names.contains(name)) {
            continue;
        }
        match (source.cwd)(entry.pid) {
            Ok(cwd) if cwd.starts_with(&dir) && entry.environ_known => return Search::Found { pid: entry.pid },
            Ok(cwd) if !cwd.starts_with(&dir) => {}
            // It may have ended while we looked; only one that lives and hides is a doubt.
            Ok(_) | Err(_) if (source.entry)(entry.pid).is_ok_and(|now| now.is_none_or(|now| !now.lives)) => {}
            Ok(_) | Err(_) => doubt = Some(entry.pid),
        }
    }
    doubt.map_or(Search::None, |pid| unknown(format!("process {pid} has the name, and what it does can't be read")))
}

/// Where a closure starts: the processes themselves, as far as they are still the same, and whatever carries a wanted tag.
fn roots(source: &Source, table: &Table, processes: &[&Identity], wanted: &dyn Fn(&Tag) -> bool) -> BTreeSet<u32> {
    let boot = (source.boot)();
    let same = |entry: &Entry, process: &Identity| {
        entry.pid == process.pid && entry.started == process.started && boot == Some(&process.boot)
    };
    let named = |entry: &&Entry| processes.iter().any(|process| same(entry, process));
    let tagged = |entry: &&Entry| entry.tag.as_ref().is_some_and(wanted);
    table.living().filter(|entry| named(entry) || tagged(entry)).map(|entry| entry.pid).collect()
}

/// The names a program goes by: its file, its first argument (which programs set themselves), and its second, for
/// those run by an interpreter.
pub(super) fn names_of(source: &Source, entry: &Entry) -> Vec<String> {
    let arguments = (source.arguments)(entry.pid);
    let arguments = arguments.iter().take(2).map(|word| String::from_utf8_lossy(word).into_owned());
    let file = (source.file)(entry.pid).map(|file| file.to_string_lossy().into_owned());
    let words = arguments.chain(file);
    words.filter_map(|word| Some(Path::new(word.trim_end()).file_name()?.to_str()?.to_string())).collect()
}

fn ticks(span: Duration, hertz: u64) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).saturating_mul(hertz) / 1000
}
