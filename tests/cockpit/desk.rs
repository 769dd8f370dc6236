//! The operator's side: a cockpit on a terminal of a given size. Keys go in by their names, errands are done at the world
//! at once, and all of them are written down.

use std::io::Write;
use std::mem::take;
use std::time::Duration;

use flightdeck::cockpit::archive::Question;
use flightdeck::cockpit::canvas::Canvas;
use flightdeck::cockpit::happening::{Errand, Happening};
use flightdeck::cockpit::keys::{Key, Keys};
use flightdeck::cockpit::model::Model;
use flightdeck::cockpit::theme::Theme;
use flightdeck::cockpit::update::update;
use flightdeck::config::model::{Cockpit, ThemeName};
use flightdeck::edge::link::Heard;
use flightdeck::pilot::command::Command;
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use std::collections::BTreeMap;

use super::picture::Picture;
use super::world::World;

/// A cockpit in use.
pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) world: World,
    /// Everything that left, in order.
    pub(crate) errands: Vec<Errand>,
    /// What the engine has to say and keeps to itself while it is slow.
    unsaid: Vec<Heard>,
    slow: bool,
    asks: u64,
}

impl Desk {
    /// The busy fleet on a terminal of this size, just connected.
    pub(crate) fn sized(width: u16, height: u16) -> Self {
        Desk::over(World::busy(), width, height)
    }

    /// The busy fleet on an ordinary terminal.
    pub(crate) fn new() -> Self {
        Desk::sized(120, 40)
    }

    /// A cockpit over this world.
    pub(crate) fn over(world: World, width: u16, height: u16) -> Self {
        let mut desk = Desk::lonely(world, width, height);
        desk.happens(Happening::Connected { version: env!("CARGO_PKG_VERSION").to_string() });
        let view = desk.world.view();
        desk.world.news();
        desk.hears(Heard::View(Box::new(view)));
        desk.errands.clear();
        desk
    }

    /// A cockpit that no engine has answered yet.
    pub(crate) fn lonely(world: World, width: u16, height: u16) -> Self {
        let settings = Cockpit { theme: ThemeName::Dark, mouse: true, clock: true, keys: BTreeMap::new() };
        let theme = Theme::new(settings.theme, false);
        let model = Model::new(settings, Keys::default(), theme, "calc".to_string());
        let mut desk = Desk { model, world, errands: Vec::new(), unsaid: Vec::new(), slow: false, asks: 0 };
        desk.happens(Happening::Resized(width, height));
        desk
    }

    // -- the operator ------------------------------------------------------------------------------------------------

