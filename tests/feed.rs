//! How changes of panes are noticed, against the real tmux.

mod support;

use std::sync::Arc;
use std::time::Duration;

use flightdeck::edge::clock;
use flightdeck::edge::feed::{Feed, FeedSpec, TapSpec};
use flightdeck::edge::tmux::inject;
use flightdeck::edge::tmux::session::Born;
use flightdeck::edge::tmux::{TmuxClient, server};
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Exit, Identity, Screen};
use flightdeck::pilot::id::{AgentId, Incarnation};
use flightdeck::pilot::view::PaneView;
use rustix::process::Signal;
use support::awake::awake_ms;
use support::{Lab, NONCE, PATIENCE, run, until};
use tokio::sync::mpsc;

/// A lab with a running feed and the events that came of it.
struct Watched {
    lab: Lab,
    feed: Feed,
    events: mpsc::Receiver<Event>,
}

/// Whether panes get taps.
#[derive(Clone, Copy)]
enum Taps {
    Yes,
    No,
}

impl Watched {
    async fn new(taps: Taps) -> Watched {
        Watched::room_for(taps, 64).await
    }

    async fn room_for(taps: Taps, events: usize) -> Watched {
        let lab = Lab::new().await;
        let (sender, events) = mpsc::channel(events);
        let exe = std::path::PathBuf::from(env!("CARGO_BIN_EXE_flightdeck"));
        let tap = TapSpec { exe, socket: lab.path("state").join("tap.sock") };
        let spec = FeedSpec {
            client: lab.client.clone(),
            nonce: NONCE.to_string(),
            recorded: Some(lab.server.clone()),
            tap: matches!(taps, Taps::Yes).then_some(tap),
            identify: Box::new(identify),
            events: sender,
        };
        Watched { lab, feed: Feed::new(spec), events }
    }

    async fn next(&mut self) -> Event {
        clock::within(PATIENCE, self.events.recv()).await.expect("an event").expect("the feed runs")
    }

    /// Waits until tmux answered, starts an agent and watches it.
    async fn agent(&mut self, name: &str, script: &str) -> Born {
        let born = self.lab.start(name, script).await;
        let process = identify(born.pid);
        self.feed.watch(id(name), Incarnation(1), born.place.clone(), process).await;
        born
    }

    /// The next screen of the agent with this text on it, and how long that took.
    async fn shows(&mut self, name: &str, text: &str) -> (Arc<Screen>, i64) {
        let begun = awake_ms();
        loop {
            if let Event::ScreenChanged { agent, screen, .. } = self.next().await
                && agent == id(name)
                && screen.lines.iter().any(|line| line.contains(text))
            {
                return (screen, awake_ms() - begun);
            }
        }
    }

    async fn answered(&mut self) {
        until_event(self, |event| matches!(event, Event::TmuxAnswered { .. })).await;
    }

    /// Waits until the pane's output goes to the feed, and all that follows from that was told.
    async fn tapped(&mut self, born: &Born) {
        let piped = ["display", "-p", "-t", &born.place.pane, "#{pane_pipe}"];
        until("a tap", async || self.lab.tmux(&piped) == "1").await;
        self.calm().await;
    }

    /// Waits until nothing was told for a while.
    async fn calm(&mut self) {
        while clock::within(Duration::from_millis(400), self.events.recv()).await.is_ok() {}
    }
}

async fn until_event(watched: &mut Watched, is_it: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = watched.next().await;
        if is_it(&event) {
            return event;
        }
    }
}

fn id(name: &str) -> AgentId {
    AgentId::parse(name).expect("a name")
}

fn identify(pid: u32) -> Option<Identity> {
    flightdeck::edge::process::identity(pid)
}

fn median(mut spans: Vec<i64>) -> i64 {
    spans.sort_unstable();
    spans[spans.len() / 2]
}

/// Echoes what it reads, as an agent's screen would change.
const ECHO: &str = "stty -echo; echo ready; while read line; do echo \"got $line\"; done";

async fn say(lab: &Lab, born: &Born, words: &str) {
    inject::paste(&lab.client, &born.place.pane, "fd-say", &format!("{words}\n")).await.expect("tmux answers");
}

#[test]
fn a_quiet_pane_that_changes_is_seen_at_once() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.tapped(&born).await;
        let mut spans = Vec::new();
        for number in 0..9 {
            let words = format!("number {number}");
            say(&watched.lab, &born, &words).await;
            let (screen, span) = watched.shows("builder", &format!("got {words}")).await;
            assert_eq!(screen.cursor.0, 0);
            spans.push(span);
            watched.calm().await;
        }
        assert!(median(spans.clone()) <= 20, "{spans:?}");
    });
}

#[test]
fn a_pane_that_goes_on_printing_is_seen_on_a_tick() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let script = "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.05; done";
        let born = watched.agent("builder", script).await;
        watched.tapped_while_busy(&born).await;
        let begun = awake_ms();
        let mut count = 0;
        while awake_ms() - begun < 2_000 {
            watched.shows("builder", "count").await;
            count += 1;
        }
        assert!((5..=11).contains(&count), "{count} screens in 2 s");
    });
}

