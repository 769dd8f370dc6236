//! What a [`Watcher`] does when a time is due: drain, list, capture, ask how a process ended, put on taps.

use std::collections::BTreeMap;

use super::pane::{Life, Pane, Source};
use super::tap;
use super::watcher::{Reach, Watcher, died};
use crate::edge::clock;
use crate::edge::tmux::glimpse::{self, Glimpse};
use crate::edge::tmux::parser::Block;
use crate::edge::tmux::screen::{self, Picture};
use crate::edge::tmux::session::{self, OwnedPane};
use crate::edge::tmux::{TmuxError, print, server, verb};
use crate::pilot::event::Event;
use crate::pilot::fact::Exit;
use crate::pilot::id::AgentId;

/// Between captures of a pane that goes on printing.
const TICK: i64 = 220;
/// The same while somebody peeks at it.
const PEEK_TICK: i64 = 100;
/// Between lists where some pane can't wake us.
pub(super) const LIST: i64 = 1_000;
/// Between lists of everything.
const RECONCILE: i64 = 30_000;
/// How long tmux may need to see the end of a process that we saw, and between two questions.
const ENDING: i64 = 1_000;
const ENDING_GAP: i64 = 4;
/// How long tmux may know that a pane is dead and not how its process ended.
const STATUS: i64 = 300;
/// Bytes between two ticks that make a pane loud: a socket holds little more, and what it can't take tmux keeps.
const FLOOD: usize = 64 * 1024;
/// Captures in a row without a change before a loud pane gets a tap again: two seconds.
const CALM: u8 = 10;
/// Panes in one write: 200 of 50 lines are 2 MB of replies.
const BATCH: usize = 200;
/// Taps in one write: each is a fork of the server, which answers nobody meanwhile.
const TAPS: usize = 16;
/// Taps in vain before a pane is left to the list.
const TAP_TRIES: u8 = 5;

/// Panes that are drained and captured together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tick {
    Shared,
    Peeked,
}

impl Watcher {
    /// All that is due at `now`.
    pub(super) async fn work(&mut self, now: i64) -> Result<(), TmuxError> {
        if self.due.tick.is_some_and(|at| at <= now) {
            self.due.tick = self.tick(now, Tick::Shared).then_some(now + TICK);
        }
        if self.due.peek.is_some_and(|at| at <= now) {
            self.due.peek = self.tick(now, Tick::Peeked).then_some(now + PEEK_TICK);
        }
        if self.due.reconcile <= now {
            self.reconcile(now).await?;
        }
        if self.due.list.is_some_and(|at| at <= now) {
            self.list(now).await?;
        }
        self.capture(now).await?;
        self.ask_endings(now).await?;
        self.ask_taps().await
    }

    /// The next tick for a pane that prints, after a look at `now`.
    pub(super) fn plan_tick(&mut self, agent: &AgentId, now: i64) {
        let busy = self.panes.get(agent).is_some_and(Pane::is_busy);
        match self.tick_of(agent) {
            Tick::Shared if busy => drop(self.due.tick.get_or_insert(now + TICK)),
            Tick::Peeked if busy => drop(self.due.peek.get_or_insert(now + PEEK_TICK)),
            Tick::Shared | Tick::Peeked => {}
        }
    }

    fn tick_of(&self, agent: &AgentId) -> Tick {
        if self.peeks.sees(agent) { Tick::Peeked } else { Tick::Shared }
    }

    /// The next list, if some pane can't wake us.
    pub(super) fn plan_list(&mut self) {
        let needed = self.panes.values().any(Pane::needs_list);
        let at = self.due.list.unwrap_or_else(|| clock::monotonic_ms() + LIST);
        self.due.list = needed.then_some(at);
    }

    /// Drains the taps of busy panes; those that printed nothing since their last capture go back to waiting. Whether
    /// some are still busy.
    fn tick(&mut self, now: i64, which: Tick) -> bool {
        let mut calm = Vec::new();
        let due = self.which(|pane| pane.is_busy());
        // A pane whose last peeper has left goes on with the others.
        let (due, others): (Vec<_>, Vec<_>) = due.into_iter().partition(|agent| self.tick_of(agent) == which);
        for agent in &due {
            let Some(pane) = self.panes.get_mut(agent) else { continue };
            let fresh = pane.drain(&mut self.scratch);
            let printed = std::mem::take(&mut pane.printed);
            match &pane.source {
                Source::Busy(tap) if fresh == 0 => {
                    calm.push((agent.clone(), tap.clone()));
                    continue;
                }
                Source::Busy(_) if printed > FLOOD => pane.source = Source::Loud { same: 0 },
                Source::Loud { same: CALM.. } => {
                    pane.source = Source::List;
                    pane.tap_wanted = self.listener.is_some();
                }
                _ => {}
            }
            pane.look_by(now);
        }
        for (agent, tap) in calm {
            self.quieten(&agent, tap);
        }
        others.iter().for_each(|agent| self.plan_tick(agent, now));
        self.plan_list();
        due.iter().any(|agent| self.panes.get(agent).is_some_and(Pane::is_busy))
    }

