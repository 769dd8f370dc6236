//! Chance that can be thrown again: the same seed gives the same world.

use std::time::Duration;

use flightdeck::pilot::turn::draw;

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub(crate) fn throw(&mut self) -> u64 {
        draw(&mut self.0)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.throw() % end.max(1)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// From the first to the last, both included, in milliseconds.
    pub(crate) fn between(&mut self, (first, last): (Duration, Duration)) -> Duration {
        let span = u64::try_from(last.saturating_sub(first).as_millis()).expect("spans of weeks");
        first + Duration::from_millis(self.below(span + 1))
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("an index")]
    }
}
