//! What an engine stands on: the files that say what is to be done, and the disks that it and its agents write to. Looked at now
//! and then; judges nothing and takes nothing over.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::workspace;
use crate::config::Sources;
use crate::config::fnv::fnv;
use crate::config::parse::MAIN;
use crate::pilot::fact::{Disk, Premises};

/// Entries that are looked at for the largest file; a clone with its build has fewer, and this takes a tenth of a second.
const ENTRIES: usize = 50_000;

/// The files as they were when somebody took them over, and as they were seen last.
#[derive(Debug)]
pub struct Ground {
    root: PathBuf,
    folders: Vec<PathBuf>,
    every: Duration,
    /// Content by name.
    taken: BTreeMap<String, u64>,
    /// What tells cheaply that nothing was written since.
    stamp: Stamp,
    changed: Vec<String>,
    disk: Option<Disk>,
}

/// Of each file and folder: when it was written, which it is, how long it is.
type Stamp = Vec<(i64, i64, u64, u64)>;

impl Ground {
    /// The files of a workspace as they lie there now count as taken over; its agents write to these folders.
    pub fn of(root: &Path, folders: Vec<PathBuf>, every: Duration) -> Self {
        let (taken, stamp, changed) = (BTreeMap::new(), Stamp::new(), Vec::new());
        let mut ground =
            Ground { root: root.to_path_buf(), folders: Vec::new(), every, taken, stamp, changed, disk: None };
        ground.take_over(folders, every);
        ground
    }

    /// From now on what is there now is no change.
    pub fn take_over(&mut self, folders: Vec<PathBuf>, every: Duration) {
        (self.folders, self.every) = (folders, every);
        self.stamp = stamp(&self.root);
        self.taken = contents(&self.root).unwrap_or_default();
        self.changed.clear();
    }

    /// Writes a file of our own among them: that is no change, unless somebody else had changed it before.
    pub fn write<E>(&mut self, name: &str, write: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        self.look_at_files();
        write()?;
        if !self.changed.iter().any(|changed| changed == name)
            && let Some(content) = contents(&self.root).and_then(|mut contents| contents.remove(name))
        {
            self.taken.insert(name.to_string(), content);
            self.stamp.clear();
        }
        Ok(())
    }

    /// How often it is to be looked at.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// Looks at files and disks. Blocks for some file system calls, and for many where a disk is nearly full.
    pub fn look(&mut self) -> Premises {
        self.look_at_files();
        self.disk = fullest(&self.folders, self.disk.as_ref());
        Premises { changed: self.changed.clone(), disk: self.disk.clone() }
    }

    fn look_at_files(&mut self) {
        let now = stamp(&self.root);
        if now != self.stamp {
            self.stamp = now;
            self.changed = match contents(&self.root) {
                Some(contents) => differing(&self.taken, &contents),
                // `check` tells what is wrong; here it counts that they are not what they were.
                None => vec![MAIN.to_string()],
            };
        }
    }
}

fn stamp(root: &Path) -> Stamp {
    let folders = ["phases", "prompts"].map(|folder| root.join(folder));
    let inside = folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let mut paths: Vec<PathBuf> = inside.map(|entry| entry.path()).collect();
    paths.sort();
    paths.push(root.join(MAIN));
    let seen = |path: &PathBuf| {
        let meta = path.symlink_metadata().ok()?;
        Some((meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.len()))
    };
    paths.iter().map(|path| seen(path).unwrap_or_default()).collect()
}

fn contents(root: &Path) -> Option<BTreeMap<String, u64>> {
    let Sources { main, phases, prompts, .. } = workspace::read(root).ok()?;
    let mut contents = BTreeMap::from([(MAIN.to_string(), fnv(main))]);
    for (folder, files) in [("phases", phases), ("prompts", prompts)] {
        contents.extend(files.into_iter().map(|(name, bytes)| (format!("{folder}/{name}"), fnv(bytes))));
    }
    Some(contents)
}

