//! Whatever stands in a text that comes from outside, nothing in a cell acts on the operator's terminal (fault U3).

use std::sync::LazyLock;

use flightdeck::cockpit::cells;
use flightdeck::cockpit::happening::Happening;
use flightdeck::edge::link::Heard;
use flightdeck::pilot::command::Answer;
use flightdeck::pilot::record::Record;
use flightdeck::pilot::view::{PaneView, View};
use flightdeck::words::text::is_unseen;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::desk::Desk;
use super::escapes::{ESCAPES, flood};
use super::screens::{SCREENS, SIZES};
use super::world::World;

/// As long as a letter may be with what belongs to it, in bytes.
const LETTER: usize = 40;

/// A joiner is a part of many a picture; what else can't be seen has no business in a cell.
fn acts(c: char) -> bool {
    c.is_control() || is_unseen(c) && !matches!(c, '\u{200c}' | '\u{200d}')
}

#[track_caller]
fn is_harmless(desk: &Desk, what: &str) {
    for cell in desk.picture().cells() {
        let symbol = cell.symbol();
        let bad = symbol.chars().any(acts) || symbol.len() > LETTER;
        let shown: String = symbol.escape_debug().take(100).collect();
        assert!(!bad, "{:.100}: {shown} in a cell", what.escape_debug().to_string());
    }
}

/// A picture in which places that take any text are known: the others have a grammar.
struct Form<T> {
    good: Value,
    places: Vec<String>,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Form<T> {
    fn of(good: &T) -> Self {
        let good = serde_json::to_value(good).expect("it is data");
        let takes_any = |place: &String| {
            let mut tried = good.clone();
            *tried.pointer_mut(place).expect("it is there") = Value::from("any \u{1b} text");
            serde_json::from_value::<T>(tried).is_ok()
        };
        let places = strings(&good, "").into_iter().filter(takes_any).collect();
        Form { good, places, of: std::marker::PhantomData }
    }

    /// The same with `text` in every such place.
    fn filled(&self, text: &str) -> T {
        let mut value = self.good.clone();
        for place in &self.places {
            *value.pointer_mut(place).expect("it is there") = Value::from(text);
        }
        serde_json::from_value(value).expect("each place was tried")
    }
}

fn strings(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::String(_) => vec![path.to_string()],
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(at, item)| strings(item, &format!("{path}/{at}"))).collect()
        }
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, field)| strings(field, &format!("{path}/{name}"))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// This view, and a pane full of this text.
fn tell(desk: &mut Desk, view: View, text: &str) {
    desk.hears(Heard::View(Box::new(view)));
    let pane = desk.model.peeked().and_then(|agent| desk.world.pane(agent));
    if let Some(pane) = pane {
        let lines = vec![text; usize::from(pane.size.1)].join("\n");
        desk.hears(Heard::Pane(Box::new(PaneView { text: lines, ..pane })));
    }
}

fn corpus() -> Vec<String> {
    let all = ESCAPES.concat();
    ESCAPES.iter().map(ToString::to_string).chain([flood(), all]).collect()
}

/// The corpus in few texts, where there is much to draw for each.
fn few() -> Vec<String> {
    corpus().chunks(5).map(|texts| texts.concat()).collect()
}

#[test]
fn the_escape_corpus_in_every_field_of_the_view_and_in_the_pane() {
    let form = Form::of(&World::busy().view());
    assert!(form.places.len() > 30, "{:?}", form.places);
    let views: Vec<(String, View)> = few().into_iter().map(|text| (text.clone(), form.filled(&text))).collect();
    for (name, keys) in SCREENS {
        let mut desk = Desk::sized(80, 24);
        desk.press(keys);
        for (text, view) in &views {
            tell(&mut desk, view.clone(), text);
            is_harmless(&desk, &format!("{name}: {text:?}"));
        }
    }
}

