//! Agents' sessions: one session, one window, one pane each, marked with our owner tag.
//!
//! Never adopts, types into or ends a session without that tag (fault T6), and decides nothing about processes: ending
//! a tree of them is another file's work.

use std::fmt;
use std::path::Path;

use super::client::{TmuxClient, TmuxError};
use super::parser::Block;
use super::screen::odd;
use super::{server, verb};
use crate::pilot::effect::LaunchSpec;
use crate::pilot::fact::{Exit, Identity, PaneFact, Place, Server};
use crate::pilot::id::{AgentId, Incarnation};

/// Whose a session is: `<workspace nonce>/<agent>/<incarnation>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTag {
    /// Of the workspace; letters and digits.
    pub nonce: String,
    pub agent: AgentId,
    pub incarnation: Incarnation,
}

impl fmt::Display for OwnerTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.nonce, self.agent, self.incarnation.0)
    }
}

impl OwnerTag {
    /// Reads a tag of this workspace; anybody else's is `None`.
    pub fn parse(text: &str, nonce: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let ours = parts.next()? == nonce;
        let (agent, incarnation) = (AgentId::parse(parts.next()?)?, parts.next()?.parse().ok()?);
        ours.then(|| OwnerTag { nonce: nonce.to_string(), agent, incarnation: Incarnation(incarnation) })
    }
}

/// Why an agent was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartAgentError {
    /// A session with the agent's name exists already; ours or not, it is left alone.
    #[error("a tmux session with the name {name} already exists ({session}); end or rename it")]
    Foreign { name: String, session: String },
    #[error("the folder {0} is missing or can't be used; make it, or change `dir`")]
    NoCwd(String),
    #[error("the launch command is empty; set `launch` of the backend")]
    NoCommand,
    #[error(transparent)]
    Tmux(#[from] TmuxError),
}

/// An agent that was just started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Born {
    pub place: Place,
    /// The pane's process, as tmux told it.
    pub pid: u32,
}

/// Starts `argv` in a session named after the agent. No shell is involved: tmux runs several arguments as they are, and
/// a single one is put behind `env`, as it would go to a shell.
pub async fn start_agent(
    client: &TmuxClient,
    server: &Server,
    tag: &OwnerTag,
    spec: &LaunchSpec,
) -> Result<Born, StartAgentError> {
    let cwd = usable_folder(&spec.cwd)?;
    let argv = match &spec.argv[..] {
        [] => return Err(StartAgentError::NoCommand),
        [one] => vec!["env".to_string(), "--".to_string(), one.clone()],
        several => several.to_vec(),
    };
    let name = tag.agent.as_str();
    let tag = tag.to_string();
    let agent = verb::NewAgent { name, tag: &tag, cwd, argv: &argv, size: spec.size, history: spec.history };
    let blocks = client.run(vec![verb::new_agent(&agent).map_err(TmuxError::from)?]).await?;
    let Some(born) = blocks.get(verb::BEFORE_BORN) else { return Err(odd(&blocks).into()) };
    if !born.ok {
        return Err(refusal(client, name, born.word()).await);
    }
    let (session, pane, pid) = three(born.word()).ok_or_else(|| odd(&blocks))?;
    if let Some(failed) = blocks.iter().find(|block| !block.ok) {
        // Without its tags nobody would know it again: better said than left.
        return Err(TmuxError::Odd(format!("{session} was started but not marked: {}", failed.word())).into());
    }
    Ok(Born { place: Place { server: server.clone(), session: session.to_string(), pane: pane.to_string() }, pid })
}

/// One line of the list of all panes that carry a tag of this workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPane {
    pub tag: OwnerTag,
    pub place: Place,
    pub pid: u32,
    pub dead: Option<Exit>,
    /// Somebody already takes its output.
    pub piped: bool,
}

impl OwnedPane {
    /// As the pilot knows it; `identify` tells a living process from a later one with the same number.
    pub fn fact(self, identify: impl Fn(u32) -> Option<Identity>) -> PaneFact {
        let process = if self.dead.is_none() { identify(self.pid) } else { None };
        let OwnerTag { agent, incarnation, .. } = self.tag;
        PaneFact { agent, incarnation, place: self.place, process, dead: self.dead }
    }
}

/// All panes of this workspace on the server, dead ones too.
pub async fn list_panes(client: &TmuxClient, server: &Server, nonce: &str) -> Result<Vec<OwnedPane>, TmuxError> {
    let panes = list_once(client, server, nonce).await?;
    if panes.iter().all(|pane| pane.dead != Some(Exit::Lost)) {
        return Ok(panes);
    }
    server::reap(server);
    list_once(client, server, nonce).await
}

async fn list_once(client: &TmuxClient, server: &Server, nonce: &str) -> Result<Vec<OwnedPane>, TmuxError> {
    let block = client.ask(verb::list_owned()?).await?;
    if block.cut {
        return Err(TmuxError::Odd("a list of panes without end".to_string()));
    }
    let lines = block.lines().filter_map(|line| std::str::from_utf8(line).ok());
    Ok(lines.filter_map(|line| owned(line, server, nonce)).collect())
}

