//! A workspace: where it is, where its state lies, and reading its files for `config`: regular files of a sane size that nobody else can write, as ssh asks of its
//! own (fault K5), and all that is wrong with them at once. What they say is judged elsewhere.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::launch::STATE;
use crate::config::parse::{BACKEND, DETECTED, MAIN, Machine};
use crate::config::problem::quoted;
use crate::config::{Problem, Sources};

use super::files::{self, FileError};
use super::probe;

/// Largest file; the longest plan anybody reads has a tenth of it.
const FILE_CAP: u64 = 1024 * 1024;
/// All files together, so that a folder full of large ones can't eat the memory.
const TOTAL_CAP: usize = 16 * 1024 * 1024;
/// Files in `phases/` and in `prompts/`; as long as the longest sequence.
const COUNT_CAP: usize = 500;

/// The nearest folder upwards that has a `flightdeck.toml`, absolute and without symbolic links, so that all who use it
/// agree on its name.
pub fn find(from: &Path) -> Option<PathBuf> {
    let from = std::fs::canonicalize(from).ok()?;
    from.ancestors().find(|dir| is_one(dir)).map(Path::to_path_buf)
}

/// Whether this very folder is a workspace. What its file says or whether it can be read is told by who reads it.
pub fn is_one(folder: &Path) -> bool {
    folder.join(MAIN).symlink_metadata().is_ok()
}

/// The folder of a workspace's state.
pub fn state_dir(root: &Path) -> PathBuf {
    root.join(STATE)
}

/// The log of records in a folder of state.
pub fn records(state_dir: &Path) -> PathBuf {
    state_dir.join("records.db")
}

/// The socket of a workspace's own tmux server in a folder of state.
pub fn tmux_socket(state_dir: &Path) -> PathBuf {
    state_dir.join("tmux.sock")
}

/// All files of the workspace in `root`.
pub fn read(root: &Path) -> Result<Sources, Vec<Problem>> {
    let root = std::fs::canonicalize(root)
        .map_err(|cause| vec![Problem::of(MAIN, format!("the folder {} can't be read: {cause}", shown(root)))])?;
    let mut reading = Reading { root: &root, problems: Vec::new(), total: 0 };
    reading.check_folder("");
    let main = reading.file(MAIN).unwrap_or_default();
    let phases = reading.folder("phases");
    let prompts = reading.folder("prompts");
    let problems = reading.problems;
    if problems.is_empty() { Ok(Sources { main, phases, prompts, root, machine: machine() }) } else { Err(problems) }
}

/// What the environment wishes, and which of the agents' programs are there.
fn machine() -> Machine {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Each is a program of its backend's name.
    let there = |name: &&&str| probe::find(name, &path, Path::new("/")).is_some();
    Machine { backend: wished(), found: DETECTED.iter().filter(there).map(ToString::to_string).collect() }
}

/// The backend that goes before the files; one that is not UTF-8 is told as unknown.
pub fn wished() -> Option<String> {
    let wish = std::env::var_os(BACKEND).filter(|wish| !wish.is_empty());
    wish.map(|wish| wish.to_string_lossy().into_owned())
}

struct Reading<'r> {
    root: &'r Path,
    problems: Vec<Problem>,
    /// Bytes read so far.
    total: usize,
}

impl Reading<'_> {
    /// The `*.md` files of a folder, by name; none when there is no such folder.
    fn folder(&mut self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let listing = match std::fs::read_dir(self.root.join(folder)) {
            Ok(listing) => listing,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(cause) => {
                self.problem(folder, format!("the folder can't be read: {cause}"));
                return Vec::new();
            }
        };
        self.check_folder(folder);
        let mut names: Vec<String> = Vec::new();
        for name in listing.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()) {
            let Some(stem) = name.strip_suffix(".md").filter(|stem| !stem.starts_with('.')) else { continue };
            let good =
                (1..=64).contains(&stem.len()) && stem.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
            if good {
                names.push(name);
            } else {
                let found = format!("the file name {}", quoted(&name));
                self.problem(folder, found).expected = "letters, digits, `.`, `_` and `-` before `.md`".to_string();
            }
        }
        if names.len() > COUNT_CAP {
            self.problem(folder, format!("{} files", names.len())).expected = format!("at most {COUNT_CAP}");
            return Vec::new();
        }
        names.sort();
        let read = |name: String| self.file(&format!("{folder}/{name}")).map(|bytes| (name, bytes));
        names.into_iter().filter_map(read).collect()
    }

    fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = self.root.join(name);
        if self.total > TOTAL_CAP {
            return None;
        }
        if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            self.problem(name, "a symbolic link").expected = "the file itself: copy it here".to_string();
            return None;
        }
        match files::read_named(&path, FILE_CAP) {
            Ok((bytes, meta)) => {
                self.check_access(name, &path, &meta);
                self.total += bytes.len();
                if self.total > TOTAL_CAP {
                    let expected = format!("at most {} MiB", TOTAL_CAP / (1024 * 1024));
                    self.problem(name, "with this file the workspace's files are too large").expected = expected;
                }
                Some(bytes)
            }
            Err(error) => {
                let problem = unread(name, self.root, error);
                self.problems.push(problem);
                None
            }
        }
    }

    fn check_folder(&mut self, folder: &str) {
        let path = self.root.join(folder);
        let name = if folder.is_empty() { "." } else { folder };
        match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => self.check_access(name, &path, &meta),
            Ok(_) => {
                self.problem(name, "a symbolic link").expected = "a folder".to_string();
            }
            Err(cause) => {
                self.problem(name, format!("the folder can't be read: {cause}"));
            }
        }
    }

    /// Whoever can write here can make us start any program: only we and root may.
    fn check_access(&mut self, name: &str, path: &Path, meta: &Metadata) {
        let us = rustix::process::geteuid().as_raw();
        if meta.uid() != us && meta.uid() != 0 {
            let found = format!("it belongs to user {}, not to us (user {us})", meta.uid());
            self.problem(name, found).help = Some(format!("run `chown {us} {}`", shell_word(path)));
        }
        if meta.mode() & 0o022 != 0 {
            let found = format!("others can write to it (mode {:04o})", meta.mode() & 0o7777);
            self.problem(name, found).help = Some(format!("run `chmod go-w {}`", shell_word(path)));
        }
    }

    fn problem(&mut self, file: &str, found: impl Into<String>) -> &mut Problem {
        self.problems.push(Problem::of(file, found));
        self.problems.last_mut().expect("it was pushed in the line before")
    }
}

