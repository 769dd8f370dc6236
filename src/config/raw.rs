//! A TOML text as tables whose every key and value knows its place. Tables are taken apart key by key; what nobody took
//! is an unknown key. Goes on after each problem, so that all of them are told at once. Knows no key by name.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::problem::{Problem, quoted};
use super::text::Text;
use super::values::Wrong;

/// Unknown keys that are compared with the known ones; a file with more is told in part only (`PROBLEMS_CAP`).
const DETAILED: usize = 1000;

/// A value, its dotted key and its place.
#[derive(Clone, Debug)]
pub struct Written<T> {
    pub value: T,
    pub key: String,
    pub span: Range<usize>,
}

impl<T> Written<Vec<Spanned<T>>> {
    /// The elements of a list, without their places.
    pub fn plain(self) -> Vec<T> {
        self.value.into_iter().map(Spanned::into_inner).collect()
    }
}

/// What is wrong with one text, as it is found.
pub struct Report<'t> {
    pub text: &'t Text,
    pub problems: Vec<Problem>,
    /// The keys each kind of table asked for, by the table's label.
    pub asked: BTreeMap<&'static str, Vec<&'static str>>,
    unknown: Vec<(&'static str, Written<String>)>,
}

/// One table that is being taken apart.
pub struct Table<'s> {
    /// Dotted; empty for the top.
    pub key: String,
    /// Its header, or its braces.
    pub span: Range<usize>,
    /// How it is called in messages: `[stall]`, `[agents.NAME]`.
    label: &'static str,
    entries: BTreeMap<String, (Range<usize>, Spanned<DeValue<'s>>)>,
    /// Where the values that were taken stand.
    taken: BTreeMap<&'static str, Range<usize>>,
}

impl<'t> Report<'t> {
    pub fn new(text: &'t Text) -> Self {
        Report { text, problems: Vec::new(), asked: BTreeMap::new(), unknown: Vec::new() }
    }

    /// Notes a problem at a place; the caller may still add to it.
    pub fn add(&mut self, span: Range<usize>, key: &str, found: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::at(self.text, span, key, found));
        self.problems.last_mut().expect("it was pushed in the line before")
    }

    /// Notes a problem with a value that was read.
    pub fn refuse<T>(&mut self, written: &Written<T>, found: impl Into<String>, expected: impl Into<String>) {
        self.add(written.span.clone(), &written.key, found).expected = expected.into();
    }

    /// All problems, the unknown keys with the keys that are known by now.
    pub fn finish(mut self) -> Vec<Problem> {
        for (number, (label, key)) in std::mem::take(&mut self.unknown).into_iter().enumerate() {
            if number >= DETAILED {
                self.problems.push(Problem::at(self.text, key.span, "", "unknown key"));
                continue;
            }
            let known = self.asked.get(label).cloned().unwrap_or_default();
            let problem = unknown_key(self.text, label, &key, &known);
            let elsewhere = self
                .asked
                .iter()
                .find(|(other, keys)| **other != label && !other.is_empty() && keys.contains(&key.value.as_str()));
            self.problems.push(match elsewhere {
                Some((other, _)) if problem.nearest.is_none() => problem.help(format!("it belongs in {other}")),
                _ => problem,
            });
        }
        self.problems
    }

    fn asked(&mut self, label: &'static str, name: &'static str) {
        let names = self.asked.entry(label).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

/// What is wrong with the TOML of a text.
pub struct Broken {
    /// The first place where it is no TOML. What follows from there on can't be known, not even where it ends.
    pub syntax: Option<Problem>,
    /// Keys and tables that are written twice.
    pub doubled: Vec<Problem>,
}

/// The tree of a text as far as it can be understood, and what is wrong with its TOML.
pub fn tree(text: &Text) -> (Table<'_>, Broken) {
    let (table, errors) = DeTable::parse_recoverable(&text.text);
    let mut broken = Broken { syntax: None, doubled: Vec::new() };
    let mut first = usize::MAX;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        let begin = span.start;
        let problem = |words: &str| Problem::at(text, span.clone(), "", format!("broken TOML: {words}"));
        if message == "duplicate key" {
            broken.doubled.push(problem(&message));
        } else if begin < first {
            let nothing = span.is_empty() && message.starts_with("string values must be quoted");
            first = begin;
            broken.syntax = Some(problem(if nothing { "no value after `=`, expected one" } else { &message }));
        }
    }
    (Table::new(String::new(), "", 0..0, table.into_inner()), broken)
}

impl<'s> Table<'s> {
    fn new(key: String, label: &'static str, span: Range<usize>, table: DeTable<'s>) -> Self {
        let entries = table.into_iter().map(|(name, value)| {
            let span = name.span();
            (name.into_inner().into_owned(), (span, value))
        });
        Table { key, span, label, entries: entries.collect(), taken: BTreeMap::new() }
    }

