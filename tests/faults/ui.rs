//! Faults of the cockpit and of the terminal it is shown in.

use flightdeck::pilot::command::Command;

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
    let told = "title #{pane_title} path #{pane_path} wrap #{wrap_flag} insert #{insert_flag} origin #{origin_flag} \
                margins #{scroll_region_upper}-#{scroll_region_lower} keypad #{keypad_flag} buffers #{buffer_name}";
    let before = terminal.format(told);
    let written = terminal.record();
    terminal.open();
    deck.tell(&Command::Hold { agent: id("alpha"), reason: ESCAPES.concat() });
    terminal.shows("alpha is held");
    for keys in [
        &["g"][..],
        &["j"],
        &["z"],
        &["z"],
        &["Tab"],
        &["2"],
        &["3"],
        &["G"],
        &["Enter"],
        &["Escape"],
        &["4"],
        &["5"],
        &["1"],
    ] {
        terminal.press(keys);
    }
    terminal.shows("the end of it");
    terminal.press(&["?"]);
    terminal.shows("restart the agent");
    assert_eq!(terminal.flags(), "alternate 1 cursor 0 mouse 1");
    // Escape and a letter at once would be that letter with alt.
    terminal.press(&["Escape"]);
    terminal.hides("restart the agent");
    terminal.press(&["q"]);
    terminal.shows("left with 0");
    assert_eq!(terminal.format(told), before);
    let bad: Vec<String> = acting(&text(&written)).into_iter().take(5).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn u1_after_a_panic_the_terminal_is_as_before_and_the_panic_is_told_there() {
    let deck = Plan::new().agent("alpha", "on *: say first words\n").up();
    deck.prompted("alpha", 1);
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
