//! The watched branch, with real git on both sides: what is pushed is told once, in the graph's order, and nothing that
//! an agent can write makes the watcher run, hang, forget or invent anything.
#![expect(clippy::unwrap_used, reason = "a world that can't be set up is a failed test")]

mod broken;
mod clone;
mod hostile;
mod network;
mod pushes;
mod status;
mod world;