    /// The base that works everywhere: one list, and a capture of what moved.
    async fn list(&mut self, now: i64) -> Result<(), TmuxError> {
        self.due.list = Some(now + LIST);
        self.plan_list();
        let block = self.client.ask(verb::list_marks()?).await?;
        self.take_marks(&block, now, Pane::needs_list);
        Ok(())
    }

    fn take_marks(&mut self, block: &Block, now: i64, of: impl Fn(&Pane) -> bool) {
        let lines = block.lines().filter_map(|line| std::str::from_utf8(line).ok()?.split_once(' '));
        let marks: BTreeMap<&str, &str> = lines.collect();
        let tapping = self.listener.is_some();
        for pane in self.panes.values_mut().filter(|pane| of(pane)) {
            let Some(marks) = marks.get(pane.place.pane.as_str()) else { continue };
            let moved = pane.marks != *marks;
            if moved || pane.moved {
                pane.look_by(now);
            }
            pane.moved = moved;
            if moved {
                pane.marks = (*marks).to_string();
                // tmux lets go of the pipe of an engine that died at the first output after it: now is the time.
                pane.tap_wanted |= tapping && matches!(pane.source, Source::List) && pane.taps < TAP_TRIES;
            }
        }
    }

    /// Compares everything with tmux: deaths, vanished panes, lost taps, missed changes.
    async fn reconcile(&mut self, now: i64) -> Result<(), TmuxError> {
        self.due.reconcile = now + RECONCILE;
        self.due.reconciled = now;
        let Reach::Up(server) = &self.reach else { return Ok(()) };
        let server = server.clone();
        let owned = session::list_panes(&self.client, &server, &self.nonce).await?;
        if std::mem::take(&mut self.asked) {
            let panes = owned.iter().cloned().map(|pane| pane.fact(&*self.identify)).collect();
            self.outlet.put(Event::TmuxAnswered { server: server.clone(), panes });
        }
        let marks = self.client.ask(verb::list_marks()?).await?;
        let agents: Vec<AgentId> = self.panes.keys().cloned().collect();
        for agent in agents {
            self.compare(&agent, &owned, now);
        }
        self.take_marks(&marks, now, |_| true);
        self.plan_list();
        // A server whose socket file was removed works on for us, but nobody else can reach it.
        if !self.client.socket().exists() {
            server::probe(self.client.program(), self.client.socket(), Some(&server)).await;
        }
        Ok(())
    }

    fn compare(&mut self, agent: &AgentId, owned: &[OwnedPane], now: i64) {
        let Some(mut pane) = self.panes.remove(agent) else { return };
        let Some(found) = owned.iter().find(|found| found.place.pane == pane.place.pane) else {
            self.outlet.put(died(agent, &pane, Exit::Lost));
            self.peeks.die(agent);
            return;
        };
        if found.dead.is_some() {
            pane.end(now);
        } else if matches!(pane.life, Life::List) {
            self.watch_process(agent, &mut pane, found.pid, |process| process.is_some());
        }
        let untapped = matches!(pane.source, Source::List) && !found.piped && found.dead.is_none();
        pane.tap_wanted |= untapped && self.listener.is_some() && pane.taps < TAP_TRIES;
        self.panes.insert(agent.clone(), pane);
    }

    /// Captures all panes that are due, many in one write.
    async fn capture(&mut self, now: i64) -> Result<(), TmuxError> {
        let due = self.which(|pane| pane.look_at.is_some_and(|at| at <= now));
        for batch in due.chunks(BATCH) {
            let mut lines = Vec::with_capacity(batch.len() * 5);
            let peeked: Vec<bool> = batch.iter().map(|agent| self.peeks.sees(agent)).collect();
            for (agent, peeked) in batch.iter().zip(&peeked) {
                let Some(pane) = self.panes.get_mut(agent) else { continue };
                if pane.is_busy() {
                    // Taken before the capture, so that what is printed after it shows at the next tick.
                    pane.drain(&mut self.scratch);
                }
                lines.extend(screen::lines_for(&pane.place.pane)?);
                if *peeked {
                    lines.extend(glimpse::lines_for(&pane.place.pane)?);
                }
            }
            let mut blocks = self.client.run(lines).await?.into_iter();
            for (agent, peeked) in batch.iter().zip(&peeked) {
                let (Some(flags), Some(body)) = (blocks.next(), print::body(&mut blocks)) else { break };
                if *peeked {
                    self.take_glimpse(agent, blocks.next(), print::body(&mut blocks));
                }
                let taken = body.asked;
                self.take_picture(agent, Picture::from_blocks(&flags, body), taken, now);
            }
        }
        Ok(())
    }

