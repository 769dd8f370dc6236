//! Our own bare mirror of a remote on the network: the only repository we write, and the only one the system's git is run
//! on. Two calls: `ls-remote` at each look, `fetch` only when the branch has moved.
//!
//! What governs these calls: the mirror's configuration is ours. The operator's own (`~/.gitconfig`, the system's) stays
//! in force, because that is where credential helpers, certificates and proxies for private remotes are; what in it could
//! run programs or fetch elsewhere is overruled on the command line. No repository that an agent can write takes part.
//! ssh reads the operator's `~/.ssh/config`, but never asks. Nothing here prompts, and every call ends at its deadline.
//!
//! It knows no commits and no phases.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::edge::spawn;
use crate::pilot::id::Sha;

use super::remote::without_secrets;

/// What a look at the remote may take before its process group is killed.
pub const NETWORK_DEADLINE: Duration = Duration::from_secs(20);
/// The first fetch brings the whole history over; a dead line is noticed sooner by ssh's and curl's own time-outs.
const FIRST_FETCH: Duration = Duration::from_secs(300);
/// Packing up a mirror that has grown; it happens after thousands of pushes.
const TIDYING: Duration = Duration::from_secs(60);
/// The watched branch in the mirror, whatever its name on the remote: no two names can get into each other's way.
pub(super) const TIP: &str = "refs/watch/tip";
/// Longer texts of git add nothing an operator would read.
const REASON_CHARS: usize = 300;

const SSH: &str =
    "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=2 -oControlMaster=no";

const OVERRULED: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "credential.interactive=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=20",
    "transfer.bundleURI=false",
    "fetch.writeCommitGraph=false",
    "gc.autoDetach=false",
    "maintenance.auto=false",
];

/// Variables that credential helpers, proxies and certificates need, beyond those every child gets.
const PASSED_ON: [&str; 13] = [
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
];

/// One branch of one remote, and the mirror it is fetched into.
pub(super) struct Line {
    pub(super) mirror: PathBuf,
    pub(super) url: String,
    pub(super) branch: String,
    pub(super) deadline: Duration,
}

impl Line {
    /// Where the branch stands on the remote. A branch that is not there is an error, never "no news" (fault V18).
    pub(super) async fn tip(&self) -> Result<Sha, String> {
        let reference = format!("refs/heads/{}", self.branch);
        let args = ["ls-remote", "--exit-code", "--upload-pack=git-upload-pack", "--", &self.url, &reference];
        let output = self.git(&args, self.deadline).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let sha = text.lines().filter_map(|line| line.split_once('\t')).find(|(_, name)| *name == reference);
        match sha.map(|(sha, _)| Sha::parse(sha)) {
            Some(Some(sha)) => Ok(sha),
            Some(None) => Err("the remote's answer is not understood: no object name".to_string()),
            None if output.status.success() || output.status.code() == Some(2) => Err(no_branch(&self.branch)),
            None => Err(self.reason("ls-remote", &output)),
        }
    }

    /// Brings the branch into the mirror. `fresh`: the mirror is empty, so all of history comes.
    pub(super) async fn fetch(&self, fresh: bool) -> Result<(), String> {
        let refspec = format!("+refs/heads/{}:{TIP}", self.branch);
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--no-show-forced-updates",
            "--update-shallow",
            "--upload-pack=git-upload-pack",
            "--",
            &self.url,
            &refspec,
        ];
        let span = if fresh { self.deadline.max(FIRST_FETCH) } else { self.deadline };
        let output = self.git(&args, span).await?;
        if output.status.success() { Ok(()) } else { Err(self.reason("fetch", &output)) }
    }

    /// Lets git pack the mirror where it thinks that is due; usually it does nothing, in a few milliseconds.
    pub(super) async fn tidy(&self) {
        match self.git(&["gc", "--auto", "--quiet"], TIDYING).await {
            Ok(output) if output.status.success() => {}
            Ok(output) => tracing::warn!(why = self.reason("gc", &output), "the mirror could not be packed"),
            Err(why) => tracing::warn!(why, "the mirror could not be packed"),
        }
    }

    async fn git(&self, args: &[&str], span: Duration) -> Result<std::process::Output, String> {
        let mut command = spawn::command("git");
        command.envs(PASSED_ON.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command.envs([
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "true"),
            ("SSH_ASKPASS_REQUIRE", "never"),
            ("GCM_INTERACTIVE", "never"),
            ("GIT_SSH_COMMAND", SSH),
            ("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"),
            // git's messages are shown, and read by people who search for them.
            ("LC_ALL", "C"),
        ]);
        command.arg("--git-dir").arg(&self.mirror).current_dir("/");
        command.args(OVERRULED.iter().flat_map(|setting| ["-c", setting])).args(args);
        spawn::output_within(span, command).await.map_err(|error| without_secrets(&error.to_string(), &self.url))
    }

    /// git's own words, cleaned: the line that says `fatal:`, what ssh said before it and the detail that may follow.
    fn reason(&self, verb: &str, output: &std::process::Output) -> String {
        let stderr = String::from_utf8_lossy(&output.stderr[..output.stderr.len().min(16 * 1024)]).into_owned();
        let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
        let fatal = lines.iter().position(|line| line.starts_with("fatal:")).unwrap_or(lines.len());
        let telling = &lines[fatal.saturating_sub(1)..lines.len().min(fatal + 2)];
        let words = without_secrets(&telling.join("; "), &self.url);
        let words = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS).collect::<String>();
        match output.status.code() {
            Some(code) => format!("git {verb} failed ({code}): {words}"),
            None => format!("git {verb} was ended by a signal: {words}"),
        }
    }
}

/// The sentence for a branch that is not on the remote: never pushed, deleted, or misspelt.
pub(super) fn no_branch(branch: &str) -> String {
    format!("the remote has no branch `{branch}`: push it, or set another `branch` in [project]")
}

/// Makes sure that a mirror is there, and clears away what a killed fetch left in it (nobody else writes to it, so a lock
/// in it is always a dead one). Blocks.
pub(super) fn prepare(mirror: &Path) -> Result<(), String> {
    if git2::Repository::open_bare(mirror).is_err() {
        return make(mirror);
    }
    for (folder, leftover) in
        [("", ".lock"), ("refs/watch", ".lock"), ("objects/pack", "tmp_"), ("objects/pack", ".lock")]
    {
        for entry in std::fs::read_dir(mirror.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(leftover) || name.ends_with(leftover) {
                // What can't be removed makes the next fetch fail, and that is told.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
    Ok(())
}

/// A new, empty mirror in place of whatever is there. Blocks.
pub(super) fn make(mirror: &Path) -> Result<(), String> {
    let failed = |cause: &dyn std::fmt::Display| format!("the mirror {} can't be made: {cause}", mirror.display());
    match std::fs::remove_dir_all(mirror) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(failed(&cause)),
    }
    // The operator's template folder may hold hooks.
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).external_template(false).initial_head("main");
    git2::Repository::init_opts(mirror, &options).map(drop).map_err(|error| failed(&error.message()))
}
