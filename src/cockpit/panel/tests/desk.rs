//! A cockpit at work, without a terminal, an engine and a log.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::cockpit::archive::{Decision, Entry, Leaf, Letter, Question, Vicinity};
use crate::cockpit::happening::Happening;
use crate::cockpit::keys::{Key, Keys};
use crate::cockpit::theme::Theme;
use crate::cockpit::update::update;
use crate::cockpit::view;
use crate::config::model::{Cockpit, ThemeName};
use crate::edge::link::Heard;
use crate::edge::store::Page;
use crate::pilot::id::{AgentId, Incarnation, MessageId};
use crate::pilot::message::{Message, Origin, Stage};
use crate::pilot::record::{AgentState, Illness};
use crate::pilot::time::Time;
use crate::pilot::view::sample;
use crate::pilot::view::{AgentView, MessageView, NextAction, PhaseView, View, WatchView};

use super::super::*;

pub(super) const NOW: Time = Time(1_795_225_128_000);

/// A cockpit at work on a log of `last` records, of which the one with number n is about builder and, each third, adversary.
pub(super) struct Desk {
    pub(super) model: Model,
    pub(super) errands: Vec<Errand>,
    pub(super) last: u64,
}

pub(super) fn agent_id(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

pub(super) fn agent(name: &str) -> AgentView {
    let at = |s: i64| Time(NOW.0 + s * 1_000);
    let deadline = |what: &str, s| NextAction { what: what.to_string(), at: at(s) };
    AgentView {
        state: AgentState::Working,
        since: at(-60),
        evidence: vec!["screen read by the rule \"busy\": it counts".to_string()],
        next: Some(deadline("look for a stall", 90)),
        incarnation: Incarnation(2),
        restarts_today: 1,
        deadlines: vec![deadline("look for a stall", 90), deadline("give up", 4_000)],
        ..sample::agent(agent_id(name))
    }
}

pub(super) fn sent(id: u64, stage: Stage) -> MessageView {
    MessageView {
        id: MessageId(id),
        agent: agent_id("builder"),
        origin: Origin::Operator,
        stage,
        queued_at: Time(NOW.0 - 120_000),
        preview: format!("please do {id}"),
    }
}

pub(super) fn picture(seq: u64, outbox: Vec<MessageView>) -> View {
    View {
        at: NOW,
        project: "calc".to_string(),
        epoch: 1,
        engine_pid: 1,
        engine_since: NOW,
        seq,
        paused: false,
        emergency_stop: false,
        tmux: "up".to_string(),
        watch: WatchView { remote: None, branch: "main".to_string(), head: None, broken: None, handoffs: Vec::new() },
        phase: PhaseView { current: None, sequence: Vec::new(), complete: false, blocked: None },
        agents: vec![agent("builder"), agent("adversary")],
        accounts: Vec::new(),
        outbox,
        alerts: Vec::new(),
    }
}

pub(super) fn record(seq: u64) -> Record {
    let agent = agent_id(if seq.is_multiple_of(3) { "adversary" } else { "builder" });
    match seq % 100 {
        7 => Record::Found { agent, illness: Illness::Fatal, evidence: vec![format!("oven {seq} is hot")] },
        _ => Record::Alerted { agent: Some(agent), what: format!("number {seq}") },
    }
}

pub(super) fn entry(seq: u64) -> Entry {
    Entry::of(Stamp { seq, at: NOW }, &record(seq))
}

impl Desk {
    pub(super) fn new(size: (u16, u16), last: u64, outbox: Vec<MessageView>) -> Self {
        let settings =
            Cockpit { theme: ThemeName::Dark, mouse: true, clock: true, keys: std::collections::BTreeMap::new() };
        let model = Model::new(settings, Keys::default(), Theme::new(ThemeName::Dark, false), "calc".to_string());
        let mut desk = Desk { model, errands: Vec::new(), last };
        desk.happens(Happening::Resized(size.0, size.1));
        desk.happens(Happening::Connected { version: String::new() });
        desk.happens(Happening::Heard(Heard::View(Box::new(picture(last, outbox)))));
        desk
    }

    pub(super) fn happens(&mut self, happening: Happening) {
        let errands = update(&mut self.model, NOW, happening);
        self.errands.extend(errands);
    }

    /// Presses keys by their names, and reads from the log whatever is asked for in between.
    pub(super) fn press(&mut self, keys: &str) {
        for word in keys.split_whitespace() {
            let key = match word {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "page-up" => KeyCode::PageUp,
                "page-down" => KeyCode::PageDown,
                letter => KeyCode::Char(letter.chars().next().unwrap()),
            };
            let event = KeyEvent::new(key, KeyModifiers::NONE);
            assert!(Key::parse(word).is_some(), "{word}");
            self.happens(Happening::Key(event));
            self.read();
        }
    }

    pub(super) fn looks(&mut self) -> Vec<Question> {
        let (looks, other) =
            std::mem::take(&mut self.errands).into_iter().partition(|errand| matches!(errand, Errand::Look(_)));
        self.errands = other;
        let question = |errand| match errand {
            Errand::Look(question) => Some(question),
            _ => None,
        };
        Vec::into_iter(looks).filter_map(question).collect()
    }

    /// Answers questions as the archive does, until none is left.
    pub(super) fn read(&mut self) {
        for _ in 0..10_000 {
            let looks = self.looks();
            if looks.is_empty() {
                return;
            }
            for question in looks {
                let found = self.answer(question);
                self.happens(Happening::Found(found));
            }
        }
        panic!("it asks for ever");
    }

    pub(super) fn answer(&self, question: Question) -> Found {
        match &question {
            Question::Entries { sieve, page } => {
                let seqs: Vec<u64> = match page {
                    Page::After(seq) => (seq + 1..=self.last).take(200).collect(),
                    Page::Before(seq) => (1..*seq).rev().take(200).collect(),
                    Page::Newest => (1..=self.last).rev().take(200).collect(),
                };
                let reached = seqs.last().copied().unwrap_or_default();
                let ended = seqs.len() < 200;
                let passing = seqs.into_iter().filter(|seq| sieve.passes(&record(*seq)));
                let mut entries: Vec<Entry> = passing.map(entry).collect();
                entries.sort_by_key(|entry| entry.stamp.seq);
                Found::Entries { question, leaf: Ok(Leaf { entries, reached, ended, last: self.last }) }
            }
            Question::Letter { message } => {
                let text = "all of the text".to_string();
                let (id, agent) = (*message, agent_id("builder"));
                let message = Message { id, agent, origin: Origin::Operator, text, queued_at: NOW, only: None };
                let moves = vec![(Stamp { seq: 2, at: NOW }, Stage::Uncertain { why: "nobody saw it".to_string() })];
                let letter = Letter { queued: Some((Stamp { seq: 1, at: NOW }, message)), moves };
                Found::Letter { question, letter: Ok(Box::new(letter)) }
            }
            Question::Decisions { .. } => {
                let decision = Decision { entry: entry(7), evidence: vec!["the door was open".to_string()] };
                Found::Decisions { question, decisions: Ok(vec![decision]) }
            }
            Question::Record { .. } => Found::Record { question, vicinity: Ok(Box::new(Vicinity::default())) },
            Question::Rows { .. } => Found::Rows { question, rows: Ok(Vec::new()) },
            Question::Past(stretch) => Found::Past { stretch: *stretch, past: Err("no log".to_string()) },
            Question::Moment(_) | Question::Ground(_) | Question::Scrollback(_) => panic!("{question:?}"),
        }
    }

    /// A record is written and told.
    pub(super) fn write(&mut self) {
        self.last += 1;
        let stamp = Stamp { seq: self.last, at: NOW };
        self.happens(Happening::Heard(Heard::Record(stamp, Box::new(record(self.last)))));
    }

    pub(super) fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.model.size.0, self.model.size.1)).unwrap();
        terminal
            .draw(|frame| {
                view::draw(&self.model, frame.buffer_mut());
            })
            .unwrap();
        terminal.backend().to_string()
    }

    #[track_caller]
    pub(super) fn sees(&self, words: &[&str]) {
        let screen = self.screen();
        words.iter().for_each(|word| assert!(screen.contains(word), "{word:?} is not on\n{screen}"));
    }

    #[track_caller]
    pub(super) fn sees_no(&self, word: &str) {
        let screen = self.screen();
        assert!(!screen.contains(word), "{word:?} is on\n{screen}");
    }
}
