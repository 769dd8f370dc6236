//! What the recorder asks of the archive: pages of the past, folded where they are read, so that the loop gets points and not
//! records; and what was said and shown at one moment.

use std::path::Path;

use crate::cockpit::lanes::Lanes;
use crate::edge::store::screens::{KeptScreen, ScreensReader};
use crate::edge::store::{Filter, Page, Reader, Row, StoreError};
use crate::pilot::fact::Stamp;
use crate::pilot::id::AgentId;
use crate::pilot::time::Time;
use crate::words::sentence::sentence;

/// Rows of a page: read and folded within some 20 ms, in which another question may have to wait.
const PAGE: u32 = 4_000;

/// The records before number `before` and after number `after`, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub before: u64,
    pub after: u64,
}

/// One page of them.
#[derive(Debug)]
pub struct Past {
    pub lanes: Lanes,
    /// Nothing lies before it in the log, or nothing that was asked for.
    pub complete: bool,
}

/// A moment of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    pub agent: AgentId,
    pub at: Time,
    /// The numbers of the records that tell about it.
    pub seqs: Vec<u64>,
}

/// What was found about it.
#[derive(Debug, Default)]
pub struct Told {
    pub records: Vec<(Stamp, String)>,
    pub screen: Option<KeptScreen>,
}

/// Reads a page.
pub(in crate::cockpit) fn read(log: &Reader, stretch: &Stretch) -> Result<Past, StoreError> {
    let rows = log.rows(&Filter::default(), Page::Before(stretch.before), PAGE)?;
    Ok(fold(&rows, stretch))
}

fn fold(rows: &[Row], stretch: &Stretch) -> Past {
    let first = rows.first().map_or(0, |row| row.stamp.seq);
    let full = rows.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
    let complete = !full || first <= stretch.after + 1;
    // A page that is the last one covers all that was asked for: pruned logs have holes.
    let begin = if complete { stretch.after } else { first - 1 };
    let mut lanes = Lanes::after(begin);
    for row in rows.iter().filter(|row| row.stamp.seq > begin) {
        match Some(row).filter(|row| Lanes::reads(&row.kind)).map(Row::record) {
            Some(Ok(record)) => lanes.push(row.stamp, &record),
            // A damaged row is the logbook's to show.
            Some(Err(_)) | None => {
                lanes.pass(row.stamp);
            }
        }
    }
    lanes.cover(stretch.before - 1);
    Past { lanes, complete }
}

/// The records of a moment as sentences.
pub(in crate::cockpit) fn sentences(log: &Reader, moment: &Moment) -> Result<Vec<(Stamp, String)>, StoreError> {
    let mut told = Vec::new();
    for seq in &moment.seqs {
        let rows = log.rows(&Filter::default(), Page::After(seq.saturating_sub(1)), 1)?;
        let row = rows.first().filter(|row| row.stamp.seq == *seq);
        if let Some((stamp, record)) = row.and_then(|row| Some((row.stamp, row.record().ok()?))) {
            told.push((stamp, sentence(&record)));
        }
    }
    Ok(told)
}

/// The screen as it was; none where none was kept.
pub(in crate::cockpit) fn screen(kept: &Path, moment: &Moment) -> Option<KeptScreen> {
    // Opened anew each time: the engine may put a new file in its place, and a cursor that rests asks nothing.
    ScreensReader::open(kept).ok()?.at(&moment.agent, moment.at)
}
