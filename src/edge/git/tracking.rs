//! Where a clone notes down what it pushed: its remote-tracking refs change the moment a push has succeeded, which is the
//! soonest sign of news on a remote that can't be watched itself. Found by reading files only: git is never run in a
//! folder an agent can write (faults V16, G2), and what these files say is a reason to look at the remote, never news.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::bell::Spot;
use super::regular;

/// Remotes of one clone that are watched; people have one or two.
const REMOTES: usize = 8;
/// A path and a word before it.
const LINK_CAP: u64 = 4096 + 64;

/// The files of a clone that change when its `branch` is pushed.
pub(super) fn spots(clone: &Path, branch: &str) -> Vec<Spot> {
    let Some(git_dir) = git_dir(clone) else { return Vec::new() };
    let refs = git_dir.join("refs");
    let mut spots = remotes(&refs.join("remotes"))
        .into_iter()
        .map(|remote| Spot::new(&refs, Path::new("remotes").join(remote).join(branch)))
        .collect::<Vec<_>>();
    let tables = git_dir.join("reftable");
    if tables.is_dir() {
        spots.push(Spot::new(&tables, "tables.list"));
    }
    spots
}

/// The repository of a working folder, shared by all its worktrees; `None` where the folder is no work tree.
pub(super) fn git_dir(folder: &Path) -> Option<PathBuf> {
    let own = own_git_dir(folder)?;
    match regular::read(&own.join("commondir"), LINK_CAP) {
        Ok(shared) => Some(own.join(path_of(&shared))),
        Err(_) => Some(own),
    }
}

/// The part of it that belongs to this working folder alone.
pub(super) fn own_git_dir(folder: &Path) -> Option<PathBuf> {
    let dot_git = folder.join(".git");
    if std::fs::symlink_metadata(&dot_git).ok()?.is_dir() {
        return Some(dot_git);
    }
    let link = regular::read(&dot_git, LINK_CAP).ok()?;
    Some(folder.join(path_of(link.strip_prefix(b"gitdir:")?)))
}

/// The names of a clone's remotes; `origin` also before the first push has made its folder.
fn remotes(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names = vec!["origin".into()];
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let found =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.file_name());
    names.extend(found.filter(|name| name != "origin").take(REMOTES));
    names
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes.trim_ascii()))
}
