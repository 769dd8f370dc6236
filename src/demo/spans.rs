//! The spans of an operator's settings, and the same shortened, so that what takes hours in earnest can be seen in minutes.
//!
//! All are shortened alike, so that they stand to each other as he wrote them. What a machine needs to start a program or
//! to draw a screen can't be shortened: below that nothing goes, unless his own span is shorter still.

use std::time::Duration;

use toml::{Table, Value};

use crate::config::Config;
use crate::config::model::{Delivery, Restart, Stall};

/// A screen that rests for less may belong to a machine that is busy.
const SHORTEST_IDLE: Duration = Duration::from_secs(2);
/// An agent that wakes in time may still be this late on a busy machine.
const SHORTEST_GRACE: Duration = Duration::from_secs(3);
/// Twice the wait that the drill's agents announce.
const SHORTEST_WAIT: Duration = Duration::from_secs(10);
/// From the start of a program to its first screen.
const SHORTEST_START: Duration = Duration::from_secs(20);
/// Two looks at a process need some milliseconds of its time to tell anything.
const SHORTEST_GAP: Duration = Duration::from_millis(200);
/// A message on its way takes seconds where the machine is slow.
const SHORTEST_TTL: Duration = Duration::from_secs(60);
/// What the configuration allows at least.
const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
/// From a start to the end of what ends at once. It is the same in earnest and in the drill, so windows in which starts
/// are counted are longer by it.
const LIFE: Duration = Duration::from_secs(1);
/// No budget counts more deaths than this (`sections.rs`).
const DEATHS_CAP: u32 = 1001;

/// The settings that decide what is caught and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    pub stall: Stall,
    pub restart: Restart,
    pub delivery: Delivery,
}

impl Spans {
    /// Those of a workspace.
    pub fn of(config: &Config) -> Spans {
        Spans { stall: config.stall, restart: config.restart, delivery: config.delivery }
    }

    /// All of them `pace` times as short.
    #[must_use]
    pub fn shortened(&self, pace: u32) -> Spans {
        let part = |span: Duration| whole(span / pace.max(1));
        let short = |span: Duration, shortest: Duration| part(span).max(span.min(shortest));
        let (stall, restart) = (self.stall, self.restart);
        let fewest = restart.budget_short.0.min(restart.budget_long.0);
        let window = |(count, span): (u32, Duration)| {
            let lives = if pace > 1 { LIFE * (fewest + 1) } else { Duration::ZERO };
            (count, (part(span) + lives).min(span))
        };
        Spans {
            stall: Stall {
                idle: short(stall.idle, SHORTEST_IDLE),
                grace: short(stall.grace, SHORTEST_GRACE),
                wait_cap: short(stall.wait_cap, SHORTEST_WAIT),
                start_limit: short(stall.start_limit, SHORTEST_START),
                sample_gap: short(stall.sample_gap, SHORTEST_GAP),
                quiet_child_cap: short(stall.quiet_child_cap, SHORTEST_IDLE),
            },
            restart: Restart {
                delay: short(restart.delay, TENTH),
                delay_cap: short(restart.delay_cap, TENTH),
                reset_after: short(restart.reset_after, LIFE * 2),
                budget_short: window(restart.budget_short),
                budget_long: window(restart.budget_long),
                mass_death: (restart.mass_death.0, short(restart.mass_death.1, TENTH)),
                mass_pause: short(restart.mass_pause, SECOND),
                stage_size: restart.stage_size,
                stage_gap: short(restart.stage_gap, TENTH),
                stop_grace: short(restart.stop_grace, SECOND),
            },
            delivery: Delivery {
                ttl: short(self.delivery.ttl, SHORTEST_TTL),
                queue: self.delivery.queue,
                blocked_alert: short(self.delivery.blocked_alert, SECOND),
            },
        }
    }

    /// From the first death of one that ends right after each start to its hold; `None`: no budget is ever spent.
    pub fn crashes(&self) -> Option<Duration> {
        let restart = self.restart;
        let mut deaths = vec![Duration::ZERO];
        for streak in 1..=DEATHS_CAP {
            let now = *deaths.last().expect("it begins with one");
            let within = |(_, span): (u32, Duration)| deaths.iter().filter(|death| now - **death <= span).count();
            if [restart.budget_short, restart.budget_long].into_iter().any(|budget| within(budget) > budget.0 as usize)
            {
                return Some(now);
            }
            let delay = restart.delay.saturating_mul(1 << (streak - 1).min(16)).min(restart.delay_cap);
            deaths.push(now + delay + LIFE);
        }
        None
    }

