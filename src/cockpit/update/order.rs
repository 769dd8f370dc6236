//! Actions that ask something of the engine. Dangerous ones ask the operator first, with the agent's name and what will happen.

use crate::cockpit::action::Action;
use crate::cockpit::asked::Asked;
use crate::cockpit::ground::Wanted;
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::{Confirm, Gravity, Mode};
use crate::cockpit::model::Model;
use crate::cockpit::panel;
use crate::cockpit::pick::Picking;
use crate::pilot::command::Command;
use crate::pilot::id::AgentId;
use crate::pilot::record::AgentState;

use super::{compose, pick};

/// What the log says about a hold from here.
const HELD_BECAUSE: &str = "held by the operator in the cockpit";

/// Does it, or asks first.
pub(super) fn order(model: &mut Model, action: Action) -> Vec<Errand> {
    match action {
        Action::Attach => attach(model),
        Action::Compose => {
            compose::open(model);
            Vec::new()
        }
        Action::Copy => copy(model),
        Action::EngineStart => vec![Errand::StartEngine],
        Action::Ping => each(model, |agent| Command::Ping { agent }),
        Action::Start => each(model, |agent| Command::Start { agent }),
        Action::Release => each(model, |agent| Command::Release { agent }),
        Action::RunJob => each(model, |agent| Command::RunJob { agent, fresh: false }),
        Action::Restart => confirm_each(model, "restart", restarts, |agent| Command::Restart { agent, fresh: false }),
        Action::RestartFresh => confirm_each(model, "restart in a new conversation", restarts_fresh, |agent| {
            Command::Restart { agent, fresh: true }
        }),
        Action::Stop => confirm_each(model, "stop", stops, |agent| Command::Stop { agent }),
        Action::Hold => {
            confirm_each(model, "hold", holds, |agent| Command::Hold { agent, reason: HELD_BECAUSE.to_string() })
        }
        Action::RunJobFresh => {
            confirm_each(model, "run anew", runs_anew, |agent| Command::RunJob { agent, fresh: true })
        }
        Action::Pause if is_paused(model) => ask_all(model, vec![Command::Resume]),
        Action::Pause => ask_all(model, vec![Command::Pause]),
        Action::Resume => ask_all(model, vec![Command::Resume]),
        Action::Reload => ask_all(model, vec![Command::Reload]),
        Action::EmergencyStop => e_stop(model),
        Action::EngineStop => {
            let words = vec![
                "The engine ends. All agents go on, unwatched: nothing is healed and nothing is delivered.".to_string(),
            ];
            confirm(model, "end the engine", words, vec![Command::Shutdown])
        }
        Action::PhaseGoto => pick::open(model, Picking::Goto),
        Action::PhaseInsert => pick::open(model, Picking::Insert),
        Action::PhaseAppend => pick::open(model, Picking::Append),
        Action::PhaseRemove => pick::open(model, Picking::Remove),
        Action::OpenPlan => pick::file(model, Wanted::Plan),
        Action::OpenStatus => pick::file(model, Wanted::Status),
        Action::PhaseNext => confirm(model, "next phase", next_words(model), vec![Command::PhaseNext]),
        _ => Vec::new(),
    }
}

/// Sends commands and shows them as asked.
pub(super) fn ask_all(model: &mut Model, commands: Vec<Command>) -> Vec<Errand> {
    if !model.engine.connected && !commands.is_empty() {
        let key = model.keys.hint(Action::EngineStart);
        model.say(format!("no engine is connected, so nothing was asked; {key} starts one"), true);
        return Vec::new();
    }
    let now = model.now;
    model.asked.extend(commands.iter().map(|command| Asked::new(command.clone(), now)));
    commands.into_iter().map(Errand::Ask).collect()
}

fn is_paused(model: &Model) -> bool {
    model.view.as_ref().is_some_and(|view| view.paused)
}

fn each(model: &mut Model, command: impl Fn(AgentId) -> Command) -> Vec<Errand> {
    let meant = model.fleet.meant();
    if meant.is_empty() {
        model.say("no agent is selected", true);
    }
    ask_all(model, meant.into_iter().map(command).collect())
}

fn confirm_each(
    model: &mut Model,
    what: &str,
    words: impl Fn(&Model, &AgentId) -> String,
    command: impl Fn(AgentId) -> Command,
) -> Vec<Errand> {
    let meant = model.fleet.meant();
    let title = match &meant[..] {
        [] => {
            model.say("no agent is selected", true);
            return Vec::new();
        }
        [one] => format!("{what} {one}"),
        many => format!("{what} {} agents", many.len()),
    };
    let lines = meant.iter().map(|agent| words(model, agent)).collect();
    confirm(model, &title, lines, meant.into_iter().map(command).collect())
}

pub(super) fn confirm(model: &mut Model, title: &str, lines: Vec<String>, commands: Vec<Command>) -> Vec<Errand> {
    model.mode = Mode::Confirm(Confirm { title: title.to_string(), lines, commands, gravity: Gravity::Usual });
    Vec::new()
}

