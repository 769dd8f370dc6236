//! `flightdeck usage`: what agents used, and what it cost, from the log.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::prices::Billing;
use crate::edge::store::{Filter, PAGE_CAP, Page, Reader, Row};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;
use crate::pilot::usage::{Spent, Tokens, TurnEnd, Used};
use crate::words::usage::{cost, count};

use super::error::CliError;
use super::exit::Exit;
use super::since::Since;
use super::table::Table;
use super::{Global, out, recorded, workspace};

/// Where nothing says from when.
const USUAL: Duration = Duration::from_hours(7 * 24);

/// Show tokens and what they cost, as agents' programs tell them; days are UTC
///
/// Reads the log, so it needs no engine; only turns that are over are in it. A cost is known where
/// [prices.MODEL] was told when the turn ended. Money by tokens and what a subscription is worth
/// are never added up. Wasted is what went into turns that an agent's end cut off. A handoff is
/// the time from claim(ID) to review(ID). Tiny calls that try accounts are of nobody.
///
/// Examples:
///   flightdeck usage
///   flightdeck usage --by day --since 30d
///   flightdeck usage --by handoff --json
///   flightdeck usage --by account
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What a row stands for
    #[arg(long, value_enum, default_value_t = By::Agent)]
    by: By,
    /// From this long ago (7d), or this time (2026-11-21T01:38:48Z) [default: 7d]
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Since>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Agent,
    Phase,
    Day,
    Model,
    Handoff,
    Account,
}

/// What went into one row.
#[derive(Debug, Default)]
struct Sum {
    turns: u64,
    tokens: Tokens,
    wasted_turns: u64,
    wasted: u64,
    money: BTreeMap<Billing, Money>,
}

/// What was used under one way of billing.
#[derive(Debug, Default)]
struct Money {
    tokens: u64,
    /// Millionths of a dollar: of all whose price was known.
    micro: u64,
    unpriced: u64,
}

/// A gate from its claim to its review.
struct Gate {
    name: String,
    from: Time,
    to: Option<Time>,
}

/// Prints it.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let root = workspace::find(global.workspace.as_deref())?;
    let from = args.since.unwrap_or(Since::Ago(USUAL)).time();
    let mut sums = Sums { by: args.by, gates: Vec::new(), rows: BTreeMap::new(), total: Sum::default() };
    if let Some(reader) = recorded::reader(&root)? {
        if args.by == By::Handoff {
            each(&reader, "handoff_seen", None, |row| sums.hand_off(&row))?;
        }
        each(&reader, "used", Some(from), |row| sums.count(&row))?;
        each(&reader, "account_probed", Some(from), |row| sums.try_out(&row))?;
    }
    if global.json {
        sums.json()?;
    } else if sums.rows.is_empty() {
        out::line("nothing is known to have been used")?;
    } else {
        out::text(&sums.table().render(out::columns()))?;
    }
    Ok(Exit::Done)
}

/// Goes through all records of a kind, a page at a time. One that can't be read is left out, as an engine would.
fn each(reader: &Reader, kind: &str, since: Option<Time>, mut take: impl FnMut(Row)) -> Result<(), CliError> {
    let filter = Filter { since, agent: None, kind: Some(kind.to_string()) };
    let mut after = 0;
    loop {
        let page = reader.rows(&filter, Page::After(after), PAGE_CAP).map_err(recorded::unreadable)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.stamp.seq;
        page.into_iter().for_each(&mut take);
    }
}

/// All rows, and what they come to together.
struct Sums {
    by: By,
    gates: Vec<Gate>,
    rows: BTreeMap<String, Sum>,
    total: Sum,
}

impl Sums {
    fn hand_off(&mut self, row: &Row) {
        let Ok(Record::HandoffSeen { handoff, .. }) = row.record() else { return };
        let at = row.stamp.at;
        match handoff.prefix.as_str() {
            "claim" => self.gates.push(Gate { name: handoff.gate, from: at, to: None }),
            "review" => {
                let open = self.gates.iter_mut().filter(|gate| gate.name == handoff.gate && gate.to.is_none());
                open.for_each(|gate| gate.to = Some(at));
            }
            _ => {}
        }
    }

    fn count(&mut self, row: &Row) {
        let Ok(Record::Used { agent, phase, since, ended, spent, billing, account, .. }) = row.record() else { return };
        let key = match self.by {
            By::Agent => agent.to_string(),
            By::Phase => phase.map_or("no phase".to_string(), |phase| phase.to_string()),
            By::Day => day(row.stamp, ended, since),
            By::Handoff => self.gate(since),
            By::Account => account.map_or("unknown".to_string(), |account| account.to_string()),
            // A turn that used two models stands in two rows, each with its part.
            By::Model => {
                for one in &spent {
                    let row = self.rows.entry(one.model.clone()).or_default();
                    row.add(std::slice::from_ref(one), ended, billing);
                }
                return self.total.add(&spent, ended, billing);
            }
        };
        self.rows.entry(key).or_default().add(&spent, ended, billing);
        self.total.add(&spent, ended, billing);
    }

