//! The key table: which key does what, where. Key bar, help, palette and the tour in the docs are printed from it, and
//! `[cockpit.keys]` changes it.

mod spelling;
mod table;

use std::collections::BTreeMap;

use ratatui::crossterm::event::KeyEvent;

use super::action::Action;

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
    pub const ALL: [Context; 14] = [
        Context::Browse,
        Context::Fleet,
        Context::Live,
        Context::Recorder,
        Context::Logbook,
        Context::Outbox,
        Context::Why,
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
        self <= Context::Why
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
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<String>> {
        let mut problems = unknown(changes);
        let mut keys = Keys { map: Vec::new(), shown: BTreeMap::new() };
        for binding in TABLE {
            let spelled: Vec<String> = match changes.get(binding.name) {
                Some(own) => own.clone(),
                None => binding.keys.iter().map(ToString::to_string).collect(),
            };
            for word in spelled {
                match Key::parse(&word) {
                    Some(key) => keys.bind(binding, key, &mut problems),
                    None => problems.push(format!(
                        "cockpit.keys.{}: {word:?} is no key: expected one like \"r\", \"R\", \"ctrl-r\", \"f5\", \"enter\"",
                        binding.name
                    )),
                }
            }
        }
        if problems.is_empty() { Ok(keys) } else { Err(problems) }
    }

    fn bind(&mut self, binding: &Binding, key: Key, problems: &mut Vec<String>) {
        let taken = self.meaning(binding.context, key);
        self.map.push((binding.context, key, binding.action));
        if let Some(taken) = taken.filter(|taken| *taken != binding.action) {
            let other = TABLE.iter().find(|other| other.context == binding.context && other.action == taken);
            problems.push(format!(
                "cockpit.keys: {key} means both {} and {} in {}",
                other.map_or("?", |other| other.name),
                binding.name,
                binding.context.title()
            ));
        }
        self.shown.entry(binding.name).or_default().push(key);
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

fn unknown(changes: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let names: Vec<&str> = TABLE.iter().map(|binding| binding.name).collect();
    let strange = changes.keys().filter(|name| !names.contains(&name.as_str()));
    strange
        .map(|name| {
            let guess = crate::config::nearest::nearest(name, names.iter().copied());
            let guess = guess.map_or(String::new(), |guess| format!("; did you mean {guess}?"));
            format!("cockpit.keys.{name}: no such action{guess}")
        })
        .collect()
}

#[cfg(test)]
mod tests;
