//! A table of calls: exit code and first line (fault K7), with nobody there, with an engine, and with an odd world.

use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::MessageId;

use super::deck::Deck;
use super::fleet::{id, phase, showing, view};
use super::stand_in::StandIn;

/// Each verb that needs an engine, as it may be called.
const NEED_AN_ENGINE: [&str; 30] = [
    "down",
    "status",
    "status --plain",
    "why builder",
    "start builder",
    "start --all",
    "stop builder",
    "stop --all --yes",
    "restart builder",
    "restart builder --fresh",
    "ping builder",
    "send builder hello",
    "attach builder",
    "logs builder",
    "hold builder",
    "release builder",
    "pause",
    "resume",
    "e-stop --yes",
    "phase list",
    "phase next",
    "phase goto 2",
    "phase append 3",
    "phase insert 3",
    "phase remove 2",
    "outbox",
    "outbox drop m1",
    "outbox retry m1",
    "events --follow",
    "run upgrader",
];

#[test]
fn without_an_engine_every_verb_that_needs_one_says_so_and_how_to_start_it() {
    let deck = Deck::new();
    for call in NEED_AN_ENGINE.iter().chain(&["reload"]) {
        let words: Vec<&str> = call.split(' ').collect();
        let said = deck.run(&words);
        assert_eq!(said.first(), "4 error: no engine runs in DECK", "{call}");
        assert!(said.err.contains("`flightdeck up` starts one"), "{call}: {}", said.err);
        if !call.contains("--plain") {
            let json = deck.run(&[words, vec!["--json"]].concat());
            assert_eq!((json.code, json.json()["exit"].as_u64()), (Some(4), Some(4)), "{call}");
        }
    }
}

#[test]
fn calls_that_can_not_be_meant_are_refused_before_anything_happens() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    let table = [
        ("stat", "2 error: unrecognized subcommand 'stat'"),
        ("why", "2 error: the following required arguments were not provided:"),
        (
            "why Builder",
            "2 error: invalid value 'Builder' for '<AGENT>': expected a lower-case letter, then at most 31 of a-z, 0-9, `_` and `-`",
        ),
        (
            "why ../x",
            "2 error: invalid value '../x' for '<AGENT>': expected a lower-case letter, then at most 31 of a-z, 0-9, `_` and `-`",
        ),
        ("why builder helper", "2 error: unexpected argument 'helper' found"),
        ("start", "2 error: the following required arguments were not provided:"),
        ("start builder --all", "2 error: the argument '[AGENTS]...' cannot be used with '--all'"),
        (
            "stop --all",
            "2 error: 4 agents will be ended with all that they started: adversary, builder, helper, scout: this needs `--yes` where nobody can be asked",
        ),
        (
            "e-stop",
            "2 error: an emergency stop ends all agents and keeps them stopped until `flightdeck resume`: this needs `--yes` where nobody can be asked",
        ),
        ("send builder", "2 error: the following required arguments were not provided:"),
        (
            "send builder x --wait soon",
            "2 error: invalid value 'soon' for '--wait <SPAN>': expected number at 0; expected a duration like 90s or 10m",
        ),
        ("send builder x --wait 1s --no-wait", "2 error: the argument '--wait <SPAN>' cannot be used with '--no-wait'"),
        ("logs builder --lines 0", "2 error: invalid value '0' for '--lines <LINES>': 0 is not in 1..=10000"),
        ("attach builder", "2 error: attach needs a terminal"),
        (
            "phase goto ../2",
            "2 error: invalid value '../2' for '<PHASE>': expected a letter or digit, then at most 31 letters, digits, `_` and `-`",
        ),
        ("phase", "2 Show and change the sequence of phases"),
        (
            "outbox drop seven",
            "2 error: invalid value 'seven' for '<MESSAGE>': expected the number of a message, like m7",
        ),
        (
            "events --since yesterday",
            "2 error: invalid value 'yesterday' for '--since <WHEN>': expected 2h, 2026-11-21T01:38:48Z or the number of a record",
        ),
        ("events --kind state_change", "2 error: no record has the kind state_change"),
        ("status --workspace /nowhere", "2 error: /nowhere is no workspace: it holds no flightdeck.toml"),
        ("completions tcsh", "2 error: invalid value 'tcsh' for '<SHELL>'"),
    ];
    for (call, expected) in table {
        let words: Vec<&str> = call.split(' ').collect();
        assert_eq!(deck.run(&words).first(), expected, "{call}");
    }
    for call in ["why Builder --json", "status --plain --json", "stop --all --json"] {
        let json = deck.run(&call.split(' ').collect::<Vec<_>>());
        assert_eq!((json.code, json.json()["exit"].as_u64(), json.err.as_str()), (Some(2), Some(2), ""), "{call}");
    }
    assert_eq!(engine.asked(), []);
}

