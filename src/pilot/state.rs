//! All that the pilot knows. The durable part is the fold of the records, and [`State::apply`] is the only thing that
//! changes it; `seen` and the `watch` of each agent are volatile. The durable part can be written down (by serde), so that nobody has
//! to fold all records there ever were.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account;
use super::agent::{Agent, Job, Life, Watch};
use super::branch::Branch;
use super::fact::{Premises, Server, Stamp};
use super::id::{AccountId, AgentId, EffectId, MessageId, PhaseId};
use super::message::{Message, Stage};
use super::phase::Sequence;
use super::record::{Actor, HiccupNote, Order, Record};
use super::standing::Standing;
use super::time::{DAY_MS, Time};
use super::usage::{Spent, TurnEnd, Used};

/// Settled messages kept for showing; older ones stay in the log only.
const SETTLED_KEPT: usize = 200;

/// Everything. What serde writes of it is the durable part, for the program that wrote it: no format to keep.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub epoch: u64,
    pub engine_pid: u32,
    pub engine_since: Time,
    pub version: String,
    pub seed: u64,
    pub host: String,
    /// Number and time of the newest record.
    pub seq: u64,
    pub last_at: Time,
    pub next_effect: u64,
    pub next_message: u64,
    pub config_digest: String,
    pub paused: bool,
    pub emergency_stop: bool,
    /// The server our agents were last seen on.
    pub server: Option<Server>,
    pub server_losses: Vec<Time>,
    pub agents: BTreeMap<AgentId, Agent>,
    /// Accounts of which something is known.
    pub accounts: BTreeMap<AccountId, Standing>,
    pub outbox: BTreeMap<MessageId, Posted>,
    settled: VecDeque<MessageId>,
    /// Messages that are not settled, oldest first: few among many.
    unsettled: BTreeSet<MessageId>,
    pub branch: Branch,
    pub sequence: Sequence,
    pub orders: BTreeMap<EffectId, (Option<AgentId>, Order)>,
    /// No start before this, after a mass death.
    pub mass_until: Option<Time>,
    /// When wall time last ran ahead of the agents' own timers, and by how much at most: the machine slept, its clock was
    /// set forward, or no engine was there to see it.
    pub ran_ahead: Option<(Time, Duration)>,
    pub complete_file: bool,
    #[serde(skip)]
    pub seen: Seen,
    #[serde(skip)]
    pub watches: BTreeMap<AgentId, Watch>,
}

/// A message with its stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Posted {
    pub message: Message,
    pub stage: Stage,
    pub moved_at: Time,
}

/// What was merely observed of the fleet as a whole.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub tmux: Tmux,
    /// Number of jitters drawn since our start.
    pub drawn: u64,
    /// Starts of the last stage gap.
    pub starts: Vec<Time>,
    /// When a program was last started in a home that several share.
    pub homes: BTreeMap<String, Time>,
    /// When limits were last taken for over.
    pub lifts: Vec<Time>,
    /// Deaths of the last mass-death window.
    pub deaths: Vec<(Time, AgentId)>,
    /// Phases whose pushed status file says done.
    pub done: BTreeSet<PhaseId>,
    pub server_flight: Option<EffectId>,
    /// The last failure to start a server, and why; tried again after a while.
    pub server_failed: Option<(Time, String)>,
    /// Since when the list of panes is missed.
    pub survey_from: Option<Time>,
    pub file_flight: Option<EffectId>,
    /// The last failure to write one of our files, and why; tried again after a while.
    pub file_failed: Option<(Time, String)>,
    /// What needs the operator, by key, as of the last step.
    pub alerts: BTreeMap<String, String>,
    pub next: Option<(Time, String)>,
    pub job_checked: Time,
    /// Accounts on which a tiny call is under way, with their backends, and since when.
    pub probing: BTreeMap<(AccountId, String), Time>,
    /// When a proof was last found to be of the program's present version.
    pub confirmed: BTreeMap<(AccountId, String), Time>,
    /// Why the sequence of the file in force is not taken over.
    pub not_followed: Option<String>,
    pub premises: Premises,
    /// What was wrong with the log when this engine opened it (fault S3).
    pub damage: Option<String>,
    /// What the machine does not give us just now (fault P15).
    pub strained: Option<String>,
}

/// What we know of our tmux server right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tmux {
    /// Not heard of since our start.
    #[default]
    Unseen,
    Up,
    Silent {
        why: String,
    },
    Gone,
}

impl State {
    /// Applies one record. Total: any record in any order, also from another version or a damaged log.
    pub fn apply(&mut self, stamp: Stamp, record: &Record) {
        let at = stamp.at;
        let before = self.last_at;
        self.seq = stamp.seq;
        self.last_at = self.last_at.max(at);
        if let Some(id) = record.agent() {
            self.agents.entry(id.clone()).or_insert_with(|| Agent::new(at));
        }
        self.fold(at, before, record);
    }

