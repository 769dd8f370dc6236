//! Getting a message into an agent, provably: paste, see it in the composer, press the submit key, see the proof. Only
//! the key is ever pressed again; text is typed again only where it is proved that it never arrived. What nobody can
//! tell is called uncertain and shown, not repeated.
//!
//! One message at a time and one effect in flight: the pane has one sender. No Escape, no Ctrl-C, nothing is cleared.

mod altered;
mod block;
mod press;

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{Backend, Channel};

use super::account;
use super::agent::{Progress, Step};
use super::effect::{Effect, Outcome, Refusal};
use super::fact::Screen;
use super::id::{AgentId, MessageId};
use super::message::{Message, Origin, Stage};
use super::post::{self, Way};
use super::reading;
use super::record::{Order, Record};
use super::stall;
use super::state::Posted;
use super::time::Time;
use super::turn::Turn;
use block::{Block, blocked, unseen};

/// A paste that is not seen in the composer within this is looked for once more, then in doubt.
const SHOW_UP: Duration = Duration::from_secs(3);
/// From the text leaving the composer to the proof that a turn began.
const PROOF: Duration = Duration::from_secs(5);
/// A press that was refused is thought over after this, with a new picture.
const REFUSED_PRESS: Duration = Duration::from_secs(1);
/// After our own restart, what the event channel kept for us is read before a verdict.
const RECOVERY: Duration = Duration::from_secs(2);
/// A message that its program has queued is looked after in these steps where no event comes first.
const IN_LINE: Duration = Duration::from_secs(60);
/// Whoever types a draft pauses for less than this; one that rests longer is put aside for a message.
const DRAFT_RESTS: Duration = Duration::from_secs(15);
/// A blocked message is tried again after this where no event says that the way is free.
const BLOCKED_AGAIN: Duration = Duration::from_secs(5);

/// Takes the agent's first waiting message one step on. Returns when to come back, and for what.
pub(super) fn deliver(turn: &mut Turn<'_>, id: &AgentId) -> Option<(Time, String)> {
    if let Some(progress) = turn.watch(id).delivery.clone() {
        let again = proceed(turn, id, &progress);
        let over = turn.watch(id).delivery.is_none() && first(turn, id).is_some();
        return again.or_else(|| over.then(|| (turn.now.steady, "deliver the next message".to_string())));
    }
    let posted = first(turn, id)?;
    let (message, stage) = (posted.message.clone(), posted.stage.clone());
    match stage {
        Stage::Queued { .. } => {}
        // Its flight ended with the life it was meant for, or with our own last life.
        Stage::Posted => return post::recover(turn, id, message.id, message.text),
        Stage::Pasting | Stage::Typed { .. } => return recover(turn, id, message.id, &stage),
        Stage::Submitted { .. }
        | Stage::TypedNotSubmitted
        | Stage::Uncertain { .. }
        | Stage::Refused { .. }
        | Stage::Expired { .. } => return None,
    }
    let way = post::way(turn, id);
    if let Some(block) = blocked(turn, id, way) {
        let now = turn.now.steady;
        let (Block::Passing(why) | Block::Person(why)) = &block;
        match block {
            Block::Person(_) => drop(turn.watch(id).blocked.get_or_insert(now)),
            Block::Passing(_) => block::put_right(turn, id),
        }
        if unseen(turn, id) {
            stall::look(turn, id);
        }
        turn.move_message(message.id, id, Stage::Queued { why: Some(why.clone()) });
        return Some((block::again(turn, id), format!("deliver {} ({why})", message.id)));
    }
    turn.watch(id).blocked = None;
    match way {
        Way::Interface => post::order(turn, id, message.id, (message.text, 0)),
        Way::Composer | Way::Unsettled(_) => paste(turn, id, message.id, message.text),
    }
}

/// The message to be delivered first: one that is on its way, then what begins a life or ends a limit, since the agent
/// can make nothing of anything else before it; then the oldest.
fn first<'a>(turn: &'a Turn<'_>, id: &'a AgentId) -> Option<&'a Posted> {
    turn.state.waiting(id).min_by_key(|posted| match (&posted.stage, &posted.message.origin) {
        (Stage::Pasting | Stage::Posted | Stage::Typed { .. }, _) => 0,
        (_, Origin::StartPrompt { .. } | Origin::LimitLifted) => 1,
        // Nothing else shall end up in the part that is shortened.
        (_, Origin::Compact) => 1,
        (_, Origin::Operator | Origin::Nudge | Origin::Handoff { .. } | Origin::Inbox { .. }) => 2,
    })
}

