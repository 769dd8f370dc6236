//! A simulated agent: a process in a pane that looks and behaves like the built-in demo agent, and the truth about it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use flightdeck::pilot::fact::{Exit, Identity, PaneMode, Place, Report, Screen, Work};
use flightdeck::pilot::gauge::Gauges;
use flightdeck::pilot::id::{AgentId, Incarnation, MessageId};
use flightdeck::pilot::time::{Now, Time};
use flightdeck::pilot::usage::Tokens;

use super::plan::{Asking, Child, End, Plan};

/// Lines of the transcript that are kept; more than any window shows.
const KEPT: usize = 60;
/// Where a moving spinner turns.
const GLYPHS: [&str; 6] = ["·", "✢", "✳", "✶", "✻", "✽"];

/// Something that happens to an agent by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Ready,
    Spins,
    TurnEnds,
    Wakes,
    /// Its channel says that its turn was stopped by a person.
    TellsStop,
}

/// Words that an agent really took in.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) messages: Vec<MessageId>,
    pub(crate) text: String,
}

/// What an agent is like, whatever life it lives.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) start: Duration,
    pub(crate) start_dialog: Option<Asking>,
    /// Enters lost after each paste.
    pub(crate) swallows: u32,
    /// Long pastes are shown by a stand-in.
    pub(crate) collapses: bool,
    /// A conversation that it takes up is drawn as it was.
    pub(crate) redraws: bool,
    pub(crate) reports: bool,
    /// It writes a transcript, and how a turn failed is told.
    pub(crate) transcribes: bool,
    /// It tells of turns, and of a prompt when that is taken in: of a queued one when its turn comes.
    pub(crate) tells_late: bool,
    /// How often a spinner moves.
    pub(crate) spin: Duration,
    pub(crate) size: (u16, u16),
}

/// One life.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) agent: AgentId,
    pub(crate) incarnation: Incarnation,
    pub(crate) place: Place,
    pub(crate) process: Identity,
    pub(crate) conversation: Option<String>,
    pub(crate) habits: Habits,
    pub(crate) exit: Option<Exit>,
    pub(crate) mode: PaneMode,
    pub(crate) dialog: Option<Asking>,
    pub(crate) suspended: bool,
    /// Why ending this agent is right; `None`: it is well and must live.
    pub(crate) ill: Option<String>,
    pub(crate) limited_until: Option<Time>,
    pub(crate) poisoned: bool,
    /// Acts of an earlier turn are void.
    pub(crate) generation: u64,
    /// To be queued by the world: what happens after which time.
    pub(crate) coming: Vec<(Duration, Act)>,
    pub(crate) reports: Vec<Report>,
    pub(crate) taken: Vec<Taken>,
    /// Tokens that it told of since the world last asked.
    pub(crate) used: u64,
    /// All that it told of its answers, and how many these are.
    told: Vec<Report>,
    answers: u32,
    /// Its end stands in the transcript.
    pub(crate) end_told: bool,
    ready: bool,
    swallow: u32,
    pub(crate) said: Vec<String>,
    pub(crate) composer: String,
    pub(crate) held: Vec<MessageId>,
    /// A draft that is kept for its writer until the next submit.
    pub(crate) aside: String,
    pub(crate) turn: Option<Turn>,
    pub(crate) queued: Vec<Taken>,
    /// How its limit was told; it is told so again.
    limit_told: Option<String>,
    broken: bool,
    /// It never moves again, since then.
    pub(crate) wedged: Option<Time>,
    /// It draws what no rule knows, as after an update; it is well.
    pub(crate) garbled: bool,
    /// So many of the next pastes never reach it.
    pub(crate) loses: u32,
    /// Comes into the middle of the next text that is submitted, where its composer shows the end alone.
    pub(crate) garbles: Option<String>,
    /// Messages that came by its interface and stand in its conversation.
    pub(crate) posted: Vec<MessageId>,
    /// What its interface says instead of taking a message.
    pub(crate) refuses: Option<String>,
    /// It can't be killed: it waits for a disk that does not answer.
    pub(crate) immortal: bool,
    /// Tasks of its own that go on after its turns.
    pub(crate) pending: u32,
    /// Processes of its that survive its end.
    pub(crate) leaves: Vec<(u32, String)>,
    spun: u64,
    children_cpu: Duration,
    asked_at: Time,
}

