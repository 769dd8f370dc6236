//! flightdeck keeps AI coding-agent loops working around the clock, and shows them on one screen.

pub mod config;
pub mod edge;
pub mod pilot;
