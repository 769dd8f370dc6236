//! Every binding of the key table, pressed in its context: it asks for something, or something on the screen changes. A
//! binding without a line in [`EFFECTS`] fails.

use flightdeck::cockpit::keys::TABLE;

use super::desk::Desk;

/// What a key does.
enum Effect {
    /// An errand leaves whose debug text contains this.
    Errand(&'static str),
    /// These words appear.
    Shows(&'static str),
    /// These words go away.
    Hides(&'static str),
    /// Another agent is selected.
    Selects(&'static str),
    /// The picture changes, in its text or its styles.
    Changes,
    /// Nothing yet: what it is for is not built. Such a line is replaced when it is.
    Coming,
}

use Effect::{Changes, Coming, Errand, Hides, Selects, Shows};

/// Name of the binding, keys pressed before, what its keys do then. The builder is three rows below the first.
const EFFECTS: &[(&str, &str, Effect)] = &[
    ("attach", "jjj", Errand("Attach { session: \"$4002\" }")),
    ("restart", "jjj", Shows("restart builder?")),
    ("restart-fresh", "jjj", Shows("restart in a new conversation builder?")),
    ("ping", "jjj", Errand("Ping { agent: builder }")),
    ("message", "jjj", Shows("message to builder")),
    ("start", "G", Errand("Start { agent: upgrader }")),
    ("stop", "jjj", Shows("stop builder?")),
    ("release", "", Errand("Release { agent: adversary }")),
    ("hold", "jjj", Shows("hold builder?")),
    ("run", "G", Errand("RunJob { agent: upgrader, fresh: false }")),
    ("run-fresh", "G", Shows("run anew upgrader?")),
    ("copy", "jjj", Errand("Copy(\"builder: working")),
    ("plan", "jjj", Coming),
    ("status-file", "jjj", Coming),
    ("pause", "", Errand("Ask(Pause)")),
    ("e-stop", "", Shows("emergency stop?")),
    ("resume", "", Errand("Ask(Resume)")),
    ("reload", "", Errand("Ask(Reload)")),
    ("engine-start", "", Errand("StartEngine")),
    ("engine-stop", "", Shows("end the engine?")),
    ("phase-next", "", Shows("next phase?")),
    ("phase-goto", "", Coming),
    ("phase-insert", "", Coming),
    ("phase-append", "", Coming),
    ("phase-remove", "", Coming),
    ("down", "", Selects("fixer")),
    ("up", "jjj", Selects("wreck")),
    ("page-down", "", Selects("upgrader")),
    ("page-up", "G", Selects("adversary")),
    ("first", "jjj", Selects("adversary")),
    ("last", "", Selects("upgrader")),
    ("left", "<tab><right>", Changes),
    ("right", "<tab>", Changes),
    ("focus", "", Changes),
    ("live", "3", Changes),
    ("recorder", "", Changes),
    ("logbook", "", Changes),
    ("outbox", "", Changes),
    ("why", "", Changes),
    ("zoom", "", Hides("╭ Fleet")),
    ("wider", "", Changes),
    ("narrower", "", Changes),
    ("mark", "", Shows("1 marked")),
    ("mark-all", "", Shows("8 marked")),
    ("filter", "", Changes),
    ("back", " ", Hides("1 marked")),
    ("palette", "", Shows("╭ actions ─")),
    ("help", "", Shows("╭ keys ─")),
    ("redraw", "", Errand("Clear")),
    ("suspend", "", Errand("Suspend")),
    ("quit", "", Errand("Quit")),
    ("live-attach", "jjj<tab>", Errand("Attach { session: \"$4002\" }")),
    ("earlier", "2<tab>", Coming),
    ("later", "2<tab>", Coming),
    ("earlier-mark", "2<tab>", Coming),
    ("later-mark", "2<tab>", Coming),
    ("zoom-in", "2<tab>", Coming),
    ("zoom-out", "2<tab>", Coming),
    ("recorder-follow", "2<tab>", Coming),
    ("recorder-open", "2<tab>", Coming),
    ("record-open", "3<tab>", Coming),
    ("follow", "3<tab>", Coming),
    ("only-agent", "3<tab>", Coming),
    ("only-kind", "3<tab>", Coming),
    ("message-open", "4<tab>", Coming),
    ("retry", "4<tab>", Coming),
    ("drop", "4<tab>", Coming),
    ("why-open", "5<tab>", Coming),
    ("help-close", "?", Hides("╭ keys ─")),
    ("help-down", "?", Changes),
    ("help-up", "?j", Changes),
    ("record-close", "", Coming),
    ("record-down", "", Coming),
    ("record-up", "", Coming),
    ("record-copy", "", Coming),
    ("record-page-down", "", Coming),
    ("record-page-up", "", Coming),
    ("record-first", "", Coming),
    ("record-last", "", Coming),
    ("record-retry", "", Coming),
    ("record-drop", "", Coming),
    ("yes-usual", "", Coming),
    ("undo", "", Coming),
    ("redo", "", Coming),
    ("yes", "jjjr", Errand("Restart { agent: builder, fresh: false }")),
    ("yes-usual", "jjjr", Errand("Restart { agent: builder, fresh: false }")),
    ("no", "jjjr", Hides("restart builder?")),
    ("send", "jjjmhello", Errand("Send { agent: builder, text: \"hello\" }")),
    ("undo", "mhello", Changes),
    ("redo", "mhello<ctrl-u>", Changes),
    ("compose-cancel", "jjjmhello", Hides("message to builder")),
    ("palette-accept", ":reload", Errand("Ask(Reload)")),
    ("palette-down", ":", Changes),
    ("palette-up", ":<down>", Changes),
    ("palette-cancel", ":", Hides("╭ actions ─")),
    ("filter-accept", "/scout", Changes),
    ("filter-cancel", "/scout", Hides("Fleet /scout")),
    ("pick-accept", "", Coming),
    ("pick-down", "", Coming),
    ("pick-up", "", Coming),
    ("pick-cancel", "", Coming),
];

#[test]
fn every_key_of_the_table_does_what_it_says() {
    for binding in TABLE {
        let found = EFFECTS.iter().find(|(name, _, _)| *name == binding.name);
        let (_, before, effect) = found.unwrap_or_else(|| panic!("{} has no line in EFFECTS", binding.name));
        for key in binding.keys {
            does(binding.name, before, &format!("<{key}>"), effect);
        }
        if binding.keys.is_empty() {
            does(binding.name, before, &format!(":{}<enter>", binding.name), effect);
        }
    }
}

fn does(name: &str, before: &str, keys: &str, effect: &Effect) {
    let mut desk = Desk::new();
    desk.press(before);
    let (text, styled) = (desk.text(), desk.picture().styled());
    let context = desk.model.context();
    desk.errands.clear();
    desk.press(keys);
    let told = format!("{name}: {keys} after {before:?} in {context:?}: {:?}\n{}", desk.errands, desk.text());
    match effect {
        Errand(words) => assert!(desk.errands.iter().any(|errand| format!("{errand:?}").contains(words)), "{told}"),
        Shows(words) => assert!(!text.contains(words) && desk.text().contains(words), "{told}"),
        Hides(words) => assert!(text.contains(words) && !desk.text().contains(words), "{told}"),
        Selects(agent) => assert_eq!(desk.selected(), *agent, "{told}"),
        Changes => assert_ne!(desk.picture().styled(), styled, "{told}"),
        Coming => {}
    }
}

#[test]
fn no_line_of_the_effects_is_about_a_key_that_is_gone() {
    for (name, _, _) in EFFECTS {
        assert!(TABLE.iter().any(|binding| binding.name == *name), "{name}");
    }
}

#[test]
fn each_binding_is_pressed_in_its_own_context() {
    for binding in TABLE {
        let Some((_, before, effect)) = EFFECTS.iter().find(|(name, _, _)| *name == binding.name) else { continue };
        if matches!(effect, Coming) {
            continue;
        }
        let mut desk = Desk::new();
        desk.press(before);
        let context = desk.model.context();
        let fits = context == binding.context
            || (binding.context == flightdeck::cockpit::keys::Context::Browse && context.is_place());
        assert!(fits, "{} is pressed in {context:?}", binding.name);
    }
}
