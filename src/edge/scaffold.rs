//! Making a workspace from the embedded files. Overwrites nothing: what is there is kept, and a second run adds only what
//! is missing.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::parse::MAIN;
use crate::config::{prompts, setup};

use super::files::{self, FileError};

/// The configuration that a new workspace begins with.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// The phases of the demo project.
pub const PHASES: [(&str, &str); 3] = [
    ("1a", include_str!("../../phases/1a.md")),
    ("1b", include_str!("../../phases/1b.md")),
    ("2", include_str!("../../phases/2.md")),
];

const JOURNAL: &str = "# Journal

What happened in this workspace and why, for whoever takes over; append only, newest last. Each entry begins with
`## <UTC time> <who>`.
";

/// What must not get into a repository that holds the workspace: our state, and the agents' clones.
const IGNORED: [&str; 2] = [".flightdeck/", "clones/"];

/// Largest `.gitignore` that is read and written back.
const IGNORE_CAP: u64 = 1024 * 1024;

/// What became of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Written,
    /// It was there already.
    Kept,
    /// Lines were added to what was there.
    Extended,
}

/// Makes the workspace in `dir` (and the folder itself): each file, relative to it, with what became of it.
pub fn init(dir: &Path) -> Result<Vec<(PathBuf, Fate)>, FileError> {
    init_with(dir, DEFAULT)
}

/// The configuration that a new workspace begins with, its agents with this backend: a name without quotes.
pub fn default_with(backend: &str) -> String {
    let written = |line: &str| match line.strip_prefix("backend = \"") {
        Some(_) => format!("backend = \"{backend}\"\n"),
        None => format!("{line}\n"),
    };
    DEFAULT.lines().map(written).collect()
}

/// Whether `dir` has a configuration already, which is kept.
pub fn is_begun(dir: &Path) -> bool {
    exists(&dir.join(MAIN))
}

/// The same with another configuration.
pub fn init_with(dir: &Path, main: &str) -> Result<Vec<(PathBuf, Fate)>, FileError> {
    for folder in [dir.to_path_buf(), dir.join("prompts"), dir.join("phases")] {
        make_folder(&folder)?;
    }
    let mut files = vec![(PathBuf::from(MAIN), main), (PathBuf::from("JOURNAL.md"), JOURNAL)];
    files.extend(prompts::BUILT_IN.map(|(name, text)| (Path::new("prompts").join(format!("{name}.md")), text)));
    // Who has a folder of his own for commands has chosen among them.
    let commands = Path::new("prompts").join("commands");
    if !exists(&dir.join(&commands)) {
        make_folder(&dir.join(&commands))?;
        files.extend(setup::COMMANDS.map(|(name, text)| (commands.join(format!("{name}.md")), text)));
    }
    // The demo project's phases are no use beside an operator's own ones.
    if is_empty(&dir.join("phases"))? || !exists(&dir.join(MAIN)) {
        files.extend(PHASES.map(|(name, text)| (Path::new("phases").join(format!("{name}.md")), text)));
    }
    let mut fates = Vec::new();
    for (name, text) in files {
        let path = dir.join(&name);
        let fate = if exists(&path) {
            Fate::Kept
        } else {
            files::write_atomic(&path, text.as_bytes(), files::PUBLIC)?;
            Fate::Written
        };
        fates.push((name, fate));
    }
    fates.push((PathBuf::from(".gitignore"), ignore(&dir.join(".gitignore"))?));
    Ok(fates)
}

fn make_folder(path: &Path) -> Result<(), FileError> {
    // Not writable by others, whatever the umask: such a workspace would be refused at once.
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|cause| FileError::Io { path: path.to_path_buf(), cause })
}

/// Also a link that points nowhere is there.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_empty(folder: &Path) -> Result<bool, FileError> {
    let listing = std::fs::read_dir(folder).map_err(|cause| FileError::Io { path: folder.to_path_buf(), cause })?;
    Ok(listing.take(1).count() == 0)
}

fn ignore(path: &Path) -> Result<Fate, FileError> {
    if !exists(path) {
        let text = IGNORED.map(|line| format!("{line}\n")).concat();
        files::write_atomic(path, text.as_bytes(), files::PUBLIC)?;
        return Ok(Fate::Written);
    }
    let (old, meta) = files::read_named(path, IGNORE_CAP)?;
    let has = |wanted: &str| {
        let bare = |line: &[u8]| String::from_utf8_lossy(line).trim().trim_matches('/').to_string();
        old.split(|byte| *byte == b'\n').any(|line| bare(line) == wanted.trim_matches('/'))
    };
    let missing: Vec<&str> = IGNORED.into_iter().filter(|line| !has(line)).collect();
    if missing.is_empty() {
        return Ok(Fate::Kept);
    }
    let mut new = old.clone();
    if new.last().is_some_and(|byte| *byte != b'\n') {
        new.push(b'\n');
    }
    new.extend(missing.iter().flat_map(|line| format!("{line}\n").into_bytes()));
    files::write_atomic(path, &new, meta.mode() & 0o777)?;
    Ok(Fate::Extended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::edge::workspace;

    #[test]
    fn a_new_workspace_is_valid_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("new/workspace");
        let fates = init(&made).unwrap();
        assert!(fates.iter().all(|(_, fate)| *fate == Fate::Written), "{fates:?}");
        let sources = workspace::read(&made).expect("its files are in order");
        let config = config::load(&sources).expect("it is valid");
        assert_eq!(config.agents.len(), 2);
        assert_eq!(config.sequence.len(), 3);
        assert_eq!(config.project.name, "workspace");
    }

    #[test]
    fn nothing_is_overwritten_and_a_second_run_adds_only_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MAIN), "mine").unwrap();
        std::fs::write(dir.path().join(".gitignore"), "target\n/.flightdeck").unwrap();
        std::fs::create_dir(dir.path().join("phases")).unwrap();
        std::fs::write(dir.path().join("phases/own.md"), "# Own\nplan").unwrap();
        init(dir.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read(MAIN), "mine");
        assert_eq!(read(".gitignore"), "target\n/.flightdeck\nclones/\n");
        assert!(!dir.path().join("phases/1a.md").exists());
        std::fs::remove_file(dir.path().join("prompts/ping.md")).unwrap();
        let again = init(dir.path()).unwrap();
        let written: Vec<_> = again.iter().filter(|(_, fate)| *fate != Fate::Kept).map(|(path, _)| path).collect();
        assert_eq!(written, [Path::new("prompts/ping.md")]);
    }
}