#[derive(Debug)]
pub(crate) struct Turn {
    plan: Plan,
    since: Time,
}

impl Body {
    pub(crate) fn new(
        (agent, incarnation): (AgentId, Incarnation),
        place: Place,
        process: Identity,
        conversation: Option<String>,
        habits: Habits,
        now: Time,
    ) -> Self {
        let ready = (habits.start, Act::Ready);
        let dialog = habits.start_dialog;
        Body {
            agent,
            incarnation,
            place,
            process,
            conversation,
            swallow: 0,
            exit: None,
            mode: PaneMode::default(),
            dialog,
            suspended: false,
            ill: (habits.start >= Duration::from_secs(120)).then(|| "slow to start".to_string()),
            limited_until: None,
            poisoned: false,
            generation: 0,
            coming: vec![ready],
            reports: Vec::new(),
            taken: Vec::new(),
            used: 0,
            told: Vec::new(),
            answers: 0,
            end_told: false,
            ready: false,
            said: vec![" demo agent".to_string()],
            composer: String::new(),
            held: Vec::new(),
            aside: String::new(),
            turn: None,
            queued: Vec::new(),
            limit_told: None,
            broken: false,
            wedged: None,
            garbled: false,
            loses: 0,
            garbles: None,
            posted: Vec::new(),
            refuses: None,
            immortal: false,
            pending: 0,
            leaves: Vec::new(),
            spun: 0,
            children_cpu: Duration::ZERO,
            asked_at: now,
            habits,
        }
    }

    pub(crate) fn alive(&self) -> bool {
        self.exit.is_none()
    }

    /// In a turn, or about to be.
    pub(crate) fn working(&self) -> bool {
        self.turn.is_some()
    }

    pub(crate) fn act(&mut self, act: Act, now: Now, next: impl FnOnce() -> Plan) {
        match act {
            Act::Ready => {
                self.ready = true;
                self.ill = Some("nobody has told it anything".to_string());
                let conversation = self.conversation.clone();
                self.report(Report::SessionStarted { conversation, transcript: None });
            }
            Act::Spins => {
                self.spun += 1;
                if self.turn.as_ref().is_some_and(|turn| !turn.plan.frozen) {
                    self.coming.push((self.habits.spin, Act::Spins));
                }
            }
            Act::TurnEnds => self.end_turn(now, next),
            Act::Wakes => self.begin(next(), now),
            Act::TellsStop => self.report(Report::TurnEnded { answer: None, pending: 0 }),
        }
    }

    /// Text arrives as a bracketed paste.
    pub(crate) fn paste(&mut self, message: Option<MessageId>, text: &str) {
        if self.wedged.is_some() || self.dialog.is_some() || !self.ready || self.mode.input_off {
            return;
        }
        if self.loses > 0 {
            self.loses -= 1;
            return;
        }
        let lines = text.split('\n').count();
        if self.habits.collapses && (lines >= 4 || text.chars().count() > 800) {
            self.composer.push_str(&format!("[Pasted text #1 +{} lines]", lines - 1));
        } else {
            self.composer.push_str(text);
        }
        self.held.extend(message);
        self.swallow = self.habits.swallows;
    }

    /// So much of its context is used, in percent.
    pub(crate) fn gauge(&mut self, used: u8) {
        self.report(Report::Gauges { gauges: Gauges { context: Some(used), quotas: Vec::new() } });
    }

    /// A person types, or takes it back.
    pub(crate) fn draft(&mut self, text: &str) {
        self.composer = text.to_string();
        self.held.clear();
    }