/// Nothing can be delivered now; the first message says why, so that its sender is told (fault M13).
pub(super) fn hold_back(turn: &mut Turn<'_>, id: &AgentId, why: &str) {
    let first = turn.state.waiting(id).find(|posted| matches!(posted.stage, Stage::Queued { .. }));
    if let Some(message) = first.map(|posted| posted.message.id) {
        turn.move_message(message, id, Stage::Queued { why: Some(why.to_string()) });
    }
}

/// What came of an ordered paste.
pub(super) fn pasted(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, outcome: Outcome) {
    let now = turn.now.steady;
    match outcome {
        Outcome::Done | Outcome::Unknown { .. } => {
            let step = Step::Awaiting { deadline: now + SHOW_UP, looked: false };
            turn.watch(id).delivery = Some(Progress { message, step });
            turn.watch(id).grace_from = now;
        }
        // The edge saw more than we did; asking again at once would go on until our own picture is as new.
        Outcome::Refused { why } => {
            missed(turn, &why);
            turn.watch(id).not_typed = Some((now, why.words()));
            give_back(turn, id, message, why.words());
        }
        Outcome::Failed { why } => {
            turn.watch(id).not_typed = Some((now, why.clone()));
            give_back(turn, id, message, why);
        }
        Outcome::Started { .. } | Outcome::Found { .. } | Outcome::Stopped { .. } => {}
    }
}

/// What came of an ordered press of the submit key.
pub(super) fn pressed(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, outcome: &Outcome) {
    let now = turn.now.steady;
    let presses = match turn.watch(id).delivery.as_ref().map(|progress| progress.step) {
        Some(Step::Submitting { presses }) => presses,
        _ => 1,
    };
    let (retry, presses) = match outcome {
        Outcome::Done | Outcome::Unknown { .. } => (now + gap_after(turn, id, presses), presses),
        // The key was not pressed; whatever is in the way, the edge saw more than we did: our picture may be an old one.
        Outcome::Refused { why } => {
            missed(turn, why);
            stall::look(turn, id);
            (now + REFUSED_PRESS, press::counted(turn, id, message, presses, why))
        }
        Outcome::Failed { .. } => {
            stall::look(turn, id);
            (now + REFUSED_PRESS, presses)
        }
        Outcome::Started { .. } | Outcome::Found { .. } | Outcome::Stopped { .. } => return,
    };
    let step = Step::Proving { retry, presses, gone_since: None };
    turn.watch(id).delivery = Some(Progress { message, step });
    turn.watch(id).grace_from = now;
}

/// Nobody said that its pane has gone: the list of panes tells what became of it.
fn missed(turn: &mut Turn<'_>, why: &Refusal) {
    if matches!(why, Refusal::PaneMissing | Refusal::PaneDead) {
        turn.ask(Effect::Survey);
    }
}

/// The event channel says that a prompt was taken in: the best proof there is.
pub(super) fn prompt_submitted(turn: &mut Turn<'_>, id: &AgentId, prompt: &str) {
    if post::prompt_submitted(turn, id, prompt) {
        return;
    }
    let squeezed = reading::squeeze(prompt);
    let typed: Vec<(MessageId, String)> = turn
        .state
        .waiting(id)
        .filter(|posted| matches!(posted.stage, Stage::Pasting | Stage::Typed { .. }))
        .map(|posted| (posted.message.id, reading::squeeze(&posted.message.text)))
        .collect();
    let proved = typed.iter().find(|(_, text)| squeezed.contains(text));
    let Some((message, text)) = proved else { return altered::reported(turn, id, &squeezed, &typed) };
    let message = *message;
    // Only of a program that tells of each turn's beginning is it known that one runs already.
    let tells = account::backend(turn.state, turn.rules, id).is_some_and(|backend| backend.channel == Channel::Codex);
    if *text != squeezed {
        submitted(turn, id, message, "its event channel reported the prompt, with other words in it");
        let what = format!("{message} was taken in together with other words than its own: look at what it says");
        turn.record(Record::Alerted { agent: Some(id.clone()), what });
    } else if tells && turn.watch(id).prompted {
        submitted(turn, id, message, "its event channel reported the prompt, in the middle of a turn");
    } else {
        submitted(turn, id, message, "its event channel reported the prompt");
    }
}

