//! The judge is judged: cases made by hand, each with one promise broken, and what it finds.

use super::checker::{Answer, Breach, Case, Fate, Recorded, Wish, judge};

fn wish(text: &str, answer: Answer) -> Wish {
    let (sender, agent) = ("link-1".to_string(), "a01".to_string());
    Wish { sender, agent, text: text.to_string(), answer, told: None }
}

fn recorded(text: &str, fate: Fate) -> Recorded {
    Recorded { agent: "a01".to_string(), text: text.to_string(), fate, doubted: false, mixed: false, by_engine: false }
}

/// Two messages of one sender, submitted and taken in, and a start prompt.
fn good() -> Case {
    let mut case = Case {
        wishes: vec![wish("one .w1.", Answer::Message(2)), wish("two .w2.", Answer::Message(3))],
        ..Case::default()
    };
    case.records.insert(1, Recorded { by_engine: true, ..recorded("begin", Fate::Submitted) });
    case.records.insert(2, recorded("one .w1.", Fate::Submitted));
    case.records.insert(3, recorded("two .w2.", Fate::Submitted));
    takes(&mut case, &["begin", "one .w1.", "two .w2."]);
    case.enters.insert("a01".to_string(), vec!["lost".to_string(), "taken".to_string()]);
    case.bytes.insert("a01".to_string(), b"\x1b[200~one\n\t.w1.\x1b[201~\r\rx\x15\x1b[200~two\x1b[201~\r".to_vec());
    case
}

fn takes(case: &mut Case, texts: &[&str]) {
    case.effects.insert("a01".to_string(), texts.iter().map(ToString::to_string).collect());
}

fn record(case: &mut Case, number: u64) -> &mut Recorded {
    case.records.get_mut(&number).expect("it is there")
}

/// What is found when the good case is changed so.
fn found(change: impl FnOnce(&mut Case)) -> Vec<Breach> {
    let mut case = good();
    change(&mut case);
    let mut found: Vec<Breach> = judge(&case).findings.into_iter().map(|finding| finding.breach).collect();
    found.sort();
    found
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(found(|_| {}), []);
    let verdict = judge(&good());
    assert_eq!((verdict.submitted, verdict.effects, verdict.uncertain.len()), (3, 3, 0));
}

#[test]
fn a_message_that_was_told_submitted_and_not_taken_in_is_lost() {
    assert_eq!(found(|case| takes(case, &["begin", "one .w1."])), [Breach::Lost]);
}

#[test]
fn a_message_without_any_record_is_lost() {
    let forget = |case: &mut Case| {
        case.records.remove(&3);
        takes(case, &["begin", "one .w1."]);
    };
    assert_eq!(found(forget), [Breach::Lost]);
}

#[test]
fn a_message_that_was_taken_in_twice_is_doubled_and_one_in_doubt_may_be_taken_in_once() {
    assert_eq!(found(|case| takes(case, &["begin", "one .w1.", "two .w2.", "two .w2."])), [Breach::Doubled]);
    let doubt = |case: &mut Case| record(case, 3).fate = Fate::Uncertain("nobody saw it".to_string());
    assert_eq!(found(doubt), []);
    let doubt_and = |texts: &'static [&'static str]| {
        found(move |case| {
            doubt(case);
            takes(case, texts);
        })
    };
    assert_eq!(doubt_and(&["begin", "one .w1."]), []);
    assert_eq!(doubt_and(&["begin", "one .w1.", "two .w2.", "two .w2."]), [Breach::Doubled]);
}

#[test]
fn what_was_told_stuck_refused_or_dropped_must_not_be_taken_in() {
    for fate in [Fate::Stuck, Fate::Ended("it waited for 1d".to_string())] {
        assert_eq!(found(|case| record(case, 3).fate = fate.clone()), [Breach::Doubled], "{fate:?}");
    }
    // Dropped after a doubt: the doubt stays.
    let dropped = |case: &mut Case| {
        record(case, 3).fate = Fate::Ended("dropped by the operator".to_string());
        record(case, 3).doubted = true;
    };
    assert_eq!(found(dropped), []);
    let refused = |case: &mut Case| {
        case.wishes[1].answer = Answer::Refused("the text is empty".to_string());
        case.records.remove(&3);
    };
    assert_eq!(found(refused), [Breach::Altered], "what a refused wish says was taken in");
}

#[test]
fn two_texts_in_one_prompt_are_merged_and_half_a_text_is_altered() {
    assert_eq!(found(|case| takes(case, &["begin", "one .w1.two .w2."])), [Breach::Lost, Breach::Lost, Breach::Merged]);
    assert_eq!(found(|case| takes(case, &["begin", "one .w1.", "o .w2."])), [Breach::Lost, Breach::Altered]);
}

