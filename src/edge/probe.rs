//! The agents' programs on this machine: where they are, and which version they say to be. Runs nothing but
//! `PROGRAM --version`, in the environment that an agent gets, and remembers nothing.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::spawn::{self, SpawnError};

/// The slowest of the known programs takes 1.5 s for it on an idle machine.
const ANSWER: Duration = Duration::from_secs(10);
/// Letters of an odd answer that are told.
const ANSWER_CAP: usize = 120;

/// How a program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is none of this name.
    Missing,
    /// It is there and tells no version; why.
    Unwell { file: PathBuf, why: String },
    /// It told its version.
    Well { file: PathBuf, version: String },
}

/// The first file of this name in `path` that may be run; one with a slash in it is taken from `cwd`.
pub fn find(program: &str, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    let places: Vec<PathBuf> = match program.contains('/') {
        true => vec![cwd.join(program)],
        false => std::env::split_paths(path).map(|dir| cwd.join(dir).join(program)).collect(),
    };
    places.into_iter().find(|file| {
        !program.is_empty()
            && file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Where it is, and which version it says to be.
pub async fn health(program: &str, cwd: &Path) -> Health {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(file) = find(program, &path, cwd) else { return Health::Missing };
    let mut command = spawn::command(&file);
    command.arg("--version").current_dir(cwd);
    let unwell = |why: String| Health::Unwell { file: file.clone(), why };
    let output = match spawn::output_within(ANSWER, command).await {
        Ok(output) => output,
        Err(SpawnError::Late { span, .. }) => return unwell(format!("no answer to --version within {span:?}")),
        Err(SpawnError::Start { cause, .. }) => return unwell(format!("it can't be started: {cause}")),
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = if answer.trim().is_empty() { String::from_utf8_lossy(&output.stderr) } else { answer };
        return unwell(format!("--version ends with {}: {}", output.status, beginning(&said)));
    }
    match version_in(&answer) {
        Some(version) => Health::Well { version: version.to_string(), file },
        None => unwell(format!("--version tells no version: {}", beginning(&answer))),
    }
}

/// The first word that is a version: digits, a point, digits, and what follows them.
fn version_in(answer: &str) -> Option<&str> {
    let words = answer.split(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c)));
    words.map(|word| word.strip_prefix('v').unwrap_or(word)).find(|word| {
        let mut parts = word.splitn(2, '.');
        let number = |part: Option<&str>| part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let first = parts.next();
        number(first) && first.is_some_and(|part| part.chars().all(|c| c.is_ascii_digit())) && number(parts.next())
    })
}

fn beginning(answer: &str) -> String {
    answer.trim().lines().next().unwrap_or_default().chars().take(ANSWER_CAP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_programs_say() {
        for (answer, version) in [
            ("2.1.329 (Claude Code)\n", Some("2.1.329")),
            ("codex-cli 0.169.0\n", Some("0.169.0")),
            ("1.18.33\n", Some("1.18.33")),
            ("WARNING: no 5 things\nx v3.0-rc.1\n", Some("3.0-rc.1")),
            ("flightdeck 0.1.0", Some("0.1.0")),
            ("error 5", None),
            ("1. do this", None),
            ("", None),
        ] {
            assert_eq!(version_in(answer), version, "{answer}");
        }
    }
}
