//! What records change of one agent: the durable part of it is the fold of these, and each is called by
//! [`super::state::State::apply`] alone.

use super::agent::{Agent, Hold, Job, Life, Limit, Route};
use super::fact::{Exit, Identity, Place, Setting};
use super::id::{AccountId, Incarnation, PhaseId};
use super::record::{Actor, AgentState, StopCause, Wish};
use super::time::{DAY_MS, Time};
use super::usage::{Spent, TurnEnd, Used};

/// A limit this soon after the last one was lifted is the same one still.
const SAME_LIMIT_MS: i64 = 1_800_000;

impl Agent {
    /// It lives there, as that process; for a phase, in a conversation.
    pub(super) fn come_up(
        &mut self,
        at: Time,
        incarnation: Incarnation,
        (place, process): (&Place, &Identity),
        (phase, conversation): (&Option<PhaseId>, &Option<String>),
    ) {
        (self.phase, self.conversation) = (phase.clone(), conversation.clone());
        self.sight_lost = None;
        self.life = Life::Up { since: at };
        self.incarnation = incarnation;
        self.place = Some(place.clone());
        self.process = Some(process.clone());
        self.ready = None;
        self.delayed = None;
        self.rerouted = false;
        self.left.clear();
    }

    pub(super) fn bring(&mut self, backend: &str, settings: &[Setting]) {
        self.settings.insert(backend.to_string(), settings.to_vec());
    }

    pub(super) fn stay_up(&mut self) {
        if let Life::Stopping { since, .. } = self.life {
            self.life = Life::Up { since };
        }
    }

    pub(super) fn exit(&mut self, at: Time, exit: Exit, last: &[String]) {
        self.go_down(at);
        self.over = self.incarnation;
        self.last_exit = Some(exit);
        self.last_screen = last.to_vec();
    }

    pub(super) fn stop(&mut self, at: Time, cause: StopCause, left: &[(u32, String)]) {
        self.go_down(at);
        self.over = self.incarnation;
        self.last_exit = None;
        self.left = left.to_vec();
        self.rerouted = cause == StopCause::Rerouted;
        match cause {
            StopCause::Stall | StopCause::LateMarker | StopCause::Poisoned | StopCause::JobRun => {
                self.fresh_next = true;
            }
            StopCause::Operator
            | StopCause::EmergencyStop
            | StopCause::PhaseChange
            | StopCause::SequenceComplete
            | StopCause::Fatal
            | StopCause::StartLimit
            | StopCause::Restart
            | StopCause::Rerouted
            | StopCause::Survivor => {}
        }
    }

    pub(super) fn show(&mut self, at: Time, state: &AgentState, why: &str) {
        self.shown = state.clone();
        self.shown_why = why.to_string();
        self.shown_since = at;
    }

    pub(super) fn back_off(&mut self, at: Time, until: Time, deaths: u32) {
        self.deaths.retain(|death| at.0 - death.0 < DAY_MS);
        self.deaths.push(at);
        self.streak = deaths;
        self.not_before = Some(until);
    }

    pub(super) fn be_wished(&mut self, at: Time, wish: Wish) {
        self.wish = wish;
        self.asked_at = at;
        if wish == Wish::Running {
            // An operator's start is not kept waiting by an earlier refusal or back-off.
            self.not_before = None;
        }
    }

    pub(super) fn delay(&mut self, until: Time, why: &str) {
        (self.not_before, self.delayed) = (Some(until), Some(why.to_string()));
    }

    pub(super) fn be_held(&mut self, at: Time, (cause, evidence): (&str, &[String]), spent: bool, until: Option<Time>) {
        let (cause, evidence) = (cause.to_string(), evidence.to_vec());
        self.held = Some(Hold { cause, evidence, since: at, spent, until });
    }

