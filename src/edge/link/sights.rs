//! What one client sees of what is not in the log: the picture, and one agent's pane. Newest wins: a client that is slow
//! misses what lay between, and no client is told more often than ten times a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Line, frame};
use crate::edge::clock;
use crate::edge::feed::Sight;
use crate::pilot::id::AgentId;
use crate::pilot::view::{PaneView, View};

/// Between two pictures of a pane: faster than people read, slower than a spinner turns.
const PANE_GAP: Duration = Duration::from_millis(100);

/// Something a client wants to see, which only the engine can show.
#[derive(Debug)]
pub enum Wanted {
    /// The picture, now: somebody begins to watch.
    View,
    Pane(Peep),
}

/// A client that wants to see an agent's pane.
#[derive(Debug)]
pub struct Peep {
    pub agent: AgentId,
    /// Where the pane is shown; closed when the client has looked enough.
    pub sight: Sight,
    pub(super) ask: u64,
    pub(super) answers: mpsc::Sender<Line>,
}

impl Peep {
    /// Says why there is nothing to see, and never will be.
    pub fn refuse(self, why: &str) {
        // A client with a full queue does not read, and is dropped for it.
        let _ = self.answers.try_send(Line::plain(frame::error(Some(self.ask), why)));
    }
}

/// A client's way along the pictures.
pub(super) struct Watching {
    views: watch::Receiver<Option<Arc<View>>>,
    told: Option<View>,
}

impl Watching {
    pub(super) fn new(views: watch::Receiver<Option<Arc<View>>>) -> Self {
        Watching { views, told: None }
    }

    /// The next line; `None`: the engine has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            self.views.changed().await.ok()?;
            let new = self.views.borrow_and_update().clone();
            if let Some(new) = new {
                return Some(self.tell(&new));
            }
        }
    }

    fn tell(&mut self, new: &View) -> String {
        let Some(told) = &mut self.told else {
            self.told = Some(new.clone());
            return frame::view(new);
        };
        let Some(change) = told.change_to(new) else { return frame::alive(new.at) };
        let line = frame::change(&change);
        // What the client has now, and not `new`: times that slide by little must not slide away unsaid.
        told.apply(change);
        line
    }
}

/// A client's sight of one pane.
pub(super) struct Peeking {
    panes: watch::Receiver<Option<Arc<PaneView>>>,
    told: Option<i64>,
}

impl Peeking {
    pub(super) fn new(panes: watch::Receiver<Option<Arc<PaneView>>>) -> Self {
        Peeking { panes, told: None }
    }

    /// The next line; `None`: nothing more will come.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            // Called off whenever something else is told: nothing may be taken before the last wait is over.
            if let Some(left) = self.told.and_then(|told| clock::left(told, PANE_GAP)) {
                clock::pause(left).await;
            }
            self.panes.changed().await.ok()?;
            let new = self.panes.borrow_and_update().clone();
            if let Some(new) = new {
                self.told = Some(clock::monotonic_ms());
                return Some(frame::pane(&new));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::id::Incarnation;

    fn pane(text: &str) -> Option<Arc<PaneView>> {
        Some(Arc::new(PaneView {
            agent: AgentId::parse("a").expect("a name"),
            incarnation: Incarnation(1),
            size: (80, 24),
            cursor: None,
            history: 0,
            dead: false,
            in_mode: false,
            text: text.to_string(),
        }))
    }

    #[test]
    fn the_last_picture_of_a_pane_comes_though_other_lines_go_before_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (sight, panes) = watch::channel(pane("first"));
            let mut peeking = Peeking::new(panes);
            sight.send_replace(pane("first"));
            assert!(peeking.next().await.is_some_and(|line| line.contains("first")));
            sight.send_replace(pane("last"));
            // Something else is told while this picture waits for its time.
            let told = tokio::select! {
                biased;
                line = peeking.next() => line,
                () = std::future::ready(()) => None,
            };
            assert_eq!(told, None, "sooner than ten times a second");
            let line = clock::within(Duration::from_secs(10), peeking.next()).await;
            assert!(line.ok().flatten().is_some_and(|line| line.contains("last")), "it was lost");
        });
    }
}
