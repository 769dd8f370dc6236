//! What a verb says when it does not succeed: kind by who must act, cause, and a hint. Everything else in the program
//! returns precise errors; they become one of these here, once, and text only when they are shown.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::words::text;

use super::exit::Exit;
use super::out;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The operator, on the command line or in a file of the workspace.
    Usage,
    /// The operator: another engine holds the workspace.
    Locked,
    /// The operator: start an engine first.
    NoEngine,
    /// The operator: the engine would not do it.
    Refused,
    /// The operator: look whether a message arrived.
    Unproved,
    /// Nobody yet: there was no answer in time.
    Late,
    /// Nobody: the operator ended it.
    Interrupted,
    /// Whoever keeps the machine: a disk, a program, a right is missing.
    Machine,
    /// Nobody: who was reading our output has seen enough.
    PipeClosed,
}

/// A verb's failure. Its message is lower case without a full stop.
#[derive(Debug)]
pub struct CliError {
    pub kind: Kind,
    message: String,
    hint: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Lines for people above the error, harmless already.
    before: String,
    /// More for programs; only in the JSON.
    facts: serde_json::Map<String, serde_json::Value>,
}

impl CliError {
    /// What happened.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        CliError {
            kind,
            message: message.into(),
            hint: None,
            cause: None,
            before: String::new(),
            facts: serde_json::Map::new(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What led to it; shown with its own causes.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Shown to people above the error. Must be harmless to a terminal already.
    #[must_use]
    pub fn before(mut self, lines: String) -> Self {
        self.before = lines;
        self
    }

    /// A fact for programs, beside the words in the JSON.
    #[must_use]
    pub fn fact(mut self, name: &str, value: &impl serde::Serialize) -> Self {
        // What can't be put into JSON has no place there; the words tell it all the same.
        if let Ok(value) = serde_json::to_value(value) {
            self.facts.insert(name.to_string(), value);
        }
        self
    }

    /// What the shell sees.
    pub fn exit(&self) -> Exit {
        match self.kind {
            Kind::Usage => Exit::Usage,
            Kind::Locked => Exit::Locked,
            Kind::NoEngine => Exit::NoEngine,
            Kind::Refused => Exit::Refused,
            Kind::Unproved => Exit::Unproved,
            Kind::Late => Exit::Late,
            Kind::Interrupted => Exit::Interrupted,
            Kind::Machine => Exit::Failed,
            Kind::PipeClosed => Exit::Done,
        }
    }

    /// Shows it: on standard error, in colours where a terminal can show them, or as one line of JSON on standard output
    /// for who asked for that. A closed pipe needs no words.
    pub fn show(&self, json: bool) {
        if self.kind == Kind::PipeClosed {
            return;
        }
        // When nobody reads our errors any more, the exit code still tells.
        let _ = if json { self.show_json() } else { self.show_text() };
    }

    fn show_json(&self) -> Result<(), CliError> {
        let mut said = serde_json::json!({
            "error": self.message,
            "because": self.causes(),
            "hint": self.hint,
            "exit": self.exit().code(),
        });
        if let Some(fields) = said.as_object_mut() {
            fields.extend(self.facts.clone());
        }
        out::json(&said)
    }

    fn show_text(&self) -> Result<(), CliError> {
        let mut stderr = io::stderr().lock();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let shown = self.before.clone() + &self.render(Paint::wanted(stderr.is_terminal(), no_color));
        let shown = out::for_locale(shown);
        Ok(stderr.write_all(shown.as_bytes())?)
    }

    fn render(&self, paint: Paint) -> String {
        let mut lines = vec![format!("{} {}", paint.red("error:"), text::block(&self.message))];
        lines.extend(self.causes().iter().map(|cause| format!("  because: {}", text::block(cause))));
        lines.extend(self.hint.iter().map(|hint| format!("{} {}", paint.cyan("hint:"), text::block(hint))));
        lines.join("\n") + "\n"
    }

    fn causes(&self) -> Vec<String> {
        let first = self.cause.as_ref().map(|cause| -> &(dyn std::error::Error + 'static) { cause.as_ref() });
        std::iter::successors(first, |cause| cause.source()).map(ToString::to_string).collect()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Paint::Plain))
    }
}

impl std::error::Error for CliError {}

/// Writing to standard output or a file went wrong.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::new(Kind::PipeClosed, "the reader of our output went away"),
            _ => CliError::new(Kind::Machine, error.to_string()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Plain,
    Ansi,
}

impl Paint {
    fn wanted(terminal: bool, no_color: bool) -> Self {
        if terminal && !no_color { Paint::Ansi } else { Paint::Plain }
    }

    fn red(self, word: &str) -> String {
        self.painted(word, "\u{1b}[1;31m")
    }

    fn cyan(self, word: &str) -> String {
        self.painted(word, "\u{1b}[1;36m")
    }

    fn painted(self, word: &str, start: &str) -> String {
        match self {
            Paint::Plain => word.to_string(),
            Paint::Ansi => format!("{start}{word}\u{1b}[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_why_and_what_to_do() {
        let error = CliError::new(Kind::NoEngine, "no engine runs in demo")
            .cause(io::Error::other("connection refused"))
            .hint("start one with `flightdeck up`");
        assert_eq!(
            error.to_string(),
            "error: no engine runs in demo\n  because: connection refused\nhint: start one with `flightdeck up`\n"
        );
        assert_eq!(error.exit(), Exit::NoEngine);
    }

    #[test]
    fn outside_text_in_an_error_does_not_reach_the_terminal_raw() {
        let error = CliError::new(Kind::Machine, "git: \u{1b}]0;owned\u{7}").hint("\u{9b}2J").cause("\u{202e}");
        assert!(!error.render(Paint::Plain).contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']));
    }

    #[test]
    fn colours_are_for_terminals_whose_owner_wants_them() {
        let error = CliError::new(Kind::Usage, "no");
        assert!(error.render(Paint::wanted(true, false)).starts_with("\u{1b}[1;31merror:\u{1b}[0m no"));
        assert!(error.render(Paint::wanted(true, true)).starts_with("error: no"));
        assert!(error.render(Paint::wanted(false, false)).starts_with("error: no"));
    }
}
