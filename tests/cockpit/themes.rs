//! Themes: what each may use, that it can be read, and that nothing is told by colour alone.

use flightdeck::cockpit::theme::Theme;
use flightdeck::cockpit::tint::Tint;
use flightdeck::config::model::ThemeName;
use flightdeck::edge::link::Heard;
use flightdeck::pilot::record::AgentState;
use flightdeck::pilot::time::Time;
use flightdeck::pilot::view::{PaneView, View};
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::desk::Desk;
use super::screens::SCREENS;

const SIZES: [(u16, u16); 3] = [(40, 16), (80, 24), (160, 45)];

/// Everything that a pane may be coloured with.
const COLOURFUL: &str = "\u{1b}[31mred \u{1b}[92mgreen \u{1b}[38;5;208morange \u{1b}[48;5;236mgrey\u{1b}[m \
                         \u{1b}[38;2;1;2;250mblue\u{1b}[48;2;250;250;250m white\u{1b}[m \u{1b}[4;58;2;9;9;9mlined\u{1b}[m plain";

/// Each screen in this theme at each size, with a colourful pane where one is looked at: its name and its cells.
fn drawn(theme: &Theme, mut look: impl FnMut(&str, &Desk)) {
    for (name, keys) in SCREENS {
        for (width, height) in SIZES {
            let mut desk = Desk::sized(width, height);
            desk.model.theme = theme.clone();
            desk.press(keys);
            let pane = desk.model.peeked().and_then(|agent| desk.world.pane(agent));
            if let Some(pane) = pane {
                let text = vec![COLOURFUL; usize::from(pane.size.1)].join("\n");
                desk.hears(Heard::Pane(Box::new(PaneView { text, ..pane })));
            }
            look(&format!("{name} at {width}x{height}"), &desk);
        }
    }
}

fn colours(cell: &Cell) -> [Color; 3] {
    [cell.fg, cell.bg, cell.underline_color]
}

#[test]
fn sixteen_colours_are_the_terminals_own_sixteen_on_every_screen_and_in_every_pane() {
    drawn(&Theme::new(ThemeName::Sixteen, false), |name, desk| {
        for cell in desk.picture().cells() {
            let own = colours(cell).iter().all(|color| !matches!(color, Color::Rgb(..) | Color::Indexed(_)));
            assert!(own, "{name}: {cell:?}");
            // Whatever the terminal makes of the sixteen: what stands on itself is not seen.
            let seen = cell.fg == Color::Reset || cell.fg != cell.bg || cell.symbol() == " ";
            assert!(seen, "{name}: {cell:?}");
        }
    });
}

#[test]
fn in_sixteen_colours_a_pane_keeps_the_nearest_of_its_own() {
    let mut desk = Desk::new();
    desk.model.theme = Theme::new(ThemeName::Sixteen, false);
    let agent = desk.model.peeked().expect("a pane is looked at").clone();
    let pane = desk.world.pane(&agent).expect("it runs");
    desk.hears(Heard::Pane(Box::new(PaneView { text: COLOURFUL.to_string(), cursor: None, ..pane })));
    let picture = desk.picture();
    let cells = picture.cells();
    let starts =
        |at: &usize| cells[*at..].iter().zip("red green".chars()).all(|(cell, c)| cell.symbol() == c.to_string());
    let begin = (0..cells.len()).find(starts).expect("it is drawn");
    let text: String = cells[begin..begin + 50].iter().map(|cell| cell.symbol()).collect();
    let of = |word: &str| {
        let cell = &cells[begin + text.find(word).unwrap_or_else(|| panic!("{word} is not in {text:?}"))];
        (cell.fg, cell.bg)
    };
    assert_eq!(of("red"), (Color::Red, Color::Reset));
    assert_eq!(of("green"), (Color::LightGreen, Color::Reset));
    assert_eq!(of("orange").1, Color::Reset);
    assert!(matches!(of("orange").0, Color::Yellow | Color::LightYellow | Color::LightRed), "{:?}", of("orange"));
    assert_eq!(of("grey").1, Color::Black);
    assert!(matches!(of("blue").0, Color::Blue | Color::LightBlue), "{:?}", of("blue"));
    assert_eq!(of("white").1, Color::White);
    assert_eq!(of("plain"), (Color::Reset, Color::Reset));
}

#[test]
fn with_no_color_there_is_none_on_any_screen() {
    for name in [ThemeName::Dark, ThemeName::Light, ThemeName::Contrast, ThemeName::Sixteen] {
        drawn(&Theme::new(name, true), |name, desk| {
            let coloured = desk.picture().cells().iter().find(|cell| colours(cell) != [Color::Reset; 3]).cloned();
            assert_eq!(coloured, None, "{name}");
        });
    }
}

