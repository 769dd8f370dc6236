//! Which way an agent goes: of the ways that the operator left it, the first on whose account it can work now. A table of cases and
//! nothing else; what is known of accounts comes as an argument.

use crate::config::accounts::Way;

use super::time::Time;

/// How an account stands for one way just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fitness {
    Good,
    /// Nothing recent is known: a tiny real call comes first.
    Unproved,
    /// Its provider does not let it in: for a person.
    Refused,
    Limited {
        until: Time,
    },
    /// Its budget of the day is used up.
    Spent {
        until: Time,
    },
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This one; `why`: what was passed over for it.
    Go { way: Way, why: String },
    /// This one, if a call on its account is answered.
    Prove { way: Way },
    /// None before this time.
    Wait { until: Time, why: String },
    /// None until a person has done something.
    Stay { why: String },
}

/// The first way that can be gone. `unable`: why others never can.
pub fn choose(ways: &[Way], unable: &[String], fitness: impl Fn(&Way) -> Fitness) -> Choice {
    let mut passed: Vec<String> = unable.to_vec();
    let mut first: Option<Time> = None;
    for way in ways {
        let name = way.account.as_ref().map_or("its own login", |account| account.as_str());
        let mut waits = |until: Time| first = Some(first.map_or(until, |first| first.min(until)));
        match fitness(way) {
            Fitness::Good if passed.is_empty() => {
                return Choice::Go { way: way.clone(), why: "the first in its order".to_string() };
            }
            Fitness::Good => return Choice::Go { way: way.clone(), why: passed.join("; ") },
            Fitness::Unproved => return Choice::Prove { way: way.clone() },
            Fitness::Refused => passed.push(format!("{name} is not let in by its provider")),
            Fitness::Limited { until } => {
                waits(until);
                passed.push(format!("{name} is limited"));
            }
            Fitness::Spent { until } => {
                waits(until);
                passed.push(format!("{name} has used up its budget"));
            }
        }
    }
    let why = if passed.is_empty() { "it has no account".to_string() } else { passed.join("; ") };
    match first {
        Some(until) => Choice::Wait { until, why },
        None => Choice::Stay { why },
    }
}

#[cfg(test)]
mod tests;
