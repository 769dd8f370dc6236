//! What happens to the machine meanwhile: the engine is killed, the tmux server stops for a while, panes die.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::link::Client;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::fact::Identity;
use rustix::process::{Pid, Signal, kill_process};

use super::deck::{Deck, signal_to};
use super::dice::Dice;
use super::fleet;
use super::operator::Desk;

const ENGINE_LIVES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
const SERVER_RUNS: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(16));
const SERVER_STOPS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(1500));
/// Beside those that die by what they are told. Some half of these deaths come while the submit key was pressed and is not proved yet: nobody
/// can say then, and that is what is said.
const NOBODY_DIES: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(360));

/// An engine that has introduced itself to tmux is done with it by then, and so is one whose server goes on.
const CONNECTS_MS: i64 = 700;
/// Between two questions whether it has.
const ASKS_MS: i64 = 50;
/// For its answer.
const ANSWER: Duration = Duration::from_millis(300);

/// The weather over one deck.
pub(crate) struct Weather<'a> {
    deck: &'a Deck,
    agents: Vec<String>,
    desk: Arc<Desk>,
    dice: Dice,
    engine: Option<Child>,
    server: Option<Identity>,
    kill_engine: i64,
    stop_server: i64,
    go_on: Option<i64>,
    next_death: i64,
    /// When an engine that has not introduced itself yet is asked whether it has.
    connecting: Option<i64>,
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) deaths: usize,
}

impl<'a> Weather<'a> {
    pub(crate) fn over(deck: &'a Deck, desk: Arc<Desk>, seed: u64) -> Weather<'a> {
        let mut dice = Dice::new(seed ^ 0x3ea7);
        let now = clock::monotonic_ms();
        let kill_engine = now + ms(dice.between(ENGINE_LIVES));
        let stop_server = now + ms(dice.between(SERVER_RUNS));
        let next_death = now + ms(dice.between(NOBODY_DIES));
        let engine = Some(deck.part_with_engine());
        let (server, go_on) = (Some(deck.server_identity()), None);
        Weather {
            deck,
            agents: fleet::names(),
            desk,
            dice,
            engine,
            server,
            kill_engine,
            stop_server,
            go_on,
            next_death,
            connecting: None,
            kills: 0,
            stops: 0,
            deaths: 0,
        }
    }

    /// The engine is left alone.
    pub(crate) fn spares_engine(mut self) -> Weather<'a> {
        self.kill_engine = i64::MAX;
        self
    }

    /// The engine that lives now.
    pub(crate) fn engine_pid(&self) -> u32 {
        self.engine.as_ref().expect("it lives").id()
    }

    /// Lets happen what is due.
    pub(crate) fn blow(&mut self) {
        let now = clock::monotonic_ms();
        self.engine_lives();
        // Where a person is at it, the next gust will do.
        let desk = Arc::clone(&self.desk);
        if now >= self.kill_engine
            && let Ok(_nobody_acts) = desk.acting.try_lock()
        {
            self.kill_engine();
            self.kill_engine = now + ms(self.dice.between(ENGINE_LIVES));
        }
        self.look_who_connects(now);
        if self.go_on.is_some_and(|at| now >= at) {
            self.continue_server();
            self.stop_server = now + ms(self.dice.between(SERVER_RUNS));
        } else if self.go_on.is_none() && now >= self.stop_server {
            if let Some(server) = &self.server {
                signal_to(server, Signal::STOP);
            }
            let go_on = now + ms(self.dice.between(SERVER_STOPS));
            self.hush(go_on + CONNECTS_MS);
            self.go_on = Some(go_on);
            self.stops += 1;
        }
        // The same as with copy mode: a session that ends is told to control clients.
        let quiet = self.desk.quiet_until.load(Ordering::Relaxed);
        if now >= self.next_death && now >= quiet {
            self.a_pane_dies();
            self.next_death = now + ms(self.dice.between(NOBODY_DIES));
        }
    }

    /// Calm: the server runs, and an engine that lives from now on.
    pub(crate) fn clears_up(&mut self) {
        self.continue_server();
        self.engine_lives();
    }

    pub(crate) fn engine_lives(&mut self) {
        let ended = self.engine.as_mut().and_then(|engine| engine.try_wait().expect("our child"));
        assert!(ended.is_none(), "the engine ended: {ended:?}: {}", self.deck.said());
    }

    fn kill_engine(&mut self) {
        self.hush(clock::monotonic_ms() + CONNECTS_MS);
        let mut engine = self.engine.take().expect("it lives");
        kill_process(Pid::from_child(&engine), Signal::KILL).expect("our own child");
        engine.wait().expect("our child");
        self.engine = Some(self.deck.another_engine());
        self.connecting = Some(clock::monotonic_ms() + ASKS_MS);
        self.kills += 1;
    }

    /// As long as an engine introduces itself nobody enters or leaves a mode.
    fn look_who_connects(&mut self, now: i64) {
        let Some(ask) = self.connecting else { return };
        self.hush(now + CONNECTS_MS);
        if now >= ask {
            let client = Client::connect(&self.deck.state_dir()).ok();
            let answer = client.and_then(|mut client| client.ask(&Command::Status, ANSWER).ok());
            let is_up = matches!(answer, Some(Answer::Status { view }) if view.tmux == "up");
            self.connecting = (!is_up).then(|| clock::monotonic_ms() + ASKS_MS);
        }
    }

    fn hush(&self, until: i64) {
        self.desk.quiet_until.fetch_max(until, Ordering::Relaxed);
    }

    fn continue_server(&mut self) {
        if let (Some(server), Some(_)) = (&self.server, self.go_on.take()) {
            signal_to(server, Signal::CONT);
        }
    }

    /// Once by its process, once by its pane.
    fn a_pane_dies(&mut self) {
        let agent = self.dice.pick(&self.agents).clone();
        let target = format!("={agent}:");
        if self.deaths.is_multiple_of(2) {
            let pid = fleet::tmux(&self.deck.socket(), &["list-panes", "-t", &target, "-F", "#{pane_pid}"]);
            if let Some(pid) = pid.trim().parse::<i32>().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        } else {
            fleet::tmux(&self.deck.socket(), &["kill-pane", "-t", &target]);
        }
        self.deaths += 1;
    }
}

impl Drop for Weather<'_> {
    fn drop(&mut self) {
        self.continue_server();
        if let Some(mut engine) = self.engine.take() {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).expect("short")
}
