//! What becomes of all of it when an engine ends at any moment, and when any call into the system fails.
#![expect(clippy::unwrap_used, reason = "a world that can't be set up is a failed test")]

#[path = "../support/awake.rs"]
mod awake;
mod course;
mod damage;
#[path = "../real/deck.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod deck;
mod each_call;
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod failing;
#[path = "../real/kept.rs"]
mod kept;
mod kills;
#[path = "../real/plan.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod plan;
mod restart;
mod runs;
mod year;

#[test]
fn any_call_may_fail_once_and_the_day_ends_as_any_other() {
    let few = runs::wanted("FLIGHTDECK_CRASH_CALLS").unwrap_or(4);
    let kind = std::env::var("FLIGHTDECK_CRASH_KIND").ok().filter(|kind| !kind.is_empty());
    each_call::fail_some(few.try_into().unwrap(), kind.as_deref());
}
