//! How one fault of the drill goes, judged by the records alone: what must come comes in its order, and nothing comes that
//! must not. Knows no clock: when to give up is for who runs the drill.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::pilot::id::{AgentId, MessageId};
use crate::pilot::message::{Origin, Stage};
use crate::pilot::record::{AgentState, Order, Record, StopCause};
use crate::pilot::time::Time;

use super::faults::{Act, Fault, Sign, Step, Whose};

/// One fault on its way.
#[derive(Debug)]
pub struct Course {
    pub fault: &'static Fault,
    pub agent: AgentId,
    /// Steps of scene and remedy that are behind us.
    passed: usize,
    /// Steps whose acts were handed out.
    acted: usize,
    begun: Option<Time>,
    came: Vec<(Sign, Time)>,
    broken: Option<String>,
    messages: BTreeMap<MessageId, Whose>,
    pasted: BTreeSet<MessageId>,
    quarantined: BTreeSet<String>,
}

impl Course {
    /// Nothing has happened yet.
    pub fn new(fault: &'static Fault) -> Course {
        Course {
            fault,
            agent: AgentId::parse(fault.name).expect("names of faults are names of agents: a test reads them all"),
            passed: 0,
            acted: 0,
            begun: None,
            came: Vec::new(),
            broken: None,
            messages: BTreeMap::new(),
            pasted: BTreeSet::new(),
            quarantined: BTreeSet::new(),
        }
    }

    /// Takes the next record into account, whomever it is about.
    pub fn note(&mut self, at: Time, record: &Record) {
        if self.broken.is_some() || !self.about_us(record) {
            return;
        }
        if let Record::MessageQueued { message } = record {
            self.messages.insert(message.id, whose(&message.origin));
        }
        self.judge(at, record);
        match record {
            Record::Ordered { order: Order::Paste { message }, .. } => drop(self.pasted.insert(*message)),
            Record::Quarantined { conversation: Some(conversation), .. } => {
                self.quarantined.insert(conversation.clone());
            }
            _ => {}
        }
    }

