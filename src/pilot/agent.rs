//! One agent as the pilot knows it: a durable part, folded from records, and a volatile part, merely observed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::model::ScreenSays;

use super::fact::{Exit, Identity, Place, ProgramState, Screen, Search, Setting, Vetted, Work};
use super::gauge::Gauges;
use super::id::{AccountId, EffectId, Incarnation, MessageId, PhaseId};
use super::reading::{Known, Reading};
use super::record::{AgentState, StopCause, Wish};
use super::sight::Sight;
use super::time::Time;
use super::usage::{Tally, Used};

/// What we remember of an agent; survives us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub wish: Wish,
    pub life: Life,
    /// The newest life that was ordered.
    pub incarnation: Incarnation,
    pub place: Option<Place>,
    pub process: Option<Identity>,
    /// The phase it was started for.
    pub phase: Option<PhaseId>,
    pub conversation: Option<String>,
    /// The way it goes by the routing; `None`: as the configuration says.
    pub route: Option<Route>,
    /// Why that one, and why its conversation stayed behind.
    pub route_why: String,
    /// The way on which its conversation was last taken up, and where it lies therefore.
    pub talks_on: Option<Route>,
    /// It was ended to go on under another account, with its conversation where that is found there.
    pub rerouted: bool,
    /// Conversations that must never be resumed.
    pub quarantined: BTreeSet<String>,
    /// The next start must not resume.
    pub fresh_next: bool,
    /// First composer seen in this life.
    pub ready: Option<Time>,
    /// Ends that count against the budgets, oldest first, of the last long window only.
    pub deaths: Vec<Time>,
    /// Starts since midnight UTC and which midnight.
    pub starts_today: (Time, u32),
    /// Deaths in a row without a long healthy time between: the exponent of the delay.
    pub streak: u32,
    /// The next start is not before.
    pub not_before: Option<Time>,
    pub held: Option<Hold>,
    /// Since when it is observed only: its screens can't be read.
    pub sight_lost: Option<Time>,
    pub limit: Option<Limit>,
    /// When the last limit was lifted: its old text may still stand on the screen.
    pub limit_lifted: Option<Time>,
    pub limit_streak: u32,
    /// The words of the last limit.
    pub limit_text: String,
    pub shown: AgentState,
    pub shown_why: String,
    pub shown_since: Time,
    /// The newest life whose end was recorded.
    pub over: Incarnation,
    pub last_exit: Option<Exit>,
    pub last_screen: Vec<String>,
    /// Why its start can't be made just now.
    pub delayed: Option<String>,
    /// When it was last asked for: by a wish, a release, a run. An end before that is forgiven.
    pub asked_at: Time,
    /// What survived KILL at the last stop.
    pub left: Vec<(u32, String)>,
    pub job: Job,
    /// What the turns recorded since a midnight (UTC) used, and which midnight.
    pub used_today: (Time, Used),
    /// The day (its midnight, UTC) on which the operator released it although its budget is used up.
    pub budget_waived: Option<Time>,
    /// The program's own time of the newest answer that a record counts.
    pub counted_to: Option<Time>,
    /// The settings that its folder brought at its last start, by the backend whose program goes by them.
    pub settings: BTreeMap<String, Vec<Setting>>,
}

/// A way that an agent goes, as it was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub backend: String,
    /// `None`: its program's own login.
    pub account: Option<AccountId>,
    pub model: String,
}

/// Where an agent stands between down and up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    Down {
        since: Time,
    },
    Starting {
        since: Time,
    },
    Up {
        since: Time,
    },
    /// `since`: when it came up.
    Stopping {
        since: Time,
        cause: StopCause,
    },
}

/// Nothing is done with a held agent until it is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub cause: String,
    pub evidence: Vec<String>,
    pub since: Time,
    /// It rests on the death at `since`, which spent the restart budget.
    pub spent: bool,
    /// It ends by itself then.
    pub until: Option<Time>,
}

/// A usage limit the agent ran into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// When it was told, or read.
    pub since: Time,
    /// When we speak to it again; `None`: the screen does not say, the operator is asked.
    pub until: Option<Time>,
    pub text: String,
}

/// A job's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Never asked for.
    Idle,
    /// A run was asked for at this time and goes on; the agent's life before that time makes room.
    Running {
        since: Time,
    },
    Finished {
        at: Time,
    },
}

