//! What runs inside an agent's pane before the agent does: `flightdeck run-agent SPEC`. It makes sure that the agent lives
//! only once (fault P12), builds its environment from the recorded spec and its env file, and then becomes the agent.
//!
//! Secrets are read here, in the agent's own process: they pass through no argv, no tmux and no file of ours
//! (faults V13, X4). No shell takes part.

mod credential;
mod env_file;
mod servers;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::TryLockError;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::channel::opencode::access;
use super::files::{self, FileError};
use super::process::{self, Alive, OWNER, Tag};
use super::{probe, spawn};
use crate::config::access::Access;
use crate::config::model::McpWay;
use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::Identity;
use crate::pilot::id::{AccountId, AgentId, Incarnation};

/// A spec is arguments and a few variables; Linux takes no argument above 128 KiB, and ours are short.
const SPEC_CAP: u64 = 1 << 20;
const IDENTITY_CAP: u64 = 4096;
/// Where OpenCode looks for the name and the password that its server asks for.
const SERVER_USER: &str = "OPENCODE_SERVER_USERNAME";
const SERVER_PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";

/// All that the runner needs to know; lies in `agents/<agent>.spec.json`, 0600, and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    pub agent: AgentId,
    pub incarnation: Incarnation,
    /// Nonce of the workspace, for the owner tag.
    pub nonce: String,
    pub launch: LaunchSpec,
}

/// Why the agent does not run. Each has an exit code of its own, from sysexits where one fits.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{0}")]
    BadSpec(String),
    #[error("{agent} already runs as process {pid}: stop that one first")]
    Alive { agent: AgentId, pid: u32 },
    #[error("{0} is being started by somebody else at this very moment")]
    Starting(AgentId),
    #[error("{}: no such folder: make it, or correct `dir` of {agent}", dir.display())]
    NoDir { agent: AgentId, dir: PathBuf },
    #[error("env file: {0}")]
    EnvFile(String),
    #[error("{0}")]
    Servers(String),
    #[error("account {account}: {why}")]
    Account { account: AccountId, why: String },
    #[error("{program}: not found in PATH ({path}): install it, or correct the backend's `launch`")]
    NotFound { program: String, path: String },
    #[error("{program}: {cause}")]
    Exec { program: String, cause: std::io::Error },
    #[error(transparent)]
    File(#[from] FileError),
}

impl RunError {
    /// The exit status that tmux keeps for the engine.
    pub fn code(&self) -> u8 {
        match self {
            RunError::BadSpec(_) => 65,
            RunError::NoDir { .. } => 72,
            RunError::File(_) => 74,
            RunError::Alive { .. } | RunError::Starting(_) => 75,
            RunError::EnvFile(_) | RunError::Servers(_) | RunError::Account { .. } => 78,
            RunError::Exec { .. } => 126,
            RunError::NotFound { .. } => 127,
        }
    }
}

/// Writes the spec of an agent's next start into `agents`, whole and 0600; returns its path, for the runner's argv.
pub fn write_spec(agents: &Path, spec: &RunSpec) -> Result<PathBuf, FileError> {
    files::private_dir(agents)?;
    let path = agents.join(format!("{}.spec.json", spec.agent));
    let text =
        serde_json::to_vec_pretty(spec).map_err(|cause| FileError::Io { path: path.clone(), cause: cause.into() })?;
    files::write_whole(&path, &text, files::PRIVATE)?;
    Ok(path)
}

