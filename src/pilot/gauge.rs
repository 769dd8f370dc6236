//! How full things are, as an agent's program tells: its context, and what its account may use in a window of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::AgentId;
use super::time::{Now, Time};

/// A quota is told from here on, in percent.
const QUOTA_TOLD: u8 = 90;

/// All in percent of what there is; nothing that was not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gauges {
    pub context: Option<u8>,
    pub quotas: Vec<Quota>,
}

/// What a subscription allows in a window of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// `5-hour`
    pub window: String,
    pub used: u8,
    /// By the wall clock.
    pub resets: Option<Time>,
}

impl Gauges {
    /// As people read them, a line each.
    pub fn lines(&self) -> Vec<String> {
        let context = self.context.map(|used| format!("{used} % of its context is used"));
        context.into_iter().chain(self.quotas.iter().map(Quota::words)).collect()
    }
}

impl Quota {
    fn words(&self) -> String {
        let resets = self.resets.map(|at| format!(", resets {at}")).unwrap_or_default();
        format!("{} % of its {} limit is used{resets}", self.used, self.window)
    }

    /// A window that is over says nothing of the next one.
    fn counts(&self, now: Now) -> bool {
        self.resets.is_none_or(|resets| resets > now.wall)
    }
}

/// What the operator should know before a limit is there.
pub(super) fn alerts(now: Now, id: &AgentId, gauges: &Gauges, alerts: &mut BTreeMap<String, String>) {
    for quota in gauges.quotas.iter().filter(|quota| quota.used >= QUOTA_TOLD && quota.counts(now)) {
        alerts.insert(format!("{id} {} quota", quota.window), format!("{id}: {}", quota.words()));
    }
}
