//! The watched branch, as the log remembers it: where it stood, and which handoffs were passed on, once for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fact::Handoff;
use super::id::{AgentId, Sha};
use super::time::{DAY_MS, Time};

/// The watched branch, as far as it was taken note of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// Remote and branch the baseline belongs to.
    pub of: Option<(String, String)>,
    pub baseline: Option<Sha>,
    /// `sha kind target` of every ping ever sent (fault M11).
    pub pinged: BTreeSet<String>,
    /// Handoff pings per agent, of the loop window.
    pub pings: BTreeMap<AgentId, Vec<Ping>>,
    pub broken: Option<String>,
    /// The newest handoff of each prefix.
    pub handoffs: BTreeMap<String, PassedOn>,
}

/// A push that was passed on to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    pub at: Time,
    /// Its newest handoff: `claim(1a) 3f2c1ab`.
    pub what: String,
}

/// A handoff that was passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOn {
    pub gate: String,
    pub sha: Sha,
    pub at: Time,
}

impl Branch {
    /// Key of a ping that must never be sent twice.
    pub fn key(sha: &Sha, kind: &str, target: &AgentId) -> String {
        format!("{sha} {kind} {target}")
    }

    pub(super) fn stand_at(&mut self, remote: &str, branch: &str, sha: &Sha) {
        self.of = Some((remote.to_string(), branch.to_string()));
        self.baseline = Some(sha.clone());
    }

    pub(super) fn note(&mut self, at: Time, sha: &Sha, handoff: &Handoff, targets: &[AgentId]) {
        // Of several in one push the last is the newest: they come in the order of the history.
        let passed = PassedOn { gate: handoff.gate.clone(), sha: sha.clone(), at };
        self.handoffs.insert(handoff.prefix.clone(), passed);
        for target in targets {
            self.pinged.insert(Branch::key(sha, &handoff.prefix, target));
            let pings = self.pings.entry(target.clone()).or_default();
            // Older ones count against no loop budget.
            pings.retain(|ping| at.0 - ping.at.0 < DAY_MS);
            // Several commits of one push are one ping.
            pings.pop_if(|ping| ping.at == at);
            pings.push(Ping { at, what: format!("{}({}) {}", handoff.prefix, handoff.gate, sha.short()) });
        }
    }

    pub(super) fn note_inbox(&mut self, sha: &Sha, agent: &AgentId) {
        self.pinged.insert(Branch::key(sha, "inbox", agent));
    }
}