#[test]
fn every_verb_asks_for_what_it_says() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    let builder = || id("builder");
    let table = [
        ("start builder", Command::Start { agent: builder() }),
        ("stop builder", Command::Stop { agent: builder() }),
        ("restart builder", Command::Restart { agent: builder(), fresh: false }),
        ("restart builder --fresh", Command::Restart { agent: builder(), fresh: true }),
        ("hold builder lunch", Command::Hold { agent: builder(), reason: "lunch".into() }),
        ("hold builder", Command::Hold { agent: builder(), reason: String::new() }),
        ("release builder", Command::Release { agent: builder() }),
        ("pause", Command::Pause),
        ("resume", Command::Resume),
        ("e-stop -y", Command::EmergencyStop),
        ("phase next", Command::PhaseNext),
        ("phase goto 2", Command::PhaseGoto { phase: phase("2") }),
        ("phase append 3", Command::PhaseAppend { phase: phase("3") }),
        ("phase insert 3", Command::PhaseInsert { phase: phase("3"), before: None }),
        ("phase insert 3 --before 2", Command::PhaseInsert { phase: phase("3"), before: Some(phase("2")) }),
        ("phase remove 2", Command::PhaseRemove { phase: phase("2") }),
        ("outbox drop m7", Command::Drop { message: MessageId(7) }),
        ("run upgrader", Command::RunJob { agent: id("upgrader"), fresh: false }),
        ("run upgrader --fresh", Command::RunJob { agent: id("upgrader"), fresh: true }),
    ];
    for (call, command) in &table {
        let words: Vec<&str> = call.split(' ').collect();
        assert_eq!(deck.run(&words).first(), format!("0 {command:?}"), "{call}");
    }
    let wanted: Vec<Command> = table.into_iter().map(|(_, command)| command).collect();
    assert_eq!(engine.asked(), wanted);
}

#[test]
fn all_means_the_loops_to_start_and_whoever_runs_to_stop() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    deck.call(&["start", "--all"]).assert().code(0);
    deck.call(&["stop", "--all", "--yes"]).assert().code(0);
    let start = ["adversary", "builder"].map(|agent| Command::Start { agent: id(agent) });
    let stop = ["adversary", "builder", "helper", "scout"].map(|agent| Command::Stop { agent: id(agent) });
    assert_eq!(engine.asked(), [start.as_slice(), stop.as_slice()].concat());
}

#[test]
fn one_refusal_among_many_is_told_and_the_others_are_done() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), |command| match command {
        Command::Status => (Answer::Status { view: Box::new(view()) }, Vec::new()),
        Command::Start { agent } if agent.as_str() == "bulider" => {
            let hint = Some("known agents: adversary, builder".to_string());
            (Answer::Refused { why: format!("no agent is called {agent}"), hint }, Vec::new())
        }
        _ => (Answer::Accepted { what: "it is started".into() }, Vec::new()),
    });
    let said = deck.run(&["start", "adversary", "bulider", "builder"]);
    assert_eq!((said.code, said.out.lines().count()), (Some(5), 2), "{said:?}");
    assert_eq!(
        said.err,
        "error: no agent is called bulider\nhint: did you mean `builder`? known agents: adversary, builder\n"
    );
    assert_eq!(engine.asked().len(), 3);
    let whole: Vec<String> =
        deck.run(&["start", "adversary", "bulider", "--json"]).out.lines().map(String::from).collect();
    assert!(whole[0].contains("\"agent\":\"adversary\"") && whole[1].contains("\"exit\":5"), "{whole:?}");
}

#[test]
fn verbs_that_look_know_the_nearest_agent_too() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    for call in ["why bulder", "logs bulder", "attach bulder"] {
        let said = deck.run(&call.split(' ').collect::<Vec<_>>());
        assert_eq!(said.first(), "5 error: no agent is called bulder", "{call}");
        assert!(said.err.contains("did you mean `builder`?"), "{}", said.err);
    }
}