impl Watched {
    async fn tapped_while_busy(&mut self, born: &Born) {
        let piped = ["display", "-p", "-t", &born.place.pane, "#{pane_pipe}"];
        until("a tap", async || self.lab.tmux(&piped) == "1").await;
        for _ in 0..3 {
            self.next().await;
        }
    }
}

#[test]
fn a_pane_that_somebody_peeks_at_is_looked_at_more_often_and_a_quiet_one_not_at_all() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let quiet = watched.agent("quiet", ECHO).await;
        let script = "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.02; done";
        let born = watched.agent("builder", script).await;
        watched.tapped_while_busy(&born).await;
        until("a tap", async || watched.lab.tmux(&["display", "-p", "-t", &quiet.place.pane, "#{pane_pipe}"]) == "1")
            .await;
        let (sight, mut pictures) = tokio::sync::watch::channel(None);
        let (other, mut others) = tokio::sync::watch::channel(None);
        watched.feed.peek(id("builder"), sight).await;
        watched.feed.peek(id("quiet"), other).await;
        let ready = |shown: &Option<Arc<PaneView>>| shown.as_ref().is_some_and(|pane| pane.text.contains("ready\n"));
        others.wait_for(ready).await.expect("the feed runs");
        let (begun, mut count) = (awake_ms(), 0);
        while awake_ms() - begun < 2_000 {
            clock::within(PATIENCE, pictures.changed()).await.expect("a picture").expect("the feed runs");
            let seen = pictures.borrow_and_update().clone().expect("a pane");
            assert!(seen.text.contains("count"), "{seen:?}");
            count += 1;
        }
        // Ten a second by the tick, and now and then one by a list; unpeeked it would be nine or ten.
        assert!((12..=30).contains(&count), "{count} pictures in 2 s");
        assert!(!others.has_changed().expect("the feed runs"));
    });
}

#[test]
fn without_taps_a_change_is_seen_by_the_list() {
    run(async {
        let mut watched = Watched::new(Taps::No).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.shows("builder", "ready").await;
        for number in 0..3 {
            let words = format!("number {number}");
            say(&watched.lab, &born, &words).await;
            let (_, span) = watched.shows("builder", &format!("got {words}")).await;
            assert!(span <= 1_500, "{span} ms");
        }
        assert_eq!(watched.lab.tmux(&["display", "-p", "-t", &born.place.pane, "#{pane_pipe}"]), "0");
    });
}

#[test]
fn a_pipe_that_somebody_else_uses_is_left_alone() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.lab.start("builder", ECHO).await;
        watched.lab.tmux(&[
            "pipe-pane",
            "-t",
            &born.place.pane,
            &format!("cat > {}", watched.lab.path("theirs").display()),
        ]);
        watched.feed.watch(id("builder"), Incarnation(1), born.place.clone(), identify(born.pid)).await;
        watched.shows("builder", "ready").await;
        say(&watched.lab, &born, "hello").await;
        let (_, span) = watched.shows("builder", "got hello").await;
        assert!(span <= 1_500, "{span} ms");
        until("their copy", async || {
            std::fs::read_to_string(watched.lab.path("theirs")).is_ok_and(|text| text.contains("got hello"))
        })
        .await;
    });
}

#[test]
fn a_tap_that_is_taken_away_is_replaced_by_the_list() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.tapped(&born).await;
        watched.lab.tmux(&["pipe-pane", "-t", &born.place.pane]);
        watched.calm().await;
        say(&watched.lab, &born, "hello").await;
        let (_, span) = watched.shows("builder", "got hello").await;
        assert!(span <= 1_600, "{span} ms");
    });
}

#[test]
fn a_flood_is_never_left_in_the_pipe() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.agent("builder", "echo ready; read x; yes 0123456789012345678901234567890123456789").await;
        watched.tapped(&born).await;
        say(&watched.lab, &born, "go").await;
        watched.shows("builder", "0123456789").await;
        let piped = ["display", "-p", "-t", &born.place.pane, "#{pane_pipe}"];
        until("the tap to be closed", async || watched.lab.tmux(&piped) == "0").await;
    });
}

#[test]
fn the_end_of_an_agent_is_told_with_status_signal_and_last_screen() {
    for taps in [Taps::Yes, Taps::No] {
        run(async {
            let mut watched = Watched::new(taps).await;
            watched.answered().await;
            let ends = [("status", "exit 7", Exit::Status(7)), ("signal", "kill -9 $$", Exit::Signal(9))];
            for (name, end, exit) in ends {
                let born = watched.agent(name, &format!("stty -echo; echo last words; read x; {end}")).await;
                watched.shows(name, "last words").await;
                watched.calm().await;
                let begun = awake_ms();
                say(&watched.lab, &born, "").await;
                let died = until_event(&mut watched, |event| matches!(event, Event::PaneDied { .. })).await;
                let span = awake_ms() - begun;
                let Event::PaneDied { agent, incarnation, exit: told, last } = died else { panic!("{died:?}") };
                assert_eq!((agent, incarnation, told), (id(name), Incarnation(1), exit));
                assert_eq!(last.expect("its last screen").lines[0], "last words");
                assert!(span <= 250, "{span} ms");
            }
        });
    }
}

