//! A stand-in for the engine: the real socket, lock and log, and an answer for every command, made by the test.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use flightdeck::edge::link::Link;
use flightdeck::edge::lock::Lock;
use flightdeck::edge::spawn;
use flightdeck::edge::store::Store;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::record::Record;
use flightdeck::pilot::time::Time;
use tokio::sync::{mpsc, oneshot};

/// What a command comes to: the answer, and the records that follow it.
pub(crate) type Outcome = (Answer, Vec<Record>);

/// Runs until it is dropped or told to shut down.
pub(crate) struct StandIn {
    pub(crate) asked: Arc<Mutex<Vec<Command>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// An engine of the workspace that has recorded `past` and answers by `answer`.
    pub(crate) fn start(
        root: &Path,
        past: Vec<Record>,
        mut answer: impl FnMut(&Command) -> Outcome + Send + 'static,
    ) -> Self {
        let state = root.join(".flightdeck");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let (end, ended) = oneshot::channel();
        let (up, is_up) = std::sync::mpsc::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut inner = Inner::open(&state, &past);
                up.send(()).expect("the test waits");
                tokio::select! {
                    () = inner.serve(&noted, &mut answer) => {}
                    _ = ended => {}
                }
            });
        };
        let thread = spawn::thread("stand-in", work).expect("a thread");
        is_up.recv_timeout(Duration::from_secs(60)).expect("it comes up");
        StandIn { asked, end: Some(end), thread: Some(thread) }
    }

    /// What was asked so far, `Status` aside: every verb looks at the picture.
    pub(crate) fn asked(&self) -> Vec<Command> {
        let asked = self.asked.lock().expect("nobody panicked with it");
        asked.iter().filter(|command| **command != Command::Status).cloned().collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().expect("it was started").join();
        if !std::thread::panicking() {
            ended.expect("it ends well");
        }
    }
}

struct Inner {
    store: Store,
    link: Link,
    asking: mpsc::Receiver<flightdeck::edge::link::Asked>,
    _lock: Lock,
}

/// All that is recorded has this time.
pub(crate) const NOW: Time = Time(1_795_225_128_123);

impl Inner {
    fn open(state: &Path, past: &[Record]) -> Self {
        let lock = Lock::take(state, NOW).expect("a free workspace");
        let records: PathBuf = state.join("records.db");
        let mut store = Store::open(&records).expect("a log");
        store.append(NOW, past).expect("a disk");
        let (asked, asking) = mpsc::channel(16);
        let link = Link::bind(state, records, &lock, asked).expect("a socket");
        Inner { store, link, asking, _lock: lock }
    }

    async fn serve(&mut self, noted: &Mutex<Vec<Command>>, answer: &mut impl FnMut(&Command) -> Outcome) {
        while let Some(asked) = self.asking.recv().await {
            noted.lock().expect("nobody panicked with it").push(asked.command.clone());
            let (mut said, records) = answer(&asked.command);
            if let Answer::Status { view } = &mut said {
                view.seq = self.store.last().map_or(0, |last| last.seq);
            }
            let last = matches!(asked.command, Command::Shutdown);
            asked.reply.send(&said);
            let stamps = self.store.append(NOW, &records).expect("a disk");
            self.link.publish(&stamps.into_iter().zip(records).collect::<Vec<_>>());
            if last {
                return;
            }
        }
    }
}
