//! Writing a message: what keys and pastes do to it, and how it leaves. It stays a draft until the engine has taken it.

use crate::cockpit::action::Action;
use crate::cockpit::asked::Asked;
use crate::cockpit::compose::Compose;
use crate::cockpit::happening::Errand;
use crate::cockpit::mode::Mode;
use crate::cockpit::model::Model;
use crate::pilot::command::Command;

use super::order;

/// Opens a message to the agents meant; a draft to them is taken up again.
pub(super) fn open(model: &mut Model) {
    let meant = model.fleet.meant();
    if meant.is_empty() {
        model.say("no agent is selected", true);
        return;
    }
    model.mode = Mode::Compose(Box::new(model.drafts.take(meant)));
}

/// Does it with the message that is open.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Errand> {
    let Mode::Compose(compose) = &mut model.mode else { return Vec::new() };
    match action {
        Action::Send => return send(model),
        Action::Undo => compose.undo(),
        Action::Redo => compose.redo(),
        // The wheel moves through the text.
        Action::Up => compose.edit(ratatui::crossterm::event::KeyCode::Up.into()),
        Action::Down => compose.edit(ratatui::crossterm::event::KeyCode::Down.into()),
        Action::Back => put_aside(model),
        _ => {}
    }
    Vec::new()
}

fn put_aside(model: &mut Model) {
    let Mode::Compose(compose) = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    if !compose.is_blank() {
        let key = model.keys.hint(Action::Compose);
        model.say(format!("the message is put aside; {key} shows it again"), false);
    }
    model.drafts.put(*compose);
}

/// One command for each agent. What can't leave stays open.
fn send(model: &mut Model) -> Vec<Errand> {
    let Mode::Compose(compose) = &model.mode else { return Vec::new() };
    let text = match compose.cleaned() {
        Ok(text) => text,
        Err(why) => {
            model.say(format!("not sent: {why}"), true);
            return Vec::new();
        }
    };
    let commands = compose.to.iter().map(|agent| Command::Send { agent: agent.clone(), text: text.clone() }).collect();
    let errands = order::ask_all(model, commands);
    if !errands.is_empty() {
        model.mode = Mode::Browse;
    }
    errands
}

/// A message that did not get through is a draft again. Returns what to add to the notice about it.
pub(super) fn give_back(model: &mut Model, asked: &Asked) -> String {
    let Command::Send { agent, text } = &asked.command else { return String::new() };
    model.drafts.put(Compose::new(vec![agent.clone()], text));
    format!("; {} shows its text again", model.keys.hint(Action::Compose))
}

#[cfg(test)]
mod tests {
    use crate::cockpit::happening::Happening;
    use crate::cockpit::mode::Mode;
    use crate::cockpit::update::stand::{Stand, agent, asked};
    use crate::pilot::command::{Answer, Command};
    use crate::pilot::message::TEXT_CAP;
    use crate::pilot::record::AgentState;

    fn said(stand: &Stand) -> &str {
        stand.model.notice.as_ref().map_or("", |notice| &notice.words)
    }

    #[test]
    fn a_message_of_two_lines_goes_to_the_selected_agent() {
        let mut stand = Stand::new();
        stand.press("m");
        stand.type_text("one");
        stand.press("enter");
        stand.type_text("q r");
        let shown = stand.shown();
        assert!(shown.contains("message to builder") && shown.contains("is in a turn: delivered after it"), "{shown}");
        assert!(shown.contains("7 of 65536 bytes"), "{shown}");
        let sent = asked(&stand.press("ctrl-s"));
        assert_eq!(sent, [Command::Send { agent: agent("builder"), text: "one\nq r".to_string() }]);
        assert!(matches!(stand.model.mode, Mode::Browse));
    }

    #[test]
    fn all_marked_agents_get_it() {
        let mut stand = Stand::new();
        stand.press("* m h i");
        assert!(stand.shown().contains("message to builder and adversary"));
        assert!(stand.shown().contains("adversary is idle: delivered at once"));
        let to: Vec<_> = asked(&stand.press("alt-enter")).iter().map(|sent| format!("{sent:?}")).collect();
        assert!(to.len() == 2 && to[0].contains("builder") && to[1].contains("adversary"));
    }