    /// What a record changes; `before` is the time of the one before it.
    fn fold(&mut self, at: Time, before: Time, record: &Record) {
        match record {
            Record::EngineStarted { epoch, pid, version, seed, host } => {
                self.come_back(at, before);
                self.be_run_by(at, (*epoch, *pid, *seed), (version, host));
            }
            Record::ConfigLoaded { digest } => self.config_digest.clone_from(digest),
            Record::ServerUp { server } => self.server = Some(server.clone()),
            Record::ServerLost => self.lose_server(at),
            Record::Paused { .. } => self.paused = true,
            Record::EmergencyStopped { .. } => self.emergency_stop = true,
            Record::Resumed { .. } => (self.paused, self.emergency_stop) = (false, false),
            Record::MassDeath { agents, until } => self.mass_death(agents, *until),
            Record::Hiccuped { what } => self.run_ahead(at, *what),
            Record::ConfigRefused { .. }
            | Record::ServerSilent { .. }
            | Record::Alerted { .. }
            | Record::MarkerSeen { .. }
            | Record::Found { .. } => {}
            Record::Ordered { id, agent, order, .. } => self.apply_ordered(at, *id, agent.as_ref(), order),
            Record::Done { id } => self.apply_done(*id),
            Record::Failed { id, .. } => self.apply_failed(at, *id),
            Record::MessageQueued { message } => self.apply_queued(at, message),
            Record::MessageMoved { message, stage, .. } => self.apply_moved(at, *message, stage),
            Record::Baseline { remote, branch, sha, .. } => self.branch.stand_at(remote, branch, sha),
            Record::HandoffSeen { sha, handoff, targets, .. } => self.branch.note(at, sha, handoff, targets),
            Record::InboxSeen { sha, agent, .. } => self.branch.note_inbox(sha, agent),
            Record::WatchBroken { why } => self.branch.broken = Some(why.clone()),
            Record::WatchMended => self.branch.broken = None,
            Record::SequenceSet { phases, by } => self.sequence.set(phases, *by),
            Record::PhaseEntered { phase, stale_done } => self.sequence.enter(phase, *stale_done, at),
            Record::PhaseSuspended { phase } => self.sequence.suspend(phase, at),
            Record::PhaseDone { phase, .. } => self.sequence.finish(phase, at),
            Record::PhaseDoneUnpushed { since, .. } => self.sequence.unpushed_since = Some(*since),
            Record::PhaseBlocked { why, .. } => self.sequence.blocked = Some(why.clone()),
            Record::PhaseUnblocked { .. } => self.sequence.unblock(),
            Record::SequenceCompleted => (self.sequence.complete, self.sequence.current) = (true, None),
            Record::SequenceReopened => self.sequence.complete = false,
            Record::Wished { agent, wish, .. } => self.agent(agent, at).be_wished(at, *wish),
            Record::Started { agent, incarnation, place, process, phase, conversation } => {
                self.agent(agent, at).come_up(at, *incarnation, (place, process), (phase, conversation));
            }
            Record::Ready { agent } => self.agent(agent, at).ready = Some(at),
            Record::Exited { agent, exit, last } => self.agent(agent, at).exit(at, *exit, last),
            Record::Stopped { agent, cause, left } => self.agent(agent, at).stop(at, *cause, left),
            Record::StateChanged { agent, state, why } => self.agent(agent, at).show(at, state, why),
            Record::BackedOff { agent, until, deaths, .. } => self.agent(agent, at).back_off(at, *until, *deaths),
            Record::StartDelayed { agent, until, why } => self.agent(agent, at).delay(*until, why),
            Record::Held { agent, cause, evidence, spent, until } => {
                self.agent(agent, at).be_held(at, (cause, evidence), *spent, *until);
            }
            Record::Released { agent, by } => self.release(at, agent, *by),
            Record::LimitReached { agent, until, text } => self.apply_limit(at, agent, *until, text),
            Record::LimitLifted { agent } => self.apply_lifted(at, agent),
            Record::SightLost { agent, .. } => self.agent(agent, at).sight_lost = Some(at),
            Record::SightRegained { agent, .. } => self.agent(agent, at).sight_lost = None,
            Record::Quarantined { agent, conversation, .. } => self.agent(agent, at).quarantine(conversation.as_ref()),
            Record::ConversationSeen { agent, conversation } => self.agent(agent, at).talk_in(conversation),
            Record::SettingsSeen { agent, backend, settings, .. } => self.agent(agent, at).bring(backend, settings),
            Record::JobStarted { agent, .. } => self.agent(agent, at).begin_job(at),
            Record::JobFinished { agent } => self.agent(agent, at).job = Job::Finished { at },
            Record::Used { agent, since, spent, ended, account, counted_to, .. } => {
                self.use_up(at, (agent, account.as_ref()), (spent, *ended), (*since, *counted_to));
            }
            Record::Routed { agent, backend, account, model, why, fresh, .. } => {
                self.agent(agent, at).go_by((backend, account, model), why, fresh.as_ref());
            }
            Record::AccountRefused { account, .. }
            | Record::AccountMended { account, .. }
            | Record::AccountProbed { account, .. } => self.standing(account).apply(at, record),
        }
    }

