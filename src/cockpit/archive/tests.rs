use std::path::PathBuf;

use crate::edge::store::Store;
use crate::pilot::message::{Message, Origin, Stage};
use crate::pilot::record::{Illness, StopCause};
use crate::pilot::time::Time;

use super::*;
use crate::pilot::record::Record;

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

fn ready(name: &str) -> Record {
    Record::Ready { agent: agent(name) }
}

fn found(what: &str) -> Record {
    Record::Found { agent: agent("builder"), illness: Illness::Fatal, evidence: vec![what.to_string()] }
}

/// A log with these records, and who reads in it.
fn log(records: &[Record]) -> (tempfile::TempDir, Reader) {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("records.db");
    Store::open(&path).unwrap().append(Time(1_000), records).unwrap();
    let reader = Reader::open(&path).unwrap();
    (dir, reader)
}

fn seqs(leaf: &Leaf) -> Vec<u64> {
    leaf.entries.iter().map(|entry| entry.stamp.seq).collect()
}

fn looked_for(words: &str) -> Sieve {
    Sieve { words: words.to_string(), ..Sieve::default() }
}

#[test]
fn pages_of_the_log_follow_each_other_in_both_directions() {
    let (_dir, log) = log(&vec![ready("builder"); 450]);
    let all = Sieve::default();
    let newest = entries::leaf(&log, &all, Page::Newest).unwrap();
    assert_eq!((seqs(&newest)[0], newest.reached, newest.ended, newest.last), (251, 251, false, 450));
    let before = entries::leaf(&log, &all, Page::Before(51)).unwrap();
    assert_eq!((seqs(&before).len(), before.reached, before.ended), (50, 1, true));
    let after = entries::leaf(&log, &all, Page::After(400)).unwrap();
    assert_eq!((seqs(&after).len(), after.reached, after.ended), (50, 450, true));
    assert_eq!(newest.entries[0].words, "builder: ready, its composer is there");
}

#[test]
fn words_are_looked_for_page_by_page_until_the_whole_log_was_seen() {
    let mut records = vec![ready("builder"); 12_000];
    records[3] = found("Error 500: the OVEN is too hot");
    records[11_000] = ready("adversary");
    let (_dir, log) = log(&records);
    let sieve = looked_for("oven error");
    let (mut page, mut questions, mut all) = (Page::Newest, 0, Vec::new());
    loop {
        let leaf = entries::leaf(&log, &sieve, page).unwrap();
        all.extend(seqs(&leaf));
        questions += 1;
        if leaf.ended {
            break;
        }
        assert!(leaf.reached > 1, "each question comes further");
        page = Page::Before(leaf.reached);
    }
    assert_eq!((all, questions), (vec![4], 3), "5 000 rows a question");
    assert_eq!(seqs(&entries::leaf(&log, &looked_for("adversary READY"), Page::Newest).unwrap()), [11_001]);
    let onwards = entries::leaf(&log, &looked_for("oven"), Page::After(0)).unwrap();
    assert_eq!((seqs(&onwards), onwards.reached, onwards.ended), (vec![4], 5_000, false));
}

#[test]
fn what_the_page_shows_and_what_is_heard_pass_the_same_sieve() {
    let (_dir, log) = log(&[ready("builder"), found("hot oven"), ready("adversary")]);
    let of_builder = Filter { agent: Some(agent("builder")), ..Filter::default() };
    let of_kind = Filter { kind: Some("ready".to_string()), ..Filter::default() };
    for (sieve, expected) in [
        (Sieve::default(), vec![1, 2, 3]),
        (Sieve { filter: of_builder.clone(), words: String::new() }, vec![1, 2]),
        (Sieve { filter: of_kind, words: String::new() }, vec![1, 3]),
        (Sieve { filter: of_builder, words: "oven".to_string() }, vec![2]),
        (looked_for("found"), vec![2]),
        (looked_for("nothing like it"), vec![]),
    ] {
        assert_eq!(seqs(&entries::leaf(&log, &sieve, Page::Newest).unwrap()), expected, "{sieve:?}");
        let heard = (1..).zip([ready("builder"), found("hot oven"), ready("adversary")]);
        let heard: Vec<u64> = heard.filter(|(_, record)| sieve.passes(record)).map(|(seq, _)| seq).collect();
        assert_eq!(heard, expected, "{sieve:?}");
    }
}

