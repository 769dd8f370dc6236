//! One watched pane: what is known of it, and when it is looked at next.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::tap::{Closed, Tap};
use crate::edge::tmux::screen::Picture;
use crate::pilot::fact::{Place, Screen};
use crate::pilot::id::Incarnation;

/// How its output is noticed.
pub(super) enum Source {
    /// By the list of all panes.
    List,
    /// A wait on the tap will end with its next output.
    Quiet(Tap, AbortHandle),
    /// It prints: the tap is drained at every tick.
    Busy(Tap),
    /// It prints so much that its tap was closed, for tmux would keep what we don't take: captured at every tick, until
    /// so many captures in a row were the same.
    Loud { same: u8 },
}

/// How its process's end is noticed.
pub(super) enum Life {
    /// By the list of all panes.
    List,
    /// A wait on a pidfd will end with it.
    Watched(AbortHandle),
    /// It has ended; tmux is asked how, from this moment until that one.
    Ended { since: i64, next: i64 },
}

pub(super) struct Pane {
    /// Tells signals for this watch from those for an earlier one.
    pub(super) watch: u64,
    pub(super) incarnation: Incarnation,
    pub(super) place: Place,
    pub(super) source: Source,
    pub(super) life: Life,
    pub(super) last: Option<Picture>,
    pub(super) screen: Option<Arc<Screen>>,
    /// What the list said last, and whether that was new: activity is told in whole seconds, so a pane that just moved
    /// is looked at once more.
    pub(super) marks: String,
    pub(super) moved: bool,
    /// When it is captured next.
    pub(super) look_at: Option<i64>,
    pub(super) lookers: Vec<oneshot::Sender<Arc<Screen>>>,
    /// Bytes its tap gave since the last tick.
    pub(super) printed: usize,
    /// A tap is to be asked for.
    pub(super) tap_wanted: bool,
    /// Taps asked for in vain; a pane whose tap never comes is left to the list.
    pub(super) taps: u8,
}

impl Pane {
    pub(super) fn new(watch: u64, incarnation: Incarnation, place: Place, tap_wanted: bool, now: i64) -> Self {
        Pane {
            watch,
            incarnation,
            place,
            source: Source::List,
            life: Life::List,
            last: None,
            screen: None,
            marks: String::new(),
            moved: false,
            look_at: Some(now),
            lookers: Vec::new(),
            printed: 0,
            tap_wanted,
            taps: 0,
        }
    }

    /// Has it to be looked for in the list once a second?
    pub(super) fn needs_list(&self) -> bool {
        matches!(self.source, Source::List) || matches!(self.life, Life::List)
    }

    /// Its process has ended, or tmux calls it dead: tmux is asked how.
    pub(super) fn end(&mut self, now: i64) {
        if self.asked_at().is_none() {
            self.life = Life::Ended { since: now, next: now };
        }
    }

    /// When tmux is asked how its process ended.
    pub(super) fn asked_at(&self) -> Option<i64> {
        match self.life {
            Life::Ended { next, .. } => Some(next),
            Life::List | Life::Watched(_) => None,
        }
    }

    /// Is it looked at on every tick?
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.source, Source::Busy(_) | Source::Loud { .. })
    }

    /// Takes what its tap holds, and how much that was; a tap that is lost leaves it to the list.
    pub(super) fn drain(&mut self, scratch: &mut [u8]) -> usize {
        let (Source::Busy(tap) | Source::Quiet(tap, _)) = &self.source else { return 0 };
        match tap.drain(scratch) {
            Ok(bytes) => {
                self.printed += bytes;
                bytes
            }
            Err(Closed) => {
                self.source = Source::List;
                0
            }
        }
    }

    /// Looks at it no later than `at`.
    pub(super) fn look_by(&mut self, at: i64) {
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Takes a capture; the screen, when it is a new one.
    pub(super) fn take(&mut self, picture: Picture) -> Option<Arc<Screen>> {
        let fresh = self.last.as_ref() != Some(&picture);
        let screen = match &self.screen {
            Some(screen) if !fresh => Arc::clone(screen),
            _ => Arc::new(picture.screen()),
        };
        for looker in self.lookers.drain(..) {
            // Whoever asked may have gone.
            let _ = looker.send(Arc::clone(&screen));
        }
        if let Source::Loud { same } = &mut self.source {
            *same = if fresh { 0 } else { same.saturating_add(1) };
        }
        self.last = Some(picture);
        self.screen = Some(Arc::clone(&screen));
        fresh.then_some(screen)
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        if let Source::Quiet(_, wait) = &self.source {
            wait.abort();
        }
        if let Life::Watched(wait) = &self.life {
            wait.abort();
        }
    }
}
