//! Our own files: written whole or not at all, readable by us alone; and reading of files that others write, which may be
//! pipes, links or gigabytes.
//!
//! Nothing here decides what a file means, and nothing follows a symbolic link in a path's last part (fault X5).

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;

/// For what holds state, words of agents or anything that could be secret.
pub const PRIVATE: u32 = 0o600;
/// For what the operator may want to read from other accounts.
pub const PUBLIC: u32 = 0o644;

/// Why a file or folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    #[error("{} is not a folder of its own (a link, or something else): move it away", .0.display())]
    NotDir(PathBuf),
    #[error("{} belongs to user {owner}, not to us (user {us}): chown it, or use a workspace of your own", path.display())]
    Foreign { path: PathBuf, owner: u32, us: u32 },
    #[error("{} can be {} by others: run `chmod {} {}`", path.display(), what, chmod, path.display())]
    Open { path: PathBuf, what: &'static str, chmod: &'static str },
    #[error("{} has more than {cap} bytes", path.display())]
    TooLarge { path: PathBuf, cap: u64 },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
}

impl FileError {
    pub(super) fn io(path: &Path, cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::NotFound {
            return FileError::Missing(path.to_path_buf());
        }
        // O_NOFOLLOW on a link, and opening a socket: both mean "no file that we would read".
        let odd = [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO].map(rustix::io::Errno::raw_os_error);
        if cause.raw_os_error().is_some_and(|code| odd.contains(&code)) {
            return FileError::NotRegular(path.to_path_buf());
        }
        FileError::Io { path: path.to_path_buf(), cause }
    }
}

/// Makes `path` a folder that only we can enter, or says why it must not be used (faults K5, X5). Parents are made too,
/// the same way.
pub fn private_dir(path: &Path) -> Result<(), FileError> {
    match DirBuilder::new().mode(0o700).recursive(false).create(path) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().ok_or_else(|| FileError::Missing(path.to_path_buf()))?;
            private_dir(parent)?;
            return private_dir(path);
        }
        Err(cause) => return Err(FileError::io(path, cause)),
    }
    let meta = std::fs::symlink_metadata(path).map_err(|cause| FileError::io(path, cause))?;
    if !meta.is_dir() {
        return Err(FileError::NotDir(path.to_path_buf()));
    }
    owned(path, &meta)?;
    if meta.mode() & 0o022 != 0 {
        return Err(FileError::Open { path: path.to_path_buf(), what: "written", chmod: "700" });
    }
    if meta.mode() & 0o777 != 0o700 {
        set_mode(path, 0o700)?;
    }
    Ok(())
}

/// Opens one of our own files for reading and writing, creating it; refuses links, other people's files and files that
/// others can write. Its mode is 0600 afterwards, whatever the umask.
pub fn open_private(path: &Path) -> Result<File, FileError> {
    open_own(path, OFlags::empty())
}

/// The same, with all writes going to the end.
pub fn append_private(path: &Path) -> Result<File, FileError> {
    open_own(path, OFlags::APPEND)
}

fn open_own(path: &Path, more: OFlags) -> Result<File, FileError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | more;
    let mut own = File::options();
    own.read(true).write(true).create(true).truncate(false).mode(PRIVATE).custom_flags(of(flags));
    let file = own.open(path).map_err(|cause| FileError::io(path, cause))?;
    let meta = file.metadata().map_err(|cause| FileError::io(path, cause))?;
    if !meta.is_file() {
        return Err(FileError::NotRegular(path.to_path_buf()));
    }
    owned(path, &meta)?;
    if meta.mode() & 0o022 != 0 {
        return Err(FileError::Open { path: path.to_path_buf(), what: "written", chmod: "600" });
    }
    if meta.mode() & 0o777 != PRIVATE {
        file.set_permissions(PermissionsExt::from_mode(PRIVATE)).map_err(|cause| FileError::io(path, cause))?;
    }
    Ok(file)
}

/// Replaces a file whole: readers see the old or the new content, never a part; after a power cut too.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, |temporary| write_new(temporary, bytes, mode)?.sync_all())?;
    // The rename itself lasts only when the folder is on disk; file systems that can't do it lose nothing but that.
    if let Some(Ok(dir)) = path.parent().map(File::open) {
        let _ = dir.sync_all();
    }
    Ok(())
}

/// The same for what means nothing any more after a power cut: waits for no disk (fault S5).
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    replace(path, |temporary| write_new(temporary, bytes, mode).map(drop))
}

fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), FileError> {
    let temporary = beside(path);
    let written = write(&temporary).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|cause| {
        // The error is what counts; a left-over is found by its name.
        let _ = std::fs::remove_file(&temporary);
        FileError::io(path, cause)
    })
}

/// The content of a regular file of at most `cap` bytes. Never blocks on a pipe, never follows a link.
pub fn read_bounded(path: &Path, cap: u64) -> Result<Vec<u8>, FileError> {
    read_open(path, open_to_read(path, OFlags::NOFOLLOW)?, cap)
}

/// The same for a file that must be our own: nobody else may have been able to write it.
pub fn read_private(path: &Path, cap: u64) -> Result<Vec<u8>, FileError> {
    let file = open_to_read(path, OFlags::NOFOLLOW)?;
    let meta = file.metadata().map_err(|cause| FileError::io(path, cause))?;
    owned(path, &meta)?;
    if meta.mode() & 0o022 != 0 {
        return Err(FileError::Open { path: path.to_path_buf(), what: "written", chmod: "600" });
    }
    read_open(path, file, cap)
}