    #[test]
    fn what_was_put_aside_is_shown_again_each_agent_its_own() {
        let mut stand = Stand::new();
        stand.press("m a b esc j m c esc");
        assert!(stand.shown().contains("✎"));
        stand.press("k m");
        assert!(stand.shown().contains("│ab"), "{}", stand.shown());
        stand.press("ctrl-u");
        assert!(stand.shown().contains("│a "), "undone: {}", stand.shown());
        stand.press("ctrl-r esc j m");
        assert!(stand.shown().contains("│c "));
        stand.press("backspace esc m");
        assert!(stand.shown().contains("write here"), "an emptied draft is none: {}", stand.shown());
    }

    #[test]
    fn pasted_text_is_text_with_plain_line_breaks_and_without_what_acts_on_a_terminal() {
        let mut stand = Stand::new();
        stand.press("m");
        stand.take(Happening::Pasted("S\r\nq\ry\u{1b}[31m\u{202e}".to_string()));
        assert!(said(&stand).starts_with("2 control characters"), "{}", said(&stand));
        let sent = asked(&stand.press("ctrl-s"));
        assert_eq!(sent, [Command::Send { agent: agent("builder"), text: "S\nq\ny[31m".to_string() }]);
    }

    #[test]
    fn what_would_be_refused_is_told_before_and_stays_open() {
        let mut stand = Stand::new();
        stand.press("m");
        assert!(stand.press("ctrl-s").is_empty());
        assert!(said(&stand).contains("the text is empty"));
        stand.take(Happening::Pasted("x".repeat(TEXT_CAP + 1)));
        assert!(stand.shown().contains("can't be sent: the text has 65537 bytes"), "{}", stand.shown());
        assert!(stand.press("ctrl-s").is_empty());
        stand.press("backspace");
        assert_eq!(asked(&stand.press("ctrl-s")).len(), 1);
        stand.press("m");
        stand.take(Happening::Pasted("x".repeat(5 * TEXT_CAP)));
        assert!(said(&stand).contains("were not pasted"));
    }

    #[test]
    fn without_an_engine_the_message_stays_and_leaves_when_one_is_there() {
        let mut stand = Stand::new();
        stand.press("m h i");
        stand.lose_engine();
        assert!(stand.shown().contains("no engine is connected"), "{}", stand.shown());
        assert!(stand.press("ctrl-s").is_empty());
        assert!(matches!(stand.model.mode, Mode::Compose(_)));
        stand.take(Happening::Connected { version: "1".to_string() });
        assert_eq!(asked(&stand.press("ctrl-s")).len(), 1);
    }

    #[test]
    fn a_refused_message_is_a_draft_again() {
        let mut stand = Stand::new();
        stand.press("m h i ctrl-s");
        stand.answer(Answer::Refused { why: "20 messages already wait".to_string(), hint: None });
        assert!(said(&stand).contains("m shows its text again"), "{}", said(&stand));
        stand.press("m");
        assert!(stand.shown().contains("│hi"));
        stand.press("ctrl-s");
        stand.lose_engine();
        stand.press("m");
        assert!(stand.shown().contains("│hi"), "{}", stand.shown());
    }

    #[test]
    fn an_accepted_message_is_no_draft() {
        let mut stand = Stand::new();
        stand.press("m h i ctrl-s");
        stand.answer(Answer::Queued { message: crate::pilot::id::MessageId(3) });
        stand.now.0 += 60_000;
        stand.take(Happening::Ticked);
        stand.press("m");
        assert!(stand.shown().contains("write here"), "{}", stand.shown());
    }

    #[test]
    fn each_state_says_how_the_message_gets_there() {
        let mut stand = Stand::new();
        let states = [
            (AgentState::Held { cause: "x".to_string() }, "when it is released"),
            (AgentState::Stopped, "when it is started"),
            (AgentState::Limited { until: None }, "usage limit"),
            (AgentState::Working, "is in a turn: delivered after it"),
        ];
        let of_any = [(AgentState::Working, "is in a turn: delivered into it")];
        let states = states.map(|state| (state, false)).into_iter().chain(of_any.map(|state| (state, true)));
        for ((state, words), deliver_in_turn) in states {
            if let Some(view) = &mut stand.model.view {
                (view.agents[0].state, view.agents[0].deliver_in_turn) = (state, deliver_in_turn);
            }
            stand.press("m");
            assert!(stand.shown().contains(words), "{}", stand.shown());
            stand.press("esc");
        }
    }
}