#[test]
fn a_long_record_makes_no_long_entry() {
    let message = Message {
        id: MessageId(1),
        agent: agent("builder"),
        origin: Origin::Operator,
        text: "word ".repeat(10_000),
        queued_at: Time(0),
        only: None,
    };
    let (_dir, log) =
        log(&[Record::MessageQueued { message }, Record::Alerted { agent: None, what: "x".repeat(5_000) }]);
    let leaf = entries::leaf(&log, &Sieve::default(), Page::Newest).unwrap();
    assert!(leaf.entries.iter().all(|entry| entry.words.len() <= 404));
}

#[test]
fn a_message_is_found_with_its_whole_history() {
    let queue = |id| Record::MessageQueued {
        message: Message {
            id: MessageId(id),
            agent: agent("builder"),
            origin: Origin::Nudge,
            text: format!("text {id}"),
            queued_at: Time(0),
            only: None,
        },
    };
    let go = |id, stage| Record::MessageMoved { message: MessageId(id), agent: agent("builder"), stage };
    let mut records = vec![queue(1), queue(2), go(1, Stage::Pasting), go(2, Stage::Pasting)];
    records.extend(vec![ready("builder"); 1_000]);
    records.push(go(1, Stage::Uncertain { why: "nobody saw it".to_string() }));
    let (_dir, log) = log(&records);
    let letter = dossier::letter(&log, MessageId(1)).unwrap();
    assert_eq!(letter.queued.unwrap().1.text, "text 1");
    let moves: Vec<(u64, &str)> = letter.moves.iter().map(|(stamp, stage)| (stamp.seq, stage.word())).collect();
    assert_eq!(moves, [(3, "pasting"), (1_005, "uncertain")]);
    let unknown = dossier::letter(&log, MessageId(9)).unwrap();
    assert!(unknown.queued.is_none() && unknown.moves.is_empty());
}

#[test]
fn decisions_are_told_newest_first_with_their_evidence() {
    let mut records = vec![found("the oven is hot")];
    records.push(Record::Stopped { agent: agent("builder"), cause: StopCause::Fatal, left: Vec::new() });
    records.push(Record::LimitLifted { agent: agent("adversary") });
    records.extend(vec![ready("builder"); 500]);
    let (_dir, log) = log(&records);
    let told = dossier::decisions(&log, &agent("builder")).unwrap();
    let told: Vec<(u64, Vec<String>)> =
        told.into_iter().map(|decision| (decision.entry.stamp.seq, decision.evidence)).collect();
    assert_eq!(told, [(2, vec![]), (1, vec!["the oven is hot".to_string()])]);
}

#[test]
fn a_record_is_found_with_those_around_it_of_the_same_agent() {
    let names = ["builder", "adversary"];
    let records: Vec<Record> = (0..40).map(|n| ready(names[n % 2])).collect();
    let (_dir, log) = log(&records);
    let vicinity = dossier::vicinity(&log, 21).unwrap();
    let seqs = |entries: &[Entry]| entries.iter().map(|entry| entry.stamp.seq).collect::<Vec<_>>();
    assert_eq!(vicinity.row.unwrap().stamp.seq, 21);
    assert_eq!(seqs(&vicinity.before), [9, 11, 13, 15, 17, 19]);
    assert_eq!(seqs(&vicinity.after), [23, 25, 27, 29, 31, 33]);
    assert!(dossier::vicinity(&log, 99).unwrap().row.is_none());
}
