//! What a screen was read as, in one line: for `backend read` and for the table of recorded screens.

use crate::config::model::ScreenSays;
use crate::pilot::reading::{Reading, Says};

/// Letters of a draft and of a final line that are told.
const DRAFT: usize = 40;
const FINAL: usize = 60;

/// The word for what a screen says; those of the rules in a backend's table, and `unclear`.
pub fn says(says: Says) -> &'static str {
    match says {
        Says::Clear(says) => word(says),
        Says::Unclear => "unclear",
    }
}

/// The word in the rules of a backend's table.
pub fn word(says: ScreenSays) -> &'static str {
    match says {
        ScreenSays::Idle => "idle",
        ScreenSays::Busy => "busy",
        ScreenSays::Dialog => "dialog",
        ScreenSays::Limited => "limited",
        ScreenSays::Poisoned => "poisoned",
        ScreenSays::Fatal => "fatal",
        ScreenSays::Retrying => "retrying",
        ScreenSays::AuthFailed => "auth-failed",
        ScreenSays::Exited => "exited",
    }
}

/// What it says, by which rule, until when, what stands in the composer, notes, and the final line of the last answer.
pub fn told(reading: &Reading) -> String {
    let mut words = vec![says(reading.says).to_string()];
    words.extend(reading.rule.as_ref().map(|rule| format!("by '{rule}'")));
    words.extend(reading.until_text.as_ref().map(|until| format!("until '{until}'")));
    match &reading.composer {
        None => words.push("no composer".to_string()),
        Some(composer) if composer.other_mode => words.push("other mode".to_string()),
        Some(composer) if composer.collapsed => words.push("collapsed paste".to_string()),
        Some(composer) if !composer.text.is_empty() => {
            words.push(format!("draft '{}'", first(&composer.text.replace('\n', " ⏎ "), DRAFT)));
        }
        Some(_) => {}
    }
    words.extend(reading.notes.iter().map(|note| format!("note '{note}'")));
    words.extend(reading.final_line.as_ref().map(|line| format!("final '{}'", first(line, FINAL))));
    words.join(", ")
}

fn first(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect()
}