#[test]
fn a_session_ended_by_somebody_else_is_a_death_nobody_can_explain() {
    run(async {
        let mut watched = Watched::new(Taps::No).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.shows("builder", "ready").await;
        assert_eq!(watched.lab.tmux(&["kill-session", "-t", &born.place.session]), "");
        let died = until_event(&mut watched, |event| matches!(event, Event::PaneDied { .. })).await;
        let Event::PaneDied { exit, last, .. } = died else { panic!("{died:?}") };
        assert_eq!((exit, last.expect("the last one seen").lines[0].as_str()), (Exit::Lost, "ready"));
    });
}

#[test]
fn a_stopped_server_is_silent_then_answers_and_a_killed_one_is_gone_once() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.tapped(&born).await;
        watched.lab.signal(Signal::STOP);
        let begun = awake_ms();
        assert!(watched.feed.look(id("builder")).await.is_none());
        let silent = watched.next().await;
        assert!(matches!(silent, Event::TmuxSilent { .. }), "{silent:?}");
        assert!(awake_ms() - begun < 3_000);
        watched.lab.signal(Signal::CONT);
        let answered = watched.next().await;
        let Event::TmuxAnswered { server, panes } = answered else { panic!("{answered:?}") };
        assert_eq!((server, panes.len()), (watched.lab.server.clone(), 1));
        assert_eq!((&panes[0].place, &panes[0].process), (&born.place, &identify(born.pid)));
        say(&watched.lab, &born, "back").await;
        watched.shows("builder", "got back").await;

        watched.calm().await;
        watched.lab.signal(Signal::KILL);
        let gone = watched.next().await;
        assert!(matches!(gone, Event::TmuxGone), "{gone:?}");
        let again = server::start_server(&watched.lab.spec, Some(&watched.lab.server)).await.expect("starts");
        watched.feed.find_server().await;
        let answered = watched.next().await;
        let Event::TmuxAnswered { server, panes } = answered else { panic!("{answered:?}") };
        assert_eq!((server, panes), (again, Vec::new()));
    });
}

#[test]
fn a_feed_without_a_server_says_so_and_finds_it_later() {
    run(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = support::spec("tmux", &folder);
        let (sender, mut events) = mpsc::channel(8);
        let client = TmuxClient::new("tmux", &spec.socket);
        let nonce = NONCE.to_string();
        let identify = Box::new(identify);
        let feed = Feed::new(FeedSpec { client, nonce, recorded: None, tap: None, identify, events: sender });
        let first = clock::within(PATIENCE, events.recv()).await.expect("in time");
        assert!(matches!(first, Some(Event::TmuxGone)), "{first:?}");
        let started = server::start_server(&spec, None).await.expect("starts");
        feed.find_server().await;
        let second = clock::within(PATIENCE, events.recv()).await.expect("in time");
        assert!(matches!(&second, Some(Event::TmuxAnswered { server, .. }) if *server == started), "{second:?}");
        support::end(&spec);
    });
}

#[test]
fn a_slow_engine_gets_the_newest_screen_and_every_death() {
    run(async {
        let mut watched = Watched::room_for(Taps::Yes, 1).await;
        watched.answered().await;
        let script = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo count $i; sleep 0.05; done; read x";
        let first = watched.agent("first", script).await;
        let second = watched.agent("second", "stty -echo; read x; exit 5").await;
        watched.lab.shows(&first.place.pane, "count 20").await;
        say(&watched.lab, &second, "").await;
        clock::pause(Duration::from_millis(500)).await;
        let mut newest = String::new();
        let mut deaths = 0;
        while let Ok(Some(event)) = clock::within(Duration::from_millis(500), watched.events.recv()).await {
            match event {
                Event::ScreenChanged { screen, .. } => newest = screen.lines.join(" "),
                Event::PaneDied { exit, .. } => deaths += i32::from(exit == Exit::Status(5)),
                other => panic!("{other:?}"),
            }
        }
        assert!(newest.contains("count 20"), "{newest}");
        assert_eq!(deaths, 1);
    });
}

#[test]
fn a_forgotten_agent_is_not_told_of() {
    run(async {
        let mut watched = Watched::new(Taps::Yes).await;
        watched.answered().await;
        let born = watched.agent("builder", ECHO).await;
        watched.tapped(&born).await;
        watched.feed.forget(id("builder")).await;
        say(&watched.lab, &born, "hello").await;
        watched.lab.shows(&born.place.pane, "got hello").await;
        watched.calm().await;
        assert!(watched.events.try_recv().is_err());
        assert!(watched.feed.look(id("builder")).await.is_none());
    });
}
