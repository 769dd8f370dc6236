//! FLOOR 2: the demo agent, a small real terminal program that behaves like an agent CLI. `flightdeck demo`, our tests
//! and drills run it where a real one would stand; docs/testing-demo-agent.md is its manual.
//!
//! Asks no model and knows nothing of the engine: it sees a terminal, its own git clone and the spool file, as a real
//! agent does.

pub mod agent;
mod chance;
mod composer;
pub mod course;
pub mod drill;
pub mod faults;
pub mod guest;
mod keys;
mod options;
mod painter;
mod plays;
mod repo;
mod reports;
mod screen;
mod script;
mod session;
pub mod spans;
pub mod stage;
mod steps;
pub mod stub;
mod tally;
mod terminal;
mod turn;
