//! The loop: takes what happened, updates the model, does the errands, draws when something that can be seen has changed and at most
//! thirty times a second, a pair of frames without delay. It judges nothing.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal as Raw, kill_current_process_group, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::edge::link::{Asker, Heard};
use crate::edge::{clock, spawn};
use crate::pilot::command::Command;

use super::archive::Archive;
use super::happening::{Errand, Happening};
use super::lent;
use super::model::Model;
use super::senses::{self, Keyboard, Sensed, WAITING};
use super::terminal::Screen;
use super::update::{next_tick, update};

/// For two frames: thirty a second. The second may follow the first at once, since one thing seen often brings another: a key
/// the pane it leads to, the start the fleet.
const TWO_FRAMES_MS: i64 = 66;
/// The engine's first words come within this; a frame before them would show that nothing is known, and the next one is late.
const FIRST_WORDS_MS: i64 = 30;
/// A process that is told to stop does so within a moment. One that still runs after this has no shell that could wake it again
/// (it leads its session, or nobody above it controls jobs), and the kernel has dropped the signal.
const STOPS_MS: i64 = 300;
/// A borrower of the terminal that is told to end puts it in order first.
const GIVES_BACK: Duration = Duration::from_secs(1);

/// What the cockpit works with.
pub struct Options {
    /// The state folder of the workspace.
    pub state_dir: PathBuf,
    /// Starts an engine and waits until it answers; an error in words.
    pub start_engine: fn(&std::path::Path) -> Result<(), String>,
    pub root: PathBuf,
}

/// Runs the cockpit until the operator leaves it.
pub fn run(model: Model, options: Options) -> io::Result<()> {
    let screen = Screen::take(model.settings.mouse)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async { Shift::begin(model, screen, options)?.go_on().await });
    // Threads that wait for the terminal or the engine end with the process.
    runtime.shutdown_background();
    ended
}

struct Shift {
    model: Model,
    screen: Screen,
    options: Options,
    sensed: mpsc::Receiver<Sensed>,
    sender: mpsc::Sender<Sensed>,
    keyboard: Keyboard,
    archive: Archive,
    asker: Option<Asker>,
    terminal: Holder,
    /// What was sensed while the keyboard was put to rest.
    backlog: VecDeque<Sensed>,
    began: i64,
    /// When the last two frames were drawn.
    drawn: [i64; 2],
    over: bool,
}

/// Who has the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    We,
    /// Another program of ours.
    Lent(Pid),
    /// The shell, since this moment.
    Shell {
        since: i64,
    },
}

struct Signals {
    resized: Signal,
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    stopped: Signal,
    continued: Signal,
}

/// Who stops until the shell says `fg`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// A signal came: its sender has chosen.
    Us,
    /// Ctrl-Z: everything that the shell started with us.
    OurJob,
}

/// What woke the loop.
enum Woken {
    Sensed(Option<Sensed>),
    Resized,
    Stopped,
    Continued,
    Interrupted,
    Ended,
    Tick,
}

impl Shift {
    fn begin(model: Model, screen: Screen, options: Options) -> io::Result<Self> {
        let (sender, sensed) = mpsc::channel(WAITING);
        let keyboard = Keyboard::start(sender.clone())?;
        let archive = Archive::open(&options.state_dir, &options.root, sender.clone())?;
        senses::follow_engine(&options.state_dir, sender.clone())?;
        let (asker, terminal, backlog, over) = (None, Holder::We, VecDeque::new(), false);
        let mut shift = Shift {
            model,
            screen,
            options,
            sensed,
            sender,
            keyboard,
            archive,
            asker,
            terminal,
            backlog,
            began: clock::monotonic_ms(),
            drawn: [0; 2],
            over,
        };
        let (width, height) = shift.screen.size();
        shift.take(Happening::Resized(width, height))?;
        Ok(shift)
    }

