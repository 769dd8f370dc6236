//! FLOOR 2: the loop and nothing else. It takes all waiting events, steps each, writes the records, then sends out the
//! effects; what came of an effect returns as an event. It judges nothing and touches nothing itself.
//!
//! ```text
//!   feed ─┐                     ┌─► store (records, one transaction a round)
//!   git  ─┤                     │
//!   spool ┼─► events ─► step ───┼─► link  (records to every client that follows)
//!   link ─┤      ▲              │         (and the picture, to every client that watches)
//!   clock ┘      │              └─► effects ─► hands ─► tmux, processes, files
//!                └──────────────── outcomes ◄────┘
//! ```

mod desk;
mod errands;
mod keepsakes;
mod open;
mod panes;
mod pictures;
mod supply;

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::edge::clock::{self, Clock};
#[cfg(debug_assertions)]
use crate::edge::failpoint;
use crate::edge::link::{Asked, Wanted};
use crate::edge::reserve;
use crate::edge::store::scribe::Written;
use crate::pilot::effect::Effect;
use crate::pilot::event::Event;
use crate::pilot::fact::{Hiccup, Stamp};
use crate::pilot::record::Record;
use crate::pilot::step;
use crate::pilot::time::{Now, Time};

use desk::Desk;
pub use open::OpenError;
use pictures::Pictures;

/// Events taken in one round; the rest waits for the next, so that a flood can't keep records from being written.
const ROUND: usize = 256;
/// A round that begins this much later than its deadline means that nobody was looking (faults C7, P20).
const LATE: std::time::Duration = std::time::Duration::from_secs(2);

/// Two rounds that only a deadline asks for are at least this far apart.
const PACE: std::time::Duration = std::time::Duration::from_millis(10);

/// An engine that ends waits this long for the disk: longer, and it is as good as killed, which loses nothing either.
const LAST_WRITE: std::time::Duration = std::time::Duration::from_secs(5);

/// How the engine is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The workspace: the folder with `flightdeck.toml`.
    pub workspace: PathBuf,
    /// End with success when the sequence is complete and its loops are stopped.
    pub exit_when_complete: bool,
    /// Our own program, which panes start with.
    pub program: PathBuf,
}

/// Runs the engine of one workspace until it is told to end. Returns the exit code. Agents outlive it.
pub fn run(options: Options) -> Result<u8, OpenError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(OpenError::Runtime)?;
    // Outside calls that hang keep their threads; the end of the engine does not wait for them.
    let code = tokio::task::LocalSet::new().block_on(&runtime, async { Engine::open(options).await?.watch().await });
    runtime.shutdown_background();
    code
}

/// One engine at work.
struct Engine {
    desk: Desk,
    clock: Clock,
    pictures: Pictures,
    exit_when_complete: bool,
    ending: Option<u8>,
}

/// What woke the loop.
enum Woken {
    Events,
    /// An agent said something on its spool.
    Reported(Event),
    Asked(Option<Asked>),
    Wanted(Wanted),
    Hangup,
    Terminate,
    Deadline,
    /// What came of writing the log.
    Written(Option<Written>),
    /// Whoever watches is to be told something.
    Picture,
}

