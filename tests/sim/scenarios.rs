//! Every file of `tests/scenarios/` is a scenario: `NAME.txt` says what happens, `NAME.out` what comes of it.
//! `INSTA_UPDATE=always` writes the second anew; `FLIGHTDECK_SCENARIO=part-of-a-name` runs some of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flightdeck::pilot::record::Record;

use super::script::{self, Script};
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

#[test]
fn every_scenario_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let wanted = std::env::var("FLIGHTDECK_SCENARIO").unwrap_or_default();
    let accept = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter(|path| path.to_string_lossy().contains(&wanted))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scenario has {wanted:?} in its name");
    let mut failed = String::new();
    for path in paths {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("it is text");
        let got = match play(&text) {
            Ok(got) => got,
            Err(why) => {
                let _ = writeln!(failed, "\n--- {name}\n{why}");
                continue;
            }
        };
        let out = path.with_extension("out");
        let expected = std::fs::read_to_string(&out).unwrap_or_default();
        if accept {
            std::fs::write(&out, &got).expect("it can be written");
        } else if got != expected {
            let _ = writeln!(failed, "\n--- {name}\n{}", difference(&expected, &got));
        }
    }
    assert!(failed.is_empty(), "{failed}\nINSTA_UPDATE=always writes what came out");
}

fn play(text: &str) -> Result<String, String> {
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
        if let Err(why) = script::happen(world, &line.words) {
            problem.get_or_insert(format!("{:?}: {why}", line.words));
        }
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    world.check_end();
    let mut out = script.head.join("\n") + "\n\n" + &world.transcript.join("\n") + "\n";
    for wrong in &world.wrong {
        let _ = writeln!(out, "WRONG: {wrong}");
    }
    if world.wrong.is_empty() { Ok(out) } else { Err(out) }
}

/// The usual beginning is not worth telling again and again.
fn drop_before(world: &mut World, from: Duration) {
    let from = words::offset(BEGIN + from, BEGIN);
    world.transcript.retain(|line| line.starts_with(['>', '#']) || *line >= from);
}

/// The lines around the first that differs.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let at = expected.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str]| lines[at.min(lines.len())..(at + 8).min(lines.len())].join("\n  ");
    let before = &got[at.saturating_sub(5)..at.min(got.len())];
    format!("  {}\nexpected:\n  {}\ncame out:\n  {}", before.join("\n  "), part(&expected), part(&got))
}
