//! The whole program at work: the real engine as a child process, real agents in a real tmux server, real git. Each test has
//! a workspace, a home and a socket of its own, waits for conditions and never for a time, and leaves nothing running.

mod accounts;
mod branch;
mod cockpit;
mod copies;
mod deck;
mod disk;
mod drill;
mod ends;
mod engines;
#[path = "../support/escapes.rs"]
mod escapes;
mod hostile;
mod leaving;
mod limits;
mod messages;
mod others;
mod pictures;
mod plan;
mod processes;
mod pushed;
mod scrollback;
mod server;
mod shown_demo;
mod stalls;
mod starts;
mod terminal;
