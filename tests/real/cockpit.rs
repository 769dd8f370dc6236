//! The cockpit in a real terminal, over a real engine with demo agents in a real tmux.

use flightdeck::edge::process::{Alive, alive};
use flightdeck::pilot::command::Command;
use flightdeck::pilot::record::{AgentState, Record};
use rustix::process::Signal;

use super::awake::awake_ms;
use super::deck::{Deck, id, signal_to, text};
use super::plan::{PROGRAM, Plan};
use super::terminal::Terminal;

/// An engine that says nothing is called silent after 5 s; what is beyond is the time of a slow machine.
const TOLD_MS: i64 = 8_000;

fn two_agents() -> Deck {
    let deck = Plan::new().agent("alpha", "on *: say first words\n").agent("beta", "on *: say other words\n").up();
    deck.prompted("alpha", 1);
    deck.prompted("beta", 1);
    deck
}

#[test]
fn the_cockpit_shows_the_fleet_and_its_keys_move_in_it() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("alpha life 1");
    terminal.shows("first words");
    terminal.press(&["j"]);
    terminal.shows("beta life 1");
    terminal.shows("other words");
    terminal.press(&["Up", "?"]);
    terminal.shows("restart the agent");
    terminal.press(&["Escape"]);
    terminal.hides("restart the agent");
    terminal.press(&["/", "b", "e", "t", "Enter"]);
    terminal.until("beta alone", |screen| screen.contains("beta life 1") && !screen.contains("alpha"));
    terminal.press(&["3"]);
    terminal.shows("engine");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
}

#[test]
fn a_restart_is_confirmed_and_the_agent_lives_anew() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("alpha life 1");
    terminal.press(&["r"]);
    terminal.shows("restart alpha?");
    assert_eq!(deck.starts("alpha"), 1);
    terminal.press(&["y"]);
    deck.ready("alpha", 2);
    terminal.shows("alpha life 2");
    assert_eq!((deck.starts("alpha"), deck.starts("beta")), (2, 1));
}

#[test]
fn a_ping_and_a_message_arrive_at_the_agent() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.press(&["p"]);
    deck.until("a nudge", || (deck.submits("alpha").len() == 2).then_some(()));
    terminal.press(&["m"]);
    terminal.shows("message to alpha");
    terminal.paste("q\ntwo lines");
    terminal.shows("two lines");
    terminal.press(&["C-s"]);
    deck.until("the message", || (deck.submits("alpha").len() == 3).then_some(()));
    assert_eq!((deck.submits("alpha")[2].as_str(), deck.submits("beta").len()), ("q\ntwo lines", 1));
}

#[test]
fn attach_shows_the_agents_own_session_and_its_detach_key_comes_back() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    for _ in 0..2 {
        terminal.press(&["Enter"]);
        terminal.until("the session", |screen| screen.contains("first words") && !screen.contains("Fleet"));
        terminal.press(&["C-b", "d"]);
        terminal.shows("alpha life 1");
    }
    terminal.press(&["j"]);
    terminal.shows("beta life 1");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    assert_eq!((deck.starts("alpha"), deck.starts("beta")), (1, 1));
}

#[test]
fn after_a_storm_of_resizes_the_screen_is_right() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    for round in 0..30u16 {
        let (columns, rows) = [(20, 5), (200, 60), (1, 1), (40, 10), (131, 43)][usize::from(round % 5)];
        terminal.resize(columns + round % 3, rows + round % 2);
    }
    terminal.resize(100, 30);
    terminal.until("a whole screen", |screen| {
        let rows: Vec<&str> = screen.lines().collect();
        let whole = |row: &str, end: &str| row.trim_end().ends_with(end) && row.chars().count() >= 98;
        rows.len() == 30
            && whole(rows[0], "UTC")
            && whole(rows[3], "╮")
            && rows[4].contains("alpha")
            // Where the machine's own disk fills up, that is told in a row of its own.
            && whole(rows[28 - usize::from(rows[28].contains("the disk"))], "╯")
            && rows[29].contains("enter attach")
    });
    terminal.press(&["q"]);
    terminal.shows("left with 0");
}

#[test]
fn a_killed_engine_is_told_and_started_again_by_a_key() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    let agents = deck.survivors();
    deck.end_engine(Signal::KILL);
    let killed = awake_ms();
    terminal.shows("NO ENGINE");
    let took = awake_ms() - killed;
    assert!(took < TOLD_MS, "told after {took} ms");
    terminal.press(&["p"]);
    terminal.shows("no engine is connected, so nothing was asked");
    terminal.press(&["C-u"]);
    terminal.hides("NO ENGINE");
    deck.until("both agents", || {
        deck.status().agents.iter().all(|agent| agent.state == AgentState::Idle).then_some(())
    });
    assert_eq!((deck.status().epoch, deck.starts("alpha"), deck.starts("beta")), (2, 1, 1));
    assert!(agents.iter().all(|agent| alive(agent) == Alive::Yes));
}

#[test]
fn an_engine_that_ends_shows_how_it_ended_and_not_how_it_was_a_moment_before() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("alpha life 1");
    deck.tell(&Command::Hold { agent: id("beta"), reason: "the last word".to_string() });
    deck.tell(&Command::Shutdown);
    terminal.until("the engine's end", |screen| screen.contains("NO ENGINE"));
    assert!(terminal.screen().contains("held by the operator: the last word"), "{}", terminal.screen());
    deck.engine_ends();
}

