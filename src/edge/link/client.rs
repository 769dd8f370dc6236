//! The other end of the link, for the command line and the cockpit: plain blocking reads with a deadline.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{at_short_path, frame};
use crate::edge::{clock, lock};
use crate::pilot::command::{Answer, Command};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

/// An engine that works says hello at once; a stopped one never does.
pub(super) const HELLO_LIMIT: Duration = Duration::from_secs(2);
/// An engine that is killed lets go of its connections a moment before its process has ended; longer where it leaves a
/// lot of memory behind.
const ENDING: Duration = Duration::from_millis(500);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(10);
/// A status of many agents is longer than what clients send; a line beyond this is not from an engine.
const LINE_CAP: u64 = 4 << 20;

/// Why there is no engine to talk to.
#[derive(Debug, thiserror::Error)]
pub enum NoEngine {
    #[error("no engine runs in {}: start it with `flightdeck up`", .0.display())]
    Absent(PathBuf),
    #[error("the engine in {} does not answer: see `flightdeck doctor`", .0.display())]
    Silent(PathBuf),
    #[error(
        "the engine speaks version {found} of the link, this flightdeck {}: use the same flightdeck",
        frame::PROTOCOL
    )]
    OtherVersion { found: u64 },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("no answer within {0:?}; it may still be done: see `flightdeck events`")]
    Late(Duration),
    #[error("the engine has closed the connection")]
    Closed,
    #[error("the engine refused: {0}")]
    Refused(String),
    #[error("the engine's answer is not understood ({0}): use the same flightdeck")]
    Unclear(String),
    #[error("link: {0}")]
    Io(io::Error),
}

impl From<io::Error> for LinkError {
    /// An engine that ends with our words unread resets the connection, and one that has ended breaks the pipe.
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => LinkError::Closed,
            _ => LinkError::Io(cause),
        }
    }
}

/// A connection to the engine.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    /// What was read of a line that has not ended yet.
    partial: Vec<u8>,
    asked: u64,
    /// The engine's number, and its version in words.
    pub epoch: u64,
    pub version: String,
}

impl Client {
    /// Connects to the engine of the state folder `dir`.
    pub fn connect(dir: &Path) -> Result<Self, NoEngine> {
        let absent = || NoEngine::Absent(dir.to_path_buf());
        let stream = match at_short_path(dir, UnixStream::connect) {
            Ok(Some(stream)) => stream,
            Ok(None) => return Err(absent()),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Err(absent());
            }
            Err(cause) => return Err(NoEngine::Io { path: dir.to_path_buf(), cause }),
        };
        let (stream, partial) = (BufReader::new(stream), Vec::new());
        let mut client = Client { stream, partial, asked: 0, epoch: 0, version: String::new() };
        let hello = client.line(HELLO_LIMIT).map_err(|error| match error {
            LinkError::Closed if has_ended(dir) => absent(),
            _ => NoEngine::Silent(dir.to_path_buf()),
        })?;
        let found = hello["flightdeck"].as_u64().unwrap_or(0);
        if found != frame::PROTOCOL {
            return Err(NoEngine::OtherVersion { found });
        }
        client.epoch = hello["epoch"].as_u64().unwrap_or(0);
        client.version = hello["version"].as_str().unwrap_or_default().to_string();
        Ok(client)
    }

    /// Asks, and waits for the answer at most until the deadline.
    pub fn ask(&mut self, command: &Command, deadline: Duration) -> Result<Answer, LinkError> {
        self.asked += 1;
        let ask = self.asked;
        self.send(&serde_json::json!({ "ask": ask, "command": command }))?;
        let began = clock::monotonic_ms();
        loop {
            let line = self.line(clock::left(began, deadline).unwrap_or_default()).map_err(|error| match error {
                LinkError::Late(_) => LinkError::Late(deadline),
                other => other,
            })?;
            // An error without a number is about the connection; answers to questions given up earlier are passed over.
            let ours = line["ask"].as_u64().is_none_or(|number| number == ask);
            if let Some(why) = line["error"].as_str().filter(|_| ours) {
                return Err(LinkError::Refused(why.to_string()));
            }
            if ours && line.get("answer").is_some() {
                return serde_json::from_value(line["answer"].clone())
                    .map_err(|why| LinkError::Unclear(why.to_string()));
            }
        }
    }

    /// Turns the connection into a stream of all records after number `since`.
    pub fn follow(mut self, since: u64) -> Result<Follow, LinkError> {
        self.asked += 1;
        self.send(&serde_json::json!({ "ask": self.asked, "follow": { "since": since } }))?;
        Ok(Follow { client: self })
    }

    pub(super) fn into_parts(self) -> (BufReader<UnixStream>, Vec<u8>, u64) {
        (self.stream, self.partial, self.asked)
    }

    fn send(&mut self, line: &Value) -> Result<(), LinkError> {
        let text = format!("{line}\n");
        if text.len() > frame::CAP {
            return Err(LinkError::Refused("the text is too long for the link".to_string()));
        }
        self.stream.get_ref().set_write_timeout(Some(HELLO_LIMIT))?;
        Ok(self.stream.get_mut().write_all(text.as_bytes())?)
    }

    /// The next line of the engine. What was read of one that is not whole yet is kept for the next call.
    fn line(&mut self, limit: Duration) -> Result<Value, LinkError> {
        let began = clock::monotonic_ms();
        loop {
            let Some(left) = clock::left(began, limit) else { return Err(LinkError::Late(limit)) };
            self.stream.get_ref().set_read_timeout(Some(left))?;
            match read_line(&mut self.stream, &mut self.partial) {
                Err(LinkError::Io(cause)) if is_late(&cause) => {}
                other => return other,
            }
        }
    }
}

