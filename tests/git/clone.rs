//! An agent's clone with its status file, and what is told of it.

use std::path::PathBuf;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::git::{LocalStatus, StatusTarget};
use flightdeck::pilot::event::{Event, StatusFile};
use flightdeck::pilot::id::{AgentId, PhaseId};
use tokio::sync::mpsc;

pub(crate) struct Clone {
    pub(crate) dir: tempfile::TempDir,
    events: mpsc::Receiver<Event>,
    pub(crate) status: LocalStatus,
}

impl Clone {
    pub(crate) fn new(interval: Duration, prepare: impl FnOnce(PathBuf)) -> Clone {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        prepare(dir.path().join("state/STATUS-1a.md"));
        let (sender, events) = mpsc::channel(16);
        let status = LocalStatus::start(Some(target(&dir, "1a", interval)), sender);
        Clone { dir, events, status }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("state/STATUS-1a.md")
    }

    pub(crate) async fn told(&mut self) -> (String, StatusFile) {
        let event = clock::within(Duration::from_secs(60), self.events.recv()).await.expect("in time");
        match event.expect("it lives") {
            Event::StatusRead { phase, status, .. } => (phase.to_string(), status),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn target(dir: &tempfile::TempDir, phase: &str, interval: Duration) -> StatusTarget {
    StatusTarget {
        agent: AgentId::parse("builder").unwrap(),
        dir: dir.path().to_path_buf(),
        state_dir: "state".to_string(),
        phase: PhaseId::parse(phase).unwrap(),
        interval,
    }
}
