//! What must hold at any moment, whatever happens (design.md, "Invariants").

use std::time::Duration;

use flightdeck::config::model::{self, Kind, Role};
use flightdeck::pilot::agent::{Agent, Life, Watch};
use flightdeck::pilot::branch::Branch;
use flightdeck::pilot::effect::Effect;
use flightdeck::pilot::fleet;
use flightdeck::pilot::id::{AgentId, EffectId, MessageId};
use flightdeck::pilot::message::Stage;
use flightdeck::pilot::record::{Actor, Order, Record, StopCause};
use flightdeck::pilot::step;
use flightdeck::pilot::turn::Outcome;

use super::world::World;

/// Who does not go on for so long after a limit has stalled.
const LEFT: Duration = Duration::from_secs(300);

impl World {
    /// After each step.
    pub(crate) fn check(&mut self, out: &Outcome) {
        let Some(engine) = &self.engine else { return };
        let mut wrong = Vec::new();
        let state = &engine.state;
        for effect in &out.effects {
            if let Some(agent) = acted_on(effect) {
                if state.seen.tmux != flightdeck::pilot::state::Tmux::Up {
                    wrong.push(format!("tmux is not known to be up and {agent} is acted on"));
                }
                let held = state.agents.get(agent).is_some_and(|known| known.held.is_some());
                if held && !matches!(effect, Effect::Stop { .. }) {
                    wrong.push(format!("{agent} is held and acted on"));
                }
                let observed = state.agents.get(agent).is_some_and(|known| known.sight_lost.is_some());
                if observed && !self.may_act_unseeing(effect) {
                    wrong.push(format!("{agent} is only observed and acted on: {effect:?}"));
                }
            }
        }
        wrong.extend(self.forgotten());
        if self.steps.is_multiple_of((10 * self.trial.asks_all).min(100)) && !self.log.fold.remembers_the_same(state) {
            wrong.push("the state is not the fold of its records".to_string());
        }
        for effect in &out.effects {
            if let Some(id) = id_of(effect)
                && !engine.state.orders.contains_key(&id)
            {
                wrong.push(format!("effect {} left without an intent", id.0));
            }
        }
        let mut flying: Vec<&AgentId> = state.orders.values().filter_map(|(of, _)| of.as_ref()).collect();
        flying.sort();
        for pair in flying.windows(2).filter(|pair| pair[0] == pair[1]) {
            wrong.push(format!("several effects of {} are in flight", pair[0]));
        }
        if self.steps.is_multiple_of(self.trial.asks_all) {
            wrong.extend(self.left_out());
        }
        self.wrong.extend(wrong);
    }

    /// What would be decided now if everybody was asked, and not only whom the step concerned.
    fn left_out(&self) -> Option<String> {
        let engine = self.engine.as_ref()?;
        let mut state = engine.state.clone();
        if step::next_deadline(&state).is_some_and(|(due, _)| *due <= self.now) {
            // Its next step comes at once.
            return None;
        }
        let out = step::step_all(&mut state, &self.rules, self.clock());
        let told = |record: &Record| format!("{record:?}");
        let records: Vec<String> = out.records.iter().map(|(_, record)| told(record)).collect();
        let none = records.is_empty() && out.effects.is_empty();
        (!none).then(|| format!("the step left out what is to be done now: {records:?} {:?}", out.effects))
    }

    /// What needs no reading of a screen: an end that the operator or the phases want.
    fn may_act_unseeing(&self, effect: &Effect) -> bool {
        let Effect::Stop { id, .. } = effect else { return false };
        let orders = self.engine.as_ref().map(|engine| &engine.state.orders);
        let order = orders.and_then(|orders| orders.get(id)).map(|(_, order)| order);
        let Some(Order::Stop { cause }) = order else { return false };
        match cause {
            StopCause::Operator
            | StopCause::EmergencyStop
            | StopCause::PhaseChange
            | StopCause::SequenceComplete
            | StopCause::Restart
            | StopCause::Rerouted => true,
            StopCause::Stall
            | StopCause::LateMarker
            | StopCause::Fatal
            | StopCause::Poisoned
            | StopCause::StartLimit
            | StopCause::JobRun
            | StopCause::Survivor => false,
        }
    }

