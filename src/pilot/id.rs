//! Names of things, each with a closed grammar, so that no outside text travels inside one.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            /// Its first bytes as a number: almost every comparison ends with it.
            head: u64,
            text: Arc<str>,
        }

        impl Ord for $name {
            /// The order of the texts.
            #[inline]
            fn cmp(&self, other: &Self) -> Ordering {
                let short = || self.text.len() <= HEAD && other.text.len() <= HEAD;
                let rest = || if short() { Ordering::Equal } else { self.text.cmp(&other.text) };
                self.head.cmp(&other.head).then_with(rest)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }

        impl $name {
            /// What a valid one looks like, for messages.
            pub const EXPECTED: &'static str = $expected;

            /// The checked form of `text`, or `None` when the grammar refuses it.
            pub fn parse(text: &str) -> Option<Self> {
                let valid: fn(&str) -> bool = $valid;
                valid(text).then(|| $name { head: head(text), text: Arc::from(text) })
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("expected {}", Self::EXPECTED))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.text.to_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::parse(text).ok_or_else(|| format!("expected {}", Self::EXPECTED))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    };
}

text_id!(
    /// An agent's name: session name, file name and word on the command line at once (faults T7, K4, X9).
    AgentId,
    |text| {
        let mut chars = text.chars();
        chars.next().is_some_and(|c| c.is_ascii_lowercase())
            && text.len() <= 32
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
    },
    "a lower-case letter, then at most 31 of a-z, 0-9, `_` and `-`"
);

text_id!(
    /// The name of an account with a provider of models.
    AccountId,
    |text| AgentId::parse(text).is_some(),
    "a lower-case letter, then at most 31 of a-z, 0-9, `_` and `-`"
);

text_id!(
    /// A phase's name; it stands inside `STATUS-<id>.md` and in pings.
    PhaseId,
    |text| {
        let mut chars = text.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
            && text.len() <= 32
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    },
    "a letter or digit, then at most 31 letters, digits, `_` and `-`"
);

text_id!(
    /// A full git object name: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
    Sha,
    |text| matches!(text.len(), 40 | 64) && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
    "40 or 64 lower-case hex digits"
);

impl Sha {
    /// The first ten digits, as they are typed into an agent.
    pub fn short(&self) -> &str {
        &self.text[..10]
    }
}

/// Bytes of a text that its number holds. No text holds a NUL, which the rest of the number is filled with.
const HEAD: usize = 8;

/// The first bytes of a text, as a number that is ordered as they are.
fn head(text: &str) -> u64 {
    let mut head = [0; HEAD];
    let some = text.len().min(HEAD);
    head[..some].copy_from_slice(&text.as_bytes()[..some]);
    u64::from_be_bytes(head)
}

/// Number of an ordered effect; never used twice in one workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId(pub u64);

/// Number of a message in the outbox; never used twice in one workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

/// The n-th life of an agent, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_their_texts_are() {
        let mut texts =
            ["b", "a", "ab", "a-b", "builder", "builder-", "builder-2", "builder-10", "builderz", "w1", "w10", "w2"];
        let mut names: Vec<AgentId> = texts.iter().filter_map(|text| AgentId::parse(text)).collect();
        texts.sort_unstable();
        names.sort();
        assert_eq!(names.iter().map(AgentId::as_str).collect::<Vec<_>>(), texts);
        assert_eq!(AgentId::parse("builder-2"), AgentId::parse("builder-2"));
        assert_ne!(AgentId::parse("builder-2"), AgentId::parse("builder-3"));
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in ["", "-a", "A", "a b", "a.b", "#(touch x)", "../x", "a/b", "é", "a\n", &"a".repeat(33)] {
            assert!(AgentId::parse(text).is_none(), "{text:?}");
        }
        for text in ["", "-1", "1.2", "a/b", "..", "1 2", "1\n"] {
            assert!(PhaseId::parse(text).is_none(), "{text:?}");
        }
        assert!(AgentId::parse("builder-2").is_some());
        assert!(PhaseId::parse("2w").is_some());
        assert!(PhaseId::parse("gate_2-b").is_some());
        assert!(PhaseId::parse(&"a".repeat(32)).is_some() && PhaseId::parse(&"a".repeat(33)).is_none());
        assert!(Sha::parse(&"a".repeat(40)).is_some());
        assert!(Sha::parse(&"A".repeat(40)).is_none());
    }
}
