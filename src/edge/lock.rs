//! One engine per workspace: a file lock held for life, and an epoch that tells an engine that was stopped and
//! replaced that it is no longer in charge (fault P10).
//!
//! Never waits for a living holder and never takes the lock away from it. One that was killed while it started a process may
//! leave that with its lock for a moment, until the program that was to run begins: this is waited for.

use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use super::{clock, process};
use crate::pilot::fact::Identity;
use crate::pilot::time::Time;

/// Name of the file inside the state folder.
pub const NAME: &str = "lock";
/// What we write has some 250 bytes; more is not ours.
const CAP: u64 = 4096;
/// How often the file may be replaced under us while we take it, before that is strange enough to give up.
const TRIES: u32 = 8;

/// A process between its beginning and its program takes milliseconds; on a starving machine some more.
const LEFT_OVER_MS: i64 = 2_000;
const LOOK: Duration = Duration::from_millis(10);

/// Who holds a workspace, as its lock file tells everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub host: String,
    pub since: Time,
    /// Counts the engines of this workspace; written into every intent.
    pub epoch: u64,
    /// `None` once it has ended of its own will.
    pub process: Option<Identity>,
}

/// Why the workspace is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "an engine already runs here: process {} on {} since {}: use it, or end it with `flightdeck down`",
        .0.pid, .0.host, .0.since
    )]
    Held(Holder),
    #[error("an engine already runs here, and its lock file does not say which")]
    HeldBySomebody,
    #[error("{}: this file system can't lock files ({why}): put the workspace on a local disk", path.display())]
    NoLocks { path: PathBuf, why: String },
    #[error(transparent)]
    File(#[from] FileError),
}

/// The lock, held until dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
    holder: Holder,
}

impl Lock {
    /// Takes the workspace whose state folder is `dir`, or says who has it. The epoch is one more than the last one.
    pub fn take(dir: &Path, now: Time) -> Result<Self, LockError> {
        files::private_dir(dir)?;
        let path = dir.join(NAME);
        let begun = clock::monotonic_ms();
        let mut replaced = 0;
        while replaced < TRIES {
            let file = files::open_private(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock)
                    if is_left_over(&path) && clock::monotonic_ms() - begun < LEFT_OVER_MS =>
                {
                    clock::block(LOOK);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(held(&path)),
                Err(TryLockError::Error(cause)) => return Err(LockError::NoLocks { path, why: cause.to_string() }),
            }
            // Somebody may have removed the file between our opening and our locking it: then the lock excludes nobody.
            if same_file(&path, &file) {
                excludes(&path)?;
                return Self::sign(path, file, now);
            }
            replaced += 1;
        }
        Err(LockError::HeldBySomebody)
    }

    /// This engine's number.
    pub fn epoch(&self) -> u64 {
        self.holder.epoch
    }

    /// What the file says of us.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Raises the epoch above `seen`, the newest one in the records: the lock file may have been lost (fault S3).
    pub fn rise_above(&mut self, seen: u64) -> Result<(), LockError> {
        if self.holder.epoch <= seen {
            self.holder.epoch = seen + 1;
            self.write()?;
        }
        Ok(())
    }

    /// Whether we are still in charge: the file at the path is the one we locked, and it names us. To be asked just
    /// before each effect; costs three system calls, and no descriptor, of which there may be none left (fault P15).
    pub fn still_ours(&self) -> bool {
        same_file(&self.path, &self.file)
            && read(&self.file).is_some_and(|holder| (holder.epoch, holder.pid) == (self.holder.epoch, self.holder.pid))
    }

    fn sign(path: PathBuf, file: File, now: Time) -> Result<Self, LockError> {
        let before = holder(&path).map_or(0, |holder| holder.epoch);
        let pid = std::process::id();
        let holder = Holder { pid, host: host(), since: now, epoch: before + 1, process: process::identity(pid) };
        let lock = Lock { path, file, holder };
        lock.write()?;
        Ok(lock)
    }

    /// Written in place, since the lock is on this very file: in one piece, and cut to its length only afterwards, so
    /// that no crash leaves it without an epoch.
    fn write(&self) -> Result<(), LockError> {
        let mut text = serde_json::to_vec(&self.holder).expect("a holder has no map keys and no floats");
        text.push(b'\n');
        let length = u64::try_from(text.len()).unwrap_or(CAP);
        let mut file = &self.file;
        let written = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&text))
            .and_then(|()| file.set_len(length))
            .and_then(|()| file.sync_data());
        written.map_err(|cause| FileError::Io { path: self.path.clone(), cause }.into())
    }
}

impl Drop for Lock {
    /// Says goodbye in the file, whose epoch stays for the next one. A crash says nothing; then the process tells.
    fn drop(&mut self) {
        if self.still_ours() {
            self.holder.process = None;
            // Nobody is left to be told when it fails.
            let _ = self.write();
        }
    }
}

/// What the lock file at `path` says, whether or not the one it names still lives.
pub fn holder(path: &Path) -> Option<Holder> {
    parsed(&files::read_bounded(path, CAP).ok()?)
}

fn read(file: &File) -> Option<Holder> {
    let mut bytes = [0; CAP as usize];
    let length = file.read_at(&mut bytes, 0).ok()?;
    parsed(&bytes[..length])
}

fn parsed(bytes: &[u8]) -> Option<Holder> {
    // A longer predecessor's tail may follow for the moment between the write and the cut.
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok()
}

