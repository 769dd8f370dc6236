//! Which stretch of time is looked at, in how many columns, and where the cursor stands. Columns begin at whole multiples of
//! their width in time, so that what is past never flickers while the present moves on.

use std::time::Duration;

use crate::cockpit::lanes::WEEK;
use crate::pilot::time::Time;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How much time is seen at once, the closest first: milliseconds and words.
pub(super) const SPANS: [(i64, &str); 12] = [
    (MINUTE, "1 minute"),
    (3 * MINUTE, "3 minutes"),
    (10 * MINUTE, "10 minutes"),
    (30 * MINUTE, "30 minutes"),
    (HOUR, "1 hour"),
    (3 * HOUR, "3 hours"),
    (6 * HOUR, "6 hours"),
    (12 * HOUR, "12 hours"),
    (DAY, "1 day"),
    (2 * DAY, "2 days"),
    (4 * DAY, "4 days"),
    (7 * DAY, "7 days"),
];
/// Round distances between two ticks of the axis.
const STEPS: [i64; 18] = [
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
];
/// Where the last hour stands among the spans.
const HOUR_SPAN: usize = 4;
/// Columns that a tick needs for its words and some air.
const TICK: i64 = 10;

/// How the operator looks at time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gaze {
    /// Which of [`SPANS`].
    span: usize,
    /// The operator has chosen it.
    chosen: bool,
    /// Right edge and cursor; `None`: both follow the present.
    fixed: Option<Fixed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed {
    right: Time,
    cursor: Time,
}

impl Default for Gaze {
    /// The last hour.
    fn default() -> Self {
        Gaze { span: HOUR_SPAN, chosen: false, fixed: None }
    }
}

/// The gaze on a place of so many columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Milliseconds of a column.
    pub(super) cell: i64,
    /// The first column's number since the beginning of time.
    pub(super) first: i64,
    pub(super) columns: u16,
    /// The cursor's column.
    pub(super) cursor: u16,
}

impl Window {
    /// When a column begins.
    pub(super) fn begin(&self, column: u16) -> Time {
        Time((self.first + i64::from(column)) * self.cell)
    }

    /// The column of a moment.
    pub(super) fn column(&self, at: Time) -> Option<u16> {
        let column = at.0.div_euclid(self.cell) - self.first;
        u16::try_from(column).ok().filter(|column| *column < self.columns)
    }

    /// How many of its columns are over at a moment.
    pub(super) fn over(&self, at: Time) -> usize {
        let over = at.0.div_euclid(self.cell) - self.first;
        usize::try_from(over).unwrap_or(0).min(usize::from(self.columns))
    }

    /// Where the window ends.
    pub(super) fn end(&self) -> Time {
        self.begin(self.columns)
    }

    /// Columns at which a round time begins, and how to write it.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (u16, String)> {
        let step = STEPS.into_iter().find(|step| *step >= TICK * self.cell).unwrap_or(7 * DAY);
        let first = self.begin(0).0.div_euclid(step) + 1;
        let last = self.end().0.div_euclid(step);
        (first..=last).filter_map(move |number| {
            let at = Time(number * step);
            let words = match at.0 {
                at if at.rem_euclid(DAY) == 0 => "%a %-d",
                _ if step < MINUTE => "%H:%M:%S",
                _ => "%H:%M",
            };
            Some((self.column(at)?, at.utc().format(words).to_string()))
        })
    }
}

impl Gaze {
    /// Its window.
    pub(super) fn window(&self, columns: u16, now: Time) -> Window {
        let columns = columns.max(1);
        let cell = (SPANS[self.span].0 / i64::from(columns)).max(1);
        let right = self.fixed.map_or(now, |fixed| fixed.right.min(now));
        let first = right.0.div_euclid(cell) + 1 - i64::from(columns);
        let at = |at: Time| (at.0.div_euclid(cell) - first).clamp(0, i64::from(columns) - 1);
        let cursor = self.fixed.map_or(i64::from(columns) - 1, |fixed| at(fixed.cursor));
        Window { cell, first, columns, cursor: u16::try_from(cursor).unwrap_or(0) }
    }

    /// The moment under the cursor; `None`: the present.
    pub(super) fn cursor(&self) -> Option<Time> {
        self.fixed.map(|fixed| fixed.cursor)
    }

