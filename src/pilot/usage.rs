//! What agents use: tokens, counted by what their programs tell of each answer, and what they cost by the operator's prices.
//! Answers are summed while a turn goes on; its end makes one record of them. A screen is never asked.
//!
//! What was summed and stands in no record yet goes with an engine that crashes: at most the turn in flight of each agent.
//! Nothing is counted twice: the newest answer's time is remembered with each record, and what is not newer was told before.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::model::Config;
use crate::config::prices::Price;

use super::account;
use super::agent::Life;
use super::id::{AccountId, AgentId};
use super::record::Record;
use super::state::State;
use super::time::Time;
use super::turn::Turn;

/// From the word that a turn is over to its record: hooks and transcript are two files, and the last answer may come after
/// the word.
const SETTLE: Duration = Duration::from_secs(2);
/// A deadline of ours that asks for a record only: nobody waits for it.
pub(super) const COUNTING: &str = "count what its turn used";
/// Answers whose parts are known for such. The parts of one stand next to each other, but for what subagents say between.
const RECENT: usize = 256;
/// Models told apart in one turn; a program uses two or three.
const MODELS: usize = 8;
/// Where the rest of them is counted.
const OTHER: &str = "other";
/// Characters of a model's name.
const NAME_CAP: usize = 100;

/// Tokens by kind; none is counted in two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    #[serde(default)]
    pub input: u64,
    #[serde(default)]
    pub output: u64,
    /// Taken from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Put into it.
    #[serde(default)]
    pub cache_write: u64,
}

/// What one turn used of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub model: String,
    /// Answers of the model.
    pub messages: u32,
    #[serde(flatten)]
    pub tokens: Tokens,
    /// In millionths of a dollar, by the prices of that time; `None`: nobody has told them.
    #[serde(default)]
    pub cost: Option<u64>,
}

/// How a turn came to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnEnd {
    /// As it should, or somebody interrupted it.
    Ended,
    /// By an error of the model's service.
    Failed,
    /// The agent's life ended in the midst of it, or right after its failure: what it used is wasted.
    Cut,
    /// It goes on, and the day (UTC) is over.
    GoesOn,
}

/// What a day's turns of an agent used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Turns that came to an end.
    pub turns: u32,
    #[serde(flatten)]
    pub tokens: Tokens,
    /// In millionths of a dollar: of all whose price is known.
    pub cost: u64,
    /// Tokens whose price nobody has told.
    pub unpriced: u64,
}

/// What the present turn used so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    spent: BTreeMap<String, Spent>,
    /// The newest answers, with what was counted of each.
    recent: VecDeque<(String, Tokens)>,
    /// When the first of `spent` was told.
    since: Time,
    /// The program's own time of the newest answer.
    counted_to: Option<Time>,
    /// When its record is due, and how the turn ended.
    over: Option<(Time, TurnEnd)>,
}

/// One answer of a model, as a program tells it: once or several times.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) message: String,
    pub(super) model: String,
    pub(super) tokens: Tokens,
    pub(super) at: Option<Time>,
}

impl Tokens {
    /// All kinds together.
    pub fn sum(&self) -> u64 {
        self.worked().saturating_add(self.cache_read)
    }

    /// What a budget of tokens counts. Reading from the cache is left out: it is cheap, and a long turn reads its whole
    /// conversation again with each answer.
    pub fn worked(&self) -> u64 {
        self.input.saturating_add(self.output).saturating_add(self.cache_write)
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Tokens) {
        let Tokens { input, output, cache_read, cache_write } = other;
        self.input = self.input.saturating_add(*input);
        self.output = self.output.saturating_add(*output);
        self.cache_read = self.cache_read.saturating_add(*cache_read);
        self.cache_write = self.cache_write.saturating_add(*cache_write);
    }

    fn most(&self, other: &Tokens) -> Tokens {
        Tokens {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
        }
    }

    fn without(&self, other: &Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_sub(other.input),
            output: self.output.saturating_sub(other.output),
            cache_read: self.cache_read.saturating_sub(other.cache_read),
            cache_write: self.cache_write.saturating_sub(other.cache_write),
        }
    }
}

impl Used {
    /// The midnight (UTC) of the day to which a record of that time belongs: what goes on over midnight is written down after it,
    /// by an engine that was late or away long after, and belongs to the day on which it began.
    pub fn day_of(at: Time, ended: TurnEnd, since: Time) -> Time {
        if ended.ends() { at.midnight() } else { since.midnight() }
    }

