//! `flightdeck demo`: a Builder and an Adversary go through three phases in real tmux sessions over a real git remote,
//! with a swallowed key, a stall and a crash on the way; at the end, what happened.

use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::throwaway::Throwaway;
use super::{check, cockpit, out, timeline};
use crate::demo::stage::{Stage, StageError};
use crate::edge::link::Client;
use crate::edge::tmux::verb;
use crate::edge::told::Told;
use crate::edge::{clock, spawn};
use crate::pilot::record::Record;
use crate::words::text;

/// The run takes a third of this on a slow machine.
const LONGEST: Duration = Duration::from_secs(85);
/// With this pace three phases take about a minute and a half, and each turn can be seen.
const FOLLOWED: u32 = 12;
/// An engine answers in some 50 ms; a starved machine takes longer.
const UP: Duration = Duration::from_secs(10);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Watch a Builder and an Adversary go through three phases, with faults that are healed
///
/// Builds a small project with a git remote in a temporary folder, runs an engine and two built-in
/// demo agents on it, and prints what happened. Nothing outside of that folder is touched; it is
/// removed at the end. Ends with 1 when the sequence was not completed in time.
///
/// Ctrl-C, a closed terminal and a `kill` end it just as well: nothing is left running.
///
/// Examples:
///   flightdeck demo
///   flightdeck demo --cockpit
///   flightdeck demo --keep --attach
///   flightdeck demo --no-faults --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Leave the workspace, and say where it is
    #[arg(long)]
    keep: bool,
    /// Show the agents' tmux sessions while they work (detach with Ctrl-b d)
    #[arg(long)]
    attach: bool,
    /// Watch it in the cockpit, slow enough to follow; the demo ends when you leave the cockpit (q)
    #[arg(long, conflicts_with = "attach")]
    cockpit: bool,
    /// How many times as long the agents think [default: 1; with --cockpit: 12]
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=100))]
    pace: Option<u32>,
    /// Let everything go well: no swallowed key, no stall, no crash
    #[arg(long)]
    no_faults: bool,
}

/// Runs it.
pub fn run(args: &Args, json: bool) -> Result<Exit, CliError> {
    if args.cockpit && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(CliError::new(Kind::Usage, "the cockpit needs a terminal").hint("leave --cockpit out"));
    }
    let told = Told::listen()?;
    let dir = Throwaway::folder("demo")?;
    let pace = args.pace.unwrap_or(if args.cockpit { FOLLOWED } else { 1 });
    let stage = Stage::build(&dir, &std::env::current_exe()?, !args.no_faults, pace).map_err(|error| unset(&error))?;
    if !json && !args.cockpit {
        out::line(&text::line(&format!("a Builder and an Adversary work in {}", stage.workspace.display())))?;
    }
    let show = Show { place: Throwaway { dir, workspace: stage.workspace }, told };
    let mut engine = show.start_engine(args)?;
    // Whatever happens in front of it, the demo tidies up behind itself.
    let watched =
        AssertUnwindSafe(|| if args.cockpit { show.watch(&mut engine) } else { show.play(args, &mut engine) });
    let played = catch_unwind(watched)
        .unwrap_or_else(|_| Err(CliError::new(Kind::Machine, "the demo was cut short by a panic, told above")));
    show.place.end_engine(&mut engine);
    let told = played.and_then(|played| show.tell(json, played));
    show.place.end_agents();
    if args.keep {
        if !json {
            out::line(&text::line(&format!("kept: {}", show.place.dir.display())))?;
        }
    } else {
        show.place.remove()?;
    }
    told
}

struct Show {
    place: Throwaway,
    told: Told,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Played {
    Complete,
    Incomplete,
    /// The operator has seen enough.
    Left,
    /// A signal came.
    Told,
}

impl Show {
    fn start_engine(&self, args: &Args) -> Result<std::process::Child, CliError> {
        let mut command = self.place.engine()?;
        // In the cockpit the last picture stays until the operator has seen it.
        if !args.cockpit {
            command.arg("--exit-when-complete");
        }
        // An engine that does not come up says why; afterwards the screen is the cockpit's.
        if args.cockpit {
            command.stderr(std::process::Stdio::null());
        }
        command.spawn().map_err(|error| CliError::new(Kind::Machine, format!("the engine can't be started: {error}")))
    }

    /// Waits for the end.
    fn play(&self, args: &Args, engine: &mut std::process::Child) -> Result<Played, CliError> {
        let begin = clock::monotonic_ms();
        let longest = LONGEST * args.pace.unwrap_or(1);
        let mut attached = !(args.attach && std::io::stdout().is_terminal());
        while clock::monotonic_ms() - begin < i64::try_from(longest.as_millis()).unwrap_or(i64::MAX) {
            if let Some(status) = engine.try_wait()? {
                return Ok(if status.success() { Played::Complete } else { Played::Incomplete });
            }
            if self.told.to_end() {
                return Ok(Played::Told);
            }
            if !attached && self.place.records(0).iter().any(|(_, record)| matches!(record, Record::Ready { .. })) {
                attached = true;
                self.attach()?;
            }
            clock::block(LOOK);
        }
        Ok(Played::Incomplete)
    }

    /// The cockpit in front of it, until the operator leaves.
    fn watch(&self, engine: &mut std::process::Child) -> Result<Played, CliError> {
        let begin = clock::monotonic_ms();
        while Client::connect(&self.place.state_dir()).is_err() {
            if self.told.to_end() {
                return Ok(Played::Told);
            }
            let late = clock::monotonic_ms() - begin > i64::try_from(UP.as_millis()).unwrap_or(i64::MAX);
            if late || engine.try_wait()?.is_some() {
                return Err(CliError::new(Kind::Machine, "the demo's engine did not come up")
                    .hint("run it again with --keep and look at .flightdeck/log in the workspace it names"));
            }
            clock::block(LOOK);
        }
        let (config, keys) = check::with_keys(&self.place.workspace)?;
        cockpit::show(self.place.workspace.clone(), &config, keys)?;
        Ok(if self.told.to_end() { Played::Told } else { Played::Left })
    }

    fn attach(&self) -> Result<(), CliError> {
        let mut command = spawn::foreground("tmux");
        command.args(verb::attach_argv(&self.place.socket().to_string_lossy(), "builder"));
        command.status().map_err(|error| CliError::new(Kind::Machine, format!("tmux attach: {error}")))?;
        Ok(())
    }

    fn tell(&self, json: bool, played: Played) -> Result<Exit, CliError> {
        let records = self.place.records(0);
        if json {
            for (stamp, record) in &records {
                out::json(&timeline::row(*stamp, record))?;
            }
        } else {
            out::text(&timeline::text(&records))?;
        }
        match played {
            Played::Complete | Played::Left => Ok(Exit::Done),
            Played::Told => Err(CliError::new(Kind::Interrupted, "the demo was ended before its end")),
            Played::Incomplete => Err(CliError::new(Kind::Machine, "the demo did not complete its sequence")
                .hint("run it again with --keep and look at .flightdeck/log in the workspace it names")),
        }
    }
}

fn unset(error: &StageError) -> CliError {
    CliError::new(Kind::Machine, format!("the demo's stage can't be set up: {error}"))
        .hint("it needs git and tmux; `make demo` installs them")
}
