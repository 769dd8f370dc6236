//! Up, around and down with the real engine, real tmux and demo agents.

use std::time::Duration;

use flightdeck::edge::{clock, spawn};

use super::deck::Deck;

/// Ends the workspace's tmux server, and with it the engine and the agents, before the folder goes.
struct Live(Deck);

impl Live {
    fn new() -> Live {
        let deck = Deck::new();
        for clone in ["clones/builder", "clones/adversary"] {
            std::fs::create_dir_all(deck.root().join(clone)).expect("a folder");
        }
        Live(deck)
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut command = spawn::blocking("tmux");
        command.arg("-S").arg(self.0.root().join(".flightdeck/tmux.sock")).arg("-N").args(words);
        String::from_utf8_lossy(&command.output().expect("tmux runs").stdout).trim().to_string()
    }

    /// Waits until the picture holds this, at most 60 seconds.
    fn shows(&self, wanted: &str) -> String {
        let begun = clock::monotonic_ms();
        loop {
            let said = self.0.run(&["status"]).out;
            if said.contains(wanted) {
                return said;
            }
            assert!(clock::monotonic_ms() - begun < 60_000, "never came: {wanted}\n{said}");
            clock::block(Duration::from_millis(50));
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The engine first: it would start the server again.
        self.0.run(&["down"]);
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn an_engine_comes_up_is_used_and_goes_while_agents_stay() {
    let live = Live::new();
    let deck = &live.0;
    let up = deck.run(&["up"]);
    assert_eq!((up.code, up.out.starts_with("the engine of DECK runs as process")), (Some(0), true), "{up:?}");
    let pid = deck.run(&["up", "--json"]).json()["pid"].clone();
    assert_eq!(deck.run(&["watch"]).code, Some(3));
    live.shows("builder    waiting");

    let sent = deck.run(&["send", "builder", "hello from the test", "--wait", "20s"]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    live.shows("builder    waiting");
    let logs = deck.run(&["logs", "builder"]);
    assert!(logs.out.contains("> hello from the test"), "{logs:?}");
    assert_eq!(deck.run(&["logs", "builder", "-n", "2"]).out.lines().count(), 2);
    assert_eq!(deck.run(&["doctor"]).code, Some(0));
    assert_eq!(deck.run(&["reload"]).first().split(" (").next(), Some("0 nothing has changed"));

    let session = deck.run(&["attach", "builder", "--json"]).json()["argv"][6].clone();
    let session = session.as_str().expect("an id");
    assert_eq!(live.tmux(&["display-message", "-p", "-t", session, "#{session_name}"]), "builder");

    let agents = || live.tmux(&["list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{pane_dead}"]);
    let alive =
        |text: &str| text.lines().filter(|line| line.starts_with(['a', 'b'])).map(String::from).collect::<Vec<_>>();
    let before = alive(&agents());
    assert_eq!(deck.run(&["down"]).code, Some(0));
    assert_eq!((alive(&agents()), before.len()), (before, 2));
    assert_eq!(deck.run(&["status"]).code, Some(4));

    // The old engine's session makes room for the new one.
    assert_eq!(deck.run(&["up"]).code, Some(0));
    assert_ne!(deck.run(&["up", "--json"]).json()["pid"], pid);
    live.shows("builder    waiting");
    let stopped = deck.run(&["stop", "--all", "--yes"]);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(
        stopped.out.ends_with("builder has ended\n") || stopped.out.ends_with("adversary has ended\n"),
        "{stopped:?}"
    );
    // Nobody is left behind by an engine that ends right after.
    assert_eq!(alive(&agents()), Vec::<String>::new());
    live.shows("builder    stopped");
    assert!(deck.run(&["logs", "builder", "-n", "1"]).code.is_some_and(|code| [0, 5].contains(&code)));
}

#[test]
fn a_configuration_is_taken_up_by_a_running_engine_or_refused() {
    let live = Live::new();
    let deck = &live.0;
    assert_eq!(deck.run(&["up"]).code, Some(0));
    let main = deck.root().join("flightdeck.toml");
    let good = std::fs::read_to_string(&main).expect("its configuration");
    std::fs::write(&main, format!("{good}\n# a word more\n")).expect("a file");
    assert!(deck.run(&["reload"]).first().starts_with("0 the configuration is in force"));
    std::fs::write(&main, good.replace("backend = \"demo\"", "backend = \"dmeo\"")).expect("a file");
    let refused = deck.run(&["reload"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("did you mean \"demo\"?"), "{}", refused.err);
    assert_eq!(deck.run(&["status"]).code, Some(0));
}

#[test]
fn an_engine_that_can_not_start_is_told_with_its_last_words() {
    let live = Live::new();
    let state = live.0.root().join(".flightdeck");
    flightdeck::edge::files::private_dir(&state).expect("a folder");
    std::fs::write(state.join("link.sock"), "precious").expect("a file");
    let said = live.0.run(&["up"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("error: the engine ended at once"), "{}", said.err);
    assert!(said.err.contains("is not a socket"), "{}", said.err);
}

#[test]
fn without_tmux_the_doctor_says_what_to_install() {
    let deck = Deck::new();
    let run = deck.call(&["doctor"]).env("PATH", deck.root()).assert().code(1);
    let said = deck.said(&run).out;
    assert!(said.contains("bad   tmux") && said.contains("bad   git"), "{said}");
    assert_eq!(said.matches("do: install").count(), 2, "{said}");
    let run = deck.call(&["up"]).env("PATH", deck.root()).assert().code(1);
    assert!(deck.said(&run).err.contains("tmux is not installed"), "{}", deck.said(&run).err);
}

#[test]
fn the_wish_of_who_starts_the_engine_reaches_it() {
    let live = Live::new();
    let deck = &live.0;
    let main = deck.root().join("flightdeck.toml");
    let text = std::fs::read_to_string(&main).expect("its configuration");
    std::fs::write(&main, text.replace("backend = \"demo\"", "backend = \"codex\"")).expect("a file");
    let up = deck.said(&deck.call(&["up"]).env("FLIGHTDECK_BACKEND", "demo").assert());
    assert_eq!(up.code, Some(0), "{up:?}");
    let why = deck.run(&["why", "builder"]).out;
    assert!(why.contains("backend demo"), "{why}");
}
