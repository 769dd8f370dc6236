//! The ways in which agents' programs tell what they do. What each of them comes to is the edge's affair.

use serde::{Deserialize, Serialize};

/// How a program tells what it does: the first source of evidence, before its screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Only its screen tells.
    #[default]
    None,
    /// It appends reports to the file that `FLIGHTDECK_SPOOL` names.
    Reports,
    /// Claude Code: hooks in a settings file of ours, and the transcript that they name.
    Claude,
    /// Codex: the rollout that its process has open.
    Codex,
    /// OpenCode: the server that its screen program is at the same time, on a port and with a password of ours.
    #[serde(rename = "opencode")]
    OpenCode,
    /// OpenCode's server alone, which others attach to: on a port and with a password of ours, and tells nothing itself.
    #[serde(rename = "opencode-server")]
    OpenCodeServer,
}

/// All of them, by their words.
pub const CHANNELS: [(&str, Channel); 6] = [
    (Channel::None.word(), Channel::None),
    (Channel::Reports.word(), Channel::Reports),
    (Channel::Claude.word(), Channel::Claude),
    (Channel::Codex.word(), Channel::Codex),
    (Channel::OpenCode.word(), Channel::OpenCode),
    (Channel::OpenCodeServer.word(), Channel::OpenCodeServer),
];

impl Channel {
    /// Whether its program serves, on a port of ours.
    pub const fn serves(self) -> bool {
        matches!(self, Channel::OpenCode | Channel::OpenCodeServer)
    }

    /// The word for it in `flightdeck.toml`.
    pub const fn word(self) -> &'static str {
        match self {
            Channel::None => "none",
            Channel::Reports => "reports",
            Channel::Claude => "claude",
            Channel::Codex => "codex",
            Channel::OpenCode => "opencode",
            Channel::OpenCodeServer => "opencode-server",
        }
    }
}
