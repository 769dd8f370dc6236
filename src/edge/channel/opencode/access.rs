//! What it takes to speak with an agent's OpenCode: its port, its password, its conversation, and the last message that was
//! handed over. Lies in `agents/<agent>.opencode.json`, 0600, from a start to the end of that life: an engine that comes later
//! finds it there, and the program's launcher takes the password from it.
//!
//! A server that several agents share keeps its port and its password from one life to the next, in `agents/<agent>.server.json`:
//! who is attached to it finds it again.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::model::Channel;
use crate::edge::clock;
use crate::edge::files::{self, FileError};
use crate::pilot::id::{AgentId, Incarnation, MessageId};

/// A few names, a password, a port.
const CAP: u64 = 16 << 10;
/// Where every Unix has random bytes that nobody can foresee.
const RANDOM: &str = "/dev/urandom";
/// Random bytes of a password: nobody guesses them over a socket.
const SECRET: usize = 24;
/// The name that goes with the password.
pub const USER: &str = "opencode";

/// No `Debug`: it holds a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub incarnation: Incarnation,
    pub port: u16,
    pub password: String,
    /// When it was made, in milliseconds since the epoch: conversations begun later were begun in this life.
    pub made_ms: i64,
    /// The agent's conversation; `None`: it has none yet.
    pub session: Option<String>,
    /// As its argv says, for what is handed over: by itself its server knows nothing of its screen's choice.
    pub model: Option<String>,
    pub mode: Option<String>,
    /// What was handed over last, written before it was sent.
    pub posted: Option<Posted>,
    /// Where it works, if its server is shared: then its conversation is the one that was begun for it, whatever others do there.
    #[serde(default)]
    pub shares: Option<PathBuf>,
}

/// A message on its way into a conversation, by the name it has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    pub message: MessageId,
    pub session: String,
    pub id: String,
    /// When that name was made, in milliseconds since the epoch.
    pub at_ms: i64,
}

/// Where an agent's lies.
pub fn path(agents: &Path, agent: &AgentId) -> PathBuf {
    agents.join(format!("{agent}.opencode.json"))
}

/// Where the password lies that such a program has to be started with; `None`: it needs none.
pub fn secret(agents: &Path, agent: &AgentId, channel: Channel) -> Option<PathBuf> {
    match channel {
        Channel::OpenCode => Some(path(agents, agent)),
        Channel::OpenCodeServer => Some(server_path(agents, agent)),
        Channel::None | Channel::Reports | Channel::Claude | Channel::Codex => None,
    }
}

fn server_path(agents: &Path, agent: &AgentId) -> PathBuf {
    agents.join(format!("{agent}.server.json"))
}

/// Makes one for a start, with a port that is free just now and a password that nobody had before.
pub fn make(
    path: &Path,
    incarnation: Incarnation,
    argv: &[String],
    session: Option<String>,
) -> Result<Access, FileError> {
    let said = |names: &[&str]| {
        let after = argv.iter().skip_while(|word| !names.contains(&word.as_str())).nth(1).cloned();
        after.or_else(|| argv.iter().find_map(|word| word.strip_prefix(&format!("{}=", names[0])).map(str::to_string)))
    };
    let (model, mode) = (said(&["--model", "-m"]), said(&["--agent"]));
    let access = Access { session, model, mode, ..fresh(path, incarnation)? };
    write(path, &access)?;
    Ok(access)
}

/// That of a server for several agents: as in its last life, as long as its port is free.
pub fn make_server(agents: &Path, agent: &AgentId, incarnation: Incarnation) -> Result<Access, FileError> {
    let path = server_path(agents, agent);
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let access = match any(&path).ok().filter(|before| free(before.port)) {
        Some(before) => Access { incarnation, made_ms: clock::wall().0, ..before },
        None => fresh(&path, incarnation)?,
    };
    write(&path, &access)?;
    Ok(access)
}

/// That of an agent which attaches to such a server, in its folder `dir`.
pub fn share(
    agents: &Path,
    (agent, server): (&AgentId, &AgentId),
    incarnation: Incarnation,
    (session, model, dir): (Option<String>, &str, &Path),
) -> Result<Access, FileError> {
    let model = Some(model).filter(|model| !model.is_empty()).map(str::to_string);
    let server = any(&server_path(agents, server))?;
    let access =
        Access { incarnation, made_ms: clock::wall().0, session, model, shares: Some(dir.to_path_buf()), ..server };
    write(&path(agents, agent), &access)?;
    Ok(access)
}

