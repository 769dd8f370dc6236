//! When the picture is shown to whoever watches over the link: after a round that changed it, at most ten times a second,
//! and every two seconds in any case, by the loop itself, so that a loop that is stuck is seen as silence.
//!
//! While nobody watches it makes no picture and has no deadline.

use std::time::Duration;

use crate::edge::link::Link;
use crate::pilot::time::{Now, Time};
use crate::pilot::view::View;

/// Between two pictures: as fast as people read, and a screen that moves all the time costs no more than this.
const GAP: Duration = Duration::from_millis(100);
/// Between two signs of life.
const ALIVE: Duration = Duration::from_secs(2);

/// What was shown last, and when the next picture is due. Times are steady.
#[derive(Default)]
pub(super) struct Pictures {
    shown: Option<(Time, View)>,
    /// When a picture was last made, whether or not it was a new one.
    made: Time,
    /// A round went by since.
    stirred: bool,
    /// Somebody watches who was shown none yet.
    awaited: bool,
}

impl Pictures {
    /// Somebody begins to watch.
    pub(super) fn greet(&mut self) {
        self.awaited = true;
    }

    /// A round went by; the picture may be another.
    pub(super) fn stir(&mut self) {
        self.stirred = true;
    }

    /// When a picture is to be made; `None`: nobody watches.
    pub(super) fn due(&self, link: &Link) -> Option<Time> {
        link.is_watched().then(|| self.next())
    }

    /// Makes and shows a picture if one is due.
    pub(super) fn show(&mut self, link: &Link, now: Now, view: impl FnOnce() -> View) {
        if !link.is_watched() {
            *self = Pictures::default();
        } else if self.next() <= now.steady {
            let fresh = match &self.shown {
                // No round went by: the sign of life needs no look at every screen.
                Some((_, shown)) if !self.stirred && !self.awaited => View { at: now.wall, ..shown.clone() },
                Some(_) | None => view(),
            };
            if self.take(now.steady, &fresh) {
                link.show(fresh);
            }
        }
    }

    fn next(&self) -> Time {
        match &self.shown {
            Some((at, _)) if !self.awaited => {
                let alive = *at + ALIVE;
                if self.stirred { alive.min(self.made + GAP) } else { alive }
            }
            Some(_) | None => Time(0),
        }
    }

    /// Whether this picture is to be shown.
    fn take(&mut self, now: Time, fresh: &View) -> bool {
        let same = |(at, shown): &(Time, View)| *at + ALIVE > now && shown.change_to(fresh).is_none();
        let shows = self.awaited || !self.shown.as_ref().is_some_and(same);
        (self.made, self.stirred, self.awaited) = (now, false, false);
        if shows {
            self.shown = Some((now, fresh.clone()));
        }
        shows
    }
}
