//! Reading a file that somebody else wrote and that may be anything: a pipe, a device, a directory, a link that leads
//! nowhere, endless (fault F4). Never blocks on one of those, never reads more than it was told.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

/// Why a file was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    #[error("it does not exist")]
    Missing,
    #[error("{0}")]
    Refused(String),
}

/// The content of a regular file of at most `cap` bytes.
pub(super) fn read(path: &Path, cap: u64) -> Result<Vec<u8>, Unread> {
    // Without O_NONBLOCK the opening of a named pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file: OwnedFd = rustix::fs::open(path, flags, Mode::empty()).map_err(refusal)?;
    let stat = rustix::fs::fstat(&file).map_err(refusal)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Unread::Refused("it is no regular file".to_string()));
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that grew since it was measured.
    std::fs::File::from(file)
        .take(cap + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Unread::Refused(cause.to_string()))?;
    if bytes.len() as u64 > cap {
        return Err(Unread::Refused(format!("it is larger than {} KiB", cap / 1024)));
    }
    Ok(bytes)
}

fn refusal(cause: rustix::io::Errno) -> Unread {
    match cause {
        rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => Unread::Missing,
        other => Unread::Refused(std::io::Error::from(other).to_string()),
    }
}
