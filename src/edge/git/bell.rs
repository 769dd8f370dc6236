//! Rings when one of a few named files changes. Watches folders one by one and never a whole tree, so that neither a link
//! to `/` nor a million files in an agent's folder cost us anything. A lost event, a full queue or a machine without
//! watches to spare (fault F7) costs speed only: whoever waits for the bell reads at an interval too.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// A file that matters, below a folder that is taken as given. It need not exist yet, nor the folders between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    root: PathBuf,
    file: PathBuf,
}

/// The watches on all folders that lead to the spots.
pub(super) struct Bell {
    rings: Arc<Notify>,
    /// A folder on the way came or went: the watches no longer fit.
    stale: Arc<AtomicBool>,
    spots: Vec<Spot>,
    folders: BTreeMap<PathBuf, (u64, u64)>,
    watcher: Option<RecommendedWatcher>,
    complained: bool,
}

impl Spot {
    /// `file` is relative to `root`.
    pub(super) fn new(root: &Path, file: impl Into<PathBuf>) -> Self {
        // Events name files by their real path.
        Spot { root: std::fs::canonicalize(root).unwrap_or_else(|_| root.to_path_buf()), file: file.into() }
    }

    /// The folders from the root down to the file, as far as they exist; a link ends the way.
    fn folders(&self) -> impl Iterator<Item = (PathBuf, (u64, u64))> {
        let mut path = self.root.clone();
        let below = self.file.parent().unwrap_or(Path::new("")).components().map(|name| name.as_os_str().to_owned());
        std::iter::once(None).chain(below.map(Some).collect::<Vec<_>>()).map_while(move |name| {
            path.extend(name);
            let found = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_dir)?;
            Some((path.clone(), (found.dev(), found.ino())))
        })
    }
}

impl Bell {
    /// A bell that tells `rings`.
    pub(super) fn new(rings: Arc<Notify>) -> Self {
        let stale = Arc::new(AtomicBool::new(false));
        Bell { rings, stale, spots: Vec::new(), folders: BTreeMap::new(), watcher: None, complained: false }
    }

    /// Makes the watches fit `spots`. Blocks for some file system calls; cheap when nothing has changed. To be called
    /// before each reading, so that no change falls between the reading and the watch.
    pub(super) fn tend(&mut self, spots: Vec<Spot>) {
        let fits = self.watcher.is_some()
            && spots == self.spots
            && !self.stale.swap(false, Ordering::SeqCst)
            && folders_of(&spots) == self.folders;
        if fits {
            return;
        }
        self.spots = spots;
        match self.watch() {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(cause) => {
                self.watcher = None;
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::warn!(%cause, "file changes can't be watched: changes are seen at the next interval only");
                }
            }
        }
    }

    fn watch(&mut self) -> notify::Result<RecommendedWatcher> {
        let files = self.spots.iter().map(|spot| spot.root.join(&spot.file)).collect::<Vec<_>>();
        let (rings, stale) = (self.rings.clone(), self.stale.clone());
        let mut watcher = notify::recommended_watcher(move |event| match judge(&files, &event) {
            Heard::Nothing => {}
            Heard::File => rings.notify_one(),
            Heard::Folder => {
                stale.store(true, Ordering::SeqCst);
                rings.notify_one();
            }
        })?;
        self.folders = BTreeMap::new();
        // A folder may come into being while the one above is being watched; three looks are enough for any git.
        for _ in 0..3 {
            let now = folders_of(&self.spots);
            for path in now.keys().filter(|path| !self.folders.contains_key(*path)) {
                watcher.watch(path, RecursiveMode::NonRecursive)?;
            }
            if std::mem::replace(&mut self.folders, now.clone()) == now {
                break;
            }
        }
        Ok(watcher)
    }
}

fn folders_of(spots: &[Spot]) -> BTreeMap<PathBuf, (u64, u64)> {
    spots.iter().flat_map(Spot::folders).collect()
}

enum Heard {
    Nothing,
    File,
    Folder,
}

/// Reading a file, or writing a neighbour (`main.lock`: a push under way), is no news; nor is the summary of a renaming
/// whose two halves were told already.
fn judge(files: &[PathBuf], event: &notify::Result<Event>) -> Heard {
    let Ok(event) = event else { return Heard::Folder };
    if event.need_rescan() {
        return Heard::File;
    }
    let changed = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_) | ModifyKind::Name(RenameMode::Both)) => false,
        _ => true,
    };
    if !changed {
        Heard::Nothing
    } else if event.paths.iter().any(|path| files.contains(path)) {
        Heard::File
    } else if event.paths.iter().any(|path| files.iter().any(|file| file.starts_with(path))) {
        Heard::Folder
    } else {
        Heard::Nothing
    }
}
