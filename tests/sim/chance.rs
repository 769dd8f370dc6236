//! What happens when nobody wrote a script: chance, in the words of scenarios. Whatever needs a person is put right by
//! one later, as in life.

use std::time::Duration;

use super::dice::Dice;
use super::engine::{Moment, Trap};
use super::plan::{Asking, Child, End, Plan};
use super::world::{Happening, World};

const MINUTE: Duration = Duration::from_secs(60);
/// The loops and the job of a simulated project.
pub(crate) const AGENTS: [&str; 8] =
    ["builder", "adversary=mute", "orchestrator=talker", "upgrader", "w1=talker", "w2=scribe", "w3=mute", "w4=queuer"];
/// Their names.
pub(crate) const NAMES: [&str; 8] = ["builder", "adversary", "orchestrator", "upgrader", "w1", "w2", "w3", "w4"];
const PHASES: [&str; 5] = ["1a", "1b", "1c", "2", "3"];
/// Points at which an engine may die.
const POINTS: [&str; 12] = [
    "ordered",
    "start ",
    "stop ",
    "paste m",
    "press the",
    "is typed, 0",
    "is typed, 1",
    "SUBMITTED",
    "life ",
    "was ended",
    "PHASE",
    "queued",
];

/// A turn as agents do them, healthy or not.
pub(crate) fn plan(dice: &mut Dice) -> Plan {
    let lasts = span(dice, 5, 900);
    let uses = Some((u32::try_from(lasts.as_secs() % 4).unwrap_or(0), 1000, "model".to_string()));
    let mut plan = Plan { lasts, frozen: false, child: None, uses, end: end(dice) };
    match dice.below(100) {
        0..=3 => plan.lasts = span(dice, 600, 3 * 3600),
        4..=6 => (plan.frozen, plan.child, plan.lasts) = (true, Some(Child::Busy), span(dice, 60, 45 * 60)),
        7..=8 => (plan.frozen, plan.child, plan.lasts) = (true, Some(Child::Quiet), span(dice, 60, 50 * 60)),
        9 => (plan.frozen, plan.lasts) = (true, span(dice, 10, 280)),
        _ => {}
    }
    if matches!(plan.end, End::Never) {
        // With a moving spinner it would be work.
        (plan.frozen, plan.child) = (true, None);
    }
    plan
}

fn end(dice: &mut Dice) -> End {
    let ahead = span(dice, 30, 600);
    match dice.below(1000) {
        0..=4 => End::Says("I am done, more or less".to_string()),
        5..=9 => End::Waits { ahead, late: None },
        10..=13 => End::Marks("tomorrow".to_string()),
        14..=17 => End::Marks("2027-01-01T00:00:00Z".to_string()),
        18..=20 => End::Wedges,
        21..=23 => End::Poisoned,
        24..=26 => End::Broken,
        27..=30 => End::Exits(flightdeck::pilot::fact::Exit::Status(1)),
        31..=32 => End::Exits(flightdeck::pilot::fact::Exit::Status(0)),
        33..=34 => End::Exits(flightdeck::pilot::fact::Exit::Signal(11)),
        35..=38 => End::Limited { until: "in 40m".to_string(), lasts: span(dice, 60, 3600) },
        39 => End::Shows("✗ something odd".to_string()),
        40 => End::Never,
        41..=43 => End::Asks(Asking::Permission),
        44..=53 => End::Waits { ahead, late: Some(span(dice, 90, 170)) },
        _ => End::Waits { ahead, late: Some(span(dice, 0, 90)) },
    }
}

/// One thing happens, and the next is waited for.
pub(crate) fn strike(world: &mut World) {
    let next = world.dice.between((Duration::from_secs(20), 30 * MINUTE));
    world.later(next, Happening::Chance);
    let agent = *world.dice.pick(&NAMES);
    let soon = world.dice.between((Duration::from_secs(1), 40 * MINUTE));
    match world.dice.below(100) {
        0..=19 => operator(world, agent, soon),
        20..=44 => branch(world),
        45..=51 => now(world, &format!("{agent} exits 1")),
        52..=53 => now(world, &format!("{agent} killed 9")),
        54..=59 => {
            with_end(world, &format!("{agent} drafts half a thought"), soon, &format!("{agent} drops its draft"));
        }
        60..=62 => with_end(world, &format!("{agent} enters copy mode"), soon, &format!("{agent} leaves copy mode")),
        63..=65 => with_end(world, &format!("{agent} asks trust"), soon, &format!("{agent} is answered")),
        66..=67 => with_end(world, &format!("{agent} input off"), soon, &format!("{agent} input on")),
        68..=69 => with_end(world, &format!("{agent} is suspended"), soon, &format!("{agent} is continued")),
        70..=71 => with_end(world, &format!("{agent} swallows 1"), soon, &format!("{agent} swallows 0")),
        72 => with_end(world, &format!("{agent} swallows 9"), soon, &format!("{agent} swallows 0")),
        73..=74 => with_end(world, &format!("{agent} starts in 100s"), soon, &format!("{agent} starts in 2s")),
        75 => with_end(world, &format!("{agent} starts with trust"), 80 * MINUTE, &format!("{agent} is answered")),
        76 => with_end(world, &format!("file lacks {agent}"), soon, &format!("file has {agent}")),
        77..=78 => now(world, &format!("{agent} is told something by hand")),
        79..=84 => engine(world, soon),
        85..=88 => with_end(world, "tmux is silent", soon, "tmux answers"),
        89 => now(world, "tmux dies"),
        90 => now(world, "tmux dies and its agents survive"),
        91 => now(world, "tmux is listed"),
        92 => now(world, &format!("{agent} tells its answers again")),
        93 => with_end(world, "hand runs one", soon, "hand ends it"),
        94 => with_end(world, "hand hides it", soon, "hand ends it"),
        95 => now(world, "remote fails"),
        96..=99 => machine(world),
        _ => {}
    }
}

