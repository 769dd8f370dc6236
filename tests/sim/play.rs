//! Plays a scenario in the simulated world.

use std::fmt::Write as _;
use std::time::Duration;

use flightdeck::pilot::record::Record;

use super::script::{self, Script};
use super::trouble;
use super::words;
use super::world::{BEGIN, Happening, Pace, World};

/// In a scenario everything takes its usual time.
pub(crate) const PACE: Pace = Pace {
    feed: (Duration::from_millis(50), Duration::from_millis(50)),
    tmux: (Duration::from_millis(20), Duration::from_millis(20)),
    ending: (Duration::from_millis(400), Duration::from_millis(400)),
};

impl World {
    /// A line of the transcript.
    pub(crate) fn note(&mut self, line: &str) {
        if self.quiet {
            return;
        }
        let at = words::offset(self.now, BEGIN);
        self.transcript.push(format!("{at}  {line}"));
        // Of weeks only the end is of use.
        if self.transcript.len() > 20_000 {
            self.transcript.drain(..10_000);
        }
    }

    pub(crate) fn tell(&mut self, record: &Record) {
        if !self.quiet && (self.told_all || !words::is_detail(record)) {
            self.note(&format!("  {}", words::record(record, BEGIN)));
        }
    }
}

/// A scenario that was played to its end.
pub(crate) struct Played {
    pub(crate) script: Script,
    pub(crate) world: World,
}

/// Plays a scenario's text; an error where it is none.
pub(crate) fn played(text: &str) -> Result<Played, String> {
    let script = Script::parse(text)?;
    if script.head.is_empty() {
        return Err("its first line does not say the rule".to_string());
    }
    let mut world = World::new(script.files.clone(), 1, PACE);
    world.told_all = script.told_all;
    for (at, line) in script.lines.iter().enumerate() {
        world.later(line.at, Happening::Line(at));
    }
    world.start_engine();
    let mut problem = None;
    let mut cut = false;
    world.run(BEGIN + script.end, &mut |world, what| {
        let Happening::Line(at) = what else { return };
        let line = &script.lines[at];
        if !cut && line.at >= script.shown_from {
            cut = true;
            drop_before(world, script.shown_from);
        }
        for comment in &line.comments {
            world.transcript.push(String::new());
            world.transcript.push(comment.clone());
        }
        world.note(&format!("> {}", line.words));
        let done = trouble::happen(world, &line.words).unwrap_or_else(|| script::happen(world, &line.words));
        if let Err(why) = done {
            problem.get_or_insert(format!("{:?}: {why}", line.words));
        }
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    world.check_end();
    Ok(Played { script, world })
}

impl Played {
    /// The transcript; an error where something must never have happened.
    pub(crate) fn told(&self) -> Result<String, String> {
        let mut out = self.script.head.join("\n") + "\n\n" + &self.world.transcript.join("\n") + "\n";
        for wrong in &self.world.wrong {
            let _ = writeln!(out, "WRONG: {wrong}");
        }
        if self.world.wrong.is_empty() { Ok(out) } else { Err(out) }
    }
}

/// The usual beginning is not worth telling again and again.
fn drop_before(world: &mut World, from: Duration) {
    let from = words::offset(BEGIN + from, BEGIN);
    world.transcript.retain(|line| line.starts_with(['>', '#']) || *line >= from);
}
