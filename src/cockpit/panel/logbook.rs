//! The logbook: every record as a sentence, oldest first, with a live tail. However long the log is, only pages around what is shown
//! are in memory; the others are asked for as the operator comes near them.

mod window;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::cockpit::action::Action;
use crate::cockpit::archive::{Entry, Leaf, News, Question, Sieve};
use crate::cockpit::happening::Errand;
use crate::cockpit::layout;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::{Focus, Model};
use crate::cockpit::prompt::Choice;
use crate::cockpit::view::{put, put_line, put_right, span};
use crate::edge::store::{Filter, Page};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;
use crate::words::when;

use super::opened::{self, grouped};
use super::{copied, inside, tone};
use window::Window;

/// After the log could not be read it is asked again, in milliseconds.
const AGAIN_MS: i64 = 2_000;

/// What passes, what is in memory, and what is asked of the log.
#[derive(Debug)]
pub struct Logbook {
    /// Only records of the agent that is selected in the fleet.
    pub only_agent: bool,
    pub kind: Option<String>,
    /// Words that a record must contain.
    pub words: String,
    /// The newest record is kept in sight.
    pub follow: bool,
    /// What the window was read for; `None`: nothing was read yet.
    sieve: Option<Sieve>,
    window: Window,
    /// A place to go that is not in the window.
    jump: Option<Page>,
    /// At most one question is under way; another answer is passed over.
    waits: Option<Question>,
    trouble: Option<(String, Time)>,
}

impl Default for Logbook {
    fn default() -> Self {
        Logbook {
            only_agent: false,
            kind: None,
            words: String::new(),
            follow: true,
            sieve: None,
            window: Window::default(),
            jump: None,
            waits: None,
            trouble: None,
        }
    }
}

impl Logbook {
    /// Not everything passes.
    pub fn is_filtered(&self) -> bool {
        self.only_agent || self.kind.is_some() || !self.words.is_empty()
    }

    /// A record was written. Tells whether something of it can be seen.
    pub(super) fn heard(&mut self, stamp: Stamp, record: &Record) -> bool {
        let Some(sieve) = &self.sieve else { return false };
        let entry = sieve.passes(record).then(|| Entry::of(stamp, record));
        let seen = self.window.heard(stamp.seq, entry, self.follow);
        self.keep_up();
        seen
    }

    /// The engine tells that the log goes up to this number.
    pub(crate) fn reaches(&mut self, seq: u64) {
        self.window.reaches(seq);
    }

    /// The log's answer.
    pub(super) fn found(&mut self, now: Time, question: &Question, leaf: Result<Leaf, String>) -> bool {
        if self.waits.as_ref() != Some(question) {
            return false;
        }
        self.waits = None;
        let Question::Entries { page, .. } = question else { return false };
        match leaf {
            Ok(leaf) => {
                self.trouble = None;
                self.take(*page, leaf);
            }
            Err(why) => self.trouble = Some((why, Time(now.0 + AGAIN_MS))),
        }
        true
    }

    fn take(&mut self, page: Page, leaf: Leaf) {
        if self.jump.take_if(|jump| *jump == page).is_some() {
            self.window.begin(page, leaf);
        } else {
            self.window.extend(page, leaf);
        }
        self.keep_up();
    }

    fn keep_up(&mut self) {
        if self.follow {
            self.window.go(isize::MAX / 2);
        }
    }

    /// What has to be read next, if anything.
    fn question(&mut self, wanted: Sieve, now: Time) -> Option<Question> {
        if self.sieve.as_ref() != Some(&wanted) {
            self.sieve = Some(wanted);
            self.window = Window::of(self.window.known);
            (self.follow, self.waits, self.trouble) = (true, None, None);
            self.jump = Some(Page::Newest);
        }
        if self.waits.is_some() || self.trouble.as_ref().is_some_and(|(_, again)| now < *again) {
            return None;
        }
        let page = self.jump.or_else(|| self.window.lacks())?;
        let question = Question::Entries { sieve: self.sieve.clone()?, page };
        self.waits = Some(question.clone());
        Some(question)
    }

    fn first(&mut self) {
        self.follow = false;
        if self.window.is_at_start() {
            self.window.go(isize::MIN / 2);
        } else {
            (self.jump, self.waits) = (Some(Page::After(0)), None);
        }
    }

    fn last(&mut self) {
        self.follow = true;
        if self.window.is_at_end() {
            self.window.go(isize::MAX / 2);
        } else {
            (self.jump, self.waits) = (Some(Page::Newest), None);
        }
    }