#[test]
fn a_stopped_engine_is_told_as_silent_with_the_age_of_its_last_word() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    rustix::process::kill_process(deck.engine_pid(), Signal::STOP).expect("our own child");
    terminal.shows("ENGINE SILENT for");
    rustix::process::kill_process(deck.engine_pid(), Signal::CONT).expect("our own child");
    terminal.hides("ENGINE SILENT for");
}

#[test]
fn a_killed_cockpit_disturbs_neither_engine_nor_agents() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    let (agents, epoch) = (deck.survivors(), deck.status().epoch);
    signal_to(&terminal.cockpit(), Signal::KILL);
    terminal.shows("left with 137");
    assert_eq!(deck.status().epoch, epoch);
    assert!(agents.iter().all(|agent| alive(agent) == Alive::Yes));
    deck.send("alpha", "after it");
    deck.until("the message", || (deck.submits("alpha").len() == 2).then_some(()));
}

#[test]
fn a_terminal_that_nobody_reads_never_slows_the_engine() {
    let deck = Plan::new()
        .agent("chatter", "")
        .set("backends.talk.like", "demo")
        .set(
            "backends.talk.launch",
            vec![
                "sh",
                "-c",
                "i=0; while :; do i=$((i+1)); seq -s ' ' $i $((i+60)); sleep 0.02; done",
                "talk",
                "{args}",
            ],
        )
        .set("agents.chatter.backend", "talk")
        .up();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("chatter life 1");
    deck.saw("its start", |record| matches!(record, Record::Started { .. }).then_some(()));
    terminal.signal_server(Signal::STOP);
    let count = || deck.screen("chatter").split_whitespace().next_back().and_then(|word| word.parse::<u64>().ok());
    let begun = deck.until("a count", count);
    let mut asked = 0;
    // Meanwhile the cockpit has far more to draw than a terminal's queue holds.
    deck.until("four hundred lines more", || {
        let before = awake_ms();
        deck.status();
        let took = awake_ms() - before;
        assert!(took < 1_000, "the engine answered after {took} ms");
        asked += 1;
        count().filter(|now| *now > begun + 400).map(drop)
    });
    assert!(asked > 10, "{asked}");
    terminal.signal_server(Signal::CONT);
    terminal.press(&["?"]);
    terminal.shows("restart the agent");
}

#[test]
fn wrong_keys_are_all_told_in_the_words_of_check_and_nothing_is_opened() {
    let keys = Plan::new().agent("alpha", "on *: say yes\n");
    let keys = keys.set("cockpit.keys.ping", vec!["r"]).set("cockpit.keys.restrat", vec!["x"]);
    let deck = keys.set("cockpit.keys.quit", vec!["ctrl-"]).up();
    let terminal = Terminal::beside(&deck);
    terminal.run("");
    terminal.shows("left with 2");
    let drawn = terminal.screen();
    for problem in ["r means both ping and restart", "no such action: \"restrat\"", "no such key: \"ctrl-\""] {
        assert!(drawn.contains(problem), "{problem:?} is not in {drawn}");
    }
    assert_eq!(terminal.flags(), "alternate 0 cursor 1 mouse 0");
    // Drawn on a terminal, a line each in a file: both say the same each time.
    let said = |verb: &str, into: &str| {
        let file = deck.outside().join(into);
        terminal.say(&format!(
            "clear; {PROGRAM} {verb} --workspace {} 2> {into}; echo {into} $?",
            deck.workspace.display()
        ));
        terminal.shows(&format!("{into} 2"));
        text(&file)
    };
    terminal.say(&format!("cd {}", deck.outside().display()));
    let (cockpit, check) = (said("", "of-cockpit"), said("check", "of-check"));
    assert_eq!(cockpit, check);
    assert!(check.contains("flightdeck.toml:") && check.contains("error: 3 problems in the workspace"), "{check}");
}

#[test]
fn with_no_color_there_are_no_colours() {
    let deck = two_agents();
    let terminal = Terminal::beside(&deck);
    terminal.run("NO_COLOR=1");
    terminal.shows("alpha life 1");
    assert_eq!(coloured(&terminal.colours()), Vec::<String>::new());
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    terminal.open();
    assert!(!coloured(&terminal.colours()).is_empty());
}

/// SGR parameters that set a colour.
fn coloured(screen: &str) -> Vec<String> {
    let sequences = screen.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes);
    let colours = |codes: &&str| {
        let numbers = codes.split([';', ':']).filter_map(|code| code.parse::<u16>().ok());
        numbers.into_iter().any(|code| matches!(code, 30..=38 | 40..=48 | 90..=97 | 100..=107))
    };
    sequences.filter(colours).map(str::to_string).collect()
}

#[test]
fn a_quiet_cockpit_draws_no_more_than_its_clock() {
    let deck = two_agents();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("first words");
    let written = terminal.record();
    let clock_of = |screen: &str| screen.lines().next().map(str::to_string);
    let (mut ticks, mut last) = (0, clock_of(&terminal.screen()));
    deck.until("four seconds of the clock", || {
        let now = clock_of(&terminal.screen());
        ticks += usize::from(now != last);
        last = now;
        (ticks >= 4).then_some(())
    });
    let bytes = std::fs::metadata(written).expect("a file").len();
    assert!(bytes < 4_000, "{bytes} bytes in four seconds");
}
