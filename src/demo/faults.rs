//! The faults of the drill, as a table: what the demo agent plays, what must be recorded for it and what must not, and how
//! long the operator's settings give it. The drill and its tests read the same table; nothing here acts or judges.

use std::time::Duration;

use crate::pilot::record::{Illness, StopCause};

use super::guest::Login;
use super::spans::Spans;

mod claude;

pub use claude::{CLAUDE, UNPLAYED};

/// Somebody plays this, and flightdeck has to notice and to do the right thing.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name, and that of the agent that plays it.
    pub name: &'static str,
    /// What is wrong, for people.
    pub meaning: &'static str,
    /// By whom it is played, and how.
    pub(in crate::demo) part: Part,
    /// Until the fault is there; the time is taken from the last of these.
    pub(super) scene: &'static [Step],
    /// How it is caught, in this order.
    pub(super) remedy: &'static [Step],
    /// What must not be recorded from the scene's end to the end of the remedy.
    pub(super) never: &'static [Sign],
    /// What must not be recorded after the remedy, for as long as the drill goes on.
    pub(super) after: &'static [Sign],
    /// How long the remedy takes by these settings, beside the machine's own time; `None`: it never comes.
    pub(super) within: fn(&Spans) -> Option<Duration>,
    /// The keys that decide how long.
    pub(super) keys: &'static str,
}

/// Who plays a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The demo agent, by this script.
    Script(&'static str),
    /// A real program, in front of our model server.
    Service(Service),
}

/// What the model's service does, and how the program is started in front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// Its answers to the first requests, in the words of a directive; then the agent is told to wait for long.
    pub(super) next: &'static [&'static str],
    /// Whether it goes on with the last of these.
    pub(super) stays: bool,
    pub(super) login: Login,
    /// More arguments of the program.
    pub(super) args: &'static [&'static str],
}

/// One thing to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// What a person does first.
    pub(super) acts: &'static [Act],
    pub(super) must: Sign,
    /// What must not come before it.
    pub(super) unless: &'static [Sign],
}

/// What the drill does in place of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends the agent a message through the engine.
    Send,
    /// Begins to read back in the agent's pane.
    CopyMode,
    /// Ends that.
    LeaveCopyMode,
    /// Presses a key in the agent's pane, by its tmux name.
    Press(&'static str),
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The prompt that a life begins with.
    Start,
    /// What [`Act::Send`] sent.
    Word,
    /// That the limit is over.
    GoOn,
}

/// A record that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Queued(Whose),
    /// It waits, for a reason with this word in it.
    Waits(Whose, &'static str),
    /// It was seen in the composer. A paste that the pane's guard refused never is.
    Typed(Whose),
    /// A message was typed that had been typed before.
    PastedAgain,
    /// The submit key was pressed so many times for it.
    Pressed(Whose, u32),
    Submitted(Whose),
    /// A message that nobody can be sure of, or that was given up.
    Doubted,
    Marker,
    Found(Illness),
    Stopped(StopCause),
    /// Ended by us, for whatever reason but the operator's.
    Ended,
    Exited,
    BackedOff,
    Held,
    /// Not for the first time.
    Started,
    /// Not for the first time, and in a conversation that is not quarantined.
    StartedAfresh,
    /// In a conversation that is quarantined.
    Resumed,
    Ready,
    Quarantined,
    /// With a time at which it is over.
    LimitReached,
    LimitLifted,
    LoggedOut,
    AtDialog,
    /// The operator is told about this agent.
    Alerted,
}

/// Said by agents that have nothing more to show: alive and in order whatever the settings are.
macro_rules! lively {
    ($first:literal) => {
        concat!($first, "\non *: say fine; wait 5s\non wake: say still here; wait 5s\n")
    };
}

const fn see(must: Sign) -> Step {
    Step { acts: &[], must, unless: &[] }
}

const PROMPTED: Step = see(Sign::Submitted(Whose::Start));
/// Nobody may type while this is waited for.
const UNTYPED: &[Sign] = &[Sign::Typed(Whose::Word)];
/// A wait for a person ends nobody and starts nobody.
const LEFT_ALONE: &[Sign] = &[Sign::Ended, Sign::Exited, Sign::Held, Sign::Doubted];
/// What healing by a new start must not come to.
const NO_ACCIDENT: &[Sign] = &[Sign::Exited, Sign::Held, Sign::Doubted];

// Faults that a real program plays as well, in its own way: what is looked for is the same.

