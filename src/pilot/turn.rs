//! One turn of the pilot: the state, the rules and the time of one event, and what has been decided so far. Every change
//! of the durable state goes through [`Turn::record`], so that state and log can't drift apart.

use std::time::Duration;

use crate::config::model::Config;

use super::agent::{Agent, Watch};
use super::effect::Effect;
use super::fact::Stamp;
use super::id::{AgentId, EffectId, MessageId};
use super::message::{Message, Origin, Stage, clean_text};
use super::record::{Order, Record};
use super::state::State;
use super::time::Now;

/// What one step came to: to be written, then to be done, in this order.
#[derive(Debug, Default)]
pub struct Outcome {
    pub records: Vec<(Stamp, Record)>,
    pub effects: Vec<Effect>,
}

/// The workbench of one step.
pub struct Turn<'a> {
    pub state: &'a mut State,
    pub rules: &'a Config,
    pub now: Now,
    pub out: Outcome,
}

impl<'a> Turn<'a> {
    /// Nothing decided yet.
    pub fn new(state: &'a mut State, rules: &'a Config, now: Now) -> Self {
        Turn { state, rules, now, out: Outcome::default() }
    }

    /// Remembers a fact: applied at once, written before any effect of this turn leaves.
    pub fn record(&mut self, record: Record) {
        let stamp = Stamp { seq: self.state.seq + 1, at: self.now.steady };
        self.state.apply(stamp, &record);
        self.out.records.push((stamp, record));
    }

    /// Asks for something that needs no intent: a look, an answer.
    pub fn ask(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    /// Orders an effect: the intent is recorded, the effect built with its id. Sets the agent's one flight.
    pub fn order(
        &mut self,
        agent: Option<&AgentId>,
        order: Order,
        effect: impl FnOnce(EffectId) -> Effect,
    ) -> EffectId {
        let id = EffectId(self.state.next_effect.max(1));
        let epoch = self.state.epoch;
        self.record(Record::Ordered { id, agent: agent.cloned(), order, epoch });
        if let Some(agent) = agent {
            self.watch(agent).flight = Some(id);
        }
        self.ask(effect(id));
        id
    }

    /// The durable part of a known agent.
    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.state.agents.get(id)
    }

    /// The volatile part of an agent, made where missing.
    pub fn watch(&mut self, id: &AgentId) -> &mut Watch {
        let now = self.now.steady;
        let new = || Watch { grace_from: now, raw_changed: now, calm_changed: now, ..Watch::default() };
        // A name is copied faster than an agent is looked up a second time.
        self.state.watches.entry(id.clone()).or_insert_with(new)
    }

    /// Puts a message into the outbox. `None`: its text can't be typed; an alert says why.
    pub fn queue(&mut self, agent: &AgentId, origin: Origin, text: &str, bound: bool) -> Option<MessageId> {
        let text = match clean_text(text) {
            Ok(text) => text,
            Err(why) => {
                self.record(Record::Alerted {
                    agent: Some(agent.clone()),
                    what: format!("a message was not queued: {why}"),
                });
                return None;
            }
        };
        let id = MessageId(self.state.next_message.max(1));
        let only = bound.then(|| self.agent(agent).map(|agent| agent.incarnation)).flatten();
        let queued_at = self.now.steady;
        let message = Message { id, agent: agent.clone(), origin, text, queued_at, only };
        self.record(Record::MessageQueued { message });
        Some(id)
    }

    /// Records a message's new stage, unless it is there already.
    pub fn move_message(&mut self, message: MessageId, agent: &AgentId, stage: Stage) {
        let there = self.state.outbox.get(&message).is_some_and(|posted| posted.stage == stage);
        if !there {
            self.record(Record::MessageMoved { message, agent: agent.clone(), stage });
        }
    }

    /// A span in `[span/2, span]`, drawn from the seed of this engine's life.
    pub fn jitter(&mut self, span: Duration) -> Duration {
        self.state.seen.drawn += 1;
        let draw = mix(self.state.seed ^ mix(self.state.seen.drawn));
        let half = u64::try_from(span.as_millis() / 2).unwrap_or(u64::MAX / 2);
        Duration::from_millis(half + draw % (half + 1))
    }

    /// A random-looking UUID (version 4) for a new conversation.
    pub fn uuid(&mut self) -> String {
        self.state.seen.drawn += 2;
        let high = mix(self.state.seed ^ mix(self.state.seen.drawn)) & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = mix(self.state.seed ^ mix(self.state.seen.drawn + 1)) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Spreads a counter over all 64 bits.
fn mix(mut value: u64) -> u64 {
    draw(&mut value)
}

/// `SplitMix64`: the next number of a sequence, random-looking and always the same.
pub fn draw(sequence: &mut u64) -> u64 {
    *sequence = sequence.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *sequence;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
