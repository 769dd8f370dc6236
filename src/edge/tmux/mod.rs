//! tmux: one control-mode client for everything, on a server of our own.
//!
//! ```text
//! server   starts a server, asks who answers        session  agents' sessions: start, list, end
//! client   TmuxClient: commands in, blocks out      inject   text and keys into a pane, guarded
//! parser   bytes -> blocks and notes, no I/O        screen   what a pane shows, cleaned
//! verb     the command lines we use                 quote    the only encoder of arguments
//! oneshot  single questions by a process of their own  glimpse  what a pane shows, with its colours
//! ```
//!
//! Never reads a pane's output stream, never addresses anything by name prefix, never touches a session without our
//! tag, and judges nothing it sees.

pub mod client;
pub mod glimpse;
pub mod inject;
mod link;
pub mod oneshot;
pub mod parser;
pub mod print;
mod proc;
pub mod quote;
pub mod screen;
pub mod server;
pub mod session;
pub mod verb;

pub use client::{TmuxClient, TmuxError};
pub use server::{Probe, ServerSpec};