fn fresh(path: &Path, incarnation: Incarnation) -> Result<Access, FileError> {
    let io = |cause| FileError::Io { path: path.to_path_buf(), cause };
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).map_err(io)?.port();
    let mut secret = [0_u8; SECRET];
    std::fs::File::open(RANDOM).and_then(|mut random| random.read_exact(&mut secret)).map_err(io)?;
    Ok(Access {
        incarnation,
        port,
        password: secret.iter().map(|byte| format!("{byte:02x}")).collect(),
        made_ms: clock::wall().0,
        session: None,
        model: None,
        mode: None,
        posted: None,
        shares: None,
    })
}

/// What was noted for this life; `None`: nothing, or it can't be read.
pub fn read(path: &Path, incarnation: Incarnation) -> Option<Access> {
    any(path).ok().filter(|access| access.incarnation == incarnation)
}

/// Whoever's it is: for the launcher, which was told by a spec that the same start wrote.
pub fn any(path: &Path) -> Result<Access, FileError> {
    let text = files::read_private(path, CAP)?;
    serde_json::from_slice(&text).map_err(|cause| FileError::Io { path: path.to_path_buf(), cause: cause.into() })
}

/// Changes what was noted for this life. Nothing else runs between reading and writing: all who write live in one thread.
pub(super) fn update(path: &Path, incarnation: Incarnation, change: impl FnOnce(&mut Access)) -> Result<(), FileError> {
    let Some(before) = read(path, incarnation) else { return Ok(()) };
    let mut after = before.clone();
    change(&mut after);
    if before == after { Ok(()) } else { write(path, &after) }
}

fn write(path: &Path, access: &Access) -> Result<(), FileError> {
    let text =
        serde_json::to_vec(access).map_err(|cause| FileError::Io { path: path.to_path_buf(), cause: cause.into() })?;
    files::write_whole(path, &text, files::PRIVATE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_shared_server_stays_where_it_is_unless_somebody_took_its_port() {
        let dir = tempfile::tempdir().unwrap();
        let [server, agent] = ["server", "builder"].map(|name| AgentId::parse(name).unwrap());
        let made = |life| make_server(dir.path(), &server, Incarnation(life)).unwrap_or_else(|error| panic!("{error}"));
        let (first, second) = (made(1), made(2));
        assert_eq!((second.port, &second.password), (first.port, &first.password));
        assert_eq!(server_path(dir.path(), &server).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let about = || (None, "a/b", Path::new("/work"));
        let shared =
            share(dir.path(), (&agent, &server), Incarnation(7), about()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((shared.port, &shared.password), (first.port, &first.password));
        assert_eq!((shared.model.as_deref(), shared.shares.as_deref()), (Some("a/b"), Some(Path::new("/work"))));
        assert!(read(&path(dir.path(), &agent), Incarnation(7)).is_some_and(|read| read == shared));
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.port)).unwrap();
        let third = made(3);
        assert!(third.port != first.port && third.password != first.password);
        drop(taken);
        assert!(share(dir.path(), (&agent, &agent), Incarnation(8), about()).is_err(), "nobody serves there");
    }

    #[test]
    fn each_start_has_a_password_and_a_port_of_its_own_in_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), &AgentId::parse("builder").unwrap());
        let argv = ["opencode", "--model", "a/b", "--agent=plan"].map(String::from);
        let one = make(&path, Incarnation(1), &argv, None).unwrap_or_else(|error| panic!("{error}"));
        let other =
            make(&path, Incarnation(2), &[], Some("ses_1".to_string())).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((one.model.as_deref(), one.mode.as_deref()), (Some("a/b"), Some("plan")));
        assert_ne!(one.password, other.password);
        assert_eq!((other.password.len(), other.port > 1023), (2 * SECRET, true));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read(&path, Incarnation(1)).is_none() && read(&path, Incarnation(2)).is_some());
        update(&path, Incarnation(1), |access| access.session = None).unwrap();
        update(&path, Incarnation(2), |access| access.session = Some("ses_2".to_string())).unwrap();
        assert_eq!(any(&path).ok().and_then(|access| access.session).as_deref(), Some("ses_2"));
    }
}
