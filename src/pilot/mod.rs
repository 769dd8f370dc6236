//! FLOOR 0, pure: decides. `step(state, rules, now, event) -> records + effects`.
//!
//! Has no clock, no randomness, no I/O, no async and no `Result`: a broken world is input.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod agent;
mod alert;
pub mod branch;
mod budget;
pub mod cause;
pub mod command;
mod compact;
mod concern;
mod decide;
mod delivery;
pub mod done;
pub mod effect;
pub mod event;
pub mod fact;
pub mod fleet;
pub mod gauge;
mod handoff;
mod heal;
pub mod hiccup;
pub mod id;
pub mod inbox;
mod job;
pub mod launch;
pub mod limit;
pub mod marker;
mod memory;
pub mod message;
mod operate;
pub mod phase;
mod post;
mod premises;
mod proof;
pub mod reading;
pub mod record;
mod report;
mod restart;
pub mod roster;
pub mod route;
mod show;
pub mod sight;
mod stall;
pub mod standing;
pub mod state;
pub mod step;
pub mod subject;
pub mod time;
pub mod turn;
pub mod usage;
mod vetting;
pub mod view;
