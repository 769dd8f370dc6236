//! Chance that can be thrown again: the same seed and the same life of an agent lose the same keys.

use crate::pilot::turn::draw;

/// Set by nobody: it never happens.
#[derive(Debug, Default)]
pub(super) struct Chance {
    state: u64,
    percent: u8,
}

impl Chance {
    /// So many times in a hundred; each life has throws of its own.
    pub(super) fn new(percent: u8, seed: u64, life: u64) -> Self {
        Chance { state: seed ^ life.wrapping_mul(0x2545_f491_4f6c_dd1d), percent }
    }

    /// One throw.
    pub(super) fn strikes(&mut self) -> bool {
        draw(&mut self.state) % 100 < u64::from(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_strikes_about_as_often_as_it_was_told_and_each_time_the_same() {
        let throws = |life| {
            let mut chance = Chance::new(30, 7, life);
            (0..10_000).map(|_| chance.strikes()).collect::<Vec<_>>()
        };
        let hits = throws(1).iter().filter(|hit| **hit).count();
        assert!((2800..3200).contains(&hits), "{hits}");
        assert_eq!(throws(1), throws(1));
        assert_ne!(throws(1), throws(2));
        assert!(!Chance::default().strikes());
    }
}