#[test]
fn a_workspace_is_made_checked_and_never_overwritten() {
    let deck = Deck::empty();
    assert_eq!(deck.run(&["check"]).first(), "2 error: no flightdeck.toml in DECK or above");
    assert_eq!(deck.run(&["init"]).first(), "0 written   flightdeck.toml");
    assert_eq!(deck.run(&["check"]).code, Some(0));
    assert_eq!(deck.run(&["init"]).first(), "0 kept      flightdeck.toml");
    let made = deck.run(&["init", "a/b", "--json"]).json();
    assert_eq!((made["workspace"].as_str(), made["files"][0]["fate"].as_str()), (Some("a/b"), Some("written")));
    let checked = deck.run(&["check", "--workspace", "a/b", "--json"]).json();
    assert_eq!(checked["agents"], serde_json::json!(["adversary", "builder"]));
    let main = deck.root().join("flightdeck.toml");
    std::fs::write(&main, "version = 1\nsequnce = 2\n[agents.builder]\nbackend = 'demo'\n").expect("a file");
    let said = deck.run(&["check"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("flightdeck.toml:2:1: sequnce: unknown key"), "{}", said.err);
    assert!(said.err.contains("problems in the workspace DECK"), "{}", said.err);
    let json = deck.run(&["check", "--json"]).json();
    assert_eq!((json["problems"][0]["line"].as_u64(), json["exit"].as_u64()), (Some(2), Some(2)));
    assert_eq!(std::fs::read_to_string(main).expect("a file").lines().count(), 4);
}

#[test]
fn help_for_any_verb_does_nothing_even_with_an_engine() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    for call in NEED_AN_ENGINE {
        let words: Vec<&str> = call.split(' ').chain(["--help"]).collect();
        let said = deck.run(&words);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{call}");
        assert!(said.out.contains("Usage: flightdeck"), "{call}");
    }
    assert_eq!(engine.asked(), []);
}

#[test]
fn an_empty_environment_and_a_closed_output_harm_nobody() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    for verb in ["status", "doctor", "check", "outbox", "events"] {
        let run = deck.call(&[verb]).env_remove("HOME").env_remove("LANG").env("NO_COLOR", "1").assert().code(0);
        let said = deck.said(&run);
        assert!(said.out.is_ascii() && !said.out.contains('\u{1b}'), "{verb}: {}", said.out);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = flightdeck::edge::spawn::blocking(env!("CARGO_BIN_EXE_flightdeck"));
        command.args([verb, "--workspace"]).arg(deck.root()).stdout(writer);
        let run = command.output().expect("it runs");
        assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(0), ""), "{verb}");
    }
}

#[test]
fn an_engine_that_hangs_or_speaks_otherwise_is_told_from_none() {
    let deck = Deck::new();
    let state = deck.root().join(".flightdeck");
    std::fs::create_dir(&state).expect("a folder");
    let socket = std::os::unix::net::UnixListener::bind(state.join("link.sock")).expect("a socket");
    assert_eq!(deck.run(&["status"]).first(), "7 error: the engine in DECK does not answer");
    let answering = flightdeck::edge::spawn::thread("otherwise", move || {
        // The first connection is the one that was given up above.
        for stream in socket.incoming().take(2) {
            let _ = std::io::Write::write_all(&mut stream.expect("a client"), b"{\"flightdeck\":99}\n");
        }
    });
    let said = deck.run(&["status"]);
    answering.expect("a thread").join().expect("it ends");
    assert_eq!(said.first(), "1 error: the engine in DECK can't be asked");
    assert!(said.err.contains("version 99"), "{}", said.err);
    drop(std::fs::remove_file(state.join("link.sock")));
    assert_eq!(deck.run(&["status"]).code, Some(4));
}

#[test]
fn down_ends_the_engine_and_up_sees_one_that_runs() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), showing(view()));
    let up = deck.run(&["up"]);
    assert!(up.code == Some(0) && up.out.starts_with("the engine of DECK runs already as process"), "{up:?}");
    assert_eq!(deck.run(&["up", "--json"]).json()["pid"], std::process::id());
    assert_eq!(deck.run(&["down"]).first(), "0 the engine has ended; agents go on, unwatched, until `flightdeck up`");
    assert_eq!(engine.asked(), [Command::Shutdown]);
    assert_eq!(deck.run(&["down"]).code, Some(4));
}

#[test]
fn a_workspace_with_mistakes_starts_no_engine() {
    let deck = Deck::new();
    std::fs::write(deck.root().join("flightdeck.toml"), "version = 1\n").expect("a file");
    let said = deck.run(&["up"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(!deck.root().join(".flightdeck").exists());
}
