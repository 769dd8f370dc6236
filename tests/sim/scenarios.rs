//! Every file of `tests/scenarios/` is a scenario: `NAME.txt` says what happens, `NAME.out` what comes of it.
//! `INSTA_UPDATE=always` writes the second anew; `FLIGHTDECK_SCENARIO=part-of-a-name` runs some of them, `FLIGHTDECK_FIRST=1` stops
//! at the first that comes out otherwise.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::play::played;

#[test]
fn every_scenario_comes_out_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let wanted = std::env::var("FLIGHTDECK_SCENARIO").unwrap_or_default();
    let accept = std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter(|path| path.to_string_lossy().contains(&wanted))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no scenario has {wanted:?} in its name");
    let first = std::env::var_os("FLIGHTDECK_FIRST").is_some();
    let mut failed = String::new();
    for path in paths {
        if first && !failed.is_empty() {
            break;
        }
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("it is text");
        let got = match played(&text).and_then(|played| played.told()) {
            Ok(got) => got,
            Err(why) => {
                let _ = writeln!(failed, "\n--- {name}\n{why}");
                continue;
            }
        };
        let out = path.with_extension("out");
        let expected = std::fs::read_to_string(&out).unwrap_or_default();
        if accept {
            std::fs::write(&out, &got).expect("it can be written");
        } else if got != expected {
            let _ = writeln!(failed, "\n--- {name}\n{}", difference(&expected, &got));
        }
    }
    assert!(failed.is_empty(), "{failed}\nINSTA_UPDATE=always writes what came out");
}

/// The lines around the first that differs.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let at = expected.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str]| lines[at.min(lines.len())..(at + 8).min(lines.len())].join("\n  ");
    let before = &got[at.saturating_sub(5)..at.min(got.len())];
    format!("  {}\nexpected:\n  {}\ncame out:\n  {}", before.join("\n  "), part(&expected), part(&got))
}
