//! What happened, for people: the records of a run as a timeline that shows phases, handoffs with how long they took, and
//! what was healed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::pilot::fact::Stamp;
use crate::pilot::id::{AgentId, MessageId};
use crate::pilot::message::{Message, Origin, Stage};
use crate::pilot::record::{Illness, Record};
use crate::pilot::time::Time;
use crate::words::text;

/// One record as scripts get it: number, time, and the record's own fields.
pub fn row(stamp: Stamp, record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("seq".to_string(), json!(stamp.seq));
        fields.insert("at".to_string(), json!(stamp.at));
    }
    value
}

/// The whole run, a line an event, times from its beginning.
pub fn text(records: &[(Stamp, Record)]) -> String {
    let mut story = Story { begin: records.first().map_or(Time(0), |(stamp, _)| stamp.at), ..Story::default() };
    for (stamp, record) in records {
        story.tell(stamp.at, record);
    }
    story.end(records.last().map_or(Time(0), |(stamp, _)| stamp.at));
    story.text
}

#[derive(Default)]
struct Story {
    begin: Time,
    text: String,
    messages: BTreeMap<MessageId, Message>,
    /// When each agent was found ill or dead.
    ill: BTreeMap<AgentId, Time>,
    submit_presses: BTreeMap<MessageId, u32>,
    latencies: Vec<Duration>,
    phases: u32,
    healed: u32,
}

impl Story {
    fn tell(&mut self, at: Time, record: &Record) {
        match record {
            Record::PhaseEntered { phase, .. } => self.line(at, &format!("── phase {phase} begins")),
            Record::PhaseDone { phase, .. } => {
                self.phases += 1;
                self.line(at, &format!("── phase {phase} is done: its DONE was pushed"));
            }
            Record::SequenceCompleted => self.line(at, "── all phases are done"),
            Record::Ready { agent } => self.ready(at, agent),
            Record::Exited { agent, exit, .. } => {
                self.ill.insert(agent.clone(), at);
                self.line(at, &format!("{agent} died ({exit:?})"));
            }
            Record::Found { agent, illness, .. } => {
                self.ill.insert(agent.clone(), at);
                self.line(at, &format!("{agent} {}", illness_words(*illness)));
            }
            Record::BackedOff { agent, until, cause, .. } => {
                let wait = until.since(at);
                self.line(at, &format!("{agent} is started again in {} ms ({cause})", wait.as_millis()));
            }
            Record::Held { agent, cause, .. } => self.line(at, &format!("{agent} is held: {cause}")),
            Record::HandoffSeen { sha, handoff, targets, .. } => {
                let to: Vec<&str> = targets.iter().map(AgentId::as_str).collect();
                let what =
                    format!("{}({}) {} was pushed, for {}", handoff.prefix, handoff.gate, sha.short(), to.join(", "));
                self.line(at, &what);
            }
            Record::MessageQueued { message } => {
                self.messages.insert(message.id, message.clone());
            }
            Record::MessageMoved { message, stage, .. } => self.moved(at, *message, stage),
            _ => {}
        }
    }

    fn ready(&mut self, at: Time, agent: &AgentId) {
        match self.ill.remove(agent) {
            Some(since) => {
                self.healed += 1;
                self.line(at, &format!("{agent} is back after {} ms", at.since(since).as_millis()));
            }
            None => self.line(at, &format!("{agent} is ready")),
        }
    }

    fn moved(&mut self, at: Time, id: MessageId, stage: &Stage) {
        if let Stage::Typed { presses } = stage {
            self.submit_presses.insert(id, *presses);
        }
        let Some(message) = self.messages.get(&id) else { return };
        let agent = message.agent.clone();
        let took = at.since(message.queued_at);
        match (stage, &message.origin) {
            (Stage::Submitted { .. }, origin) => {
                let what = match origin {
                    Origin::Handoff { .. } => "ping",
                    Origin::StartPrompt { .. } => "start prompt",
                    Origin::Inbox { .. } => "inbox ping",
                    Origin::Operator | Origin::Nudge | Origin::LimitLifted | Origin::Compact => "message",
                };
                if matches!(origin, Origin::Handoff { .. }) {
                    self.latencies.push(took);
                }
                let presses = self.submit_presses.get(&id).copied().unwrap_or(0);
                let again = if presses > 1 {
                    self.healed += 1;
                    format!(", the submit key was swallowed and pressed {presses} times")
                } else {
                    String::new()
                };
                self.line(at, &format!("{agent} got its {what} ({} ms, proved{again})", took.as_millis()));
            }
            (Stage::Uncertain { why } | Stage::Expired { why } | Stage::Refused { why }, _) => {
                self.line(at, &format!("{id} to {agent}: {} ({why})", stage.word()));
            }
            (Stage::TypedNotSubmitted, _) => self.line(at, &format!("{id} to {agent} stands in its composer")),
            (Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. }, _) => {}
        }
    }

    fn end(&mut self, at: Time) {
        self.latencies.sort();
        let middle = self.latencies.get(self.latencies.len() / 2).map_or(0, Duration::as_millis);
        let seconds = at.since(self.begin).as_secs_f32();
        let _ = write!(
            self.text,
            "\n{} phases, {} handoff pings (median {middle} ms from the sight of the push to the proved submit), {} faults \
             healed, in {seconds:.1} s\n",
            self.phases,
            self.latencies.len(),
            self.healed
        );
    }

    fn line(&mut self, at: Time, what: &str) {
        let seconds = at.since(self.begin).as_secs_f32();
        let _ = writeln!(self.text, "{seconds:7.2}s  {}", text::line(what));
    }
}

fn illness_words(illness: Illness) -> &'static str {
    match illness {
        Illness::Dead => "is dead",
        Illness::Stalled => "stalled: no sign of life, two looks alike",
        Illness::LateMarker => "did not wake after its announced wait",
        Illness::Fatal => "shows a fatal error",
        Illness::Poisoned => "is in a poisoned conversation",
        Illness::NeverReady => "never became ready",
    }
}