    /// What a person has to do now; each is told once.
    pub fn acts(&mut self) -> &'static [Act] {
        let Some(step) = self.step().filter(|_| self.acted <= self.passed && self.broken.is_none()) else { return &[] };
        self.acted = self.passed + 1;
        step.acts
    }

    /// It is certain how it went.
    pub fn over(&self) -> bool {
        self.broken.is_some() || self.step().is_none()
    }

    /// The fault is there and has to be caught.
    pub fn begun(&self) -> bool {
        self.begun.is_some()
    }

    /// All that had to come came, and nothing else.
    pub fn caught(&self) -> bool {
        self.broken.is_none() && self.step().is_none()
    }

    /// Ends it as not caught, for this reason; one that is over stays as it is.
    pub fn give_up(&mut self, why: String) {
        if !self.over() {
            self.broken = Some(why);
        }
    }

    /// What was done for it, each with the time since the fault was there.
    pub fn done(&self) -> Vec<(String, Duration)> {
        let Some(begun) = self.begun else { return Vec::new() };
        let remedy = self.came.iter().skip(self.fault.scene.len());
        remedy.map(|(sign, at)| (sign.words(), at.since(begun))).collect()
    }

    /// From the fault to the end of its remedy.
    pub fn after(&self) -> Option<Duration> {
        self.caught().then(|| self.done().last().map(|(_, after)| *after)).flatten()
    }

    /// Why it was not caught.
    pub fn why(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// What is waited for, in words.
    pub fn waits_for(&self) -> String {
        self.step().map_or_else(String::new, |step| step.must.words())
    }

    fn judge(&mut self, at: Time, record: &Record) {
        let Some(step) = self.step() else {
            if let Some(sign) = self.fault.after.iter().find(|sign| self.is(**sign, record)) {
                self.broken = Some(format!("afterwards: {}", sign.words()));
            }
            return;
        };
        if self.is(step.must, record) {
            self.came.push((step.must, at));
            self.passed += 1;
            if self.passed == self.fault.scene.len() {
                self.begun = Some(at);
            }
            return;
        }
        let never = if self.begun() { self.fault.never } else { &[] };
        if let Some(sign) = never.iter().chain(step.unless).find(|sign| self.is(**sign, record)) {
            self.broken = Some(format!("{} instead of: {}", sign.words(), step.must.words()));
        }
    }

    fn step(&self) -> Option<&'static Step> {
        self.fault.scene.iter().chain(self.fault.remedy).nth(self.passed)
    }

    fn about_us(&self, record: &Record) -> bool {
        match record {
            Record::Alerted { agent: None, what } => what.contains(&format!("`flightdeck attach {}`", self.agent)),
            other => other.agent() == Some(&self.agent),
        }
    }

    fn is(&self, sign: Sign, record: &Record) -> bool {
        match (sign, record) {
            (Sign::Queued(whose), Record::MessageQueued { message }) => self.messages.get(&message.id) == Some(&whose),
            (_, Record::MessageMoved { message, stage, .. }) => self.moved(sign, *message, stage),
            (Sign::PastedAgain, Record::Ordered { order: Order::Paste { message }, .. }) => {
                self.pasted.contains(message)
            }
            (Sign::Marker, Record::MarkerSeen { flaw, .. }) => flaw.is_none(),
            (Sign::Found(wanted), Record::Found { illness, .. }) => *illness == wanted,
            (Sign::Stopped(wanted), Record::Stopped { cause, .. }) => *cause == wanted,
            (Sign::Ended, Record::Stopped { cause, .. }) => *cause != StopCause::Operator,
            (Sign::Started, Record::Started { incarnation, .. }) => incarnation.0 > 1,
            (Sign::StartedAfresh, Record::Started { incarnation, conversation, .. }) => {
                incarnation.0 > 1 && conversation.as_ref().is_some_and(|name| !self.quarantined.contains(name))
            }
            (Sign::Resumed, Record::Started { conversation, .. }) => {
                conversation.as_ref().is_some_and(|name| self.quarantined.contains(name))
            }
            (Sign::LimitReached, Record::LimitReached { until, .. }) => until.is_some(),
            (Sign::LoggedOut, Record::StateChanged { state, .. }) => *state == AgentState::AuthFailed,
            (Sign::AtDialog, Record::StateChanged { state, .. }) => matches!(state, AgentState::AtDialog { .. }),
            (Sign::Exited, Record::Exited { .. })
            | (Sign::BackedOff, Record::BackedOff { .. })
            | (Sign::Held, Record::Held { .. })
            | (Sign::Ready, Record::Ready { .. })
            | (Sign::Quarantined, Record::Quarantined { .. })
            | (Sign::LimitLifted, Record::LimitLifted { .. })
            | (Sign::Alerted, Record::Alerted { .. }) => true,
            _ => false,
        }
    }

    fn moved(&self, sign: Sign, message: MessageId, stage: &Stage) -> bool {
        let ours = |whose: Whose| self.messages.get(&message) == Some(&whose);
        match (sign, stage) {
            (Sign::Waits(whose, word), Stage::Queued { why: Some(why) }) => ours(whose) && why.contains(word),
            (Sign::Typed(whose), Stage::Typed { .. }) | (Sign::Submitted(whose), Stage::Submitted { .. }) => {
                ours(whose)
            }
            (Sign::Pressed(whose, wanted), Stage::Typed { presses }) => ours(whose) && *presses == wanted,
            (
                Sign::Doubted,
                Stage::Uncertain { .. } | Stage::TypedNotSubmitted | Stage::Refused { .. } | Stage::Expired { .. },
            ) => true,
            _ => false,
        }
    }
}