/// Who the agent was when it was last started, dead or alive; `None`: never, or it can't be read.
pub fn recorded(agents: &Path, agent: &AgentId) -> Option<Identity> {
    let bytes = files::read_bounded(&agents.join(format!("{agent}.json")), IDENTITY_CAP).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Checks what the runner would refuse for, without running anything: so that the engine can say it before tmux is asked.
pub fn check(agents: &Path, spec: &RunSpec) -> Result<(), RunError> {
    not_alive(agents, &spec.agent)?;
    working_dir(spec)?;
    environment(spec)?;
    Ok(())
}

/// Becomes the agent that the spec describes. Returns only when it can't.
pub fn exec_agent(spec: &Path) -> RunError {
    match prepare(spec) {
        Ok(mut ready) => {
            // On success this process is the agent, the lock's descriptor closes itself, and the recorded identity, which
            // an exec does not change, goes on to say who lives.
            let cause = ready.command.exec();
            RunError::Exec { program: ready.program, cause }
        }
        Err(error) => error,
    }
}

struct Ready {
    command: std::process::Command,
    program: String,
    /// Held until the exec, so that two starts can't both find nobody alive.
    _lock: Option<std::fs::File>,
}

fn prepare(path: &Path) -> Result<Ready, RunError> {
    let spec = read_spec(path)?;
    let agents = path.parent().unwrap_or(Path::new("."));
    let lock = claim(agents, &spec.agent)?;
    working_dir(&spec)?;
    let mut environment = environment(&spec)?;
    if let Some(secret) = access::secret(agents, &spec.agent, spec.launch.channel) {
        // Without its password its server would be anybody's on this machine: then it does not start.
        let access = access::any(&secret)?;
        environment.insert(SERVER_USER.into(), access::USER.into());
        environment.insert(SERVER_PASSWORD.into(), access.password.into());
    }
    let given = agents.join(format!("{}.mcp.json", spec.agent));
    ready(
        &spec.launch,
        environment,
        |program, environment| servers::give(&spec, program, environment, &given),
        Some(lock),
    )
}

/// What becomes the program once all is there, its account's secrets among it; `give` adds what its program has to be asked about.
fn ready(
    launch: &LaunchSpec,
    mut environment: BTreeMap<OsString, OsString>,
    give: impl FnOnce(&Path, &mut BTreeMap<OsString, OsString>) -> Result<(), RunError>,
    lock: Option<std::fs::File>,
) -> Result<Ready, RunError> {
    if let Some(account) = &launch.account {
        environment.extend(credential::commanded(account, &launch.cwd)?);
    }
    let Some((program, arguments)) = launch.argv.split_first() else {
        return Err(RunError::BadSpec("its argv is empty".to_string()));
    };
    let file = find(program, &environment, &launch.cwd)?;
    give(&file, &mut environment)?;
    let moved = std::env::set_current_dir(&launch.cwd);
    moved.map_err(|cause| FileError::Io { path: launch.cwd.clone(), cause })?;
    // Standard streams stay the pane's; signals and their mask are reset by the exec itself.
    let mut command = spawn::foreground(file);
    command.arg0(program).args(arguments).env_clear().envs(environment);
    Ok(Ready { command, program: program.clone(), _lock: lock })
}

/// Becomes the tiny call that the file describes: what an agent would become, but for its tag, its lock and its life.
pub fn exec_probe(path: &Path) -> RunError {
    let read = files::read_private(path, SPEC_CAP).map_err(RunError::from);
    let launch = read.and_then(|bytes| {
        serde_json::from_slice::<LaunchSpec>(&bytes).map_err(|cause| RunError::BadSpec(cause.to_string()))
    });
    let ready = launch.and_then(|launch| ready(&launch, inherited(&launch)?, |_, _| Ok(()), None));
    match ready {
        Ok(mut ready) => {
            let cause = ready.command.exec();
            RunError::Exec { program: ready.program, cause }
        }
        Err(error) => error,
    }
}

/// The file of the program that such a launch runs.
pub fn program(launch: &LaunchSpec) -> Result<PathBuf, RunError> {
    let name = launch.argv.first().map_or("", String::as_str);
    find(name, &inherited(launch)?, &launch.cwd)
}

/// Whether a file is there below the home that a program so started has; `Err`: why not, or why nobody can say.
pub fn finds(launch: &LaunchSpec, access: &Access, at: &str) -> Result<(), String> {
    let home = home(launch, access)?.at;
    match home.join(at).metadata() {
        Ok(meta) if meta.is_file() && meta.len() > 0 => Ok(()),
        Ok(_) => Err(format!("{} is no transcript", home.join(at).display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("there is no {}", home.join(at).display()))
        }
        Err(error) => Err(format!("nobody can say whether it is there: {error}")),
    }
}

/// Where a program has its home.
pub struct Home {
    pub at: PathBuf,
    /// The user's folder, where nothing leads the program elsewhere.
    pub of_user: Option<PathBuf>,
}

/// The home that a program so started has; `Err`: why nobody can say.
pub fn home(launch: &LaunchSpec, access: &Access) -> Result<Home, String> {
    let environment = inherited(launch).map_err(|error| error.to_string())?;
    let variable = |name: &str| environment.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty());
    let led = access.home.iter().find(|(_, value)| *value == "{home}").and_then(|(name, _)| variable(name));
    if let Some(home) = led {
        return Ok(Home { at: PathBuf::from(home), of_user: None });
    }
    let user = variable("HOME").filter(|_| !access.usual_home.is_empty()).ok_or("nobody knows its home")?;
    let user = PathBuf::from(user);
    Ok(Home { at: user.join(&access.usual_home), of_user: Some(user) })
}

