//! What the edge can tell about the world: screens, panes, processes, commits. Plain data, already bounded and cleaned
//! of what no reader may see; no judgement.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gauge::Gauges;
use super::id::{AgentId, Incarnation, PhaseId, Sha};
use super::time::Time;
use super::usage::Tokens;

/// One tmux server, told apart from a later one on the same socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub pid: u32,
    /// `#{start_time}`, seconds since the epoch.
    pub started: i64,
}

/// Where an agent lives: ids only, never names (fault T5). Valid on one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub server: Server,
    /// `$n`
    pub session: String,
    /// `%n`
    pub pane: String,
}

/// A process that can't be mistaken for a later one with the same number (fault P13).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The machine's boot id, without which start times mean nothing; elsewhere than on Linux they are dates.
    pub boot: String,
    pub pid: u32,
    /// Start time: on Linux in clock ticks since boot (`/proc/PID/stat`, field 22), elsewhere in milliseconds since the epoch.
    pub started: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Status(i32),
    Signal(i32),
    /// It is gone, and nobody can tell how.
    Lost,
}

/// What a pane shows: the visible screen only, no scrollback, right-trimmed lines without escape sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    pub lines: Vec<String>,
    /// Column and row of the cursor, from 0.
    pub cursor: (u16, u16),
    pub mode: PaneMode,
    /// Of the pane; 0 where nobody told them.
    pub columns: u16,
    /// What the program calls its terminal; of a spinner in it always the same sign.
    pub title: String,
    /// The same lines with a blank for each grey letter; empty where nobody told of colours, or nothing is grey.
    pub solid: Vec<String>,
}

/// States of a pane in which typing goes wrong (faults T8, T9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaneMode {
    pub dead: bool,
    /// Copy mode, choose-tree, clock: a human is looking, and Enter would be eaten.
    pub in_mode: bool,
    pub input_off: bool,
    /// Keys would go to other panes as well.
    pub synchronized: bool,
}

impl PaneMode {
    /// What is pressed does not go to the program, or not to it alone.
    pub fn keeps_keys(self) -> bool {
        self.in_mode || self.input_off || self.synchronized
    }
}

/// One pane that carries our owner tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneFact {
    pub agent: AgentId,
    pub incarnation: Incarnation,
    pub place: Place,
    /// The process tmux started in it; `None` when it could not be read.
    pub process: Option<Identity>,
    pub dead: Option<Exit>,
}

/// What the processes below an agent were doing at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// CPU time of all descendants, not counting the agent itself.
    pub children_cpu: Duration,
    /// Descendants that began clearly after the agent did: its own work, not servers it starts with.
    pub late_children: u32,
    /// The agent's own process was stopped by a signal (Ctrl-Z, SIGSTOP).
    pub suspended: bool,
}

/// One look at an agent that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub screen: Option<Arc<Screen>>,
    /// `None`: the process table could not be read, which proves nothing.
    pub work: Option<Work>,
    /// Number of the picture: a later one of the same agent has a higher number.
    pub taken: u64,
}

/// What an agent's own event channel said (its hooks append lines to the spool).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Report {
    /// A conversation began or was resumed.
    SessionStarted {
        conversation: Option<String>,
        /// The file that its program writes the conversation to.
        #[serde(default)]
        transcript: Option<PathBuf>,
    },
    /// A turn began, whoever asked for it.
    TurnBegan,
    /// A prompt was submitted: the proof of delivery. The text is what the agent took in.
    PromptSubmitted { prompt: String },
    /// A prompt stands in the conversation's transcript: it was taken in, now or earlier.
    PromptRecorded { prompt: String },
    /// A turn ended normally; the last answer, where the agent tells it.
    TurnEnded {
        answer: Option<String>,
        /// What will wake it by itself: tasks that run on, timers of its own.
        #[serde(default)]
        pending: u32,
    },
    /// A turn ended by an error of the model's service.
    TurnFailed {
        error: String,
        /// The service's HTTP status, where it is told.
        #[serde(default)]
        status: Option<u16>,
        /// When a usage limit lifts, in seconds since the epoch, where it is told.
        #[serde(default)]
        resets: Option<i64>,
    },
    /// Its conversation is being shortened, which takes its time.
    Compacting,
    /// What its program says that it is doing.
    State { state: ProgramState },
    /// Which version its program is.
    Version { version: String },
    /// How full things are.
    Gauges {
        #[serde(flatten)]
        gauges: Gauges,
    },
    /// Whether its program takes messages by an interface of its own, beside its composer.
    Reachable { reachable: bool },
    /// What an answer of its model used. Told once or several times, each time of the whole answer as far as it is known.
    Used {
        message: String,
        model: String,
        #[serde(flatten)]
        tokens: Tokens,
        /// By the program's own clock.
        #[serde(default)]
        at: Option<Time>,
    },
}

/// What an agent's program says that it is doing, by its own channel and not by its screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ProgramState {
    Idle,
    Busy,
    /// A person has to answer something; in the program's own words.
    Waiting {
        on: String,
    },
    /// Its service refused or was not there, and it tries again by itself.
    Retrying {
        attempt: u32,
        until: Option<Time>,
    },
}

impl ProgramState {
    /// For people.
    pub fn words(&self) -> String {
        match self {
            ProgramState::Idle => "idle".to_string(),
            ProgramState::Busy => "busy".to_string(),
            ProgramState::Waiting { on } => format!("waiting for a person: {on}"),
            ProgramState::Retrying { attempt, .. } => format!("trying again, attempt {attempt}"),
        }
    }
}

