//! Which agents write a transcript, and where. Its file comes with the first prompt of a conversation, some time after the
//! program has named it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::tail::MARKS;
use crate::config::model::Channel;
use crate::edge::files;
use crate::pilot::id::{AgentId, Incarnation};

/// A file that is awaited is looked for again after this, where something has happened that may bring it.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// So often; after that, what happens next brings new looks.
const LOOKS: u32 = 50;
/// Longest note of a path.
const NOTE_CAP: u64 = 16 << 10;

/// The transcripts of all agents.
#[derive(Debug, Default)]
pub(super) struct Transcripts(BTreeMap<AgentId, Transcript>);

#[derive(Debug)]
struct Transcript {
    note: Note,
    /// Looks that are left; `None`: it is there.
    looks: Option<u32>,
    /// It was not there yet when it was named: all of it is news.
    new: bool,
}

/// A transcript that was named. As a file: what a later engine needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) incarnation: Incarnation,
    pub(super) path: PathBuf,
    /// Whose words it is in.
    #[serde(default = "claude")]
    pub(super) channel: Channel,
}

/// Notes of engines that knew no other.
fn claude() -> Channel {
    Channel::Claude
}

impl Transcripts {
    /// An agent's transcript is known; `new`: all of it is news.
    pub(super) fn expect(&mut self, dir: &Path, agent: &AgentId, note: Note, new: bool) {
        let written =
            serde_json::to_vec(&note).map(|text| files::write_whole(&place(dir, agent), &text, files::PRIVATE));
        if let Ok(Err(error)) = written {
            tracing::warn!(%agent, %error, "a later engine won't know its transcript");
        }
        self.0.insert(agent.clone(), Transcript { note, looks: Some(0), new });
    }

    /// What an earlier engine knew of this life: where its transcript is.
    pub(super) fn recall(&mut self, dir: &Path, agent: &AgentId, incarnation: Incarnation) -> Option<PathBuf> {
        let text = files::read_private(&place(dir, agent), NOTE_CAP).ok()?;
        let note = serde_json::from_slice::<Note>(&text).ok().filter(|note| note.incarnation == incarnation)?;
        let path = note.path.clone();
        self.0.insert(agent.clone(), Transcript { note, looks: Some(LOOKS), new: false });
        Some(path)
    }

    /// Something has happened in an agent. Whether its file is still awaited: then it is looked for anew.
    pub(super) fn stir(&mut self, agent: &AgentId) -> bool {
        let looks = self.0.get_mut(agent).and_then(|transcript| transcript.looks.as_mut());
        looks.map(|looks| *looks = LOOKS).is_some()
    }

    /// Some file is worth another look.
    pub(super) fn is_awaited(&self) -> bool {
        self.0.values().any(|transcript| transcript.looks.is_some_and(|looks| looks > 0))
    }

    /// One look: the awaited files that are there now, and whether all of each is news. They are awaited until they are
    /// [`Self::followed`].
    pub(super) fn arrived(&mut self) -> Vec<(AgentId, Note, bool)> {
        let mut arrived = Vec::new();
        for (agent, transcript) in &mut self.0 {
            let Some(looks) = transcript.looks.filter(|looks| *looks > 0) else { continue };
            transcript.looks = Some(looks - 1);
            if transcript.note.path.exists() {
                arrived.push((agent.clone(), transcript.note.clone(), transcript.new));
            }
        }
        arrived
    }

    /// An agent's transcript is being read.
    pub(super) fn followed(&mut self, agent: &AgentId) {
        if let Some(transcript) = self.0.get_mut(agent) {
            transcript.looks = None;
        }
    }

    /// Whether this very transcript is followed already, or awaited.
    pub(super) fn holds(&self, agent: &AgentId, note: &Note) -> bool {
        self.0.get(agent).is_some_and(|transcript| transcript.note == *note)
    }

    /// The agent whose transcript that is.
    pub(super) fn whose(&self, path: &Path) -> Option<AgentId> {
        self.0.iter().find(|(_, transcript)| transcript.note.path == path).map(|(agent, _)| agent.clone())
    }

    /// It writes no more; where it did.
    pub(super) fn forget(&mut self, agent: &AgentId) -> Option<PathBuf> {
        self.0.remove(agent).filter(|transcript| transcript.looks.is_none()).map(|transcript| transcript.note.path)
    }
}

fn place(dir: &Path, agent: &AgentId) -> PathBuf {
    dir.join(MARKS).join(format!("{agent}.conversation"))
}