    /// The submit key. Returns what was approved by it, which must never happen.
    pub(crate) fn enter(&mut self, now: Now, text: &str, next: impl FnOnce() -> Plan) -> Option<Asking> {
        if self.wedged.is_some() || !self.ready {
            return None;
        }
        if let Some(dialog) = self.dialog.take() {
            return Some(dialog);
        }
        if self.swallow > 0 {
            self.swallow -= 1;
            return None;
        }
        if self.composer.is_empty() {
            return None;
        }
        self.composer = std::mem::take(&mut self.aside);
        let text = &self.garbles.take().map_or(text.to_string(), |more| garbled(text, &more));
        let taken = Taken { messages: std::mem::take(&mut self.held), text: text.to_string() };
        if !self.habits.tells_late {
            let prompt = text.to_string();
            self.report(if text == "/compact" { Report::Compacting } else { Report::PromptSubmitted { prompt } });
            self.taken.push(taken.clone());
        }
        if self.habits.transcribes {
            self.report(Report::PromptRecorded { prompt: text.to_string() });
        }
        if self.turn.is_some() {
            self.queued.push(taken);
        } else {
            self.take(&taken, next(), now);
        }
        None
    }

    /// A person answers the dialog.
    pub(crate) fn answer(&mut self, now: Now, next: impl FnOnce() -> Plan) {
        if self.dialog.take().is_none() {
            return;
        }
        if self.turn.is_some() {
            self.end_turn(now, next);
        }
    }

    pub(crate) fn end(&mut self, exit: Exit) {
        self.exit = Some(exit);
        self.generation += 1;
        self.mode.dead = true;
    }

    pub(crate) fn work(&mut self, now: Time) -> Work {
        let child = self.turn.as_ref().and_then(|turn| turn.plan.child);
        if child == Some(Child::Busy) {
            self.children_cpu += now.since(self.asked_at);
        }
        self.asked_at = now;
        Work { children_cpu: self.children_cpu, late_children: u32::from(child.is_some()), suspended: self.suspended }
    }

    /// What the pane shows.
    pub(crate) fn screen(&self) -> Arc<Screen> {
        let (width, height) = (usize::from(self.habits.size.0), usize::from(self.habits.size.1));
        if self.garbled {
            let lines = vec!["░ a new look ░".to_string(), format!("step {} of {}", self.spun, self.said.len())];
            return Arc::new(Screen { lines, mode: self.mode, columns: self.habits.size.0, ..Screen::default() });
        }
        let mut lines = VecDeque::new();
        if self.ready || self.dialog.is_some() {
            lines.push_back(String::new());
            lines.extend(self.bottom(width, height));
            // What has scrolled away is not drawn.
            for line in self.said.iter().rev() {
                if lines.len() >= height {
                    break;
                }
                match fits(line, width) {
                    true => lines.push_front(line.clone()),
                    false => wrapped(line, width).into_iter().rev().for_each(|row| lines.push_front(row)),
                }
            }
        }
        lines.drain(..lines.len().saturating_sub(height));
        lines.iter_mut().for_each(|row| row.truncate(row.trim_end_matches(' ').len()));
        let lines = lines.into();
        Arc::new(Screen { lines, cursor: (0, 0), mode: self.mode, columns: self.habits.size.0, ..Screen::default() })
    }

    fn bottom(&self, width: usize, height: usize) -> Vec<String> {
        if self.wedged.is_some() {
            return vec!["%%% \u{fffd}\u{fffd} 0x7f %%%".to_string()];
        }
        let mut rows = Vec::new();
        if let Some(turn) = &self.turn {
            let glyph = GLYPHS[usize::try_from(self.spun % 6).expect("less than six")];
            let _ = turn.since;
            rows.push(format!("{glyph} Thinking… ({}s · {} tokens)", self.spun * 3, self.spun * 7));
        }
        if let Some(dialog) = self.dialog {
            let question = match dialog {
                Asking::Permission => "Do you want to run this command?",
                Asking::Trust => "Do you trust the files in this folder?",
            };
            rows.extend([question, "❯ 1. Yes", "  2. No", "Esc to cancel"].map(str::to_string));
            return rows;
        }
        if !self.queued.is_empty() {
            rows.push(format!("  ⎿ {} queued", self.queued.len()));
        }
        rows.extend(composer(&self.composer, width, height));
        rows.push("  ? for shortcuts · 12 tokens".to_string());
        rows
    }

    pub(crate) fn take(&mut self, taken: &Taken, plan: Plan, now: Now) {
        self.said.extend(echo(&taken.text));
        if self.habits.tells_late {
            self.report(Report::TurnBegan);
            self.report(Report::PromptRecorded { prompt: taken.text.clone() });
            self.taken.push(taken.clone());
        }
        self.begin(plan, now);
    }

