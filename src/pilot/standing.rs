//! What we remember of an account: whether its provider lets it in, its usage limit, what was used on it today. The fold of records;
//! nobody sees a credential here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{Actor, Record};
use super::time::Time;
use super::usage::{Spent, TurnEnd, Used};

/// One account's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when its provider refuses it, and in which words.
    pub refused: Option<(Time, String)>,
    /// When it was last found or said to be well again.
    pub mended: Option<Time>,
    pub limit: Option<AccountLimit>,
    /// When a turn on it last came to its end as it should, by the backend's program or another.
    pub worked: Option<Time>,
    /// The last tiny call, by backend.
    pub proofs: BTreeMap<String, Proof>,
    /// What was used on it since a midnight (UTC), and which midnight.
    pub used_today: (Time, Used),
    /// The day (its midnight, UTC) on which the operator lets it be used although its budget is used up.
    pub waived: Option<Time>,
}

/// A usage limit of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLimit {
    pub since: Time,
    /// `None`: nobody told.
    pub until: Option<Time>,
    pub text: String,
}

/// What a tiny call proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub at: Time,
    /// Tells versions of the program apart.
    pub version: String,
    pub verdict: Verdict,
}

/// What a tiny call on an account came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Good,
    Refused {
        why: String,
    },
    Limited {
        until: Option<Time>,
        text: String,
    },
    /// It could not be made, or its answer says nothing: that proves nothing.
    Unknown {
        why: String,
    },
}

impl Standing {
    /// Takes in one record of this account.
    pub(super) fn apply(&mut self, at: Time, record: &Record) {
        if let Record::AccountRefused { why, .. } = record {
            self.refuse(at, why);
        }
        if let Record::AccountMended { by, .. } = record {
            self.mend(at, *by);
        }
        if let Record::AccountProbed { backend, version, verdict, spent, .. } = record {
            self.prove(at, backend, version, verdict);
            self.use_up((at, at.midnight()), spent, TurnEnd::GoesOn);
        }
    }

    fn refuse(&mut self, at: Time, why: &str) {
        self.refused = Some((at, why.to_string()));
        self.proofs.clear();
    }

    fn mend(&mut self, at: Time, by: Actor) {
        (self.refused, self.mended) = (None, Some(at));
        if by == Actor::Operator {
            (self.limit, self.waived) = (None, Some(at.midnight()));
            self.proofs.clear();
        }
    }

    fn prove(&mut self, at: Time, backend: &str, version: &str, verdict: &Verdict) {
        match verdict {
            Verdict::Good => {
                if self.refused.is_some() {
                    self.mend(at, Actor::Pilot);
                }
                self.limit = None;
            }
            Verdict::Refused { why } => self.refuse(at, why),
            Verdict::Limited { until, text } => {
                self.reach_limit(at, *until, text);
            }
            Verdict::Unknown { .. } => {}
        }
        let proof = Proof { at, version: version.to_string(), verdict: verdict.clone() };
        self.proofs.insert(backend.to_string(), proof);
    }

    pub(super) fn reach_limit(&mut self, at: Time, until: Option<Time>, text: &str) {
        self.limit = Some(AccountLimit { since: at, until, text: text.to_string() });
    }

    pub(super) fn use_up(&mut self, (at, midnight): (Time, Time), spent: &[Spent], ended: TurnEnd) {
        if ended == TurnEnd::Ended {
            self.worked = Some(at);
        }
        let (day, used) = self.used_today;
        if midnight >= day {
            let mut used = if day == midnight { used } else { Used::default() };
            used.add(spent, ended);
            self.used_today = (midnight, used);
        }
    }
}
