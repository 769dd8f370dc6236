//! What agents' programs tell of themselves by their own means, made one with what the spool carries. Each program has a
//! file here: what it has to be given, and how what it says becomes a [`Report`].
//!
//! ```text
//!  Claude Code ── hooks ──► flightdeck hook claude ──► spool/<agent>.jsonl ─┐
//!       │                                                                  ├─► Event::Reported
//!       └─ transcript, a line per turn, answer and error ──────────────────┘
//! ```

pub mod claude;

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::launch::settings_file;
use crate::config::model::Channel;
use crate::pilot::fact::Report;
use crate::pilot::id::{AgentId, Incarnation};

use super::files::{self, FileError};
use super::process::{OWNER, Tag};

/// The file that an agent's reports are appended to.
pub const SPOOL: &str = "FLIGHTDECK_SPOOL";
/// Our own program, for what its hooks call.
pub const PROGRAM: &str = "FLIGHTDECK_PROGRAM";
/// Largest thing a program may tell at once: a prompt of the largest size, escaped, and what else stands around it.
const PAYLOAD_CAP: u64 = 4 << 20;

/// A line of the spool: what is told, and by which life.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    #[serde(flatten)]
    pub report: Report,
}

/// What an agent's program finds in its environment about its channel.
pub fn environment(spool: &Path, program: &Path) -> [(String, String); 2] {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    [(SPOOL.to_string(), text(spool)), (PROGRAM.to_string(), text(program))]
}

/// Makes the files by which an agent's program learns where to report; all are 0600.
pub fn equip(root: &Path, agent: &AgentId, channel: Channel) -> Result<(), FileError> {
    match channel {
        Channel::None | Channel::Reports => Ok(()),
        Channel::Claude => files::write_atomic(&settings_file(root, agent), &claude::settings(), files::PRIVATE),
    }
}

/// Takes away what [`equip`] made.
pub fn clear(root: &Path, agent: &AgentId) {
    // Gone already, or in the way of nobody: the next start writes it anew.
    let _ = std::fs::remove_file(settings_file(root, agent));
}

/// A hook's whole life: what it is told on standard input is appended to the spool of the agent that it runs for. Outside of an
/// agent of ours it does nothing; it says nothing in any case, since programs read what hooks print.
pub fn hook(program: &OsStr) -> io::Result<()> {
    let Some(spool) = std::env::var_os(SPOOL) else { return Ok(()) };
    let tag = std::env::var(OWNER).ok().and_then(|tag| Tag::parse(&tag));
    let mut payload = Vec::new();
    io::stdin().take(PAYLOAD_CAP).read_to_end(&mut payload)?;
    let report = match program.to_str() {
        Some("claude") => claude::told(&payload),
        Some(_) | None => None,
    };
    let Some(report) = report else { return Ok(()) };
    append(Path::new(&spool), &Line { incarnation: tag.map(|tag| tag.incarnation), report })
}

/// One write, so that two hooks at once don't mix their lines. The file is the engine's: where it is gone, nobody listens.
fn append(spool: &Path, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = std::fs::OpenOptions::new().append(true).custom_flags(nofollow).open(spool)?;
    file.write_all(&text)
}