    fn go(&mut self, by: isize) {
        self.window.go(by);
        // Who goes down to the end sees what comes next; who goes up reads in peace.
        self.follow = by > 0 && self.window.is_at_end() && self.window.is_last();
    }

    /// All pages of the log that are looked through are being looked through for words.
    fn searches(&self) -> bool {
        self.waits.is_some() && self.sieve.as_ref().is_some_and(|sieve| !sieve.words.is_empty())
    }
}

fn wanted(model: &Model) -> Sieve {
    let agent = model.fleet.selected.clone().filter(|_| model.logbook.only_agent);
    let kind = model.logbook.kind.clone();
    Sieve { filter: Filter { agent, kind, since: None }, words: model.logbook.words.trim().to_string() }
}

/// What has to be looked up for what is shown.
pub(super) fn wants(model: &mut Model) -> Vec<Errand> {
    let (rows, wanted) = (list(model).height, wanted(model));
    let question = model.logbook.question(wanted, model.now);
    model.logbook.window.settle(usize::from(rows));
    question.map(Errand::Look).into_iter().collect()
}

/// The place of the list: below the line of filters.
fn list(model: &Model) -> Rect {
    below_filters(model, inside(layout::areas(model).panel))
}

fn below_filters(model: &Model, area: Rect) -> Rect {
    let line = u16::from(model.logbook.is_filtered() && area.height > 1);
    Rect { y: area.y + line, height: area.height - line, ..area }
}

/// An action while it has the focus.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    let page = isize::try_from(list(model).height).unwrap_or(1).saturating_sub(1).max(1);
    match action {
        Action::Down => model.logbook.go(1),
        Action::Up => model.logbook.go(-1),
        Action::PageDown => model.logbook.go(page),
        Action::PageUp => model.logbook.go(-page),
        Action::First => model.logbook.first(),
        Action::Last => model.logbook.last(),
        Action::Follow if model.logbook.follow => model.logbook.follow = false,
        Action::Follow => model.logbook.last(),
        Action::OnlyAgent => model.logbook.only_agent = !model.logbook.only_agent,
        Action::OnlyKind => model.mode = Mode::Kinds(kinds()),
        Action::Back if model.logbook.is_filtered() => {
            let logbook = &mut model.logbook;
            (logbook.only_agent, logbook.kind, logbook.words) = (false, None, String::new());
        }
        Action::Open => {
            let seq = model.logbook.window.selected()?.stamp.seq;
            return Some(opened::open(model, Question::Record { seq }));
        }
        Action::Copy => {
            let line = |entry: &Entry| format!("{}  {}  {}", entry.stamp.seq, when::stamp(entry.stamp.at), entry.words);
            let text = model.logbook.window.selected().map(line);
            return Some(copied(model, text));
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// Selects the record in this row of the panel.
pub(super) fn click(model: &mut Model, row: u16) {
    let list = list(model);
    let Some(row) = row.checked_sub(inside(layout::areas(model).panel).height - list.height) else { return };
    let window = &model.logbook.window;
    let by = (window.top + usize::from(row)).checked_signed_diff(window.at).unwrap_or(0);
    model.logbook.go(by);
}

/// All kinds that a record can have, and all of them at once.
fn kinds() -> Choice<Option<String>> {
    let all = std::iter::once(("all kinds".to_string(), None));
    let each = Record::kinds().into_iter().map(|kind| (kind.clone(), Some(kind)));
    Choice::new("only records of this kind", all.chain(each).collect())
}

/// Draws it.
pub(crate) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let (logbook, theme) = (&model.logbook, &model.theme);
    let list = below_filters(model, area);
    if list.y > area.y {
        put_line(buffer, area, 0, &Line::from(filters(model)));
        put_right(buffer, area, 0, &Line::styled(progress(logbook), theme.warn));
    }
    if logbook.window.len() == 0 {
        let (words, style) = nothing(model);
        put(buffer, list, 0, &words, style);
        return;
    }
    let shown = logbook.window.shown(usize::from(list.height));
    let today = model.now.utc().date_naive();
    let dated = shown.clone().any(|(_, entry)| entry.stamp.at.utc().date_naive() != today);
    let form = match (dated, list.width >= 60) {
        (false, true) => "%H:%M:%S",
        (false, false) => "%H:%M",
        (true, true) => "%m-%d %H:%M:%S",
        (true, false) => "%d. %H:%M",
    };
    let wide = model.view.iter().flat_map(|view| &view.agents).map(|agent| agent.id.as_str().len()).max().unwrap_or(0);
    let wide = wide.min(usize::from(list.width) / 4);
    for (row, (at, entry)) in (0..).zip(shown) {
        let place = Rect { y: list.y + row, height: 1, ..list };
        if at == logbook.window.at {
            let focused = model.focus == Focus::Panel || model.zoomed;
            buffer.set_style(place, if focused { theme.selected } else { theme.selected_away });
        }
        put_line(buffer, place, 0, &Line::from(line(model, entry, form, wide)));
    }
}

/// `14:05:07 ✖ builder   exited by itself (status 1)`
fn line(model: &Model, entry: &Entry, form: &str, wide: usize) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let style = tone(entry.news).style(theme);
    let name = entry.agent.as_ref().map_or("", |agent| agent.as_str());
    let words = entry.words.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&entry.words);
    let mut spans = vec![
        Span::styled(format!("{} ", entry.stamp.at.utc().format(form)), theme.dim),
        Span::styled(format!("{} ", entry.news.sign()), style),
        span(&format!("{name:wide$.wide$} "), agent_style(entry.news, model)),
    ];
    spans.extend(marked(words, &model.logbook.words, style));
    spans
}

