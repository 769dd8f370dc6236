//! The loop: takes what happened, updates the model, does the errands, draws when something that can be seen has changed and at most
//! thirty times a second. It judges nothing.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::edge::link::{Asker, Heard};
use crate::edge::tmux::verb;
use crate::edge::{clock, spawn};
use crate::pilot::command::Command;

use super::archive::Archive;
use super::happening::{Errand, Happening};
use super::model::Model;
use super::senses::{self, Keyboard, Sensed, WAITING};
use super::terminal::Screen;
use super::update::{next_tick, update};

/// Between two frames: thirty a second.
const FRAME_MS: i64 = 33;

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
    /// Another program has the terminal.
    away: bool,
    drawn_at: i64,
    over: bool,
}

struct Signals {
    resized: Signal,
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    continued: Signal,
}

/// What woke the loop.
enum Woken {
    Sensed(Option<Sensed>),
    Resized,
    Continued,
    Ended,
    Tick,
}

impl Shift {
    fn begin(model: Model, screen: Screen, options: Options) -> io::Result<Self> {
        let (sender, sensed) = mpsc::channel(WAITING);
        let keyboard = Keyboard::start(sender.clone())?;
        let archive = Archive::open(&options.state_dir, sender.clone())?;
        senses::follow_engine(&options.state_dir, sender.clone())?;
        let (asker, away, over) = (None, false, false);
        let mut shift =
            Shift { model, screen, options, sensed, sender, keyboard, archive, asker, away, drawn_at: 0, over };
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
                Woken::Resized | Woken::Continued => {
                    let (width, height) = self.screen.size();
                    self.take(Happening::Resized(width, height))?;
                }
                Woken::Sensed(None) | Woken::Ended => self.over = true,
                Woken::Tick => self.take(Happening::Ticked)?,
            }
            // What else has happened meanwhile belongs to the same frame.
            for _ in 0..WAITING {
                let Ok(sensed) = self.sensed.try_recv() else { break };
                self.sense(sensed)?;
            }
        }
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
            _ = signals.interrupt.recv() => Woken::Ended,
            _ = signals.resized.recv() => Woken::Resized,
            _ = signals.continued.recv() => Woken::Continued,
            sensed = self.sensed.recv() => Woken::Sensed(sensed),
            () = clock::pause(rest) => Woken::Tick,
        }
    }

    /// Until the next frame that is due, or the next change by the clock.
    fn rest(&self) -> Duration {
        let tick = next_tick(&self.model).0 - clock::wall().0;
        let frame = self.drawn_at + FRAME_MS - clock::monotonic_ms();
        let due = if self.model.dirty && !self.away { frame.min(tick) } else { tick };
        Duration::from_millis(u64::try_from(due).unwrap_or(0).clamp(1, 60_000))
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = clock::monotonic_ms();
        if self.away || !self.model.dirty || now - self.drawn_at < FRAME_MS {
            return Ok(());
        }
        self.model.dirty = false;
        self.drawn_at = now;
        self.screen.draw(&self.model)
    }

    fn sense(&mut self, sensed: Sensed) -> io::Result<()> {
        match sensed {
            Sensed::Hangup => self.over = true,
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
                    Happening::Returned { .. } if self.away => self.come_back()?,
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
                let socket = self.options.state_dir.join("tmux.sock");
                let argv = verb::attach_argv(&socket.to_string_lossy(), &session);
                self.lend("tmux", argv)?;
            }
            Errand::Edit(path) => {
                let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR")).unwrap_or_default();
                let mut words = editor.split_whitespace().map(str::to_string);
                let program = words.next().unwrap_or_else(|| "vi".to_string());
                let argv = words.chain([path.to_string_lossy().into_owned()]).collect();
                self.lend(&program, argv)?;
            }
            Errand::Copy(text) => self.screen.copy(&text)?,
            Errand::StartEngine => self.start_engine()?,
            Errand::Clear => self.screen.clear()?,
            Errand::Suspend => self.suspend()?,
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

    /// Lends the terminal to a program; its end comes as [`Happening::Returned`].
    fn lend(&mut self, program: &str, argv: Vec<String>) -> io::Result<()> {
        self.keyboard.rest();
        self.screen.leave();
        self.away = true;
        let sender = self.sender.clone();
        let mut command = spawn::foreground(program);
        command.args(argv);
        let name = program.to_string();
        spawn::thread("lent", move || {
            let trouble = match command.status() {
                Ok(status) if status.success() => None,
                Ok(status) => Some(format!("{name} ended with {status}")),
                Err(cause) => Some(format!("{name} can't be run: {cause}")),
            };
            let _ = sender.blocking_send(Sensed::Happening(Happening::Returned { trouble }));
        })
        .map(drop)
    }

    fn come_back(&mut self) -> io::Result<()> {
        self.away = false;
        self.screen.retake()?;
        self.keyboard.go_on();
        let (width, height) = self.screen.size();
        self.take(Happening::Resized(width, height))
    }

    fn start_engine(&mut self) -> io::Result<()> {
        let (sender, root, start) = (self.sender.clone(), self.options.root.clone(), self.options.start_engine);
        spawn::thread("start-engine", move || {
            let trouble = start(&root).err();
            let _ = sender.blocking_send(Sensed::Happening(Happening::Returned { trouble }));
        })
        .map(drop)
    }

    /// Ctrl-Z: the shell gets the terminal until `fg`.
    fn suspend(&mut self) -> io::Result<()> {
        self.keyboard.rest();
        self.screen.leave();
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        // Here we go on after SIGCONT.
        self.screen.retake()?;
        self.keyboard.go_on();
        self.model.dirty = true;
        Ok(())
    }
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Signals {
            resized: signal(SignalKind::window_change())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            continued: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }
}
