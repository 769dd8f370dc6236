//! What an agent has shown before, read in the cockpit while the agent goes on.

use super::deck::Deck;
use super::plan::Plan;
use super::terminal::Terminal;

/// An agent that printed 400 numbered rows, and repeats what is typed.
fn talker() -> Deck {
    let plan = Plan::new().agent("talker", "").set("stall.start_limit", "5m").set("backends.talk.like", "demo");
    let plan = plan.set("agents.talker.backend", "talk");
    plan.set("backends.talk.launch", vec!["sh", "-c", "seq -f 'row %04g of it' 400; exec cat", "cat", "{args}"]).up()
}

#[test]
fn old_rows_are_read_while_new_ones_come_and_the_end_is_a_key_away() {
    let deck = talker();
    let terminal = Terminal::in_cockpit(&deck);
    terminal.shows("row 0399 of it");
    terminal.hides("row 0300 of it");
    terminal.press(&["Tab"]);
    let page_up = |row: &str| {
        while !terminal.screen().contains(row) {
            let before = rows(&terminal);
            terminal.press(&["PPage"]);
            // A frame may be read while it is drawn: it has come when it stays.
            let mut seen = Vec::new();
            deck.until("another page", || {
                let stays = std::mem::replace(&mut seen, rows(&terminal)) == seen;
                (stays && seen != before).then_some(())
            });
        }
    };
    page_up("row 0200 of it");
    terminal.hides("row 0399 of it");
    terminal.shows("lines above");

    // What comes meanwhile does not move what is read.
    let held = rows(&terminal);
    deck.press("talker", &["n", "e", "w", "s", "Enter"]);
    deck.until("the agent's answer", || deck.screen("talker").contains("news\nnews").then_some(()));
    assert_eq!(rows(&terminal), held);

    terminal.press(&["g"]);
    terminal.shows("row 0001 of it");
    terminal.shows("history: 0 lines above");
    terminal.press(&["j"]);
    terminal.hides("row 0001 of it");
    terminal.press(&["k"]);
    terminal.shows("row 0001 of it");
    terminal.press(&["G"]);
    terminal.until("the present", |screen| screen.contains("news") && screen.contains("row 0399 of it"));
    terminal.hides("lines above");

    // The other way back, and step by step down to the end.
    page_up("row 0300 of it");
    terminal.press(&["Escape"]);
    terminal.until("the present", |screen| screen.contains("news") && !screen.contains("lines above"));
    page_up("row 0350 of it");
    while terminal.screen().contains("lines above") {
        let before = terminal.screen();
        terminal.press(&["NPage"]);
        deck.until("another page", || (terminal.screen() != before).then_some(()));
    }
    terminal.shows("news");
}

/// The rows of the agent that are on the screen.
fn rows(terminal: &Terminal<'_>) -> Vec<String> {
    let row = |line: &str| line.rfind("row ").map(|at| line[at..].chars().take(14).collect());
    terminal.screen().lines().filter_map(row).collect()
}
