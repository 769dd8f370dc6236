//! Faults of what messages say: how long it is, what is hidden in it, how many there are.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::spawn;
use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::message::clean_text;
use rustix::process::Signal;

use super::deck::{Deck, Dice, id, text};
use super::escapes::ESCAPES;
use super::messages::submitted;
use super::plan::{PROGRAM, Plan};
use super::secrets::{holds, in_no_argv};

#[test]
fn m5_a_long_text_arrives_whole_and_one_that_is_too_long_is_refused_with_advice() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let line = |line| format!("line {line}: `$(id)` #{{pane_id}} \u{e9}\u{65e5}\n");
    let whole: String = (0..4000).map(line).collect();
    let most = whole[..64 * 1024 - 2].trim_end().to_string();
    for text in [whole[..16 * 1024].trim_end(), &most] {
        submitted(&deck, deck.send("solo", text));
    }
    let taken = deck.submits("solo");
    assert!(taken[1] == whole[..16 * 1024].trim_end() && taken[2] == most, "{} {}", taken[1].len(), taken[2].len());
    let answer = deck.ask(&Command::Send { agent: id("solo"), text: "x".repeat(64 * 1024 + 1) });
    let Answer::Refused { why, .. } = answer else { panic!("{answer:?}") };
    assert!(why.contains("65537 bytes") && why.contains("send its path"), "{why}");
    // However long it is, the verb says the same, and asks nobody.
    let file = deck.outside().join("long");
    for size in [64 * 1024 + 1, 1 << 20, 100 << 20] {
        std::fs::write(&file, vec![b'x'; size]).expect("a file");
        let mut verb = spawn::blocking(PROGRAM);
        verb.args(["send", "solo", "-", "--workspace"]).arg(&deck.workspace);
        let output = verb.stdin(std::fs::File::open(&file).expect("a file")).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains("send its path"), "{:?} {said}", output.status);
    }
    assert_eq!(deck.submits("solo").len(), 3);
}

/// Whatever could end a paste, move a cursor or turn a text around.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

#[test]
fn m6_nothing_breaks_out_of_a_paste() {
    // Made up from what could: every text is refused whole, or holds nothing that acts.
    let parts = [
        "\u{1b}[201~",
        "\u{1b}",
        "\r",
        "\r\n",
        "\n",
        "\t",
        "\u{9b}201~",
        "\u{7f}",
        "\0",
        "\u{202e}",
        "\u{2066}",
        "x",
        "é",
        "\u{85}",
        ";",
        " ",
    ];
    let mut dice = Dice(0x5afe);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1_000_000 {
        let text: String =
            (0..1 + dice.below(6)).map(|_| parts[usize::try_from(dice.below(16)).expect("small")]).collect();
        match clean_text(&text) {
            Ok(clean) => {
                taken += 1;
                assert!(!clean.contains(acts), "{text:?} became {clean:?}");
            }
            Err(why) => {
                refused += 1;
                assert!(text.trim().is_empty() || text.contains(acts), "{text:?}: {why}");
            }
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} {refused}");

    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let breaking = |text: &&str| text.contains(|c| acts(c) && c != '\r');
    let mut wanted = Vec::new();
    for text in ESCAPES.iter().chain(&["one\u{1b}[201~\rtwo\r", "end\u{9b}201~", "carriage\rreturn"]) {
        match deck.ask(&Command::Send { agent: id("solo"), text: (*text).to_string() }) {
            Answer::Queued { message } => wanted.push((message, clean_text(text).expect("it was taken"))),
            Answer::Refused { why, .. } => assert!(why.contains("U+"), "{text:?}: {why}"),
            other => panic!("{other:?}"),
        }
        assert!(!breaking(text) || !wanted.iter().any(|(_, taken)| taken == text), "{text:?} was taken");
    }
    wanted.iter().for_each(|(message, _)| submitted(&deck, *message));
    let texts: Vec<&String> = wanted.iter().map(|(_, text)| text).collect();
    assert!(texts.len() > 5);
    assert_eq!(deck.submits("solo")[1..].iter().collect::<Vec<_>>(), texts);
    // What reached the terminal: marks of pastes, submit keys, and text.
    let bytes = text(&deck.workspace.join("solo.bytes")).replace("\u{1b}[200~", "").replace("\u{1b}[201~", "");
    let odd: Vec<String> = bytes
        .lines()
        .filter(|line| line.trim_matches('\r').contains(acts))
        .map(|line| line.escape_debug().to_string())
        .collect();
    assert!(odd.iter().all(|line| !line.contains("\\u{1b}") && !line.contains("\\u{9b}")), "{odd:?}");
}

#[test]
fn m7_a_text_of_many_lines_is_one_submit_with_all_its_lines() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let texts = ["two\nlines", "a list:\n- one\n- two\n\n\nand the end", "crossed\r\nborders\rof systems"];
    texts.iter().for_each(|words| submitted(&deck, deck.send("solo", words)));
    assert_eq!(deck.submits("solo")[1..], [texts[0], texts[1], "crossed\nborders\nof systems"]);
    let presses = text(&deck.workspace.join("solo.bytes")).matches("\u{1b}[201~\r").count();
    assert_eq!(presses, 4, "one submit key for each text");
}

