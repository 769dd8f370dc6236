//! The files of `phases/`: front matter of `key: value` lines between two `---`, then the plan as people write it.
//! The plan itself is the agents' to read; here only its name is kept.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::pilot::id::PhaseId;
use crate::pilot::message::is_hostile;

use super::model::Phase;
use super::problem::{Problem, quoted};
use super::raw::{Written, unknown_key};
use super::text::Text;

/// Longest title, in characters: it stands in a table of the screen and in the start prompt.
const TITLE_CAP: usize = 100;

/// The front matter's keys.
const KEYS: [&str; 2] = ["id", "title"];

/// All phases that were written, by id.
pub fn read(files: &[(String, Vec<u8>)], problems: &mut Vec<Problem>) -> BTreeMap<PhaseId, Phase> {
    let mut phases: BTreeMap<PhaseId, Phase> = BTreeMap::new();
    for (name, bytes) in files {
        let text = match Text::decode(&format!("phases/{name}"), bytes) {
            Ok(text) => text,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        let Some((phase, span)) = phase(&text, name.trim_end_matches(".md"), problems) else { continue };
        if let Some(first) = phases.get(&phase.id) {
            let found = format!("the phase {} is also in {}", quoted(phase.id.as_str()), first.plan);
            problems.push(Problem::at(&text, span, "id", found).expected("an id of its own"));
        } else {
            phases.insert(phase.id.clone(), phase);
        }
    }
    phases
}

/// One phase; its id comes from the front matter, else from the file's name; its title likewise, else from the first
/// heading.
fn phase(text: &Text, stem: &str, problems: &mut Vec<Problem>) -> Option<(Phase, Range<usize>)> {
    let before = problems.len();
    let (fields, body) = front_matter(text, problems);
    let field = |name: &str| fields.iter().find(|field| field.key == name);
    let id_text = field("id").map_or(stem, |field| field.value.as_str());
    let span = field("id").map_or(0..0, |field| field.span.clone());
    let id = PhaseId::parse(id_text);
    if id.is_none() {
        let found = format!("found {}", quoted(id_text));
        problems.push(Problem::at(text, span.clone(), "id", found).expected(PhaseId::EXPECTED));
    }
    let heading = || body.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(id_text).trim();
    let title = field("title").map_or_else(heading, |field| field.value.as_str());
    if title.is_empty() || title.chars().count() > TITLE_CAP || title.chars().any(|c| is_hostile(c) || c == '\t') {
        let span = field("title").map_or(0..0, |field| field.span.clone());
        let expected = format!("1 to {TITLE_CAP} characters on one line");
        problems.push(Problem::at(text, span, "title", format!("found {}", quoted(title))).expected(expected));
    }
    if body.trim().is_empty() {
        let end = text.text.len();
        problems
            .push(Problem::at(text, end..end, "", "the phase has no plan").expected("the plan below the front matter"));
    }
    let phase = Phase { id: id?, title: title.to_string(), plan: text.name.clone() };
    (problems.len() == before).then_some((phase, span))
}

/// The fields between the first two `---` lines, and what is below them.
fn front_matter<'t>(text: &'t Text, problems: &mut Vec<Problem>) -> (Vec<Written<String>>, &'t str) {
    let mut fields: Vec<Written<String>> = Vec::new();
    let mut at = 0;
    for (number, line) in text.text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        let line = line.trim_end();
        match (number, line) {
            (0, "---") => {}
            (0, _) => return (fields, &text.text),
            (_, "---") => return (fields, &text.text[at..]),
            (_, "") => {}
            (_, comment) if comment.starts_with('#') => {}
            (_, line) => match field(text, line, start) {
                Ok(new) if fields.iter().any(|old| old.key == new.key) => {
                    problems.push(Problem::at(text, start..start + line.len(), &new.key, "written twice"));
                }
                Ok(new) => fields.push(new),
                Err(problem) => problems.push(*problem),
            },
        }
    }
    if !text.text.is_empty() {
        problems.push(Problem::at(text, 0..3, "", "the front matter has no end").expected("a second line `---`"));
    }
    (fields, "")
}

fn field(text: &Text, line: &str, start: usize) -> Result<Written<String>, Box<Problem>> {
    let Some((key, value)) = line.split_once(':') else {
        let found = format!("found {}", quoted(line));
        let problem = Problem::at(text, start..start + line.len(), "", found);
        return Err(Box::new(problem.expected("`key: value` or the closing `---`")));
    };
    let name = key.trim();
    let value_start = start + key.len() + 1 + (value.len() - value.trim_start().len());
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if KEYS.contains(&name) {
        let span = value_start..value_start + value.len();
        return Ok(Written { value: unquoted.to_string(), key: name.to_string(), span });
    }
    let key = Written { value: name.to_string(), key: String::new(), span: start..start + key.len() };
    Err(Box::new(unknown_key(text, "the front matter", &key, &KEYS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, Vec<String>> {
        let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_string(), text.as_bytes().to_vec())).collect();
        let mut problems = Vec::new();
        let phases = read(&files, &mut problems);
        if problems.is_empty() {
            Ok(phases.into_values().map(|phase| (phase.id.to_string(), phase.title)).collect())
        } else {
            Err(problems.iter().map(Problem::to_string).collect())
        }
    }

    fn one(id: &str, title: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        Ok(vec![(id.to_string(), title.to_string())])
    }

    #[test]
    fn a_phase_is_named_by_its_front_matter_or_by_its_file() {
        assert_eq!(
            read_all(&[("x.md", "---\nid: 1a\ntitle: \"First: steps\"\n---\nplan\n")]),
            one("1a", "First: steps")
        );
        assert_eq!(read_all(&[("x.md", "---\r\nid: 1a\r\ntitle: First\r\n---\r\nplan\r\n")]), one("1a", "First"));
        assert_eq!(read_all(&[("2w.md", "\u{feff}# Second\n\nplan\n")]), one("2w", "Second"));
        assert_eq!(read_all(&[("2w.md", "just a plan")]), one("2w", "2w"));
    }

    #[test]
    fn all_that_is_wrong_with_a_phase_is_told_with_its_place() {
        let wrong = |text: &str| read_all(&[("x.md", text)]).expect_err(text);
        assert_eq!(
            wrong("---\nid: ../x\ntitel: First\nnonsense\n---\n"),
            [
                "phases/x.md:3:1: unknown key \"titel\" in the front matter, expected one of id, title; did you mean \
                 \"title\"?",
                "phases/x.md:4:1: found \"nonsense\", expected `key: value` or the closing `---`",
                "phases/x.md:2:5: id: found \"../x\", expected a letter or digit, then at most 31 letters, digits, `_` \
                 and `-`",
                "phases/x.md:6:1: the phase has no plan, expected the plan below the front matter",
            ]
        );
        assert_eq!(wrong("---\nid: a\nid: b\n---\nplan"), ["phases/x.md:3:1: id: written twice"]);
        assert!(wrong("---\nid: a\n")[0].contains("no end"));
        assert!(wrong("").iter().any(|problem| problem.contains("no plan")));
        assert!(read_all(&[("../x y.md", "plan")]).is_err());
    }

    #[test]
    fn two_files_cannot_be_one_phase() {
        let problems = read_all(&[("1.md", "plan"), ("2.md", "---\nid: 1\n---\nplan")]).expect_err("both are 1");
        assert_eq!(
            problems,
            ["phases/2.md:2:5: id: the phase \"1\" is also in phases/1.md, expected an id of its own"]
        );
    }
}
