//! The project's own model server (`flightdeck::demo::stub`), as the lab uses it and tests it.

#[cfg(test)]
mod tests;

pub(crate) use flightdeck::demo::stub::{End, Kind, Stub, Wire};
