//! Both directions of one connection at once, for who shows everything and asks now and then: one thread asks, another
//! hears whatever the engine says, in its order.
//!
//! Matches no answers to questions (both carry the same number) and folds nothing.

use std::io::{BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::{Client, Followed, HELLO_LIMIT, LinkError, read_line, read_record};
use super::frame;
use crate::pilot::command::{Answer, Command};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::record::Record;
use crate::pilot::time::Time;
use crate::pilot::view::{Change, PaneView, View};

/// The asking half. Each call returns the number by which its answer or refusal is known. Dropping it ends nothing.
#[derive(Debug)]
pub struct Asker {
    stream: UnixStream,
    asked: u64,
}

/// The hearing half.
#[derive(Debug)]
pub struct Hearing {
    stream: BufReader<UnixStream>,
    partial: Vec<u8>,
}

/// One thing that the engine said.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// What came of a command.
    Answer { ask: u64, answer: Box<Answer> },
    /// A question that was not taken; without a number: why the connection ends.
    Refused { ask: Option<u64>, why: String },
    /// After `follow`: a record, past or just committed.
    Record(Stamp, Box<Record>),
    /// Something that only a newer flightdeck knows: to be passed over.
    Unknown,
    /// After `follow`: every record up to this number was told.
    Live(u64),
    /// After `watch`: the whole picture, first of all.
    View(Box<View>),
    /// After `watch`: what differs from the picture told last.
    Change(Box<Change>),
    /// After `peek`: what that agent's pane shows.
    Pane(Box<PaneView>),
    /// After `watch`: the engine's loop goes round and nothing has changed. Two seconds after the last word on the picture.
    Alive(Time),
}

impl Client {
    /// Parts the connection into its two directions, each for a thread of its own.
    pub fn duplex(self) -> Result<(Asker, Hearing), LinkError> {
        let (stream, partial, asked) = self.into_parts();
        let asking = stream.get_ref().try_clone()?;
        asking.set_write_timeout(Some(HELLO_LIMIT))?;
        asking.set_read_timeout(None)?;
        Ok((Asker { stream: asking, asked }, Hearing { stream, partial }))
    }
}

impl Asker {
    /// Asks for something to be done; heard as [`Heard::Answer`] or [`Heard::Refused`].
    pub fn ask(&mut self, command: &Command) -> Result<u64, LinkError> {
        self.send("command", &json!(command))
    }

    /// Watches the picture from now on: [`Heard::View`] once, then [`Heard::Change`] and [`Heard::Alive`]. Once a connection.
    pub fn watch(&mut self) -> Result<u64, LinkError> {
        self.send("watch", &json!({}))
    }

    /// Follows the records after number `since`. Once a connection.
    pub fn follow(&mut self, since: u64) -> Result<u64, LinkError> {
        self.send("follow", &json!({ "since": since }))
    }

    /// Sees this agent's pane from now on, and no other's; `None`: no pane any more.
    pub fn peek(&mut self, agent: Option<&AgentId>) -> Result<u64, LinkError> {
        self.send("peek", &json!({ "agent": agent }))
    }

    /// Ends the connection in both directions: a blocked [`Hearing::next`] returns [`LinkError::Closed`].
    pub fn close(&self) {
        // One that has ended already is closed as well.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn send(&mut self, what: &str, of: &Value) -> Result<u64, LinkError> {
        self.asked += 1;
        let text = format!("{}\n", json!({ "ask": self.asked, what: of }));
        if text.len() > frame::CAP {
            return Err(LinkError::Refused("the text is too long for the link".to_string()));
        }
        self.stream.write_all(text.as_bytes())?;
        Ok(self.asked)
    }
}

impl Hearing {
    /// The next thing the engine says. Blocks until there is one; an error ends the connection for good.
    #[expect(clippy::should_implement_trait, reason = "no iterator: after an error there is nothing more to ask for")]
    pub fn next(&mut self) -> Result<Heard, LinkError> {
        Heard::read(read_line(&mut self.stream, &mut self.partial)?)
    }
}

impl Heard {
    /// What a line of the engine says.
    pub fn read(mut line: Value) -> Result<Self, LinkError> {
        let ask = line["ask"].as_u64();
        if let Some(why) = line["error"].as_str() {
            return Ok(Heard::Refused { ask, why: why.to_string() });
        }
        if let Some(seq) = line["live"].as_u64() {
            return Ok(Heard::Live(seq));
        }
        let mut take = |name: &str| line.get_mut(name).map(Value::take);
        if let Some(record) = take("record") {
            return Ok(match read_record(&record) {
                Some(Followed::Record(stamp, record)) => Heard::Record(stamp, record),
                Some(Followed::Foreign(_) | Followed::Live(_)) | None => Heard::Unknown,
            });
        }
        if let (Some(ask), Some(answer)) = (ask, take("answer")) {
            return Ok(Heard::Answer { ask, answer: parsed(answer)? });
        }
        if let Some(view) = take("view") {
            return Ok(Heard::View(parsed(view)?));
        }
        if let Some(change) = take("change") {
            return Ok(Heard::Change(parsed(change)?));
        }
        if let Some(pane) = take("pane") {
            return Ok(Heard::Pane(parsed(pane)?));
        }
        if let Some(at) = take("alive") {
            return Ok(Heard::Alive(*parsed(at)?));
        }
        Ok(Heard::Unknown)
    }
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<Box<T>, LinkError> {
    serde_json::from_value(value).map(Box::new).map_err(|cause| LinkError::Unclear(cause.to_string()))
}