    /// By the operator it begins anew, and goes on with a budget that is used up; by our own rules it merely goes on.
    pub(super) fn release(&mut self, at: Time, by: Actor) {
        let hold = self.held.take();
        if by != Actor::Operator {
            return;
        }
        if hold.is_some_and(|hold| hold.until.is_some()) {
            self.budget_waived = Some(at.midnight());
        }
        self.asked_at = at;
        self.deaths.clear();
        self.streak = 0;
        self.not_before = None;
        self.limit = None;
    }

    pub(super) fn reach_limit(&mut self, at: Time, until: Option<Time>, text: &str) {
        self.limit = Some(Limit { since: at, until, text: text.to_string() });
        self.limit_text = text.to_string();
        self.limit_streak = self.limits_in_a_row(at).saturating_add(1);
    }

    /// How often the limit that is just seen was run into already, without a long time of work between.
    pub(super) fn limits_in_a_row(&self, now: Time) -> u32 {
        let again = self.limit_lifted.is_some_and(|lifted| now.0 - lifted.0 < SAME_LIMIT_MS);
        if again { self.limit_streak } else { 0 }
    }

    pub(super) fn lift_limit(&mut self, at: Time) {
        self.limit = None;
        self.limit_lifted = Some(at);
    }

    pub(super) fn quarantine(&mut self, conversation: Option<&String>) {
        self.fresh_next = true;
        self.quarantined.extend(conversation.cloned());
    }

    pub(super) fn begin_job(&mut self, at: Time) {
        self.job = Job::Running { since: at };
        self.wish = Wish::Running;
        self.asked_at = at;
        self.not_before = None;
        self.fresh_next = true;
    }

    pub(super) fn go_down(&mut self, at: Time) {
        self.sight_lost = None;
        self.life = Life::Down { since: at };
        self.place = None;
        self.process = None;
        self.ready = None;
        self.limit = None;
    }

    /// Its server is gone: down, through no fault of its own.
    pub(super) fn lose_server(&mut self, at: Time) {
        if self.place.is_some() {
            self.go_down(at);
            self.last_exit = None;
        }
    }

    /// Whether something was ordered of it whose end is not known.
    pub fn between(&self) -> bool {
        matches!(self.life, Life::Starting { .. } | Life::Stopping { .. })
    }

    /// A mass death spends nobody's budget, and a hold that rests on that goes with it.
    pub(super) fn forgive_last_death(&mut self) {
        let death = self.deaths.pop();
        self.held = self.held.take().filter(|hold| !hold.spent || Some(hold.since) != death);
        self.streak = self.streak.saturating_sub(1);
        self.not_before = None;
    }

    pub(super) fn go_by(
        &mut self,
        (backend, account, model): (&str, &Option<AccountId>, &str),
        why: &str,
        fresh: Option<&String>,
    ) {
        let fresh = fresh.map_or(String::new(), |why| format!("; it began anew: {why}"));
        self.route_why = format!("{why}{fresh}");
        self.route = Some(Route { backend: backend.to_string(), account: account.clone(), model: model.to_string() });
    }

    pub(super) fn talk_in(&mut self, conversation: &str) {
        self.conversation = Some(conversation.to_string());
    }

    pub(super) fn use_up(&mut self, midnight: Time, spent: &[Spent], ended: TurnEnd, counted_to: Option<Time>) {
        let (day, used) = self.used_today;
        self.counted_to = self.counted_to.max(counted_to);
        if midnight < day {
            return;
        }
        let mut used = if day == midnight { used } else { Used::default() };
        used.add(spent, ended);
        self.used_today = (midnight, used);
    }

    /// The machine's clock shows this time, whatever it showed before: a newer answer is counted.
    pub(super) fn count_from(&mut self, at: Time) {
        self.counted_to = self.counted_to.map(|counted_to| counted_to.min(at));
    }

    pub(super) fn count_start(&mut self, at: Time) {
        let midnight = at.midnight();
        let count = if self.starts_today.0 == midnight { self.starts_today.1 } else { 0 };
        self.starts_today = (midnight, count + 1);
    }
}
