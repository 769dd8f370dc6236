//! What a program keeps of its own state in a file of its home: Claude Code writes `sessions/<pid>.json`, from 2.1.197 on with what
//! it is doing. Read when the kernel tells of a change; found by the conversation, whose transcript lies in the same home.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::edge::channel::claude::{self, Session};
use crate::edge::files::{self, FileError};
use crate::pilot::fact::ProgramState;
use crate::pilot::id::{AgentId, Incarnation};

/// Such a file has less than 1 KiB.
const CAP: u64 = 64 << 10;
/// Files in such a folder that are looked at; ended programs leave theirs behind.
const FILES: usize = 1000;

/// The agents whose programs may write such a file.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    agents: BTreeMap<AgentId, Sought>,
    /// Folders that the kernel tells of.
    watched: BTreeSet<PathBuf>,
}

#[derive(Debug)]
struct Sought {
    incarnation: Incarnation,
    folder: PathBuf,
    conversation: String,
    /// What was told last.
    told: Option<ProgramState>,
}

/// A state that is news.
pub(super) type News = (AgentId, Incarnation, ProgramState);

impl Sessions {
    /// An agent's conversation has this transcript: `<home>/projects/<folder>/<conversation>.jsonl`.
    pub(super) fn expect(&mut self, agent: &AgentId, incarnation: Incarnation, transcript: &Path) {
        self.agents.remove(agent);
        let projects = transcript.ancestors().nth(2).filter(|folder| folder.ends_with("projects"));
        let home = projects.and_then(Path::parent);
        let conversation = transcript.file_stem().and_then(|stem| stem.to_str());
        let (Some(home), Some(conversation)) = (home, conversation) else { return };
        let sought =
            Sought { incarnation, folder: home.join("sessions"), conversation: conversation.to_string(), told: None };
        self.agents.insert(agent.clone(), sought);
    }

    /// Folders that are there by now and not watched yet; they count as watched from now on.
    pub(super) fn unwatched(&mut self) -> Vec<PathBuf> {
        let folders: BTreeSet<&PathBuf> = self.agents.values().map(|sought| &sought.folder).collect();
        let new = folders.into_iter().filter(|folder| !self.watched.contains(*folder) && folder.is_dir());
        let new: Vec<PathBuf> = new.cloned().collect();
        self.watched.extend(new.iter().cloned());
        new
    }

    /// What stands in the files of a folder: for an agent that was there before we looked. And whether each could be read.
    pub(super) fn scan(&mut self, folder: &Path) -> (Vec<News>, bool) {
        // A folder that is gone says nothing any more.
        let Ok(listing) = folder.read_dir() else { return (Vec::new(), !folder.exists()) };
        let paths: Vec<PathBuf> = listing.flatten().take(FILES).map(|entry| entry.path()).collect();
        let read: Vec<_> = paths.iter().map(|path| self.changed(path)).collect();
        let whole = read.iter().all(Result::is_ok);
        (read.into_iter().filter_map(Result::ok).flatten().collect(), whole)
    }

    /// The same for all folders.
    pub(super) fn scan_all(&mut self) -> (Vec<News>, bool) {
        let folders: Vec<PathBuf> = self.watched.iter().cloned().collect();
        let scans: Vec<(Vec<News>, bool)> = folders.iter().map(|folder| self.scan(folder)).collect();
        let whole = scans.iter().all(|(_, whole)| *whole);
        (scans.into_iter().flat_map(|(news, _)| news).collect(), whole)
    }

    /// A file has changed, whose ever it is. An error: it could not be read just now.
    pub(super) fn changed(&mut self, path: &Path) -> Result<Option<News>, FileError> {
        if !self.is_state(path) {
            return Ok(None);
        }
        match files::read_bounded(path, CAP) {
            Ok(bytes) => Ok(self.told(path, &bytes)),
            Err(error @ FileError::Io { .. }) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn is_state(&self, path: &Path) -> bool {
        path.parent().is_some_and(|folder| self.watched.contains(folder))
            && path.extension().is_some_and(|end| end == "json")
    }

    fn told(&mut self, path: &Path, bytes: &[u8]) -> Option<News> {
        let folder = path.parent()?;
        // One that is being written has no end yet, and comes again.
        let Session { conversation, state } = claude::session(bytes)?;
        let (agent, sought) = self
            .agents
            .iter_mut()
            .find(|(_, sought)| sought.conversation == conversation && sought.folder.as_path() == folder)?;
        let news = sought.told.as_ref() != Some(&state);
        sought.told = Some(state.clone());
        news.then(|| (agent.clone(), sought.incarnation, state))
    }

    /// Its program has ended. The folder that nobody needs any more.
    pub(super) fn forget(&mut self, agent: &AgentId) -> Option<PathBuf> {
        let folder = self.agents.remove(agent)?.folder;
        let needed = self.agents.values().any(|sought| sought.folder == folder);
        (!needed && self.watched.remove(&folder)).then_some(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_for_the_agent_whose_conversation_it_is() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sessions");
        let (builder, other) = (AgentId::parse("builder").unwrap(), AgentId::parse("other").unwrap());
        let mut sessions = Sessions::default();
        sessions.expect(&builder, Incarnation(3), &home.path().join("projects/-w/c-1.jsonl"));
        sessions.expect(&other, Incarnation(1), &home.path().join("projects/-w/c-2.jsonl"));
        assert!(sessions.unwatched().is_empty());
        std::fs::create_dir(&folder).unwrap();
        let write = |conversation: &str, status: &str| {
            let text = format!(r#"{{"pid":7,"sessionId":"{conversation}",{status}"version":"2.1.329"}}"#);
            std::fs::write(folder.join("7.json"), text).unwrap();
        };
        write("c-1", r#""status":"busy","#);
        assert_eq!(sessions.changed(&folder.join("7.json")).unwrap(), None);
        assert_eq!(sessions.unwatched(), std::slice::from_ref(&folder));
        assert_eq!(sessions.unwatched(), Vec::<PathBuf>::new());
        assert_eq!(sessions.scan(&folder), (vec![(builder.clone(), Incarnation(3), ProgramState::Busy)], true));
        assert_eq!(sessions.changed(&folder.join("7.json")).unwrap(), None);
        write("c-1", r#""status":"waiting","waitingFor":"permission prompt","#);
        let on = "permission prompt".to_string();
        assert_eq!(
            sessions.changed(&folder.join("7.json")).unwrap(),
            Some((builder.clone(), Incarnation(3), ProgramState::Waiting { on }))
        );
        for (conversation, status) in
            [("c-9", r#""status":"idle","#), ("c-2", ""), ("c-2", r#""status":"dancing","#), ("c-2", "\"status\":")]
        {
            write(conversation, status);
            assert_eq!(sessions.changed(&folder.join("7.json")).unwrap(), None, "{conversation} {status}");
        }
        write("c-1", r#""status":"idle","#);
        assert_eq!(sessions.changed(&folder.join("7.key")).unwrap(), None);
        assert_eq!(sessions.forget(&builder), None);
        assert_eq!(sessions.changed(&folder.join("7.json")).unwrap(), None);
        assert_eq!(sessions.forget(&other), Some(folder));
    }
}