    async fn go_on(mut self) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        while !self.over {
            self.draw()?;
            match self.wait(&mut signals).await {
                Woken::Sensed(Some(sensed)) => self.sense(sensed)?,
                Woken::Resized => self.resized()?,
                Woken::Stopped => self.stop(Whom::Us),
                Woken::Continued => self.continued()?,
                // Ctrl-C in a borrower's own mode reaches us too, and means the borrower.
                Woken::Interrupted => self.over |= !matches!(self.terminal, Holder::Lent(_)),
                Woken::Sensed(None) | Woken::Ended => self.over = true,
                Woken::Tick => self.tick()?,
            }
            // What else has happened meanwhile belongs to the same frame.
            for _ in 0..WAITING {
                let Some(sensed) = self.backlog.pop_front().or_else(|| self.sensed.try_recv().ok()) else { break };
                self.sense(sensed)?;
            }
        }
        self.call_in().await;
        if let Some(asker) = &self.asker {
            asker.close();
        }
        Ok(())
    }

    async fn wait(&mut self, signals: &mut Signals) -> Woken {
        let rest = self.rest();
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => Woken::Ended,
            _ = signals.hangup.recv() => Woken::Ended,
            _ = signals.interrupt.recv() => Woken::Interrupted,
            _ = signals.resized.recv() => Woken::Resized,
            _ = signals.stopped.recv() => Woken::Stopped,
            _ = signals.continued.recv() => Woken::Continued,
            sensed = self.sensed.recv() => Woken::Sensed(sensed),
            () = clock::pause(rest) => Woken::Tick,
        }
    }

    /// Until the next frame that is due, or the next change by the clock.
    fn rest(&self) -> Duration {
        let tick = next_tick(&self.model).0 - clock::wall().0;
        let frame = self.frame_due() - clock::monotonic_ms();
        let due = match self.terminal {
            Holder::We if self.model.dirty || self.model.aged => frame.min(tick),
            Holder::Shell { since } => tick.min(since + STOPS_MS - clock::monotonic_ms()),
            Holder::We | Holder::Lent(_) => tick,
        };
        Duration::from_millis(u64::try_from(due).unwrap_or(0).clamp(1, 60_000))
    }

    /// No frame before this moment.
    fn frame_due(&self) -> i64 {
        let pair = self.drawn[0] + TWO_FRAMES_MS;
        let knows = self.model.view.is_some() || self.model.engine.lost.is_some();
        if knows { pair } else { pair.max(self.began + FIRST_WORDS_MS) }
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = clock::monotonic_ms();
        if self.terminal != Holder::We || !(self.model.dirty || self.model.aged) || now < self.frame_due() {
            return Ok(());
        }
        let changed = std::mem::take(&mut self.model.dirty);
        self.model.aged = false;
        self.drawn = [self.drawn[1], now];
        if changed { self.screen.draw(&self.model) } else { self.screen.age(&self.model) }
    }

    fn sense(&mut self, sensed: Sensed) -> io::Result<()> {
        match sensed {
            Sensed::Hangup => self.over = true,
            Sensed::Returned(trouble) => {
                self.come_back()?;
                self.take(Happening::Returned { trouble })?;
            }
            Sensed::Connected(asker, version) => {
                self.asker = Some(asker);
                self.take(Happening::Connected { version })?;
            }
            Sensed::Happening(happening) => {
                match &happening {
                    // From the picture on, every record is heard: they tell what became of what is asked.
                    Happening::Heard(Heard::View(view)) => {
                        let since = view.seq;
                        self.tell(|asker| asker.follow(since).map(drop));
                    }
                    Happening::Disconnected { .. } => self.asker = None,
                    _ => {}
                }
                self.take(happening)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, happening: Happening) -> io::Result<()> {
        for errand in update(&mut self.model, clock::wall(), happening) {
            self.run(errand)?;
        }
        Ok(())
    }

    fn run(&mut self, errand: Errand) -> io::Result<()> {
        match errand {
            Errand::Ask(command) => self.ask(command)?,
            Errand::Look(question) => self.archive.ask(question),
            Errand::Peek(agent) => self.tell(|asker| asker.peek(agent.as_ref()).map(drop)),
            Errand::Attach { session } => {
                self.lend(lent::attach(&self.options.state_dir.join("tmux.sock"), &session))?;
            }
            Errand::Edit(path) => self.lend(lent::edit(&path))?,
            Errand::Copy(text) => self.screen.copy(&text)?,
            Errand::StartEngine => self.start_engine()?,
            Errand::Clear if self.terminal == Holder::We => self.screen.clear()?,
            Errand::Clear => {}
            Errand::Suspend => self.stop(Whom::OurJob),
            Errand::Quit => self.over = true,
        }
        Ok(())
    }

    fn ask(&mut self, command: Command) -> io::Result<()> {
        let ask = match &mut self.asker {
            Some(asker) => asker.ask(&command).map_err(|why| why.to_string()),
            None => Err("no engine is connected, so nothing was asked".to_string()),
        };
        self.take(Happening::Sent { command, ask })
    }

    /// Something that needs no answer; a connection that is gone is noticed by the thread that listens to it.
    fn tell(&mut self, what: impl FnOnce(&mut Asker) -> Result<(), crate::edge::link::LinkError>) {
        if let Some(asker) = &mut self.asker
            && let Err(error) = what(asker)
        {
            tracing::debug!(%error, "the link");
        }
    }

    /// Lends the terminal to a program until its end.
    fn lend(&mut self, mut command: std::process::Command) -> io::Result<()> {
        if self.terminal != Holder::We {
            return Ok(());
        }
        self.leave();
        let name = command.get_program().to_os_string();
        match command.spawn() {
            Ok(child) => {
                self.terminal = Holder::Lent(Pid::from_child(&child));
                let sender = self.sender.clone();
                spawn::thread("lent", move || {
                    let _ = sender.blocking_send(Sensed::Returned(lent::trouble(&name, child)));
                })
                .map(drop)
            }
            Err(cause) => {
                self.come_back()?;
                let trouble = Some(format!("{} can't be run: {cause}", name.to_string_lossy()));
                self.take(Happening::Returned { trouble })
            }
        }
    }

    fn leave(&mut self) {
        let (sensed, backlog) = (&mut self.sensed, &mut self.backlog);
        self.keyboard.rest(|| {
            while let Ok(more) = sensed.try_recv() {
                backlog.push_back(more);
            }
        });
        self.screen.leave();
    }

    fn come_back(&mut self) -> io::Result<()> {
        self.terminal = Holder::We;
        self.screen.retake()?;
        self.keyboard.go_on();
        self.resized()
    }

    fn resized(&mut self) -> io::Result<()> {
        let (width, height) = self.screen.size();
        self.take(Happening::Resized(width, height))
    }

    /// We end while another program has the terminal: it ends too, and leaves the terminal in order.
    async fn call_in(&mut self) {
        let Holder::Lent(borrower) = self.terminal else { return };
        // It may have ended in this very moment; then there is nobody to end.
        let _ = kill_process(borrower, Raw::TERM);
        let returned = async {
            while let Some(sensed) = self.sensed.recv().await {
                if matches!(sensed, Sensed::Returned(_)) {
                    return;
                }
            }
        };
        let _ = clock::within(GIVES_BACK, returned).await;
    }

    fn start_engine(&mut self) -> io::Result<()> {
        let (sender, root, start) = (self.sender.clone(), self.options.root.clone(), self.options.start_engine);
        spawn::thread("start-engine", move || {
            let trouble = start(&root).err();
            let _ = sender.blocking_send(Sensed::Happening(Happening::Returned { trouble }));
        })
        .map(drop)
    }

    /// The shell gets the terminal until `fg`. The signal may come to us through another thread and a moment later, so the
    /// terminal is taken again only when we are told to go on, or when it is clear that nobody stopped us.
    ///
    /// SIGTSTP itself no longer stops us, since we listen to it to give the terminal back first. SIGTTOU does, and like
    /// SIGTSTP, and unlike SIGSTOP, it does not where no shell could wake us again.
    fn stop(&mut self, whom: Whom) {
        match self.terminal {
            Holder::We => {
                self.leave();
                self.terminal = Holder::Shell { since: clock::monotonic_ms() };
            }
            // A borrower that stops has given the terminal back itself, and stops us so that the shell sees it.
            Holder::Lent(_) => {}
            Holder::Shell { .. } => return,
        }
        let stopped = match whom {
            Whom::Us => kill_process(rustix::process::getpid(), Raw::TTOU),
            Whom::OurJob => kill_current_process_group(Raw::TTOU),
        };
        if let Err(cause) = stopped {
            tracing::debug!(%cause, "no stop");
        }
    }

    fn continued(&mut self) -> io::Result<()> {
        match self.terminal {
            Holder::Shell { .. } => self.come_back(),
            // Stopped by a signal that can't be heard: whoever had the terminal meanwhile has set it to its own taste.
            Holder::We => {
                self.screen.leave();
                self.screen.retake()?;
                self.resized()
            }
            Holder::Lent(_) => Ok(()),
        }
    }

    fn tick(&mut self) -> io::Result<()> {
        if let Holder::Shell { since } = self.terminal
            && clock::monotonic_ms() - since >= STOPS_MS
        {
            self.come_back()?;
            self.model.say("no shell with job control is there to come back from, so the cockpit stays", true);
        }
        self.take(Happening::Ticked)
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Signals {
            resized: signal(SignalKind::window_change())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            stopped: signal(SignalKind::from_raw(Raw::TSTP.as_raw()))?,
            continued: signal(SignalKind::from_raw(Raw::CONT.as_raw()))?,
        })
    }
}