/// Messages that nobody could be told for too long expire, whatever their agent does. Returns when the next one does.
pub(super) fn expire_old(turn: &mut Turn<'_>) -> Option<(Time, String)> {
    let (now, ttl) = (turn.now.steady, turn.rules.delivery.ttl);
    let (mut old, mut next) = (Vec::new(), None);
    for posted in turn.state.unsettled().filter(|posted| matches!(posted.stage, Stage::Queued { .. })) {
        let Message { id, agent, queued_at, .. } = &posted.message;
        if now.since(*queued_at) >= ttl {
            old.push((*id, agent.clone()));
        } else {
            next = next.into_iter().chain([*queued_at + ttl]).min();
        }
    }
    for (message, agent) in old {
        let why = format!("it waited for {}", humantime::format_duration(ttl));
        turn.move_message(message, &agent, Stage::Expired { why });
    }
    Some((next?, "let an old message expire".to_string()))
}

/// The life a message was on its way into has ended.
pub(super) fn life_ended(turn: &mut Turn<'_>, id: &AgentId) {
    turn.watch(id).delivery = None;
    let flying: Vec<_> = turn
        .state
        .waiting(id)
        .filter(|posted| matches!(posted.stage, Stage::Pasting | Stage::Posted | Stage::Typed { .. }))
        .map(|posted| (posted.message.id, posted.stage.clone()))
        .collect();
    for (message, stage) in flying {
        if matches!(stage, Stage::Typed { presses } if presses > 0) {
            doubt(turn, id, message, "the agent ended right after the submit key was pressed");
            continue;
        }
        if stage == Stage::Posted {
            doubt(turn, id, message, "the agent ended while it was handed over");
            continue;
        }
        // The submit key was never pressed, so nobody has read it: typing it into the next life doubles nothing.
        let why = Some("the agent ended before it was submitted".to_string());
        turn.move_message(message, id, Stage::Queued { why });
    }
}

fn proceed(turn: &mut Turn<'_>, id: &AgentId, progress: &Progress) -> Option<(Time, String)> {
    let message = progress.message;
    let Some(posted) = turn.state.outbox.get(&message).filter(|posted| !posted.stage.settled()) else {
        turn.watch(id).delivery = None;
        return None;
    };
    let text = posted.message.text.clone();
    let screen = turn.watch(id).screen.clone();
    let backend = account::backend(turn.state, turn.rules, id)?;
    let view = Sight { backend, screen: screen.as_ref(), text: &text };
    match progress.step {
        Step::Pasting | Step::Submitting { .. } | Step::Posting { .. } => None,
        Step::Posted { deadline, looks } => post::prove(turn, id, message, text, (deadline, looks)),
        Step::Awaiting { deadline, looked } => await_text(turn, id, message, &view, deadline, looked),
        Step::Pressing { at, presses } => press::when_due(turn, id, message, &view, at, presses),
        Step::Proving { retry, presses, gone_since } => prove(turn, id, message, &view, (retry, presses, gone_since)),
        Step::Queued { presses } => wait_in_line(turn, id, message, &view, presses),
        Step::Recovering { at, pressed } => settle_recovery(turn, id, message, &view, at, pressed),
    }
}

/// What can be seen of one message.
struct Sight<'a> {
    backend: &'a Backend,
    screen: Option<&'a Arc<Screen>>,
    text: &'a str,
}

impl Sight<'_> {
    fn holds(&self) -> bool {
        self.screen.is_some_and(|screen| reading::composer_holds(self.backend, screen, self.text))
    }

    /// A composer is on the screen and no part of our text is in it.
    fn lacks(&self) -> bool {
        self.screen.is_some_and(|screen| reading::composer_lacks(self.backend, screen, self.text))
    }

    /// A composer is on the screen and our text is not in it.
    fn gone(&self) -> bool {
        self.screen.is_some_and(|screen| reading::read(self.backend, screen).composer.is_some()) && !self.holds()
    }

    /// A turn began with our text: it stands echoed above, or the agent is busy.
    fn turn_began(&self) -> Option<&'static str> {
        let screen = self.screen?;
        if reading::echoes(self.backend, screen, self.text) {
            return Some("it left the composer and stands echoed above it");
        }
        reading::read(self.backend, screen).busy().then_some("it left the composer and a turn began")
    }
}

