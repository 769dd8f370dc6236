//! Problems of a configuration on their way to people: drawn at their places for a terminal, one line each for everything
//! else, fields for programs.

use std::fmt;
use std::io::{self, IsTerminal};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::json;

use crate::config::{Problem, Sources};
use crate::words::text;
use crate::words::text::is_unseen;

use super::out;

/// All problems as they are shown before the error that counts them.
pub fn drawn(sources: &Sources, problems: &[Problem]) -> String {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match (io::stderr().is_terminal(), out::is_utf8(), no_color) {
        (false, _, _) => lines(problems),
        (true, true, false) => drawings(sources, problems, GraphicalTheme::unicode()),
        (true, true, true) => drawings(sources, problems, GraphicalTheme::unicode_nocolor()),
        (true, false, _) => drawings(sources, problems, GraphicalTheme::none()),
    }
}

/// One problem for programs.
pub fn json(problem: &Problem) -> serde_json::Value {
    json!({
        "file": problem.file,
        "line": problem.at.as_ref().map(|spot| spot.place.line),
        "column": problem.at.as_ref().map(|spot| spot.place.column),
        "key": problem.key,
        "found": problem.found,
        "expected": problem.expected,
        "nearest": problem.nearest,
        "help": problem.help,
        "text": problem.to_string(),
    })
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| text::line(&problem.to_string()) + "\n").collect()
}

fn drawings(sources: &Sources, problems: &[Problem], theme: GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme).with_width(out::columns().unwrap_or(100)).with_links(false);
    let mut shown = String::new();
    for problem in problems {
        let drawing = Drawing::of(sources, problem);
        if handler.render_report(&mut shown, &drawing).is_err() {
            shown.push_str(&lines(std::slice::from_ref(problem)));
        }
    }
    shown
}

/// A problem with the text around it.
#[derive(Debug)]
struct Drawing {
    what: String,
    help: String,
    place: Option<(NamedSource<String>, LabeledSpan)>,
}

impl Drawing {
    fn of(sources: &Sources, problem: &Problem) -> Self {
        let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
        let expected = (!problem.expected.is_empty()).then(|| format!("expected {}", problem.expected));
        let nearest = problem.nearest.as_ref().map(|nearest| format!("did you mean {nearest:?}?"));
        let help: Vec<String> = [expected, nearest, problem.help.clone()].into_iter().flatten().collect();
        let place = problem.at.as_ref().and_then(|spot| {
            let text = of_file(sources, &problem.file)?;
            let end = spot.span.end.min(text.len());
            let span = spot.span.start.min(end)..end;
            Some((NamedSource::new(text::line(&problem.file), text), LabeledSpan::new_with_span(None, span)))
        });
        let file = if place.is_some() { String::new() } else { format!("{}: ", problem.file) };
        let what = text::line(&format!("{file}{key}{}", problem.found));
        Drawing { what, help: text::block(&help.join("\n")), place }
    }
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|(source, _)| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = self.place.as_ref().map(|(_, label)| label.clone())?;
        Some(Box::new(std::iter::once(label)))
    }
}

/// A file's text with every byte where it was, so that spans fit, and nothing in it that acts on a terminal.
fn of_file(sources: &Sources, name: &str) -> Option<String> {
    let in_folder = |files: &[(String, Vec<u8>)], file: &str| {
        files.iter().find(|(name, _)| name == file).map(|(_, bytes)| bytes.clone())
    };
    let bytes = match name.split_once('/') {
        Some(("phases", file)) => in_folder(&sources.phases, file)?,
        Some(("prompts", file)) => in_folder(&sources.prompts, file)?,
        Some(_) => return None,
        None => sources.main.clone(),
    };
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)).ok()?;
    let safe = |c: char| if is_unseen(c) { "?".repeat(c.len_utf8()) } else { c.to_string() };
    let text: String = text.chars().map(safe).collect();
    Some(text.split_inclusive('\n').map(hidden).collect())
}

/// A line in which who is named in an address, before its `@`, is hidden: that may be a password or a token. As long as before, so
/// that all stays in its place.
fn hidden(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://").map(|at| at + 3) {
        let (before, after) = rest.split_at(at);
        let authority = after.find(['/', '"', '\'']).unwrap_or(after.len());
        let named = after[..authority].rfind('@').unwrap_or(0);
        shown.push_str(before);
        shown.push_str(&"*".repeat(named));
        rest = &after[named..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(comment: &str) -> Sources {
        let main = format!("version = 1\n# {comment}\n[agents.builder]\nbackend = 'claud'\ndir = 'b'\n");
        Sources { root: "/ws".into(), main: main.into(), ..Sources::default() }
    }

    #[test]
    fn a_problem_is_drawn_at_its_place_without_a_byte_that_acts() {
        let sources = broken("\u{9b}31m\u{9d}0;x\u{202e}");
        let problems = crate::config::load(&sources).expect_err("an unknown backend");
        let shown = drawings(&sources, &problems, GraphicalTheme::none());
        assert!(shown.contains("flightdeck.toml:4:11") && shown.contains("backend = 'claud'"), "{shown}");
        assert!(shown.contains("did you mean \"claude\"?"), "{shown}");
        assert!(!shown.chars().any(is_unseen), "{shown:?}");
        // What TOML itself refuses is drawn too.
        let sources = broken("\u{1b}[2J");
        let problems = crate::config::load(&sources).expect_err("no TOML");
        let shown = drawings(&sources, &problems, GraphicalTheme::none());
        assert!(shown.contains("flightdeck.toml:2:3") && shown.contains("?[2J"), "{shown}");
        assert!(!shown.chars().any(is_unseen), "{shown:?}");
    }

    #[test]
    fn who_is_named_in_an_address_is_hidden_and_nothing_moves() {
        for (line, shown) in [
            ("remote = 'https://you:secret@h/x' # a@b\n", "remote = 'https://**********@h/x' # a@b\n"),
            ("r = \"ssh://tökén@h/x\", 'git://a@b@c'", "r = \"ssh://*******@h/x\", 'git://***@c'"),
            ("remote = 'https://h/x@y'", "remote = 'https://h/x@y'"),
            ("a = 'git@h:x' # ://", "a = 'git@h:x' # ://"),
        ] {
            assert_eq!((hidden(line), hidden(line).len()), (shown.to_string(), line.len()));
        }
        let sources = broken("https://you:secret@h/x");
        let problems = crate::config::load(&sources).expect_err("an unknown backend");
        assert!(!drawings(&sources, &problems, GraphicalTheme::none()).contains("secret"));
    }

    #[test]
    fn in_a_pipe_a_problem_is_one_line() {
        let problems = crate::config::load(&broken("")).expect_err("an unknown backend");
        let shown = lines(&problems);
        assert_eq!(shown.lines().count(), problems.len());
        assert!(shown.contains("flightdeck.toml:4:11: agents.builder.backend: "), "{shown}");
    }
}
