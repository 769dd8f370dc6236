//! What has the keyboard. A prompt is a mode, not a loop of its own.

use crate::pilot::command::Command;

use super::keys::Context;

/// What has the keyboard.
#[derive(Debug)]
pub enum Mode {
    /// The main screen.
    Browse,
    /// A dangerous command asks once more.
    Confirm(Confirm),
    /// The keys that work in `of`, scrolled down by some lines.
    Help { of: Context, scroll: u16 },
    /// All actions, by name.
    Palette(super::prompt::Choice<super::keys::Binding>),
    /// Which phase?
    Pick(Box<super::pick::Pick>),
    /// A message to agents.
    Compose(Box<super::compose::Compose>),
    /// The words that the focused list must contain.
    Filter(tui_input::Input),
    /// The kind of records that the logbook shows.
    Kinds(super::prompt::Choice<Option<String>>),
    /// A record or a message with all that is known of it.
    Record(super::panel::opened::Opened),
}

/// A question with its consequences.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub title: String,
    /// What will happen, in whole sentences.
    pub lines: Vec<String>,
    pub commands: Vec<Command>,
    pub gravity: Gravity,
}

/// What Enter does at a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// Enter means yes.
    Usual,
    /// Enter means no: yes has a key of its own.
    Grave,
}

impl Mode {
    /// Where its keys stand in the table.
    pub fn context(&self) -> Context {
        match self {
            Mode::Browse => Context::Browse,
            Mode::Confirm(_) => Context::Confirm,
            Mode::Help { .. } => Context::Help,
            Mode::Palette(_) => Context::Palette,
            Mode::Pick(_) => Context::Pick,
            Mode::Compose(_) => Context::Compose,
            Mode::Filter(_) => Context::Filter,
            Mode::Kinds(_) => Context::Pick,
            Mode::Record(_) => Context::Record,
        }
    }

    /// The main screen can be seen, at least in part.
    pub fn shows_screen(&self) -> bool {
        !matches!(self, Mode::Help { .. })
    }
}