    /// Presses keys: letters as they are, others by their names: `jj<ctrl-r>p<enter>`.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        for name in names(keys) {
            let key = Key::parse(&name).unwrap_or_else(|| panic!("{name:?} is no key"));
            self.happens(Happening::Key(key.event()));
        }
        self
    }

    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        self.happens(Happening::Pasted(text.to_string()));
        self
    }

    pub(crate) fn resize(&mut self, width: u16, height: u16) -> &mut Self {
        self.happens(Happening::Resized(width, height));
        self
    }

    /// The left button goes down and up there.
    pub(crate) fn click(&mut self, column: u16, row: u16) -> &mut Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
        self.mouse(MouseEventKind::Up(MouseButton::Left), column, row)
    }

    pub(crate) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> &mut Self {
        self.happens(Happening::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self
    }

    // -- the engine --------------------------------------------------------------------------------------------------

    /// From now on the engine takes commands and says nothing.
    pub(crate) fn engine_slows(&mut self) -> &mut Self {
        self.slow = true;
        self
    }

    /// It says all that it has kept back.
    pub(crate) fn engine_speaks(&mut self) -> &mut Self {
        self.slow = false;
        for heard in std::mem::take(&mut self.unsaid) {
            self.happens(Happening::Heard(heard));
        }
        self
    }

    /// Time goes by, for the fleet and on the cockpit's clock, second for second.
    pub(crate) fn later(&mut self, span: Duration) -> &mut Self {
        for _ in 0..span.as_secs() {
            self.world.pass(Duration::from_secs(1));
            self.told();
            let at = self.world.now;
            self.hears(Heard::Alive(at));
            self.happens(Happening::Ticked);
        }
        self
    }

    /// Time goes by on the cockpit's clock alone.
    pub(crate) fn silence(&mut self, span: Duration) -> &mut Self {
        self.world.now = self.world.now + span;
        self.happens(Happening::Ticked);
        self
    }

    /// Something happens in the fleet, and the cockpit is told.
    pub(crate) fn meanwhile(&mut self, change: impl FnOnce(&mut World)) -> &mut Self {
        change(&mut self.world);
        self.told();
        self
    }

    /// One thing for the cockpit, with the errands that follow from it.
    pub(crate) fn happens(&mut self, happening: Happening) {
        for errand in update(&mut self.model, self.world.now, happening) {
            self.errands.push(errand.clone());
            self.run(errand);
        }
    }

    // -- what is seen ------------------------------------------------------------------------------------------------

    /// Does with a terminal what the cockpit's loop does when a frame is due.
    pub(crate) fn draws_on<W: Write>(&mut self, terminal: &mut Canvas<W>) {
        let (changed, aged) = (take(&mut self.model.dirty), take(&mut self.model.aged));
        match (changed, aged) {
            (true, _) => terminal.draw(&self.model).expect("it takes everything"),
            (false, true) => terminal.age(&self.model).expect("it takes everything"),
            (false, false) => {}
        }
    }

    pub(crate) fn picture(&self) -> Picture {
        Picture::of(&self.model)
    }

    /// The text that is on the screen.
    pub(crate) fn text(&self) -> String {
        self.picture().text()
    }

    /// Commands that left.
    pub(crate) fn asked(&self) -> Vec<Command> {
        self.errands
            .iter()
            .filter_map(|errand| if let Errand::Ask(command) = errand { Some(command.clone()) } else { None })
            .collect()
    }

    pub(crate) fn selected(&self) -> &str {
        self.model.fleet.selected.as_ref().map_or("", |agent| agent.as_str())
    }

    #[track_caller]
    pub(crate) fn shows(&mut self, words: &str) -> &mut Self {
        let text = self.text();
        assert!(text.contains(words), "{words:?} is not on the screen:\n{text}");
        self
    }

    #[track_caller]
    pub(crate) fn hides(&mut self, words: &str) -> &mut Self {
        let text = self.text();
        assert!(!text.contains(words), "{words:?} is on the screen:\n{text}");
        self
    }

    // -- errands -----------------------------------------------------------------------------------------------------

    fn run(&mut self, errand: Errand) {
        match errand {
            Errand::Ask(command) => self.ask(&command),
            Errand::Look(question) => self.look(question),
            Errand::Peek(agent) => {
                if let Some(pane) = agent.and_then(|agent| self.world.pane(&agent)) {
                    self.hears(Heard::Pane(Box::new(pane)));
                }
            }
            // What these do is the terminal's; that they left is seen in the list.
            Errand::Attach { .. }
            | Errand::Edit(_)
            | Errand::Copy(_)
            | Errand::StartEngine
            | Errand::Clear
            | Errand::Suspend
            | Errand::Quit => {}
        }
    }

    fn ask(&mut self, command: &Command) {
        self.asks += 1;
        self.happens(Happening::Sent { command: command.clone(), ask: Ok(self.asks) });
        if let Some(answer) = self.world.asks(command.clone()) {
            self.hears(Heard::Answer { ask: self.asks, answer: Box::new(answer) });
        }
        self.told();
    }

    fn look(&mut self, question: Question) {
        let found = self.world.look_up(question);
        self.happens(Happening::Found(found));
    }

    /// The engine tells its new records and what has changed in its picture.
    fn told(&mut self) {
        for (stamp, record) in self.world.news() {
            self.hears(Heard::Record(stamp, Box::new(record)));
        }
        let view = self.world.view();
        let change = self.model.view.as_ref().and_then(|old| old.change_to(&view));
        if let Some(change) = change {
            self.hears(Heard::Change(Box::new(change)));
        }
        let peeked = self.model.peeked().cloned();
        if let Some(pane) = peeked.and_then(|agent| self.world.pane(&agent)) {
            self.hears(Heard::Pane(Box::new(pane)));
        }
    }

    pub(crate) fn hears(&mut self, heard: Heard) {
        match self.slow {
            true => self.unsaid.push(heard),
            false => self.happens(Happening::Heard(heard)),
        }
    }
}

/// `j<enter><<>` is `j`, `enter`, `<`.
fn names(keys: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = keys;
    while let Some(first) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|inner| {
            let end = inner.char_indices().skip(1).find(|(_, c)| *c == '>')?.0;
            Some(&inner[..end])
        });
        match named {
            Some(name) => {
                names.push(name.to_string());
                rest = &rest[name.len() + 2..];
            }
            None => {
                let name = if first == ' ' { "space".to_string() } else { first.to_string() };
                names.push(name);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    names
}
