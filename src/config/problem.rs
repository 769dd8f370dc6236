//! What is wrong with a workspace's files: place, key, what was found, what was expected, the nearest known name.
//! One line each as plain text; a drawing with the lines around it is the command line's affair.

use std::fmt;
use std::ops::Range;

use super::text::{Place, Text};

/// Problems told at once; beyond, a file is not a configuration with mistakes but something else.
pub const PROBLEMS_CAP: usize = 100;

/// Longest piece of a file that is repeated in a message, in characters.
const QUOTE_CAP: usize = 60;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path relative to the workspace, as in `prompts/builder.md`.
    pub file: String,
    /// Where in the file; `None` when the file as a whole is meant.
    pub at: Option<Spot>,
    /// Dotted, as in `agents.builder.backend`; empty where no key is meant.
    pub key: String,
    /// What is there, as a phrase.
    pub found: String,
    /// What should be there instead; empty where `found` says it all.
    pub expected: String,
    /// A known name that is close to what was written.
    pub nearest: Option<String>,
    /// What to do, where that is more than writing what was expected.
    pub help: Option<String>,
}

/// A place in a file, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub place: Place,
    /// The same in bytes of the text without its byte order mark.
    pub span: Range<usize>,
}

impl Spot {
    /// The place of some bytes of a text.
    pub fn of(text: &Text, span: Range<usize>) -> Self {
        Spot { place: text.place(span.start), span }
    }
}

impl Problem {
    /// A problem at some bytes of a text.
    pub fn at(text: &Text, span: Range<usize>, key: &str, found: impl Into<String>) -> Self {
        Problem { at: Some(Spot::of(text, span)), key: key.to_string(), ..Problem::of(&text.name, found) }
    }

    /// A problem of a whole file.
    pub fn of(file: &str, found: impl Into<String>) -> Self {
        Problem {
            file: file.to_string(),
            at: None,
            key: String::new(),
            found: found.into(),
            expected: String::new(),
            nearest: None,
            help: None,
        }
    }

    /// With what should be there.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// With a name that may have been meant.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_string);
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `flightdeck.toml:12:3: agents.b.backend: unknown backend "claud", expected one of …; did you mean "claude"?`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(spot) = &self.at {
            write!(f, ":{}:{}", spot.place.line, spot.place.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.found)?;
        if !self.expected.is_empty() {
            write!(f, ", expected {}", self.expected)?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {}?", quoted(nearest))?;
        }
        Ok(())
    }
}

/// In order of the files and of the places in them, each once, at most [`PROBLEMS_CAP`] with a last one that says how
/// many more there are.
pub fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    let start = |problem: &Problem| problem.at.as_ref().map_or(0, |spot| spot.span.start);
    problems.sort_by(|a, b| (&a.file, start(a), &a.key, &a.found).cmp(&(&b.file, start(b), &b.key, &b.found)));
    problems.dedup();
    if problems.len() > PROBLEMS_CAP {
        let more = problems.len() - PROBLEMS_CAP;
        problems.truncate(PROBLEMS_CAP);
        let last = problems[PROBLEMS_CAP - 1].clone();
        problems.push(Problem { at: last.at, ..Problem::of(&last.file, format!("and {more} more problems")) });
    }
    problems
}

/// Outside text as it may stand in a message: in quotes, control characters escaped, cut when long.
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CAP).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_whatever_was_written() {
        let text = Text::of("flightdeck.toml", "a = 1\n  b = 2\n");
        let problem = Problem::at(&text, 8..9, "agents.b", format!("unknown key {}", quoted("x\n\u{1b}[2Jy")))
            .expected("one of a, c")
            .nearest(Some("c"));
        assert_eq!(
            problem.to_string(),
            r#"flightdeck.toml:2:3: agents.b: unknown key "x\n\u{1b}[2Jy", expected one of a, c; did you mean "c"?"#
        );
        assert_eq!(quoted(&"ä".repeat(61)), format!("\"{}…\"", "ä".repeat(60)));
    }

    #[test]
    fn endless_problems_are_counted_and_not_told() {
        let text = Text::of("f", &"x\n".repeat(500));
        let problems = (0..500).map(|n| Problem::at(&text, n * 2..n * 2 + 1, "", "bad")).collect();
        let told = in_order(problems);
        assert_eq!(told.len(), PROBLEMS_CAP + 1);
        assert_eq!(told[PROBLEMS_CAP].to_string(), "f:100:1: and 400 more problems");
    }
}
