//! FLOOR 1: touches the world. One file per outside thing; judges nothing.

pub mod channel;
pub mod clock;
#[cfg(debug_assertions)]
pub mod failpoint;
pub mod feed;
pub mod files;
pub mod git;
pub mod link;
pub mod lock;
pub mod log;
pub mod nonce;
pub mod perform;
pub mod premises;
pub mod probe;
pub mod process;
pub mod proving;
pub mod reserve;
pub mod runner;
pub mod scaffold;
pub mod spawn;
pub mod spool;
pub mod store;
pub mod tmux;
pub mod told;
pub mod vetting;
pub mod workspace;