#[test]
fn a_draft_in_a_message_is_merged_unless_that_was_told() {
    let draft = |case: &mut Case| {
        case.by_hand.insert(("a01".to_string(), "by hand".to_string()));
        takes(case, &["begin", "one .w1.", "by handtwo .w2."]);
    };
    assert_eq!(found(draft), [Breach::Lost, Breach::Merged]);
    let told = |case: &mut Case| {
        draft(case);
        record(case, 3).mixed = true;
    };
    assert_eq!(found(told), []);
    let nowhere = |case: &mut Case| {
        told(case);
        takes(case, &["begin", "one .w1."]);
    };
    assert_eq!(found(nowhere), [Breach::Lost]);
}

#[test]
fn what_nobody_wished_is_found_in_the_records_and_in_what_was_taken_in() {
    assert_eq!(found(|case| drop(case.wishes.pop())), [Breach::Unwished]);
    assert_eq!(found(|case| takes(case, &["begin", "one .w1.", "two .w2.", "x"])), [Breach::Unwished]);
    // A person's own words may be submitted by that person, once.
    let by_hand = |case: &mut Case| {
        case.by_hand.insert(("a01".to_string(), "x".to_string()));
        takes(case, &["begin", "one .w1.", "two .w2.", "x"]);
    };
    assert_eq!(found(by_hand), []);
}

#[test]
fn a_wish_without_an_answer_may_have_come_to_one_message_and_not_to_two() {
    let silent = |case: &mut Case| case.wishes[1].answer = Answer::None;
    assert_eq!(found(silent), []);
    let never_came = |case: &mut Case| {
        silent(case);
        case.records.remove(&3);
        takes(case, &["begin", "one .w1."]);
    };
    assert_eq!(found(never_came), []);
    let twice = |case: &mut Case| {
        silent(case);
        case.records.insert(4, recorded("two .w2.", Fate::Submitted));
        takes(case, &["begin", "one .w1.", "two .w2.", "two .w2."]);
    };
    assert_eq!(found(twice), [Breach::Unwished]);
}

#[test]
fn keys_that_went_astray_are_found() {
    let enter =
        |word: &'static str| found(move |case| case.enters.get_mut("a01").expect("it is there").push(word.to_string()));
    assert_eq!(enter("blank"), [Breach::EmptySubmit]);
    assert_eq!(enter("elsewhere"), [Breach::Misplaced]);
    assert_eq!(found(|case| takes(case, &["begin", "one .w1.", "two .w2.", " \n"])), [Breach::EmptySubmit]);
}

#[test]
fn what_leaves_a_paste_is_found() {
    let bytes = |bytes: &'static [u8]| found(move |case| drop(case.bytes.insert("a01".to_string(), bytes.to_vec())));
    assert_eq!(bytes(b"\x1b[200~a\x1b[31mb\x1b[201~\r"), [Breach::Broken]);
    assert_eq!(bytes(b"\x1b[200~a\x1b[201~\x1bb\x1b[201~\r"), [Breach::Broken]);
    assert_eq!(bytes(b"\x1b[200~a\x07b\x1b[201~\r"), [Breach::Broken]);
    assert_eq!(bytes("\u{1b}[200~日本語\r\n\t\u{1b}[201~\r".as_bytes()), []);
}

#[test]
fn a_sender_that_was_told_something_else_and_a_number_given_twice_are_found() {
    assert_eq!(found(|case| case.wishes[1].told = Some("uncertain".to_string())), [Breach::Untrue]);
    assert_eq!(found(|case| case.wishes[1].told = Some("submitted".to_string())), []);
    let shared = |case: &mut Case| case.wishes[1].answer = Answer::Message(2);
    assert_eq!(found(shared), [Breach::Altered, Breach::Unwished, Breach::Untrue]);
}

#[test]
fn a_message_that_never_settles_is_found() {
    let open = |case: &mut Case| record(case, 3).fate = Fate::Open("queued".to_string());
    assert_eq!(found(open), [Breach::Unsettled]);
}

#[test]
fn what_one_sender_said_later_must_not_come_first() {
    assert_eq!(found(|case| takes(case, &["begin", "two .w2.", "one .w1."])), [Breach::Swapped]);
    // Of two senders neither is first.
    let two_senders = |case: &mut Case| {
        case.wishes[1].sender = "verb-1".to_string();
        takes(case, &["begin", "two .w2.", "one .w1."]);
    };
    assert_eq!(found(two_senders), []);
}
