//! Every screen of the cockpit in every class of sizes, as a file each: `snapshots/NAME.WIDTHxHEIGHT.snap`. A new panel or
//! prompt gets a line here, and is then also drawn at every size and shown hostile texts.

use super::desk::Desk;

/// A phone, an ordinary terminal, a large one, and one over several monitors.
pub(crate) const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (160, 45), (500, 200)];

macro_rules! screens {
    ($($name:ident: $keys:literal,)*) => {
        /// How each screen is reached from the start: its name and the keys.
        pub(crate) const SCREENS: &[(&str, &str)] = &[$((stringify!($name), $keys),)*];

        $(
            #[test]
            fn $name() {
                for (width, height) in SIZES {
                    let mut desk = Desk::sized(width, height);
                    desk.press($keys);
                    desk.picture().is(stringify!($name));
                }
            }
        )*
    };
}

screens! {
    fleet: "",
    fleet_filtered: "/builder<enter>",
    fleet_marked: " j ",
    live: "<tab>1<right>",
    live_zoomed: "1z",
    recorder: "<tab>2",
    recorder_past: "<tab>2bbb",
    recorder_screen: "<tab>2bbb<enter>",
    logbook: "<tab>3",
    logbook_kind: "<tab>3K",
    record: "<tab>3k<enter>",
    outbox: "<tab>4",
    message: "<tab>4<enter>",
    why: "<tab>5",
    usage: "<tab>6",
    why_of_one_who_waits: "jjjj<tab>5",
    confirm_restart: "r",
    confirm_many: "*S",
    confirm_e_stop: "E",
    help: "?",
    help_of_a_panel: "<tab>1?",
    palette: ":",
    palette_typed: ":restart<down>",
    pick_goto: "N",
    pick_append: "a1c",
    confirm_remove: "D<enter>",
    filter: "/wo",
    compose: "jjjm",
    compose_typed: "*mline one<enter>日本語 two",
}

#[test]
fn every_screen_is_one_of_its_own() {
    let pictures = SCREENS.iter().map(|(name, keys)| (Desk::new().press(keys).picture().styled(), name));
    let mut seen: std::collections::BTreeMap<String, &&str> = std::collections::BTreeMap::new();
    for (picture, name) in pictures {
        let twin = seen.insert(picture, name);
        assert_eq!(twin, None, "{name} looks like another screen");
    }
}
