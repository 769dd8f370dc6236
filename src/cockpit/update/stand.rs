//! A cockpit for tests: two agents and three phases, an engine that is connected, keys pressed by their spelling, and what it shows.

use std::collections::BTreeMap;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};

use super::update;
use crate::cockpit::happening::{Errand, Happening};
use crate::cockpit::keys::{Key, Keys};
use crate::cockpit::model::Model;
use crate::cockpit::theme::Theme;
use crate::cockpit::view;
use crate::config::model::{Cockpit, ThemeName};
use crate::edge::link::Heard;
use crate::pilot::command::{Answer, Command};
use crate::pilot::id::{AgentId, PhaseId};
use crate::pilot::record::AgentState;
use crate::pilot::time::Time;
use crate::pilot::view::sample;
use crate::pilot::view::{AgentView, PhaseItem, PhaseView, View, WatchView};

/// The cockpit, and the moment it is in.
pub(crate) struct Stand {
    pub(crate) model: Model,
    pub(crate) now: Time,
}

impl Stand {
    /// 120 columns, 40 rows; the engine has told its picture.
    pub(crate) fn new() -> Self {
        let settings = Cockpit { theme: ThemeName::Dark, mouse: true, clock: true, keys: BTreeMap::new() };
        let theme = Theme::new(ThemeName::Dark, true);
        let model = Model::new(settings, Keys::default(), theme, "deck".to_string());
        let mut stand = Stand { model, now: Time(1_000_000) };
        stand.take(Happening::Resized(120, 40));
        stand.take(Happening::Connected { version: "1".to_string() });
        stand.take(Happening::Heard(Heard::View(Box::new(picture()))));
        stand
    }

    /// Takes in one happening.
    pub(crate) fn take(&mut self, happening: Happening) -> Vec<Errand> {
        update(&mut self.model, self.now, happening)
    }

    /// Keys by their spelling, with blanks between them.
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Errand> {
        let mut errands = Vec::new();
        for word in keys.split_whitespace() {
            let key = Key::parse(word).expect(word);
            errands.extend(self.take(Happening::Key(key.event())));
        }
        errands
    }

    /// Letters, typed one by one.
    pub(crate) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.take(Happening::Key(KeyEvent::from(ratatui::crossterm::event::KeyCode::Char(c))));
        }
    }

    /// A left click.
    pub(crate) fn click(&mut self, column: u16, row: u16) -> Vec<Errand> {
        let kind = MouseEventKind::Down(MouseButton::Left);
        let modifiers = ratatui::crossterm::event::KeyModifiers::NONE;
        self.take(Happening::Mouse(MouseEvent { kind, column, row, modifiers }))
    }

    /// Clicks on the first place where these words stand.
    pub(crate) fn click_on(&mut self, words: &str) -> Vec<Errand> {
        let shown = self.shown();
        let found = shown.lines().enumerate().find_map(|(row, line)| Some((row, line.find(words)?, line)));
        let (row, at, line) = found.expect(words);
        let column = line[..at].chars().count();
        self.click(u16::try_from(column).expect("small"), u16::try_from(row).expect("small"))
    }

    /// The engine answers the last command that went out.
    pub(crate) fn answer(&mut self, answer: Answer) {
        let command = self.model.asked.last().expect("something was asked").command.clone();
        self.take(Happening::Sent { command, ask: Ok(7) });
        self.take(Happening::Heard(Heard::Answer { ask: 7, answer: Box::new(answer) }));
    }

    /// The engine goes away.
    pub(crate) fn lose_engine(&mut self) {
        self.take(Happening::Disconnected { why: "it ended".to_string() });
    }

    /// The screen as text.
    pub(crate) fn shown(&self) -> String {
        let (width, height) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal
            .draw(|frame| {
                view::draw(&self.model, frame.buffer_mut());
            })
            .expect("drawn");
        let buffer = terminal.backend().buffer();
        let rows = (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol().to_string()).collect::<String>());
        rows.map(|row| row.trim_end().to_string() + "\n").collect()
    }
}

/// The commands among errands.
pub(crate) fn asked(errands: &[Errand]) -> Vec<Command> {
    let command = |errand: &Errand| match errand {
        Errand::Ask(command) => Some(command.clone()),
        _ => None,
    };
    errands.iter().filter_map(command).collect()
}

/// An agent's name.
pub(crate) fn agent(name: &str) -> AgentId {
    AgentId::parse(name).expect("a name")
}

/// A phase's name.
pub(crate) fn phase(name: &str) -> PhaseId {
    PhaseId::parse(name).expect("a phase")
}

/// Builder at work, adversary idle, phase 1a done, 1b active, 2 pending.
pub(crate) fn picture() -> View {
    let item = |name: &str, status: &str| PhaseItem {
        id: phase(name),
        status: status.to_string(),
        title: format!("title of {name}"),
        since: None,
        spent_s: 0,
    };
    let sequence = vec![item("1a", "done"), item("1b", "active"), item("2", "pending")];
    View {
        at: Time(1_000_000),
        project: "deck".to_string(),
        epoch: 1,
        engine_pid: 1,
        engine_since: Time(0),
        seq: 0,
        paused: false,
        emergency_stop: false,
        tmux: "up".to_string(),
        watch: WatchView { remote: None, branch: "main".to_string(), head: None, broken: None, handoffs: Vec::new() },
        phase: PhaseView { current: Some(phase("1b")), sequence, complete: false, blocked: None },
        agents: vec![one("builder", AgentState::Working), one("adversary", AgentState::Idle)],
        accounts: Vec::new(),
        outbox: Vec::new(),
        alerts: Vec::new(),
    }
}

/// One agent with a session and a pane.
pub(crate) fn one(name: &str, state: AgentState) -> AgentView {
    AgentView {
        role: name.to_string(),
        state,
        since: Time(900_000),
        phase: Some(phase("1b")),
        ..sample::agent(agent(name))
    }
}
