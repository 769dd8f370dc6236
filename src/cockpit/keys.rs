//! The key table: which key does what, where. Key bar, help, palette and the tour in the docs are printed from it, and
//! `[cockpit.keys]` changes it.

mod spelling;
mod table;

use std::collections::BTreeMap;

use ratatui::crossterm::event::KeyEvent;

use super::action::Action;
use crate::config::model::OwnKeys;
use crate::config::nearest::nearest;
use crate::config::parse::MAIN;
use crate::config::problem::{self, Problem, Spot};

pub use spelling::Key;
pub use table::TABLE;

/// Where a key is pressed: what has the focus, or what asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Anywhere but in a prompt; keys of the focused place go before these.
    Browse,
    Fleet,
    Live,
    Recorder,
    Logbook,
    Outbox,
    Why,
    Usage,
    Help,
    Confirm,
    Compose,
    Palette,
    Filter,
    Pick,
    Record,
}

impl Context {
    /// All of them, in the order of the help.
    pub const ALL: [Context; 15] = [
        Context::Browse,
        Context::Fleet,
        Context::Live,
        Context::Recorder,
        Context::Logbook,
        Context::Outbox,
        Context::Why,
        Context::Usage,
        Context::Help,
        Context::Confirm,
        Context::Compose,
        Context::Palette,
        Context::Filter,
        Context::Pick,
        Context::Record,
    ];

    /// Its name in help and docs.
    pub fn title(self) -> &'static str {
        match self {
            Context::Browse => "everywhere",
            Context::Fleet => "fleet",
            Context::Live => "live pane",
            Context::Recorder => "flight recorder",
            Context::Logbook => "logbook",
            Context::Outbox => "outbox",
            Context::Why => "why",
            Context::Usage => "usage",
            Context::Help => "help",
            Context::Confirm => "a question",
            Context::Compose => "a message",
            Context::Palette => "palette",
            Context::Filter => "filter",
            Context::Pick => "a choice",
            Context::Record => "a record",
        }
    }

    /// A place of the main screen, where the keys of [`Context::Browse`] work too.
    pub fn is_place(self) -> bool {
        self <= Context::Usage
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    pub context: Context,
    pub action: Action,
    /// Its name in `[cockpit.keys]` and in the palette.
    pub name: &'static str,
    /// Keys unless the configuration says otherwise.
    pub keys: &'static [&'static str],
    /// What it does, for help and palette.
    pub words: &'static str,
    /// One or two words for the key bar; empty: not there.
    pub bar: &'static str,
}

/// The table with the operator's own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    map: Vec<(Context, Key, Action)>,
    shown: BTreeMap<&'static str, Vec<Key>>,
}

impl Default for Keys {
    fn default() -> Self {
        Keys::new(&BTreeMap::new()).unwrap_or_else(|_| Keys { map: Vec::new(), shown: BTreeMap::new() })
    }
}

impl Keys {
    /// The table with `changes` (name of an action, its keys), or everything that is wrong with them.
    pub fn new(changes: &BTreeMap<String, OwnKeys>) -> Result<Self, Vec<Problem>> {
        let mut problems = unknown(changes);
        let mut keys = Keys { map: Vec::new(), shown: BTreeMap::new() };
        for binding in TABLE {
            let spelled: Vec<(&str, Option<&Spot>)> = match changes.get(binding.name) {
                Some(own) => own.keys.iter().map(|(word, at)| (word.as_str(), Some(at))).collect(),
                None => binding.keys.iter().map(|word| (*word, None)).collect(),
            };
            for (word, at) in spelled {
                match Key::parse(word) {
                    Some(key) => problems.extend(keys.bind(binding, key, changes)),
                    None => problems.push(no_key(binding.name, word, at)),
                }
            }
        }
        if problems.is_empty() { Ok(keys) } else { Err(problem::in_order(problems)) }
    }

    /// Adds a key; what is wrong when it means something else there already.
    fn bind(&mut self, binding: &Binding, key: Key, changes: &BTreeMap<String, OwnKeys>) -> Option<Problem> {
        let taken = self.meaning(binding.context, key);
        self.map.push((binding.context, key, binding.action));
        self.shown.entry(binding.name).or_default().push(key);
        let taken = taken.filter(|taken| *taken != binding.action)?;
        let other = TABLE.iter().find(|other| other.context == binding.context && other.action == taken)?;
        // One of the two was written by the operator: that is the place to look at.
        let place = |name| place_of(changes, name, key).map(|at| (name, at.clone()));
        let (mine, at) = place(binding.name).or_else(|| place(other.name)).unzip();
        let (mine, theirs) = match mine {
            Some(name) if name == other.name => (other.name, binding.name),
            _ => (binding.name, other.name),
        };
        let found = format!("{key} means both {mine} and {theirs} ({})", binding.context.title());
        let help = format!("`{theirs} = []` would leave {theirs} without a key");
        let problem = Problem { at, key: dotted(mine), ..Problem::of(MAIN, found) };
        Some(problem.expected("one meaning for each key").help(help))
    }

    /// What the key means here. Keys of the place itself go before those that work everywhere.
    pub fn action(&self, context: Context, event: KeyEvent) -> Option<Action> {
        let key = Key::of(event);
        let common = || self.meaning(Context::Browse, key).filter(|_| context.is_place());
        self.meaning(context, key).or_else(common)
    }

    fn meaning(&self, context: Context, key: Key) -> Option<Action> {
        let found = self.map.iter().find(|(where_, known, _)| (*where_, *known) == (context, key));
        found.map(|(_, _, action)| *action)
    }

    /// The keys of an entry, as they are written.
    pub fn of(&self, name: &str) -> &[Key] {
        self.shown.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first key of an action, wherever it has one, for texts that name a key.
    pub fn hint(&self, action: Action) -> String {
        let entry = TABLE.iter().find(|binding| binding.action == action && !self.of(binding.name).is_empty());
        entry.and_then(|binding| self.of(binding.name).first()).map_or_else(|| ":".to_string(), ToString::to_string)
    }
}

fn unknown(changes: &BTreeMap<String, OwnKeys>) -> Vec<Problem> {
    let names: Vec<&str> = TABLE.iter().map(|binding| binding.name).collect();
    let strange = changes.iter().filter(|(name, _)| !names.contains(&name.as_str()));
    strange
        .map(|(name, own)| {
            let found = format!("no such action: {}", problem::quoted(name));
            let problem =
                Problem { at: Some(own.at.clone()), key: "cockpit.keys".to_string(), ..Problem::of(MAIN, found) };
            problem.expected("the name of an action").nearest(nearest(name, names.iter().copied()))
        })
        .collect()
}

fn no_key(name: &str, word: &str, at: Option<&Spot>) -> Problem {
    let found = format!("no such key: {}", problem::quoted(word));
    Problem { at: at.cloned(), key: dotted(name), ..Problem::of(MAIN, found) }
        .expected("one like \"r\", \"R\", \"ctrl-r\", \"f5\", \"enter\"")
}

/// Where the operator wrote this key for the action of that name.
fn place_of<'a>(changes: &'a BTreeMap<String, OwnKeys>, name: &str, key: Key) -> Option<&'a Spot> {
    let own = changes.get(name)?;
    own.keys.iter().find(|(word, _)| Key::parse(word) == Some(key)).map(|(_, at)| at)
}

fn dotted(name: &str) -> String {
    format!("cockpit.keys.{name}")
}

#[cfg(test)]
mod tests;