    /// A tiny call on an account: of no agent, phase or handoff, and no turn.
    fn try_out(&mut self, row: &Row) {
        let Ok(Record::AccountProbed { account, spent, billing, .. }) = row.record() else { return };
        if spent.is_empty() {
            return;
        }
        let ended = TurnEnd::GoesOn;
        let keys: Vec<String> = match self.by {
            By::Account => vec![account.to_string()],
            By::Day => vec![day(row.stamp, TurnEnd::Ended, row.stamp.at)],
            By::Model => spent.iter().map(|one| one.model.clone()).collect(),
            By::Agent | By::Phase | By::Handoff => vec!["trying accounts".to_string()],
        };
        for (at, key) in keys.into_iter().enumerate() {
            let part = if self.by == By::Model { &spent[at..=at] } else { &spent[..] };
            self.rows.entry(key).or_default().add(part, ended, billing);
        }
        self.total.add(&spent, ended, billing);
    }

    /// What was claimed last and not reviewed when a turn began.
    fn gate(&self, since: Time) -> String {
        let open = |gate: &&Gate| gate.from <= since && gate.to.is_none_or(|to| since < to);
        self.gates.iter().rev().find(open).map_or("between".to_string(), |gate| gate.name.clone())
    }

    fn head(&self) -> &'static str {
        match self.by {
            By::Agent => "agent",
            By::Phase => "phase",
            By::Day => "day",
            By::Model => "model",
            By::Handoff => "handoff",
            By::Account => "account",
        }
    }

    fn table(&self) -> Table {
        let head = self.head().to_uppercase();
        let heads =
            [&head, "TURNS", "IN", "OUT", "CACHE READ", "CACHE WRITE", "PAID", "SUBSCRIPTION", "OTHER", "WASTED"];
        let mut table = Table::new(&heads);
        let rows = self.rows.iter().map(|(key, sum)| (key.as_str(), sum));
        for (key, sum) in rows.chain([("all", &self.total)]) {
            table.row(sum.cells(key));
        }
        table
    }

    fn json(&self) -> Result<(), CliError> {
        for (key, sum) in &self.rows {
            out::json(&sum.json(self.head(), &json!(key)))?;
        }
        out::json(&self.total.json(self.head(), &Value::Null))
    }
}

impl Sum {
    fn add(&mut self, spent: &[Spent], ended: TurnEnd, billing: Billing) {
        let wasted = ended == TurnEnd::Cut;
        self.turns += u64::from(ended.ends());
        self.wasted_turns += u64::from(wasted);
        let money = self.money.entry(billing).or_default();
        for spent in spent {
            let tokens = spent.tokens.sum();
            self.tokens.add(&spent.tokens);
            money.tokens = money.tokens.saturating_add(tokens);
            match spent.cost {
                Some(micro) => money.micro = money.micro.saturating_add(micro),
                None => money.unpriced = money.unpriced.saturating_add(tokens),
            }
            if wasted {
                self.wasted = self.wasted.saturating_add(tokens);
            }
        }
    }

    fn cells(&self, key: &str) -> [String; 10] {
        let money = |billing| self.money.get(&billing).map_or("-".to_string(), |m| cost(m.micro, m.unpriced, m.tokens));
        let Tokens { input, output, cache_read, cache_write } = self.tokens;
        let wasted = match self.wasted_turns {
            0 => "-".to_string(),
            1 => format!("{} in 1 turn", count(self.wasted)),
            turns => format!("{} in {turns} turns", count(self.wasted)),
        };
        let [input, output, cache_read, cache_write] = [input, output, cache_read, cache_write].map(count);
        let [paid, flat, other] = [Billing::Tokens, Billing::Subscription, Billing::Unknown].map(money);
        [key.to_string(), self.turns.to_string(), input, output, cache_read, cache_write, paid, flat, other, wasted]
    }

    fn json(&self, head: &str, key: &Value) -> Value {
        let money = |billing| {
            let Money { tokens, micro, unpriced } = self.money.get(&billing).unwrap_or(&Money::NONE);
            json!({ "tokens": tokens, "micro_dollars": micro, "unpriced_tokens": unpriced })
        };
        json!({
            head: key,
            "turns": self.turns,
            "input": self.tokens.input,
            "output": self.tokens.output,
            "cache_read": self.tokens.cache_read,
            "cache_write": self.tokens.cache_write,
            "paid": money(Billing::Tokens),
            "subscription": money(Billing::Subscription),
            "other": money(Billing::Unknown),
            "wasted_turns": self.wasted_turns,
            "wasted_tokens": self.wasted,
        })
    }
}

impl Money {
    const NONE: Money = Money { tokens: 0, micro: 0, unpriced: 0 };
}

/// `2026-11-21`; what goes on over midnight is written down after it.
fn day(stamp: Stamp, ended: TurnEnd, since: Time) -> String {
    Used::day_of(stamp.at, ended, since).utc().format("%Y-%m-%d").to_string()
}

fn since(word: &str) -> Result<Since, String> {
    Since::parse(word).ok_or_else(|| "expected 7d or 2026-11-21T01:38:48Z".to_string())
}
