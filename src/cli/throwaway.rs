//! A throw-away workspace with an engine of its own, for what is only shown or tried: a folder that is removed, and nothing
//! in it that runs on. What is played in it is somebody else's.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::error::{CliError, Kind};
use super::workspace;
use crate::edge::link::Client;
use crate::edge::process::{self, Alive, Tag};
use crate::edge::store::{Filter, Page, Reader};
use crate::edge::{clock, lock, spawn};
use crate::pilot::command::Command;
use crate::pilot::fact::{Identity, Stamp};
use crate::pilot::record::Record;

/// An engine ends within a moment; half of this before it gets a signal.
const ENDS: Duration = Duration::from_secs(6);
/// Between two looks whether something has ended.
const LOOK: Duration = Duration::from_millis(20);
/// Records of one run: some hundred.
const RECORDS: u32 = 10_000;

/// A folder of our own, and the workspace in it.
#[derive(Debug)]
pub struct Throwaway {
    /// All of it.
    pub dir: PathBuf,
    pub workspace: PathBuf,
}

impl Throwaway {
    /// A folder for one run of `verb`, which nobody else can enter; short enough for the sockets in it.
    pub fn folder(verb: &str) -> Result<PathBuf, CliError> {
        let name = format!("flightdeck-{verb}-{}-{}", std::process::id(), clock::wall().0 % 1_000_000);
        let dir = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).map_err(|error| CliError::new(Kind::Machine, format!("{}: {error}", dir.display())))?;
        Ok(dir.canonicalize()?)
    }

    /// The engine's command line, still to be started; it says nothing on standard output.
    pub fn engine(&self) -> Result<std::process::Command, CliError> {
        let mut command = spawn::blocking(std::env::current_exe()?);
        command.args(["watch", "--workspace"]).arg(&self.workspace).stdout(Stdio::null());
        Ok(command)
    }

    /// The records after this number.
    pub fn records(&self, after: u64) -> Vec<(Stamp, Record)> {
        let Ok(reader) = Reader::open(&workspace::records(&self.workspace)) else { return Vec::new() };
        let rows = reader.rows(&Filter::default(), Page::After(after), RECORDS).unwrap_or_default();
        rows.into_iter().filter_map(|row| Some((row.stamp, row.record().ok()?))).collect()
    }

    pub fn socket(&self) -> PathBuf {
        workspace::tmux_socket(&self.workspace)
    }

    pub fn state_dir(&self) -> PathBuf {
        workspace::state_dir(&self.workspace)
    }

    /// Ends our engine, and one that the operator has started in its place.
    pub fn end_engine(&self, engine: &mut Child) {
        if let Ok(mut client) = Client::connect(&self.state_dir()) {
            // One that does not answer gets its signal below.
            let _ = client.ask(&Command::Shutdown, ENDS);
        }
        let begin = clock::monotonic_ms();
        let ends = millis(ENDS);
        let mut signals = [rustix::process::Signal::TERM, rustix::process::Signal::KILL].into_iter();
        let mut next = begin + ends / 2;
        while matches!(engine.try_wait(), Ok(None)) || lock::current(&self.state_dir()).is_some() {
            if clock::monotonic_ms() >= next {
                let Some(signal) = signals.next() else { break };
                next += ends / 2;
                if matches!(engine.try_wait(), Ok(None)) {
                    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(engine), signal);
                }
            }
            clock::block(LOOK);
        }
    }

    /// Our own tmux server goes, with all that lives in it, and what outlives that.
    pub fn end_agents(&self) {
        let server = self.server();
        // Where no server runs there is nothing to end.
        let _ = self.tmux(&["kill-server"]);
        let patience = clock::monotonic_ms() + millis(ENDS) / 2;
        let stays = || server.iter().any(|process| process::alive(process) == Alive::Yes);
        while (stays() || !self.left().is_empty()) && clock::monotonic_ms() < patience {
            clock::block(LOOK);
        }
        for tag in self.left() {
            // What can't be ended is no worse for having been tried.
            let _ = workspace::wait(process::end(None, Some(&tag), LOOK));
        }
    }

    /// Our tmux server and what it has started; of its own session nobody has a tag, and a hang-up takes its time.
    fn server(&self) -> Vec<Identity> {
        let pid = self.tmux(&["display-message", "-p", "#{pid}"]).ok().and_then(|text| text.trim().parse().ok());
        let server = pid.and_then(process::identity);
        server.and_then(|server| process::tree(Some(&server), None)).unwrap_or_default()
    }

    /// What our tmux server says.
    pub fn tmux(&self, words: &[&str]) -> Result<String, CliError> {
        let output = spawn::blocking("tmux").arg("-S").arg(self.socket()).arg("-N").args(words).output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
        Err(CliError::new(Kind::Machine, format!("tmux {}: {said}", words.join(" "))))
    }

    /// Removes the folder.
    pub fn remove(&self) -> Result<(), CliError> {
        std::fs::remove_dir_all(&self.dir)
            .map_err(|error| CliError::new(Kind::Machine, format!("{} can't be removed: {error}", self.dir.display())))
    }

    /// The lives of this workspace's agents of which something still runs.
    fn left(&self) -> Vec<Tag> {
        let nonce = std::fs::read_to_string(self.state_dir().join("nonce")).unwrap_or_default();
        let Some(nonce) = nonce.split_whitespace().next() else { return Vec::new() };
        let left = process::survivors(nonce).unwrap_or_default();
        left.into_iter().map(|(tag, _)| tag).collect()
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 2)
}