    fn begin(&mut self, plan: Plan, now: Now) {
        self.generation += 1;
        let plan = self.condition(plan, now);
        self.ill = match (&plan.end, plan.frozen, plan.child) {
            (End::Never, true, None) => Some("its spinner is frozen".to_string()),
            (_, true, None) if plan.lasts >= Duration::from_secs(300) => Some("silent for too long".to_string()),
            (_, true, Some(Child::Quiet)) if plan.lasts >= Duration::from_secs(3600) => {
                Some("a quiet child for too long".to_string())
            }
            _ => None,
        };
        if !matches!(plan.end, End::Never) {
            self.coming.push((plan.lasts, Act::TurnEnds));
        }
        if !plan.frozen {
            self.coming.push((self.habits.spin, Act::Spins));
        }
        self.asked_at = now.steady;
        let answers = plan.uses.as_ref().map_or(0, |(answers, ..)| *answers);
        // The last one is told when its turn is over, as it may be by a file that is read later.
        (0..answers.saturating_sub(1).max(answers.min(1))).for_each(|answer| self.use_tokens(&plan, answer, now));
        self.turn = Some(Turn { plan, since: now.steady });
    }

    /// Tells of one answer, in two parts.
    fn use_tokens(&mut self, plan: &Plan, answer: u32, now: Now) {
        let Some((_, tokens, model)) = plan.uses.clone() else { return };
        self.answers += 1;
        let message = format!("{}-{}", self.incarnation.0, self.answers);
        let at = Some(now.wall + Duration::from_millis(u64::from(answer)));
        for part in [Tokens::default(), Tokens { input: tokens, ..Tokens::default() }] {
            let report = Report::Used { message: message.clone(), model: model.clone(), tokens: part, at };
            self.told.push(report.clone());
            self.report(report);
        }
        self.used += tokens;
    }

    /// All answers of this life are told once more, as where a mark was lost.
    pub(crate) fn repeat(&mut self) {
        self.told.clone().into_iter().for_each(|report| self.report(report));
    }

    /// What lies on this agent decides over what it planned.
    fn condition(&self, plan: Plan, now: Now) -> Plan {
        let soon = |end| Plan { lasts: Duration::from_secs(1), frozen: false, child: None, uses: None, end };
        if self.poisoned {
            return soon(End::Poisoned);
        }
        if self.broken {
            return soon(End::Broken);
        }
        match self.limited_until {
            Some(until) if now.steady < until => {
                let lasts = until.since(now.steady);
                let told = self.limit_told.clone().unwrap_or_else(|| clock(now.wall_of(until)));
                soon(End::Limited { until: told, lasts })
            }
            Some(_) | None => plan,
        }
    }

    fn end_turn(&mut self, now: Now, next: impl FnOnce() -> Plan) {
        let Some(turn) = self.turn.take() else { return };
        self.generation += 1;
        self.ill = None;
        let failed = matches!(turn.plan.end, End::Limited { .. } | End::Poisoned);
        match turn.plan.end.clone() {
            End::Says(text) => {
                self.say(&format!("● {text}"));
                self.ill = Some("it forgot its marker".to_string());
            }
            End::Waits { ahead, late } => self.wait(now, ahead, late),
            End::Marks(text) => {
                self.say(&format!("● WAITING-UNTIL: {text}"));
                self.ill = Some("it never wakes".to_string());
            }
            End::Shows(text) => {
                self.say(&text);
                self.ill = Some("an error ended its turn".to_string());
            }
            End::Limited { until, lasts } => {
                self.limited_until = Some(now.steady + lasts);
                self.limit_told = Some(until.clone());
                let told = if until.is_empty() { String::new() } else { format!(" · resets {until}") };
                self.say(&format!("✗ usage limit reached{told}"));
            }
            End::Poisoned => {
                self.poisoned = true;
                self.say("✗ API error 400: `thinking` blocks cannot be modified");
                self.ill = Some("its conversation is poisoned".to_string());
            }
            End::Broken => {
                self.broken = true;
                self.say("✗ FATAL: internal error");
                self.ill = Some("it is broken".to_string());
            }
            End::Exits(exit) => {
                self.end(exit);
                return;
            }
            End::Wedges => {
                self.wedged = Some(now.steady);
                self.ill = Some("it is wedged".to_string());
            }
            End::Asks(dialog) => {
                self.dialog = Some(dialog);
                let plan = Plan { end: Plan::usual().end, ..turn.plan };
                self.turn = Some(Turn { plan, since: turn.since });
                return;
            }
            End::Never => {}
        }
        let failed = self.said.last().filter(|_| failed).cloned();
        let last = turn.plan.uses.as_ref().filter(|(answers, ..)| *answers > 1).map(|(answers, ..)| answers - 1);
        // Who tells of turns at all tells how they ended.
        match failed.filter(|_| self.habits.transcribes || self.habits.tells_late) {
            Some(error) => self.report(Report::TurnFailed { error, status: None, resets: None }),
            None => self.report(Report::TurnEnded { answer: None, pending: self.pending }),
        }
        if let Some(answer) = last {
            self.use_tokens(&turn.plan, answer, now);
        }
        if !self.queued.is_empty() && self.wedged.is_none() {
            let taken = self.queued.remove(0);
            self.take(&taken, next(), now);
        }
    }

