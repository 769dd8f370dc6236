//! The tables of the tour (docs/cockpit.md) are printed from the program's own: keys, states, marks, colours. After a change
//! `UPDATE_DOCS=1 cargo test --test cockpit keys_doc` writes them anew.

use flightdeck::cockpit::keys::{Context, TABLE};
use flightdeck::cockpit::lanes::MarkKind;
use flightdeck::cockpit::theme::Theme;
use flightdeck::cockpit::tint::{Tint, rank};
use flightdeck::config::model::ThemeName;
use flightdeck::pilot::record::AgentState;
use flightdeck::pilot::time::Time;
use ratatui::style::{Color, Style};

const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cockpit.md");

#[test]
fn the_tour_has_every_key_state_and_mark_as_the_program_has_them() {
    let told = std::fs::read_to_string(TOUR).expect("the tour");
    let wanted = blocks().into_iter().fold(told.clone(), |text, (name, table)| put_in(&text, &name, &table));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(TOUR, &wanted).expect("the tour can be written");
    } else {
        assert!(told == wanted, "docs/cockpit.md should be as below; UPDATE_DOCS=1 writes it so\n\n{wanted}");
    }
}

/// Every table with its name.
fn blocks() -> Vec<(String, String)> {
    let keys = Context::ALL.map(|context| (format!("keys: {}", context.title()), keys(context)));
    let others = [("states".to_string(), states()), ("marks".to_string(), marks())];
    keys.into_iter().chain(others).collect()
}

/// The text with this table between `<!-- name -->` and `<!-- end -->`.
fn put_in(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- {name} -->\n");
    let missing = || panic!("docs/cockpit.md lacks {begin:?} with `<!-- end -->` below it, for:\n{table}");
    let Some((before, rest)) = text.split_once(&begin) else { missing() };
    let Some((_, after)) = rest.split_once("<!-- end -->") else { missing() };
    format!("{before}{begin}{table}<!-- end -->{after}")
}

fn keys(context: Context) -> String {
    let mut table = "| key | what it does | name |\n|---|---|---|\n".to_string();
    for binding in TABLE.iter().filter(|binding| binding.context == context) {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        table += &format!("| {} | {} | `{}` |\n", keys.join(" "), binding.words, binding.name);
    }
    table
}

fn states() -> String {
    let theme = Theme::new(ThemeName::Dark, false);
    let mut table = "| sign | dark theme | in the legend | states | in the list |\n|---|---|---|---|---|\n".to_string();
    for tint in Tint::ALL {
        let own: Vec<AgentState> = all_states().into_iter().filter(|state| Tint::of(state) == tint).collect();
        let words: Vec<&str> = own.iter().map(AgentState::word).collect();
        let place = ["first", "second", "third", "last"][usize::from(own.iter().map(rank).min().unwrap_or(3))];
        let colour = colour(theme.tint(tint));
        table += &format!("| `{}` | {colour} | {} | {} | {place} |\n", tint.sign(), tint.word(), words.join(", "));
    }
    table
}

fn marks() -> String {
    let row = |kind: MarkKind| format!("| `{}` | {} |\n", kind.sign(), kind.word());
    "| sign | what happened |\n|---|---|\n".to_string() + &MarkKind::ALL.map(row).concat()
}

fn all_states() -> Vec<AgentState> {
    use AgentState::*;
    let until = Time(0);
    let (words, why, cause) = (String::new, String::new(), String::new());
    vec![
        Working,
        Waiting { until },
        Idle,
        Starting,
        Stopping,
        Retrying,
        Limited { until: Some(until) },
        AtDialog { dialog: words() },
        AuthFailed,
        Held { cause },
        Down,
        Backoff { until },
        Unknown { why },
        Suspended,
        Stopped,
        Finished,
    ]
}

/// A word for a colour, by its hue.
fn colour(style: Style) -> &'static str {
    let Some(Color::Rgb(red, green, blue)) = style.fg else { panic!("the dark theme names its colours: {style:?}") };
    let (red, green, blue) = (i32::from(red), i32::from(green), i32::from(blue));
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let spread = most - least;
    if spread * 5 < most {
        return if most < 0x70 { "dark grey" } else { "grey" };
    }
    let hue = match most {
        most if most == red => 60 * (green - blue) / spread,
        most if most == green => 120 + 60 * (blue - red) / spread,
        _ => 240 + 60 * (red - green) / spread,
    };
    match hue.rem_euclid(360) {
        0..15 => "red",
        15..35 => "orange",
        35..55 => "yellow",
        55..90 => "olive",
        90..160 => "green",
        160..240 => "blue",
        240..290 => "violet",
        290..345 => "pink",
        _ => "red",
    }
}

#[test]
fn a_table_that_lags_behind_is_caught() {
    let old = "a\n<!-- marks -->\nold\n<!-- end -->\nb\n";
    assert_eq!(put_in(old, "marks", "new\n"), "a\n<!-- marks -->\nnew\n<!-- end -->\nb\n");
}