/// One of each state.
fn every_state() -> Vec<AgentState> {
    let (until, text) = (Time(1_795_270_000_000), || "words".to_string());
    vec![
        AgentState::Working,
        AgentState::Waiting { until },
        AgentState::Idle,
        AgentState::Starting,
        AgentState::Stopping,
        AgentState::Retrying,
        AgentState::Limited { until: Some(until) },
        AgentState::Limited { until: None },
        AgentState::AtDialog { dialog: text() },
        AgentState::AuthFailed,
        AgentState::Held { cause: text() },
        AgentState::Down,
        AgentState::Backoff { until },
        AgentState::Unknown { why: text() },
        AgentState::Suspended,
        AgentState::Stopped,
        AgentState::Finished,
    ]
}

#[test]
fn every_state_is_told_by_a_sign_and_a_word_without_any_colour() {
    let signs: std::collections::BTreeSet<&str> = Tint::ALL.into_iter().map(Tint::sign).collect();
    assert_eq!(signs.len(), Tint::ALL.len());
    for state in every_state() {
        for (width, height) in SIZES {
            let mut desk = Desk::sized(width, height);
            desk.model.theme = Theme::new(ThemeName::Dark, true);
            let mut view: View = desk.world.view();
            view.agents.truncate(1);
            view.agents[0].state = state.clone();
            desk.hears(Heard::View(Box::new(view)));
            let text = desk.text();
            let row = text.lines().find(|line| line.contains("adversary") && line.contains(Tint::of(&state).sign()));
            assert!(row.is_some_and(|row| row.contains(state.word())), "{state:?} at {width}x{height}:\n{text}");
        }
    }
}

#[test]
fn without_colours_the_selected_row_the_focus_and_what_needs_the_operator_are_told_by_other_means() {
    let mut desk = Desk::new();
    desk.model.theme = Theme::new(ThemeName::Dark, true);
    let reversed =
        |desk: &Desk| desk.picture().cells().iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED)).count();
    assert!(reversed(&desk) > 20);
    let focused = desk.picture().styled();
    desk.press("<tab>");
    assert_ne!(desk.picture().styled(), focused);
    let bold = |desk: &Desk, word: &str| {
        let picture = desk.picture();
        let rows = picture.cells().chunks(120);
        let row = rows
            .map(|row| row.iter().collect::<Vec<_>>())
            .find(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().contains(word));
        row.is_some_and(|row| row.iter().any(|cell| cell.symbol() == "■" && cell.modifier.contains(Modifier::BOLD)))
    };
    assert!(bold(&desk, "adversary"));
}

/// How much lighter one is than the other, as WCAG 2 counts it: 1 to 21.
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let light = |rgb: [u8; 3]| {
        let part = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(rgb[0]) + 0.7152 * part(rgb[1]) + 0.0722 * part(rgb[2])
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn words_can_be_read_in_every_theme_on_the_ground_it_is_made_for() {
    // Letters need 4.5 to be read with ease and 3 to be read at all; what is only a line needs neither.
    let grounds = [
        (ThemeName::Dark, [[0x00, 0x00, 0x00], [0x1e, 0x1e, 0x1e]], 3.0),
        (ThemeName::Light, [[0xff, 0xff, 0xff], [0xfa, 0xf8, 0xf2]], 3.0),
        (ThemeName::Contrast, [[0x00, 0x00, 0x00], [0x10, 0x10, 0x10]], 4.5),
    ];
    let mut faint = std::collections::BTreeMap::new();
    for (name, grounds, least) in grounds {
        for (screen, keys) in SCREENS {
            let mut desk = Desk::sized(160, 45);
            desk.model.theme = Theme::new(name, false);
            // The pane has its own colours.
            desk.press(keys);
            if desk.model.peeked().is_some() {
                let agent = desk.model.peeked().expect("just seen").clone();
                let pane = desk.world.pane(&agent).map(|pane| PaneView { text: "words".to_string(), ..pane });
                pane.into_iter().for_each(|pane| desk.hears(Heard::Pane(Box::new(pane))));
            }
            for ground in grounds {
                for cell in
                    desk.picture().cells().iter().filter(|cell| cell.symbol().chars().any(char::is_alphanumeric))
                {
                    let (Color::Rgb(r, g, b), back) = (cell.fg, cell.bg) else { continue };
                    let back = if let Color::Rgb(r, g, b) = back { [r, g, b] } else { ground };
                    let seen = contrast([r, g, b], back);
                    if seen < least {
                        let words = format!("{name:?} #{r:02x}{g:02x}{b:02x} on {back:02x?}: {seen:.1}");
                        faint.entry(words).or_insert_with(|| format!("{:?} on {screen}", cell.symbol()));
                    }
                }
            }
        }
    }
    assert!(faint.is_empty(), "{faint:#?}");
}
