//! A hold on one process, by which it is signalled and its end awaited without ever meaning another one (fault P13).

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
#[cfg(any(test, not(target_os = "linux")))]
use std::time::Duration;

use rustix::process::{Pid, Signal};
#[cfg(target_os = "linux")]
use tokio::io::unix::AsyncFd;

use super::Alive;
use super::look::alive;
use super::source::Source;
use crate::pilot::fact::Identity;

/// How often a process is looked at that can't tell its end by itself: an end waits for nothing else, and a look costs
/// well below a millisecond.
#[cfg(any(test, not(target_os = "linux")))]
const LOOK: Duration = Duration::from_millis(200);

/// Whoever holds it may signal this process and no other.
#[derive(Debug)]
pub(in crate::edge) enum Grip {
    /// A process file descriptor: the kernel itself never takes another process for it.
    #[cfg(target_os = "linux")]
    Descriptor(AsyncFd<OwnedFd>),
    /// The number, which is checked right before each signal. Between check and signal lie microseconds, in which this
    /// process would have to end and its number to come round again.
    #[cfg(any(test, not(target_os = "linux")))]
    Number(&'static Source, Identity),
}

impl Grip {
    /// It may have ended, or belong to another user; what is left is looked at afterwards.
    pub(super) fn signal(&self, signal: Signal) {
        match self {
            #[cfg(target_os = "linux")]
            Grip::Descriptor(handle) => {
                let _ = rustix::process::pidfd_send_signal(handle.get_ref(), signal);
            }
            #[cfg(any(test, not(target_os = "linux")))]
            Grip::Number(source, process) => {
                if let (Alive::Yes, Some(pid)) = (alive(source, process), number(process)) {
                    let _ = rustix::process::kill_process(pid, signal);
                }
            }
        }
    }

    /// Until it has ended. An error of the system is as good as an end here: the next look decides.
    pub(super) async fn ended(&self) {
        match self {
            // It becomes readable when its process ends.
            #[cfg(target_os = "linux")]
            Grip::Descriptor(handle) => {
                let _ = handle.readable().await;
            }
            #[cfg(any(test, not(target_os = "linux")))]
            Grip::Number(source, process) => {
                while alive(source, process) != Alive::No {
                    crate::edge::clock::pause(LOOK).await;
                }
            }
        }
    }
}

/// Opened by number, then checked that the number still means it.
#[cfg(target_os = "linux")]
#[expect(deprecated, reason = "an OwnedFd keeps its descriptor, which is all that the unsafe successor asks for")]
pub(super) fn descriptor(source: &Source, process: &Identity) -> Option<Grip> {
    let handle = rustix::process::pidfd_open(number(process)?, rustix::process::PidfdFlags::empty()).ok()?;
    if alive(source, process) != Alive::Yes {
        return None;
    }
    AsyncFd::with_interest(handle, tokio::io::Interest::READABLE).ok().map(Grip::Descriptor)
}

fn number(process: &Identity) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process.pid).ok()?)
}
