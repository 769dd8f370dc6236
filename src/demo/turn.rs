//! One turn: the steps left, what it waits for, and how that looks. Judges no step; [`super::steps`] does them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::pilot::time::Time;

use super::screen::Dialog;
use super::script::Guarded;

/// The spinner's glyphs, one every [`TICK`] milliseconds.
const GLYPHS: [char; 5] = ['·', '✢', '✳', '✻', '✽'];
const TICK: i64 = 100;

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Milliseconds on the clock that only goes forward.
    pub(super) tick: i64,
    pub(super) wall: Time,
}

/// Why a turn runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Start,
    Wake,
    Prompt,
}

/// What a turn waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing: the next step may run.
    Free,
    Until(i64),
    Asked(Dialog),
    /// Work in the background.
    Working,
    Forever,
    /// Lines that come at a rate.
    Printing {
        since: i64,
        printed: u32,
        per_second: u32,
        count: u32,
    },
    Retrying {
        until: i64,
        attempt: u32,
        attempts: u32,
        every: Duration,
    },
}

/// A turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) cause: Cause,
    pub(super) prompt: String,
    pub(super) steps: VecDeque<Guarded>,
    pub(super) hold: Hold,
    pub(super) spinner: bool,
    /// The last thing said.
    pub(super) answer: Option<String>,
    /// When it wants to be woken.
    pub(super) wake: Option<Time>,
    pub(super) late: Duration,
    /// Tokens of what was said.
    pub(super) said: u64,
    since: i64,
}

impl Turn {
    pub(super) fn new(cause: Cause, prompt: String, steps: Vec<Guarded>, now: Moment) -> Self {
        Turn {
            cause,
            prompt,
            steps: steps.into(),
            hold: Hold::Free,
            spinner: true,
            answer: None,
            wake: None,
            late: Duration::ZERO,
            said: 0,
            since: now.tick,
        }
    }

    /// Tokens used so far: what was said, and four a second of thinking.
    pub(super) fn tokens(&self, now: Moment) -> u64 {
        self.said + u64::try_from((now.tick - self.since) / 250).unwrap_or(0)
    }

    /// When something about it changes by itself.
    pub(super) fn due(&self, now: Moment) -> Option<i64> {
        let hold = match &self.hold {
            Hold::Free => Some(now.tick),
            Hold::Until(at) | Hold::Retrying { until: at, .. } => Some(*at),
            Hold::Printing { since, printed, per_second, .. } => {
                Some(since + i64::from(*printed) * 1000 / i64::from(*per_second))
            }
            Hold::Asked(_) | Hold::Working | Hold::Forever => None,
        };
        let tick = self.spins().then(|| now.tick + TICK - (now.tick - self.since).rem_euclid(TICK));
        [hold, tick].into_iter().flatten().min()
    }

    /// The line above the composer.
    pub(super) fn status(&self, now: Moment) -> Option<String> {
        if let Hold::Retrying { until, attempt, .. } = &self.hold {
            let left = (until - now.tick + 999).max(0) / 1000;
            return Some(format!("✗ overloaded · retrying in {left}s · attempt {attempt}/10"));
        }
        let elapsed = now.tick - self.since;
        let glyph = GLYPHS[usize::try_from(elapsed / TICK).unwrap_or(0) % GLYPHS.len()];
        let tokens = self.tokens(now);
        self.spins().then(|| format!("{glyph} Thinking… ({}s · {tokens} tokens)", elapsed / 1000))
    }

    /// The question it waits for.
    pub(super) fn dialog(&self) -> Option<Dialog> {
        match self.hold {
            Hold::Asked(dialog) => Some(dialog),
            _ => None,
        }
    }

    fn spins(&self) -> bool {
        self.spinner && self.dialog().is_none()
    }
}
