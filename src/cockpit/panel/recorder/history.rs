//! How lanes come to be: the present from the link, the past from the log, as far back as somebody looks. After a time without
//! an engine, what was missed is read first and then joined to what was known before.

use crate::cockpit::lanes::{Lanes, MOST, WEEK};
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

use super::past::{Past, Stretch};

/// Between two looks for what is older than a week, in records.
const SWEEP: u64 = 1_024;

/// The lanes and how far they are known.
#[derive(Debug, Default)]
pub(super) struct History {
    lanes: Option<Lanes>,
    /// What was known before the connection was lost; between it and `lanes` something is missing.
    before_gap: Option<Lanes>,
    /// Nothing older is to be had.
    complete: bool,
    asked: Option<Stretch>,
}

impl History {
    /// What is known.
    pub(super) fn lanes(&self) -> Option<&Lanes> {
        self.lanes.as_ref()
    }

    /// When the first thing happened that is known, if the log was read to its beginning.
    pub(super) fn beginning(&self) -> Option<Time> {
        self.lanes.as_ref().filter(|_| self.complete && self.before_gap.is_none())?.oldest()
    }

    /// More of the past is on its way.
    pub(super) fn is_loading(&self) -> bool {
        self.asked.is_some()
    }

    /// A connection stands; from here on every record after number `seq` is heard.
    pub(super) fn joined(&mut self, seq: u64) {
        let known = self.lanes.take().filter(|lanes| lanes.to() > 0);
        match known {
            Some(lanes) if lanes.to() >= seq => {
                self.lanes = Some(lanes);
                return;
            }
            // Nothing is missing between the two; a second gap before the first was filled forgets what lies between them.
            Some(lanes) => self.before_gap = self.before_gap.take().or(Some(lanes)),
            None => self.complete = false,
        }
        self.asked = None;
        self.lanes = Some(Lanes::after(seq));
    }

    /// A record over the link.
    pub(super) fn heard(&mut self, stamp: Stamp, record: &Record) {
        let Some(lanes) = &mut self.lanes else { return };
        lanes.push(stamp, record);
        if stamp.seq.is_multiple_of(SWEEP) {
            lanes.forget_before(stamp.at - WEEK);
        }
    }

    /// What is to be read next, so that all since `need` is known.
    pub(super) fn wants(&mut self, need: Time) -> Option<Stretch> {
        let lanes = self.lanes.as_ref()?;
        let known = lanes.oldest().is_some_and(|oldest| oldest <= need);
        let gap = self.before_gap.as_ref();
        if self.asked.is_some() || (gap.is_none() && (self.complete || known)) {
            return None;
        }
        self.asked = Some(Stretch { before: lanes.from(), after: gap.map_or(0, Lanes::to) });
        self.asked
    }

    /// A page of the past. Tells whether it changes anything.
    pub(super) fn found(&mut self, stretch: Stretch, past: Result<Past, String>) -> bool {
        let Some(lanes) = self.lanes.as_mut().filter(|_| self.asked == Some(stretch)) else { return false };
        self.asked = None;
        let Ok(past) = past else {
            // A log that can't be read now is read after the next connection.
            self.complete = true;
            self.before_gap = None;
            return true;
        };
        let limit = past.lanes.oldest().is_some_and(|oldest| oldest < newest(lanes) - WEEK);
        lanes.put_before(past.lanes);
        if past.complete {
            match self.before_gap.take() {
                Some(before) => {
                    lanes.put_before(before);
                }
                None => self.complete = true,
            }
        }
        if limit || lanes.count() >= MOST {
            (self.complete, self.before_gap) = (true, None);
        }
        true
    }
}

fn newest(lanes: &Lanes) -> Time {
    lanes.newest().unwrap_or_default()
}

#[cfg(test)]
mod tests;
