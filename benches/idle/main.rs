//! What a fleet costs while nothing happens, and how soon something is noticed when it does: `make bench-idle`. Real
//! engine, real tmux, demo agents. Prints the tables of docs/performance.md; docs there say how to read them.
//!
//! Does nothing without the word `measure`, as it takes a quarter of an hour: `cargo bench` runs it too.
#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

mod cost;
mod delay;
mod fleet;
mod meter;
mod samples;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use flightdeck::edge::spawn;

use cost::Cost;
use samples::Samples;

/// Set in the process namespace of our own.
const INSIDE: &str = "FLIGHTDECK_BENCH_INSIDE";

#[derive(Debug, Parser)]
#[command(name = "bench-idle", about = "What a quiet fleet costs, and how soon a change is noticed")]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measures
    Measure {
        /// Seconds of each measurement of costs
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Sizes of quiet fleets
        #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "1,10,50,100")]
        quiet: Vec<usize>,
        /// Sizes of printing fleets
        #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "10")]
        printing: Vec<usize>,
        /// Repetitions of each measurement of delays; 0 leaves them out
        #[arg(long, default_value_t = 50)]
        runs: usize,
        /// Only these delays
        #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "status,death,handoff")]
        delays: Vec<String>,
        /// cargo's own word for benchmarks
        #[arg(long, hide = true)]
        bench: bool,
    },
}

fn main() -> ExitCode {
    if !std::env::args().any(|word| word == "measure") {
        println!("idle: measured by `make bench-idle`");
        return ExitCode::SUCCESS;
    }
    let Options { what: What::Measure { seconds, quiet, printing, runs, delays, .. } } = Options::parse();
    if std::env::var_os(INSIDE).is_none()
        && let Some(code) = in_a_namespace()
    {
        return code;
    }
    let span = Duration::from_secs(seconds);
    if !quiet.is_empty() || !printing.is_empty() {
        println!("Per minute, over {seconds} s:\n\n{}", Cost::HEAD);
    }
    for count in quiet {
        println!("{}", cost::quiet(count, span).row());
    }
    for count in printing {
        println!("{}", cost::printing(count, span).row());
    }
    if runs > 0 {
        println!("\n{}", Samples::HEAD);
        for delay in delays {
            let samples = match delay.as_str() {
                "status" => delay::status(runs),
                "death" => delay::death(runs),
                "handoff" => delay::handoff(runs),
                other => panic!("{other}: there are status, death and handoff"),
            };
            samples.iter().for_each(|samples| println!("{}", samples.row()));
        }
    }
    ExitCode::SUCCESS
}

/// Runs us again in a process namespace of our own, in which the newest process number counts exactly what was started.
/// The shell is there to reap what loses its parent. `None`: not possible here.
fn in_a_namespace() -> Option<ExitCode> {
    let unshare = || {
        let mut command = spawn::foreground("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command
    };
    if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
        println!("no process namespace here: processes started by others are counted too\n");
        return None;
    }
    let mut command = unshare();
    command.args(["sh", "-c", "\"$0\" \"$@\"; exit $?"]).args(std::env::args_os()).env(INSIDE, "1");
    let status = command.status().ok()?;
    Some(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// The wall clock in milliseconds, finer than the product needs it.
#[expect(clippy::disallowed_methods, reason = "delays below a millisecond are what is measured")]
pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
