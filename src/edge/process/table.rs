//! All processes at one moment, and what belongs to whom. Knows not where the facts came from.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::Tag;
use crate::pilot::fact::Identity;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::edge) struct Entry {
    pub(in crate::edge) pid: u32,
    pub(super) parent: u32,
    pub(in crate::edge) session: u32,
    /// In the unit and from the beginning of its [`Source`](super::source::Source).
    pub(in crate::edge) started: u64,
    pub(in crate::edge) name: String,
    /// Neither a zombie nor dead.
    pub(in crate::edge) lives: bool,
    /// Stopped by a signal.
    pub(super) stopped: bool,
    /// CPU time in the unit of its source, of itself and of the children it waited for.
    pub(super) own_cpu: u64,
    pub(super) waited_cpu: u64,
    pub(super) tag: Option<Tag>,
    /// Its environment could be read, so that no tag means no tag.
    pub(super) environ_known: bool,
    /// It runs as our user.
    pub(super) own: bool,
}

impl Entry {
    pub(super) fn identity(&self, boot: &str) -> Identity {
        Identity { boot: boot.to_string(), pid: self.pid, started: self.started }
    }
}

/// All processes at one moment.
#[derive(Debug)]
pub(in crate::edge) struct Table {
    entries: BTreeMap<u32, Entry>,
}

impl Table {
    /// Of everything that was found. Where even we are not in it, it is not the table of the machine we run on.
    pub(super) fn new(entries: BTreeMap<u32, Entry>) -> io::Result<Self> {
        match entries.contains_key(&std::process::id()) {
            true => Ok(Table { entries }),
            false => Err(io::Error::other("it does not list ourselves")),
        }
    }

    pub(super) fn get(&self, pid: u32) -> Option<&Entry> {
        self.entries.get(&pid)
    }

    pub(in crate::edge) fn living(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.lives)
    }

    /// The roots and everything that lives below them: children, and members of a session that one of them leads.
    /// Init, we and our ancestors are never in it, and nothing is found through them.
    pub(super) fn closure(&self, roots: &BTreeSet<u32>) -> BTreeSet<u32> {
        let spared = self.spared();
        let mut found: BTreeSet<u32> = roots.difference(&spared).copied().collect();
        loop {
            let belongs = |entry: &&Entry| {
                found.contains(&entry.parent) || (found.contains(&entry.session) && self.leads(entry.session))
            };
            let fresh: Vec<u32> = self
                .living()
                .filter(|entry| !found.contains(&entry.pid) && !spared.contains(&entry.pid))
                .filter(belongs)
                .map(|entry| entry.pid)
                .collect();
            if fresh.is_empty() {
                return found;
            }
            found.extend(fresh);
        }
    }

    fn leads(&self, session: u32) -> bool {
        self.get(session).is_some_and(|entry| entry.session == entry.pid)
    }

    /// Who is never ended, whatever its tag says: an engine that an agent started must not end itself.
    fn spared(&self) -> BTreeSet<u32> {
        let mut spared = BTreeSet::from([0, 1]);
        let mut pid = std::process::id();
        while spared.insert(pid) {
            pid = self.get(pid).map_or(0, |entry| entry.parent);
        }
        spared
    }
}
