//! `[backends.*]`: the operator's own backend tables, laid over the built-in ones. What may stand in one is
//! `backend.rs`'s affair; here its findings get their place, and the keys that are wrong are told all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeValue;

use super::backend::{self, RawBackend};
use super::grammar;
use super::model::Backend;
use super::nearest::nearest;
use super::problem::{Problem, quoted};
use super::raw::{MISSING, Report, Table, Written};
use super::values;

/// Wrong keys told of one table; each costs another reading of it.
const ROUNDS: usize = 50;

/// Compiled once, as a hundred patterns take longer than all the rest of a reload; and only when somebody uses it, as
/// each takes some 0.7 MB of memory.
static BUILT_IN: LazyLock<BTreeMap<&str, OnceLock<Backend>>> =
    LazyLock::new(|| backend::built_in_names().map(|name| (name, OnceLock::new())).collect());

/// Backends by name: the operator's own, and behind them the built-in ones.
pub struct Backends {
    /// `None` for one that is written but wrong, so that its name is still known.
    own: BTreeMap<String, Option<Backend>>,
}

impl Backends {
    /// All that agents may name, in order.
    pub fn names(&self) -> BTreeSet<&str> {
        self.own.keys().map(String::as_str).chain(BUILT_IN.keys().copied()).collect()
    }

    /// `None`: there is none of this name, or it is wrong.
    pub fn get(&self, name: &str) -> Option<&Backend> {
        match self.own.get(name) {
            Some(own) => own.as_ref(),
            None => built_in(name),
        }
    }

    /// The operator's own and those of the built-in ones that `used` names.
    pub fn whole<'a>(self, used: impl Iterator<Item = &'a str>) -> BTreeMap<String, Backend> {
        let built_in = used.filter(|name| !self.own.contains_key(*name));
        let built_in = built_in.filter_map(|name| Some((name.to_string(), self.get(name)?.clone())));
        let mut whole: BTreeMap<String, Backend> = built_in.collect();
        whole.extend(self.own.into_iter().filter_map(|(name, backend)| Some((name, backend?))));
        whole
    }
}

fn built_in(name: &str) -> Option<&'static Backend> {
    let compile = || backend::built_in_named(name).expect("the map holds the names of built-in backends");
    BUILT_IN.get(name).map(|compiled| compiled.get_or_init(compile))
}

/// All backends by name.
pub fn read(table: Table<'_>, report: &mut Report<'_>) -> Backends {
    let mut own = BTreeMap::new();
    for (name, value) in table.unread() {
        if grammar::prefix(&name.value).is_none() {
            let found = format!("the backend's name {}", quoted(&name.value));
            report.refuse(&name, found, "a lower-case letter, then at most 31 of a-z, 0-9 and `-`");
            continue;
        }
        let backend = one(&name, value, report);
        own.insert(name.value, backend);
    }
    Backends { own }
}