impl Agent {
    /// One that was never started.
    pub fn new(at: Time) -> Self {
        Agent {
            wish: Wish::Stopped,
            life: Life::Down { since: at },
            incarnation: Incarnation(0),
            place: None,
            process: None,
            phase: None,
            conversation: None,
            route: None,
            route_why: String::new(),
            talks_on: None,
            rerouted: false,
            quarantined: BTreeSet::new(),
            fresh_next: false,
            ready: None,
            deaths: Vec::new(),
            starts_today: (Time(0), 0),
            streak: 0,
            not_before: None,
            held: None,
            sight_lost: None,
            limit: None,
            limit_lifted: None,
            limit_streak: 0,
            limit_text: String::new(),
            shown: AgentState::Stopped,
            shown_why: String::new(),
            shown_since: at,
            over: Incarnation(0),
            last_exit: None,
            last_screen: Vec::new(),
            delayed: None,
            asked_at: at,
            left: Vec::new(),
            job: Job::Idle,
            used_today: (Time(0), Used::default()),
            budget_waived: None,
            counted_to: None,
            settings: BTreeMap::new(),
        }
    }

    /// Since when it is up, if it is.
    pub fn up_since(&self) -> Option<Time> {
        match self.life {
            Life::Up { since } => Some(since),
            Life::Down { .. } | Life::Starting { .. } | Life::Stopping { .. } => None,
        }
    }
}

/// What was merely observed of an agent; empty after a restart of ours, and the first act is to look.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The one effect in flight.
    pub flight: Option<EffectId>,
    /// An end that was told while the start or stop of that life was in flight; it counts when that is over.
    pub ended: Option<(Incarnation, Exit)>,
    /// When a stop last came to nothing.
    pub not_stopped: Option<Time>,
    pub screen: Option<Arc<Screen>>,
    /// What is known of its lines.
    pub known: Known,
    /// The number of the newest picture.
    pub taken: u64,
    pub reading: Option<Reading>,
    /// When the screen last changed in any way: a spinner counts.
    pub raw_changed: Time,
    /// Hash of the screen with everything masked that moves without progress.
    pub calm: u64,
    /// When that hash last changed.
    pub calm_changed: Time,
    /// When its event channel last spoke.
    pub reported: Option<Time>,
    /// In a turn, by its event channel.
    pub turn_since: Option<Time>,
    /// What its program last said that it is doing.
    pub program: Option<ProgramState>,
    /// Whether its program takes messages by an interface of its own, and since when.
    pub reachable: Option<(bool, Time)>,
    /// How full things are, as its program last said.
    pub gauges: Gauges,
    /// Which version its program says that it is.
    pub version: Option<String>,
    /// When it was last told to shorten its conversation.
    pub compacted: Option<Time>,
    /// That turn has taken in a prompt.
    pub prompted: bool,
    /// Its turn ended by an error, and what the error's words mean; until the next prompt.
    pub failed: Option<Reading>,
    /// Its last turn ended as it should, by its event channel.
    pub ended_well: bool,
    /// It took up the conversation of a life that failed, and nothing was asked of it since.
    pub inherited: bool,
    /// Its transcript is read: a turn that fails will be told.
    pub transcribed: bool,
    /// What will wake it by itself, as it said at the end of its last turn: tasks that run on, timers of its own.
    pub pending: u32,
    /// Graces begin anew here: our start, a hiccup, a delivery, a busy child.
    pub grace_from: Time,
    pub marker: Option<SeenMarker>,
    /// A marker that can't be read, told once for as long as it stands there.
    pub flawed: Option<String>,
    /// An illness read from the screen, waiting for its second reading.
    pub symptom: Option<Symptom>,
    /// Samples taken before a kill.
    pub sample: Option<Sample>,
    /// A look was asked for and has not come back, or came back with nothing.
    pub look_asked: Option<Time>,
    /// When a look last came back with all that was asked for.
    pub looked: Time,
    /// The last search for one launched by hand.
    pub searched: Option<(Time, Search)>,
    pub search_asked: Option<Time>,
    /// What the last look before a start saw, until it is started.
    pub vetted: Option<(Time, Vetted)>,
    pub vet_asked: Option<Time>,
    /// Why it can't go on for its account's sake, and until when where that is known.
    pub barred: Option<(String, Option<Time>)>,
    /// Since when its program says that its account is not let in.
    pub shut_out: Option<Time>,
    /// Whether its conversation is found on the account that it goes to, once somebody looked.
    pub sought: Option<Sought>,
    pub delivery: Option<Progress>,
    /// Since when something that a person has to put right keeps messages away.
    pub blocked: Option<Time>,
    /// When a paste was last refused by the edge, and why.
    pub not_typed: Option<(Time, String)>,
    pub suspended: bool,
    /// A list of panes showed its ended life alive; the next list tells whether that was an old picture.
    pub risen: bool,
    /// A list of panes lacked its young life; the next list tells whether that was an old picture.
    pub missing: bool,
    /// Screens no rule explained, since our start.
    pub unclear: u64,
    pub sight: Sight,
    pub tally: Tally,
    /// What is waited for and until when, soonest first, as of the last step.
    pub deadlines: Vec<(Time, String)>,
}