    fn take_picture(&mut self, agent: &AgentId, picture: Option<Picture>, taken: u64, now: i64) {
        let Some(pane) = self.panes.get_mut(agent) else { return };
        pane.look_at = None;
        let Some(picture) = picture else {
            // It vanished; the list of everything says so with certainty.
            self.due.reconcile = now;
            return;
        };
        let Some(screen) = pane.take(picture) else { return };
        if screen.mode.dead {
            // Its last screen comes with the word of its death.
            pane.end(now);
            return;
        }
        let incarnation = pane.incarnation;
        self.outlet.put(Event::ScreenChanged { agent: agent.clone(), incarnation, screen, taken });
    }

    fn take_glimpse(&mut self, agent: &AgentId, facts: Option<Block>, body: Option<Block>) {
        let (Some(pane), Some(facts), Some(body)) = (self.panes.get(agent), facts, body) else { return };
        if let Some(glimpse) = Glimpse::from_blocks(&facts, &body) {
            self.peeks.show(glimpse.view(agent, pane.incarnation));
        }
    }

    /// Asks tmux how ended processes ended, with their last screens.
    async fn ask_endings(&mut self, now: i64) -> Result<(), TmuxError> {
        let due = self.which(|pane| pane.asked_at().is_some_and(|at| at <= now));
        for batch in due.chunks(BATCH) {
            let mut lines = Vec::with_capacity(batch.len() * 6);
            let peeked: Vec<bool> = batch.iter().map(|agent| self.peeks.sees(agent)).collect();
            for (agent, peeked) in batch.iter().zip(&peeked) {
                let Some(pane) = self.panes.get_mut(agent) else { continue };
                // tmux calls a pane dead only when its pipe is empty.
                pane.drain(&mut self.scratch);
                lines.push(verb::ending(&pane.place.pane)?);
                lines.extend(screen::lines_for(&pane.place.pane)?);
                if *peeked {
                    lines.extend(glimpse::lines_for(&pane.place.pane)?);
                }
            }
            let mut blocks = self.client.run(lines).await?.into_iter();
            for (agent, peeked) in batch.iter().zip(&peeked) {
                let (Some(ending), Some(flags), Some(body)) = (blocks.next(), blocks.next(), print::body(&mut blocks))
                else {
                    break;
                };
                if *peeked {
                    self.take_glimpse(agent, blocks.next(), print::body(&mut blocks));
                }
                self.take_ending(agent, ending.word(), Picture::from_blocks(&flags, body));
            }
        }
        Ok(())
    }

    fn take_ending(&mut self, agent: &AgentId, ending: &str, picture: Option<Picture>) {
        let now = clock::monotonic_ms();
        let Some(pane) = self.panes.get_mut(agent) else { return };
        let Life::Ended { since, next } = &mut pane.life else { return };
        let fields: Vec<&str> = ending.split(',').collect();
        let exit = match fields[..] {
            [_, dead, status, signal, _] if picture.is_some() => session::exit(dead, status, signal),
            _ => Some(Exit::Lost),
        };
        let patience = match exit {
            Some(Exit::Status(_) | Exit::Signal(_)) => 0,
            // The pane is closed at the end of its output, which may come before the word of how its process ended.
            Some(Exit::Lost) if picture.is_some() => STATUS,
            Some(Exit::Lost) => 0,
            None => ENDING,
        };
        if now - *since < patience {
            *next = now + ENDING_GAP;
            server::reap(&pane.place.server);
            return;
        }
        if let Some(picture) = picture {
            pane.take(picture);
        }
        let event =
            died(agent, pane, exit.filter(|exit| *exit != Exit::Lost).unwrap_or_else(|| after_all(pane, &fields)));
        self.panes.remove(agent);
        self.peeks.die(agent);
        self.outlet.put(event);
    }

    /// Puts taps on panes that have none, where there can be some.
    async fn ask_taps(&mut self) -> Result<(), TmuxError> {
        let Some(spec) = &self.tap else { return Ok(()) };
        let (Some(exe), Some(socket)) = (spec.exe.to_str(), spec.socket.to_str()) else { return Ok(()) };
        let mut lines = Vec::new();
        for pane in self.panes.values_mut().filter(|pane| pane.tap_wanted).take(TAPS) {
            pane.tap_wanted = false;
            pane.taps += 1;
            lines.push(verb::tap(&pane.place.pane, &tap::command(exe, socket, &pane.place.pane)?)?);
        }
        if !lines.is_empty() {
            self.client.run(lines).await?;
        }
        Ok(())
    }

    fn which(&self, of: impl Fn(&Pane) -> bool) -> Vec<AgentId> {
        self.panes.iter().filter(|(_, pane)| of(pane)).map(|(agent, _)| agent.clone()).collect()
    }
}

/// How a process ended of which tmux does not say that its pane is dead and how. Where something else holds the terminal
/// open, its status stands there all the same; where tmux overlooked the end, the kernel knows.
fn after_all(pane: &Pane, fields: &[&str]) -> Exit {
    let [_, _, status, signal, pid] = fields[..] else { return Exit::Lost };
    let overlooked = || server::overlooked(&pane.place.server, pid.parse().ok()?);
    let told = session::exit("1", status, signal).filter(|exit| *exit != Exit::Lost);
    told.or_else(overlooked).unwrap_or(Exit::Lost)
}
