//! Messages on the command line: exit codes and JSON tell what became of them (section 6, faults M5, M17).

use flightdeck::pilot::command::{Answer, Command};
use flightdeck::pilot::id::MessageId;
use flightdeck::pilot::message::{Stage, TEXT_CAP};
use flightdeck::pilot::record::Record;

use super::deck::Deck;
use super::fleet::{id, view};
use super::stand_in::{Outcome, StandIn};

const M7: MessageId = MessageId(7);

/// Queues everything as m7 and lets it go through these stages.
fn queueing(stages: Vec<Stage>) -> impl FnMut(&Command) -> Outcome + Send + 'static {
    move |command| match command {
        Command::Status => (Answer::Status { view: Box::new(view()) }, Vec::new()),
        Command::Send { .. } | Command::Ping { .. } | Command::Retry { .. } => {
            let moved =
                |stage: &Stage| Record::MessageMoved { message: M7, agent: id("builder"), stage: stage.clone() };
            (Answer::Queued { message: M7 }, stages.iter().map(moved).collect())
        }
        _ => (Answer::Accepted { what: "done".into() }, Vec::new()),
    }
}

fn why() -> String {
    "as seen".to_string()
}

#[test]
fn the_exit_code_tells_what_became_of_a_message() {
    let table = [
        (
            vec![Stage::Pasting, Stage::Typed { presses: 1 }, Stage::Submitted { evidence: why() }],
            "0 m7 is submitted: as seen",
        ),
        (vec![Stage::Pasting, Stage::TypedNotSubmitted], "6 error: m7 is typed-not-submitted"),
        (vec![Stage::Uncertain { why: why() }], "6 error: m7 is uncertain: as seen"),
        (vec![Stage::Expired { why: why() }], "6 error: m7 is expired: as seen"),
        (vec![Stage::Refused { why: why() }], "5 error: m7 is refused: as seen"),
        (vec![Stage::Queued { why: Some(why()) }], "7 error: after 1s m7 is queued: as seen"),
        (vec![Stage::Pasting], "7 error: after 1s m7 is pasting"),
        (Vec::new(), "7 error: after 1s m7 is queued"),
    ];
    for (stages, expected) in table {
        let deck = Deck::new();
        let _engine = StandIn::start(&deck.root(), Vec::new(), queueing(stages));
        assert_eq!(deck.run(&["send", "builder", "hello", "--wait", "1s"]).first(), expected);
    }
}

#[test]
fn json_tells_it_too() {
    let deck = Deck::new();
    let proved = StandIn::start(&deck.root(), Vec::new(), queueing(vec![Stage::Submitted { evidence: why() }]));
    let said = deck.run(&["ping", "builder", "--json"]).json();
    assert_eq!(said, serde_json::json!({ "message": 7, "stage": { "stage": "submitted", "evidence": "as seen" } }));
    drop(proved);
    let _engine = StandIn::start(&deck.root(), Vec::new(), queueing(vec![Stage::TypedNotSubmitted]));
    let run = deck.run(&["outbox", "retry", "m7", "--json"]);
    let said = run.json();
    assert_eq!((run.code, said["exit"].as_u64(), run.err.as_str()), (Some(6), Some(6), ""));
    assert_eq!((said["message"].as_u64(), said["stage"]["stage"].as_str()), (Some(7), Some("typed_not_submitted")));
}

#[test]
fn who_does_not_wait_hears_where_it_stands() {
    let deck = Deck::new();
    let _engine = StandIn::start(&deck.root(), Vec::new(), queueing(Vec::new()));
    assert_eq!(deck.run(&["send", "builder", "hello", "--no-wait"]).first(), "0 m7 is queued: it is in a turn");
}

#[test]
fn what_stands_in_the_outbox_is_told_so_whatever_comes_after_it() {
    let deck = Deck::new();
    let (mut answer, mut queued) = (queueing(Vec::new()), false);
    let _engine = StandIn::start(&deck.root(), Vec::new(), move |command| {
        queued |= matches!(command, Command::Send { .. });
        match command {
            Command::Status if queued => (Answer::Refused { why: "it is ending".into(), hint: None }, Vec::new()),
            other => answer(other),
        }
    });
    assert_eq!(deck.run(&["send", "builder", "hello", "--no-wait"]).first(), "0 m7 is queued");
}

#[test]
fn an_engine_that_ends_meanwhile_is_told() {
    let deck = Deck::new();
    let mut engine = None;
    let (asked, is_asked) = std::sync::mpsc::channel();
    let mut answer = queueing(Vec::new());
    engine.replace(StandIn::start(&deck.root(), Vec::new(), move |command| {
        if matches!(command, Command::Send { .. }) {
            asked.send(()).expect("the test waits");
        }
        answer(command)
    }));
    let ended = flightdeck::edge::spawn::thread("end", move || {
        is_asked.recv().expect("it is asked");
        drop(engine);
    });
    let said = deck.run(&["send", "builder", "hello", "--wait", "30s"]);
    ended.expect("a thread").join().expect("it ends");
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.err.contains("`flightdeck up` starts"), "{}", said.err);
}

#[test]
fn a_text_comes_from_the_words_or_from_standard_input_unchanged() {
    let deck = Deck::new();
    let proved = queueing(vec![Stage::Submitted { evidence: why() }]);
    let engine = StandIn::start(&deck.root(), Vec::new(), proved);
    let largest = "é".repeat(TEXT_CAP / 2);
    let table = [
        (vec!["send", "builder", "--", "--help is what I mean"], None, "--help is what I mean"),
        (vec!["send", "builder", "$(id) `id` #{pane_id} 👩‍👩‍👧;"], None, "$(id) `id` #{pane_id} 👩‍👩‍👧;"),
        (vec!["send", "builder", "-"], Some("two\r\nlines\tand a tab\n\n"), "two\nlines\tand a tab"),
        (vec!["send", "builder", "-"], Some(largest.as_str()), largest.as_str()),
    ];
    for (words, stdin, _) in &table {
        let mut call = deck.call(words);
        call.write_stdin(stdin.unwrap_or_default()).assert().code(0);
    }
    let sent: Vec<Command> =
        table.iter().map(|(_, _, text)| Command::Send { agent: id("builder"), text: text.to_string() }).collect();
    assert_eq!(engine.asked(), sent);
}

#[test]
fn a_text_that_can_not_be_typed_is_refused_before_anybody_is_asked() {
    let deck = Deck::new();
    let engine = StandIn::start(&deck.root(), Vec::new(), queueing(Vec::new()));
    let table: [(&[u8], &str); 7] = [
        (b"", "the text is empty"),
        (b" \n\t\n", "the text is empty"),
        (b"a\x1b[201~b", "U+001B"),
        (b"a\xff", "byte 1 of the text is not UTF-8"),
        (&[b'x'; TEXT_CAP + 1], "at most 65536 are delivered"),
        (&[b'x'; TEXT_CAP * 20], "at most 65536 are delivered"),
        (&"é".repeat(TEXT_CAP).into_bytes(), "more than 65536 bytes"),
    ];
    for (text, expected) in table {
        // A text that is too long is not read to its end, which the writer may notice.
        let run = deck.call(&["send", "builder", "-"]).write_stdin(text).assert().code(2);
        let said = deck.said(&run);
        assert!(said.err.contains(expected), "{}", said.err);
    }
    assert_eq!(engine.asked(), []);
}