#[test]
fn the_escape_corpus_in_every_record_that_panels_look_up() {
    let forms: Vec<Form<Record>> = World::busy().records().iter().map(|(_, record)| Form::of(record)).collect();
    for text in few() {
        let mut world = World::busy();
        let told: Vec<Record> = forms.iter().map(|form| form.filled(&text)).collect();
        world.writes(&told);
        let mut desk = Desk::over(world, 120, 30);
        for (name, keys) in SCREENS {
            desk.press("<esc><esc><esc><esc>").press(keys);
            is_harmless(&desk, &format!("{name}: {text:?}"));
        }
    }
}

#[test]
fn the_escape_corpus_in_answers_refusals_and_reasons() {
    for text in corpus() {
        let mut desk = Desk::sized(80, 24);
        desk.engine_slows().press("jp");
        desk.engine_speaks();
        for heard in [
            Heard::Refused { ask: Some(1), why: text.clone() },
            Heard::Answer { ask: 1, answer: Box::new(Answer::Accepted { what: text.clone() }) },
            Heard::Answer { ask: 1, answer: Box::new(Answer::Refused { why: text.clone(), hint: Some(text.clone()) }) },
        ] {
            desk.hears(heard);
            is_harmless(&desk, &text);
        }
        desk.happens(Happening::Returned { trouble: Some(text.clone()) });
        is_harmless(&desk, &text);
        desk.happens(Happening::Connected { version: text.clone() });
        desk.happens(Happening::Disconnected { why: text.clone() });
        is_harmless(&desk, &text);
    }
}

#[test]
fn the_escape_corpus_typed_and_pasted_into_every_prompt() {
    for (name, keys) in SCREENS {
        let mut desk = Desk::sized(80, 24);
        desk.press(keys);
        for text in few() {
            desk.paste(&text);
            is_harmless(&desk, &format!("{name}: {text:?}"));
        }
    }
}

#[test]
fn a_hostile_text_is_still_there_to_be_read() {
    let mut desk = Desk::new();
    let view = Form::of(&desk.world.view()).filled("title\u{1b}]0;owned\u{7}title");
    tell(&mut desk, view, "");
    desk.shows("title]0;ownedtitle");
}

static FORM: LazyLock<Form<View>> = LazyLock::new(|| Form::of(&World::busy().view()));

/// A piece of what tmux writes for a row: letters of every width, what joins them, colours, line drawing; or anything.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "日",
        "👨",
        "\u{200d}",
        "\u{301}",
        "\u{fe0f}",
        "\u{202e}",
        "🇩",
        "\u{1b}[1;31m",
        "\u{1b}[m",
        "\u{e}",
        "q",
        "\u{f}",
    ];
    prop_oneof![4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_string), 1 => ".{0,6}", 1 => corpus_piece()]
}

fn corpus_piece() -> impl Strategy<Value = String> {
    prop::sample::select(ESCAPES.to_vec()).prop_map(|text| text.replace('\n', " "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_every_field_is_harmless(
        text in prop_oneof![".{0,60}", prop::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter)],
        screen in 0..SCREENS.len(),
        size in 0..SIZES.len() - 1,
    ) {
        let (width, height) = SIZES[size];
        let mut desk = Desk::sized(width, height);
        desk.press(SCREENS[screen].1);
        tell(&mut desk, FORM.filled(&text), &text);
        is_harmless(&desk, SCREENS[screen].0);
    }
}

proptest! {
    // Cheap, and what it looks for stands in few of all texts: a letter that becomes wide at an edge.
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pane_and_any_history_is_read_into_cells_of_any_size(
        rows in prop::collection::vec(prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat()), 0..6),
        columns in prop_oneof![1u16..6, Just(80)],
        height in 1u16..4,
    ) {
        let separate = cells::separate(&rows);
        prop_assert_eq!(separate.len(), rows.len());
        cells::read(&rows.join("\n"), (columns, height));
        cells::read(&separate.join("\n"), (columns, height));
    }
}
