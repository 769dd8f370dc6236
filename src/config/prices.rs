//! What tokens cost and who pays for them: `[prices.*]`, and an agent's `billing` and `budget`.
//!
//! No price is built in: they change, and a wrong one is worse than none. What nobody has told is unknown, never nothing.
//! All amounts are whole millionths, so that sums are exact.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeValue;

use crate::pilot::usage::Tokens;

use super::grammar;
use super::problem::quoted;
use super::raw::{Report, Table};
use super::values::{self, Wrong};

const LABEL: &str = "[prices.MODEL]";
/// More models than a fleet uses.
const PRICES_CAP: usize = 100;
/// Millionths in one.
const MICRO: u64 = 1_000_000;
/// Dollars for a million tokens; nobody asks more.
const DEAREST: u64 = 100_000;
/// Dollars, or millions of tokens, of a day.
const LARGEST: u64 = 1_000_000;

const BUDGET: &str = "an amount for a day, such as \"5 USD/day\" or \"2M tokens/day\"";

/// What a model's tokens cost, each in millionths of a dollar for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    pub output: u64,
    /// `None`: not told, and what was read from the cache has no known price.
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
}

/// How an agent's provider is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// A flat rate: what tokens would cost is what they are worth, and nobody pays it.
    Subscription,
    /// Each token is paid.
    Tokens,
    #[default]
    Unknown,
}

/// What an agent may use in a day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Millionths of a dollar.
    Money(u64),
    /// Input, output and what is written to the cache.
    Tokens(u64),
}

impl Price {
    /// What these tokens cost, in millionths of a dollar, rounded up; `None`: the price of some of them is not told.
    pub fn cost(&self, tokens: &Tokens) -> Option<u64> {
        let of = |count: u64, price: Option<u64>| match (count, price) {
            (0, _) => Some(0),
            (_, None) => None,
            (count, Some(price)) => Some(u128::from(count) * u128::from(price)),
        };
        let kinds = [
            of(tokens.input, Some(self.input)),
            of(tokens.output, Some(self.output)),
            of(tokens.cache_read, self.cache_read),
            of(tokens.cache_write, self.cache_write),
        ];
        let sum = kinds.into_iter().sum::<Option<u128>>()?;
        Some(u64::try_from(sum.div_ceil(u128::from(MICRO))).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Money(micro) => write!(f, "{} USD/day", dollars(*micro)),
            Budget::Tokens(tokens) => write!(f, "{tokens} tokens/day"),
        }
    }
}

/// `5`, `0.25`, `1.2345`: dollars from millionths, cents always, and no more digits than there are.
pub fn dollars(micro: u64) -> String {
    let digits = format!("{:06}", micro % MICRO);
    let part = digits.trim_end_matches('0');
    match part.len() {
        0 => format!("{}", micro / MICRO),
        1 => format!("{}.{part}0", micro / MICRO),
        _ => format!("{}.{part}", micro / MICRO),
    }
}

/// All prices that could be read, by the name of the model.
pub fn read(table: Table<'_>, report: &mut Report<'_>) -> BTreeMap<String, Price> {
    let mut prices = BTreeMap::new();
    for (name, mut table) in table.named(report, LABEL) {
        if grammar::model(&name.value).is_none() {
            report.refuse(&name, format!("the model's name {}", quoted(&name.value)), "a model's name");
            continue;
        }
        if prices.len() == PRICES_CAP {
            report.refuse(&name, "too many prices", format!("at most {PRICES_CAP}"));
            break;
        }
        let expected = "dollars for a million tokens";
        let input = table.need(report, "input", expected, price);
        let output = table.need(report, "output", expected, price);
        let cache_read = table.get(report, "cache_read", price).map(|price| price.value);
        let cache_write = table.get(report, "cache_write", price).map(|price| price.value);
        table.close(report);
        if let (Some(input), Some(output)) = (input, output) {
            prices.insert(name.value, Price { input: input.value, output: output.value, cache_read, cache_write });
        }
    }
    prices
}