    /// The value of a key, checked; `None` when it is missing or wrong.
    pub fn get<T>(
        &mut self,
        report: &mut Report<'_>,
        name: &'static str,
        read: impl FnOnce(&Spanned<DeValue<'s>>) -> Result<T, Wrong>,
    ) -> Option<Written<T>> {
        report.asked(self.label, name);
        let (_, value) = self.entries.remove(name)?;
        let key = self.dotted(name);
        let span = value.span();
        self.taken.insert(name, span.clone());
        match read(&value) {
            Ok(value) => Some(Written { value, key, span }),
            Err(wrong) => {
                report.problems.extend(wrong.at(report.text, &key, span));
                None
            }
        }
    }

    /// The same for a key that has to be there.
    pub fn need<T>(
        &mut self,
        report: &mut Report<'_>,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Spanned<DeValue<'s>>) -> Result<T, Wrong>,
    ) -> Option<Written<T>> {
        if !self.entries.contains_key(name) {
            report.asked(self.label, name);
            let key = self.dotted(name);
            report.add(self.span.clone(), &key, MISSING).expected = expected.to_string();
            return None;
        }
        self.get(report, name, read)
    }

    /// A key stands in it and was not taken yet, whatever its value is.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Whether a key was there, and was taken.
    pub fn took(&self, name: &str) -> bool {
        self.taken.contains_key(name)
    }

    /// Nothing is left in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the value of a key stands that was taken; the table itself for one that is not written.
    pub fn place_of(&self, name: &str) -> Range<usize> {
        self.taken.get(name).unwrap_or(&self.span).clone()
    }

    /// A table below this one; empty when it is missing.
    pub fn table(&mut self, report: &mut Report<'_>, name: &'static str, label: &'static str) -> Table<'s> {
        report.asked(self.label, name);
        let key = self.dotted(name);
        let missing = || Table::new(key.clone(), label, self.span.clone(), DeTable::new());
        match self.entries.remove(name) {
            Some((_, value)) => below(report, &key, label, value).unwrap_or_else(missing),
            None => missing(),
        }
    }

    /// All that is in this table, each a table with a name chosen by the operator.
    pub fn named(self, report: &mut Report<'_>, label: &'static str) -> Vec<(Written<String>, Table<'s>)> {
        let mut tables = Vec::new();
        for (name, (span, value)) in self.entries {
            let key = dotted(&self.key, &name);
            if let Some(table) = below(report, &key, label, value) {
                tables.push((Written { value: name, key, span }, table));
            }
        }
        tables
    }

    /// A list of tables below this one, each with its place in the list; what is no table in it is told.
    pub fn tables(&mut self, report: &mut Report<'_>, name: &'static str, label: &'static str) -> Vec<Table<'s>> {
        report.asked(self.label, name);
        let key = self.dotted(name);
        let Some((_, value)) = self.entries.remove(name) else { return Vec::new() };
        self.taken.insert(name, value.span());
        let span = value.span();
        let found = super::values::kind(value.get_ref());
        let DeValue::Array(list) = value.into_inner() else {
            report.add(span, &key, format!("found {found}")).expected = format!("a list of tables, {label}");
            return Vec::new();
        };
        let tables = list.into_iter().enumerate();
        tables.filter_map(|(at, value)| below(report, &format!("{key}[{at}]"), label, value)).collect()
    }

    /// All that is in this table, unread: for those who read tables in another way.
    pub fn unread(self) -> Vec<(Written<String>, Spanned<DeValue<'s>>)> {
        let named = |name: String, span| Written { key: dotted(&self.key, &name), value: name, span };
        self.entries.into_iter().map(|(name, (span, value))| (named(name, span), value)).collect()
    }

    /// Nobody will ask for more: what is left is unknown.
    pub fn close(self, report: &mut Report<'_>) {
        for (name, (span, _)) in self.entries {
            let key = dotted(&self.key, &name);
            report.unknown.push((self.label, Written { value: name, key, span }));
        }
    }

    fn dotted(&self, name: &str) -> String {
        dotted(&self.key, name)
    }
}

/// What is said of a key that has to be there and is not.
pub const MISSING: &str = "missing";

/// A problem for a key nobody knows.
pub fn unknown_key(text: &Text, label: &str, key: &Written<String>, known: &[&str]) -> Problem {
    let place = if label.is_empty() { "at the top".to_string() } else { format!("in {label}") };
    Problem::at(text, key.span.clone(), &key.key, format!("unknown key {} {place}", quoted(&key.value)))
        .expected(format!("one of {}", known.join(", ")))
        .nearest(nearest(&key.value, known.iter().copied()))
}

fn below<'s>(
    report: &mut Report<'_>,
    key: &str,
    label: &'static str,
    value: Spanned<DeValue<'s>>,
) -> Option<Table<'s>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some(Table::new(key.to_string(), label, span, table)),
        other => {
            let found = super::values::kind(&other);
            report.add(span, key, format!("found {found}")).expected = format!("a table, {label}");
            None
        }
    }
}

/// `agents` and `builder` make `agents.builder`; what is no bare word is quoted, so that a message stays one line.
fn dotted(parent: &str, name: &str) -> String {
    let bare =
        !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let name = if bare { name.to_string() } else { quoted(name) };
    if parent.is_empty() { name } else { format!("{parent}.{name}") }
}