/// What came of [`kill_session`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Killed {
    Yes,
    /// There is none by this id.
    Missing,
    /// It carries another tag, or none; it was left alone.
    NotOurs(String),
}

/// Ends a session that carries exactly this tag, checked and done in one step.
pub async fn kill_session(client: &TmuxClient, place: &Place, tag: &OwnerTag) -> Result<Killed, TmuxError> {
    let blocks = client.run(vec![verb::kill_owned(&place.session, &tag.to_string())?]).await?;
    if blocks.iter().any(|block| block.ok && block.word() == verb::ACTED) {
        return Ok(Killed::Yes);
    }
    let block = client.ask(verb::list_owned()?).await?;
    let there = format!("{},", place.session);
    let found = block.lines().any(|line| line.starts_with(there.as_bytes()));
    let owner = blocks.last().map_or("", Block::word);
    Ok(if found { Killed::NotOurs(owner.to_string()) } else { Killed::Missing })
}

/// How a dead pane's process ended, from tmux's three fields: dead, status, signal.
pub(crate) fn exit(dead: &str, status: &str, signal: &str) -> Option<Exit> {
    if dead != "1" {
        return None;
    }
    if let Ok(status) = status.parse() {
        return Some(Exit::Status(status));
    }
    Some(signal_number(signal).map_or(Exit::Lost, Exit::Signal))
}

/// tmux prints a signal's number, or its name where the system has names.
fn signal_number(text: &str) -> Option<i32> {
    use rustix::process::Signal;
    let named = match text.to_ascii_lowercase().as_str() {
        "hup" => Signal::HUP,
        "int" => Signal::INT,
        "quit" => Signal::QUIT,
        "ill" => Signal::ILL,
        "trap" => Signal::TRAP,
        "abrt" => Signal::ABORT,
        "fpe" => Signal::FPE,
        "kill" => Signal::KILL,
        "bus" => Signal::BUS,
        "segv" => Signal::SEGV,
        "pipe" => Signal::PIPE,
        "alrm" => Signal::ALARM,
        "term" => Signal::TERM,
        number => return number.parse().ok(),
    };
    Some(named.as_raw())
}

fn owned(line: &str, server: &Server, nonce: &str) -> Option<OwnedPane> {
    let fields: Vec<&str> = line.splitn(8, ',').collect();
    let [session, pane, pid, dead, status, signal, piped, tag] = fields[..] else { return None };
    let overlooked = || server::overlooked(server, pid.parse().ok()?);
    let dead = match exit(dead, status, signal) {
        Some(Exit::Lost) => Some(overlooked().unwrap_or(Exit::Lost)),
        known => known,
    };
    Some(OwnedPane {
        tag: OwnerTag::parse(tag, nonce)?,
        place: Place { server: server.clone(), session: session.to_string(), pane: pane.to_string() },
        pid: pid.parse().ok()?,
        dead,
        piped: piped == "1",
    })
}

/// tmux would silently start in $HOME when the folder is missing, and reads `#` in it as a format (faults V5, P18).
fn usable_folder(path: &Path) -> Result<&str, StartAgentError> {
    let refused = || StartAgentError::NoCwd(path.display().to_string());
    let text = path.to_str().filter(|text| !text.contains('#') && path.is_absolute()).ok_or_else(refused)?;
    if path.is_dir() { Ok(text) } else { Err(refused()) }
}

async fn refusal(client: &TmuxClient, name: &str, words: &str) -> StartAgentError {
    if !words.starts_with("duplicate session") {
        return TmuxError::Refused(words.to_string()).into();
    }
    let holder = match verb::session_id(name) {
        Ok(line) => client.ask(line).await.map(|block| block.word().to_string()),
        Err(unquotable) => Err(unquotable.into()),
    };
    StartAgentError::Foreign { name: name.to_string(), session: holder.unwrap_or_default() }
}

fn three(word: &str) -> Option<(&str, &str, u32)> {
    let mut fields = word.splitn(3, ',');
    let (session, pane) = (fields.next()?, fields.next()?);
    let ids = session.starts_with('$') && pane.starts_with('%');
    Some((session, pane, fields.next()?.parse().ok()?)).filter(|_| ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_of_this_workspace_are_ours() {
        let tag = OwnerTag::parse("ab12/builder/3", "ab12").expect("ours");
        assert_eq!(tag.to_string(), "ab12/builder/3");
        for text in ["", "ab12", "ab12/builder", "ab13/builder/3", "ab12/Bu/3", "ab12/builder/x", "ab12/builder/3/4"] {
            assert!(OwnerTag::parse(text, "ab12").is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_a_process_is_read_from_tmux() {
        assert_eq!(exit("0", "", ""), None);
        assert_eq!(exit("1", "7", ""), Some(Exit::Status(7)));
        assert_eq!(exit("1", "", "9"), Some(Exit::Signal(9)));
        assert_eq!(exit("1", "", "SEGV"), Some(Exit::Signal(11)));
        assert_eq!(exit("1", "", ""), Some(Exit::Lost));
    }
}
