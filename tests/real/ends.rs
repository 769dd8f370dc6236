//! Agents that end, and what becomes of them.

use flightdeck::pilot::fact::Exit;

use super::plan::Plan;

#[test]
fn however_many_agents_end_at_once_it_is_known_how_each_of_them_did() {
    // tmux 3.3a overlooks one in ten ends on a busy machine; a policy that depends on the status must not.
    let names: Vec<String> = (0..8).map(|n| format!("solo{n}")).collect();
    let plan = names.iter().fold(Plan::new(), |plan, name| {
        plan.agent(name, "on *: exit 0\n").set(&format!("agents.{name}.restart"), "on-failure")
    });
    let deck = plan.up();
    for name in &names {
        let (exit, _) = deck.until(&format!("the end of {name}"), || deck.exits(name).into_iter().next());
        assert_eq!(exit, Exit::Status(0), "{name}");
    }
    assert!(names.iter().all(|name| deck.starts(name) == 1), "{}", deck.story());
}