/// An agent's `billing`.
pub fn billing(table: &mut Table<'_>, report: &mut Report<'_>) -> Billing {
    let words = [("subscription", Billing::Subscription), ("tokens", Billing::Tokens)];
    table.get(report, "billing", values::word("way of billing", &words)).map_or(Billing::Unknown, |way| way.value)
}

/// An agent's `budget`; `None`: it has none.
pub fn budget(table: &mut Table<'_>, report: &mut Report<'_>) -> Option<Budget> {
    table.get(report, "budget", values::checked(BUDGET, amount)).map(|budget| budget.value)
}

fn amount(text: &str) -> Option<Budget> {
    let (amount, unit) = text.trim().strip_suffix("/day")?.trim_end().split_once(' ')?;
    let (number, scale) = match amount.strip_suffix(['k', 'K']) {
        Some(number) => (number, 1_000),
        None => amount.strip_suffix('M').map_or((amount, 1), |number| (number, MICRO)),
    };
    let micro = micro(number)?;
    let budget = match (unit.trim(), scale) {
        ("USD", 1) => Budget::Money(micro),
        ("tokens", scale) => Budget::Tokens(u64::try_from(u128::from(micro) * u128::from(scale) / 1_000_000).ok()?),
        _ => return None,
    };
    let (Budget::Money(size) | Budget::Tokens(size)) = budget;
    (1..=LARGEST * MICRO).contains(&size).then_some(budget)
}

fn price(value: &Spanned<DeValue<'_>>) -> Result<u64, Wrong> {
    let expected = format!("dollars for a million tokens, 0 to {DEAREST}, such as 3.0 or 0.25");
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        other => return Err(Wrong::new(format!("found {}", values::kind(other)), expected)),
    };
    let read = micro(text).filter(|micro| *micro <= DEAREST * MICRO);
    read.ok_or_else(|| Wrong::new(format!("{text} is no price"), expected))
}

/// Millionths, from a decimal number with at most six digits behind its point.
fn micro(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<6}").parse().ok()?;
    whole.checked_mul(MICRO)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, budget) in [
            ("5 USD/day", Some(Budget::Money(5_000_000))),
            ("0.25 USD/day", Some(Budget::Money(250_000))),
            ("2M tokens/day", Some(Budget::Tokens(2_000_000))),
            ("1.5M tokens/day", Some(Budget::Tokens(1_500_000))),
            ("300k tokens/day", Some(Budget::Tokens(300_000))),
            ("300000 tokens/day", Some(Budget::Tokens(300_000))),
            ("0 USD/day", None),
            ("0.0000001 USD/day", None),
            ("5M USD/day", None),
            ("5 EUR/day", None),
            ("5 USD", None),
            ("USD/day", None),
            ("-5 USD/day", None),
            ("9999999999999999999999 tokens/day", None),
            ("99999999999999M tokens/day", None),
        ] {
            assert_eq!(amount(text), budget, "{text}");
        }
    }

    #[test]
    fn a_cost_is_exact_and_unknown_where_a_price_is() {
        let price = Price { input: 3_000_000, output: 15_000_000, cache_read: Some(300_000), cache_write: None };
        let tokens = |input, output, cache_read, cache_write| Tokens { input, output, cache_read, cache_write };
        assert_eq!(price.cost(&tokens(1_000_000, 0, 0, 0)), Some(3_000_000));
        assert_eq!(price.cost(&tokens(1, 1, 1, 0)), Some(19), "18.3 millionths, rounded up");
        assert_eq!(price.cost(&tokens(1, 1, 1, 1)), None);
        assert_eq!(price.cost(&tokens(0, 0, 0, 0)), Some(0));
        assert_eq!(price.cost(&tokens(u64::MAX, u64::MAX, 0, 0)), Some(u64::MAX));
    }

    #[test]
    fn dollars_are_written_as_people_do() {
        for (micro, text) in [(0, "0"), (5_000_000, "5"), (250_000, "0.25"), (1_500_000, "1.50"), (1, "0.000001")] {
            assert_eq!(dollars(micro), text);
        }
    }
}
