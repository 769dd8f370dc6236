//! The exit codes: one table for every verb, so that a script can tell who has to act.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    Usage,
    Locked,
    NoEngine,
    Refused,
    Unproved,
    Late,
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Exit; 9] = [
        Exit::Done,
        Exit::Failed,
        Exit::Usage,
        Exit::Locked,
        Exit::NoEngine,
        Exit::Refused,
        Exit::Unproved,
        Exit::Late,
        Exit::Interrupted,
    ];

    /// What the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Locked => 3,
            Exit::NoEngine => 4,
            Exit::Refused => 5,
            Exit::Unproved => 6,
            Exit::Late => 7,
            // 128 + SIGINT, as shells have it.
            Exit::Interrupted => 130,
        }
    }

    /// The line for help, man page and docs.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "bad usage or configuration",
            Exit::Locked => "another engine holds the workspace",
            Exit::NoEngine => "no engine runs",
            Exit::Refused => "refused by the engine",
            Exit::Unproved => "a message is not proved submitted (typed-not-submitted, uncertain, expired)",
            Exit::Late => "no answer in time",
            Exit::Interrupted => "interrupted",
        }
    }

    /// The table as it stands below every help text.
    pub fn table() -> String {
        let rows: Vec<String> =
            Exit::ALL.into_iter().map(|exit| format!("{:>5}  {}", exit.code(), exit.meaning())).collect();
        format!("Exit codes:\n{}", rows.join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