    /// Agents that should run and that nobody will come back to.
    fn forgotten(&self) -> Vec<String> {
        let Some(engine) = &self.engine else { return Vec::new() };
        let state = &engine.state;
        let acting = !state.paused && state.seen.tmux == flightdeck::pilot::state::Tmux::Up;
        let fleet = state.seen.next.is_some();
        let forgotten = |(rules, agent, watch): &(&model::Agent, Option<&Agent>, Option<&Watch>)| {
            if rules.role == Role::Orchestrator && !self.rules.project.watch_orchestrator {
                // Nobody is to come back to it.
                return false;
            }
            let (Some(agent), Some(watch)) = (agent, watch) else { return true };
            let comes = watch.flight.is_some() || watch.next().is_some() || agent.held.is_some();
            let between = agent.between() && fleet;
            let up = matches!(agent.life, Life::Up { .. });
            (up || (agent.between() && rules.kind == Kind::Loop)) && !comes && !between
        };
        if !acting {
            return Vec::new();
        }
        let forgotten = fleet::walk(&self.rules, state).filter(forgotten);
        forgotten.map(|(rules, _, _)| format!("{} is forgotten: nothing is due for it", rules.id)).collect()
    }

    /// At each record, before it is folded.
    pub(crate) fn check_record(&mut self, record: &Record) {
        let fold = &self.log.fold;
        let watched = self.engine.as_ref().map_or(Duration::ZERO, |engine| self.now.since(engine.began));
        let wrong = match record {
            Record::Ordered { order: Order::Stop { cause: StopCause::Stall | StopCause::LateMarker }, .. }
                if watched < self.rules.stall.grace =>
            {
                Some(format!("somebody is ended by an engine that watched for {watched:?} only"))
            }
            // The state forgets what was settled long ago; so each is judged when it is.
            Record::MessageMoved { message, stage, .. } if stage.settled() => self.told_otherwise(*message, stage),
            Record::PhaseEntered { phase, .. } if fold.sequence.current.is_some() => {
                Some(format!("phase {phase} is entered while another is current"))
            }
            Record::PhaseDone { phase, by: Actor::Branch } if fold.sequence.current.as_ref() != Some(phase) => {
                Some(format!("phase {phase} is done by the branch and was not current"))
            }
            Record::HandoffSeen { sha, handoff, targets, .. } => targets
                .iter()
                .find(|target| fold.branch.pinged.contains(&Branch::key(sha, &handoff.prefix, target)))
                .map(|target| format!("{target} is pinged twice for {sha}")),
            Record::Started { agent, .. } if fold.agents.get(agent).is_some_and(|agent| agent.up_since().is_some()) => {
                Some(format!("{agent} starts and is up"))
            }
            Record::Used { agent, spent, .. } => {
                let counted = self.counted.entry(agent.clone()).or_default();
                *counted += spent.iter().map(|spent| spent.tokens.sum()).sum::<u64>();
                let told = self.told.get(agent).copied().unwrap_or(0);
                (*counted > told).then(|| format!("{agent} told of {told} tokens, and {counted} are counted"))
            }
            Record::Released { agent, by } if *by != Actor::Operator => {
                let until = fold.agents.get(agent).and_then(|agent| agent.held.as_ref()).and_then(|hold| hold.until);
                let early = until.is_none_or(|until| self.now < until) && !self.trouble.new_rules;
                early.then(|| format!("{agent}'s hold ended by itself"))
            }
            _ => None,
        };
        self.wrong.extend(wrong);
    }

    /// After hours in which nothing went wrong.
    pub(crate) fn check_calm(&mut self) {
        let Some(engine) = &self.engine else {
            self.wrong.push("no engine runs".to_string());
            return;
        };
        let state = &engine.state;
        let mut wrong = Vec::new();
        for (id, rules) in &self.rules.agents {
            let agent = &state.agents[id];
            let complete = state.sequence.complete && rules.role != Role::Orchestrator;
            let wanted = rules.kind == Kind::Loop && !complete;
            let alive = self.bodies.get(id).is_some_and(super::body::Body::alive);
            if wanted != alive && rules.kind == Kind::Loop {
                wrong.push(format!(
                    "{id} should {}run: {:?} {:?}",
                    if wanted { "" } else { "not " },
                    agent.life,
                    agent.held
                ));
            }
            if let Some(posted) = state.waiting(id).next().filter(|_| wanted) {
                wrong.push(format!("{id} was not told {}: {:?}", posted.message.id, posted.stage));
            }
        }
        if let Some((id, order)) = state.orders.first_key_value() {
            wrong.push(format!("#{} is open: {order:?}", id.0));
        }
        if !self.log.fold.remembers_the_same(state) {
            wrong.push("the state is not the fold of its records".to_string());
        }
        self.wrong.extend(wrong);
    }