    fn standing(&mut self, account: &AccountId) -> &mut Standing {
        self.accounts.entry(account.clone()).or_default()
    }

    /// That of the account on which an agent works.
    fn standing_of(&mut self, agent: &AgentId) -> Option<&mut Standing> {
        let account = account::of(self, agent)?.clone();
        Some(self.standing(&account))
    }

    fn apply_limit(&mut self, at: Time, id: &AgentId, until: Option<Time>, text: &str) {
        self.agent(id, at).reach_limit(at, until, text);
        if let Some(standing) = self.standing_of(id) {
            standing.reach_limit(at, until, text);
        }
    }

    fn apply_lifted(&mut self, at: Time, id: &AgentId) {
        self.agent(id, at).lift_limit(at);
        if let Some(standing) = self.standing_of(id) {
            standing.limit = None;
        }
    }

    fn use_up(
        &mut self,
        at: Time,
        (agent, account): (&AgentId, Option<&AccountId>),
        (spent, ended): (&[Spent], TurnEnd),
        (since, counted_to): (Time, Option<Time>),
    ) {
        let midnight = Used::day_of(at, ended, since);
        self.agent(agent, at).use_up(midnight, spent, ended, counted_to);
        if let Some(account) = account {
            self.standing(account).use_up((at, midnight), spent, ended);
        }
    }

    fn agent(&mut self, id: &AgentId, at: Time) -> &mut Agent {
        self.agents.entry(id.clone()).or_insert_with(|| Agent::new(at))
    }

    fn release(&mut self, at: Time, agent: &AgentId, by: Actor) {
        self.agent(agent, at).release(at, by);
        if by == Actor::Operator {
            self.branch.pings.remove(agent);
        }
    }

    fn lose_server(&mut self, at: Time) {
        self.server = None;
        self.server_losses.retain(|loss| at.since(*loss).as_secs() < 3600);
        self.server_losses.push(at);
        for agent in self.agents.values_mut() {
            agent.lose_server(at);
        }
    }

    fn run_ahead(&mut self, at: Time, what: HiccupNote) {
        let ms = match what {
            HiccupNote::Slept { ms } => ms,
            HiccupNote::ClockMoved { ms } => u64::try_from(ms).unwrap_or(0),
            HiccupNote::Late { .. } => 0,
        };
        if let HiccupNote::ClockMoved { ms: back @ ..0 } = what {
            // What is told from now on has times that were there before.
            self.agents.values_mut().for_each(|agent| agent.count_from(Time(at.0.saturating_add(back))));
        }
        if ms > 0 {
            self.run_ahead_by(at, Duration::from_millis(ms));
        }
    }

    /// One on top of the other: a machine that sleeps again and again may leave nobody the time to read what was written before
    /// the first. Too much makes a wait longer by its cap at most.
    fn run_ahead_by(&mut self, at: Time, span: Duration) {
        let known = self.ran_ahead.filter(|(then, _)| at.0 - then.0 < DAY_MS).map_or(Duration::ZERO, |(_, span)| span);
        self.ran_ahead = Some((at, known + span));
    }

    fn be_run_by(&mut self, at: Time, (epoch, pid, seed): (u64, u32, u64), (version, host): (&str, &str)) {
        (self.epoch, self.engine_pid, self.seed, self.engine_since) = (epoch, pid, seed, at);
        (self.version, self.host) = (version.to_string(), host.to_string());
    }

    /// Nobody saw what the machine did between two engines: for all anybody knows it slept, and agents' timers with it.
    fn come_back(&mut self, at: Time, before: Time) {
        self.agents.values_mut().for_each(|agent| agent.count_from(at));
        if self.epoch == 0 {
            return;
        }
        self.run_ahead_by(at, at.since(before));
    }

    fn mass_death(&mut self, agents: &[AgentId], until: Time) {
        self.mass_until = Some(until);
        let died = self.agents.iter_mut().filter(|(id, _)| agents.contains(id));
        died.for_each(|(_, agent)| agent.forgive_last_death());
    }

