//! What is kept aside for the hour in which the machine gives no more descriptors (fault P15): enough to let an operator in,
//! who then hears why nothing goes on. Takes nothing away from others and never waits.

use std::fs::File;
use std::io;

use rustix::io::Errno;

/// Operators that can come in while nobody else gets anything: one asks, one looks on, and some to spare.
const KEPT: usize = 4;

/// Descriptors that mean nothing and can be had back at once.
#[derive(Debug, Default)]
pub struct Reserve(Vec<File>);

impl Reserve {
    /// As many as can be had now.
    pub fn new() -> Self {
        let mut reserve = Reserve::default();
        reserve.refill();
        reserve
    }

    /// Gives one back to the system; whoever is quick has it. `false`: none is left.
    pub fn lend(&mut self) -> bool {
        self.0.pop().is_some()
    }

    /// Takes back what was lent, as far as it is there.
    pub fn refill(&mut self) {
        while self.0.len() < KEPT
            && let Ok(file) = File::open("/dev/null")
        {
            self.0.push(file);
        }
    }
}

/// Whether this is the word of a system that has no descriptor left for us, or for anybody.
pub fn is_exhaustion(cause: &io::Error) -> bool {
    cause.raw_os_error().is_some_and(|code| [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error).contains(&code))
}

/// What an operator is told while there are no descriptors. Costs two system calls.
pub fn strained() -> Option<String> {
    let cause = File::open("/dev/null").err().filter(is_exhaustion)?;
    Some(format!(
        "no file descriptors are left ({cause}): nothing can be started or looked up until there are some; raise the limit \
         (`ulimit -n`, or LimitNOFILE= of its service) and start the engine anew, or end what uses them up"
    ))
}
