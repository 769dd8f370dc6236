//! The writer of the log at work in a thread of its own: a disk that takes seconds for a sync holds up what waits for the
//! writing, and nobody else (fault S5). One batch at a time; what is written first is decided by whoever calls.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Store, StoreError};
use crate::edge::spawn;
use crate::pilot::fact::Stamp;
use crate::pilot::record::Record;
use crate::pilot::time::Time;

/// Between two looks for what is old: an engine may live for a year, and a day of records is gone in a moment.
const PRUNING: Duration = Duration::from_secs(86_400);

/// What is to be written: records that share their time are one transaction.
struct Batch {
    records: Vec<(Stamp, Record)>,
    durable: bool,
    oldest: Time,
    /// The state after them, where it is time to keep it.
    state: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Written {
    /// How many of its records are in the log.
    pub records: usize,
    /// Why the others are not.
    pub error: Option<StoreError>,
}

/// The caller's end. The thread ends with it.
#[derive(Debug)]
pub struct Scribe {
    /// `None`: closed.
    batches: Option<Sender<Batch>>,
    written: Receiver<Written>,
}

impl Scribe {
    /// Gives the log to a thread.
    pub fn new(store: Store) -> std::io::Result<Self> {
        // The caller gives one batch at a time.
        let (batches, orders) = channel(1);
        let (told, written) = channel(1);
        spawn::thread("records", move || work(store, orders, &told))?;
        Ok(Scribe { batches: Some(batches), written })
    }

    /// Begins to write. `durable`: not even a power cut may take it back. Records that only tell what was before `oldest` may be
    /// forgotten, in time. `state`: how things stand after them, for the next start. Never waits; the caller has heard of the
    /// batch before.
    pub fn write(&self, records: Vec<(Stamp, Record)>, durable: bool, oldest: Time, state: Option<String>) {
        if let Some(batches) = &self.batches {
            // A thread that ended says so where its word is waited for.
            let _ = batches.try_send(Batch { records, durable, oldest, state });
        }
    }

    /// Closes the log: it is one whole file afterwards.
    pub async fn close(&mut self) {
        self.batches = None;
        while self.written().await.is_some() {}
    }

    /// What came of the batch. `None`: there is nobody to write any more.
    pub async fn written(&mut self) -> Option<Written> {
        self.written.recv().await
    }
}

fn work(mut store: Store, mut orders: Receiver<Batch>, told: &Sender<Written>) {
    // It was done at the opening.
    let mut pruned = None;
    while let Some(batch) = orders.blocking_recv() {
        let written = write(&mut store, &batch);
        let state = batch.state.filter(|_| written.error.is_none());
        if told.blocking_send(written).is_err() {
            return;
        }
        if let Some(Err(error)) = state.map(|state| store.keep_checkpoint(state)) {
            tracing::warn!(%error, "the state is not kept: the next start takes a moment longer");
        }
        let last = *pruned.get_or_insert(batch.oldest);
        if batch.oldest.since(last) >= PRUNING {
            pruned = Some(batch.oldest);
            if let Err(error) = store.prune(batch.oldest, |record| !record.is_history()) {
                tracing::warn!(%error, "what is old stays in the log for another day");
            }
        }
    }
}

fn write(store: &mut Store, batch: &Batch) -> Written {
    let mut records = 0;
    while let Some((first, _)) = batch.records.get(records) {
        let run = batch.records[records..].iter().take_while(|(stamp, _)| stamp.at == first.at).count();
        let rows: Vec<Record> =
            batch.records[records..records + run].iter().map(|(_, record)| record.clone()).collect();
        let appended = match batch.durable {
            true => store.append_durably(first.at, &rows),
            false => store.append(first.at, &rows),
        };
        if let Err(error) = appended {
            return Written { records, error: Some(error) };
        }
        records += run;
    }
    Written { records, error: None }
}
