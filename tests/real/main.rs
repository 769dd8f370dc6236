//! The whole program at work: the real engine as a child process, real agents in a real tmux server, real git. Each test has
//! a workspace, a home and a socket of its own, waits for conditions and never for a time, and leaves nothing running.

mod accounts;
#[path = "../support/awake.rs"]
mod awake;
mod branch;
mod canaries;
mod cockpit;
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod deck;
mod drill;
mod ends;
mod engines;
#[path = "../support/escapes.rs"]
mod escapes;
mod hostile;
mod leaks;
mod leaving;
mod others;
mod pictures;
#[expect(dead_code, reason = "the tests of faults use the rest of it")]
mod plan;
mod processes;
mod pushed;
mod scrollback;
mod secrets;
mod server;
mod shown_demo;
mod starts;
mod terminal;
