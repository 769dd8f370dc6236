//! The layer between an engine and the C library in which calls fail (`failing.c`): built once by the machine's own
//! compiler, loaded into one engine, told by a file what is to become of which call.

use std::fs;
use std::path::{Path, PathBuf};

use flightdeck::edge::spawn;

/// What a call fails with.
pub(crate) const EIO: i32 = 5;
pub(crate) const EAGAIN: i32 = 11;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const ENOSPC: i32 = 28;
pub(crate) const EROFS: i32 = 30;
pub(crate) const EPIPE: i32 = 32;
pub(crate) const ENOSYS: i32 = 38;
pub(crate) const ECONNREFUSED: i32 = 111;

/// Kinds of calls that change the world.
pub(crate) const KINDS: [&str; 7] = ["open", "write", "pipe", "sync", "rename", "connect", "spawn"];

/// The layer of one deck's engines.
pub(crate) struct Failing {
    calls: PathBuf,
    rules: PathBuf,
}

impl Failing {
    /// Its files lie in this folder.
    pub(crate) fn within(folder: &Path) -> Failing {
        Failing { calls: folder.join("failing.calls"), rules: folder.join("failing.rules") }
    }

    /// What an engine needs to have it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", library().display().to_string()),
            ("FLIGHTDECK_FAILING_CALLS", self.calls.display().to_string()),
            ("FLIGHTDECK_FAILING_RULES", self.rules.display().to_string()),
        ]
    }

    /// From the next call on, these rules: `kind part-of-the-path from to action`.
    pub(crate) fn rule(&self, rules: &[String]) {
        let fresh = self.rules.with_extension("fresh");
        fs::write(&fresh, rules.join("\n") + "\n").expect("a file");
        fs::rename(&fresh, &self.rules).expect("its place");
    }

    /// All calls of these kinds on such paths fail so, until other rules come.
    pub(crate) fn fail(&self, kinds: &[&str], part: &str, error: i32) {
        self.rule(&kinds.iter().map(|kind| format!("{kind} {part} 1 0 {error}")).collect::<Vec<_>>());
    }

    /// As if it were not there.
    pub(crate) fn heal(&self) {
        self.rule(&[]);
    }

    /// Every call so far: its kind and its path.
    pub(crate) fn calls(&self) -> Vec<(String, String)> {
        let text = fs::read(&self.calls).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(kind, path)| (kind.to_string(), path.to_string())).collect()
    }
}

/// Built where the tests are built, and replaced whole, since other tests may be loading it.
fn library() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/failing.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = folder.join("failing.so");
    let age = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if age(&built).is_some_and(|built| Some(built) > age(&source)) {
        return built;
    }
    let fresh = tempfile::Builder::new().prefix("failing").suffix(".so").tempfile_in(folder).expect("a file");
    let mut command = spawn::blocking("cc");
    command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(fresh.path()).arg(&source);
    let output = command.args(["-ldl", "-lpthread"]).output().expect("a C compiler, which SQLite needs as well");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fresh.persist(&built).expect("its place");
    built
}
