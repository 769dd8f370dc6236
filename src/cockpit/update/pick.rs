//! Changing the sequence: which phase, and what will come of it.

use crate::cockpit::action::Action;
use crate::cockpit::archive::Question;
use crate::cockpit::ground::{Ground, Wanted};
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::Model;
use crate::cockpit::pick::{Pick, Picking};
use crate::pilot::command::Command;
use crate::pilot::id::PhaseId;
use crate::pilot::view::View;

use super::order;

/// Asks which phase.
pub(super) fn open(model: &mut Model, picking: Picking) -> Vec<Errand> {
    let Some(view) = &model.view else {
        model.say("the sequence is not known yet", true);
        return Vec::new();
    };
    let pick = Pick::new(picking, view);
    if !picking.adds() && pick.choice.count() == 0 {
        let words = match picking {
            Picking::Remove => "no phase is pending, and only such a one can be removed",
            Picking::Goto | Picking::Insert | Picking::Append => "the sequence has no other phase",
        };
        model.say(words, true);
        return Vec::new();
    }
    model.mode = Mode::Pick(Box::new(pick));
    if picking.adds() { vec![Errand::Look(Question::Ground(Wanted::Plans))] } else { Vec::new() }
}

/// Does it with the choice that is open.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Errand> {
    let Mode::Pick(pick) = &mut model.mode else { return Vec::new() };
    match action {
        Action::Down => pick.choice.go(1),
        Action::Up => pick.choice.go(-1),
        Action::Accept => {
            let Some(phase) = pick.choice.chosen() else { return Vec::new() };
            let picking = pick.picking;
            model.mode = Mode::Browse;
            return change(model, picking, phase);
        }
        _ => model.mode = Mode::Browse,
    }
    Vec::new()
}

/// What was found in the workspace.
pub(super) fn found(model: &mut Model, ground: Ground) -> Vec<Errand> {
    model.dirty = true;
    match ground {
        Ground::Plans(Ok(plans)) => {
            if let Mode::Pick(pick) = &mut model.mode
                && pick.picking.adds()
            {
                pick.offer(plans, model.view.as_ref());
            }
        }
        Ground::File(Ok(path)) => return vec![Errand::Edit(path)],
        Ground::Plans(Err(why)) | Ground::File(Err(why)) => model.say(why, true),
    }
    Vec::new()
}

/// Opens a file of the selected agent's phase in the operator's editor, once it is found.
pub(super) fn file(model: &mut Model, wanted: impl Fn(PhaseId) -> Wanted) -> Vec<Errand> {
    let current = model.view.as_ref().and_then(|view| view.phase.current.clone());
    match model.selected().and_then(|agent| agent.phase.clone()).or(current) {
        Some(phase) => vec![Errand::Look(Question::Ground(wanted(phase)))],
        None => {
            model.say("the selected agent has no phase, and none is current", true);
            Vec::new()
        }
    }
}

fn change(model: &mut Model, picking: Picking, phase: PhaseId) -> Vec<Errand> {
    let Some(view) = &model.view else { return Vec::new() };
    let (title, lines, command) = match picking {
        Picking::Append => return order::ask_all(model, vec![Command::PhaseAppend { phase }]),
        Picking::Goto => (format!("go to phase {phase}"), goes(view, &phase), Command::PhaseGoto { phase }),
        Picking::Insert => {
            (format!("insert phase {phase}"), inserts(view, &phase), Command::PhaseInsert { phase, before: None })
        }
        Picking::Remove => {
            let words = format!("Phase {phase} is taken out of the sequence and not worked on; its plan stays.");
            (format!("remove phase {phase}"), vec![words], Command::PhaseRemove { phase })
        }
    };
    order::confirm(model, &title, lines, vec![command])
}

/// Going forward leaves out what lies between; going back takes up the present phase afterwards.
fn goes(view: &View, target: &PhaseId) -> Vec<String> {
    let sequence = &view.phase.sequence;
    let place = |phase: &PhaseId| sequence.iter().position(|item| item.id == *phase);
    let current = view.phase.current.as_ref();
    let mut lines = Vec::new();
    if let Some(current) = current.filter(|current| place(current) > place(target)) {
        lines.push(format!("Phase {current} is suspended, and taken up again after {target}."));
    } else {
        let open = sequence.iter().take_while(|item| item.id != *target).filter(|item| item.status != "done");
        let skipped: Vec<&str> = open.map(|item| item.id.as_str()).collect();
        match skipped[..] {
            [] => {}
            [one] => lines.push(format!("Phase {one} counts as done, whatever its status file says.")),
            _ => lines.push(format!("Phases {} count as done, whatever their status files say.", skipped.join(", "))),
        }
    }
    if view.phase.complete {
        lines.push("The sequence, which is complete, opens again.".to_string());
    }
    lines.push(format!("Both loops are restarted for phase {target}; turns are cut off."));
    lines
}

