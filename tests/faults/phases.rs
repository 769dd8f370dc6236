//! Faults of phases and of the files that tell where they stand.

use std::path::PathBuf;
use std::time::Duration;

use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::event::StatusFile;

use super::clone::Clone;
use super::world::{NEVER, OFTEN, pipe};

#[tokio::test]
async fn f1_a_file_that_is_written_anew_all_the_time_never_changes_the_verdict_by_a_half_of_it() {
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

#[tokio::test]
async fn f4_what_is_no_readable_file_is_told_as_that_and_never_waited_for() {
    type Prepare = fn(PathBuf);
    let cases: [(&str, Prepare); 5] = [
        ("no regular file", |file| pipe(&file)),
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
