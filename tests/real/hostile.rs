//! Nothing that an agent prints or is told acts on the operator's terminal (fault U3): every byte that the cockpit writes
//! is looked at, and the terminal is asked whether anything has changed.

use flightdeck::pilot::command::Command;

use super::deck::{id, text};
use super::escapes::{ESCAPES, flood};
use super::plan::Plan;
use super::terminal::Terminal;

/// What a frame is made of: SGR, places of the cursor, erasing, the modes of taking and giving back.
const FRAME: &str = "mHJKhlABCDd";

#[test]
fn the_escape_corpus_in_a_pane_and_in_reasons_acts_on_nothing() {
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

/// What of this output is more than text in a frame.
pub(crate) fn acting(output: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = output;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\r' | '\n')) {
        let sequence = &rest[at..];
        let end = sequence.char_indices().skip(2).find(|(_, c)| ('@'..='~').contains(c)).map(|(at, c)| (at + 1, c));
        match end {
            Some((end, kind)) if sequence.starts_with("\u{1b}[") && FRAME.contains(kind) => rest = &sequence[end..],
            _ => {
                found.push(sequence.chars().take(30).collect::<String>().escape_debug().to_string());
                rest = &sequence[sequence.chars().next().map_or(0, char::len_utf8)..];
            }
        }
    }
    found.extend(
        output
            .chars()
            .filter(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            .map(|c| c.escape_unicode().to_string()),
    );
    found
}

#[test]
fn what_acts_is_told_from_what_only_draws() {
    assert_eq!(acting("\u{1b}[1;31mred\u{1b}[2;3H\u{1b}[?1049h\r\ntext"), Vec::<String>::new());
    for bad in ["\u{1b}]0;owned\u{7}", "\u{1b}c", "\u{9b}31m", "\u{7}", "a\u{202e}b", "\u{1b}[6n", "\u{1b}P+q\u{1b}\\"]
    {
        assert!(!acting(bad).is_empty(), "{bad:?}");
    }
}
