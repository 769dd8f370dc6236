//! The outbox: messages and what became of them. What waits stands first, then the newest. A message that is in doubt can be sent
//! again or given up; the operator is told before what that means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::cockpit::action::Action;
use crate::cockpit::archive::Question;
use crate::cockpit::happening::Errand;
use crate::cockpit::layout;
use crate::cockpit::mode::{Confirm, Gravity, Mode};
use crate::cockpit::model::{Focus, Model};
use crate::cockpit::view::{put, put_line, put_right, span};
use crate::pilot::command::Command;
use crate::pilot::id::MessageId;
use crate::pilot::message::Stage;
use crate::pilot::view::MessageView;
use crate::words::{message, when};

use super::sheet::Tone;
use super::{copied, inside, opened};

/// Below this many rows a message has one line.
const LOW: u16 = 6;

/// What is selected.
#[derive(Debug, Default)]
pub struct Outbox {
    selected: Option<MessageId>,
    /// Where the selection stood, for when its message is gone.
    at: usize,
    /// First message shown.
    top: usize,
}

/// All messages in the order shown.
fn order(model: &Model) -> Vec<&MessageView> {
    let mut messages: Vec<&MessageView> = model.view.iter().flat_map(|view| &view.outbox).collect();
    messages.sort_by_key(|sent| (sent.stage.settled(), std::cmp::Reverse(sent.id)));
    messages
}

fn selected(model: &Model) -> Option<&MessageView> {
    let id = model.outbox.selected?;
    model.view.as_ref()?.outbox.iter().find(|sent| sent.id == id)
}

/// How many messages fit, and the lines of each.
fn fit(area: Rect) -> (usize, u16) {
    let tall = if area.height < LOW { 1 } else { 2 };
    (usize::from(area.height / tall).max(1), tall)
}

/// Keeps the selection on a message that is there, and on the screen.
pub(super) fn settle(model: &mut Model) {
    let ids: Vec<MessageId> = order(model).iter().map(|sent| sent.id).collect();
    let (fit, _) = fit(inside(layout::areas(model).panel));
    let outbox = &mut model.outbox;
    let known = ids.iter().position(|id| Some(*id) == outbox.selected);
    outbox.at = known.unwrap_or(outbox.at).min(ids.len().saturating_sub(1));
    outbox.selected = ids.get(outbox.at).copied();
    let most = ids.len().saturating_sub(fit);
    outbox.top = outbox.top.clamp((outbox.at + 1).saturating_sub(fit), outbox.at).min(most);
}

/// An action while it has the focus.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Vec<Errand>> {
    let (fit, _) = fit(inside(layout::areas(model).panel));
    let page = isize::try_from(fit / 2).unwrap_or(1).max(1);
    match action {
        Action::Down => go(model, 1),
        Action::Up => go(model, -1),
        Action::PageDown => go(model, page),
        Action::PageUp => go(model, -page),
        Action::First => go(model, isize::MIN / 2),
        Action::Last => go(model, isize::MAX / 2),
        Action::Open => {
            let message = selected(model)?.id;
            return Some(opened::open(model, Question::Letter { message }));
        }
        Action::Copy => {
            let line = |sent: &MessageView| {
                format!("{} for {}: {}", message::told(sent.id, &sent.stage), sent.agent, sent.preview)
            };
            let text = selected(model).map(line);
            return Some(copied(model, text));
        }
        Action::Retry | Action::Drop => {
            let id = model.outbox.selected;
            ask(model, id, action);
        }
        _ => return None,
    }
    Some(Vec::new())
}

fn go(model: &mut Model, by: isize) {
    let ids: Vec<MessageId> = order(model).iter().map(|sent| sent.id).collect();
    let at = model.outbox.at.saturating_add_signed(by).min(ids.len().saturating_sub(1));
    model.outbox.selected = ids.get(at).copied();
    settle(model);
}

