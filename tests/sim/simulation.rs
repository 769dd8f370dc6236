//! Weeks that chance makes up, each from its seed, and what must hold in all of them. `FLIGHTDECK_SIM_SEEDS` and
//! `FLIGHTDECK_SIM_DAYS` say how many and how long; `FLIGHTDECK_SIM_SEED` plays one again and tells all of it.

use std::time::Duration;

use super::chance;
use super::setup::Files;
use super::words;
use super::world::{BEGIN, Happening, Pace, World};

const PACE: Pace = Pace {
    feed: (Duration::from_millis(10), Duration::from_millis(400)),
    tmux: (Duration::from_millis(1), Duration::from_millis(300)),
    ending: (Duration::from_millis(50), Duration::from_secs(9)),
};
const DAY: Duration = Duration::from_secs(86_400);
/// So many lines before a failure are shown.
const SHOWN: usize = 120;

#[test]
fn whatever_happens_nobody_healthy_is_ended_and_nothing_is_lost_or_doubled() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
    };
    let (seeds, days) = (number("FLIGHTDECK_SIM_SEEDS", 5), number("FLIGHTDECK_SIM_DAYS", 1));
    let began = flightdeck::edge::clock::monotonic_ms();
    let alone = std::env::var("FLIGHTDECK_SIM_SEED").is_ok();
    let first = number("FLIGHTDECK_SIM_SEED", 1);
    let mut failed = Vec::new();
    let mut breaches = 0;
    let mut played = 0;
    let mut steps = 0;
    for seed in first..first + if alone { 1 } else { seeds } {
        played += 1;
        let mut world = play(seed, days, !alone);
        steps += world.steps;
        breaches += world.wrong.len();
        if !world.wrong.is_empty() {
            // The same again, told this time.
            world = play(seed, days, false);
        }
        if alone && world.wrong.is_empty() {
            println!("{}", world.transcript.join("\n"));
        }
        if !world.wrong.is_empty() {
            let from = if alone { 0 } else { world.transcript.len().saturating_sub(SHOWN) };
            let told = world.transcript.split_off(from).join("\n");
            failed.push(format!("{told}\n{}\nseed {seed}, {days} days", world.wrong.join("\n")));
        }
        if failed.len() == 3 {
            break;
        }
    }
    let took = u64::try_from(flightdeck::edge::clock::monotonic_ms() - began).unwrap_or_default().max(1);
    let speed = steps * 1000 / took;
    eprintln!("seeds {played}, days {}, steps {steps}, steps a second {speed}, breaches {breaches}", played * days);
    assert!(failed.is_empty(), "\n{}\n\nFLIGHTDECK_SIM_SEED=… plays one again", failed.join("\n\n"));
}

fn play(seed: u64, days: u64, quiet: bool) -> World {
    let mut files = Files::of(&chance::AGENTS, &["1a", "1b"]);
    files.add("agents.upgrader", "schedule = \"0 3 * * *\"\n");
    files.add("agents.w1", "resume = true\n");
    files.add("agents.w2", "restart = \"on-failure\"\n");
    files.add("agents.w3", "deliver = \"any\"\n");
    files.add("agents.w4", "restart = \"never\"\n");
    // Small windows are read faster; what is on a screen is the same.
    for name in chance::NAMES {
        files.add(&format!("agents.{name}"), "size = [60, 12]\n");
    }
    let mut world = World::new(files, seed, PACE);
    world.invents = Some(chance::plan);
    (world.quiet, world.trial.asks_all) = (quiet, 10);
    for habits in world.habits.values_mut() {
        habits.spin = Duration::from_secs(45);
    }
    world.later(Duration::ZERO, Happening::Chance);
    world.start_engine();
    let end = BEGIN + DAY * u32::try_from(days).expect("few days");
    let mut script = |world: &mut World, what: Happening| match what {
        Happening::Chance => chance::strike(world),
        Happening::Words(words) => chance::now(world, &words),
        _ => {}
    };
    world.run(end, &mut script);
    if world.wrong.is_empty() {
        calm_down(&mut world);
    }
    let at = words::offset(world.now, BEGIN);
    for wrong in &mut world.wrong {
        *wrong = format!("WRONG at {at}: {wrong}");
    }
    world
}

/// When nothing more goes wrong and people have put right what is theirs, all are back soon and all is said.
fn calm_down(world: &mut World) {
    world.trap = None;
    let mut quiet = |world: &mut World, what: Happening| {
        if let Happening::Words(words) = what {
            chance::now(world, &words);
        }
    };
    let later = world.now + Duration::from_secs(2 * 3600);
    world.run(later, &mut quiet);
    world.well_behaved = true;
    for _ in 0..2 {
        if world.wrong.is_empty() {
            chance::mend(world);
            let later = world.now + Duration::from_secs(3 * 3600);
            world.run(later, &mut quiet);
        }
    }
    if world.wrong.is_empty() {
        world.check_end();
        world.check_calm();
    }
}
