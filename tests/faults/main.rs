//! The catalogue of faults: what goes wrong, and what is promised for it. `catalogue.txt` has a line for each, and each has
//! one test that is named after it. Most are played on the whole program, as `tests/real` does; what takes hours, or rights
//! that nobody has everywhere, in the simulated world of `tests/sim`. Those with a mark run with every `make test`,
//! all of them with `make faults`.
#![expect(clippy::unwrap_used, reason = "a world that can't be set up is a failed test")]

mod accounts;
#[path = "../real/aside.rs"]
mod aside;
#[path = "../git/clone.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod clone;
mod config;
#[path = "../crash/course.rs"]
#[expect(dead_code, reason = "the heavy runs use the rest of it")]
mod course;
#[path = "../real/deck.rs"]
mod deck;
mod disk;
#[path = "../crash/each_call.rs"]
mod each_call;
mod engines;
#[path = "../support/escapes.rs"]
mod escapes;
mod exhausted;
#[path = "../crash/failing.rs"]
mod failing;
mod git;
mod messages;
mod phases;
#[path = "../real/plan.rs"]
mod plan;
mod process;
#[path = "../crash/runs.rs"]
mod runs;
#[path = "../real/secrets.rs"]
mod secrets;
mod security;
#[path = "../support/shim.rs"]
mod shim;
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod sim;
#[path = "../support/sources.rs"]
mod sources;
mod storage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../real/terminal.rs"]
mod terminal;
mod texts;
mod time;
mod tmux;
mod ui;
#[path = "../git/world.rs"]
#[expect(dead_code, reason = "what it was made for uses the rest of it")]
mod world;
