//! Chance that can be thrown again.

use super::dice::Dice;

/// Throws as what makes inputs wants them.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Dice);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(Dice::new(seed))
    }

    pub(crate) fn throw(&mut self) -> u64 {
        self.0.throw()
    }

    /// Less than `end`; 0 where that is nothing.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.below(u64::try_from(end).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// A length: most are short, a few are not.
    pub(crate) fn length(&mut self, longest: usize) -> usize {
        let shift = self.below(usize::try_from(longest.max(1).ilog2()).unwrap_or(0) + 1);
        self.below((2 << shift).min(longest.max(1))) + 1
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, all: &'a [&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}
