//! One column of a lane: what an agent did in a span of time, as one colour and one height.
//!
//! The colour is the state that took most of the time, but one that needs the operator has it from an eighth on. Shorter
//! troubles are not lost: they have marks. The height is how busy the agent was, all its states weighed by their time:
//! a day of work with short waits is a high green wall with notches, a quiet night a low line.

use crate::cockpit::lanes::CODES;
use crate::cockpit::tint::Tint;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) tint: Tint,
    /// Height in eighths of a row, from 1 to 8.
    pub(super) eighths: u8,
}

/// From this share of the time on a state that needs the operator gives its colour: one part in so many.
const LOUD: u64 = 8;

impl Cell {
    /// From the milliseconds of each state. `None`: nothing is known of that time.
    pub(super) fn of(spent: &[u64; CODES]) -> Option<Self> {
        let all: u64 = spent.iter().sum();
        let most = Tint::ALL.into_iter().max_by_key(|tint| (spent[*tint as usize], std::cmp::Reverse(*tint)))?;
        if all == 0 {
            return None;
        }
        let loud = Tint::ALL.into_iter().filter(|tint| needs_operator(*tint));
        let loudest = loud.filter(|tint| spent[*tint as usize] * LOUD >= all).max_by_key(|tint| spent[*tint as usize]);
        if let Some(tint) = loudest {
            return Some(Cell { tint, eighths: height(tint) });
        }
        let weighed: u64 = Tint::ALL.into_iter().map(|tint| spent[tint as usize] * u64::from(height(tint))).sum();
        let eighths = u8::try_from((weighed + all / 2) / all).unwrap_or(8).clamp(1, 8);
        Some(Cell { tint: most, eighths })
    }
}

fn needs_operator(tint: Tint) -> bool {
    matches!(tint, Tint::Asks | Tint::Held | Tint::Down)
}

/// How high a state stands: work and trouble high, rest low.
fn height(tint: Tint) -> u8 {
    match tint {
        Tint::Working | Tint::Asks | Tint::Held | Tint::Down => 8,
        Tint::Waiting | Tint::Limited => 4,
        Tint::Moving => 5,
        Tint::Idle | Tint::Unknown => 2,
        Tint::Rests => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(spent: &[(Tint, u64)]) -> Option<(Tint, u8)> {
        let mut all = [0; CODES];
        for (tint, ms) in spent {
            all[*tint as usize] = *ms;
        }
        Cell::of(&all).map(|cell| (cell.tint, cell.eighths))
    }

    #[test]
    fn the_longest_state_colours_a_column_and_all_of_them_its_height() {
        assert_eq!(cell(&[]), None);
        assert_eq!(cell(&[(Tint::Working, 10)]), Some((Tint::Working, 8)));
        assert_eq!(cell(&[(Tint::Working, 50), (Tint::Waiting, 50)]), Some((Tint::Working, 6)));
        assert_eq!(cell(&[(Tint::Working, 10), (Tint::Idle, 90)]), Some((Tint::Idle, 3)));
        assert_eq!(cell(&[(Tint::Rests, 1)]), Some((Tint::Rests, 1)));
    }

    #[test]
    fn trouble_takes_the_colour_from_an_eighth_on() {
        assert_eq!(cell(&[(Tint::Working, 880), (Tint::Held, 120)]), Some((Tint::Working, 8)));
        assert_eq!(cell(&[(Tint::Working, 870), (Tint::Held, 130)]), Some((Tint::Held, 8)));
        assert_eq!(cell(&[(Tint::Asks, 300), (Tint::Down, 400), (Tint::Idle, 500)]), Some((Tint::Down, 8)));
    }
}
