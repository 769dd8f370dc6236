//! The status file in the Builder's clone: F1, F2, F4.

use std::path::PathBuf;
use std::time::Duration;

use crate::world::{self, NEVER, OFTEN};
use flightdeck::edge::git::{LocalStatus, StatusTarget};
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::event::{Event, StatusFile};
use flightdeck::pilot::id::{AgentId, PhaseId};
use tokio::sync::mpsc;

struct Clone {
    dir: tempfile::TempDir,
    events: mpsc::Receiver<Event>,
    status: LocalStatus,
}

impl Clone {
    fn new(interval: Duration, prepare: impl FnOnce(PathBuf)) -> Clone {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        prepare(dir.path().join("state/STATUS-1a.md"));
        let (sender, events) = mpsc::channel(16);
        let status = LocalStatus::start(Some(target(&dir, "1a", interval)), sender);
        Clone { dir, events, status }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("state/STATUS-1a.md")
    }

    async fn told(&mut self) -> (String, StatusFile) {
        let event = clock::within(Duration::from_secs(20), self.events.recv()).await.expect("in time");
        match event.expect("it lives") {
            Event::StatusRead { phase, status, .. } => (phase.to_string(), status),
            other => panic!("{other:?}"),
        }
    }
}

fn target(dir: &tempfile::TempDir, phase: &str, interval: Duration) -> StatusTarget {
    StatusTarget {
        agent: AgentId::parse("builder").unwrap(),
        dir: dir.path().to_path_buf(),
        state_dir: "state".to_string(),
        phase: PhaseId::parse(phase).unwrap(),
        interval,
    }
}

#[tokio::test]
async fn done_is_told_when_it_is_written_and_open_when_it_is_withdrawn() {
    let mut clone = Clone::new(NEVER, |_| {});
    assert_eq!(clone.told().await.1, StatusFile::Open);
    std::fs::write(clone.file(), "# phase 1a\n").unwrap();
    std::fs::write(clone.file(), "# phase 1a\n\n## DONE\n").unwrap();
    assert_eq!(clone.told().await.1, StatusFile::Done);
    std::fs::write(clone.dir.path().join("state/x"), "# phase 1a, not yet\n").unwrap();
    std::fs::rename(clone.dir.path().join("state/x"), clone.file()).unwrap();
    assert_eq!(clone.told().await.1, StatusFile::Open);
}

#[tokio::test]
async fn a_folder_that_comes_later_is_found() {
    let mut clone = Clone::new(NEVER, |file| std::fs::remove_dir(file.parent().unwrap()).unwrap());
    assert_eq!(clone.told().await.1, StatusFile::Open);
    std::fs::create_dir(clone.dir.path().join("state")).unwrap();
    std::fs::write(clone.file(), "## DONE\n").unwrap();
    assert_eq!(clone.told().await.1, StatusFile::Done);
}

#[tokio::test]
async fn a_folder_that_is_replaced_again_and_again_is_still_watched() {
    let mut clone = Clone::new(NEVER, |_| {});
    assert_eq!(clone.told().await.1, StatusFile::Open);
    let state = clone.dir.path().join("state");
    for _ in 0..3 {
        std::fs::remove_dir_all(&state).unwrap();
        std::fs::create_dir(&state).unwrap();
        std::fs::write(clone.file(), "## DONE\n").unwrap();
        assert_eq!(clone.told().await.1, StatusFile::Done);
        std::fs::remove_file(clone.file()).unwrap();
        assert_eq!(clone.told().await.1, StatusFile::Open);
    }
}

#[tokio::test]
async fn the_next_phase_has_its_own_file() {
    let mut clone = Clone::new(NEVER, |file| std::fs::write(file, "## DONE\n").unwrap());
    assert_eq!(clone.told().await, ("1a".to_string(), StatusFile::Done));
    clone.status.replace(Some(target(&clone.dir, "1b", NEVER)));
    assert_eq!(clone.told().await, ("1b".to_string(), StatusFile::Open));
    clone.status.replace(None);
    std::fs::write(clone.dir.path().join("state/STATUS-1b.md"), "## DONE\n").unwrap();
    clone.status.replace(Some(target(&clone.dir, "1a", NEVER)));
    assert_eq!(clone.told().await, ("1a".to_string(), StatusFile::Done));
}

#[tokio::test]
async fn what_is_no_readable_file_is_told_as_that_and_never_waited_for() {
    type Prepare = fn(PathBuf);
    let cases: [(&str, Prepare); 5] = [
        ("no regular file", |file| world::pipe(&file)),
        ("no regular file", |file| std::os::unix::fs::symlink("/dev/zero", file).unwrap()),
        ("levels of symbolic links", |file| std::os::unix::fs::symlink("STATUS-1a.md", file).unwrap()),
        ("no regular file", |file| std::fs::create_dir(file).unwrap()),
        ("larger than 1024 KiB", |file| std::fs::File::create(file).unwrap().set_len(1 << 30).unwrap()),
    ];
    for (expected, prepare) in cases {
        let mut clone = Clone::new(NEVER, prepare);
        match clone.told().await.1 {
            StatusFile::Unreadable(why) => {
                assert!(why.starts_with("state/STATUS-1a.md: ") && why.contains(expected), "{why}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_that_is_written_anew_all_the_time_never_changes_the_verdict_by_a_half_of_it() {
    let mut clone = Clone::new(OFTEN, |file| std::fs::write(file, "# 1a\n## DONE\n").unwrap());
    assert_eq!(clone.told().await.1, StatusFile::Done);
    let file = clone.file();
    let writer = spawn::thread("writer", move || {
        for n in 0..60 {
            // A truncating writer: for 1 ms in 10 the file is empty.
            std::fs::write(&file, "").unwrap();
            clock::block(Duration::from_millis(1));
            std::fs::write(&file, format!("# 1a\n## DONE\n{n}\n")).unwrap();
            clock::block(Duration::from_millis(9));
        }
        std::fs::write(&file, "# 1a, over\n").unwrap();
    });
    assert_eq!(clone.told().await.1, StatusFile::Open);
    assert_eq!(std::fs::read_to_string(clone.file()).unwrap(), "# 1a, over\n");
    writer.unwrap().join().unwrap();
}