fn await_text(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    view: &Sight<'_>,
    deadline: Time,
    looked: bool,
) -> Option<(Time, String)> {
    let now = turn.now.steady;
    if view.holds() {
        turn.move_message(message, id, Stage::Typed { presses: 0 });
        let at = now + view.backend.submit_gap;
        turn.watch(id).delivery = Some(Progress { message, step: Step::Pressing { at, presses: 0 } });
        return press::when_due(turn, id, message, view, at, 0);
    }
    if now < deadline {
        return Some((deadline, format!("see {message} in the composer")));
    }
    if !looked {
        stall::look(turn, id);
        let deadline = now + SHOW_UP;
        turn.watch(id).delivery = Some(Progress { message, step: Step::Awaiting { deadline, looked: true } });
        return Some((deadline, format!("see {message} in the composer")));
    }
    doubt(turn, id, message, "it was pasted and never seen in the composer");
    None
}

fn prove(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    view: &Sight<'_>,
    (retry, presses, gone_since): (Time, u32, Option<Time>),
) -> Option<(Time, String)> {
    let now = turn.now.steady;
    let reports = view.backend.channel != Channel::None && turn.watch(id).reported.is_some();
    if view.gone() && queues(turn, id, view) {
        turn.watch(id).delivery = Some(Progress { message, step: Step::Queued { presses } });
        return Some((now + IN_LINE, in_line(message)));
    }
    if view.gone() {
        if let (Some(evidence), false) = (view.turn_began(), reports) {
            submitted(turn, id, message, evidence);
            return None;
        }
        let since = gone_since.unwrap_or(now);
        if now >= since + PROOF {
            match view.turn_began() {
                Some(evidence) => submitted(turn, id, message, evidence),
                None => doubt(turn, id, message, "it left the composer and no turn was seen to begin"),
            }
            return None;
        }
        turn.watch(id).delivery =
            Some(Progress { message, step: Step::Proving { retry, presses, gone_since: Some(since) } });
        return Some((since + PROOF, format!("prove that {message} was submitted")));
    }
    if now < retry {
        return Some((retry, format!("prove that {message} was submitted, or press the key again")));
    }
    let presses_allowed = 1 + u32::try_from(view.backend.submit_retries.len()).unwrap_or(0);
    if view.holds() && presses < presses_allowed {
        return press::when_due(turn, id, message, view, now, presses);
    }
    if view.holds() {
        press::left_standing(turn, id, message, presses);
        return None;
    }
    let over = now >= retry + PROOF;
    if over {
        doubt(turn, id, message, "a dialog or another screen came up after the submit key");
        return None;
    }
    if turn.watch(id).look_asked.is_none_or(|asked| asked < retry) && turn.watch(id).looked < retry {
        stall::look(turn, id);
    }
    Some((retry + PROOF, format!("prove that {message} was submitted")))
}

/// Whether what leaves the composer now waits in the program: a turn runs, and it tells of a prompt when that is taken in.
fn queues(turn: &mut Turn<'_>, id: &AgentId, view: &Sight<'_>) -> bool {
    view.backend.channel == Channel::Codex && turn.watch(id).turn_since.is_some()
}

/// The program has it, and tells when it takes it in. One that is interrupted puts it back into the composer.
fn wait_in_line(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    view: &Sight<'_>,
    presses: u32,
) -> Option<(Time, String)> {
    let now = turn.now.steady;
    if turn.watch(id).turn_since.is_some() && !view.holds() {
        return Some((now + IN_LINE, in_line(message)));
    }
    let retry = now + gap_after(turn, id, presses);
    let step = Step::Proving { retry, presses: 1, gone_since: None };
    turn.watch(id).delivery = Some(Progress { message, step });
    prove(turn, id, message, view, (retry, 1, None))
}

