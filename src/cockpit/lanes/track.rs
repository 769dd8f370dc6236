//! A lane's points in time, in blocks that know how long each code lasted inside them: a cell of a week's view that spans
//! thousands of points is added up from blocks, and neither end of the track ever moves what lies in it.

use std::collections::VecDeque;

use crate::pilot::time::Time;

/// Points in a block: small enough that the two blocks at a cell's edges are gone through in a moment, large enough that
/// the sums weigh little beside the points.
const BLOCK: usize = 64;
/// Codes a track tells apart.
pub const CODES: usize = 10;

/// From here on it is `code`, by the record `seq`. 16 bytes, since a week of a restless fleet has a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub at: Time,
    packed: u64,
}

impl Point {
    /// A point; numbers above 2^56 are no log's.
    pub fn new(at: Time, seq: u64, code: u8) -> Self {
        Point { at, packed: (seq << 8) | u64::from(code) }
    }

    /// The same, at `time` at the earliest: a restarted engine's clock may be behind the one before.
    pub fn not_before(self, time: Time) -> Self {
        Point { at: self.at.max(time), ..self }
    }

    /// Number of the record that tells it.
    pub fn seq(self) -> u64 {
        self.packed >> 8
    }

    /// What it is from here on.
    pub fn code(self) -> usize {
        usize::try_from(self.packed & 0xff).unwrap_or(0)
    }
}

/// Points in the order of their time, without end: the last one lasts until somebody says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Track {
    blocks: VecDeque<Block>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Block {
    points: Vec<Point>,
    /// Milliseconds of each code from the first point to the last.
    spent: [u32; CODES],
}

impl Block {
    fn first(&self) -> Time {
        self.points.first().map_or(Time(0), |point| point.at)
    }

    fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    fn push(&mut self, point: Point) {
        if let Some(last) = self.points.last() {
            let span = u32::try_from(point.at.since(last.at).as_millis()).unwrap_or(u32::MAX);
            if let Some(spent) = self.spent.get_mut(last.code()) {
                *spent = spent.saturating_add(span);
            }
        }
        self.points.push(point);
    }
}

impl Track {
    /// Adds a point at the end, at the last one's time at the earliest.
    pub fn push(&mut self, point: Point) {
        let point = self.last().map_or(point, |last| point.not_before(last.at));
        self.len += 1;
        match self.blocks.back_mut().filter(|block| block.points.len() < BLOCK) {
            Some(block) => block.push(point),
            None => self.blocks.push_back(Block { points: vec![point], spent: [0; CODES] }),
        }
    }

    /// Puts what was before in front.
    pub fn put_before(&mut self, mut older: Track) {
        self.len += older.len;
        older.blocks.iter_mut().for_each(|block| block.points.shrink_to_fit());
        for block in older.blocks.into_iter().rev() {
            self.blocks.push_front(block);
        }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When its oldest point was.
    pub fn oldest(&self) -> Option<Time> {
        self.blocks.front().map(Block::first)
    }

    /// Its newest point.
    pub fn last(&self) -> Option<Point> {
        self.blocks.back()?.last().copied()
    }

    /// Forgets the oldest block; returns how many points that were.
    pub fn forget_oldest(&mut self) -> usize {
        let gone = self.blocks.pop_front().map_or(0, |block| block.points.len());
        self.len -= gone;
        gone
    }

    /// Forgets the blocks that were over at `until`; returns how many points that were.
    pub fn forget_before(&mut self, until: Time) -> usize {
        let mut gone = 0;
        while self.blocks.get(1).is_some_and(|next| next.first() <= until) {
            gone += self.forget_oldest();
        }
        gone
    }

    /// The point in force at a moment, and when the next one comes. `None`: it begins later.
    pub fn at(&self, at: Time) -> Option<(Point, Option<Time>)> {
        let block = self.blocks.partition_point(|block| block.first() <= at).checked_sub(1)?;
        let points = &self.blocks.get(block)?.points;
        let place = points.partition_point(|point| point.at <= at).checked_sub(1)?;
        let next = points.get(place + 1).map(|point| point.at);
        Some((points[place], next.or_else(|| self.blocks.get(block + 1).map(Block::first))))
    }

    /// Milliseconds of each code from `from` to `to`.
    pub fn spent(&self, from: Time, to: Time) -> [u64; CODES] {
        let mut spent = [0; CODES];
        let first = self.blocks.partition_point(|block| block.first() <= from).saturating_sub(1);
        for (at, block) in self.blocks.iter().enumerate().skip(first) {
            if block.first() >= to {
                break;
            }
            let end = self.blocks.get(at + 1).map_or(to, Block::first);
            let inside = block.last().is_some_and(|last| last.at <= to) && end <= to;
            if inside && block.first() >= from {
                block.add_whole(end, &mut spent);
            } else {
                block.add_part((from, to), end, &mut spent);
            }
        }
        spent
    }
}

impl Block {
    fn add_whole(&self, end: Time, spent: &mut [u64; CODES]) {
        for (sum, own) in spent.iter_mut().zip(self.spent) {
            *sum += u64::from(own);
        }
        if let Some(last) = self.last() {
            add(spent, last.code(), last.at, end);
        }
    }