    /// Adds what one turn used.
    pub fn add(&mut self, spent: &[Spent], ended: TurnEnd) {
        self.turns = self.turns.saturating_add(u32::from(ended.ends()));
        for spent in spent {
            self.tokens.add(&spent.tokens);
            match spent.cost {
                Some(cost) => self.cost = self.cost.saturating_add(cost),
                None => self.unpriced = self.unpriced.saturating_add(spent.tokens.sum()),
            }
        }
    }
}

impl TurnEnd {
    /// Whether the turn is over by it.
    pub fn ends(self) -> bool {
        match self {
            TurnEnd::Ended | TurnEnd::Failed | TurnEnd::Cut => true,
            TurnEnd::GoesOn => false,
        }
    }
}

impl Tally {
    /// Whether it holds something that no record tells yet.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// Since when, up to when and what was summed; begins anew.
    fn close(&mut self, rules: &Config) -> (Time, Option<Time>, Vec<Spent>) {
        let spent = priced(rules, self);
        self.spent.clear();
        self.over = None;
        (self.since, self.counted_to, spent)
    }

    /// Counts what an answer adds to what is known of it.
    fn count(&mut self, answer: Answer, now: Time) {
        let known = self.recent.iter().position(|(message, _)| *message == answer.message);
        let before = known.map_or(Tokens::default(), |at| self.recent[at].1);
        let most = before.most(&answer.tokens);
        let added = most.without(&before);
        match known {
            Some(at) => self.recent[at].1 = most,
            None => self.recent.push_back((answer.message, most)),
        }
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.counted_to = self.counted_to.max(answer.at);
        if known.is_some() && added == Tokens::default() {
            return;
        }
        if self.spent.is_empty() {
            self.since = now;
            // So long after the end of a turn it is of the next one, which nobody announced: a program may wake by itself.
            self.over = self.over.filter(|(due, _)| now < *due);
        }
        let model: String = answer.model.chars().filter(char::is_ascii_graphic).take(NAME_CAP).collect();
        let full = self.spent.len() >= MODELS && !self.spent.contains_key(&model);
        let model = if full || model.is_empty() { OTHER.to_string() } else { model };
        let spent = self.spent.entry(model.clone()).or_insert_with(|| Spent { model, ..Spent::default() });
        spent.messages += u32::from(known.is_none());
        spent.tokens.add(&added);
    }
}

/// Takes in one answer.
pub(super) fn answered(turn: &mut Turn<'_>, id: &AgentId, answer: Answer) {
    let now = turn.now.steady;
    let known = turn.agent(id).and_then(|agent| agent.counted_to);
    let told_before = answer.at.is_some_and(|at| known.is_some_and(|known| at <= known));
    if !told_before {
        turn.watch(id).tally.count(answer, now);
    }
}

/// Its turn is over: its record is due when the last answer must have been told.
pub(super) fn turn_over(turn: &mut Turn<'_>, id: &AgentId, ended: TurnEnd) {
    let due = turn.now.steady + SETTLE;
    turn.watch(id).tally.over = Some((due, ended));
}

/// A new turn begins: what is summed belongs to the last one, where that was told to be over.
pub(super) fn turn_begins(turn: &mut Turn<'_>, id: &AgentId) {
    if let Some((_, ended)) = turn.watch(id).tally.over {
        write(turn, id, ended);
    }
}

/// Its life is over, and whatever it was at with it.
pub(super) fn life_ended(turn: &mut Turn<'_>, id: &AgentId) {
    let over = turn.state.watches.get(id).and_then(|watch| watch.tally.over);
    let ended = match over {
        Some((_, TurnEnd::Ended)) => TurnEnd::Ended,
        Some((_, TurnEnd::Failed | TurnEnd::Cut | TurnEnd::GoesOn)) | None => TurnEnd::Cut,
    };
    write(turn, id, ended);
}

/// Writes down what is due. Returns when to come back.
pub(super) fn settle(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let stopping = turn.agent(id).is_some_and(|agent| matches!(agent.life, Life::Stopping { .. }));
    let tally = &turn.state.watches.get(id)?.tally;
    let midnight = tally.since.next_midnight();
    let (due, ended) = match tally.over {
        // What comes of the stop tells whether its failure was the end of its life too.
        Some((_, TurnEnd::Failed)) if stopping => return None,
        Some(over) => over,
        None => (midnight, TurnEnd::GoesOn),
    };
    if tally.is_empty() {
        return None;
    }
    if now < due {
        return Some((due, COUNTING.to_string()));
    }
    write(turn, id, ended);
    None
}

