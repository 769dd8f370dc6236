//! Blocking work beside the engine: each piece runs in a short-lived thread of its own, with a deadline. A thread that
//! hangs (a dead network file system, a named pipe where a file should be) keeps what it holds and is waited for; no
//! second one is started meanwhile, so that threads never pile up.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::edge::{clock, spawn};

/// Something that only one thread may use at a time, and where it is now.
pub(super) struct Aside<S> {
    name: &'static str,
    make: Box<dyn Fn() -> S + Send>,
    place: Place<S>,
}

enum Place<S> {
    Here(S),
    /// In a thread that has not come back; it sends the thing when it does.
    Away(oneshot::Receiver<S>),
    /// Not made yet, or lost with its thread.
    Nowhere,
}

impl<S: Send + 'static> Aside<S> {
    /// `name` is the threads' name; `make` makes the thing when it is first needed, and when it was lost.
    pub(super) fn new(name: &'static str, make: impl Fn() -> S + Send + 'static) -> Self {
        Aside { name, make: Box::new(make), place: Place::Nowhere }
    }

    /// Lets `work` have the thing for at most `span`.
    pub(super) async fn ask<T: Send + 'static>(
        &mut self,
        span: Duration,
        work: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, String> {
        let mut thing = self.fetch_back()?;
        let (give_back, mut back) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let started = spawn::thread(self.name, move || {
            let result = work(&mut thing);
            // The receivers are gone when the asker has ended: then nobody needs either.
            let _ = give_back.send(thing);
            let _ = answer.send(result);
        });
        if let Err(cause) = started {
            return Err(format!("no thread could be started: {cause}"));
        }
        match clock::within(span, answered).await {
            Ok(Ok(result)) => {
                self.place = back.try_recv().map_or(Place::Nowhere, Place::Here);
                Ok(result)
            }
            Ok(Err(_)) => Err("the reading thread broke off; it is tried again".to_string()),
            Err(clock::Late(span)) => {
                self.place = Place::Away(back);
                Err(format!("no answer from the file system within {span:?}"))
            }
        }
    }

    fn fetch_back(&mut self) -> Result<S, String> {
        match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Here(thing) => Ok(thing),
            Place::Nowhere => Ok((self.make)()),
            Place::Away(mut back) => match back.try_recv() {
                Ok(thing) => Ok(thing),
                Err(oneshot::error::TryRecvError::Closed) => Ok((self.make)()),
                Err(oneshot::error::TryRecvError::Empty) => {
                    self.place = Place::Away(back);
                    Err("still no answer from the file system".to_string())
                }
            },
        }
    }
}