const STALL: Fault = Fault {
    name: "stall",
    meaning: "it stops in the middle, without a word",
    part: Part::Script(lively!("once wedge on *: say a bad hour; wedge")),
    scene: &[PROMPTED],
    remedy: &[
        see(Sign::Found(Illness::Stalled)),
        see(Sign::Stopped(StopCause::Stall)),
        see(Sign::Started),
        see(Sign::Ready),
        PROMPTED,
    ],
    never: NO_ACCIDENT,
    after: &[],
    within: |spans| Some(spans.stall.idle + spans.stall.sample_gap + spans.restart.delay),
    keys: "stall.idle, stall.sample_gap and restart.delay",
};

const LATE_MARKER: Fault = Fault {
    name: "late-marker",
    meaning: "it sleeps beyond the wait that it announced",
    part: Part::Script(lively!("once lost on *: late 1h; wait 1s")),
    scene: &[PROMPTED, see(Sign::Marker)],
    remedy: &[
        see(Sign::Found(Illness::LateMarker)),
        see(Sign::Stopped(StopCause::LateMarker)),
        see(Sign::Started),
        see(Sign::Ready),
        PROMPTED,
    ],
    never: NO_ACCIDENT,
    after: &[],
    // The wait of a second is shown in whole seconds, so it may be two.
    within: |spans| Some(Duration::from_secs(2) + spans.stall.grace + spans.stall.sample_gap + spans.restart.delay),
    keys: "stall.grace, stall.sample_gap and restart.delay",
};

const LOGGED_OUT: Fault = Fault {
    name: "logged-out",
    meaning: "the service refuses it: 401",
    part: Part::Script("on *: error login\n"),
    scene: &[PROMPTED],
    remedy: &[
        see(Sign::LoggedOut),
        see(Sign::Alerted),
        Step { acts: &[Act::Send], must: Sign::Waits(Whose::Word, "logged out"), unless: UNTYPED },
    ],
    never: LEFT_ALONE,
    after: UNTYPED,
    within: |_| Some(Duration::ZERO),
    keys: "",
};

const POISONED: Fault = Fault {
    name: "poisoned",
    meaning: "its conversation fails at each turn",
    part: Part::Script(lively!("once bad on *: poison")),
    scene: &[PROMPTED],
    remedy: &[
        see(Sign::Found(Illness::Poisoned)),
        see(Sign::Quarantined),
        see(Sign::Stopped(StopCause::Poisoned)),
        see(Sign::StartedAfresh),
        see(Sign::Ready),
        PROMPTED,
        see(Sign::Marker),
    ],
    never: &[Sign::Resumed, Sign::Exited, Sign::Held, Sign::Doubted],
    after: &[],
    within: |spans| Some(spans.restart.delay),
    keys: "restart.delay",
};

const CRASH_LOOP: Fault = Fault {
    name: "crash-loop",
    meaning: "it ends right after each start",
    part: Part::Script("on start: think 200ms; exit 3\n"),
    scene: &[see(Sign::Exited)],
    remedy: &[see(Sign::BackedOff), see(Sign::Started), see(Sign::Held)],
    never: &[],
    after: &[Sign::Started],
    within: Spans::crashes,
    keys: "restart.delay, restart.delay_cap, restart.budget_short and restart.budget_long",
};

const COPY_MODE: Fault = Fault {
    name: "copy-mode",
    meaning: "somebody reads back in its pane",
    part: Part::Script(lively!("")),
    scene: &[
        PROMPTED,
        see(Sign::Marker),
        Step { acts: &[Act::CopyMode, Act::Send], must: Sign::Queued(Whose::Word), unless: &[] },
    ],
    remedy: &[
        Step { acts: &[], must: Sign::Waits(Whose::Word, "copy mode"), unless: UNTYPED },
        Step { acts: &[Act::LeaveCopyMode], must: Sign::Submitted(Whose::Word), unless: &[] },
    ],
    never: LEFT_ALONE,
    after: &[],
    within: |_| Some(Duration::ZERO),
    keys: "",
};