/// Selects the message in this row of the panel.
pub(super) fn click(model: &mut Model, row: u16) {
    let (_, tall) = fit(inside(layout::areas(model).panel));
    let at = model.outbox.top + usize::from(row / tall);
    if let Some(id) = order(model).get(at).map(|sent| sent.id) {
        model.outbox.selected = Some(id);
        settle(model);
    }
}

/// Asks before a message is sent again or given up; says why where that can't be.
pub(super) fn ask(model: &mut Model, id: Option<MessageId>, action: Action) {
    let sent = id.and_then(|id| model.view.as_ref()?.outbox.iter().find(|sent| sent.id == id)).cloned();
    let Some(sent) = sent else {
        model.say("no message is selected", true);
        return;
    };
    let (what, wanted, command) = match action {
        Action::Retry => ("retry", retried(&sent), Command::Retry { message: sent.id }),
        _ => ("drop", dropped(&sent), Command::Drop { message: sent.id }),
    };
    match wanted {
        Err(why) => model.say(why, true),
        Ok(words) => {
            let whose =
                format!("{} for {}, from {}: “{}”", sent.id, sent.agent, message::from(&sent.origin), sent.preview);
            let title = format!("{what} {}", sent.id);
            model.mode = Mode::Confirm(Confirm {
                title,
                lines: vec![whose, words],
                commands: vec![command],
                gravity: Gravity::Usual,
            });
        }
    }
}

/// What sending it again means, or why it can't be: the engine says the same (`pilot/operate.rs`).
fn retried(sent: &MessageView) -> Result<String, String> {
    let MessageView { id, agent, .. } = sent;
    match &sent.stage {
        Stage::Uncertain { why } => Ok(format!(
            "Nobody can say whether {agent} got it ({why}). It is queued once more, as a new message: it may arrive twice."
        )),
        Stage::TypedNotSubmitted => Ok(format!(
            "Its text stood in {agent}'s composer and would not go. It is queued once more, as a new message: if somebody submits \
             the old text after all, it arrives twice."
        )),
        Stage::Refused { why } | Stage::Expired { why } => {
            Ok(format!("It was never delivered ({why}). It is queued once more for {agent}, as a new message."))
        }
        Stage::Queued { .. } | Stage::Pasting | Stage::Posted | Stage::Typed { .. } => {
            Err(format!("{id} is still on its way (wait for what becomes of it)"))
        }
        Stage::Submitted { .. } => Err(format!("{id} was submitted (write a new message to say it again)")),
    }
}

/// What giving it up means, or why it can't be.
fn dropped(sent: &MessageView) -> Result<String, String> {
    let MessageView { id, agent, stage, .. } = sent;
    match stage {
        Stage::Queued { .. } => Ok(format!("It is not delivered to {agent} any more.")),
        Stage::Uncertain { .. } => {
            Ok(format!("It counts as refused from then on. If it did reach {agent}, that can't be taken back."))
        }
        Stage::TypedNotSubmitted => Ok(format!(
            "It counts as refused from then on. Its text stays in {agent}'s composer until somebody clears it."
        )),
        Stage::Pasting | Stage::Posted | Stage::Typed { .. } => {
            Err(format!("{id} is on its way (wait for what becomes of it)"))
        }
        Stage::Submitted { .. } | Stage::Refused { .. } | Stage::Expired { .. } => {
            Err(format!("{id} is settled: {} (nothing is left to drop)", stage.word()))
        }
    }
}

/// Sign and tone of a stage.
pub(super) fn sign(stage: &Stage) -> (&'static str, Tone) {
    match stage {
        Stage::Queued { .. } => ("◷", Tone::Accent),
        Stage::Pasting | Stage::Posted | Stage::Typed { .. } => ("▶", Tone::Accent),
        Stage::Submitted { .. } => ("✔", Tone::Good),
        Stage::TypedNotSubmitted => ("!", Tone::Warn),
        Stage::Uncertain { .. } => ("?", Tone::Warn),
        Stage::Refused { .. } | Stage::Expired { .. } => ("✖", Tone::Bad),
    }
}