fn unread(name: &str, root: &Path, error: FileError) -> Problem {
    match error {
        FileError::Missing(_) if name == MAIN => Problem::of(name, format!("there is none in {}", shown(root)))
            .help(format!("`flightdeck init {}` makes one", shell_word(root))),
        FileError::Missing(_) => Problem::of(name, "it went away while it was read"),
        FileError::NotRegular(_) => Problem::of(name, "not a regular file"),
        FileError::TooLarge { .. } => {
            Problem::of(name, "too large").expected(format!("at most {} MiB", FILE_CAP / (1024 * 1024)))
        }
        FileError::Io { cause, .. } => Problem::of(name, format!("it can't be read: {cause}")),
        other @ (FileError::NotDir(_) | FileError::Foreign { .. } | FileError::Open { .. }) => {
            Problem::of(name, other.to_string())
        }
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().filter(|c| !c.is_control()).collect()
}

/// A path as it can be pasted into a shell.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) && !text.starts_with('-') {
        return text.into_owned();
    }
    // Escaped by the shell's own rules; control characters would act on the terminal that shows the message.
    format!("'{}'", shown(path).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::edge::scaffold;

    fn workspace() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        scaffold::init(dir.path()).unwrap();
        dir
    }

    fn told(dir: &Path) -> Vec<String> {
        let root = std::fs::canonicalize(dir).unwrap();
        let problems = read(dir).map(|_| ()).err().unwrap_or_default();
        problems.iter().map(|problem| problem.to_string().replace(&*root.to_string_lossy(), "WS")).collect()
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn files_and_folders_that_others_can_write_are_refused_with_the_command_that_helps() {
        let dir = workspace();
        assert_eq!(told(dir.path()), Vec::<String>::new());
        set_mode(&dir.path().join(MAIN), 0o664);
        set_mode(&dir.path().join("phases"), 0o777);
        set_mode(&dir.path().join("prompts/ping.md"), 0o646);
        assert_eq!(
            told(dir.path()),
            [
                "flightdeck.toml: others can write to it (mode 0664); run `chmod go-w WS/flightdeck.toml`",
                "phases: others can write to it (mode 0777); run `chmod go-w WS/phases`",
                "prompts/ping.md: others can write to it (mode 0646); run `chmod go-w WS/prompts/ping.md`",
            ]
        );
    }

    #[test]
    fn somebody_elses_files_are_refused() {
        let us = rustix::process::geteuid();
        let dir = workspace();
        let main = dir.path().join(MAIN);
        // Only root can give a file away; for everybody else a folder of root's is not somebody else's.
        if us.is_root() {
            std::os::unix::fs::chown(&main, Some(12345), None).unwrap();
            let told = told(dir.path());
            assert_eq!(
                told,
                ["flightdeck.toml: it belongs to user 12345, not to us (user 0); run `chown 0 WS/flightdeck.toml`"]
            );
        }
    }

    #[test]
    fn what_is_no_regular_file_is_told_and_blocks_nobody() {
        let dir = workspace();
        let pipe = dir.path().join("phases/pipe.md");
        assert!(crate::edge::spawn::blocking("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("phases/zero.md")).unwrap();
        std::os::unix::fs::symlink("loop.md", dir.path().join("prompts/loop.md")).unwrap();
        std::fs::create_dir(dir.path().join("prompts/folder.md")).unwrap();
        std::fs::write(dir.path().join("prompts/big.md"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        std::fs::write(dir.path().join("prompts/a b.md"), "x").unwrap();
        std::fs::write(dir.path().join("prompts/.hidden.md"), "x").unwrap();
        assert_eq!(
            told(dir.path()),
            [
                "phases/pipe.md: not a regular file",
                "phases/zero.md: a symbolic link, expected the file itself: copy it here",
                "prompts: the file name \"a b.md\", expected letters, digits, `.`, `_` and `-` before `.md`",
                "prompts/big.md: too large, expected at most 1 MiB",
                "prompts/folder.md: not a regular file",
                "prompts/loop.md: a symbolic link, expected the file itself: copy it here",
            ]
        );
    }

    #[test]
    fn a_workspace_that_is_none_says_how_to_make_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(told(dir.path()), ["flightdeck.toml: there is none in WS; `flightdeck init WS` makes one"]);
        assert!(read(&dir.path().join("nowhere")).is_err());
        let made = workspace();
        let root = std::fs::canonicalize(made.path()).unwrap();
        assert_eq!(find(&made.path().join("phases")), Some(root));
        assert_eq!(find(dir.path()), None);
    }

    #[test]
    fn paths_in_commands_can_be_pasted_into_a_shell() {
        assert_eq!(shell_word(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(shell_word(Path::new("/a b/it's\u{1b}")), "'/a b/it'\\''s'");
    }
}