/// The sentence with what is looked for underlined.
fn marked(words: &str, sought: &str, style: Style) -> Vec<Span<'static>> {
    let (low, sought) = (words.to_ascii_lowercase(), sought.to_ascii_lowercase());
    let hits = |word: &str| low.match_indices(word).map(|(at, hit)| at..at + hit.len()).collect::<Vec<_>>();
    let hits: Vec<_> = sought.split_whitespace().flat_map(hits).collect();
    let is_hit = |at: usize| hits.iter().any(|hit| hit.contains(&at));
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut run = String::new();
    let mut chars = words.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        run.push(c);
        if chars.peek().is_none_or(|(next, _)| is_hit(*next) != is_hit(at)) {
            let style = if is_hit(at) { style.add_modifier(Modifier::UNDERLINED | Modifier::BOLD) } else { style };
            spans.push(span(&std::mem::take(&mut run), style));
        }
    }
    spans
}

fn agent_style(news: News, model: &Model) -> Style {
    if news == News::Order { model.theme.dim } else { model.theme.strong }
}

fn filters(model: &Model) -> Vec<Span<'static>> {
    let (logbook, theme) = (&model.logbook, &model.theme);
    let mut spans = vec![Span::styled(" only", theme.dim)];
    if logbook.only_agent {
        let agent = model.fleet.selected.as_ref().map_or("the selected agent", |agent| agent.as_str());
        spans.push(span(&format!(" {agent}"), theme.warn));
    }
    if let Some(kind) = &logbook.kind {
        spans.push(span(&format!(" {kind}"), theme.warn));
    }
    if !logbook.words.is_empty() {
        spans.push(span(&format!(" /{}", logbook.words), theme.warn));
    }
    spans
}

/// How far a search has come.
fn progress(logbook: &Logbook) -> String {
    match logbook.window.looked_back_to() {
        Some(seq) if logbook.searches() => format!(" searching… back to {} ", grouped(seq)),
        None if logbook.searches() => " searching… ".to_string(),
        Some(_) | None => String::new(),
    }
}

/// Why there is nothing to be seen.
fn nothing(model: &Model) -> (String, Style) {
    let (logbook, theme) = (&model.logbook, &model.theme);
    if let Some((why, _)) = &logbook.trouble {
        return (format!("the log can't be read: {why}"), theme.bad);
    }
    let words = match (logbook.waits.is_some(), logbook.is_filtered()) {
        (true, true) => "looking through the log …".to_string(),
        (true, false) => "reading the log …".to_string(),
        (false, true) => format!("no record fits; {} shows all again", model.keys.hint(Action::Back)),
        (false, false) => "the log is empty".to_string(),
    };
    (words, theme.dim)
}

/// Where the selection stands, for the lower edge.
pub(crate) fn note(model: &Model) -> String {
    let logbook = &model.logbook;
    let Some(entry) = logbook.window.selected() else { return String::new() };
    let follow = if logbook.follow { "· following " } else { "" };
    format!(" {} of {} {follow}", grouped(entry.stamp.seq), grouped(logbook.window.known))
}