fn differing(old: &BTreeMap<String, u64>, new: &BTreeMap<String, u64>) -> Vec<String> {
    let mut names: Vec<String> =
        old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// A disk that gets scarce, or else the one with the least room.
fn fullest(folders: &[PathBuf], last: Option<&Disk>) -> Option<Disk> {
    let room = |folder: &PathBuf| {
        let disk = rustix::fs::statvfs(folder).ok().filter(|disk| disk.f_blocks > 0)?;
        let free = u8::try_from(disk.f_bavail.saturating_mul(100) / disk.f_blocks).unwrap_or(100);
        let free_mib = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
        Some((Disk { folder: folder.display().to_string(), free, free_mib, largest: None }, disk.f_fsid))
    };
    let rooms = folders.iter().filter_map(room);
    let (mut disk, id) = rooms.min_by_key(|(disk, _)| (!disk.is_low(), disk.free_mib))?;
    if disk.is_low() {
        let same = |last: &&Disk| last.folder == disk.folder && last.free == disk.free;
        let known = last.filter(same).and_then(|last| last.largest.clone());
        disk.largest = known.or_else(|| largest(folders, id));
    }
    Some(disk)
}

/// The largest file on this disk in these folders; links are not followed.
fn largest(folders: &[PathBuf], disk: u64) -> Option<String> {
    let there = |folder: &&PathBuf| rustix::fs::statvfs(*folder).is_ok_and(|other| other.f_fsid == disk);
    let mut open: Vec<PathBuf> = folders.iter().filter(there).cloned().collect();
    let (mut looked, mut best) = (0, None);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            looked += 1;
            if looked > ENTRIES {
                break;
            }
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                open.push(entry.path());
            } else if meta.is_file() {
                // Room that is taken, not the length: a file may have holes.
                best = best.max(Some((meta.blocks() * 512, entry.path())));
            }
        }
    }
    best.map(|(_, path)| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_since_is_named_until_it_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("prompts")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        write(MAIN, "version = 1\n");
        write("prompts/builder.md", "begin\n");
        let mut ground = Ground::of(&root, Vec::new(), Duration::ZERO);
        let changed = |ground: &mut Ground| ground.look().changed;
        assert_eq!(changed(&mut ground), Vec::<String>::new());
        write("prompts/builder.md", "begin at once\n");
        write("prompts/other.md", "x\n");
        assert_eq!(changed(&mut ground), ["prompts/builder.md", "prompts/other.md"]);
        // Put back as it was is no change, whenever it was written.
        write("prompts/builder.md", "begin\n");
        assert_eq!(changed(&mut ground), ["prompts/other.md"]);
        ground.take_over(Vec::new(), Duration::ZERO);
        assert_eq!(changed(&mut ground), Vec::<String>::new());
        // What we write ourselves is none, and hides none of somebody else's.
        ground.write(MAIN, || std::fs::write(root.join(MAIN), "version = 1\n# ours\n")).unwrap();
        assert_eq!(changed(&mut ground), Vec::<String>::new());
        write(MAIN, "version = 1\n# theirs\n");
        ground.write(MAIN, || std::fs::write(root.join(MAIN), "version = 1\n# theirs, and ours\n")).unwrap();
        assert_eq!(changed(&mut ground), [MAIN]);
        std::fs::remove_file(root.join(MAIN)).unwrap();
        assert_eq!(changed(&mut ground), [MAIN]);
    }

    #[test]
    fn the_largest_file_is_named_by_the_room_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("below")).unwrap();
        std::fs::write(dir.path().join("below/large"), vec![1; 3 << 20]).unwrap();
        std::fs::File::create(dir.path().join("hollow")).unwrap().set_len(1 << 30).unwrap();
        let folders = [dir.path().to_path_buf(), PathBuf::from("/nonexistent")];
        let disk = rustix::fs::statvfs(dir.path()).unwrap();
        let told = largest(&folders, disk.f_fsid).unwrap();
        assert!(told.ends_with("below/large"), "{told}");
        assert_eq!(largest(&folders, disk.f_fsid.wrapping_add(1)), None);
        let disk = fullest(&folders, None).unwrap();
        assert!(disk.free <= 100 && disk.folder == dir.path().display().to_string(), "{disk:?}");
    }
}