/// Memory of the engine, kB.
fn held(deck: &Deck) -> usize {
    let status = text(Path::new(&format!("/proc/{}/status", deck.engine_pid().as_raw_nonzero())));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn m15_a_flood_fills_the_queue_and_the_rest_is_refused() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").set("agents.solo.autostart", false).up();
    let mut queued = 0;
    let mut client = Client::connect(&deck.state_dir()).expect("an engine");
    let before = held(&deck);
    for number in 0..10_000 {
        let command = Command::Send { agent: id("solo"), text: format!("number {number}") };
        match client.ask(&command, Duration::from_secs(60)).expect("an answer") {
            Answer::Queued { .. } => queued += 1,
            Answer::Refused { why, .. } => {
                assert_eq!(queued, 50, "{why}");
                assert!(why.contains("50"), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((queued, deck.agent("solo").waiting_messages), (50, 50));
    // What was refused is kept nowhere.
    let grown = held(&deck).saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} kB");
    let mut verb = spawn::blocking(PROGRAM);
    let output = verb.args(["send", "solo", "one more", "--workspace"]).arg(&deck.workspace).output().expect("it runs");
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    // The first of them is the first to be said.
    deck.tell(&Command::Start { agent: id("solo") });
    deck.prompted("solo", 2);
    let taken = deck.submits("solo");
    assert!(taken.iter().skip(1).zip(0..).all(|(words, number)| *words == format!("number {number}")), "{taken:?}");
}

#[test]
fn m17_odd_texts_are_taken_as_they_are_or_refused_with_the_reason() {
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    let taken = [
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 and 🏳\u{fe0f}\u{200d}🌈",
        "日本語 と 漢字",
        "עברית and عربى",
        "e\u{301} is not é",
        "  indented, with blanks behind  ",
    ];
    for words in taken {
        submitted(&deck, deck.send("solo", words));
    }
    assert_eq!(deck.submits("solo")[1..], taken);
    for (words, reason) in
        [("", "empty"), (" \t \n ", "empty"), ("turned \u{202e}around", "U+202E"), ("\u{feff}marked", "U+FEFF")]
    {
        let answer = deck.ask(&Command::Send { agent: id("solo"), text: words.to_string() });
        let Answer::Refused { why, .. } = answer else { panic!("{words:?}: {answer:?}") };
        assert!(why.contains(reason), "{words:?}: {why}");
    }
    // What is no text at all comes by standard input.
    let file = deck.outside().join("no text");
    std::fs::write(&file, b"half \xc3\x28 a text").expect("a file");
    let mut verb = spawn::blocking(PROGRAM);
    verb.args(["send", "solo", "-", "--workspace"])
        .arg(&deck.workspace)
        .stdin(std::fs::File::open(&file).expect("a file"));
    let output = verb.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("UTF-8"), "{:?} {said}", output.status);
    assert_eq!(deck.submits("solo").len(), 1 + taken.len());
}

#[test]
fn m18_the_words_of_a_message_stand_in_the_log_of_records_alone() {
    let canary = "xyzzy-4718-canary";
    let deck = Plan::new().agent("solo", "on *: say yes\n").up();
    deck.prompted("solo", 1);
    submitted(&deck, deck.send("solo", canary));
    deck.end_engine(Signal::TERM);
    in_no_argv(canary);
    for folder in ["log", "agents"] {
        for entry in std::fs::read_dir(deck.state_dir().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            assert!(!holds(&path, canary), "in {}", path.display());
        }
    }
    assert!(!deck.said().contains(canary));
    let records = deck.state_dir().join("records.db");
    let mode = std::fs::metadata(&records).expect("the log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(holds(&records, canary) || holds(&deck.state_dir().join("records.db-wal"), canary), "it was never there");
}
