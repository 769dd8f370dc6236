//! What becomes of all of it when an engine ends at any moment, and when any call into the system fails.
#![expect(clippy::unwrap_used, reason = "a world that can't be set up is a failed test")]

mod course;
#[path = "../real/deck.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod deck;
mod each_call;
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod failing;
mod kills;
#[path = "../real/plan.rs"]
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod plan;
mod runs;
