//! The demo agent as a whole: what keys do, when turns begin, what stands on the screen. Acts on the world only through
//! its logs and files; the loop around it is in [`super::agent`].

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::pilot::fact::Report;
use crate::pilot::time::Time;

use super::chance::Chance;
use super::composer::Composer;
use super::keys::{Decoder, Key};
use super::options::{Options, StartDialog, WhenBusy};
use super::painter::Painter;
use super::repo::{Job, Said};
use super::reports::Reports;
use super::screen::{Block, Dialog, Scene, answer, block, echo};
use super::script::{Failure, Guard, Guarded, Script, Step, Trigger};
use super::tally::Tally;
use super::turn::{Cause, Hold, Moment, Turn};

/// Prompts that wait for a turn's end; above, Enter does nothing.
const QUEUE: usize = 32;
/// This long after an ESC byte it is the Escape key.
const ESC_WAIT: i64 = 50;
/// Right behind a paste it is the beginning of the next piece, whose rest is late: machines stand still for longer than that.
const PIECE_WAIT: i64 = 5_000;

/// An Enter that submitted what stood in the composer.
const TAKEN: &str = "taken";

/// How far the program has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Shows nothing yet and loses what is typed.
    Delayed {
        until: i64,
    },
    /// Asks before anything else.
    Asking(Dialog),
    Ready,
    /// Does nothing any more.
    Wedged {
        deaf: bool,
    },
}

/// Work that takes its time, for the loop to run.
#[derive(Debug)]
pub(super) enum Work {
    Git(Job),
    Child { busy: bool, span: Duration },
}

/// Everything the demo agent knows.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) options: Options,
    pub(super) script: Script,
    pub(super) painter: Painter,
    pub(super) composer: Composer,
    pub(super) turn: Option<Turn>,
    pub(super) tally: Tally,
    pub(super) reports: Reports,
    pub(super) stage: Stage,
    /// Work the loop has to begin.
    pub(super) work: Option<Work>,
    /// The turn that wanted the work was interrupted.
    pub(super) abandoned: bool,
    /// The status to exit with.
    pub(super) over: Option<u8>,
    pub(super) conversation: String,
    /// Enters to lose after the next paste; and those still to lose after the last one.
    pub(super) swallow: u32,
    losing: u32,
    chance: Chance,
    pasted_at: Option<i64>,
    pub(super) vim: bool,
    pub(super) normal: bool,
    pub(super) limited: Option<Time>,
    pub(super) broken: bool,
    queue: VecDeque<String>,
    wake: Option<Time>,
    tokens: u64,
    decoder: Decoder,
    esc_at: Option<i64>,
    last: Option<Key>,
}

impl Session {
    pub(super) fn new(options: Options, script: Script, reports: Reports, size: (u16, u16), now: Moment) -> Self {
        let mut tally = Tally::new(options.state.clone());
        let chance = match options.swallow_chance {
            0 => Chance::default(),
            percent => Chance::new(percent, options.seed, tally.count("lives")),
        };
        let given = options.resume.clone().or_else(|| options.conversation.clone());
        let delay = i64::try_from(options.start_delay.as_millis()).unwrap_or(i64::MAX);
        Session {
            conversation: given.unwrap_or_else(|| format!("demo-{}-{}", now.wall.0, std::process::id())),
            painter: Painter::new(options.screen, size),
            composer: Composer::new(options.collapse),
            limited: tally.number("limited-until").map(Time),
            stage: Stage::Delayed { until: now.tick.saturating_add(delay) },
            turn: None,
            work: None,
            abandoned: false,
            over: None,
            swallow: 0,
            losing: 0,
            chance,
            pasted_at: None,
            vim: false,
            normal: false,
            broken: false,
            queue: VecDeque::new(),
            wake: None,
            tokens: 0,
            decoder: Decoder::default(),
            esc_at: None,
            last: None,
            options,
            script,
            tally,
            reports,
        }
    }

    /// Nothing was shown so far.
    pub(super) fn delayed(&self) -> bool {
        matches!(self.stage, Stage::Delayed { .. })
    }

    /// Hears no signals.
    pub(super) fn deaf(&self) -> bool {
        self.stage == Stage::Wedged { deaf: true }
    }

    /// A time ran out while no bytes were there to be read. That alone tells the Escape key from the beginning of a sequence
    /// whose rest we were too slow to read.
    pub(super) fn rested(&mut self, now: Moment) -> io::Result<()> {
        if matches!(self.esc_at, Some(at) if at <= now.tick) {
            self.esc_at = None;
            let keys = self.decoder.flush();
            self.press(keys, now)?;
        }
        Ok(())
    }