    /// Before an agent is ended by us.
    pub(crate) fn check_stop(&mut self, id: EffectId, agent: &AgentId) {
        let cause = self.log.records.iter().rev().find_map(|(_, record)| match record {
            Record::Ordered { id: of, order: Order::Stop { cause }, .. } if *of == id => Some(*cause),
            _ => None,
        });
        let Some(body) = self.bodies.get(agent) else { return };
        let judged = matches!(
            cause,
            Some(
                StopCause::Stall
                    | StopCause::LateMarker
                    | StopCause::Fatal
                    | StopCause::Poisoned
                    | StopCause::StartLimit
            )
        );
        // Told of its limit and never spoken to again, it sits there although that is long over.
        let left = body.limited_until.is_some_and(|until| self.now.since(until) >= LEFT) && !body.working();
        if let Some(since) = body.wedged.filter(|_| judged && body.alive()) {
            let waited = self.now.since(since.max(self.trial.calm_since));
            self.trial.found_late = self.trial.found_late.max(waited.saturating_sub(self.rules.stall.idle));
            self.trial.found += 1;
        }
        if judged && body.alive() && body.ill.is_none() && !left {
            let shown = body.screen().lines.join("\n");
            self.wrong.push(format!("{agent} was well and is ended by us: {cause:?}, showing\n{shown}"));
        }
    }

    /// Where a message was submitted more or less often than is told.
    fn told_otherwise(&self, id: MessageId, stage: &Stage) -> Option<String> {
        let times = self.submitted.get(&id).copied().unwrap_or(0);
        let fine = match stage {
            Stage::Submitted { .. } => times == 1,
            Stage::Queued { .. } | Stage::Refused { .. } | Stage::Expired { .. } | Stage::TypedNotSubmitted => {
                times == 0
            }
            Stage::Pasting | Stage::Posted | Stage::Typed { .. } | Stage::Uncertain { .. } => times <= 1,
        };
        (!fine).then(|| format!("{id} is {} and was submitted {times} times", stage.word()))
    }

    /// At the end.
    pub(crate) fn check_end(&mut self) {
        let Some(engine) = &self.engine else { return };
        let mut wrong = Vec::new();
        for posted in engine.state.outbox.values() {
            wrong.extend(self.told_otherwise(posted.message.id, &posted.stage));
        }
        for (id, agent) in &engine.state.agents {
            if matches!(agent.life, Life::Starting { .. } | Life::Stopping { .. })
                && !engine.state.orders.values().any(|(of, _)| of.as_ref() == Some(id))
            {
                wrong.push(format!("{id} is neither up nor down, and nothing is in flight"));
            }
        }
        self.wrong.extend(wrong);
    }
}

/// The agent whose pane or process is touched.
fn acted_on(effect: &Effect) -> Option<&AgentId> {
    match effect {
        Effect::Start { agent, .. } | Effect::Stop { agent, .. } | Effect::Paste { agent, .. } => Some(agent),
        Effect::Submit { agent, .. } | Effect::Post { agent, .. } => Some(agent),
        Effect::StartServer { .. }
        | Effect::Write { .. }
        | Effect::Look { .. }
        | Effect::Survey
        | Effect::Search { .. }
        | Effect::Probe { .. }
        | Effect::Seek { .. }
        | Effect::Vet { .. }
        | Effect::Reply { .. }
        | Effect::Reload { .. }
        | Effect::Quit { .. } => None,
    }
}

fn id_of(effect: &Effect) -> Option<EffectId> {
    match effect {
        Effect::StartServer { id }
        | Effect::Start { id, .. }
        | Effect::Stop { id, .. }
        | Effect::Paste { id, .. }
        | Effect::Submit { id, .. }
        | Effect::Post { id, .. }
        | Effect::Write { id, .. } => Some(*id),
        Effect::Look { .. }
        | Effect::Survey
        | Effect::Search { .. }
        | Effect::Probe { .. }
        | Effect::Seek { .. }
        | Effect::Vet { .. }
        | Effect::Reply { .. }
        | Effect::Reload { .. }
        | Effect::Quit { .. } => None,
    }
}
