//! Why the selected agent is as it is: the verdict and what it rests on, what comes next and when, and what was decided about it last.
//! Only the decisions come from the log; all else is the engine's present picture.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::cockpit::action::Action;
use crate::cockpit::archive::{Decision, Question, is_decision};
use crate::cockpit::happening::Errand;
use crate::cockpit::layout;
use crate::cockpit::model::{Focus, Model, Panel};
use crate::cockpit::tint::Tint;
use crate::cockpit::view::{fleet, put};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::{Record, Wish};
use crate::pilot::time::Time;
use crate::pilot::view::AgentView;
use crate::words::{account, explain, message, when};

use super::sheet::{Sheet, Tone};
use super::{copied, inside};

/// After the log could not be read it is asked again, in milliseconds.
const AGAIN_MS: i64 = 2_000;
/// Lines of evidence that are shown of one decision; the record itself has them all.
const EVIDENCE: usize = 6;

/// How far it is scrolled, and what the log said.
#[derive(Debug, Default)]
pub struct Why {
    pub scroll: usize,
    of: Option<AgentId>,
    decisions: Option<Result<Vec<Decision>, String>>,
    waits: Option<Question>,
    /// When the log is to be asked.
    due: Time,
}

impl Why {
    /// A record was written: decisions about the agent shown are read anew.
    pub(super) fn heard(&mut self, stamp: Stamp, record: &Record) {
        if record.agent() == self.of.as_ref() && is_decision(record) {
            self.due = self.due.min(stamp.at);
        }
    }

    /// The log's answer; one that is not waited for any more is passed over.
    pub(super) fn found(&mut self, now: Time, question: &Question, decisions: Result<Vec<Decision>, String>) -> bool {
        let waited = self.waits.as_ref() == Some(question);
        if waited {
            self.waits = None;
            if decisions.is_err() {
                self.due = Time(now.0 + AGAIN_MS);
            }
            self.decisions = Some(decisions);
        }
        waited
    }

    fn turn_to(&mut self, agent: &AgentId) {
        if self.of.as_ref() != Some(agent) {
            *self = Why { of: Some(agent.clone()), ..Why::default() };
        }
    }
}

/// What has to be looked up for what is shown.
pub(super) fn wants(model: &mut Model) -> Vec<Errand> {
    let Some(agent) = model.fleet.selected.clone() else { return Vec::new() };
    let why = &mut model.why;
    why.turn_to(&agent);
    if why.waits.is_some() || model.now < why.due {
        return Vec::new();
    }
    let question = Question::Decisions { agent };
    why.waits = Some(question.clone());
    why.due = Time(i64::MAX);
    vec![Errand::Look(question)]
}

/// An action while it has the focus.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    let agent = model.selected()?;
    match action {
        Action::Open => {
            model.panel = Panel::Logbook;
            model.focus = Focus::Panel;
            model.logbook.only_agent = true;
            Some(Vec::new())
        }
        Action::Copy => {
            let text = sheet(model, agent).plain();
            Some(copied(model, Some(text)))
        }
        _ => {
            let place = inside(layout::areas(model).panel);
            let scroll = sheet(model, agent).go(model.why.scroll, action, place, &model.theme)?;
            model.why.scroll = scroll;
            Some(Vec::new())
        }
    }
}

/// Draws it.
pub(crate) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    match model.selected() {
        Some(agent) => sheet(model, agent).draw(model.why.scroll, area, buffer, &model.theme),
        None => put(buffer, area, 0, "no agent is selected", model.theme.dim),
    }
}

fn sheet(model: &Model, agent: &AgentView) -> Sheet {
    let mut sheet = Sheet::default();
    let tint = Tint::of(&agent.state);
    sheet.point(&format!("{} ", tint.sign()), &explain::verdict(agent, model.now), Tone::State(tint));
    sheet.point("→ ", &fleet::next(model, agent, model.now), Tone::Strong);
    sheet.heading("because");
    if agent.evidence.is_empty() {
        sheet.point("  ", "nothing more is known", Tone::Dim);
    }
    for line in &agent.evidence {
        sheet.point("  · ", line, Tone::Text);
    }
    deadlines(&mut sheet, model, agent);
    messages(&mut sheet, model, agent);
    decisions(&mut sheet, model, agent);
    facts(&mut sheet, model, agent);
    sheet
}

fn deadlines(sheet: &mut Sheet, model: &Model, agent: &AgentView) {
    sheet.heading("waited for");
    if agent.deadlines.is_empty() {
        sheet.point("  ", "no time is set: nothing until something changes", Tone::Dim);
    }
    for deadline in &agent.deadlines {
        let left = fleet::countdown(deadline.at, model.now);
        sheet.point(&format!("  {} {left:>9}  ", when::clock(deadline.at)), &deadline.what, Tone::Text);
    }
}

