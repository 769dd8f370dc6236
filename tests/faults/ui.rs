//! Faults of the cockpit and of the terminal it is shown in.

use flightdeck::edge::process::{Alive, alive};
use flightdeck::edge::store::Store;
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use flightdeck::pilot::time::Time;
use rustix::process::{Signal, kill_process};

use super::deck::{id, text};
use super::escapes::{ESCAPES, flood};
use super::plan::Plan;
use super::terminal::{Terminal, acting};

#[test]
fn u3_the_escape_corpus_in_a_pane_and_in_reasons_acts_on_nothing() {
    let mut plan = Plan::new().agent("alpha", "on *: say yes\n").agent("wild", "");
    plan = plan.set("stall.start_limit", "5m").set("backends.wild.like", "demo").set("agents.wild.backend", "wild");
    let deck =
        plan.set("backends.wild.launch", vec!["sh", "-c", "cat ../../corpus; exec cat", "cat", "{args}"]).laid_out();
    // Everything, a reset of the agent's own terminal, and again what is only text to it.
    let all: String = ESCAPES.iter().map(|text| format!("{text}\u{1b}\\\u{7}\r\n")).collect();
    let texts: Vec<&str> = ESCAPES.iter().filter(|text| !text.contains(char::is_control)).copied().collect();
    let corpus = format!("{all}\u{1b}c{}\r\n{}\r\nthe end of it\r\n", texts.join("\r\n"), flood());
    std::fs::write(deck.workspace.join("corpus"), corpus).expect("a file");
    deck.start_engine();
    deck.ready("alpha", 1);
    let terminal = Terminal::beside(&deck);
    let before = terminal.acted_on();
    let written = terminal.record();
    terminal.open();
    deck.tell(&Command::Hold { agent: id("alpha"), reason: ESCAPES.concat() });
    terminal.shows("alpha is held");
    for keys in [&["g"][..], &["j"], &["z"], &["z"], &["Tab"], &["2"], &["3"], &["G"], &["Enter"]] {
        terminal.press(keys);
    }
    terminal.shows("╭ record ");
    // Escape and a letter at once would be that letter with alt.
    terminal.press(&["Escape"]);
    terminal.hides("╭ record ");
    for key in ["4", "5", "1"] {
        terminal.press(&[key]);
    }
    terminal.shows("the end of it");
    terminal.press(&["?"]);
    terminal.shows("restart the agent");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    terminal.press(&["Escape"]);
    terminal.hides("restart the agent");
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    assert_eq!(terminal.acted_on(), before);
    let bad: Vec<String> = acting(&text(&written)).into_iter().take(5).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn u1_after_a_panic_the_terminal_is_as_before_and_the_panic_is_told_there() {
    let deck = one_agent();
    let asks = deck.outside().join("panic");
    let terminal = Terminal::with(&deck, &[&format!("FLIGHTDECK_TEST_PANIC={}", asks.display())]);
    let before = terminal.modes("before");
    terminal.open();
    std::fs::write(&asks, "").expect("a file");
    terminal.shows("left with 101");
    terminal.shows("a panic was asked for");
    terminal.is_as_before(&before);
    assert_eq!((deck.status().epoch, deck.starts("alpha")), (1, 1));
}

fn one_agent() -> super::deck::Deck {
    let deck = Plan::new().agent("alpha", "on *: say first words\n").up();
    deck.prompted("alpha", 1);
    deck
}

#[test]
fn u2_no_size_of_the_terminal_and_no_storm_of_them_breaks_the_picture() {
    let deck = one_agent();
    let terminal = Terminal::in_cockpit(&deck);
    // A thousand of them.
    for _ in 0..170 {
        for (columns, rows) in [(1, 1), (20, 5), (500, 200), (3, 60), (300, 2), (80, 24)] {
            terminal.resize(columns, rows);
        }
    }
    terminal.resize(120, 40);
    terminal.shows("alpha life 1");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    terminal.press(&["q"]);
    terminal.shows("left with 0");
}

#[test]
fn u5_a_terminal_that_is_closed_ends_the_cockpit_and_nothing_else() {
    let deck = one_agent();
    let terminal = Terminal::in_cockpit(&deck);
    let cockpit = terminal.cockpit();
    terminal.signal_server(Signal::KILL);
    deck.until("the cockpit's end", || (alive(&cockpit) == Alive::No).then_some(()));
    let message = deck.send("alpha", "still there");
    deck.settled(message);
    assert_eq!((deck.status().epoch, deck.starts("alpha"), deck.submits("alpha").len()), (1, 1, 2));
}

#[test]
fn u6_what_is_old_says_so_and_for_how_long() {
    let deck = one_agent();
    let terminal = Terminal::in_cockpit(&deck);
    kill_process(deck.engine_pid(), Signal::STOP).expect("our own child");
    terminal.shows("ENGINE SILENT for");
    terminal.shows("what is shown is old");
    kill_process(deck.engine_pid(), Signal::CONT).expect("our own child");
    terminal.hides("ENGINE SILENT");
    deck.end_engine(Signal::KILL);
    terminal.shows("NO ENGINE");
    deck.start_engine();
    terminal.hides("NO ENGINE");
    assert_eq!(deck.starts("alpha"), 1);
}

#[test]
fn u7_without_colours_the_state_is_still_told_by_words() {
    let deck = Plan::new().agent("alpha", "on *: say yes\n").agent("beta", "on *: say yes\n").up();
    deck.prompted("alpha", 1);
    deck.tell(&Command::Hold { agent: id("beta"), reason: "for 日本語 and e\u{301}".to_string() });
    let terminal = Terminal::with(&deck, &["NO_COLOR=1"]);
    terminal.open();
    terminal.shows("held");
    let colours = terminal.colours();
    let coloured = colours
        .split('\u{1b}')
        .skip(1)
        .filter(|part| part.split('m').next().is_some_and(|codes| codes.contains("38;") || codes.contains("48;")));
    assert_eq!(coloured.count(), 0, "{}", colours.escape_debug());
}

#[test]
fn u8_what_is_pasted_into_the_cockpit_is_no_command() {
    let deck = Plan::new().agent("alpha", "on *: say yes\n").agent("beta", "on *: say yes\n").up();
    deck.prompted("alpha", 1);
    deck.prompted("beta", 1);
    let terminal = Terminal::in_cockpit(&deck);
    let lives = ["alpha", "beta"].map(|name| deck.process(name));
    for text in ["q\nK\ny\n", "ry\n", "sy", "Ey\ny\n", "\u{3}\u{3}"] {
        terminal.paste(text);
    }
    // It takes keys as before: all of that was read.
    terminal.press(&["?"]);
    terminal.shows("restart the agent");
    terminal.press(&["Escape"]);
    terminal.hides("restart the agent");
    let asked = |record: &flightdeck::pilot::record::Record| {
        use flightdeck::pilot::record::{Actor, Record};
        matches!(
            record,
            Record::Wished { by: Actor::Operator, .. }
                | Record::Stopped { .. }
                | Record::EmergencyStopped { .. }
                | Record::Paused { .. }
        )
    };
    assert_eq!(deck.count(asked), 0, "{}", deck.story());
    assert!(lives.iter().all(|life| alive(life) == Alive::Yes));
    // What is dangerous names whom it would hit, and is not done without a yes.
    terminal.press(&["r"]);
    terminal.shows("restart ");
    terminal.press(&["n"]);
    assert_eq!(["alpha", "beta"].map(|name| deck.starts(name)), [1, 1]);
}

#[test]
fn u4_a_terminal_that_takes_nothing_more_holds_up_nobody_but_its_own_picture() {
    let deck = one_agent();
    let terminal = Terminal::in_cockpit(&deck);
    let cockpit = terminal.cockpit();
    terminal.signal_server(Signal::STOP);
    for number in 0..3 {
        let message = deck.send("alpha", &format!("number {number} meanwhile"));
        deck.settled(message);
    }
    assert_eq!((deck.status().epoch, deck.submits("alpha").len()), (1, 4));
    terminal.signal_server(Signal::CONT);
    terminal.shows("alpha life 1");
    assert_eq!((alive(&cockpit), deck.starts("alpha")), (Alive::Yes, 1));
    terminal.press(&["q"]);
    terminal.shows("left with 0");
}

/// Milliseconds of processor time that a process has used, and the kilobytes that it holds.
fn cost(pid: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().expect("ticks")).sum();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    (ticks * 1000 / rustix::param::clock_ticks_per_second(), held.and_then(|kb| kb.parse().ok()).expect("a number"))
}

