//! An operator's seat: a pseudo-terminal with a program on it, keys in, bytes out with the time of their arrival.

use std::fs::{File, OpenOptions};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use flightdeck::edge::spawn;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::fleet::program;
use crate::now_ms;

/// Columns and rows.
pub(crate) const SIZE: (u16, u16) = (200, 50);
/// What is not there after this long will not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of one frame follow each other more closely than this; what the engine or the log answers comes later.
const GAP: Duration = Duration::from_micros(300);

/// A terminal with its program. Dropped, the program ends.
pub(crate) struct Seat {
    master: OwnedFd,
    child: Child,
    pub(crate) began: f64,
}

impl Seat {
    /// A cockpit over the workspace.
    pub(crate) fn cockpit(root: &Path) -> Self {
        Seat::new(&[&program(), "--workspace", &root.display().to_string()])
    }

    /// What says everything back: what terminal and harness take by themselves.
    pub(crate) fn echo() -> Self {
        let mut seat = Seat::new(&["sh", "-c", "stty raw -echo; echo ready; exec cat"]);
        seat.until(|text| text.contains("ready"));
        seat
    }

    fn new(argv: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let (ws_col, ws_row) = SIZE;
        tcsetwinsize(&master, Winsize { ws_col, ws_row, ws_xpixel: 0, ws_ypixel: 0 }).expect("it has a size");
        let name = ptsname(&master, Vec::new()).expect("its other end has a name");
        let name = name.to_str().expect("a plain path");
        // The session's leader, so that it becomes the terminal of a session of its own.
        let mut command: Command = spawn::foreground("setsid");
        command.arg("--ctty").args(argv).env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let end = || OpenOptions::new().read(true).write(true).open(name).expect("the other end");
        let ends: [File; 3] = [end(), end(), end()];
        let [stdin, stdout, stderr] = ends;
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let began = now_ms();
        let child = command.spawn().expect("it starts");
        Seat { master, child, began }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &str) {
        rustix::io::write(&self.master, keys.as_bytes()).expect("the program reads");
    }

    /// What comes within `limit`, and when.
    fn read(&self, limit: Duration) -> Option<(f64, Vec<u8>)> {
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        let limit = Timespec::try_from(limit).expect("a short span");
        if poll(&mut fds, Some(&limit)).expect("it can be waited for") == 0 {
            return None;
        }
        let mut bytes = vec![0; 65_536];
        let read = rustix::io::read(&self.master, &mut bytes).expect("the program still runs");
        let at = now_ms();
        bytes.truncate(read);
        Some((at, bytes))
    }

    /// Milliseconds from a key to the last byte of what it makes the program draw.
    pub(crate) fn answer(&self, key: &str) -> f64 {
        let began = now_ms();
        self.press(key);
        let mut last = self.read(PATIENCE).expect("the program answers").0;
        while let Some((at, _)) = self.read(GAP) {
            last = at;
        }
        last - began
    }

    /// Reads for so long, and throws it away: who does not read makes the program wait.
    pub(crate) fn idle(&self, span: Duration) {
        let end = now_ms() + span.as_secs_f64() * 1e3;
        while now_ms() < end {
            let left = Duration::from_secs_f64(((end - now_ms()) / 1e3).max(0.0));
            self.read(left);
        }
    }

    /// When the screen showed it.
    pub(crate) fn until(&mut self, wanted: impl Fn(&str) -> bool) -> f64 {
        let [columns, rows] = [SIZE.0, SIZE.1].map(|cells| NonZero::new(cells).expect("it has a size"));
        let mut screen = vt100::Parser::new(rows, columns, 0);
        loop {
            let Some((at, bytes)) = self.read(PATIENCE) else {
                panic!("it does not come:\n{}", screen.screen().contents())
            };
            screen.process(&bytes);
            if wanted(&screen.screen().contents()) {
                return at;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
