//! Being told to end, for verbs that must tidy up first: SIGTERM, SIGINT, and SIGHUP when the terminal goes. Once listened to, none of
//! them ends the process by itself any more.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::spawn;

/// Whether somebody has.
#[derive(Clone, Debug)]
pub struct Told(UnboundedSender<SyncSender<bool>>);

impl Told {
    /// Listens from now on, in a thread of its own, to the end of the process.
    pub fn listen() -> std::io::Result<Told> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
            kinds.into_iter().map(signal).collect::<std::io::Result<Vec<Signal>>>()?
        };
        let (asks, mut asked) = unbounded_channel();
        spawn::thread("told", move || runtime.block_on(answer(&mut signals, &mut asked)))?;
        Ok(Told(asks))
    }

    /// Has somebody? A signal that anybody else in this process has heard of is one that we have heard of: the thread is
    /// asked, since it may not have had its turn yet.
    pub fn to_end(&self) -> bool {
        let (answer, answered): (_, Receiver<bool>) = sync_channel(1);
        // A thread that is gone can hear no signal any more, and we would never end.
        self.0.send(answer).is_err() || answered.recv().unwrap_or(true)
    }
}

async fn answer(signals: &mut [Signal], asked: &mut UnboundedReceiver<SyncSender<bool>>) {
    let mut told = false;
    let [first, second, third] = signals else { return };
    loop {
        tokio::select! {
            // What is heard already goes before the question whether anything was.
            biased;
            _ = first.recv() => told = true,
            _ = second.recv() => told = true,
            _ = third.recv() => told = true,
            question = asked.recv() => match question {
                // Who asked and went away needs no answer.
                Some(answer) => drop(answer.send(told)),
                None => return,
            },
        }
    }
}
