//! The owner tag: a word in the environment by which everything an agent starts can be told as its own.

use std::fmt;

use super::OWNER;
use crate::pilot::id::{AgentId, Incarnation};

/// The value of [`OWNER`]: `<workspace nonce>/<agent>/<incarnation>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// Random text of the workspace, from its state folder: tells one fleet from another on the same machine.
    pub nonce: String,
    pub agent: AgentId,
    pub incarnation: Incarnation,
}

impl Tag {
    /// The tag in an environment of `NAME=value` words.
    pub(super) fn among<'a>(environ: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let value = |word: &'a [u8]| word.strip_prefix(OWNER.as_bytes())?.strip_prefix(b"=");
        Tag::parse(std::str::from_utf8(environ.into_iter().find_map(value)?).ok()?)
    }

    /// The tag that `text` is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (nonce, agent, incarnation) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && !nonce.is_empty();
        let tag = Tag {
            nonce: nonce.to_string(),
            agent: AgentId::parse(agent)?,
            incarnation: Incarnation(incarnation.parse().ok()?),
        };
        whole.then_some(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.nonce, self.agent, self.incarnation.0)
    }
}
