//! The faults that the real Claude Code can be brought to, by what our model server answers it or by how it is started, and those
//! that it can't, each with its reason.

use std::time::Duration;

use crate::demo::guest::Login;

use super::{
    Act, COPY_MODE, CRASH_LOOP, Fault, LATE_MARKER, LEFT_ALONE, LOGGED_OUT, POISONED, PROMPTED, Part, STALL, Service,
    Sign, Step, UNTYPED, Whose, see,
};

/// It waits out its limit by itself, and goes on a minute after the reset.
const BY_ITSELF: Duration = Duration::from_secs(60);
/// Until the reset: long enough for all that has to be seen before.
const RESET: Duration = Duration::from_secs(20);

const fn answers(next: &'static [&'static str]) -> Part {
    Part::Service(Service { next, stays: false, login: Login::ApiKey, args: &[] })
}

/// All of them, in the order in which they are told; their names are those of the demo agent's.
pub const CLAUDE: [Fault; 8] = [
    Fault {
        // A service that says nothing is none: its spinner moves, and it gives up and asks again by itself.
        meaning: "its turn ends, and it announces no wait",
        part: answers(&["ok I stop here."]),
        ..STALL
    },
    Fault { part: answers(&["wait 2"]), ..LATE_MARKER },
    Fault {
        name: "limit",
        meaning: "the 5-hour limit of its subscription is reached",
        part: Part::Service(Service { next: &["usage 20"], stays: false, login: Login::Subscription, args: &[] }),
        scene: &[PROMPTED],
        remedy: &[see(Sign::LimitReached), see(Sign::LimitLifted), see(Sign::Marker)],
        never: LEFT_ALONE,
        after: &[],
        within: |_| Some(RESET + BY_ITSELF),
        keys: "",
    },
    Fault {
        meaning: "the service refuses it: 401",
        part: Part::Service(Service { next: &["auth"], stays: true, login: Login::ApiKey, args: &[] }),
        ..LOGGED_OUT
    },
    Fault {
        meaning: "the service refuses its conversation: 400, thinking blocks were changed",
        part: answers(&["thinking400"]),
        ..POISONED
    },
    Fault {
        meaning: "it ends right after each start, by an option that it does not know",
        part: Part::Service(Service { next: &[], stays: false, login: Login::ApiKey, args: &["--no-such-option"] }),
        ..CRASH_LOOP
    },
    Fault {
        name: "dialog",
        meaning: "it asks a person for leave to run a command",
        part: Part::Service(Service {
            next: &["tool touch allowed"],
            stays: false,
            login: Login::ApiKey,
            // It begins with a mode that asks nobody.
            args: &["--permission-mode", "default"],
        }),
        scene: &[PROMPTED],
        remedy: &[
            see(Sign::AtDialog),
            see(Sign::Alerted),
            Step { acts: &[Act::Send], must: Sign::Waits(Whose::Word, "dialog"), unless: UNTYPED },
            Step { acts: &[Act::Press("1")], must: Sign::Submitted(Whose::Word), unless: &[] },
        ],
        never: LEFT_ALONE,
        after: &[],
        within: |_| Some(Duration::ZERO),
        keys: "",
    },
    Fault { part: answers(&[]), ..COPY_MODE },
];

/// Those of the demo agent's that it can't be brought to, and why.
pub const UNPLAYED: [(&str, &str); 2] = [
    ("swallowed-enter", "no way is known to make Claude Code lose a key on purpose"),
    ("draft", "Claude Code puts a draft aside and brings it back, so that no message waits for one"),
];