fn inserts(view: &View, phase: &PhaseId) -> Vec<String> {
    match &view.phase.current {
        Some(current) => vec![format!(
            "Phase {current} is suspended, and taken up again after {phase}. Both loops are restarted for {phase} now; \
             turns are cut off."
        )],
        None => vec!["No phase is current to insert it before: the engine will refuse.".to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cockpit::archive::Found;
    use crate::cockpit::happening::Happening;
    use crate::cockpit::update::stand::{Stand, asked, phase};

    fn found(stand: &mut Stand, ground: Ground) -> Vec<Errand> {
        stand.take(Happening::Found(Found::Ground(ground)))
    }

    #[test]
    fn going_to_a_phase_says_what_is_left_out_and_asks() {
        let mut stand = Stand::new();
        stand.press("N");
        let shown = stand.shown();
        assert!(shown.contains("1a  title of 1a  (done)") && !shown.contains("1b  title"), "{shown}");
        stand.press("2 enter");
        let shown = stand.shown();
        assert!(shown.contains("go to phase 2?") && shown.contains("Phase 1b counts as done"), "{shown}");
        assert_eq!(asked(&stand.press("enter")), [Command::PhaseGoto { phase: phase("2") }]);
        stand.press("N enter");
        assert!(stand.shown().contains("Phase 1b is suspended, and taken up again after 1a"), "{}", stand.shown());
        assert!(stand.press("esc").is_empty());
    }

    #[test]
    fn only_a_pending_phase_is_removed() {
        let mut stand = Stand::new();
        stand.press("D enter");
        assert_eq!(asked(&stand.press("y")), [Command::PhaseRemove { phase: phase("2") }]);
        if let Some(view) = &mut stand.model.view {
            view.phase.sequence.pop();
        }
        stand.press("D");
        assert!(stand.shown().contains("no phase is pending"));
    }

    #[test]
    fn a_phase_is_added_from_the_plans_or_as_typed() {
        let mut stand = Stand::new();
        assert_eq!(stand.press("a"), [Errand::Look(Question::Ground(Wanted::Plans))]);
        let plans = vec![(phase("2"), "known".to_string()), (phase("3"), "new one".to_string())];
        found(&mut stand, Ground::Plans(Ok(plans.clone())));
        let shown = stand.shown();
        assert!(shown.contains("3  new one") && !shown.contains("2  known"), "{shown}");
        assert_eq!(asked(&stand.press("n e w enter")), [Command::PhaseAppend { phase: phase("3") }]);
        stand.press("i 1 w");
        found(&mut stand, Ground::Plans(Ok(plans)));
        assert!(stand.shown().contains("1w  as typed"), "{}", stand.shown());
        stand.press("enter");
        assert!(stand.shown().contains("Phase 1b is suspended, and taken up again after 1w"), "{}", stand.shown());
        assert_eq!(asked(&stand.press("y")), [Command::PhaseInsert { phase: phase("1w"), before: None }]);
    }

    #[test]
    fn unreadable_plans_leave_the_typed_one() {
        let mut stand = Stand::new();
        stand.press("a 9");
        found(&mut stand, Ground::Plans(Err("the configuration has problems".to_string())));
        assert!(stand.shown().contains("the configuration has problems"));
        assert_eq!(asked(&stand.press("enter")), [Command::PhaseAppend { phase: phase("9") }]);
    }

    #[test]
    fn plan_and_status_file_are_opened_where_they_are_found() {
        let mut stand = Stand::new();
        assert_eq!(stand.press("o"), [Errand::Look(Question::Ground(Wanted::Plan(phase("1b"))))]);
        assert_eq!(stand.press("O"), [Errand::Look(Question::Ground(Wanted::Status(phase("1b"))))]);
        let path = std::path::PathBuf::from("/deck/phases/1b.md");
        assert_eq!(found(&mut stand, Ground::File(Ok(path.clone()))), [Errand::Edit(path)]);
        found(&mut stand, Ground::File(Err("there is no /deck/x".to_string())));
        assert!(stand.shown().contains("there is no /deck/x"));
        stand.take(Happening::Returned { trouble: Some("vi ended with exit status: 1".to_string()) });
        assert!(stand.shown().contains("vi ended with exit status: 1"));
    }
}