/// Everything that a person would put right is put right.
pub(crate) fn mend(world: &mut World) {
    for words in ["tmux answers", "engine starts", "operator resume", "hand ends it"] {
        now(world, words);
    }
    for agent in NAMES {
        for words in
            ["drops its draft", "leaves copy mode", "is continued", "swallows 0", "starts in 2s", "is answered"]
        {
            now(world, &format!("{agent} {words}"));
        }
        now(world, &format!("{agent} input on"));
        now(world, &format!("file has {agent}"));
        now(world, &format!("operator release {agent}"));
        if agent != "upgrader" {
            now(world, &format!("operator start {agent}"));
        }
    }
}

pub(crate) fn now(world: &mut World, words: &str) {
    if !world.quiet {
        world.note(&format!("> {words}"));
    }
    // What can't happen just now does not.
    let _ = super::script::happen(world, words);
}

fn with_end(world: &mut World, words: &str, after: Duration, end: &str) {
    now(world, words);
    world.later(after, Happening::Words(end.to_string()));
}

fn operator(world: &mut World, agent: &str, soon: Duration) {
    let number = world.dice.below(1_000_000);
    let phase = *world.dice.pick(&PHASES);
    match world.dice.below(30) {
        0..=9 => now(world, &format!("operator send {agent} words number {number} for {agent}")),
        10..=11 => now(world, &format!("operator ping {agent}")),
        12..=13 => with_end(world, &format!("operator stop {agent}"), soon, &format!("operator start {agent}")),
        14..=15 => now(world, &format!("operator restart {agent}")),
        16 => now(world, &format!("operator restart {agent} --fresh")),
        17 => with_end(world, &format!("operator hold {agent} why"), soon, &format!("operator release {agent}")),
        18..=20 => now(world, &format!("operator release {agent}")),
        21 => with_end(world, "operator pause", soon, "operator resume"),
        22 => with_end(world, "operator e-stop", soon, "operator resume"),
        23 => now(world, "operator phase next"),
        24 => now(world, &format!("operator phase goto {phase}")),
        25 => now(world, &format!("operator phase append {phase}")),
        26 => now(world, &format!("operator phase insert {phase}")),
        27 => now(world, &format!("operator phase remove {phase}")),
        28 => now(world, "operator run upgrader"),
        _ => now(world, "operator run upgrader --fresh"),
    }
}

fn branch(world: &mut World) {
    let phase = world.engine.as_ref().and_then(|engine| engine.state.sequence.current.clone());
    let gate = world.dice.below(100);
    match (world.dice.below(20), phase) {
        (0..=8, _) => now(world, &format!("pushed claim({gate})")),
        (9..=14, _) => now(world, &format!("pushed plain review({gate})")),
        (15, _) => now(world, "pushed inbox:builder:1 inbox:adversary:2"),
        (16, _) => now(world, &format!("force-pushed claim({gate})")),
        (17, Some(phase)) => now(world, &format!("pushed done:{phase}")),
        (18, Some(phase)) => {
            now(world, &format!("status {phase} done"));
            world.later(3 * MINUTE, Happening::Words(format!("pushed done:{phase}")));
        }
        (_, Some(phase)) => now(world, &format!("pushed open:{phase}")),
        (_, None) => now(world, "pushed plain"),
    }
}

fn engine(world: &mut World, soon: Duration) {
    let back = world.dice.between((Duration::from_secs(2), MINUTE));
    match world.dice.below(4) {
        0 => with_end(world, "engine is killed", soon, "engine starts"),
        1 => with_end(world, "engine is killed", back, "engine starts"),
        _ => {
            let words = (*world.dice.pick(&POINTS)).to_string();
            let moment = *world.dice.pick(&[Moment::Before, Moment::After, Moment::During]);
            world.trap = Some(Trap { words, moment, back });
        }
    }
}

fn machine(world: &mut World) {
    match world.dice.below(6) {
        // An engine that starts later can't know of these.
        0..=3 if world.engine.is_none() => {}
        0 => now(world, "clock forward 1h"),
        1 => now(world, "clock back 1d"),
        2 => now(world, "clock forward 30s"),
        3 => now(world, "machine sleeps 8h"),
        4 => now(world, "engine is late by 90s"),
        _ => now(world, "engine is late by 10m"),
    }
}

fn span(dice: &mut Dice, from: u64, to: u64) -> Duration {
    dice.between((Duration::from_secs(from), Duration::from_secs(to)))
}
