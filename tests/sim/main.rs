//! The pilot in a simulated world, in virtual time: scenarios that are written down, and weeks that chance makes up.

mod body;
mod chance;
mod checks;
mod crossing;
mod dice;
mod engine;
mod mishaps;
mod perform;
mod plan;
mod play;
mod scenarios;
mod script;
mod setup;
mod sights;
mod simulation;
mod trouble;
mod words;
mod world;
mod year;

/// Years ask for memory by the thousand million.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
