//! Tokens and money as people read them.

use crate::pilot::id::AgentId;
use crate::pilot::usage::{Spent, Tokens, TurnEnd, Used};

/// `950`, `12.3k`, `4.5M`: three digits of what matters, rounded down.
pub fn count(tokens: u64) -> String {
    match tokens {
        0..=999 => tokens.to_string(),
        1_000..=999_999 => tenths(tokens / 100, "k"),
        1_000_000..=999_999_999 => tenths(tokens / 100_000, "M"),
        _ => tenths(tokens / 100_000_000, "G"),
    }
}

fn tenths(tenths: u64, unit: &str) -> String {
    if tenths >= 1000 { format!("{}{unit}", tenths / 10) } else { format!("{}.{}{unit}", tenths / 10, tenths % 10) }
}

/// `$12.30` from millionths of a dollar, to the cent; less than half a cent is `<$0.01`, and nothing only where there is nothing.
pub fn money(micro: u64) -> String {
    let cents = micro.saturating_add(5_000) / 10_000;
    match (micro, cents) {
        (1.., 0) => "<$0.01".to_string(),
        _ => format!("${}.{:02}", cents / 100, cents % 100),
    }
}

/// What is known of a cost, of so many tokens in all: `$1.20`, `unknown`, `$1.20 + unknown`, `-` where nothing was used.
pub fn cost(micro: u64, unpriced: u64, tokens: u64) -> String {
    match (unpriced, micro) {
        _ if tokens == 0 => "-".to_string(),
        (0, _) => money(micro),
        (_, 0) => "unknown".to_string(),
        _ => format!("{} + unknown", money(micro)),
    }
}

/// `1.2k in, 300 out, 20.1k cached`
pub fn tokens(tokens: &Tokens) -> String {
    let cached = tokens.cache_read.saturating_add(tokens.cache_write);
    let cached = if cached == 0 { String::new() } else { format!(", {} cached", count(cached)) };
    format!("{} in, {} out{cached}", count(tokens.input), count(tokens.output))
}

/// What something used, behind the words for it; empty where it used nothing.
pub fn in_all(spent: &[Spent]) -> String {
    let mut sum = Used::default();
    sum.add(spent, TurnEnd::GoesOn);
    let cost = cost(sum.cost, sum.unpriced, sum.tokens.sum());
    if sum.tokens.sum() == 0 { String::new() } else { format!(" ({}, cost {cost})", tokens(&sum.tokens)) }
}

/// The record of a turn.
pub fn used(agent: &AgentId, ended: TurnEnd, spent: &[Spent]) -> String {
    let mut sum = Used::default();
    sum.add(spent, ended);
    let turn = match ended {
        TurnEnd::Ended => "its turn used",
        TurnEnd::Failed => "its turn failed, and used",
        TurnEnd::Cut => "its turn was cut off, and wasted",
        TurnEnd::GoesOn => "its turn goes on over midnight, and used",
    };
    let cost = cost(sum.cost, sum.unpriced, sum.tokens.sum());
    let models: Vec<&str> = spent.iter().map(|spent| spent.model.as_str()).collect();
    format!("{agent}: {turn} {} (cost {cost}, {})", tokens(&sum.tokens), models.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits_and_are_never_more_than_there_is() {
        for (tokens, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (99_999, "99.9k"),
            (123_456, "123k"),
            (999_999, "999k"),
            (1_000_000, "1.0M"),
            (2_345_678_901, "2.3G"),
        ] {
            assert_eq!(count(tokens), text);
        }
    }

    #[test]
    fn unknown_is_said_and_nothing_is_never_a_price() {
        assert_eq!(cost(0, 0, 0), "-");
        assert_eq!(cost(0, 5, 5), "unknown");
        assert_eq!(cost(1_200_000, 5, 10), "$1.20 + unknown");
        assert_eq!(cost(1_200_000, 0, 10), "$1.20");
        assert_eq!(cost(1, 0, 10), "<$0.01");
        assert_eq!(cost(0, 0, 10), "$0.00", "a price of 0 was told");
    }
}