fn read_spec(path: &Path) -> Result<RunSpec, RunError> {
    let bytes = files::read_private(path, SPEC_CAP)?;
    serde_json::from_slice(&bytes).map_err(|cause| RunError::BadSpec(format!("{}: {cause}", path.display())))
}

/// Takes the agent for this process, unless it lives already.
fn claim(agents: &Path, agent: &AgentId) -> Result<std::fs::File, RunError> {
    let path = agents.join(format!("{agent}.lock"));
    let lock = files::open_private(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(RunError::Starting(agent.clone())),
        Err(TryLockError::Error(cause)) => return Err(FileError::Io { path, cause }.into()),
    }
    not_alive(agents, agent)?;
    // Where no identity can be had there is nothing to compare later ones with either.
    if let Some(us) = process::identity(std::process::id()) {
        let text = serde_json::to_vec(&us).map_err(|cause| RunError::BadSpec(cause.to_string()))?;
        files::write_whole(&agents.join(format!("{agent}.json")), &text, files::PRIVATE)?;
    }
    Ok(lock)
}

/// Unknown counts as alive here: a second life is the worse mistake.
fn not_alive(agents: &Path, agent: &AgentId) -> Result<(), RunError> {
    let Some(before) = recorded(agents, agent) else { return Ok(()) };
    if before.pid == std::process::id() || process::alive(&before) == Alive::No {
        return Ok(());
    }
    Err(RunError::Alive { agent: agent.clone(), pid: before.pid })
}

fn working_dir(spec: &RunSpec) -> Result<(), RunError> {
    match spec.launch.cwd.is_dir() {
        true => Ok(()),
        false => Err(no_dir(spec)),
    }
}

fn no_dir(spec: &RunSpec) -> RunError {
    RunError::NoDir { agent: spec.agent.clone(), dir: spec.launch.cwd.clone() }
}

/// The agent's whole environment, from nothing: a start from cron and one from a login shell differ in nothing but what
/// the spec leaves open (fault P18). The owner tag comes last: no file can give it away.
fn environment(spec: &RunSpec) -> Result<BTreeMap<OsString, OsString>, RunError> {
    let mut environment = inherited(&spec.launch)?;
    let tag = Tag { nonce: spec.nonce.clone(), agent: spec.agent.clone(), incarnation: spec.incarnation };
    environment.insert(OWNER.into(), tag.to_string().into());
    Ok(environment)
}

fn inherited(launch: &LaunchSpec) -> Result<BTreeMap<OsString, OsString>, RunError> {
    let mut environment: BTreeMap<OsString, OsString> =
        spawn::scrubbed().map(|(name, value)| (name.into(), value)).collect();
    let term = std::env::var_os("TERM").unwrap_or_else(|| "screen-256color".into());
    environment.insert("TERM".into(), term);
    environment.insert("PWD".into(), launch.cwd.clone().into());
    environment.extend(launch.env.iter().map(|(name, value)| (name.into(), value.into())));
    if let Some(path) = &launch.env_file {
        environment.extend(env_file::read(path).map_err(RunError::EnvFile)?);
    }
    if let Some(account) = &launch.account {
        credential::lay(account, &mut environment)?;
    }
    let unset = |name: &&String| !environment.contains_key(std::ffi::OsStr::new(name.as_str()));
    for server in launch.mcp.iter().flat_map(|mcp| &mcp.servers) {
        if let Some(name) = server.env.iter().find(unset) {
            return Err(RunError::EnvFile(format!("{name} is not set, which the MCP server {} needs", server.name)));
        }
    }
    Ok(environment)
}

/// The names of all variables that such a launch would find; no value leaves here.
pub fn variables(launch: &LaunchSpec) -> Result<Vec<String>, RunError> {
    let mut names = inherited(launch)?;
    names.insert(OWNER.into(), OsString::new());
    if launch.mcp.as_ref().is_some_and(|mcp| mcp.way == McpWay::Opencode) {
        names.insert(servers::OWN_CONFIG.into(), OsString::new());
    }
    if launch.channel.serves() {
        names.extend([SERVER_USER, SERVER_PASSWORD].map(|name| (name.into(), OsString::new())));
    }
    Ok(names.keys().map(|name| name.to_string_lossy().into_owned()).collect())
}

/// The program's file, by the agent's own PATH.
fn find(program: &str, environment: &BTreeMap<OsString, OsString>, cwd: &Path) -> Result<PathBuf, RunError> {
    let path = environment.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
    let missing = || RunError::NotFound { program: program.to_string(), path: path.to_string_lossy().into_owned() };
    probe::find(program, &path, cwd).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
