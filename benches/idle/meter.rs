//! What a process has used, from `/proc`: processor time in nanoseconds, voluntary context switches, memory.
//!
//! `/proc/PID/stat` counts in ticks of 10 ms, which is more than a quiet engine uses in ten seconds; `schedstat` of each
//! thread counts in nanoseconds.

use std::collections::BTreeMap;
use std::fs;

/// What a process and its threads have used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) cpu_ns: u64,
    pub(crate) switches: u64,
}

impl Used {
    /// From `earlier` until here. A thread that ended between takes its time with it; none does in a quiet engine.
    pub(crate) fn since(self, earlier: Used) -> Used {
        Used {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Used) -> Used {
        Used { cpu_ns: self.cpu_ns + other.cpu_ns, switches: self.switches + other.switches }
    }
}

/// One process with all its threads; nothing for one that is gone.
pub(crate) fn used(pid: u32) -> Used {
    let mut used = Used::default();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return used };
    for thread in threads.flatten() {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        used.cpu_ns += schedstat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        used.switches += field(&status, "voluntary_ctxt_switches:");
    }
    used
}

/// Resident and proportional memory in KiB.
pub(crate) fn memory(pid: u32) -> (u64, u64) {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    (field(&rollup, "Rss:"), field(&rollup, "Pss:"))
}

/// Processes that `pid` started and that still run.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in brackets may hold anything; after the last bracket come state and parent.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.insert(child, parent);
    }
    parents.into_iter().filter(|(_, parent)| *parent == Some(pid)).map(|(child, _)| child).collect()
}

/// The number of the newest process or thread in our process namespace: in one of our own, its growth is the exact
/// count of everything that was started.
pub(crate) fn newest() -> u64 {
    let loadavg = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loadavg.split_whitespace().last().and_then(|pid| pid.parse().ok()).unwrap_or(0)
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