/// All that the demo agent plays, in the order in which they are told.
pub const FAULTS: [Fault; 10] = [
    Fault {
        name: "swallowed-enter",
        meaning: "the program loses the key that submits",
        part: Part::Script(lively!("on start: swallow 1")),
        scene: &[see(Sign::Pressed(Whose::Start, 1))],
        remedy: &[see(Sign::Pressed(Whose::Start, 2)), PROMPTED],
        never: &[Sign::PastedAgain, Sign::Doubted, Sign::Ended, Sign::Exited],
        after: &[],
        within: |_| Some(Duration::ZERO),
        keys: "",
    },
    STALL,
    LATE_MARKER,
    Fault {
        name: "limit",
        meaning: "its usage limit is reached",
        part: Part::Script(lively!("once limit on *: error usage limit reached · resets in 5s")),
        scene: &[PROMPTED],
        remedy: &[
            see(Sign::LimitReached),
            see(Sign::LimitLifted),
            see(Sign::Submitted(Whose::GoOn)),
            see(Sign::Marker),
        ],
        never: LEFT_ALONE,
        after: &[],
        // Up to the time of the reset once more, so that not all begin at once.
        within: |_| Some(Duration::from_secs(10)),
        keys: "",
    },
    LOGGED_OUT,
    POISONED,
    CRASH_LOOP,
    Fault {
        name: "dialog",
        meaning: "it asks a person",
        part: Part::Script(lively!("once ask on *: dialog permission; say thank you; wait 5s")),
        scene: &[PROMPTED],
        remedy: &[
            see(Sign::AtDialog),
            see(Sign::Alerted),
            Step { acts: &[Act::Send], must: Sign::Waits(Whose::Word, "dialog"), unless: UNTYPED },
            Step { acts: &[Act::Press("2")], must: Sign::Submitted(Whose::Word), unless: &[] },
        ],
        never: LEFT_ALONE,
        after: &[],
        within: |_| Some(Duration::ZERO),
        keys: "",
    },
    Fault {
        name: "draft",
        meaning: "somebody's words stand in its composer",
        part: Part::Script(lively!("once draft on *: draft half a thought; wait 5s")),
        scene: &[
            PROMPTED,
            see(Sign::Marker),
            Step { acts: &[Act::Send], must: Sign::Queued(Whose::Word), unless: &[] },
        ],
        remedy: &[
            Step { acts: &[], must: Sign::Waits(Whose::Word, "draft"), unless: UNTYPED },
            Step { acts: &[], must: Sign::Alerted, unless: UNTYPED },
            Step { acts: &[Act::Press("Enter")], must: Sign::Submitted(Whose::Word), unless: &[] },
        ],
        never: LEFT_ALONE,
        after: &[],
        within: |spans| Some(spans.delivery.blocked_alert),
        keys: "delivery.blocked_alert",
    },
    COPY_MODE,
];

impl Fault {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Fault> {
        FAULTS.iter().find(|fault| fault.name == name)
    }

    /// How long these settings give it; `None`: it is never caught.
    pub fn within(&self, spans: &Spans) -> Option<Duration> {
        (self.within)(spans)
    }

    /// Whether something must not come after its remedy.
    pub fn minded_afterwards(&self) -> bool {
        !self.after.is_empty()
    }

    /// The keys of the configuration that decide how long; empty where none does.
    pub fn keys(&self) -> &'static str {
        self.keys
    }
}

impl Sign {
    /// What was done, in words.
    pub(super) fn words(self) -> String {
        let words = match self {
            Sign::Queued(_) => "message queued",
            Sign::Waits(..) => "message held back",
            Sign::Typed(_) => "message typed",
            Sign::PastedAgain => "message typed again",
            Sign::Pressed(_, 1) => "key pressed",
            Sign::Pressed(..) => "key pressed again",
            Sign::Submitted(Whose::Start) => "start prompt delivered",
            Sign::Submitted(Whose::Word) => "message delivered",
            Sign::Submitted(Whose::GoOn) => "told to go on",
            Sign::Doubted => "message in doubt",
            Sign::Marker => "at work",
            Sign::Found(illness) => return format!("found: {}", illness.word()),
            Sign::Stopped(_) | Sign::Ended => "ended",
            Sign::Exited => "ended by itself",
            Sign::BackedOff => "restart put off",
            Sign::Held => "held",
            Sign::Started => "started again",
            Sign::StartedAfresh => "started in a new conversation",
            Sign::Resumed => "the poisoned conversation taken up again",
            Sign::Ready => "ready",
            Sign::Quarantined => "conversation quarantined",
            Sign::LimitReached => "parked until the reset",
            Sign::LimitLifted => "limit over",
            Sign::LoggedOut => "found logged out",
            Sign::AtDialog => "found at a dialog",
            Sign::Alerted => "operator told",
        };
        words.to_string()
    }
}