    /// How much is seen, in words.
    pub(super) fn span(&self) -> &'static str {
        SPANS[self.span].1
    }

    /// How much is seen.
    pub(super) fn reach(&self) -> Duration {
        Duration::from_millis(SPANS[self.span].0.unsigned_abs())
    }

    /// A past that is shorter than an hour is seen from nearer, until the operator chooses.
    pub(super) fn fit(&mut self, age: Duration) {
        if !self.chosen {
            let wanted = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            let near = SPANS[..HOUR_SPAN].iter().position(|(span, _)| *span >= wanted);
            self.span = near.unwrap_or(HOUR_SPAN);
        }
    }

    /// Back to the present.
    pub(super) fn follow(&mut self) {
        self.fixed = None;
    }

    /// Moves the cursor over some columns. At the present it follows again.
    pub(super) fn go(&mut self, by: i64, columns: u16, now: Time) {
        let window = self.window(columns, now);
        let number = window.first + i64::from(window.cursor) + by;
        // The end of a column, so that what is told is how the column ended.
        self.look_at(Time((number + 1) * window.cell - 1), columns, now);
    }

    /// Puts the cursor on a moment, and the window around it.
    pub(super) fn look_at(&mut self, at: Time, columns: u16, now: Time) {
        let window = self.window(columns, now);
        let at = at.max(now - WEEK);
        let number = at.0.div_euclid(window.cell);
        if number >= now.0.div_euclid(window.cell) {
            return self.follow();
        }
        let right = self.fixed.map_or(now, |fixed| fixed.right);
        let quarter = i64::from(window.columns / 4);
        let right = match number - window.first {
            // Whoever leaves the window wants to see more of where he goes.
            i64::MIN..0 => Time((number - quarter + i64::from(window.columns)) * window.cell - 1),
            column if column >= i64::from(window.columns) => Time((number + quarter + 1) * window.cell - 1),
            _ => right,
        };
        self.fixed = Some(Fixed { right: right.min(now), cursor: at });
    }

    /// Closer (`-1`) or farther (`1`); what is under the cursor stays there.
    pub(super) fn zoom(&mut self, by: isize, columns: u16, now: Time) {
        let column = i64::from(self.window(columns, now).cursor);
        self.chosen = true;
        self.span = self.span.saturating_add_signed(by).min(SPANS.len() - 1);
        if let Some(fixed) = &mut self.fixed {
            let cell = (SPANS[self.span].0 / i64::from(columns.max(1))).max(1);
            let last = fixed.cursor.0.div_euclid(cell) - column + i64::from(columns);
            fixed.right = Time(last * cell - 1).min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_225_128_123);

    #[test]
    fn the_present_stands_in_the_last_column_and_the_past_stays_where_it_is() {
        let gaze = Gaze::default();
        let (early, late) = (gaze.window(60, NOW), gaze.window(60, NOW + Duration::from_secs(61)));
        assert_eq!((early.column(NOW), early.cell), (Some(59), MINUTE));
        assert_eq!(early.begin(1), late.begin(0), "a minute later all has moved by a column, and by no less");
    }

    #[test]
    fn a_step_from_the_present_holds_the_window_and_a_step_back_follows_again() {
        let mut gaze = Gaze::default();
        gaze.go(-1, 60, NOW);
        let held = gaze.window(60, NOW);
        assert_eq!((held.cursor, gaze.cursor().is_some()), (58, true));
        assert_eq!(gaze.window(60, NOW + Duration::from_secs(600)), held);
        gaze.go(1, 60, NOW);
        assert_eq!(gaze.cursor(), None);
    }

    #[test]
    fn the_cursor_takes_the_window_along_and_stops_a_week_ago() {
        let mut gaze = Gaze::default();
        gaze.go(-70, 60, NOW);
        let window = gaze.window(60, NOW);
        assert_eq!((window.cursor, window.column(NOW)), (15, None));
        gaze.go(-1_000_000, 60, NOW);
        assert_eq!(gaze.cursor(), Some(NOW - WEEK));
        gaze.go(1_000_000, 60, NOW);
        assert_eq!(gaze.cursor(), None);
    }

    #[test]
    fn zoom_stops_at_a_minute_and_a_week_and_keeps_what_is_under_the_cursor() {
        let mut gaze = Gaze::default();
        gaze.go(-100, 60, NOW);
        let (at, column) = (gaze.cursor(), gaze.window(60, NOW).cursor);
        gaze.zoom(-1, 60, NOW);
        assert_eq!((gaze.span(), gaze.cursor(), gaze.window(60, NOW).cursor), ("30 minutes", at, column));
        gaze.zoom(2, 60, NOW);
        assert_eq!((gaze.span(), gaze.window(60, NOW).cursor), ("3 hours", 26), "the future is not shown");
        gaze.zoom(-99, 60, NOW);
        assert_eq!(gaze.span(), "1 minute");
        gaze.zoom(99, 60, NOW);
        assert_eq!((gaze.span(), gaze.cursor()), ("7 days", at));
    }

    #[test]
    fn a_young_past_is_seen_from_near_until_the_operator_chooses() {
        let mut gaze = Gaze::default();
        for (seconds, words) in
            [(0, "1 minute"), (61, "3 minutes"), (200, "10 minutes"), (1_801, "1 hour"), (99_999, "1 hour")]
        {
            gaze.fit(Duration::from_secs(seconds));
            assert_eq!(gaze.span(), words, "{seconds}");
        }
        gaze.zoom(1, 60, NOW);
        gaze.fit(Duration::ZERO);
        assert_eq!(gaze.span(), "3 hours");
    }

    #[test]
    fn ticks_are_round_and_have_room() {
        let mut gaze = Gaze::default();
        let ticks = |gaze: &Gaze, columns| gaze.window(columns, NOW).ticks().collect::<Vec<_>>();
        let words = |gaze: &Gaze| ticks(gaze, 60).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(words(&gaze), ["00:40", "00:50", "01:00", "01:10", "01:20", "01:30"]);
        assert!(ticks(&gaze, 300).windows(2).all(|two| two[1].0 - two[0].0 >= 10));
        gaze.zoom(4, 60, NOW);
        assert_eq!(words(&gaze), ["06:00", "12:00", "18:00", "Sat 21"]);
    }
}
