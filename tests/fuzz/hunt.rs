//! The hunt: makes inputs until told to stop, times and judges each, and keeps those with a new outcome to go on from.

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flightdeck::edge::clock::{block, monotonic_ms};
use flightdeck::edge::spawn;
use rustix::time::{ClockId, clock_gettime};

use super::chance::Chance;
use super::corpus;
use super::mutate::mutated;
use super::targets::Target;

/// More processor time than this for one input is a finding.
const LIMIT: Duration = Duration::from_millis(100);
/// Without optimisation everything takes some ten times as long, and the limit is not about that.
const UNOPTIMISED: u32 = 20;
/// A target that was found wrong so often has told enough.
const FINDINGS: usize = 3;
/// Inputs to go on from; a new one takes the place of any.
const POOL: usize = 4_000;
/// How long a finding is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);

/// An input that takes this long will not end.
const ENDLESS: Duration = Duration::from_secs(60);

/// When a hunt ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Cases(u64),
    Spent(Duration),
}

/// An input that was borne.
pub(crate) struct Seen {
    /// Equal for outcomes of the same kind.
    pub(crate) outcome: u64,
    /// Processor time of this thread, so that other programs don't count.
    pub(crate) took: Duration,
}

/// What a hunt came to.
pub(crate) struct Told {
    cases: u64,
    outcomes: usize,
    spent: Duration,
    slowest: Duration,
    /// A line for each.
    pub(crate) findings: Vec<String>,
}

impl Told {
    pub(crate) fn line(&self, target: &Target) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.cases as f64 / self.spent.as_secs_f64().max(0.001);
        format!(
            "fuzz {:<9} cases {:>9}, cases/s {rate:>8.0}, outcomes {:>5}, slowest {:>5.1} ms, findings {}",
            target.name,
            self.cases,
            self.outcomes,
            self.slowest.as_secs_f64() * 1000.0,
            self.findings.len()
        )
    }
}

/// The limit as many times longer as this build is slower.
pub(crate) fn slack() -> Duration {
    let optimised = std::env::var_os("FLIGHTDECK_FUZZ_SECONDS").is_some();
    if optimised { LIMIT } else { LIMIT * UNOPTIMISED }
}

/// Plays one input: what came of it, or why that is wrong.
pub(crate) fn judge(target: &Target, input: &[u8], limit: Duration) -> Result<Seen, String> {
    let mut took = Duration::MAX;
    // What is slow once was unlucky with the machine; what is slow three times is slow.
    for _ in 0..3 {
        let began = spent();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        took = took.min(spent().saturating_sub(began));
        let outcome = outcome.map_err(|_| "it panicked".to_string())??;
        if took <= limit {
            return Ok(Seen { outcome, took });
        }
    }
    Err(format!("it took {} ms", took.as_millis()))
}

/// Hunts on one target.
pub(crate) fn hunt(target: &Target, until: Until) -> Told {
    let seed = std::env::var("FLIGHTDECK_FUZZ_SEED").map_or(1, |text| text.parse().expect("a number"));
    let mut chance = Chance::new(seed);
    let mut pool: Vec<Vec<u8>> = (target.seeds)();
    pool.extend(corpus::kept(target).into_iter().map(|(_, input)| input));
    let mut told = Told { cases: 0, outcomes: 0, spent: Duration::ZERO, slowest: Duration::ZERO, findings: Vec::new() };
    let mut outcomes = BTreeSet::new();
    let mut fresh = Vec::new();
    let began = monotonic_ms();
    let guard = Guard::over(target);
    let seeds = pool.clone();
    let mut waiting = seeds.iter();
    loop {
        told.spent = Duration::from_millis(u64::try_from(monotonic_ms() - began).unwrap_or(0));
        let over = match until {
            Until::Cases(cases) => told.cases >= cases + seeds.len() as u64,
            Until::Spent(limit) => told.spent >= limit,
        };
        if over || told.findings.len() == FINDINGS {
            break;
        }
        let next = waiting.next();
        let input = next.cloned().unwrap_or_else(|| mutated(&mut chance, &pool, target.words));
        told.cases += 1;
        guard.begins(&input);
        match judge(target, &input, slack()) {
            Ok(seen) => {
                told.slowest = told.slowest.max(seen.took);
                if outcomes.insert(seen.outcome) && next.is_none() {
                    fresh.push(input.clone());
                    add(&mut pool, &mut chance, input);
                }
            }
            Err(why) => told.findings.push(found(target, input, &why)),
        }
    }
    told.outcomes = outcomes.len();
    if std::env::var_os("FLIGHTDECK_FUZZ_KEEP").is_some() {
        corpus::keep(target, &fresh);
    }
    told
}

/// Sees to it that an input that never ends is saved and told.
struct Guard(Arc<Mutex<(i64, Vec<u8>)>>);

impl Guard {
    /// Looks once a second, until the hunt is over.
    fn over(target: &Target) -> Self {
        let now = Arc::new(Mutex::new((monotonic_ms(), Vec::new())));
        let (seen, name) = (Arc::downgrade(&now), target.name);
        let look = move || {
            while let Some(now) = seen.upgrade() {
                is_ending(name, &now.lock().unwrap_or_else(PoisonError::into_inner));
                drop(now);
                block(Duration::from_secs(1));
            }
        };
        drop(spawn::thread("guard", look).expect("a thread"));
        Guard(now)
    }

    fn begins(&self, input: &[u8]) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 = monotonic_ms();
        now.1.clear();
        now.1.extend_from_slice(input);
    }
}

fn is_ending(name: &str, (since, input): &(i64, Vec<u8>)) {
    let target = super::targets::named(name).expect("it is hunted on");
    if u128::try_from(monotonic_ms() - since).unwrap_or(0) > ENDLESS.as_millis() {
        let path = corpus::save(target, input);
        // Nobody is left to be told if this can't be written.
        let _ = writeln!(std::io::stderr(), "{name}: it does not end: saved as {}", path.display());
        std::process::exit(1);
    }
}

fn add(pool: &mut Vec<Vec<u8>>, chance: &mut Chance, input: Vec<u8>) {
    if pool.len() < POOL {
        pool.push(input);
    } else {
        let at = chance.below(pool.len());
        pool[at] = input;
    }
}

fn found(target: &Target, input: Vec<u8>, why: &str) -> String {
    let input = shrunk(target, input, why);
    let why = judge(target, &input, slack()).err().unwrap_or_else(|| why.to_string());
    let path = corpus::save(target, &input);
    format!("{}: {why}: saved as {}", target.name, path.display())
}

/// The input without what it takes nothing away from. A slow one stays as it is, since every try of it is slow.
fn shrunk(target: &Target, mut input: Vec<u8>, why: &str) -> Vec<u8> {
    let kind = |why: &str| why.split(':').next().unwrap_or_default().to_string();
    if why.starts_with("it took") {
        return input;
    }
    let mut size = input.len() / 2;
    let began = monotonic_ms();
    let goes_on = || monotonic_ms() - began < i64::try_from(SHRINKING.as_millis()).unwrap_or(0);
    while size > 0 {
        let mut at = 0;
        while at < input.len() && goes_on() {
            let mut less = input.clone();
            less.drain(at..(at + size).min(input.len()));
            match judge(target, &less, slack()) {
                Err(still) if kind(&still) == kind(why) => input = less,
                Ok(_) | Err(_) => at += size,
            }
        }
        size /= 2;
    }
    input
}

fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
