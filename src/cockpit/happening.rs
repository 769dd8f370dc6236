//! What comes to the cockpit from outside, and what it asks of the outside: the two sides of [`super::update`].

use std::path::PathBuf;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::archive::{Found, Question};
use crate::edge::link::Heard;
use crate::pilot::command::Command;
use crate::pilot::id::AgentId;

/// Something that happened.
#[derive(Debug)]
pub enum Happening {
    Key(KeyEvent),
    /// Text from the terminal's clipboard; never a command.
    Pasted(String),
    Mouse(MouseEvent),
    Resized(u16, u16),
    /// A second has passed, or a notice is over.
    Ticked,
    /// A connection to an engine stands.
    Connected {
        version: String,
    },
    /// It ended, or there is none: why.
    Disconnected {
        why: String,
    },
    Heard(Heard),
    /// A command went out under this number.
    Sent {
        command: Command,
        ask: Result<u64, String>,
    },
    /// Something that was looked up.
    Found(Found),
    /// A program that had the terminal has ended.
    Returned {
        trouble: Option<String>,
    },
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Errand {
    Ask(Command),
    /// Look something up; comes back as [`Happening::Found`].
    Look(Question),
    /// Whose pane is looked at from now on.
    Peek(Option<AgentId>),
    /// Leave the screen to `tmux attach`, and come back.
    Attach {
        session: String,
    },
    /// Leave the screen to `$EDITOR`, and come back.
    Edit(PathBuf),
    /// To the terminal's clipboard.
    Copy(String),
    StartEngine,
    Clear,
    Suspend,
    Quit,
}
