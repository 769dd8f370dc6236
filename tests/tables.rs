//! Tables of lines that agents wrote or might write, and what they are.

use chrono_tz::Tz;
use flightdeck::pilot::limit::{reset_time, reset_time_in};
use flightdeck::pilot::marker::{Marker, parse};
use flightdeck::pilot::time::{Now, Time};

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (c, tail) = match after.strip_prefix("u{").and_then(|after| after.split_once('}')) {
            Some((hex, tail)) => {
                let code = u32::from_str_radix(hex, 16).expect("hex digits");
                (char::from_u32(code).expect("a character"), tail)
            }
            None => match after.split_at(1) {
                ("t", tail) => ('\t', tail),
                ("r", tail) => ('\r', tail),
                ("n", tail) => ('\n', tail),
                (other, _) => panic!("no escape: {other}"),
            },
        };
        out.push(c);
        rest = tail;
    }
    out + rest
}

fn rows(name: &str) -> Vec<(String, String)> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let table = std::fs::read_to_string(path).expect("the table is there");
    let rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (text, verdict) = line.rsplit_once(" => ").expect("a row has an arrow");
        (text.to_string(), verdict.to_string())
    });
    rows.collect()
}

#[test]
fn every_final_line_is_a_marker_only_as_the_table_says() {
    let rows = rows("markers.txt");
    assert!(rows.len() >= 300, "{}", rows.len());
    let mut wrong = String::new();
    for (line, want) in rows {
        let line = unescaped(line.strip_prefix('|').expect("a line begins behind a bar"));
        let got = match parse(&line) {
            Marker::None => "none".to_string(),
            Marker::At(time) => format!("at {time}"),
            Marker::Flawed(why) => format!("flawed {why}"),
        };
        if got != want {
            wrong += &format!("{line:?}: want {want}, got {got}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn no_line_whatsoever_breaks_the_marker() {
    for (line, _) in rows("markers.txt") {
        let line = unescaped(&line[1..]);
        for (at, _) in line.char_indices() {
            let (_, _) = (parse(&line[..at]), parse(&line[at..]));
        }
    }
}

#[test]
fn every_reset_is_understood_as_the_table_says() {
    let mut wrong = String::new();
    for (row, want) in rows("limits.txt") {
        let (now, text) = row.split_once(" | ").expect("a row has a bar");
        let now = Now::at(serde_json::from_str::<Time>(&format!("\"{now}\"")).expect("a time"));
        let got = reset_time(text, now).map_or("none".to_string(), |time| time.to_string());
        if got != want {
            wrong += &format!("{now:?} {text}: want {want}, got {got}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_reset_is_told_in_steady_time_and_in_the_zone_of_whoever_reads() {
    let wall = Time(1_795_262_400_000);
    let now = Now { steady: Time(1_000_000), wall };
    assert_eq!(wall.to_string(), "2026-11-21T12:00:00.000Z");
    assert_eq!(reset_time("1pm (UTC)", now), Some(Time(1_000_000 + 3_600_000)));
    assert_eq!(reset_time("in 1h", now), Some(Time(1_000_000 + 3_600_000)));
    let tokyo: Tz = "Asia/Tokyo".parse().expect("a zone");
    assert_eq!(reset_time_in("10pm", now, tokyo), Some(Time(1_000_000 + 3_600_000)));
    assert_eq!(reset_time_in("1pm (UTC)", now, tokyo), Some(Time(1_000_000 + 3_600_000)));
}
