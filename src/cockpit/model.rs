//! All that the cockpit knows: what the engine told, and how the operator looks at it. Pure: `now` comes in from outside, and
//! [`super::update`] alone changes it.

use crate::config::model::Cockpit as Settings;
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;
use crate::pilot::view::{AgentView, View};

use super::asked::Asked;
use super::compose::Drafts;
use super::fleet::Fleet;
use super::keys::{Context, Keys};
use super::mode::Mode;
use super::panel::live::Live;
use super::panel::logbook::Logbook;
use super::panel::outbox::Outbox;
use super::panel::recorder::Recorder;
use super::panel::why::Why;
use super::theme::Theme;

/// An engine that says nothing for this long is called silent (it says something every 2 s), in milliseconds.
pub const SILENT_MS: u64 = 5_000;
/// How much of the width the fleet takes, in percent: least, at first, most.
pub const SPLIT: (u16, u16, u16) = (20, 42, 80);

/// Everything.
#[derive(Debug)]
pub struct Model {
    pub keys: Keys,
    pub theme: Theme,
    pub settings: Settings,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Wall time of the last happening.
    pub now: Time,
    pub engine: Engine,
    pub view: Option<View>,
    pub fleet: Fleet,
    pub panel: Panel,
    pub focus: Focus,
    /// The panel has the whole body.
    pub zoomed: bool,
    /// The fleet's share of the width, in percent.
    pub split: u16,
    /// The split is being dragged.
    pub dragging: bool,
    pub mode: Mode,
    pub asked: Vec<Asked>,
    pub drafts: Drafts,
    pub notice: Option<Notice>,
    pub live: Live,
    pub logbook: Logbook,
    pub outbox: Outbox,
    pub why: Why,
    /// Rows that the usage of agents is scrolled down.
    pub usage_scroll: usize,
    pub recorder: Recorder,
    /// Something that can be seen has changed since the last frame.
    pub dirty: bool,
    /// The clock has moved on, and nothing else, as far as `dirty` does not say more.
    pub aged: bool,
}

/// The engine as the link knows it.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// `None`: connected.
    pub lost: Option<String>,
    pub connected: bool,
    /// When it said something last.
    pub last_word: Time,
    pub version: String,
    /// The workspace, as shown.
    pub place: String,
}

/// What the right side shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Panel {
    Live,
    Recorder,
    Logbook,
    Outbox,
    Why,
    Usage,
}

impl Panel {
    pub const ALL: [Panel; 6] = [Panel::Live, Panel::Recorder, Panel::Logbook, Panel::Outbox, Panel::Why, Panel::Usage];

    /// Its name on its tab.
    pub fn title(self) -> &'static str {
        match self {
            Panel::Live => "Live",
            Panel::Recorder => "Recorder",
            Panel::Logbook => "Logbook",
            Panel::Outbox => "Outbox",
            Panel::Why => "Why",
            Panel::Usage => "Usage",
        }
    }

    /// Where its keys stand in the table.
    pub fn context(self) -> Context {
        match self {
            Panel::Live => Context::Live,
            Panel::Recorder => Context::Recorder,
            Panel::Logbook => Context::Logbook,
            Panel::Outbox => Context::Outbox,
            Panel::Why => Context::Why,
            Panel::Usage => Context::Usage,
        }
    }
}

/// Which side keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Fleet,
    Panel,
}

/// A line that answers something the operator did; it goes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub words: String,
    pub bad: bool,
    pub until: Time,
}

impl Model {
    /// Nothing is known yet.
    pub fn new(settings: Settings, keys: Keys, theme: Theme, place: String) -> Self {
        Model {
            keys,
            theme,
            settings,
            size: (0, 0),
            now: Time(0),
            engine: Engine { place, ..Engine::default() },
            view: None,
            fleet: Fleet::default(),
            panel: Panel::Live,
            focus: Focus::Fleet,
            zoomed: false,
            split: SPLIT.1,
            dragging: false,
            mode: Mode::Browse,
            asked: Vec::new(),
            drafts: Drafts::default(),
            notice: None,
            live: Live::default(),
            logbook: Logbook::default(),
            outbox: Outbox::default(),
            why: Why::default(),
            usage_scroll: 0,
            recorder: Recorder::default(),
            dirty: true,
            aged: false,
        }
    }

    /// Where keys go.
    pub fn context(&self) -> Context {
        match (&self.mode, self.focus) {
            (Mode::Browse, Focus::Fleet) if !self.zoomed => Context::Fleet,
            (Mode::Browse, Focus::Panel | Focus::Fleet) => self.panel.context(),
            (mode, _) => mode.context(),
        }
    }

    /// The picture of one agent.
    pub fn agent(&self, id: &AgentId) -> Option<&AgentView> {
        self.view.as_ref()?.agents.iter().find(|agent| agent.id == *id)
    }

    /// The picture of the selected one.
    pub fn selected(&self) -> Option<&AgentView> {
        self.agent(self.fleet.selected.as_ref()?)
    }

    /// Whose pane is looked at: the selected agent's, while its live pane can be seen.
    pub fn peeked(&self) -> Option<&AgentId> {
        let seen = self.panel == Panel::Live && self.shows_panel() && self.mode.shows_screen();
        self.fleet.selected.as_ref().filter(|_| seen)
    }

    /// The panel is on the screen: on a narrow one only while it has the focus.
    pub fn shows_panel(&self) -> bool {
        !super::layout::is_narrow(self.size) || self.focus == Focus::Panel || self.zoomed
    }

    /// For how long the engine has said nothing, when that is long enough to tell.
    pub fn silence(&self) -> Option<std::time::Duration> {
        let silence = self.now.since(self.engine.last_word);
        let long = silence.as_millis() > u128::from(SILENT_MS);
        (self.view.is_some() && (long || !self.engine.connected)).then_some(silence)
    }

    /// Says something at the foot of the screen.
    pub fn say(&mut self, words: impl Into<String>, bad: bool) {
        // A refusal is read to its end; a confirmation is seen at a glance.
        let stays = if bad { 12_000 } else { 5_000 };
        self.notice = Some(Notice { words: words.into(), bad, until: Time(self.now.0 + stays) });
        self.dirty = true;
    }
}