    fn wait(&mut self, now: Now, ahead: Duration, late: Option<Duration>) {
        let until = (now.wall + ahead).utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        self.say("● Done for now.");
        self.say(&format!("● WAITING-UNTIL: {until}"));
        match late {
            Some(late) => {
                self.coming.push((ahead + late, Act::Wakes));
                if late > Duration::from_secs(175) {
                    self.ill = Some("it wakes too late".to_string());
                }
                if ahead > Duration::from_secs(600) {
                    self.ill = Some("it waits for too long".to_string());
                }
            }
            None => self.ill = Some("it never wakes".to_string()),
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.said.push(line.to_string());
        let much = self.said.len().saturating_sub(KEPT);
        self.said.drain(..much);
    }

    pub(crate) fn report(&mut self, report: Report) {
        if self.habits.reports {
            self.reports.push(report);
        }
    }
}

/// `5:10pm (UTC)`
fn clock(wall: Time) -> String {
    wall.utc().format("%-I:%M%P (UTC)").to_string()
}

pub(crate) fn echo(prompt: &str) -> Vec<String> {
    let lines: Vec<&str> = prompt.split('\n').collect();
    let mut shown = vec![String::new()];
    shown.extend(lines.iter().take(6).enumerate().map(|(n, line)| {
        let sign = if n == 0 { "> " } else { "  " };
        format!("{sign}{line}")
    }));
    if lines.len() > 6 {
        shown.push(format!("  … +{} lines", lines.len() - 6));
    }
    shown.push(String::new());
    shown
}

fn composer(text: &str, width: usize, height: usize) -> Vec<String> {
    let mut rows: Vec<String> = text.split('\n').flat_map(|line| pieces(line, width - 2)).collect();
    let above = rows.len().saturating_sub(height / 2);
    let mut rows = rows.split_off(above);
    for (n, row) in rows.iter_mut().enumerate() {
        let sign = if n == 0 && above == 0 { "❯\u{a0}" } else { "  " };
        *row = format!("{sign}{row}");
    }
    let rule = "─".repeat(width);
    let upper =
        if above == 0 { rule.clone() } else { format!("─── ↑ {above} more {}", "─".repeat(width / 2)) };
    let mut box_rows = vec![upper];
    box_rows.extend(rows);
    box_rows.push(rule);
    box_rows
}

/// With more in its middle.
fn garbled(text: &str, more: &str) -> String {
    let (before, after) = text.split_at(text.floor_char_boundary(text.len() / 2));
    format!("{before}{more}{after}")
}

fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut rows = pieces(line, width);
    for row in rows.iter_mut().skip(1) {
        *row = format!("  {row}");
    }
    rows
}

fn fits(line: &str, width: usize) -> bool {
    line.len() <= width.saturating_sub(2)
}

fn pieces(line: &str, width: usize) -> Vec<String> {
    if fits(line, width) {
        return vec![line.to_string()];
    }
    let chars: Vec<char> = line.chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(width.saturating_sub(2).max(1)).map(|piece| piece.iter().collect()).collect()
}
