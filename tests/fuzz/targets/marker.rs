//! The last line of an answer: a marker is exactly one line, the last one, and its time is the one that stands there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::Datelike;
use flightdeck::config::backend::built_in;
use flightdeck::config::model::Backend;
use flightdeck::pilot::marker::{Marker, parse};
use flightdeck::pilot::reading::{capture, read};

use super::{Target, check, outcome};

pub(super) const TARGET: Target = Target { name: "marker", seeds, words: WORDS, run };

const WORDS: &[&str] = &[
    "WAITING-UNTIL",
    "WAITING-UNTIL: ",
    "waiting-until: ",
    "WAITING_UNTIL: ",
    ": ",
    "2026-11-21T05:00:00Z",
    "2026-11-21T05:00:00+01:00",
    "2028-02-29T23:59:60.999999999-12:00",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "-00:00",
    "T",
    "Z",
    "**",
    "`",
    "●",
    "⏺ ",
    "• ",
    "\u{a0}",
];

static BACKENDS: LazyLock<BTreeMap<String, Backend>> = LazyLock::new(built_in);

fn seeds() -> Vec<Vec<u8>> {
    let table = include_str!("../../markers.txt").lines().filter_map(|line| line.strip_prefix('|'));
    let texts = table.filter_map(|line| line.rsplit_once(" => ")).map(|(text, _)| text.replace("\\t", "\t"));
    texts.map(|text| text.replace("\\u{a0}", "\u{a0}").into_bytes()).collect()
}

fn run(input: &[u8]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(input);
    let said = parse(&text);
    if let Marker::At(time) = &said {
        check(text.matches("WAITING-UNTIL").count() == 1, || "a marker without its word, or with two".to_string())?;
        check(!text.trim().contains('\n'), || "a marker of two lines".to_string())?;
        if (0..=9999).contains(&time.utc().year()) {
            let again = parse(&format!("WAITING-UNTIL: {time}"));
            check(again == said, || format!("its time {time} reads as {again:?}"))?;
        }
        for more in [" x", "x", " 2026-11-21T05:00:00Z"] {
            let longer = parse(&format!("{text}{more}"));
            check(!matches!(longer, Marker::At(_)), || format!("a marker with text after it: {more}"))?;
        }
    }
    followed(&text)?;
    Ok(outcome(&format!("{said:?}")))
}

/// Whatever stands before it, a last line without a marker is none.
fn followed(text: &str) -> Result<(), String> {
    // A screen has so many lines and columns; what comes from tmux is cut to more than these.
    let rows = text.lines().take(20).map(|line| line.chars().take(300).collect::<String>());
    let answer: String = rows.map(|line| format!("  {line}\n")).collect();
    let rule = "─".repeat(60);
    let shown =
        format!("❯ go\n\n● Well.\n{answer}  and then I went on\n\n{rule}\n❯\u{a0}\n{rule}\n  ? for shortcuts\n");
    let reading = read(&BACKENDS["demo"], &capture::screen(&shown));
    let last = reading.final_line.as_deref().map(parse);
    check(!matches!(last, Some(Marker::At(_))), || format!("a marker that is not last: {:?}", reading.final_line))
}