/// A commit on the watched branch, as far as flightdeck looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub sha: Sha,
    /// What its subject says by the handoff grammar, if anything.
    pub handoff: Option<Handoff>,
    /// Who wrote it and who committed it, as it says itself; looked at where it hands something over.
    pub author: Person,
    pub committer: Person,
}

/// Somebody as a commit names him. Anybody can write anything there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// `Name <mail>`, shortened, without control characters.
    pub words: String,
    pub mail: String,
}

impl Commit {
    /// Who it says that it is by, in words.
    pub fn by(&self) -> String {
        let (author, committer) = (&self.author.words, &self.committer.words);
        if author == committer { author.clone() } else { format!("{author}, committed by {committer}") }
    }
}

/// `claim(1a): …` → prefix `claim`, id `1a`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Handoff {
    pub prefix: String,
    /// The gate the commit names; by its grammar safe to type.
    pub gate: String,
}

/// The watched branch as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Where the walk began; `None` at the first sight of the branch.
    pub old: Option<Sha>,
    pub new: Sha,
    /// `old` is not an ancestor of `new`: rewritten history.
    pub rewritten: bool,
    /// New commits, parents before children. Empty at first sight and after a rewrite.
    pub commits: Vec<Commit>,
    /// Agents whose `INBOX-<agent>.md` got new entries, with how many.
    pub inbox: Vec<(AgentId, u32)>,
    /// Phases of the sequence whose pushed status file says done at `new`.
    pub done: Vec<PhaseId>,
}

/// Whether some process of a kind runs anywhere: three-valued like all evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    None,
    Found { pid: u32 },
    Unknown { why: String },
}

/// What came of a tiny call on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// None was made: the program is of the version whose proof is known.
    Same,
    /// The program answered.
    Answered {
        /// Tells versions of the program apart.
        version: String,
        /// It says that the call failed.
        failed: bool,
        text: String,
        /// The service's HTTP status, where it is told.
        status: Option<u16>,
        /// Tokens by model.
        used: Vec<(String, Tokens)>,
    },
    /// It could not be made, or brought nothing that can be read.
    Nothing { why: String },
}

/// What an agent's program would go by if it was started now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vetted {
    /// The settings that its folder brings along, in the order in which its backend names them.
    pub settings: Vec<Setting>,
    /// The first file of its home that is not whole.
    pub damaged: Option<Damage>,
}

/// A file of settings in an agent's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// From the agent's folder.
    pub file: String,
    /// Of its content, as git counts it; why it can't be read, where it can't.
    pub digest: String,
    /// What stands at its top: names alone.
    pub keys: Vec<String>,
}

impl Setting {
    /// The file, and what it says something about.
    pub fn words(&self) -> String {
        if self.keys.is_empty() { self.file.clone() } else { format!("{} ({})", self.file, self.keys.join(", ")) }
    }
}

/// A file that its writers left in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub file: String,
    pub why: String,
    /// Where a copy of it lies.
    pub kept: Option<String>,
}

/// How the machine itself is doing, told when it changes what can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hiccup {
    /// The engine ran its round this much later than planned (starved, stopped, suspended).
    Late(Duration),
    /// The machine slept this long.
    Slept(Duration),
    /// Somebody set the wall clock; positive is forward. Milliseconds.
    ClockMoved(i64),
}

/// A record's place in the log and on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Position in the log, from 1, without gaps.
    pub seq: u64,
    /// Steady time of the step that made it.
    pub at: Time,
}

/// What was seen of the files that say what is to be done, and of the disks that are written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Premises {
    /// Names of files that are not as they were when the configuration was read.
    pub changed: Vec<String>,
    /// The one with the least room.
    pub disk: Option<Disk>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// A folder of ours that lies on it.
    pub folder: String,
    /// Percent of it.
    pub free: u8,
    pub free_mib: u64,
    /// The largest file of ours and our agents' on it; looked for where it gets scarce.
    pub largest: Option<String>,
}

impl Disk {
    /// Room gets scarce, in percent and in MiB: a large disk has room with few percent left, and a small one is never far from its end.
    pub fn is_low(&self) -> bool {
        self.is_below(10, 10 * 1024)
    }

    /// Less is free than both of these.
    pub fn is_below(&self, percent: u8, mib: u64) -> bool {
        self.free < percent && self.free_mib < mib
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_where_both_its_share_and_its_room_are_small() {
        let low = |free, free_mib| Disk { folder: "/".to_string(), free, free_mib, largest: None }.is_low();
        assert!(low(9, 10 * 1024 - 1));
        assert!(!low(10, 10 * 1024 - 1), "a small disk");
        assert!(!low(9, 10 * 1024), "a large one");
    }

    #[test]
    fn a_commit_names_its_committer_where_that_is_somebody_else() {
        let person = |words: &str| Person { words: words.to_string(), mail: String::new() };
        let sha = Sha::parse(&"a".repeat(40)).expect("a sha");
        let by = |author, committer| {
            Commit { sha: sha.clone(), handoff: None, author: person(author), committer: person(committer) }.by()
        };
        assert_eq!(by("a <a@b>", "a <a@b>"), "a <a@b>");
        assert_eq!(by("a <a@b>", "c <c@d>"), "a <a@b>, committed by c <c@d>");
    }
}