/// Draws it.
pub(crate) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let messages = order(model);
    if messages.is_empty() {
        let words = match &model.view {
            Some(_) => "the outbox is empty: no message was sent yet",
            None => "nothing is known yet",
        };
        put(buffer, area, 0, words, model.theme.dim);
        return;
    }
    let (fit, tall) = fit(area);
    for (row, sent) in (0..).zip(messages.iter().skip(model.outbox.top).take(fit)) {
        let place = Rect { y: area.y + row * tall, height: tall, ..area };
        if model.outbox.selected == Some(sent.id) {
            let focused = model.focus == Focus::Panel || model.zoomed;
            buffer.set_style(place, if focused { model.theme.selected } else { model.theme.selected_away });
        }
        put_line(buffer, place, 0, &Line::from(headline(model, sent, area.width)));
        let age = format!(" {} ", when::short(model.now.since(sent.queued_at)));
        put_right(buffer, place, 0, &Line::styled(age, model.theme.dim));
        let preview = span(&format!("     {}", sent.preview), model.theme.dim);
        put_line(buffer, Rect { y: place.y + 1, height: tall - 1, ..place }, 0, &Line::from(preview));
    }
}

fn headline(model: &Model, sent: &MessageView, width: u16) -> Vec<Span<'static>> {
    let theme = &model.theme;
    let (sign, tone) = sign(&sent.stage);
    let names = model.view.iter().flat_map(|view| &view.outbox).map(|sent| sent.agent.as_str().len());
    let wide = names.max().unwrap_or(0).min(usize::from(width) / 4);
    let ids = model.view.iter().flat_map(|view| &view.outbox).map(|sent| sent.id.to_string().len()).max().unwrap_or(0);
    let mut spans = vec![
        Span::styled(format!(" {sign} "), tone.style(theme)),
        span(&format!("{:<ids$} ", sent.id.to_string()), theme.dim),
        span(&format!("{:wide$} ", sent.agent.as_str()), theme.strong),
    ];
    if width >= 50 {
        spans.push(span(&format!("{:<8} ", message::from(&sent.origin)), theme.dim));
    }
    let asked = model.asked.iter().rev().find(|asked| match &asked.command {
        Command::Retry { message } | Command::Drop { message } => *message == sent.id,
        _ => false,
    });
    match asked {
        Some(asked) => spans.push(span(&format!("asked: {}", asked.words()), theme.warn)),
        None => {
            spans.push(span(sent.stage.word(), tone.style(theme)));
            spans.push(span(&reason(&sent.stage), theme.text));
        }
    }
    spans
}

/// `: it is in a turn`
fn reason(stage: &Stage) -> String {
    match stage {
        Stage::Queued { why: Some(why) }
        | Stage::Uncertain { why }
        | Stage::Refused { why }
        | Stage::Expired { why }
        | Stage::Submitted { evidence: why }
            if !why.is_empty() =>
        {
            format!(": {why}")
        }
        Stage::Typed { presses } if *presses > 0 => format!(": its submit key was pressed {presses}x"),
        Stage::TypedNotSubmitted => ": it stands in the composer and would not go".to_string(),
        Stage::Queued { .. }
        | Stage::Uncertain { .. }
        | Stage::Refused { .. }
        | Stage::Expired { .. }
        | Stage::Submitted { .. }
        | Stage::Pasting
        | Stage::Posted
        | Stage::Typed { .. } => String::new(),
    }
}

/// What can be done with the selected one, for the lower edge.
pub(crate) fn note(model: &Model) -> String {
    let messages = order(model);
    let waiting = messages.iter().filter(|sent| !sent.stage.settled()).count();
    let mut note = format!(" {} messages, {waiting} wait ", messages.len());
    if let Some(sent) = selected(model) {
        let can = [(Action::Retry, retried(sent).is_ok(), "retry"), (Action::Drop, dropped(sent).is_ok(), "drop")];
        for (action, _, words) in can.into_iter().filter(|(_, can, _)| *can) {
            note += &format!("· {} {words} ", model.keys.hint(action));
        }
    }
    note
}
