//! Screens that agents really showed, and what they must read as. A screen that fooled us goes in here first.
//!
//! `tests/screens/expected.txt` has a line for each file of `tests/screens/<backend>[-version]/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flightdeck::config::backend::built_in;
use flightdeck::config::model::ScreenSays;
use flightdeck::pilot::fact::Screen;
use flightdeck::pilot::reading::{Reading, Says, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens")
}

fn screen(text: &str) -> Screen {
    Screen { lines: text.lines().map(|line| line.trim_end_matches(' ').to_string()).collect(), ..Screen::default() }
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
            let name = file.path().file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(file.path()).expect("a screen is UTF-8");
            found.push((format!("{kind_name}/{name}"), backend.clone(), text));
        }
    }
    found.sort();
    found
}

/// A reading in one line, as it stands in the table.
fn verdict(reading: &Reading) -> String {
    let says = match reading.says {
        Says::Clear(ScreenSays::Idle) => "idle",
        Says::Clear(ScreenSays::Busy) => "busy",
        Says::Clear(ScreenSays::Dialog) => "dialog",
        Says::Clear(ScreenSays::Limited) => "limited",
        Says::Clear(ScreenSays::Poisoned) => "poisoned",
        Says::Clear(ScreenSays::Fatal) => "fatal",
        Says::Clear(ScreenSays::Retrying) => "retrying",
        Says::Clear(ScreenSays::AuthFailed) => "auth-failed",
        Says::Clear(ScreenSays::Exited) => "exited",
        Says::Unclear => "unclear",
    };
    let mut words = vec![says.to_string()];
    words.extend(reading.rule.as_ref().map(|rule| format!("by '{rule}'")));
    words.extend(reading.until_text.as_ref().map(|until| format!("until '{until}'")));
    match &reading.composer {
        None => words.push("no composer".to_string()),
        Some(composer) if composer.other_mode => words.push("other mode".to_string()),
        Some(composer) if composer.collapsed => words.push("collapsed paste".to_string()),
        Some(composer) if !composer.text.is_empty() => {
            words.push(format!("draft '{}'", composer.text.replace('\n', " ⏎ ").chars().take(40).collect::<String>()));
        }
        Some(_) => {}
    }
    words.extend(
        reading.final_line.as_ref().map(|line| format!("final '{}'", line.chars().take(60).collect::<String>())),
    );
    words.join(", ")
}

#[test]
fn every_captured_screen_reads_as_it_should() {
    let backends = built_in();
    let table = std::fs::read_to_string(folder().join("expected.txt")).expect("the table is there");
    let mut expected: BTreeMap<&str, &str> =
        table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" => ")).collect();
    let mut wrong = String::new();
    for (name, backend, text) in screens() {
        let got = verdict(&read(&backends[&backend], &screen(&text)));
        let want = expected.remove(name.as_str()).unwrap_or("");
        if want != got {
            wrong += &format!("-{name} => {want}\n+{name} => {got}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(expected.is_empty(), "screens without a file: {expected:?}");
}
