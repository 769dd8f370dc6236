//! `flightdeck demo`: a Builder and an Adversary go through three phases in real tmux sessions over a real git remote,
//! with a swallowed key, a stall and a crash on the way; at the end, what happened.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{out, timeline, workspace};
use crate::demo::stage::{Stage, StageError};
use crate::edge::store::{Filter, Page, Reader};
use crate::edge::tmux::verb;
use crate::edge::{clock, lock, spawn};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::words::text;

/// The run takes a third of this on a slow machine.
const LONGEST: Duration = Duration::from_secs(85);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// Records of one demo: some hundred.
const RECORDS: u32 = 10_000;

/// Watch a Builder and an Adversary go through three phases, with faults that are healed
///
/// Builds a small project with a git remote in a temporary folder, runs an engine and two built-in
/// demo agents on it, and prints what happened. Nothing outside of that folder is touched; it is
/// removed at the end. Ends with 1 when the sequence was not completed in time.
///
/// Examples:
///   flightdeck demo
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
    /// Let everything go well: no swallowed key, no stall, no crash
    #[arg(long)]
    no_faults: bool,
}

/// Runs it.
pub fn run(args: &Args, json: bool) -> Result<Exit, CliError> {
    let program = std::env::current_exe()?;
    let dir = fresh_folder()?;
    let stage = Stage::build(&dir, &program, !args.no_faults).map_err(|error| unset(&error))?;
    if !json {
        out::line(&text::line(&format!("a Builder and an Adversary work in {}", stage.workspace.display())))?;
    }
    let show = Show { workspace: stage.workspace, program };
    let mut engine = show.start_engine()?;
    let played = show.play(args.attach, &mut engine);
    show.end_engine(&mut engine);
    let told = played.and_then(|complete| show.tell(json, complete));
    show.end_agents();
    if args.keep {
        if !json {
            out::line(&text::line(&format!("kept: {}", dir.display())))?;
        }
    } else if let Err(error) = std::fs::remove_dir_all(&dir) {
        return Err(CliError::new(Kind::Machine, format!("{} can't be removed: {error}", dir.display())));
    }
    told
}

struct Show {
    workspace: PathBuf,
    program: PathBuf,
}

impl Show {
    fn start_engine(&self) -> Result<std::process::Child, CliError> {
        let mut command = spawn::blocking(&self.program);
        command.args(["watch", "--exit-when-complete", "--workspace"]).arg(&self.workspace);
        command.stdout(std::process::Stdio::null());
        command.spawn().map_err(|error| CliError::new(Kind::Machine, format!("the engine can't be started: {error}")))
    }

    /// Waits for the end, which is whether the sequence was completed.
    fn play(&self, attach: bool, engine: &mut std::process::Child) -> Result<bool, CliError> {
        let begin = clock::monotonic_ms();
        let mut attached = !(attach && std::io::stdout().is_terminal());
        while clock::monotonic_ms() - begin < i64::try_from(LONGEST.as_millis()).unwrap_or(i64::MAX) {
            if let Some(status) = engine.try_wait()? {
                return Ok(status.success());
            }
            if !attached && self.records().iter().any(|(_, record)| matches!(record, Record::Ready { .. })) {
                attached = true;
                self.attach()?;
            }
            clock::block(LOOK);
        }
        Ok(false)
    }

    fn attach(&self) -> Result<(), CliError> {
        let mut command = spawn::foreground("tmux");
        command.args(verb::attach_argv(&self.socket().to_string_lossy(), "builder"));
        command.status().map_err(|error| CliError::new(Kind::Machine, format!("tmux attach: {error}")))?;
        Ok(())
    }

    fn tell(&self, json: bool, complete: bool) -> Result<Exit, CliError> {
        let records = self.records();
        if json {
            for (stamp, record) in &records {
                out::json(&timeline::row(*stamp, record))?;
            }
        } else {
            out::text(&timeline::text(&records))?;
        }
        if complete {
            return Ok(Exit::Done);
        }
        Err(CliError::new(Kind::Machine, "the demo did not complete its sequence")
            .hint("run it again with --keep and look at .flightdeck/log in the workspace it names"))
    }

    fn records(&self) -> Vec<(Stamp, Record)> {
        let Ok(reader) = Reader::open(&self.workspace.join(".flightdeck/records.db")) else { return Vec::new() };
        let rows = reader.rows(&Filter::default(), Page::After(0), RECORDS).unwrap_or_default();
        rows.into_iter().filter_map(|row| Some((row.stamp, row.record().ok()?))).collect()
    }

    fn end_engine(&self, engine: &mut std::process::Child) {
        let pid = rustix::process::Pid::from_child(engine);
        if matches!(engine.try_wait(), Ok(None)) {
            // It ends at TERM within a moment; one that does not is reported by the wait below as still running.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = engine.wait();
        }
        debug_assert!(lock::current(&workspace::state_dir(&self.workspace)).is_none_or(|held| held.process.is_none()));
    }

    /// The demo's own tmux server goes, with all that lives in it.
    fn end_agents(&self) {
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(self.socket()).arg("kill-server");
        // Where no server runs there is nothing to end.
        let _ = command.output();
    }

    fn socket(&self) -> PathBuf {
        self.workspace.join(".flightdeck/tmux.sock")
    }
}

/// A folder of our own, short enough for the sockets in it.
fn fresh_folder() -> Result<PathBuf, CliError> {
    let base = std::env::temp_dir();
    let now = clock::wall().0;
    let dir: PathBuf = base.join(format!("flightdeck-demo-{}-{}", std::process::id(), now % 1_000_000));
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&dir).map_err(|error| CliError::new(Kind::Machine, format!("{}: {error}", dir.display())))?;
    let real: &Path = &dir.canonicalize()?;
    Ok(real.to_path_buf())
}

fn unset(error: &StageError) -> CliError {
    CliError::new(Kind::Machine, format!("the demo's stage can't be set up: {error}"))
        .hint("it needs git and tmux; `make demo` installs them")
}