    /// Does everything that is due.
    pub(super) fn advance(&mut self, now: Moment) -> io::Result<()> {
        if let Stage::Delayed { until } = self.stage
            && until <= now.tick
        {
            self.wake_up(now)?;
        }
        while self.over.is_none() && self.stage == Stage::Ready {
            if self.turn.is_some() {
                if !self.go_on(now)? {
                    break;
                }
            } else if let Some(prompt) = self.queue.pop_front() {
                self.begin_prompt(prompt, now);
            } else if matches!(self.wake, Some(at) if at <= now.wall) {
                self.wake = None;
                self.begin(Cause::Wake, String::new(), now);
            } else {
                break;
            }
        }
        Ok(())
    }

    /// How long nothing happens by itself; `None`: for ever.
    pub(super) fn due(&self, now: Moment) -> Option<Duration> {
        let stage = match self.stage {
            Stage::Delayed { until } => Some(until),
            Stage::Ready => match &self.turn {
                Some(turn) => turn.due(now),
                None => self.wake.map(|at| now.tick + (at.0 - now.wall.0).max(0)),
            },
            Stage::Asking(_) | Stage::Wedged { .. } => None,
        };
        let next = [stage, self.esc_at].into_iter().flatten().min()?;
        Some(Duration::from_millis(u64::try_from(next - now.tick).unwrap_or(0)))
    }

    /// Bytes came from the terminal.
    pub(super) fn received(&mut self, bytes: &[u8], now: Moment) -> io::Result<()> {
        self.reports.received(bytes)?;
        let keys = self.decoder.feed(bytes);
        self.press(keys, now)?;
        let wait = if matches!(self.last, Some(Key::Paste(_))) { PIECE_WAIT } else { ESC_WAIT };
        self.esc_at = self.decoder.waits().then_some(now.tick + wait);
        Ok(())
    }

    pub(super) fn resized(&mut self, size: (u16, u16)) {
        self.painter.resize(size);
    }

    /// The background work ended.
    pub(super) fn worked(&mut self, said: Said) {
        for line in said {
            self.say(&line);
        }
        if let Some(turn) = &mut self.turn
            && turn.hold == Hold::Working
        {
            turn.hold = Hold::Free;
        }
    }

    /// What to write to the terminal so that it shows us as we are.
    pub(super) fn frame(&mut self, now: Moment) -> String {
        let (width, height) = self.painter.size();
        let dialog = match self.stage {
            Stage::Delayed { .. } => return String::new(),
            Stage::Wedged { .. } => {
                return self.painter.frame(Block { rows: vec![String::new()], cursor: (0, 0) });
            }
            Stage::Asking(dialog) => Some(dialog),
            Stage::Ready => self.turn.as_ref().and_then(Turn::dialog),
        };
        let tokens = self.tokens + self.turn.as_ref().map_or(0, |turn| turn.tokens(now));
        let footer =
            if self.normal { "  -- NORMAL --".to_string() } else { format!("  ? for shortcuts · {tokens} tokens") };
        let status = self.turn.as_ref().and_then(|turn| turn.status(now));
        let text = self.composer.shown();
        let scene = Scene { status, queued: self.queue.len(), dialog, text: &text, footer };
        self.painter.frame(block(&scene, width, height))
    }

    /// What to write at the end.
    pub(super) fn farewell(&mut self) -> String {
        if self.delayed() { String::new() } else { self.painter.farewell() }
    }

    /// An answer line.
    pub(super) fn say(&mut self, text: &str) {
        for line in answer(text) {
            self.painter.print(&line);
        }
        if let Some(turn) = &mut self.turn {
            turn.said += text.len() as u64 / 4 + 1;
            turn.answer = Some(text.to_string());
        }
    }

    /// The turn is over.
    pub(super) fn end(&mut self, failed: Option<&Failure>, now: Moment) -> io::Result<()> {
        let Some(turn) = self.turn.take() else { return Ok(()) };
        self.tokens += turn.tokens(now);
        self.wake = turn.wake.map(|marker| marker + turn.late);
        if let Some(failure) = failed {
            self.painter.print(&format!("✗ {}", failure.text()));
            return self.reports.report(&Report::TurnFailed {
                error: failure.text().to_string(),
                status: None,
                resets: None,
            });
        }
        match turn.cause {
            Cause::Start => Ok(()),
            Cause::Wake | Cause::Prompt => self.reports.report(&Report::TurnEnded { answer: turn.answer, pending: 0 }),
        }
    }