/// The next line; `partial` keeps what was read of one that is not whole yet, where the stream has a read timeout.
pub(super) fn read_line(stream: &mut BufReader<UnixStream>, partial: &mut Vec<u8>) -> Result<Value, LinkError> {
    loop {
        let room = LINE_CAP.saturating_sub(u64::try_from(partial.len()).unwrap_or(LINE_CAP));
        match stream.by_ref().take(room).read_until(b'\n', partial) {
            Ok(_) if partial.last() == Some(&b'\n') => break,
            Ok(0) => return Err(LinkError::Closed),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    let line = std::mem::take(partial);
    serde_json::from_slice(&line).map_err(|cause| LinkError::Unclear(cause.to_string()))
}

fn is_late(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Records as they are committed.
#[derive(Debug)]
pub struct Follow {
    client: Client,
}

/// One thing that a follower hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    Record(Stamp, Box<Record>),
    /// A record that this flightdeck does not know; its text as it is.
    Foreign(String),
    /// Everything up to this number has been told; from now on records come as they happen.
    Live(u64),
}

impl Follow {
    /// The next one; `None`: nothing within `limit`, and asking again goes on where this stopped.
    pub fn next_within(&mut self, limit: Duration) -> Result<Option<Followed>, LinkError> {
        match self.client.line(limit) {
            Ok(line) => Followed::read(line).map(Some),
            Err(LinkError::Late(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

impl Followed {
    /// What a line of the engine says to a follower.
    pub fn read(mut line: Value) -> Result<Self, LinkError> {
        if let Some(why) = line["error"].as_str() {
            return Err(LinkError::Refused(why.to_string()));
        }
        if let Some(seq) = line["live"].as_u64() {
            return Ok(Followed::Live(seq));
        }
        // Not by its index: a line that is no object has none, and it would be an error of ours.
        let record = line.get_mut("record").map(Value::take).unwrap_or_default();
        Ok(read_record(&record).unwrap_or_else(|| Followed::Foreign(record.to_string())))
    }
}

pub(super) fn read_record(record: &Value) -> Option<Followed> {
    let seq = record["seq"].as_u64()?;
    let at: Time = serde_json::from_value(record["at"].clone()).ok()?;
    let record = serde_json::from_value(record.clone()).ok()?;
    Some(Followed::Record(Stamp { seq, at }, Box::new(record)))
}

/// Whether who closed the connection without a hello is gone, and was not just too busy for one more.
fn has_ended(dir: &Path) -> bool {
    let began = clock::monotonic_ms();
    while lock::current(dir).is_some() {
        if clock::left(began, ENDING).is_none() {
            return false;
        }
        clock::block(LOOK);
    }
    true
}
