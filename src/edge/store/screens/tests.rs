use std::os::unix::fs::MetadataExt;

use super::*;

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

fn row(name: &str, at: i64, text: &str) -> ScreenRow {
    ScreenRow { agent: agent(name), at: Time(at), seq: 1, lines: vec![text.to_string(), String::new()] }
}

fn batch(rows: Vec<ScreenRow>) -> Batch {
    Batch { rows, oldest: Time(0) }
}

fn shown(reader: &ScreensReader, name: &str, at: i64) -> Option<(i64, String)> {
    reader.at(&agent(name), Time(at)).map(|kept| (kept.at.0, kept.lines[0].clone()))
}

#[test]
fn the_newest_screen_at_or_before_a_time_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state").join(NAME);
    assert!(matches!(ScreensReader::open(&path), Err(StoreError::File(FileError::Missing(_)))));
    let mut file = ScreensFile::open(&path).unwrap();
    file.write(&batch(vec![row("a", 10, "one"), row("b", 10, "other")])).unwrap();
    let reader = ScreensReader::open(&path).unwrap();
    file.write(&batch(vec![row("a", 20, "two")])).unwrap();
    assert_eq!(shown(&reader, "a", 9), None);
    assert_eq!(shown(&reader, "a", 19), Some((10, "one".to_string())));
    assert_eq!(shown(&reader, "a", 20), Some((20, "two".to_string())));
    assert_eq!(shown(&reader, "b", 99), Some((10, "other".to_string())));
    assert_eq!(reader.at(&agent("a"), Time(20)).unwrap().lines, ["two", ""]);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(with_suffix(&path, suffix).metadata().unwrap().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn the_oldest_go_first_and_the_file_keeps_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state").join(NAME);
    let mut file = ScreensFile::open(&path).unwrap();
    file.room = 4 << 20;
    let text = "x".repeat(10_000);
    for at in 0..2_000 {
        file.write(&Batch { rows: vec![row("a", at, &text)], oldest: Time(100) }).unwrap();
    }
    assert!(file.used().unwrap() <= file.room + 2 * i64::try_from(LOOK).unwrap());
    drop(file);
    assert!(path.metadata().unwrap().len() < 8 << 20);
    let reader = ScreensReader::open(&path).unwrap();
    assert_eq!(shown(&reader, "a", 1_000), None);
    assert_eq!(shown(&reader, "a", 1_999).map(|(at, _)| at), Some(1_999));
}

#[test]
fn what_is_too_old_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state").join(NAME);
    let mut file = ScreensFile::open(&path).unwrap();
    file.write(&batch(vec![row("a", 10, "old"), row("a", 200, "new")])).unwrap();
    drop(file);
    ScreensFile::open(&path).unwrap().write(&Batch { rows: vec![row("a", 300, "newest")], oldest: Time(100) }).unwrap();
    let reader = ScreensReader::open(&path).unwrap();
    assert_eq!((shown(&reader, "a", 150), shown(&reader, "a", 250).is_some()), (None, true));
}

#[test]
fn a_damaged_file_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state").join(NAME);
    drop(ScreensFile::open(&path).unwrap());
    std::fs::write(&path, [0xff; 9_000]).unwrap();
    ScreensFile::open(&path).unwrap().write(&batch(vec![row("a", 10, "one")])).unwrap();
    assert!(shown(&ScreensReader::open(&path).unwrap(), "a", 10).is_some());
}

#[test]
fn a_keeper_that_can_keep_nothing_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state").join(NAME);
    std::fs::create_dir_all(&path).unwrap();
    let mut keeper = ScreensKeeper::new(path);
    keeper.keep(Vec::new(), Time(0));
    assert!(keeper.thread.is_none());
    for at in 0..200 {
        keeper.keep(vec![row("a", at, "one")], Time(0));
    }
}
