//! A clock for what a program may take: it stands still while the machine does. A virtual machine that is held for ten
//! seconds would otherwise be taken for a slow program.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flightdeck::edge::{clock, spawn};

const TICK: Duration = Duration::from_millis(5);
/// What two ticks may be apart while nobody holds the machine, milliseconds; the rest is not counted.
const MOST_MS: i64 = 100;

/// Milliseconds counted up to the last tick, and when that was on [`clock::monotonic_ms`]; none before the first question.
static COUNTED: Mutex<Option<(i64, i64)>> = Mutex::new(None);

/// Milliseconds since the first call in which this process could run.
pub(crate) fn awake_ms() -> i64 {
    let (awake, is_first) = count();
    if is_first {
        let tick = || {
            loop {
                clock::block(TICK);
                count();
            }
        };
        spawn::thread("awake", tick).expect("a thread");
    }
    awake
}

/// Counts up to now: how much that makes, and whether it was the beginning.
fn count() -> (i64, bool) {
    let now = clock::monotonic_ms();
    let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let awake = counted.map_or(0, |(awake, tick)| awake + (now - tick).clamp(0, MOST_MS));
    (awake, counted.replace((awake, now)).is_none())
}
