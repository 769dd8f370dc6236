//! Being told to end, for verbs that must tidy up first: SIGTERM, SIGINT, and SIGHUP when the terminal goes. Once listened to, none of
//! them ends the process by itself any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::spawn;

/// Whether somebody has.
#[derive(Clone, Debug)]
pub struct Told(Arc<AtomicBool>);

impl Told {
    /// Listens from now on, in a thread of its own, to the end of the process.
    pub fn listen() -> std::io::Result<Told> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _inside = runtime.enter();
            let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
            kinds.into_iter().map(signal).collect::<std::io::Result<Vec<Signal>>>()?
        };
        let flag = Arc::new(AtomicBool::new(false));
        let told = Told(flag.clone());
        spawn::thread("told", move || {
            runtime.block_on(async {
                loop {
                    let [first, second, third] = &mut signals[..] else { return };
                    tokio::select! {
                        _ = first.recv() => {}
                        _ = second.recv() => {}
                        _ = third.recv() => {}
                    }
                    flag.store(true, Ordering::SeqCst);
                }
            });
        })?;
        Ok(told)
    }

    /// Has somebody?
    pub fn to_end(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