/// A conversation that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    pub account: Option<AccountId>,
    pub conversation: String,
    pub asked: Time,
    /// `None`: no answer yet. `Err`: why it is not there.
    pub found: Option<Result<(), String>>,
}

/// A marker that stands as the final line of the last answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMarker {
    pub line: String,
    /// Steady; already capped.
    pub until: Time,
    pub first_seen: Time,
}

/// Something a screen said that asks for action if it still says so at the second reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symptom {
    pub rule: String,
    pub first: Time,
    /// When the look for the second reading was asked for.
    pub asked: Option<Time>,
}

/// The first of two samples before a kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub at: Time,
    pub calm: u64,
    pub work: Work,
}

/// A message on its way through the composer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub message: MessageId,
    pub step: Step,
}

/// Where the delivery of one message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The paste is ordered.
    Pasting,
    /// Pasted; the text must show up in the composer before `deadline`.
    Awaiting { deadline: Time, looked: bool },
    /// Seen in the composer; the submit key is due at `at`.
    Pressing { at: Time, presses: u32 },
    /// The submit key is ordered.
    Submitting { presses: u32 },
    /// Pressed; proof is due before `retry`.
    Proving { retry: Time, presses: u32, gone_since: Option<Time> },
    /// Handed over while a turn runs: the program takes it in when that is over, and says so then.
    Queued { presses: u32 },
    /// Handing it over by the program's own interface is ordered; before that, so many looks did not show it there.
    Posting { looks: u32 },
    /// Handed over; the conversation must hold it before `deadline`.
    Posted { deadline: Time, looks: u32 },
    /// We were restarted in the middle of it: decide at `at` by what is seen.
    Recovering { at: Time, pressed: bool },
}

impl Watch {
    /// What comes next and when, as of the last step.
    pub fn next(&self) -> Option<&(Time, String)> {
        self.deadlines.first()
    }

    /// What it is doing: its program's own word goes before what its screen is read as. Only what a screen alone can tell (an
    /// error, an end, a limit's menu) stands in spite of it; and `Idle` overrules nothing, so that a word that is never taken back
    /// makes no busy agent look stalled.
    pub fn said(&self) -> Option<ScreenSays> {
        let seen = self.reading.as_ref().and_then(Reading::said);
        let plain = matches!(seen, None | Some(ScreenSays::Idle | ScreenSays::Busy));
        match &self.program {
            Some(ProgramState::Waiting { .. }) if plain => Some(ScreenSays::Dialog),
            Some(ProgramState::Retrying { .. }) if plain => Some(ScreenSays::Retrying),
            Some(ProgramState::Busy) if plain => Some(ScreenSays::Busy),
            Some(_) | None => seen,
        }
    }

    /// A turn runs, by its screen or its event channel.
    pub fn busy(&self) -> bool {
        self.reading.as_ref().is_some_and(Reading::busy)
            || self.turn_since.is_some()
            || self.program == Some(ProgramState::Busy)
    }

    /// What it asks a person for: in its program's words, else by the name of the rule that read its screen.
    pub fn dialog(&self) -> String {
        match &self.program {
            Some(ProgramState::Waiting { on }) => on.clone(),
            Some(_) | None => self.reading.as_ref().and_then(|reading| reading.rule.clone()).unwrap_or_default(),
        }
    }

    /// The newest sign of life. A moving spinner is one while the screen says that a turn runs; otherwise only progress
    /// counts, or a word on the event channel.
    pub fn last_sign(&self) -> Time {
        let busy = self.busy();
        let screen = if busy { self.raw_changed } else { self.calm_changed };
        screen.max(self.reported.unwrap_or_default()).max(self.grace_from)
    }

    /// What the screen says is wrong is only quoted there: the turn is told to have ended well, and a failed one would be told too; or
    /// nothing was asked of this life yet, and its conversation shows what became of an earlier one.
    pub fn quotes(&self, said: ScreenSays) -> bool {
        let failure = matches!(said, ScreenSays::Limited | ScreenSays::Poisoned | ScreenSays::AuthFailed);
        failure && (self.inherited || (self.transcribed && self.ended_well))
    }

    /// In a turn: the screen or the event channel says so, and the picture moved within `fresh`.
    pub fn in_turn(&self, now: Time, fresh: Duration) -> bool {
        self.busy() && now < self.turn_until(fresh)
    }

    /// Until when a turn that shows no further sign is believed in.
    pub fn turn_until(&self, fresh: Duration) -> Time {
        self.raw_changed.max(self.reported.unwrap_or_default()).max(self.grace_from) + fresh
    }
}