/// The engine that holds the workspace now, if one does: for commands that only want to know. Looks at the process and
/// not at the lock, because even a moment's trial of the lock could turn away an engine that is just starting.
pub fn current(dir: &Path) -> Option<Holder> {
    let holder = holder(&dir.join(NAME))?;
    let process = holder.process.as_ref()?;
    (process::alive(process) != process::Alive::No).then_some(holder)
}

/// The one that the file names has ended, and yet the lock is held.
fn is_left_over(path: &Path) -> bool {
    let process = holder(path).and_then(|holder| holder.process);
    process.is_some_and(|process| process::alive(&process) == process::Alive::No)
}

fn held(path: &Path) -> LockError {
    holder(path).map_or(LockError::HeldBySomebody, LockError::Held)
}

fn same_file(path: &Path, file: &File) -> bool {
    match (path.symlink_metadata(), file.metadata()) {
        (Ok(there), Ok(ours)) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// A second opening of the file must not get the lock. Where it does, locks are only pretended, or belong to processes
/// and not to files, as on network file systems: there two machines could both believe they are alone.
fn excludes(path: &Path) -> Result<(), LockError> {
    let again = files::open_private(path)?;
    match again.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(()),
        Ok(()) => Err(LockError::NoLocks { path: path.to_path_buf(), why: "a lock on it excludes nobody".to_string() }),
        Err(TryLockError::Error(cause)) => Err(LockError::NoLocks { path: path.to_path_buf(), why: cause.to_string() }),
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_second_engine_is_told_who_holds_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".flightdeck");
        assert_eq!(current(&state), None);
        let first = Lock::take(&state, Time(1_000)).unwrap();
        assert_eq!(first.epoch(), 1);
        let Err(LockError::Held(holder)) = Lock::take(&state, Time(2_000)) else { panic!("taken twice") };
        assert_eq!((holder.pid, holder.since, holder.epoch), (std::process::id(), Time(1_000), 1));
        assert_eq!(current(&state), Some(holder));
        assert!(first.still_ours());
        drop(first);
        assert_eq!(current(&state), None);
        assert_eq!(Lock::take(&state, Time(3_000)).unwrap().epoch(), 2);
    }

    #[test]
    fn an_engine_whose_lock_was_taken_over_finds_itself_fenced() {
        let dir = tempfile::tempdir().unwrap();
        let old = Lock::take(dir.path(), Time(1_000)).unwrap();
        std::fs::remove_file(dir.path().join(NAME)).unwrap();
        assert!(!old.still_ours());
        let mut new = Lock::take(dir.path(), Time(2_000)).unwrap();
        new.rise_above(7).unwrap();
        assert!(!old.still_ours() && new.still_ours());
        assert_eq!((new.epoch(), current(dir.path()).unwrap().epoch), (8, 8));
    }

    #[test]
    fn an_epoch_raised_by_somebody_else_fences_too() {
        let dir = tempfile::tempdir().unwrap();
        let old = Lock::take(dir.path(), Time(1_000)).unwrap();
        let other = Holder { epoch: 2, ..old.holder().clone() };
        std::fs::write(dir.path().join(NAME), serde_json::to_string(&other).unwrap()).unwrap();
        assert!(!old.still_ours());
    }

    #[test]
    fn a_lock_that_a_dead_holders_child_still_has_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = crate::edge::spawn::blocking("sleep").arg("60").spawn().unwrap();
        let process = process::identity(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        let dead = Holder { pid: child.id(), host: host(), since: Time(0), epoch: 3, process };
        std::fs::write(dir.path().join(NAME), serde_json::to_string(&dead).unwrap()).unwrap();
        std::fs::set_permissions(dir.path().join(NAME), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let left = files::open_private(&dir.path().join(NAME)).unwrap();
        left.try_lock().unwrap();
        let soon = crate::edge::spawn::thread("left over", move || {
            clock::block(Duration::from_millis(200));
            drop(left);
        });
        assert_eq!(Lock::take(dir.path(), Time(1)).unwrap().epoch(), 4);
        soon.unwrap().join().unwrap();
    }

    #[test]
    fn rubbish_in_the_lock_file_stops_nobody() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), vec![b'x'; 10_000]).unwrap();
        std::fs::set_permissions(dir.path().join(NAME), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let lock = Lock::take(dir.path(), Time(1_000)).unwrap();
        assert_eq!(lock.epoch(), 1);
        assert!(lock.still_ours());
    }

    #[test]
    fn a_killed_holder_frees_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let mut holder = crate::edge::spawn::blocking(std::env::current_exe().unwrap())
            .args(["--exact", "edge::lock::tests::the_holder_in_another_process", "--nocapture"])
            .env(HOLD, dir.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(holder.stdout.take().unwrap());
        assert!(std::io::BufRead::lines(said).any(|line| line.unwrap().contains("held")));
        assert_eq!(current(dir.path()).unwrap().pid, holder.id());
        assert!(matches!(Lock::take(dir.path(), Time(1)), Err(LockError::Held(by)) if by.pid == holder.id()));
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_eq!(current(dir.path()), None);
        assert_eq!(Lock::take(dir.path(), Time(2)).unwrap().epoch(), 2);
    }

    const HOLD: &str = "FLIGHTDECK_TEST_HOLD";

    /// No test by itself: what the one above runs as a process that can be killed.
    #[test]
    fn the_holder_in_another_process() {
        let Some(dir) = std::env::var_os(HOLD) else { return };
        let _lock = Lock::take(Path::new(&dir), Time(1_000)).unwrap();
        println!("held");
        // Until our parent kills us, or ends itself and closes the pipe.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}
