//! Many days, each with a trouble of its own, a few at a time; what came of each.
#![expect(clippy::print_stdout, reason = "a heavy run tells how far it is")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use flightdeck::edge::clock;

/// A number that the caller may set, for the heavy runs.
pub(crate) fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().expect("a number"))
}

/// Does `one` with each job; panics at the end when one of them did.
pub(crate) fn play<Job: Send + std::fmt::Debug, Told: Send>(
    jobs: Vec<Job>,
    one: impl Fn(&Job) -> Told + Sync,
) -> Vec<Told> {
    let begin = clock::monotonic_ms();
    let (count, workers) = (jobs.len(), wanted("FLIGHTDECK_CRASH_WORKERS").unwrap_or(1));
    let queue = Mutex::new(jobs.into_iter());
    let told = Mutex::new(Vec::new());
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(job) = queue.lock().expect("no panic while held").next() else { return };
                    match catch_unwind(AssertUnwindSafe(|| one(&job))) {
                        Ok(seen) => told.lock().expect("no panic while held").push(seen),
                        Err(why) => {
                            println!("broken: {job:?}");
                            broken.lock().expect("no panic while held").push(format!("{job:?}: {}", words(&*why)));
                        }
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("no panic while held");
    println!("{count} days, {} broken, {} s", broken.len(), (clock::monotonic_ms() - begin) / 1000);
    assert!(broken.is_empty(), "{} of {count} are broken:\n{}", broken.len(), broken.join("\n\n"));
    told.into_inner().expect("no panic while held")
}

fn words(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().cloned();
    text.or_else(|| why.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// As many of them as are wanted, from all over.
pub(crate) fn some<T>(all: Vec<T>, few: usize) -> Vec<T> {
    let step = all.len().div_ceil(few.max(1)).max(1);
    all.into_iter().enumerate().filter(|(at, _)| at % step == step / 2).map(|(_, one)| one).collect()
}
