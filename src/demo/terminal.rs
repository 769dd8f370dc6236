//! The terminal: raw mode, its size, and the way back. Input comes from standard input, one read at a time.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::edge::clock;

use super::painter::Mode;

/// Bytes of one read: a whole paste of usual size in a few.
const READ: usize = 16 * 1024;

/// The terminal as we changed it; dropped, it is as before.
#[derive(Debug)]
pub(super) struct Terminal {
    before: Termios,
    mode: Mode,
    open: bool,
}

/// Something that comes from outside.
#[derive(Debug)]
pub(super) enum Happening<T> {
    Bytes(Vec<u8>),
    /// Nobody is at the other end any more.
    Closed,
    Resized,
    /// The number of a signal that asks us to end.
    Signalled(u8),
    /// The work in the background ended.
    Worked(T),
    /// The deadline has come.
    Due,
}

/// Where it comes from.
#[derive(Debug)]
pub(super) struct Ports {
    input: AsyncFd<io::Stdin>,
    resized: Signal,
    term: Signal,
    hangup: Signal,
}

impl Terminal {
    /// Raw mode; nothing is shown yet.
    pub(super) fn raw(mode: Mode) -> io::Result<Self> {
        if !isatty(io::stdin()) || !isatty(io::stdout()) {
            return Err(io::Error::other("the demo agent needs a terminal: run it in one, or in tmux"));
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Terminal { before, mode, open: false })
    }

    /// Bracketed paste on, and the screen ours.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.open = true;
        write(if self.mode == Mode::Alternate { "\x1b[?1049h\x1b[?2004h" } else { "\x1b[?2004h" })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The terminal may be gone, and then there is nothing to restore.
        if self.open {
            let _ = write(if self.mode == Mode::Alternate {
                "\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"
            } else {
                "\x1b[?2004l\x1b[?7h\x1b[?25h"
            });
        }
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

impl Ports {
    #[expect(deprecated, reason = "the new name is an unsafe function; standard input is never closed or exchanged")]
    pub(super) fn open() -> io::Result<Self> {
        Ok(Ports {
            input: AsyncFd::new(io::stdin())?,
            resized: signal(SignalKind::window_change())?,
            term: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next thing that happens; without a deadline nothing wakes us but the world.
    pub(super) async fn next<T>(
        &mut self,
        due: Option<Duration>,
        work: impl Future<Output = T>,
    ) -> io::Result<Happening<T>> {
        let deadline = async {
            match due {
                Some(span) => clock::pause(span).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.term.recv() => Ok(Happening::Signalled(15)),
            _ = self.hangup.recv() => Ok(Happening::Signalled(1)),
            _ = self.resized.recv() => Ok(Happening::Resized),
            bytes = read(&self.input) => bytes.map(|bytes| bytes.map_or(Happening::Closed, Happening::Bytes)),
            worked = work => Ok(Happening::Worked(worked)),
            () = deadline => Ok(Happening::Due),
        }
    }
}

/// Columns and rows; 80x24 where nobody knows.
pub(super) fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stdout()).map(|size| (size.ws_col, size.ws_row));
    size.ok().filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or((80, 24))
}

/// Writes all of it to the terminal.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What there is to read; `None` at the end. Standard input stays blocking, as it is shared with whoever started us, so
/// it is read only when a poll has said that there is something.
async fn read(input: &AsyncFd<io::Stdin>) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut ready = input.readable().await?;
        let mut fds = [PollFd::new(input.get_ref(), PollFlags::IN)];
        if poll(&mut fds, Some(&rustix::time::Timespec::default()))? == 0 {
            ready.clear_ready();
            continue;
        }
        let mut buffer = vec![0; READ];
        return match rustix::io::read(input.get_ref(), &mut buffer) {
            Ok(0) | Err(rustix::io::Errno::IO) => Ok(None),
            Ok(len) => {
                buffer.truncate(len);
                Ok(Some(buffer))
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(error) => Err(error.into()),
        };
    }
}