fn e_stop(model: &mut Model) -> Vec<Errand> {
    let (title, commands) = ("emergency stop".to_string(), vec![Command::EmergencyStop]);
    model.mode = Mode::Confirm(Confirm { title, lines: e_stop_words(model), commands, gravity: Gravity::Grave });
    Vec::new()
}

/// `builder (working, process 4711)`
fn who(model: &Model, id: &AgentId) -> String {
    match model.agent(id) {
        Some(agent) => {
            let process = agent.pid.map_or(String::new(), |pid| format!(", process {pid}"));
            format!("{id} ({}{process})", agent.state.word())
        }
        None => id.to_string(),
    }
}

fn turn(model: &Model, id: &AgentId) -> &'static str {
    match model.agent(id).map(|agent| &agent.state) {
        Some(AgentState::Working) => " It is in a turn, which is cut off.",
        _ => "",
    }
}

fn restarts(model: &Model, id: &AgentId) -> String {
    format!("{} is ended with all it started, and started again for its phase.{}", who(model, id), turn(model, id))
}

fn restarts_fresh(model: &Model, id: &AgentId) -> String {
    format!(
        "{} is ended and started in a new conversation; the old one is not resumed.{}",
        who(model, id),
        turn(model, id)
    )
}

fn stops(model: &Model, id: &AgentId) -> String {
    format!("{} is ended with all it started, and stays stopped until you start it.{}", who(model, id), turn(model, id))
}

fn holds(model: &Model, id: &AgentId) -> String {
    format!("Nothing is done to {} any more, whatever happens to it, until you release it.", who(model, id))
}

fn runs_anew(model: &Model, id: &AgentId) -> String {
    format!("A run of {} that is going on is ended, and a fresh one begins.", who(model, id))
}

fn e_stop_words(model: &Model) -> Vec<String> {
    let agents = model.view.as_ref().map_or(0, |view| view.agents.iter().filter(|agent| agent.pid.is_some()).count());
    vec![format!(
        "All agents ({agents} run now) are ended with all they started, and stay so until you resume. Turns are cut off."
    )]
}

fn next_words(model: &Model) -> Vec<String> {
    let current = model.view.as_ref().and_then(|view| view.phase.current.clone());
    match current {
        Some(phase) => vec![format!(
            "Phase {phase} counts as done, whatever its status file says; both loops are restarted for the next."
        )],
        None => vec!["No phase is current.".to_string()],
    }
}

fn attach(model: &mut Model) -> Vec<Errand> {
    let Some(agent) = model.selected() else { return Vec::new() };
    match agent.session.clone() {
        Some(session) => vec![Errand::Attach { session }],
        None => {
            let words = format!("{} has no session: it is {}", agent.id, agent.state.word());
            model.say(words, true);
            Vec::new()
        }
    }
}

fn copy(model: &mut Model) -> Vec<Errand> {
    let text = model.selected().map(|agent| format!("{}: {} {}", agent.id, agent.state.word(), agent.last_line));
    panel::copied(model, text)
}

#[cfg(test)]
mod tests {
    use crate::cockpit::mode::Mode;
    use crate::cockpit::update::stand::{Stand, agent, asked, one};
    use crate::pilot::command::Command;
    use crate::pilot::record::AgentState;

    #[test]
    fn what_is_done_to_marked_agents_is_asked_for_all_of_them_by_name() {
        let mut stand = Stand::new();
        assert_eq!(asked(&stand.press("* p")).len(), 2);
        stand.press("S");
        let shown = stand.shown();
        assert!(shown.contains("stop 2 agents?"), "{shown}");
        assert!(shown.contains("builder (working, process 4711) is ended") && shown.contains("a turn, which is cut"));
        assert!(shown.contains("adversary (idle, process 4711) is ended"), "{shown}");
        let stops = [Command::Stop { agent: agent("builder") }, Command::Stop { agent: agent("adversary") }];
        assert_eq!(asked(&stand.press("enter")), stops);
        assert!(asked(&stand.press("r n")).is_empty());
    }

    #[test]
    fn a_long_list_ends_with_how_many_more() {
        let mut stand = Stand::new();
        if let Some(view) = &mut stand.model.view {
            view.agents = (0..60).map(|at| one(&format!("agent-{at}"), AgentState::Working)).collect();
            stand.model.fleet.follow(view);
        }
        stand.press("* R");
        let shown = stand.shown();
        let told = shown.lines().filter(|line| line.contains("started in a new")).count();
        assert!(told > 5 && shown.contains(&format!("and {} more", 60 - told)), "{told} {shown}");
        assert!(shown.contains("y or enter do it"), "{shown}");
        assert_eq!(asked(&stand.press("y")).len(), 60);
    }

    #[test]
    fn enter_does_no_emergency_stop() {
        let mut stand = Stand::new();
        stand.press("E");
        assert!(stand.shown().contains("enter or n leave it"), "{}", stand.shown());
        assert!(stand.press("enter").is_empty());
        assert!(matches!(stand.model.mode, Mode::Browse));
        assert_eq!(asked(&stand.press("E y")), [Command::EmergencyStop]);
    }
}
