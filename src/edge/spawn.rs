//! Starting processes: the only file that does. Each gets a scrubbed environment, no inherited standard input and a
//! process group of its own, so that a deadline can end it whole.
#![expect(clippy::disallowed_methods, reason = "this is the one file that starts processes and threads")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use super::clock;

/// What a child may see of our environment. No TMUX (a nested tmux would act on the operator's server), no GIT_*, no keys.
const PASSED_ON: [&str; 9] = ["HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "LC_ALL", "TMPDIR", "SSH_AUTH_SOCK"];

/// Why a program gave no output.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("{program}: {cause}")]
    Start { program: String, cause: std::io::Error },
    #[error("{program}: no end within {span:?}; its process group was killed")]
    Late { program: String, span: Duration },
}

/// A command for the engine: scrubbed environment, no input, killed with the value that holds it.
pub fn command(program: impl AsRef<OsStr>) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(blocking(program));
    command.kill_on_drop(true);
    command
}

/// The same for code outside the engine's loop.
pub fn blocking(program: impl AsRef<OsStr>) -> std::process::Command {
    let asked = program.as_ref();
    let mut command = match found(asked) {
        Some(path) => std::process::Command::new(path),
        None => std::process::Command::new(asked),
    };
    command.env_clear().envs(scrubbed()).stdin(Stdio::null());
    // It is called what was asked for.
    command.arg0(asked).process_group(0);
    command
}

/// Where PATH has a program of this name. What has a path is spawned; a name alone would be looked up after a fork, which
/// copies the page tables of all our memory.
fn found(name: &OsStr) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").filter(|_| !name.as_bytes().contains(&b'/'))?;
    let runs = |file: &PathBuf| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    // From a folder that is none by itself on, the child has to look: it may be in another one by then.
    let folders = std::env::split_paths(&path).take_while(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(runs)
}

/// A command that takes over our terminal (`tmux attach`, an editor): whole environment but TMUX, our standard streams.
pub fn foreground(program: impl AsRef<OsStr>) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    command.env_remove("TMUX").env_remove("TMUX_PANE");
    command
}

/// Runs a command to its end, or kills its whole process group at the deadline.
pub async fn output_within(span: Duration, mut command: tokio::process::Command) -> Result<Output, SpawnError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|cause| SpawnError::Start { program: program.clone(), cause })?;
    let group = child.id();
    match clock::within(span, child.wait_with_output()).await {
        Ok(output) => output.map_err(|cause| SpawnError::Start { program, cause }),
        Err(clock::Late(span)) => {
            kill_group(group);
            Err(SpawnError::Late { program, span })
        }
    }
}

/// The part of our environment that children may see.
pub fn scrubbed() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    PASSED_ON.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value)))
}

/// Starts a named thread.
pub fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_string()).spawn(work)
}

/// Kills a process group by the number of its first process.
pub fn kill_group(group: Option<u32>) {
    let pid = group.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // The group may have ended in this very moment; then there is nobody to kill, which is the aim.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_run_by_its_path_and_called_by_its_name() {
        let mut command = blocking("sh");
        assert!(PathBuf::from(command.get_program()).is_absolute(), "{:?}", command.get_program());
        let said = command.args(["-c", "echo $0"]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "sh\n");
        let mut missing = blocking("no-program-has-this-name");
        assert_eq!(missing.get_program(), "no-program-has-this-name");
        assert_eq!(missing.output().expect_err("it is missing").kind(), std::io::ErrorKind::NotFound);
        assert_eq!(blocking("/bin/../bin/sh").get_program(), "/bin/../bin/sh");
    }
}