fn in_line(message: MessageId) -> String {
    format!("see {message} taken in when the turn is over")
}

/// A message that was on its way when this engine was not there: decide by what is seen.
fn recover(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, stage: &Stage) -> Option<(Time, String)> {
    turn.watch(id).screen.as_ref()?;
    let at = turn.now.steady + RECOVERY;
    let pressed = matches!(stage, Stage::Typed { presses } if *presses > 0);
    turn.watch(id).delivery = Some(Progress { message, step: Step::Recovering { at, pressed } });
    stall::look(turn, id);
    Some((at, format!("find out what became of {message}")))
}

fn settle_recovery(
    turn: &mut Turn<'_>,
    id: &AgentId,
    message: MessageId,
    view: &Sight<'_>,
    at: Time,
    pressed: bool,
) -> Option<(Time, String)> {
    let now = turn.now.steady;
    if now < at {
        return Some((at, format!("find out what became of {message}")));
    }
    if view.holds() {
        turn.move_message(message, id, Stage::Typed { presses: 0 });
        let at = now + view.backend.submit_gap;
        turn.watch(id).delivery = Some(Progress { message, step: Step::Pressing { at, presses: 0 } });
        return Some((at, format!("submit {message}")));
    }
    let echoed = view.screen.is_some_and(|screen| reading::echoes(view.backend, screen, view.text));
    if echoed && pressed {
        submitted(turn, id, message, "the submit key was pressed and it stands echoed on the screen");
    } else if view.lacks() && !pressed && !echoed && !busy(view) {
        // Without a press of the key it can't have been submitted by us, and nobody else did it: it may be typed again. Not where
        // anything of it stands in the composer: that is our text, with other words or in a form that we can't read.
        give_back(turn, id, message, "it was not typed before the engine ended".to_string());
        return Some((now, format!("deliver {message}")));
    } else {
        doubt(turn, id, message, "the engine ended while it was on its way");
    }
    None
}

fn busy(view: &Sight<'_>) -> bool {
    view.screen.is_some_and(|screen| reading::read(view.backend, screen).busy())
}

fn paste(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, text: String) -> Option<(Time, String)> {
    let known = turn.agent(id)?;
    let (incarnation, place) = (known.incarnation, known.place.clone()?);
    let backend = account::backend(turn.state, turn.rules, id)?.name.clone();
    turn.move_message(message, id, Stage::Pasting);
    turn.watch(id).delivery = Some(Progress { message, step: Step::Pasting });
    let agent = id.clone();
    let order = Order::Paste { message };
    turn.order(Some(id), order, |id| Effect::Paste { id, agent, incarnation, place, message, text, backend });
    None
}

pub(super) fn submitted(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, evidence: &str) {
    turn.move_message(message, id, Stage::Submitted { evidence: evidence.to_string() });
    let now = turn.now.steady;
    let watch = turn.watch(id);
    watch.inherited = false;
    if watch.delivery.as_ref().is_some_and(|progress| progress.message == message) {
        watch.delivery = None;
    }
    watch.grace_from = now;
    watch.marker = None;
}

pub(super) fn doubt(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, why: &str) {
    let what = format!("nobody can say whether {message} was submitted ({why}): look, then `flightdeck outbox`");
    uncertain(turn, id, message, why.to_string(), what);
}

/// It is nobody's work any more but a person's, who is told `what`.
fn uncertain(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, why: String, what: String) {
    turn.watch(id).delivery = None;
    turn.move_message(message, id, Stage::Uncertain { why });
    turn.record(Record::Alerted { agent: Some(id.clone()), what });
}

/// Back into the queue: proved that it was not typed.
pub(super) fn give_back(turn: &mut Turn<'_>, id: &AgentId, message: MessageId, why: String) {
    turn.watch(id).delivery = None;
    turn.move_message(message, id, Stage::Queued { why: Some(why) });
}

fn gap_after(turn: &Turn<'_>, id: &AgentId, presses: u32) -> Duration {
    let retries =
        account::backend(turn.state, turn.rules, id).map(|backend| backend.submit_retries.clone()).unwrap_or_default();
    let index = (presses.max(1) - 1) as usize;
    retries.get(index).or(retries.last()).copied().unwrap_or(PROOF)
}