fn messages(sheet: &mut Sheet, model: &Model, agent: &AgentView) {
    let outbox = model.view.iter().flat_map(|view| &view.outbox);
    let waiting: Vec<_> = outbox.filter(|sent| sent.agent == agent.id && !sent.stage.settled()).collect();
    if waiting.is_empty() {
        return;
    }
    sheet.heading("messages for it");
    for sent in waiting {
        let told = format!("{}: {}", message::told(sent.id, &sent.stage), sent.preview);
        sheet.point("  ✉ ", &told, Tone::Text);
    }
}

fn decisions(sheet: &mut Sheet, model: &Model, agent: &AgentView) {
    sheet.heading("decided lately");
    let known = model.why.decisions.as_ref().filter(|_| model.why.of.as_ref() == Some(&agent.id));
    match known {
        None => sheet.point("  ", "reading the log …", Tone::Dim),
        Some(Err(why)) => sheet.point("  ", &format!("the log can't be read: {why}"), Tone::Bad),
        Some(Ok(decisions)) if decisions.is_empty() => sheet.point("  ", "nothing yet", Tone::Dim),
        Some(Ok(decisions)) => decisions.iter().for_each(|decision| decided(sheet, model.now, decision)),
    }
}

fn decided(sheet: &mut Sheet, now: Time, decision: &Decision) {
    let entry = &decision.entry;
    let age = when::short(now.since(entry.stamp.at));
    let words = entry.agent.as_ref().and_then(|agent| entry.words.strip_prefix(&format!("{agent}: ")));
    let words = words.unwrap_or(&entry.words);
    sheet.point(
        &format!("  {} {age:>4} {} ", moment(entry.stamp.at, now), entry.news.sign()),
        words,
        super::tone(entry.news),
    );
    // What the sentence says already is not said again.
    let news = decision.evidence.iter().filter(|line| !words.contains(line.trim()));
    for line in news.take(EVIDENCE) {
        sheet.point("             ", &format!("│ {line}"), Tone::Dim);
    }
}

/// `14:05:07`, and the day where it was another one.
fn moment(at: Time, now: Time) -> String {
    match at.utc().date_naive() == now.utc().date_naive() {
        true => when::clock(at),
        false => at.utc().format("%m-%d %H:%M").to_string(),
    }
}

fn facts(sheet: &mut Sheet, model: &Model, agent: &AgentView) {
    sheet.heading("what it is");
    let wanted = match agent.wish {
        Wish::Running => "running",
        Wish::Stopped => "stopped",
    };
    let or = |words: &str, none: &str| if words.is_empty() { none.to_string() } else { words.to_string() };
    sheet.field("wanted", wanted);
    sheet.field("kind", &format!("{}, role {}", or(&agent.kind, "loop"), agent.role));
    sheet.field("backend", &format!("{}, model {}", agent.backend, or(&agent.model, "of its own choice")));
    if let Some(account) = model.view.as_ref().and_then(|view| account::of_agent(view, agent)) {
        sheet.field("account", &account);
    }
    sheet.field("restart", &or(&agent.restart, "as its kind says"));
    sheet.field("phase", agent.phase.as_ref().map_or("none", |phase| phase.as_str()));
    sheet.field("life", &life(agent));
    sheet.field("runs on", &place(agent));
    if !agent.dir.is_empty() {
        sheet.field("directory", &agent.dir);
    }
    sheet.field("messages", &format!("{} waiting", agent.waiting_messages));
    sheet.field("last line", &or(&agent.last_line, "nothing is on its screen"));
    if let Some(view) = &model.view {
        sheet.field("engine", &format!("{}, process {}, tmux server {}", view.epoch, view.engine_pid, view.tmux));
    }
}

/// `devbox, process 4711, tmux session $1, pane %1`
fn place(agent: &AgentView) -> String {
    let host = if agent.host.is_empty() { "an unknown host" } else { &agent.host };
    let process = agent.pid.map(|pid| format!("process {pid}"));
    let tmux = agent.session.as_ref().zip(agent.pane.as_ref());
    let tmux = tmux.map(|(session, pane)| format!("tmux session {session}, pane {pane}"));
    [Some(host.to_string()), process, tmux].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn life(agent: &AgentView) -> String {
    match agent.incarnation.0 {
        0 => "never started".to_string(),
        number => format!("number {number}, {} restarts today", agent.restarts_today),
    }
}
