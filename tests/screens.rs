//! Screens that agents really showed, and what they must read as. A screen that fooled us goes in here first.
//!
//! `tests/screens/expected.txt` has a line for each file of `tests/screens/<backend>[-version]/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flightdeck::config::backend::built_in;
use flightdeck::pilot::reading::{capture, read};
use flightdeck::words::reading::told;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens")
}

/// Every screen of the folder: its name in the table, its backend's name and its text.
fn screens() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for kind in std::fs::read_dir(folder()).expect("the folder is there").map(|entry| entry.expect("it is readable")) {
        if !kind.path().is_dir() {
            continue;
        }
        let kind_name = kind.file_name().into_string().expect("names are ASCII");
        let backend = kind_name.split('-').next().expect("a split has a first part").to_string();
        for file in std::fs::read_dir(kind.path()).expect("it is a folder").map(|entry| entry.expect("it is readable"))
        {
            let name = file.file_name().to_string_lossy().trim_end_matches(".txt").to_string();
            let text = std::fs::read_to_string(file.path()).expect("a screen is UTF-8");
            found.push((format!("{kind_name}/{name}"), backend.clone(), text));
        }
    }
    found.sort();
    found
}

#[test]
fn every_captured_screen_reads_as_it_should() {
    let backends = built_in();
    let table = std::fs::read_to_string(folder().join("expected.txt")).expect("the table is there");
    let mut expected: BTreeMap<&str, &str> =
        table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" => ")).collect();
    let mut wrong = String::new();
    for (name, backend, text) in screens() {
        let got = told(&read(&backends[&backend], &capture::screen(&text)));
        let want = expected.remove(name.as_str()).unwrap_or("");
        if want != got {
            wrong += &format!("-{name} => {want}\n+{name} => {got}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(expected.is_empty(), "screens without a file: {expected:?}");
}