/// Signals that mean something to the engine.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Engine {
    async fn open(options: Options) -> Result<Self, OpenError> {
        let exit_when_complete = options.exit_when_complete;
        let (desk, clock) = open::open(options).await?;
        Ok(Engine { desk, clock, pictures: Pictures::default(), exit_when_complete, ending: None })
    }

    async fn watch(mut self) -> Result<u8, OpenError> {
        let mut signals = Signals::listen().map_err(OpenError::Runtime)?;
        let mut batch = Vec::with_capacity(ROUND);
        let first = self.desk.begin(self.clock.now());
        self.act(first.records, first.effects);
        loop {
            let deadline = self.next_deadline();
            let woken = self.wait(&mut signals, &mut batch, deadline).await;
            let now = self.clock.now();
            let mut events = self.hiccups(now, deadline);
            match woken {
                Woken::Events => {
                    if self.desk.tell_of_an_end(&batch) {
                        events.extend(self.desk.last_words().await);
                    }
                    // Before the other events of this round are judged, what their agents said is heard.
                    events.extend(self.desk.take_reports(ROUND));
                    events.append(&mut batch);
                }
                Woken::Reported(report) => {
                    self.desk.reported += 1;
                    events.push(report);
                    events.extend(self.desk.take_reports(ROUND));
                }
                Woken::Asked(Some(asked)) => events.extend(self.desk.admit(asked)),
                Woken::Asked(None) | Woken::Deadline => events.push(Event::TimePassed),
                Woken::Hangup => events.extend(self.desk.reload(None)),
                Woken::Terminate => self.ending = Some(0),
                Woken::Wanted(Wanted::View) => self.pictures.greet(),
                Woken::Wanted(Wanted::Pane(peep)) => self.desk.peek(peep),
                Woken::Written(told) => self.written(told),
                Woken::Picture => {}
            }
            // Looking on is no event: what the pilot does is the same whether or not somebody watches.
            if !events.is_empty() || self.ending.is_some() {
                self.round(now, events);
                self.pictures.stir();
            }
            let ending = self.ending.or_else(|| self.complete());
            if ending.is_some() {
                // What stays on the screens of those who watch is how it ended, not how it was a moment before.
                self.pictures.greet();
            }
            self.pictures.show(&self.desk.link, now, || step::view(&self.desk.state, &self.desk.rules, now));
            if let Some(code) = ending {
                self.finish().await;
                self.desk.link.say_goodbye().await;
                return Ok(code);
            }
        }
    }

    /// When to come back at the latest. A deadline that stays in the past would eat a core: it comes round at a pace.
    fn next_deadline(&self) -> Option<Time> {
        let soonest = self.clock.now().steady + PACE;
        step::next_deadline(&self.desk.state).map(|(at, _)| (*at).max(soonest))
    }

    async fn wait(&mut self, signals: &mut Signals, batch: &mut Vec<Event>, deadline: Option<Time>) -> Woken {
        let picture = self.pictures.due(&self.desk.link);
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => Woken::Terminate,
            _ = signals.interrupt.recv() => Woken::Terminate,
            _ = signals.hangup.recv() => Woken::Hangup,
            asked = self.desk.asked.recv() => Woken::Asked(asked),
            _ = self.desk.events.recv_many(batch, ROUND) => Woken::Events,
            Some(report) = self.desk.reports.recv() => Woken::Reported(report),
            () = self.clock.wait_until(deadline) => Woken::Deadline,
            told = self.desk.scribe.written() => Woken::Written(told),
            wanted = self.desk.link.wanted() => Woken::Wanted(wanted),
            () = self.clock.wait_until(picture), if picture.is_some() => Woken::Picture,
        }
    }

    /// Whether the clocks or our own attention had a gap since the last round.
    fn hiccups(&mut self, now: Now, deadline: Option<Time>) -> Vec<Event> {
        let mut hiccups = self.clock.check();
        let late = deadline.map_or(std::time::Duration::ZERO, |deadline| now.steady.since(deadline));
        if late >= LATE && hiccups.is_empty() {
            hiccups.push(Hiccup::Late(late));
        }
        hiccups.into_iter().map(Event::Hiccuped).collect()
    }

    /// One round: step every event, write all records, then let the effects go.
    fn round(&mut self, now: Now, events: Vec<Event>) {
        let mut records = Vec::new();
        let mut effects = Vec::new();
        self.desk.state.seen.strained = reserve::strained();
        #[cfg(debug_assertions)]
        failpoint::evidence(&events);
        for event in desk::ordered(events) {
            self.desk.keepsakes.see(&event);
            let mut out = step::step(&mut self.desk.state, &self.desk.rules, now, event);
            records.append(&mut out.records);
            effects.append(&mut out.effects);
        }
        self.act(records, effects);
    }

    fn act(&mut self, records: Vec<(Stamp, Record)>, effects: Vec<Effect>) {
        if !self.desk.in_charge() {
            return self.replaced();
        }
        if let Some(effects) = self.desk.write(records, effects) {
            self.perform(effects);
        }
    }

    /// Records have reached the disk, or have not.
    fn written(&mut self, told: Option<Written>) {
        let Some(effects) = self.desk.written(told) else { return };
        if self.desk.in_charge() {
            self.perform(effects);
        } else {
            self.replaced();
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        self.desk.supply();
        for effect in effects {
            match effect {
                Effect::Quit { code } => self.ending = Some(code),
                other => self.desk.perform(other),
            }
        }
    }

    /// A stopped engine that wakes after a take-over must write nothing and touch nothing (fault P10).
    fn replaced(&mut self) {
        tracing::error!("another engine took over this workspace; this one ends and touches nothing");
        self.ending = Some(3);
    }

    /// What is being written when we end is written, and told to whoever asked for it.
    async fn finish(&mut self) {
        while self.desk.is_writing() {
            match clock::within(LAST_WRITE, self.desk.scribe.written()).await {
                Ok(told) => self.written(told),
                Err(_) => return,
            }
        }
        // Where the disk takes longer than that, the next engine does what is left to do.
        let _ = clock::within(LAST_WRITE, self.desk.scribe.close()).await;
    }

    fn complete(&self) -> Option<u8> {
        (self.exit_when_complete && self.desk.sequence_is_over()).then_some(0)
    }
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}
