//! The tap of a pane: a copy of its output, used only as a bell. tmux starts [`pass_stdin`] in a process of ours as the
//! pane's pipe; it hands its standard input to the engine over a unix socket (SCM_RIGHTS) and ends, so nothing stays.
//!
//! Never reads what was printed, beyond throwing it away.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::{UnixListener, UnixStream};

use crate::edge::clock;
use crate::edge::tmux::quote::{self, Unquotable};

/// What one drain takes at most: the most a socket holds, so that it ends even while somebody goes on printing.
const DRAIN: usize = 512 * 1024;
/// A helper sends at once or never.
const HAND_OVER: Duration = Duration::from_secs(2);
/// A pane id is far shorter.
const WORD: usize = 32;

/// The whole work of `flightdeck pane-tap SOCKET PANE`: gives standard input to whoever listens on `socket`.
pub fn pass_stdin(socket: &Path, pane: &str) -> std::io::Result<()> {
    let stream = std::os::unix::net::UnixStream::connect(socket)?;
    let stdin = std::io::stdin();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let fds = [stdin.as_fd()];
    if !rights.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(std::io::Error::other("no room for one file descriptor"));
    }
    rustix::net::sendmsg(&stream, &[IoSlice::new(pane.as_bytes())], &mut rights, SendFlags::empty())?;
    Ok(())
}

/// The command that tmux runs for a pane; `exec`, so that no shell stays between.
pub(super) fn command(exe: &str, socket: &str, pane: &str) -> Result<String, Unquotable> {
    let words = [quote::pipe_word(exe)?, quote::pipe_word(socket)?, quote::pipe_word(pane)?];
    Ok(format!("exec {} pane-tap {} {}", words[0], words[1], words[2]))
}

/// Where helpers find us; for our own user only.
pub(super) fn listen(socket: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// What a helper handed over: the pane's id and the read end of its pipe.
pub(super) async fn receive(stream: UnixStream) -> Option<(String, Tap)> {
    if stream.peer_cred().ok()?.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let hand_over = async {
        loop {
            stream.readable().await.ok()?;
            match stream.try_io(Interest::READABLE, || take(&stream)) {
                Ok(taken) => return taken,
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    };
    clock::within(HAND_OVER, hand_over).await.ok()?
}

/// The read end of a pane's pipe.
#[derive(Clone, Debug)]
pub(super) struct Tap(Arc<OwnedFd>);

/// tmux closed the pipe, or it broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

impl Tap {
    /// Waits until something was printed, without taking it. Between two waits the pipe is in no poll set at all, so a
    /// busy pane causes no wake-ups.
    pub(super) async fn printed(self) {
        // Without a poll set there is nothing to wait on; the caller's next drain tells what is wrong.
        let Some(ready) = ready_to_read(self.0) else { return };
        let _ = ready.readable().await;
    }

    /// Throws away what was printed so far; how many bytes.
    pub(super) fn drain(&self, scratch: &mut [u8]) -> Result<usize, Closed> {
        let mut total = 0;
        while total < DRAIN {
            match rustix::io::read(&*self.0, &mut *scratch) {
                Ok(0) => return Err(Closed),
                Ok(length) => total += length,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => return Err(Closed),
            }
        }
        Ok(total)
    }
}

/// Waits on a file descriptor that lives as long as the wait.
#[expect(deprecated, reason = "its successor is unsafe for types that may close early; an `OwnedFd` does not")]
pub(super) fn ready_to_read(fd: Arc<OwnedFd>) -> Option<AsyncFd<Arc<OwnedFd>>> {
    AsyncFd::with_interest(fd, Interest::READABLE).ok()
}

fn take(stream: &UnixStream) -> std::io::Result<Option<(String, Tap)>> {
    let mut word = [0; WORD];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut word)], &mut rights, RecvFlags::empty())?;
    let mut passed = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            passed.extend(fds);
        }
    }
    let (Some(fd), Ok(pane)) = (passed.pop(), std::str::from_utf8(&word[..got.bytes])) else { return Ok(None) };
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK)?;
    Ok(Some((pane.to_string(), Tap(Arc::new(fd)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helper_s_command_line_survives_hostile_paths() {
        let line = command("/opt/a b/flightdeck", "/w/#(x)/%H/it's.sock", "%3").expect("no NUL");
        assert_eq!(line, r"exec '/opt/a b/flightdeck' pane-tap '/w/##(x)/%%H/it'\''s.sock' '%%3'");
    }

    #[test]
    fn a_drained_pipe_says_what_it_held() {
        use std::io::Write;
        let (read, mut write) = std::os::unix::net::UnixStream::pair().expect("a pair");
        read.set_nonblocking(true).expect("a socket");
        let tap = Tap(Arc::new(read.into()));
        let mut scratch = vec![0; 1024];
        assert_eq!(tap.drain(&mut scratch), Ok(0));
        write.write_all(b"printed").expect("room");
        assert_eq!(tap.drain(&mut scratch), Ok(7));
        assert_eq!(tap.drain(&mut scratch), Ok(0));
        drop(write);
        assert_eq!(tap.drain(&mut scratch), Err(Closed));
    }
}