fn whose(origin: &Origin) -> Whose {
    match origin {
        Origin::StartPrompt { .. } => Whose::Start,
        Origin::LimitLifted => Whose::GoOn,
        Origin::Operator | Origin::Nudge | Origin::Handoff { .. } | Origin::Inbox { .. } | Origin::Compact => {
            Whose::Word
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::demo::faults::FAULTS;
    use crate::pilot::fact::{Exit, Identity, Place, Server};
    use crate::pilot::id::{EffectId, Incarnation};
    use crate::pilot::message::Message;
    use crate::pilot::record::Actor;

    /// The records by which a sign shows, in one life after the other.
    fn records(agent: &AgentId, sign: Sign) -> Vec<Record> {
        let agent = agent.clone();
        let number = |whose| {
            MessageId(match whose {
                Whose::Start => 1,
                Whose::Word => 2,
                Whose::GoOn => 3,
            })
        };
        let moved = |whose, stage| Record::MessageMoved { message: number(whose), agent: agent.clone(), stage };
        let started = |name: &str| {
            let process = Identity { boot: String::new(), pid: 1, started: 1 };
            let server = Server { pid: 1, started: 1 };
            let place = Place { server, session: String::new(), pane: String::new() };
            let (incarnation, conversation) = (Incarnation(2), Some(name.to_string()));
            Record::Started { agent: agent.clone(), incarnation, place, process, phase: None, conversation }
        };
        let one = match sign {
            Sign::Queued(whose) => {
                let origin = match whose {
                    Whose::Start => Origin::StartPrompt { phase: None },
                    Whose::Word => Origin::Operator,
                    Whose::GoOn => Origin::LimitLifted,
                };
                let (id, text) = (number(whose), String::new());
                let message = Message { id, agent: agent.clone(), origin, text, queued_at: Time(0), only: None };
                Record::MessageQueued { message }
            }
            Sign::Waits(whose, word) => moved(whose, Stage::Queued { why: Some(format!("a {word} there")) }),
            Sign::Typed(whose) => moved(whose, Stage::Typed { presses: 0 }),
            Sign::PastedAgain => {
                let order = Order::Paste { message: MessageId(1) };
                let paste = Record::Ordered { id: EffectId(1), agent: Some(agent.clone()), order, epoch: 1 };
                return vec![paste.clone(), paste];
            }
            Sign::Pressed(whose, presses) => moved(whose, Stage::Typed { presses }),
            Sign::Submitted(whose) => moved(whose, Stage::Submitted { evidence: String::new() }),
            Sign::Doubted => moved(Whose::Start, Stage::TypedNotSubmitted),
            Sign::Marker => Record::MarkerSeen { agent, until: Time(0), flaw: None },
            Sign::Found(illness) => Record::Found { agent, illness, evidence: Vec::new() },
            Sign::Stopped(cause) => Record::Stopped { agent, cause, left: Vec::new() },
            Sign::Ended => Record::Stopped { agent, cause: StopCause::Fatal, left: Vec::new() },
            Sign::Exited => Record::Exited { agent, exit: Exit::Status(3), last: Vec::new() },
            Sign::BackedOff => Record::BackedOff { agent, until: Time(0), deaths: 1, cause: String::new() },
            Sign::Held => Record::Held { agent, cause: String::new(), evidence: Vec::new(), spent: true, until: None },
            Sign::Started | Sign::StartedAfresh => started("new"),
            Sign::Resumed => started("old"),
            Sign::Ready => Record::Ready { agent },
            Sign::Quarantined => {
                Record::Quarantined { agent, conversation: Some("old".to_string()), why: String::new() }
            }
            Sign::LimitReached => Record::LimitReached { agent, until: Some(Time(1)), text: String::new() },
            Sign::LimitLifted => Record::LimitLifted { agent },
            Sign::LoggedOut => Record::StateChanged { agent, state: AgentState::AuthFailed, why: String::new() },
            Sign::AtDialog => {
                let state = AgentState::AtDialog { dialog: String::new() };
                Record::StateChanged { agent, state, why: String::new() }
            }
            Sign::Alerted => Record::Alerted { agent: None, what: format!("look: `flightdeck attach {agent}`") },
        };
        vec![one]
    }

    /// The course of a fault that goes as its table says, but for the step that is left out and for what comes before another.
    fn played(fault: &'static Fault, without: Option<usize>, odd: Option<(usize, Sign)>) -> Course {
        let mut course = Course::new(fault);
        let agent = course.agent.clone();
        for whose in [Whose::Start, Whose::Word, Whose::GoOn] {
            records(&agent, Sign::Queued(whose)).iter().for_each(|record| course.note(Time(0), record));
        }
        let steps = || fault.scene.iter().chain(fault.remedy);
        for (at, step) in (0..).zip(steps()) {
            let time = Time(i64::try_from(at).unwrap() * 1000);
            let strange = odd.filter(|(before, _)| *before == at).map(|(_, sign)| sign);
            let wanted = (without != Some(at)).then_some(step.must);
            for record in strange.into_iter().chain(wanted).flat_map(|sign| records(&agent, sign)) {
                course.note(time, &record);
            }
        }
        if let Some((_, sign)) = odd.filter(|(before, _)| *before == steps().count()) {
            records(&agent, sign).iter().for_each(|record| course.note(Time(99_000), record));
        }
        course
    }

    #[test]
    fn each_fault_is_caught_by_the_records_of_its_table_and_by_no_fewer() {
        for fault in &FAULTS {
            let good = played(fault, None, None);
            assert!(good.caught(), "{}: {:?}, waits for {}", fault.name, good.why(), good.waits_for());
            assert_eq!(good.done().len(), fault.remedy.len());
            let last = u64::try_from(fault.remedy.len()).unwrap();
            assert_eq!(good.after(), Some(Duration::from_secs(last)), "{}", fault.name);
            let steps: Vec<Sign> = fault.scene.iter().chain(fault.remedy).map(|step| step.must).collect();
            for left_out in 0..steps.len() {
                // One that is there twice in a row of steps is found in the place of the other.
                if steps[left_out + 1..].contains(&steps[left_out]) {
                    continue;
                }
                let course = played(fault, Some(left_out), None);
                assert!(!course.caught(), "{} without {:?}", fault.name, steps[left_out]);
            }
        }
    }

    #[test]
    fn what_must_not_be_recorded_spoils_each_fault_at_each_of_its_steps() {
        for fault in &FAULTS {
            let remedy = (fault.scene.len()..).zip(fault.remedy);
            for (at, step) in remedy {
                for sign in fault.never.iter().chain(step.unless).filter(|sign| **sign != step.must) {
                    // Nothing is quarantined before it was found.
                    let early = *sign == Sign::Resumed && at <= fault.scene.len() + 1;
                    let course = played(fault, None, Some((at, *sign)));
                    assert!(early || !course.caught(), "{}: {sign:?} before {:?}", fault.name, step.must);
                    assert!(early || course.over());
                }
            }
            for sign in fault.after {
                let all = fault.scene.len() + fault.remedy.len();
                let course = played(fault, None, Some((all, *sign)));
                assert!(course.why().is_some_and(|why| why.starts_with("afterwards: ")), "{}", fault.name);
            }
        }
    }

    #[test]
    fn records_of_others_and_the_operators_own_stop_change_nothing() {
        let mut course = Course::new(Fault::named("dialog").expect("it is there"));
        let other = AgentId::parse("other").expect("a name");
        records(&other, Sign::Queued(Whose::Start)).iter().for_each(|record| course.note(Time(0), record));
        records(&other, Sign::Submitted(Whose::Start)).iter().for_each(|record| course.note(Time(0), record));
        let wished = Record::Wished {
            agent: course.agent.clone(),
            wish: crate::pilot::record::Wish::Stopped,
            by: Actor::Operator,
        };
        course.note(Time(0), &wished);
        assert!(!course.begun() && !course.over());
        let mut done = played(course.fault, None, None);
        let agent = done.agent.clone();
        let stop = Record::Stopped { agent, cause: StopCause::Operator, left: Vec::new() };
        done.note(Time(0), &stop);
        assert!(done.caught());
    }

    #[test]
    fn what_a_person_does_is_asked_for_once_and_in_its_step() {
        let mut course = Course::new(Fault::named("copy-mode").expect("it is there"));
        let agent = course.agent.clone();
        let mut asked = Vec::new();
        records(&agent, Sign::Queued(Whose::Start)).iter().for_each(|record| course.note(Time(0), record));
        for step in course.fault.scene.iter().chain(course.fault.remedy) {
            asked.push((course.acts(), course.acts()));
            records(&agent, step.must).iter().for_each(|record| course.note(Time(0), record));
        }
        let none: &[Act] = &[];
        let wanted: [(&[Act], &[Act]); 5] = [
            (none, none),
            (none, none),
            (&[Act::CopyMode, Act::Send], none),
            (none, none),
            (&[Act::LeaveCopyMode], none),
        ];
        assert_eq!(asked, wanted);
        assert!(course.caught());
    }
}
