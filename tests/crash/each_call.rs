//! Every call that changes the world fails once: each write, sync, rename, open, start of a process and connection of an
//! engine, by its number. Nobody panics, nothing is promised that is not kept, and the day ends as any other.

use std::collections::BTreeMap;

use tempfile::TempDir;

use super::course::{Course, Outcome};
use super::failing::{self, Failing, KINDS};
use super::runs::{play, some};

/// One call that fails: the `number`-th of its kind.
#[derive(Clone, Debug)]
struct Call {
    kind: &'static str,
    number: usize,
    error: i32,
}

/// What a call of a kind fails with, now this and now that.
fn errors(kind: &str) -> [i32; 2] {
    match kind {
        "write" | "sync" => [failing::EIO, failing::ENOSPC],
        "rename" => [failing::EROFS, failing::ENOSPC],
        "spawn" => [failing::EAGAIN, failing::EMFILE],
        "connect" => [failing::ECONNREFUSED, failing::EAGAIN],
        "pipe" => [failing::EPIPE, failing::EIO],
        _ => [failing::EMFILE, failing::EIO],
    }
}

/// A day whose first engine has these rules. Their files lie in the folder.
fn day(rules: &[String]) -> (Course, Failing, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let failing = Failing::within(folder.path());
    failing.rule(rules);
    let variables = failing.variables();
    let course = Course::new(move |engine| if engine == 1 { variables.clone() } else { Vec::new() });
    (course, failing, folder)
}

fn undisturbed() -> (Outcome, BTreeMap<&'static str, usize>) {
    let (course, failing, _folder) = day(&[]);
    let outcome = course.run();
    let calls = failing.calls();
    let count = |kind: &str| calls.iter().filter(|(one, _)| one == kind).count();
    (outcome, KINDS.iter().map(|kind| (*kind, count(kind))).collect())
}

fn disturbed(call: &Call, undisturbed: &Outcome) {
    let Call { kind, number, error } = call;
    let (course, failing, _folder) = day(&[format!("{kind} * {number} {number} {error}")]);
    let outcome = course.run();
    for (status, said) in course.ends.borrow().iter() {
        // An engine that can't begin says what was in its way, and what to do.
        let code = status.code().unwrap_or_else(|| panic!("{call:?}: it was killed: {status:?}: {said}"));
        assert!((1..=10).contains(&code) && said.contains("error: "), "{call:?}: {code}: {said}");
    }
    assert_eq!(
        outcome,
        *undisturbed,
        "{call:?} {:?}\n{}",
        failing.calls().iter().filter(|(one, _)| one == kind).nth(number - 1),
        course.story()
    );
}

/// So many days, in each of which another call fails; of all kinds, or of one.
pub(crate) fn fail_some(few: usize, kind: Option<&str>) {
    let (outcome, counts) = undisturbed();
    assert!(counts.values().all(|count| *count > 0), "{counts:?}");
    let wanted = counts.iter().filter(|(one, _)| kind.is_none_or(|kind| kind == **one));
    let all = wanted
        .flat_map(|(kind, count)| (1..=*count).map(|number| Call { kind, number, error: errors(kind)[number % 2] }));
    play(some(all.collect(), few), |call| disturbed(call, &outcome));
}