#[test]
fn u9_as_many_agents_as_may_be_and_a_long_log_cost_no_frame_and_no_memory() {
    // The catalogue's million takes a minute to write; it is asked for by number.
    let records = std::env::var("FLIGHTDECK_FAULT_RECORDS").map_or(100_000, |text| text.parse().expect("a number"));
    // A configuration takes no more.
    let names: Vec<String> = (0..500).map(|number| format!("agent-{number:03}")).collect();
    let plan = names.iter().fold(Plan::new(), |plan, name| {
        plan.agent(name, "on *: say yes\n").set(&format!("agents.{name}.autostart"), false)
    });
    let deck = plan.laid_out();
    let now = flightdeck::edge::clock::wall();
    let mut store = Store::open(&deck.state_dir().join("records.db")).expect("a log");
    for chunk in 0..records / 1000 {
        let told = |number: usize| Record::StateChanged {
            agent: id(&names[(chunk * 7 + number) % names.len()]),
            state: [AgentState::Working, AgentState::Idle][number % 2].clone(),
            why: format!("the {number}th of its turns"),
        };
        let at = Time(
            now.0
                - 7 * 86_400_000 * i64::try_from(records / 1000 - chunk).expect("few")
                    / i64::try_from(records / 1000).expect("few"),
        );
        store.append(at, &(0..1000).map(told).collect::<Vec<_>>()).expect("records");
    }
    drop(store);
    deck.start_engine();
    let terminal = Terminal::beside(&deck);
    terminal.run("");
    terminal.shows("agent-000");
    let pid = terminal.cockpit().pid;
    // Each key is seen on the screen before the next one: at least a frame for each.
    let (begun, _) = cost(pid);
    let mut keys = 0;
    for panel in ["1", "2", "3", "4", "5"] {
        terminal.press(&[panel]);
        for key in ["G", "g", "j", "j", "k", "G", "k", "g"] {
            let before = terminal.screen();
            terminal.press(&[key]);
            terminal.until("another picture", |screen| screen != before);
            keys += 1;
        }
    }
    let (used, held) = cost(pid);
    let frame = (used - begun) / keys;
    // A build for tests is several times slower than one that is shipped; a frame of that is measured in docs/performance.md.
    assert!(frame < 50, "{frame} ms of processor time for a key and its frame, {held} kB");
    assert!(held < 100 * 1024, "{held} kB");
}