    fn wake_up(&mut self, now: Moment) -> io::Result<()> {
        self.stage = match self.options.start_dialog {
            Some(StartDialog::Trust) => Stage::Asking(Dialog::Trust),
            Some(StartDialog::Permission) => Stage::Asking(Dialog::Permission),
            Some(StartDialog::Login) | None => return self.ready(now),
        };
        Ok(())
    }

    fn ready(&mut self, now: Moment) -> io::Result<()> {
        self.stage = Stage::Ready;
        let phase = if self.options.phase.is_empty() { "none" } else { &self.options.phase };
        self.painter.print(&format!(" demo agent · {} · phase {phase}", self.options.agent));
        self.reports
            .report(&Report::SessionStarted { conversation: Some(self.conversation.clone()), transcript: None })?;
        if self.options.start_dialog == Some(StartDialog::Login) {
            self.painter.print(&format!("✗ {}", Failure::Login.text()));
        }
        self.begin(Cause::Start, String::new(), now);
        Ok(())
    }

    fn press(&mut self, keys: Vec<Key>, now: Moment) -> io::Result<()> {
        for key in keys {
            if key == Key::Enter && !self.takes_keys() {
                self.reports.entered("elsewhere", now.wall)?;
            }
            match self.stage {
                Stage::Delayed { .. } | Stage::Wedged { .. } => {}
                Stage::Asking(dialog) => self.answer_at_start(dialog, &key, now)?,
                Stage::Ready if self.turn.as_ref().is_some_and(|turn| turn.dialog().is_some()) => {
                    self.answer_in_turn(&key);
                }
                Stage::Ready => self.type_key(&key, now)?,
            }
            self.last = Some(key);
        }
        Ok(())
    }

    /// Keys go into the composer, and not into a dialog or nowhere.
    fn takes_keys(&self) -> bool {
        self.stage == Stage::Ready && self.turn.as_ref().is_none_or(|turn| turn.dialog().is_none())
    }

    fn answer_at_start(&mut self, dialog: Dialog, key: &Key, now: Moment) -> io::Result<()> {
        match (key, dialog) {
            (Key::Enter | Key::Char('1'), _) => self.ready(now),
            (Key::Esc | Key::Char('2') | Key::Interrupt, Dialog::Trust) => {
                self.over = Some(1);
                Ok(())
            }
            (Key::Esc | Key::Char('2') | Key::Interrupt, Dialog::Permission) => self.ready(now),
            _ => Ok(()),
        }
    }

    fn answer_in_turn(&mut self, key: &Key) {
        let allowed = match key {
            Key::Enter | Key::Char('1') => true,
            Key::Esc | Key::Char('2') | Key::Interrupt => false,
            _ => return,
        };
        if allowed {
            self.say("allowed: the command ran");
        } else {
            self.say("not allowed: the command did not run");
        }
        if let Some(turn) = &mut self.turn {
            turn.hold = Hold::Free;
            if !allowed {
                turn.steps.clear();
            }
        }
    }

    fn type_key(&mut self, key: &Key, now: Moment) -> io::Result<()> {
        match key {
            Key::Enter => return self.enter(now),
            Key::Esc => self.escape(),
            Key::Interrupt => self.interrupt(),
            Key::End if self.composer.is_empty() => self.over = Some(0),
            Key::End | Key::Other => {}
            Key::Char('i' | 'a') if self.normal => self.normal = false,
            // In vim's normal mode letters are commands; none is worth acting.
            _ if self.normal => {}
            Key::Char(c) => self.composer.push(*c),
            Key::Newline => self.composer.push('\n'),
            Key::Backspace => self.composer.backspace(),
            Key::ClearLine => self.composer.clear_line(),
            Key::Paste(bytes) => {
                self.composer.paste(bytes);
                self.pasted_at = Some(now.tick);
                // A long text may come in several pastes; what is lost is the key after the last of them.
                self.losing = self.losing.max(self.options.swallow_enter) + std::mem::take(&mut self.swallow);
            }
        }
        Ok(())
    }

    fn enter(&mut self, now: Moment) -> io::Result<()> {
        let busy = self.turn.is_some();
        let what = self.enters(busy, now);
        self.reports.entered(what, now.wall)?;
        if what != TAKEN {
            return Ok(());
        }
        let text = self.composer.text();
        self.composer.clear();
        self.reports.submitted(&text, busy, now.wall)?;
        self.queue.push_back(text);
        Ok(())
    }

