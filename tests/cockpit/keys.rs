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
}

use Effect::{Changes, Errand, Hides, Selects, Shows};

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
    ("plan", "jjj", Changes),
    ("status-file", "jjj", Changes),
    ("pause", "", Errand("Ask(Pause)")),
    ("e-stop", "", Shows("emergency stop?")),
    ("resume", "", Errand("Ask(Resume)")),
    ("reload", "", Errand("Ask(Reload)")),
    ("engine-start", "", Errand("StartEngine")),
    ("engine-stop", "", Shows("end the engine?")),
    ("phase-next", "", Shows("next phase?")),
    ("phase-goto", "", Shows("go to which phase?")),
    ("phase-insert", "", Shows("insert which phase before the current one?")),
    ("phase-append", "", Shows("append which phase?")),
    ("phase-remove", "", Shows("remove which pending phase?")),
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
    ("usage", "", Changes),
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
    ("live-copy", "jjj<tab>", Errand("Copy(\"")),
    ("earlier", "2<tab>", Changes),
    ("later", "2<tab><left><left>", Changes),
    ("earlier-mark", "2<tab>", Changes),
    ("later-mark", "2<tab>bb", Changes),
    ("zoom-in", "2<tab>", Changes),
    ("zoom-out", "2<tab>", Changes),
    ("recorder-follow", "2<tab><left><left>", Changes),
    ("recorder-open", "2<tab>bb", Changes),
    ("recorder-copy", "jjj2<tab>", Errand("Copy(\"builder ● working")),
    ("record-open", "<tab>3k", Changes),
    ("follow", "<tab>3k", Changes),
    ("only-agent", "<tab>3", Changes),
    ("only-kind", "<tab>3", Changes),
    ("entry-copy", "<tab>3k", Errand("Copy(\"")),
    ("message-open", "<tab>4", Changes),
    ("retry", "<tab>4", Changes),
    ("drop", "<tab>4", Changes),
    ("why-open", "<tab>5", Changes),
    ("message-copy", "<tab>4", Errand("Copy(\"m")),
    ("usage-copy", "<tab>6", Errand("Copy(\"used since midnight UTC")),
    ("why-copy", "jjj<tab>5", Errand("Copy(\"● builder is working")),
    ("help-close", "?", Hides("╭ keys ─")),
    ("help-down", "?", Changes),
    ("help-up", "?j", Changes),
    ("record-close", "<tab>3k<enter>", Changes),
    ("record-down", "<tab>3k<enter>", Changes),
    ("record-up", "<tab>3k<enter>j", Changes),
    ("record-page-down", "<tab>3k<enter>", Changes),
    ("record-page-up", "<tab>3k<enter>G", Changes),
    ("record-first", "<tab>3k<enter>G", Changes),
    ("record-last", "<tab>3k<enter>", Changes),
    ("record-retry", "<tab>4<enter>", Changes),
    ("record-drop", "<tab>4<enter>", Changes),
    ("record-copy", "<tab>3k<enter>", Errand("Copy(")),
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
    ("pick-accept", "<tab>3Khand", Changes),
    ("pick-down", "<tab>3K", Changes),
    ("pick-up", "<tab>3K<down>", Changes),
    ("pick-cancel", "<tab>3K", Changes),
];

#[test]
fn every_key_of_the_table_does_what_it_says() {
    let mut wrong = Vec::new();
    for binding in TABLE {
        let Some((_, before, effect)) = EFFECTS.iter().find(|(name, _, _)| *name == binding.name) else {
            wrong.push(format!("{} has no line in EFFECTS", binding.name));
            continue;
        };
        let keys = binding.keys.iter().map(|key| format!("<{key}>"));
        let by_name = binding.keys.is_empty().then(|| format!(":{}<enter>", binding.name));
        for keys in keys.chain(by_name) {
            let (done, told) = does(before, &keys, effect);
            if !done {
                wrong.push(format!("{}: {keys} after {before:?}: {told}", binding.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Presses these keys; whether they did it, and what is seen after them.
fn does(before: &str, keys: &str, effect: &Effect) -> (bool, String) {
    // A record is read by pages only where it does not fit.
    let rows = if before.contains("3k<enter>") { 16 } else { 40 };
    let mut desk = Desk::sized(120, rows);
    desk.press(before);
    let (text, styled) = (desk.text(), desk.picture().styled());
    desk.errands.clear();
    desk.press(keys);
    let done = match effect {
        Errand(words) => desk.errands.iter().any(|errand| format!("{errand:?}").contains(words)),
        Shows(words) => !text.contains(words) && desk.text().contains(words),
        Hides(words) => text.contains(words) && !desk.text().contains(words),
        Selects(agent) => desk.selected() == *agent,
        Changes => desk.picture().styled() != styled,
    };
    (done, format!("{:?}\n{}", desk.errands, desk.text()))
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
        let Some((_, before, _)) = EFFECTS.iter().find(|(name, _, _)| *name == binding.name) else { continue };
        let mut desk = Desk::new();
        desk.press(before);
        let context = desk.model.context();
        let fits = context == binding.context
            || (binding.context == flightdeck::cockpit::keys::Context::Browse && context.is_place());
        assert!(fits, "{} is pressed in {context:?}", binding.name);
    }
}
