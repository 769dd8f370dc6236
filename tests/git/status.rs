//! The status file in the Builder's clone.

use crate::clone::{Clone, target};
use crate::world::NEVER;
use flightdeck::pilot::event::StatusFile;

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
