//! The set-up of a fresh machine (`.ci/setup`), on machines made of a few small scripts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use assert_cmd::Command;

#[test]
fn a_complete_machine_is_set_up_in_silence() {
    assert_eq!(Machine::complete().setup(), (0, String::new()));
}

#[test]
fn what_is_missing_is_installed_by_the_machines_own_package_manager() {
    let machine = Machine::complete();
    machine.lacks("tmux").lacks("git");
    let log = machine.root.path().join("log");
    let tools = machine.bin();
    machine.has(
        "apt-get",
        &format!(
            "echo \"$*\" >> {log}; case $* in *install*) cp {bin}/.tmux {bin}/tmux; cp {bin}/.git {bin}/git;; esac",
            log = log.display(),
            bin = tools.display()
        ),
    );
    let (code, said) = machine.setup();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("missing: tmux git"), "{said}");
    let ran = fs::read_to_string(log).expect("it ran");
    assert_eq!(ran, "update -q\ninstall -qy --no-install-recommends tmux git\n");
    assert_eq!(machine.setup(), (0, String::new()));
}

#[test]
fn without_the_right_to_install_it_says_what_to_run() {
    for (manager, command) in [
        ("apt-get", "apt-get install -qy --no-install-recommends gcc libc6-dev"),
        ("dnf", "dnf install -qy gcc glibc-devel"),
        ("pacman", "pacman -Sy --needed --noconfirm gcc"),
        ("apk", "apk add gcc musl-dev"),
    ] {
        let machine = Machine::complete();
        machine.lacks("cc").has("id", "echo 1000").has(manager, "exit 9");
        let (code, said) = machine.setup();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("missing: cc") && said.contains(command), "{said}");
    }
}

#[test]
fn an_installation_that_fails_or_does_not_help_is_a_failure() {
    for does in ["exit 100", "exit 0"] {
        let machine = Machine::complete();
        machine.lacks("tmux").has("apt-get", does);
        let (code, said) = machine.setup();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("tmux"), "{said}");
    }
}

#[test]
fn an_unknown_machine_is_told_what_is_missing() {
    let machine = Machine::complete();
    machine.lacks("tmux");
    let (code, said) = machine.setup();
    assert_eq!(code, 1);
    assert!(said.contains("missing: tmux") && said.contains("by hand"), "{said}");
}

#[test]
fn versions_that_are_too_old_are_refused_and_later_ones_are_not() {
    for (tool, version, good) in [
        ("tmux", "tmux 3.1c", false),
        ("tmux", "tmux 2.9", false),
        ("tmux", "tmux 3.2", true),
        ("tmux", "tmux 3.10a", true),
        ("tmux", "tmux next-4.0", true),
        ("tmux", "tmux master", true),
        ("rustc", "rustc 1.94.1 (abc 2026-01-01)", false),
        ("rustc", "rustc 2.0.0-nightly (abc 2027-01-01)", true),
    ] {
        let machine = Machine::complete();
        machine.has(tool, &format!("echo '{version}'"));
        let (code, said) = machine.setup();
        assert_eq!(code == 0, good, "{version}: {said}");
        assert_eq!(said.contains("too old"), !good, "{version}: {said}");
    }
}

#[test]
fn rust_is_never_installed_only_asked_for() {
    let machine = Machine::complete();
    machine.lacks("cargo").has("apt-get", "exit 9");
    let (code, said) = machine.setup();
    assert_eq!(code, 1);
    assert!(said.contains("rustup.rs"), "{said}");
}

/// A folder of programs that is all a machine has.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn complete() -> Self {
        let machine = Machine { root: tempfile::tempdir().expect("a folder") };
        fs::create_dir(machine.bin()).expect("a folder");
        for tool in ["sh", "sed", "dirname", "env", "cp", "cat"] {
            symlink(which(tool), machine.bin().join(tool)).expect("a link");
        }
        machine.has("id", "echo 0").has("make", ":").has("cargo", ":").has("cc", ":");
        machine.has("tmux", "echo 'tmux 3.3a'").has("git", ":").has("rustc", "echo 'rustc 1.95.0 (abc 2026-04-14)'");
        machine
    }

    fn has(&self, tool: &str, script: &str) -> &Self {
        let path = self.bin().join(tool);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        self
    }

    /// Puts a tool where only a package manager finds it.
    fn lacks(&self, tool: &str) -> &Self {
        fs::rename(self.bin().join(tool), self.bin().join(format!(".{tool}"))).expect("it was there");
        self
    }

    /// Exit code and all that was said.
    fn setup(&self) -> (i32, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/setup");
        let run = Command::new(script)
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", self.root.path())
            .env("LANG", "C.UTF-8")
            .output()
            .expect("it runs");
        let said = [run.stdout, run.stderr].concat();
        (run.status.code().expect("it ends by itself"), String::from_utf8_lossy(&said).into_owned())
    }

    fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }
}

fn which(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.is_file());
    found.expect("every machine has it")
}
