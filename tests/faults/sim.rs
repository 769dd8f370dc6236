//! The simulated world with the shipped pilot: what happens over hours, in a moment.

#[path = "../sim/body.rs"]
mod body;
#[path = "../sim/chance.rs"]
mod chance;
#[path = "../sim/checks.rs"]
mod checks;
#[path = "../sim/dice.rs"]
mod dice;
#[path = "../sim/engine.rs"]
mod engine;
#[path = "../sim/mishaps.rs"]
mod mishaps;
#[path = "../sim/perform.rs"]
mod perform;
#[path = "../sim/plan.rs"]
mod plan;
#[path = "../sim/play.rs"]
mod play;
#[path = "../sim/script.rs"]
mod script;
#[path = "../sim/setup.rs"]
mod setup;
#[path = "../sim/sights.rs"]
mod sights;
#[path = "../sim/trouble.rs"]
mod trouble;
#[path = "../sim/words.rs"]
mod words;
#[path = "../sim/world.rs"]
mod world;

use std::time::Duration;

use flightdeck::pilot::record::Record;
use flightdeck::pilot::state::State;
use flightdeck::pilot::time::Time;

/// What became of a scenario.
pub(crate) struct Story {
    world: world::World,
}

/// Plays a scenario that is written down, by its name.
pub(crate) fn scenario(name: &str) -> Story {
    let path = format!("{}/tests/scenarios/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    play(&std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}")))
}

/// Plays a scenario. Whatever must never happen to anybody has not happened in it.
pub(crate) fn play(text: &str) -> Story {
    tried(text).unwrap_or_else(|told| panic!("{told}"))
}

/// Plays a scenario in which it may happen; then all of it is told as the error.
pub(crate) fn tried(text: &str) -> Result<Story, String> {
    let played = play::played(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    played.told()?;
    Ok(Story { world: played.world })
}

/// A time of the simulated world, from its beginning.
pub(crate) fn since_begin(time: Time) -> Duration {
    time.since(world::BEGIN)
}

impl Story {
    /// The records that a pattern takes, with the time since the beginning.
    pub(crate) fn all<T>(&self, pick: impl Fn(&Record) -> Option<T>) -> Vec<(Duration, T)> {
        let records = self.world.log.records.iter();
        records.filter_map(|(stamp, record)| Some((stamp.at.since(world::BEGIN), pick(record)?))).collect()
    }

    pub(crate) fn count(&self, good: impl Fn(&Record) -> bool) -> usize {
        self.world.log.records.iter().filter(|(_, record)| good(record)).count()
    }

    pub(crate) fn starts(&self, agent: &str) -> usize {
        self.count(|record| matches!(record, Record::Started { agent: who, .. } if who.as_str() == agent))
    }

    /// How the pilot sees everything at the end.
    pub(crate) fn state(&self) -> &State {
        &self.world.engine.as_ref().expect("an engine runs at the end").state
    }

    /// The numbers of all records, as they were written.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.world.log.records.iter().map(|(stamp, _)| stamp.seq).collect()
    }

    /// How often the pilot had something to do.
    pub(crate) fn steps(&self) -> u64 {
        self.world.steps
    }

    /// How often each message was really taken in by its agent, in the order of the messages.
    pub(crate) fn submitted(&self) -> Vec<u32> {
        self.world.submitted.values().copied().collect()
    }

    /// What an operator would read.
    pub(crate) fn told(&self) -> String {
        self.world.transcript.join("\n")
    }
}