/// Today's sum of an agent, with what stands in no record yet.
pub(super) fn today(state: &State, rules: &Config, now: Time, id: &AgentId) -> Used {
    let (day, recorded) = state.agents.get(id).map(|agent| agent.used_today).unwrap_or_default();
    let mut used = if day == now.midnight() { recorded } else { Used::default() };
    let more = state.watches.get(id).map(|watch| priced(rules, &watch.tally));
    used.add(&more.unwrap_or_default(), TurnEnd::GoesOn);
    used
}

/// Today's sum of an account, with what stands in no record yet of those who work on it.
pub(super) fn today_on(state: &State, rules: &Config, now: Time, on: &AccountId) -> Used {
    let (day, recorded) = state.accounts.get(on).map(|standing| standing.used_today).unwrap_or_default();
    let mut used = if day == now.midnight() { recorded } else { Used::default() };
    for (id, watch) in &state.watches {
        if account::of(state, id) == Some(on) {
            used.add(&priced(rules, &watch.tally), TurnEnd::GoesOn);
        }
    }
    used
}

/// Makes the record of what is summed, and begins anew.
fn write(turn: &mut Turn<'_>, id: &AgentId, ended: TurnEnd) {
    let rules = turn.rules;
    let tally = turn.state.watches.get_mut(id).map(|watch| &mut watch.tally);
    let (since, counted_to, spent) = tally.map(|tally| tally.close(rules)).unwrap_or_default();
    if spent.is_empty() {
        return;
    }
    let account = account::of(turn.state, id).cloned();
    let billing = account::billing(turn.state, turn.rules, id);
    let phase = turn.agent(id).and_then(|agent| agent.phase.clone());
    turn.record(Record::Used { agent: id.clone(), phase, since, ended, spent, billing, counted_to, account });
}

/// What a model's tokens cost by the prices of this moment, if somebody told them.
pub(super) fn cost(rules: &Config, model: &str, tokens: &Tokens) -> Option<u64> {
    rules.prices.get(model).and_then(|price: &Price| price.cost(tokens))
}

fn priced(rules: &Config, tally: &Tally) -> Vec<Spent> {
    let cost = |spent: &Spent| cost(rules, &spent.model, &spent.tokens);
    tally.spent.values().map(|spent| Spent { cost: cost(spent), ..spent.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::time::DAY_MS;

    fn answer(message: &str, output: u64) -> Answer {
        let tokens = Tokens { input: 100, output, cache_read: 7, cache_write: 0 };
        Answer { message: message.to_string(), model: "m".to_string(), tokens, at: None }
    }

    #[test]
    fn an_answer_that_comes_in_parts_counts_once_and_at_its_most() {
        let mut tally = Tally::default();
        for part in [answer("a", 1), answer("b", 2), answer("a", 5), answer("a", 5), answer("b", 2)] {
            tally.count(part, Time(0));
        }
        let spent = &tally.spent["m"];
        assert_eq!((spent.messages, spent.tokens.input, spent.tokens.output, spent.tokens.cache_read), (2, 200, 7, 14));
    }

    #[test]
    fn a_program_that_makes_up_models_fills_no_memory() {
        let mut tally = Tally::default();
        for number in 0..10_000_u64 {
            let model = format!("model-{number}\u{1b}[2J{}", "x".repeat(1000));
            tally.count(Answer { model, ..answer(&number.to_string(), 1) }, Time(0));
        }
        assert_eq!(tally.spent.len(), MODELS + 1);
        assert_eq!(tally.recent.len(), RECENT);
        assert_eq!(tally.spent.values().map(|spent| spent.tokens.output).sum::<u64>(), 10_000);
        assert!(tally.spent.keys().all(|name| name.len() <= NAME_CAP));
        assert!(tally.spent.keys().all(|name| name.is_ascii()));
    }
    #[test]
    fn an_answer_whose_model_nobody_names_is_counted_as_of_another() {
        let mut tally = Tally::default();
        tally.count(Answer { model: "\u{1b}\u{7}".to_string(), ..answer("a", 3) }, Time(0));
        assert_eq!(tally.spent[OTHER].tokens.output, 3);
    }

    #[test]
    fn what_goes_on_over_midnight_belongs_to_the_day_on_which_it_began_however_late_it_is_written() {
        let (before, late) = (Time(5 * DAY_MS - 1), Time(5 * DAY_MS + 3_600_000));
        assert_eq!(Used::day_of(late, TurnEnd::GoesOn, before), Time(4 * DAY_MS));
        assert_eq!(Used::day_of(late, TurnEnd::Ended, before), Time(5 * DAY_MS));
    }
}
