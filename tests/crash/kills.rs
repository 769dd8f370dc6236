//! Engines that are killed: at each point of each action, and at any moment.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;

use flightdeck::edge::clock;
use rustix::process::Signal;

use super::course::{Course, Outcome};
use super::deck::{Dice, text};
use super::runs::{play, wanted};

/// Deaths of a day: more, and it is all dying.
const DEATHS: usize = 6;

fn undisturbed() -> Outcome {
    Course::new(|_| Vec::new()).run()
}

/// The points that a day comes to, with how often it does.
fn points() -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points");
    let seen = file.display().to_string();
    let course = Course::new(move |_| vec![("FLIGHTDECK_FAILPOINTS", seen.clone())]);
    course.run();
    let mut points = BTreeMap::new();
    for name in fs::read_to_string(file).unwrap().lines() {
        *points.entry(name.to_string()).or_default() += 1;
    }
    points
}

/// A day whose engines are killed at these points, at each once, as it comes to them; those at which one really was.
fn killed_at(points: &[String], undisturbed: &Outcome) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (armed, file) = (points.to_vec(), folder.path().join("hit"));
    let hit = file.clone();
    let course = Course::new(move |_| {
        let hits = text(&hit);
        let left = armed.iter().filter(|point| !hits.lines().any(|hit| hit == *point));
        let left: Vec<&str> = left.map(String::as_str).collect();
        vec![("FLIGHTDECK_FAILPOINT", left.join(" ")), ("FLIGHTDECK_FAILPOINT_HIT", hit.display().to_string())]
    });
    let outcome = course.run();
    assert_eq!(outcome, *undisturbed, "{points:?}\n{}", course.story());
    let hits: Vec<String> = text(&file).lines().map(str::to_string).collect();
    let ends = course.ends.borrow();
    assert!(ends.iter().all(|(status, _)| status.signal() == Some(9)), "{ends:?}");
    assert_eq!(ends.len(), hits.len(), "{ends:?}");
    hits
}

/// How often each point is to be killed at.
fn each() -> usize {
    usize::try_from(wanted("FLIGHTDECK_CRASH_POINTS").unwrap_or(0)).unwrap()
}

#[test]
fn killed_at_each_step_of_each_action_the_day_ends_as_any_other() {
    let (outcome, points) = (undisturbed(), points());
    println!("{} points: {points:?}", points.len());
    assert!(points.len() > 40, "{points:?}");
    let mut dice = Dice(wanted("FLIGHTDECK_CRASH_SEED").unwrap_or(7));
    let mut kills: BTreeMap<String, usize> = points.keys().map(|name| (name.clone(), 0)).collect();
    let mut rounds = 0;
    loop {
        // Those that have been died at least often, in any order; a sample takes a few from all over.
        let mut least: Vec<&String> = kills.keys().collect();
        least.sort_by_cached_key(|name| (kills[*name], dice.below(1 << 20)));
        let short = least.iter().filter(|name| kills[**name] < each()).count();
        let days = if each() == 0 { 1 } else { short.div_ceil(DEATHS).max(2) };
        let jobs: Vec<Vec<String>> = (0..days)
            .map(|day| {
                let of_day = (0..DEATHS).map(|death| least[(day * DEATHS + death) % least.len()]);
                // What an engine comes to often is died at now here and now there; in a fresh engine counts begin anew.
                of_day.map(|name| format!("{name}:{}", 1 + dice.below(points[name].min(4)))).collect()
            })
            .collect();
        for point in play(jobs, |points| killed_at(points, &outcome)).into_iter().flatten() {
            let (name, _) = point.split_once(':').unwrap();
            *kills.get_mut(name).unwrap() += 1;
        }
        rounds += 1;
        if kills.values().all(|count| *count >= each()) {
            break;
        }
        assert!(rounds < 40 * each().max(1), "not come to: {kills:?}");
    }
    for (name, count) in &kills {
        println!("{name:<20} | {count:>3} | held");
    }
    println!("failpoints: {} points, {} kills, 0 broken", kills.len(), kills.values().sum::<usize>());
}

#[test]
fn killed_at_any_moment_the_day_ends_as_any_other() {
    let outcome = undisturbed();
    let wanted_kills = usize::try_from(wanted("FLIGHTDECK_CRASH_KILLS").unwrap_or(5)).unwrap();
    let mut done = 0;
    let mut seed = wanted("FLIGHTDECK_CRASH_SEED").unwrap_or(1);
    while done < wanted_kills {
        let days = (wanted_kills - done).div_ceil(DEATHS).min(20) as u64;
        let told = play((seed..seed + days).collect(), |seed| killed_anywhere(*seed, &outcome));
        seed += days;
        done += told.iter().sum::<usize>();
        println!("{done} kills");
    }
    println!("kill -9: {done} kills, 0 broken");
}

/// Kills engines some time after their birth, up to a bound for the day; how many it were.
fn killed_anywhere(seed: u64, undisturbed: &Outcome) -> usize {
    let dice = RefCell::new(Dice(seed));
    let (count, at) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    let kills = Rc::clone(&count);
    let course = Course::new(|_| Vec::new()).meddled(move |deck| {
        if kills.get() >= DEATHS + 2 || deck.ended().is_some() {
            return;
        }
        // From the first moments of an engine, in which it opens its log, to a second of its work.
        let delay = || i64::try_from(dice.borrow_mut().below(700)).unwrap();
        let due = at.get().unwrap_or_else(|| clock::monotonic_ms() + delay());
        at.set(Some(due));
        if clock::monotonic_ms() >= due {
            let _ = rustix::process::kill_process(deck.engine_pid(), Signal::KILL);
            kills.set(kills.get() + 1);
            at.set(None);
        }
    });
    let outcome = course.run();
    assert_eq!(outcome, *undisturbed, "seed {seed}\n{}", course.story());
    count.get()
}
