//! FLOOR 0, pure: what happened and how things stand in words for people. The command line and the cockpit say the same
//! things in the same words, and only text that came through [`text`] reaches a terminal.

pub mod account;
pub mod explain;
pub mod message;
pub mod reading;
pub mod sentence;
pub mod text;
pub mod usage;
pub mod when;
