//! The cockpit as a user feels it: `make bench-ui`. The real program on a pseudo-terminal of our own (200x50), over a real engine
//! with real tmux and quiet demo agents. Prints tables of docs/performance.md.
//!
//! Does nothing without the word `measure`, as it takes minutes: `cargo bench` runs it too.
#![expect(clippy::print_stdout, reason = "the tables are what it is for")]

mod feel;
mod price;
mod seat;

#[path = "../idle/fleet.rs"]
#[expect(dead_code, reason = "`make bench-idle` uses the rest of it")]
mod fleet;
#[path = "../idle/meter.rs"]
#[expect(dead_code, reason = "`make bench-idle` uses the rest of it")]
mod meter;
#[path = "../idle/samples.rs"]
mod samples;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;

use fleet::{Fleet, Member};
use samples::Samples;

/// Answers what it is told, then nothing.
const QUIET: &str = "on *: think 100ms; say you said: {prompt}\n";

#[derive(Debug, Parser)]
#[command(name = "bench-ui", about = "What the cockpit costs, and how soon it answers")]
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
        /// Agents in the fleet
        #[arg(long, default_value_t = 100)]
        agents: usize,
        /// Repetitions of each measurement of delays
        #[arg(long, default_value_t = 50)]
        runs: usize,
        /// Records of the week's history
        #[arg(long, default_value_t = 600_000)]
        week: usize,
        /// Only these
        #[arg(long, num_args = 0.., value_delimiter = ',', default_value = "keys,start,cost,memory")]
        only: Vec<String>,
        /// cargo's own word for benchmarks
        #[arg(long, hide = true)]
        bench: bool,
    },
}

fn main() -> ExitCode {
    if !std::env::args().any(|word| word == "measure") {
        println!("ui: measured by `make bench-ui`");
        return ExitCode::SUCCESS;
    }
    let Options { what: What::Measure { seconds, agents, runs, week, only, .. } } = Options::parse();
    let wanted = |name: &str| only.iter().any(|only| only == name);
    if wanted("keys") || wanted("start") || wanted("cost") {
        let mut fleet = Fleet::new((0..agents).map(|n| Member::new(format!("q{n:03}"), QUIET)).collect(), false);
        fleet.start_engine();
        fleet.settle(Duration::from_secs(5));
        println!("{agents} quiet agents.\n\n{}", Samples::HEAD);
        if wanted("keys") {
            feel::keys(&fleet, runs).iter().for_each(|samples| println!("{}", samples.row()));
        }
        if wanted("start") {
            feel::starts(&fleet, runs).iter().for_each(|samples| println!("{}", samples.row()));
        }
        if wanted("cost") {
            println!("\nPer minute, over {seconds} s:\n\n{}", price::HEAD);
            price::quiet(&fleet, Duration::from_secs(seconds)).iter().for_each(|row| println!("{row}"));
        }
    }
    if wanted("memory") {
        println!("\n{}", price::with_history(week));
    }
    ExitCode::SUCCESS
}

/// The wall clock in milliseconds, finer than the product needs it.
#[expect(clippy::disallowed_methods, reason = "delays below a millisecond are what is measured")]
pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
