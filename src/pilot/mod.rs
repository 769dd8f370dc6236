//! FLOOR 0, pure: decides. `step(state, rules, now, event) -> records + effects`.
//!
//! Has no clock, no randomness, no I/O, no async and no `Result`: a broken world is input.

pub mod command;
pub mod effect;
pub mod event;
pub mod fact;
pub mod id;
pub mod message;
pub mod record;
pub mod time;
pub mod view;