    /// As tables of `flightdeck.toml`.
    pub(super) fn tables(&self) -> Table {
        let (stall, restart, delivery) = (self.stall, self.restart, self.delivery);
        let spans = |pairs: &[(&str, Duration)]| -> Table {
            pairs.iter().map(|(key, span)| ((*key).to_string(), Value::from(text(*span)))).collect()
        };
        let rate = |(count, span): (u32, Duration)| Value::from(format!("{count} in {}", text(span)));
        let stall = spans(&[
            ("idle", stall.idle),
            ("grace", stall.grace),
            ("wait_cap", stall.wait_cap),
            ("start_limit", stall.start_limit),
            ("sample_gap", stall.sample_gap),
            ("quiet_child_cap", stall.quiet_child_cap),
        ]);
        let mut restarts = spans(&[
            ("delay", restart.delay),
            ("delay_cap", restart.delay_cap),
            ("reset_after", restart.reset_after),
            ("mass_pause", restart.mass_pause),
            ("stop_grace", restart.stop_grace),
        ]);
        let rates = [
            ("budget_short", restart.budget_short),
            ("budget_long", restart.budget_long),
            ("mass_death", restart.mass_death),
            ("stage", (restart.stage_size, restart.stage_gap)),
        ];
        restarts.extend(rates.map(|(key, value)| (key.to_string(), rate(value))));
        let mut deliveries = spans(&[("ttl", delivery.ttl), ("blocked_alert", delivery.blocked_alert)]);
        deliveries.insert("queue".to_string(), Value::from(i64::try_from(delivery.queue).unwrap_or(i64::MAX)));
        let tables = [("stall", stall), ("restart", restarts), ("delivery", deliveries)];
        tables.into_iter().map(|(name, table)| (name.to_string(), Value::Table(table))).collect()
    }
}

/// In whole milliseconds: finer ones mean nothing and are long to read.
fn whole(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn text(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{self, Sources};

    /// The settings that a main file with these tables gives.
    fn read(tables: &str) -> Result<Spans, String> {
        let main = format!("version = 1\n[agents.a]\nbackend = \"demo\"\nrole = \"builder\"\ndir = \"a\"\n{tables}");
        let sources = Sources { root: "/w".into(), main: main.into_bytes(), ..Sources::default() };
        config::load(&sources).map(|config| Spans::of(&config)).map_err(|problems| format!("{problems:?}\n{tables}"))
    }

    #[test]
    fn everything_is_shortened_alike_and_nothing_below_what_a_machine_can_do() {
        let usual = read("").expect("the defaults");
        let short = usual.shortened(30);
        assert_eq!((short.stall.idle, short.stall.grace), (Duration::from_secs(10), Duration::from_secs(6)));
        assert_eq!(short.stall.start_limit, SHORTEST_START);
        assert_eq!(short.restart.budget_short, (3, Duration::from_secs(24)));
        assert_eq!(usual.shortened(1), usual);
        let own = read("[stall]\nidle = '1s'\nsample_gap = '100ms'").expect("good");
        assert_eq!(own.shortened(30).stall.idle, SECOND);
    }

    #[test]
    fn the_time_to_a_hold_follows_the_budgets() {
        let usual = read("").expect("the defaults");
        // 5, 10 and 20 seconds of waiting, and three short lives.
        assert_eq!(usual.crashes(), Some(Duration::from_secs(38)));
        let slow = read("[restart]\ndelay = '10m'").expect("good");
        assert_eq!(slow.crashes(), Some(6 * Duration::from_secs(601)));
        let never = "[restart]\ndelay = '1h'\ndelay_cap = '1d'\nbudget_short = '3 in 1m'\nbudget_long = '3 in 2h'";
        assert_eq!(read(never).expect("good").crashes(), None);
    }

    proptest! {
        /// Whatever an operator may write, its shortened form is a configuration too.
        #[test]
        fn shortened_settings_are_settings(
            pace in 1..=1000_u32,
            s in prop::collection::vec(0.0..1.0_f64, 14),
            n in prop::collection::vec(2..=1000_u32, 3),
        ) {
            let day = Duration::from_secs(86_400);
            // Most spans people write are short, so the choice is even in the logarithm.
            let span = |at: usize, from: Duration, to: Duration| {
                whole(from.mul_f64((to.as_secs_f64() / from.as_secs_f64()).powf(s[at])))
            };
            let usual = read("").expect("the defaults");
            let wait_cap = span(0, SECOND, day);
            let idle = span(1, SECOND, day);
            let delay_cap = span(2, TENTH, Duration::from_secs(3600));
            let long = span(3, TENTH, day * 7);
            let spans = Spans {
                stall: Stall {
                    wait_cap,
                    idle,
                    grace: span(4, SECOND, wait_cap.max(SECOND)),
                    start_limit: span(5, SECOND, Duration::from_secs(3600)),
                    sample_gap: span(6, TENTH, idle.min(Duration::from_secs(600))),
                    quiet_child_cap: span(7, idle, day),
                },
                restart: Restart {
                    delay_cap,
                    delay: span(8, TENTH, delay_cap),
                    reset_after: span(9, SECOND, day * 7),
                    budget_long: (n[0], long),
                    budget_short: (n[1], span(10, TENTH, long)),
                    mass_death: (n[2], span(11, TENTH, day)),
                    ..usual.restart
                },
                delivery: Delivery { ttl: span(12, SECOND, day * 7), blocked_alert: span(13, SECOND, day), queue: 7 },
            };
            let short = spans.shortened(pace);
            let read = read(&short.tables().to_string()).map_err(TestCaseError::fail)?;
            prop_assert_eq!(read, short);
            prop_assert!(short.stall.idle <= spans.stall.idle && short.restart.budget_long.1 <= long);
        }
    }
}