    /// What becomes of an Enter. One on an empty composer is called so, whatever else would have happened to it.
    fn enters(&mut self, busy: bool, now: Moment) -> &'static str {
        let window = i64::try_from(self.options.enter_window.as_millis()).unwrap_or(i64::MAX);
        if self.composer.is_blank() {
            return "blank";
        }
        if matches!(self.pasted_at, Some(at) if now.tick - at < window) {
            return "lost";
        }
        if self.losing > 0 {
            self.losing -= 1;
            return "lost";
        }
        if self.chance.strikes() {
            return "lost";
        }
        let refused = busy && (self.options.busy == WhenBusy::Refuse || self.queue.len() >= QUEUE);
        if refused { "refused" } else { TAKEN }
    }

    /// In a turn: stop it. Else the second in a row clears.
    fn escape(&mut self) {
        if self.turn.is_some() {
            self.stop_turn();
        } else if self.vim {
            self.normal = true;
        } else if self.last == Some(Key::Esc) {
            self.composer.clear();
        }
    }

    /// Clears, or stops a turn; the second in a row exits.
    fn interrupt(&mut self) {
        if self.last == Some(Key::Interrupt) {
            self.over = Some(0);
        } else if self.composer.is_empty() && self.turn.is_some() {
            self.stop_turn();
        } else {
            self.composer.clear();
        }
    }

    /// Silent on the event channel, as the real ones are.
    fn stop_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.abandoned = turn.hold == Hold::Working;
            self.painter.print("  ⎿ Interrupted · What should I do instead?");
        }
    }

    fn begin_prompt(&mut self, prompt: String, now: Moment) {
        for line in echo(&prompt) {
            self.painter.print(&line);
        }
        self.wake = None;
        self.begin(Cause::Prompt, prompt, now);
    }

    fn begin(&mut self, cause: Cause, prompt: String, now: Moment) {
        let steps = match self.trouble(now).filter(|_| cause != Cause::Start) {
            Some(failure) => Some(vec![Guarded { guards: Vec::new(), step: Step::Fail(failure) }]),
            None => self.choose(cause, &prompt),
        };
        let unknown =
            || vec![Guarded { guards: Vec::new(), step: Step::Say("my script has no rule for that".to_string()) }];
        let steps = match cause {
            Cause::Prompt => Some(steps.unwrap_or_else(unknown)),
            Cause::Start | Cause::Wake => steps,
        };
        if let Some(steps) = steps {
            self.turn = Some(Turn::new(cause, prompt, steps, now));
        }
    }

    /// What lasts from an earlier turn and fails this one.
    fn trouble(&self, now: Moment) -> Option<Failure> {
        if self.broken {
            return Some(Failure::Fatal);
        }
        if self.tally.has(&format!("poisoned-{}", self.conversation)) {
            return Some(Failure::Thinking400);
        }
        self.limited.filter(|until| *until > now.wall).map(super::steps::limit)
    }

    /// The first rule that applies.
    fn choose(&mut self, cause: Cause, prompt: &str) -> Option<Vec<Guarded>> {
        for n in 0..self.script.rules.len() {
            let rule = self.script.rules[n].clone();
            let meant = match (&rule.on, cause) {
                (Trigger::Start, Cause::Start) | (Trigger::Wake, Cause::Wake) | (Trigger::Any, Cause::Prompt) => true,
                (Trigger::Prompt(text), Cause::Prompt) => prompt.contains(text.as_str()),
                _ => false,
            };
            if meant && self.allows(&rule.guards) {
                return Some(rule.steps);
            }
        }
        None
    }

    /// Whether all conditions hold; counted ones are counted only where the others do.
    pub(super) fn allows(&mut self, guards: &[Guard]) -> bool {
        let plain = guards.iter().all(|guard| match guard {
            Guard::First { .. } => true,
            Guard::In(phase) => *phase == self.options.phase,
            Guard::Faults(name) => self.options.faults.as_ref() == Some(name),
            Guard::Resumed => self.options.resume.is_some(),
        });
        let counted = |tally: &mut Tally, guard: &Guard| match guard {
            Guard::First { times, name } => tally.count(name) < *times,
            _ => true,
        };
        plain && guards.iter().all(|guard| counted(&mut self.tally, guard))
    }
}