fn one(name: &Written<String>, value: Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Backend> {
    let header = value.span();
    if !value.get_ref().is_table() {
        let found = format!("found {}", values::kind(value.get_ref()));
        report.add(header, &name.key, found).expected = "a table, [backends.NAME]".to_string();
        return None;
    }
    let before = report.problems.len();
    let raw = understood(name, value, report)?;
    match backend::compile(&name.value, raw) {
        Ok(backend) if report.problems.len() == before => Some(backend),
        Ok(_) => None,
        Err(mut problems) => {
            problems.sort_by_key(|problem| problem.span.is_empty());
            for problem in problems {
                let key = format!("{}.{}", name.key, problem.key);
                let (span, found) = described(report, &problem.span, &header);
                // A key that was refused above was taken out, it is not missing besides; nor is what `like` would fill.
                let cause = |told: &Problem| told.key.starts_with(&key) || told.key.ends_with(".like");
                if found == MISSING && report.problems[before..].iter().any(cause) {
                    continue;
                }
                report.add(span, &key, found).expected = problem.expected;
            }
            None
        }
    }
}

fn described(report: &Report<'_>, span: &Range<usize>, header: &Range<usize>) -> (Range<usize>, String) {
    match report.text.text.get(span.clone()) {
        Some(source) if !source.is_empty() => {
            // A string shows its quotes already; other values are shown as they stand in the file.
            let bare = source.trim_matches(['"', '\'']);
            (span.clone(), format!("found {}", quoted(bare)))
        }
        _ => (header.clone(), MISSING.to_string()),
    }
}

/// Reads the table again and again, each time without the key that was wrong, until all of them are known.
fn understood(name: &Written<String>, mut value: Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<RawBackend> {
    for _ in 0..ROUNDS {
        let why = match RawBackend::deserialize(toml::de::ValueDeserializer::from(value.clone())) {
            Ok(raw) => return Some(raw),
            Err(why) => why,
        };
        let place = why.span().unwrap_or(value.span());
        let mut key = name.key.clone();
        let removed = without(value.get_mut(), &place, &mut key);
        report.problems.push(told(report, &place, &key, why.message()));
        if !removed {
            return None;
        }
    }
    None
}

/// serde's sentences in our form.
fn told(report: &Report<'_>, place: &Range<usize>, key: &str, message: &str) -> Problem {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let problem = |found: String| Problem::at(report.text, place.clone(), key, found);
    if message.starts_with("unknown field") {
        let (wrote, known) = words.split_first().map_or(("", &[][..]), |(wrote, known)| (*wrote, known));
        return problem(format!("unknown key {}", quoted(wrote)))
            .expected(values::one_of(known))
            .nearest(nearest(wrote, known.iter().copied()));
    }
    if message.starts_with("missing field") {
        return problem(format!("the key {} is missing", quoted(words.first().unwrap_or(&""))));
    }
    match message.split_once(", expected ") {
        Some((found, expected)) => problem(found.replace("invalid type: ", "found ").lines().collect())
            .expected(expected.replace('\n', " ").replace("a sequence", "a list")),
        None => problem(message.lines().collect::<Vec<_>>().join(" ")),
    }
}

/// Takes the innermost entry or element out of which `place` comes, and adds its name to `key`.
fn without(value: &mut DeValue<'_>, place: &Range<usize>, key: &mut String) -> bool {
    let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    match value {
        DeValue::Table(table) => {
            let inside = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                (holds(name.span()) || holds(value.span()) || reaches(value.get_ref(), place)).then(|| name.clone())
            };
            let Some(name) = table.iter().find_map(inside) else { return false };
            key.push('.');
            key.push_str(&bare(name.get_ref()));
            let on_key = holds(name.span());
            let Some(value) = table.get_mut(&name) else { return false };
            if on_key || !without(value.get_mut(), place, key) {
                table.remove(&name);
            }
            true
        }
        DeValue::Array(array) => {
            let inside = |element: &Spanned<DeValue<'_>>| holds(element.span()) || reaches(element.get_ref(), place);
            let Some(at) = array.iter().position(inside) else { return false };
            // A list of plain values goes with its key: one element less would be another mistake.
            if !array[at].get_ref().is_table() {
                return false;
            }
            key.push_str(&format!("[{at}]"));
            let removed = array.get_mut(at).is_some_and(|element| without(element.get_mut(), place, key));
            if !removed {
                let kept = array.iter().enumerate().filter(|(number, _)| *number != at);
                *array = kept.map(|(_, element)| element.clone()).collect();
            }
            true
        }
        _ => false,
    }
}

/// Whether a table or array has something at `place`: `[a.b]` further down belongs to `a`, whose span ends before it.
fn reaches(value: &DeValue<'_>, place: &Range<usize>) -> bool {
    let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    match value {
        DeValue::Table(table) => table
            .iter()
            .any(|(name, value)| holds(name.span()) || holds(value.span()) || reaches(value.get_ref(), place)),
        DeValue::Array(array) => array.iter().any(|element| holds(element.span()) || reaches(element.get_ref(), place)),
        _ => false,
    }
}

fn bare(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) && name.len() <= 64 {
        name.to_string()
    } else {
        quoted(name)
    }
}