    fn add_part(&self, (from, to): (Time, Time), end: Time, spent: &mut [u64; CODES]) {
        let first = self.points.partition_point(|point| point.at <= from).saturating_sub(1);
        for (at, point) in self.points.iter().enumerate().skip(first) {
            if point.at >= to {
                break;
            }
            let next = self.points.get(at + 1).map_or(end, |next| next.at);
            add(spent, point.code(), point.at.max(from), next.min(to));
        }
    }
}

fn add(spent: &mut [u64; CODES], code: usize, from: Time, to: Time) {
    if let Some(sum) = spent.get_mut(code) {
        *sum += u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn track(points: &[(i64, u8)]) -> Track {
        let mut track = Track::default();
        for (seq, (at, code)) in (1..).zip(points) {
            track.push(Point::new(Time(*at), seq, *code));
        }
        track
    }

    #[test]
    fn a_point_lasts_until_the_next_and_the_last_one_for_ever() {
        let track = track(&[(100, 1), (200, 2)]);
        assert_eq!(track.at(Time(99)), None);
        assert_eq!(track.at(Time(150)), Some((Point::new(Time(100), 1, 1), Some(Time(200)))));
        assert_eq!(track.at(Time(999)), Some((Point::new(Time(200), 2, 2), None)));
    }

    #[test]
    fn time_before_the_first_point_belongs_to_nothing() {
        let spent = track(&[(100, 1), (200, 2)]).spent(Time(0), Time(250));
        assert_eq!((spent[0], spent[1], spent[2]), (0, 100, 50));
    }

    #[test]
    fn what_is_over_is_forgotten_in_blocks_and_what_lasts_stays() {
        let mut track = track(&(0..200).map(|at| (at, 1)).collect::<Vec<_>>());
        assert_eq!(track.forget_before(Time(130)), 128);
        assert_eq!((track.len(), track.oldest()), (72, Some(Time(128))));
        assert_eq!(track.forget_before(Time(9_999)), 64, "the last block is in force still");
    }

    proptest! {
        /// Blocks, however they came together, add up to what the points say one by one.
        #[test]
        fn blocks_add_up_like_their_points(
            steps in prop::collection::vec((0_i64..50, 0_u8..10), 1..400),
            cut in 0_usize..400,
            window in (0_i64..12_000, 0_i64..12_000),
        ) {
            let mut at = 0;
            let points: Vec<(i64, u8)> = steps.iter().map(|(step, code)| { at += step; (at, *code) }).collect();
            let cut = cut.min(points.len());
            let mut joined = track(&points[cut..]);
            joined.put_before(track(&points[..cut]));
            let (from, to) = (window.0.min(window.1), window.0.max(window.1));
            let mut slow = [0_u64; CODES];
            for (index, (start, code)) in points.iter().enumerate() {
                let end = points.get(index + 1).map_or(to, |next| next.0);
                slow[usize::from(*code)] += u64::try_from(end.min(to) - (*start).max(from)).unwrap_or(0);
            }
            prop_assert_eq!(joined.spent(Time(from), Time(to)), slow);
            prop_assert_eq!(joined.len(), points.len());
        }
    }
}
