//! Which agents write a transcript whose place nobody names: Codex's, which its process has open. Looked for while something
//! has happened that may bring it: a start, a prompt of ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::edge::channel::codex;
use crate::edge::{clock, process};
use crate::pilot::fact::{Identity, Report};
use crate::pilot::id::{AgentId, Incarnation};
use crate::pilot::time::Time;

/// Between two looks. One takes some 0.1 ms.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Looks after something that may bring it: ten seconds, in which it starts, or takes in a prompt.
const LOOKS: u32 = 200;

/// The conversations of all agents that have their transcripts looked for.
#[derive(Debug, Default)]
pub(super) struct Threads(BTreeMap<AgentId, Thread>);

#[derive(Debug)]
struct Thread {
    incarnation: Incarnation,
    /// A conversation that began later is this life's own from its first line on.
    since: Time,
    /// `None`: nobody wants it looked for.
    process: Option<Identity>,
    /// Looks that are left.
    looks: u32,
    /// Its program was seen to keep a conversation.
    seen: bool,
    rollout: Option<PathBuf>,
}

/// What a look brought.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) agent: AgentId,
    pub(super) incarnation: Incarnation,
    /// A transcript, and whether all of it is news; `None`: there will be one.
    pub(super) rollout: Option<(PathBuf, bool)>,
}

impl Found {
    /// What it says of the agent.
    pub(super) fn report(&self) -> Report {
        let transcript = self.rollout.as_ref().map(|(path, _)| path.clone());
        // One without a transcript can't be resumed, so it has no name yet.
        let conversation = transcript.as_deref().and_then(codex::thread_of).map(str::to_string);
        Report::SessionStarted { conversation, transcript }
    }
}

impl Threads {
    /// This life's channel is read from now on.
    pub(super) fn begins(&mut self, agent: &AgentId, incarnation: Incarnation) {
        let since = clock::wall();
        let thread = Thread { incarnation, since, process: None, looks: 0, seen: false, rollout: None };
        self.0.insert(agent.clone(), thread);
    }

    /// Its process is known, and keeps the transcript open.
    pub(super) fn attend(&mut self, agent: &AgentId, incarnation: Incarnation, process: Identity) {
        let thread = self.0.get_mut(agent).filter(|thread| thread.incarnation == incarnation);
        if let Some(thread) = thread {
            (thread.process, thread.looks) = (Some(process), LOOKS);
        }
    }

    /// Something has happened that may bring it, or another one in its place.
    pub(super) fn stir(&mut self, agent: &AgentId) {
        if let Some(thread) = self.0.get_mut(agent).filter(|thread| thread.process.is_some()) {
            thread.looks = LOOKS;
        }
    }

    /// The agent has ended.
    pub(super) fn forget(&mut self, agent: &AgentId) {
        self.0.remove(agent);
    }

    /// Some process is worth another look.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.values().any(|thread| thread.looks > 0)
    }

    /// One look at each.
    pub(super) fn look(&mut self) -> Vec<Found> {
        let awaited = self.0.iter_mut().filter(|(_, thread)| thread.looks > 0);
        awaited.filter_map(|(agent, thread)| thread.look(agent)).collect()
    }
}

impl Thread {
    fn look(&mut self, agent: &AgentId) -> Option<Found> {
        self.looks -= 1;
        let process = self.process.as_ref()?;
        if process::identity(process.pid).as_ref() != Some(process) {
            self.looks = 0;
            return None;
        }
        let open = codex::open(process.pid);
        let found = |rollout| Found { agent: agent.clone(), incarnation: self.incarnation, rollout };
        // A person may go on in another conversation, and the model has helpers with conversations of their own.
        let written =
            |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let Some(path) = open.rollouts.into_iter().filter(|path| codex::is_main(path)).max_by_key(written) else {
            let news = !self.seen && !open.threads.is_empty();
            self.seen |= news;
            return news.then(|| found(None));
        };
        if open.threads.len() <= 1 {
            self.looks = 0;
        }
        self.seen = true;
        if self.rollout.as_ref() == Some(&path) {
            return None;
        }
        let news = self.is_news(&path);
        self.rollout = Some(path.clone());
        Some(found(Some((path, news))))
    }

    fn is_news(&self, path: &Path) -> bool {
        codex::thread_of(path).and_then(codex::began).is_some_and(|began| began >= self.since)
    }
}
