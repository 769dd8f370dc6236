//! What the cockpit hears and sees of the world, each in a thread that waits: keys of the terminal, words of the engine.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc as acks;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc;

use crate::edge::link::{Asker, Client, NoEngine};
use crate::edge::{clock, spawn};

use super::happening::Happening;

/// Happenings that may wait for the loop. A full channel makes the threads wait, and the engine drops who does not read.
pub(super) const WAITING: usize = 1_024;
/// Times in a row that a terminal has something to read and gives nothing: it has come to its end, and to wait for more would eat a
/// core. No sequence of keys comes in so many parts.
const EMPTY: u32 = 50;
/// Between two tries to find an engine: one connect to a socket that is not there costs microseconds.
const AGAIN: Duration = Duration::from_millis(300);

/// Between two looks at whether the keyboard's thread rests: it does at once unless it has much to say.
const PARKING: Duration = Duration::from_millis(5);

/// What comes out of the threads.
pub(super) enum Sensed {
    Happening(Happening),
    /// A connection stands; this is its asking half.
    Connected(Asker, String),
    /// A program that had the terminal has ended: what went wrong.
    Returned(Option<String>),
    /// The terminal is gone.
    Hangup,
}

/// The thread that reads keys; it can be told to leave the terminal to another program.
pub(super) struct Keyboard {
    wake: OwnedFd,
    parked: acks::Receiver<()>,
}

impl Keyboard {
    /// Reads the terminal from now on.
    pub(super) fn start(sensed: mpsc::Sender<Sensed>) -> std::io::Result<Self> {
        let (woken, wake) = rustix::pipe::pipe()?;
        let (park, parked) = acks::sync_channel(0);
        spawn::thread("keyboard", move || listen(&woken, &park, &sensed))?;
        Ok(Keyboard { wake, parked })
    }

    /// Returns when the thread has let the terminal go; it reads again after [`Keyboard::go_on`]. What it still has to say is taken
    /// meanwhile by `drain`: it may be waiting for room to say it.
    pub(super) fn rest(&self, mut drain: impl FnMut()) {
        self.nudge();
        // An ended thread reads nothing either.
        while self.parked.recv_timeout(PARKING) == Err(acks::RecvTimeoutError::Timeout) {
            drain();
        }
    }

    /// Reads again.
    pub(super) fn go_on(&self) {
        self.nudge();
    }

    fn nudge(&self) {
        // The pipe is empty but for this byte, so that writing never waits.
        let _ = rustix::io::write(&self.wake, b"x");
    }
}

fn listen(woken: &OwnedFd, park: &acks::SyncSender<()>, sensed: &mpsc::Sender<Sensed>) {
    let stdin = std::io::stdin();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let (keys, wake) = (fds[0].revents(), fds[1].revents());
        if wake.contains(PollFlags::IN) {
            let mut byte = [0];
            let rests = rustix::io::read(woken, &mut byte).is_ok_and(|read| read == 1) && park.send(()).is_ok();
            // The second byte wakes it again.
            if !rests || !rustix::io::read(woken, &mut byte).is_ok_and(|read| read == 1) {
                return;
            }
            continue;
        }
        if wake.contains(PollFlags::HUP) {
            return;
        }
        if !keys.is_empty() && !read_keys(sensed, keys) {
            let _ = sensed.blocking_send(Sensed::Hangup);
            return;
        }
    }
}

/// Takes what the terminal has; `false`: it is gone.
fn read_keys(sensed: &mpsc::Sender<Sensed>, keys: PollFlags) -> bool {
    let gone = keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    let mut empty = 0;
    let mut waits = keys.contains(PollFlags::IN);
    while waits && empty < EMPTY {
        match take_keys(sensed) {
            // A part of a sequence, and the rest has come meanwhile; or an end.
            Ok(0) => empty += 1,
            Ok(_) => empty = 0,
            Err(()) => return false,
        }
        waits = has_input();
    }
    !gone && empty < EMPTY
}

/// Is there anything to read just now? The end of a terminal counts as something.
fn has_input() -> bool {
    let stdin = std::io::stdin();
    let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&at_once)).is_ok_and(|ready| ready > 0)
}

/// How many events the terminal had.
fn take_keys(sensed: &mpsc::Sender<Sensed>) -> Result<usize, ()> {
    let mut taken = 0;
    // The terminal was just seen to have something: this waits for the rest of a sequence, not for the operator.
    while event::poll(Duration::from_millis(1)).map_err(drop)? {
        taken += 1;
        let happening = match event::read().map_err(drop)? {
            Event::Key(key) => Happening::Key(key),
            Event::Paste(text) => Happening::Pasted(text),
            Event::Mouse(mouse) => Happening::Mouse(mouse),
            Event::Resize(width, height) => Happening::Resized(width, height),
            Event::FocusGained | Event::FocusLost => continue,
        };
        sensed.blocking_send(Sensed::Happening(happening)).map_err(drop)?;
    }
    Ok(taken)
}

/// Listens to the engine of the state folder `dir` for ever: connects, tells what it says, and connects again.
pub(super) fn follow_engine(dir: &Path, sensed: mpsc::Sender<Sensed>) -> std::io::Result<()> {
    let dir: PathBuf = dir.to_path_buf();
    spawn::thread("link", move || {
        let mut told = String::new();
        while !sensed.is_closed() {
            let why = match connect(&dir, &sensed) {
                Ok(ended) | Err(ended) => ended,
            };
            if told != why {
                told.clone_from(&why);
                let _ = sensed.blocking_send(Sensed::Happening(Happening::Disconnected { why }));
            }
            clock::block(AGAIN);
        }
    })
    .map(drop)
}

/// One connection, to its end; returns why it ended.
fn connect(dir: &Path, sensed: &mpsc::Sender<Sensed>) -> Result<String, String> {
    let client = Client::connect(dir).map_err(|why| no_engine(&why))?;
    let version = client.version.clone();
    let (mut asker, mut hearing) = client.duplex().map_err(|why| why.to_string())?;
    asker.watch().map_err(|why| why.to_string())?;
    let gone = |_| "the cockpit has ended".to_string();
    sensed.blocking_send(Sensed::Connected(asker, version)).map_err(gone)?;
    loop {
        match hearing.next() {
            Ok(heard) => sensed.blocking_send(Sensed::Happening(Happening::Heard(heard))).map_err(gone)?,
            Err(why) => return Ok(why.to_string()),
        }
    }
}

/// Why there is none, in the few words that a banner has room for.
fn no_engine(why: &NoEngine) -> String {
    match why {
        NoEngine::Absent(_) => "none runs here".to_string(),
        NoEngine::Silent(_) => "the one that runs does not answer".to_string(),
        NoEngine::OtherVersion { .. } | NoEngine::Io { .. } => why.to_string(),
    }
}
