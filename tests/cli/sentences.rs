//! Every kind of record as a sentence.

use std::collections::BTreeSet;

use flightdeck::pilot::record::Record;
use flightdeck::words::sentence::sentence;
use serde_json::{Value, json};

/// One record of each kind, as it lies in the log; some kinds twice, where the sentence has two forms.
const RECORDS: &str = include_str!("records.jsonl");

#[test]
fn every_kind_of_record_has_its_sentence() {
    let samples: Vec<Value> = RECORDS.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<String> = samples
        .iter()
        .map(|sample| {
            let record: Record = serde_json::from_value(sample.clone()).unwrap_or_else(|why| panic!("{why}: {sample}"));
            sentence(&record)
        })
        .collect();
    insta::assert_snapshot!("sentences", told.join("\n"));
    let told: BTreeSet<&str> = samples.iter().filter_map(|sample| sample["kind"].as_str()).collect();
    let missing: Vec<String> = kinds().into_iter().filter(|kind| !told.contains(kind.as_str())).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// All kinds, from the complaint about one that does not exist.
fn kinds() -> Vec<String> {
    let complaint = serde_json::from_value::<Record>(json!({ "kind": "none" })).expect_err("no such kind").to_string();
    let kinds: Vec<String> = complaint.split('`').skip(3).step_by(2).map(String::from).collect();
    assert!(kinds.len() > 40, "{complaint}");
    kinds
}