    fn apply_ordered(&mut self, at: Time, id: EffectId, agent: Option<&AgentId>, order: &Order) {
        self.next_effect = self.next_effect.max(id.0.saturating_add(1));
        self.orders.insert(id, (agent.cloned(), order.clone()));
        let Some(agent) = agent.and_then(|agent| self.agents.get_mut(agent)) else { return };
        match order {
            Order::Start { incarnation, phase, conversation } => {
                agent.life = Life::Starting { since: at };
                agent.incarnation = *incarnation;
                agent.phase.clone_from(phase);
                agent.conversation.clone_from(conversation);
                agent.talks_on.clone_from(&agent.route);
                agent.ready = None;
                agent.fresh_next = false;
                agent.not_before = None;
                agent.count_start(at);
            }
            Order::Stop { cause } => {
                agent.life = Life::Stopping { since: agent.up_since().unwrap_or(at), cause: *cause };
            }
            Order::StartServer
            | Order::Paste { .. }
            | Order::Submit { .. }
            | Order::Post { .. }
            | Order::Write { .. } => {}
        }
    }

    fn apply_done(&mut self, id: EffectId) {
        let Some((_, Order::Write { what })) = self.orders.remove(&id) else { return };
        match what {
            super::effect::OwnFile::SequenceComplete { .. } => self.complete_file = true,
            super::effect::OwnFile::NoSequenceComplete => self.complete_file = false,
            super::effect::OwnFile::Sequence { phases } => self.sequence.in_file = phases,
        }
    }

    fn apply_failed(&mut self, at: Time, id: EffectId) {
        let Some((Some(agent), order)) = self.orders.remove(&id) else { return };
        let agent = self.agent(&agent, at);
        match order {
            Order::Start { .. } => agent.life = Life::Down { since: at },
            // It could not be ended; as far as we know it still runs.
            Order::Stop { .. } => agent.stay_up(),
            Order::StartServer
            | Order::Paste { .. }
            | Order::Submit { .. }
            | Order::Post { .. }
            | Order::Write { .. } => {}
        }
    }

    fn apply_queued(&mut self, at: Time, message: &Message) {
        self.next_message = self.next_message.max(message.id.0.saturating_add(1));
        let posted = Posted { message: message.clone(), stage: Stage::Queued { why: None }, moved_at: at };
        self.unsettled.insert(message.id);
        self.outbox.insert(message.id, posted);
    }

    fn apply_moved(&mut self, at: Time, id: MessageId, stage: &Stage) {
        let Some(posted) = self.outbox.get_mut(&id) else { return };
        let was_settled = posted.stage.settled();
        posted.stage = stage.clone();
        posted.moved_at = at;
        if stage.settled() && !was_settled {
            self.settled.push_back(id);
            self.unsettled.remove(&id);
        }
        if !stage.settled() && was_settled {
            self.settled.retain(|settled| *settled != id);
            self.unsettled.insert(id);
        }
        let much = self.settled.len().saturating_sub(SETTLED_KEPT);
        self.settled.drain(..much).for_each(|old| drop(self.outbox.remove(&old)));
    }

    /// Whether the durable parts are equal: what a fold of the same records must give.
    pub fn remembers_the_same(&self, other: &State) -> bool {
        let State {
            epoch,
            engine_pid,
            engine_since,
            version,
            seed,
            host,
            seq,
            last_at,
            next_effect,
            next_message,
            config_digest,
            paused,
            emergency_stop,
            server,
            server_losses,
            agents,
            accounts,
            outbox,
            settled,
            unsettled: _,
            branch,
            sequence,
            orders,
            mass_until,
            ran_ahead,
            complete_file,
            seen: _,
            watches: _,
        } = self;
        let engine = (epoch, engine_pid, engine_since, version, seed, seq, last_at, next_effect, next_message);
        let others = (&other.epoch, &other.engine_pid, &other.engine_since, &other.version, &other.seed, &other.seq);
        let counts = (&other.last_at, &other.next_effect, &other.next_message);
        engine == (others.0, others.1, others.2, others.3, others.4, others.5, counts.0, counts.1, counts.2)
            && (config_digest, host) == (&other.config_digest, &other.host)
            && (paused, emergency_stop, complete_file) == (&other.paused, &other.emergency_stop, &other.complete_file)
            && *accounts == other.accounts
            && (server, server_losses, agents) == (&other.server, &other.server_losses, &other.agents)
            && (outbox, settled, branch) == (&other.outbox, &other.settled, &other.branch)
            && (sequence, orders) == (&other.sequence, &other.orders)
            && (mass_until, ran_ahead) == (&other.mass_until, &other.ran_ahead)
    }

    /// Unsettled messages, oldest first.
    pub fn unsettled(&self) -> impl Iterator<Item = &Posted> {
        self.unsettled.iter().filter_map(|id| self.outbox.get(id))
    }

    /// Unsettled messages of an agent, oldest first.
    pub fn waiting<'a>(&'a self, agent: &'a AgentId) -> impl Iterator<Item = &'a Posted> {
        self.unsettled().filter(move |posted| posted.message.agent == *agent)
    }
}

#[cfg(test)]
mod tests;
