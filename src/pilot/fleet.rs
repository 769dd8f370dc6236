//! The agents of the configuration, each with what is known of it, in one walk: all three maps are in the order of names, and
//! looking up each agent in two of them was a tenth of a step.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

use crate::config::model::{self, Config};

use super::agent::{Agent, Watch};
use super::id::AgentId;
use super::state::State;

/// All of them; of one that was never heard of nothing is known.
pub fn walk<'r, 's>(
    rules: &'r Config,
    state: &'s State,
) -> impl Iterator<Item = (&'r model::Agent, Option<&'s Agent>, Option<&'s Watch>)> {
    let (mut agents, mut watches) = (Along::of(&state.agents), Along::of(&state.watches));
    rules.agents.iter().map(move |(id, rules)| (rules, agents.at(id), watches.at(id)))
}

/// A map that is asked for its entries in their order.
struct Along<'a, T> {
    next: Option<(&'a AgentId, &'a T)>,
    rest: Iter<'a, AgentId, T>,
}

impl<'a, T> Along<'a, T> {
    fn of(map: &'a BTreeMap<AgentId, T>) -> Self {
        let mut rest = map.iter();
        Along { next: rest.next(), rest }
    }

    fn at(&mut self, id: &AgentId) -> Option<&'a T> {
        while let Some((other, known)) = self.next {
            let order = other.cmp(id);
            if order == Ordering::Greater {
                break;
            }
            self.next = self.rest.next();
            if order == Ordering::Equal {
                return Some(known);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_an_agent_is_found_whoever_else_is_known() {
        let id = |name: &str| AgentId::parse(name).expect("a good name");
        let map: BTreeMap<AgentId, u32> =
            [("adversary", 1), ("builder", 2), ("w3", 3), ("w4", 4)].map(|(n, k)| (id(n), k)).into();
        for asked in
            [vec!["adversary", "builder", "w3", "w4"], vec!["builder", "w4"], vec!["a", "b", "w", "w3", "x"], vec![]]
        {
            let mut along = Along::of(&map);
            for name in asked {
                assert_eq!(along.at(&id(name)), map.get(&id(name)), "{name}");
            }
        }
    }
}