/// The content of a regular file through links, for a file that an operator named; together with what the file system says about it.
pub fn read_named(path: &Path, cap: u64) -> Result<(Vec<u8>, std::fs::Metadata), FileError> {
    let file = open_to_read(path, OFlags::empty())?;
    let meta = file.metadata().map_err(|cause| FileError::io(path, cause))?;
    Ok((read_open(path, file, cap)?, meta))
}

/// Opens a regular file of somebody's for reading; never blocks on a pipe, never follows a link.
pub fn open_regular(path: &Path) -> Result<File, FileError> {
    let file = open_to_read(path, OFlags::NOFOLLOW)?;
    let meta = file.metadata().map_err(|cause| FileError::io(path, cause))?;
    if meta.is_file() { Ok(file) } else { Err(FileError::NotRegular(path.to_path_buf())) }
}

/// Refuses what belongs to somebody else.
pub fn owned(path: &Path, meta: &std::fs::Metadata) -> Result<(), FileError> {
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() == us {
        return Ok(());
    }
    Err(FileError::Foreign { path: path.to_path_buf(), owner: meta.uid(), us })
}

fn open_to_read(path: &Path, more: OFlags) -> Result<File, FileError> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | more;
    let file = File::options().read(true).custom_flags(of(flags)).open(path);
    file.map_err(|cause| FileError::io(path, cause))
}

fn read_open(path: &Path, file: File, cap: u64) -> Result<Vec<u8>, FileError> {
    let meta = file.metadata().map_err(|cause| FileError::io(path, cause))?;
    if !meta.is_file() {
        return Err(FileError::NotRegular(path.to_path_buf()));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that grows while it is read from one that fits.
    file.take(cap.saturating_add(1)).read_to_end(&mut bytes).map_err(|cause| FileError::io(path, cause))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > cap) {
        return Err(FileError::TooLarge { path: path.to_path_buf(), cap });
    }
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    let mut file =
        File::options().write(true).create_new(true).mode(mode).custom_flags(of(OFlags::NOFOLLOW)).open(path)?;
    // The umask may have taken bits away that were asked for.
    file.set_permissions(PermissionsExt::from_mode(mode))?;
    file.write_all(bytes)?;
    Ok(file)
}

/// The flags that the standard library has no word for; it adds those for access, and close-on-exec.
fn of(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// A name in the same folder that no other write uses: a rename must not cross file systems.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.new", std::process::id()))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(|cause| FileError::io(path, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn state_is_private_even_when_the_umask_gives_everything_away() {
        let dir = tempfile::tempdir().unwrap();
        let before = rustix::process::umask(rustix::fs::Mode::empty());
        let state = dir.path().join("a/b");
        private_dir(&state).unwrap();
        drop(open_private(&state.join("own")).unwrap());
        write_atomic(&state.join("whole"), b"x", PRIVATE).unwrap();
        write_atomic(&state.join("shown"), b"x", PUBLIC).unwrap();
        rustix::process::umask(before);
        assert_eq!(mode(&dir.path().join("a")), 0o700);
        assert_eq!(mode(&state), 0o700);
        assert_eq!(mode(&state.join("own")), 0o600);
        assert_eq!(mode(&state.join("whole")), 0o600);
        assert_eq!(mode(&state.join("shown")), 0o644);
    }

    #[test]
    fn a_folder_that_is_readable_is_closed_and_one_that_is_writable_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        set_mode(&state, 0o755).unwrap();
        private_dir(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
        set_mode(&state, 0o775).unwrap();
        let refused = private_dir(&state).unwrap_err().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }

    #[test]
    fn links_planted_in_the_state_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        assert!(matches!(open_private(&link), Err(FileError::NotRegular(_))));
        assert!(matches!(read_bounded(&link, 100), Err(FileError::NotRegular(_))));
        write_atomic(&link, b"ours", PRIVATE).unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
        assert_eq!(read_bounded(&link, 100).unwrap(), b"ours");
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("dirlink")).unwrap();
        assert!(matches!(private_dir(&dir.path().join("dirlink")), Err(FileError::NotDir(_))));
    }

    #[test]
    fn somebody_elses_state_is_refused() {
        if !rustix::process::geteuid().is_root() {
            // Only root can give a file away; for everybody else a file of root's is somebody else's.
            let meta = std::fs::metadata("/etc/passwd").unwrap();
            assert!(matches!(owned(Path::new("/etc/passwd"), &meta), Err(FileError::Foreign { owner: 0, .. })));
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::os::unix::fs::chown(&state, Some(12345), None).unwrap();
        assert!(matches!(private_dir(&state), Err(FileError::Foreign { owner: 12345, .. })));
    }

    #[test]
    fn a_pipe_a_folder_and_a_huge_file_are_told_and_block_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(crate::edge::spawn::blocking("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(read_bounded(&pipe, 10), Err(FileError::NotRegular(_))));
        assert!(matches!(open_private(&pipe), Err(FileError::NotRegular(_))));
        assert!(matches!(read_bounded(dir.path(), 10), Err(FileError::NotRegular(_))));
        assert!(matches!(read_bounded(&dir.path().join("none"), 10), Err(FileError::Missing(_))));
        let file = dir.path().join("file");
        std::fs::write(&file, "0123456789").unwrap();
        assert_eq!(read_bounded(&file, 10).unwrap(), b"0123456789");
        assert!(matches!(read_bounded(&file, 9), Err(FileError::TooLarge { cap: 9, .. })));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_rubbish() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        std::fs::write(target.join("inside"), "x").unwrap();
        assert!(write_atomic(&target, b"new", PRIVATE).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
