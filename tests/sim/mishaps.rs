//! What goes wrong now and then between a program, a person at its pane, tmux and the branch; further words of the language of
//! scenarios.

use std::time::Duration;

use flightdeck::pilot::effect::Outcome;
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Push, Report};
use flightdeck::pilot::id::{AccountId, AgentId, Incarnation, MessageId};
use flightdeck::pilot::time::Now;

use super::body::{Act, Body, Taken, echo};
use super::plan::Plan;
use super::world::{Happening, World};

type Done = Result<(), String>;

/// From a stopped turn to the line that tells of it: the program writes its record after it has drawn.
const STOP_TOLD: Duration = Duration::from_millis(300);

/// Of its interface: `can be reached`, `can't be reached`, `refuses messages: WHY`. Of its composer: `types more TEXT`, `is submitted by hand`,
/// `loses 1 paste`, `garbles a paste with TEXT` where nobody sees it, `clears its screen`. Of its turns: `is interrupted`,
/// `takes in what waits`, `shortens its context`, `tells nothing more`.
pub(crate) fn agent(world: &mut World, agent: &AgentId, words: &str) -> Done {
    let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (verb, rest) {
        ("types", more) if more.starts_with("more ") => {
            let more = more.trim_start_matches("more");
            world.touch(agent, |body, _| body.composer.push_str(more))
        }
        ("is", "submitted by hand") => {
            let plan = world.next_plan(agent);
            world.touch(agent, |body, now| body.submitted(now, plan))
        }
        ("loses", pastes) => {
            let count = pastes.split(' ').next().unwrap_or_default();
            let loses = count.parse().map_err(|_| format!("no count: {count:?}"))?;
            world.touch(agent, |body, _| body.loses = loses)
        }
        ("garbles", rest) if rest.starts_with("a paste with ") => {
            let more = rest.trim_start_matches("a paste with ").to_string();
            world.touch(agent, |body, _| body.garbles = Some(more))
        }
        ("shortens", "its context") => world.touch(agent, |body, _| body.report(Report::Compacting)),
        ("clears", "its screen") => world.touch(agent, |body, _| body.said.clear()),
        ("tells", "nothing more") => world.touch(agent, |body, _| body.habits.reports = false),
        ("is", "interrupted") => world.touch(agent, |body, _| body.interrupt()),
        ("can", "be reached") => world.touch(agent, |body, _| body.report(Report::Reachable { reachable: true })),
        ("can't", "be reached") => world.touch(agent, |body, _| body.report(Report::Reachable { reachable: false })),
        ("refuses", "messages: no longer") => world.touch(agent, |body, _| body.refuses = None),
        ("refuses", why) if why.starts_with("messages: ") => {
            let why = why.trim_start_matches("messages: ").to_string();
            world.touch(agent, |body, _| body.refuses = Some(why))
        }
        ("takes", "in what waits") => world.touch(agent, |body, _| body.steer()),
        _ => Err(format!("nothing an agent does: {words:?}")),
    }
}

/// `fails the next start|paste|press`
pub(crate) fn tmux(world: &mut World, words: &str) -> Done {
    let what = words.trim_start_matches("fails the next ");
    if !["start", "paste", "press"].contains(&what) {
        return Err(format!("nothing that tmux does: {what:?}"));
    }
    world.failing.push(what.to_string());
    Ok(())
}

/// `sets project: watch_orchestrator = false`: a line more in a table of the configuration; `forgets the remote`
pub(crate) fn file(world: &mut World, words: &str) -> Done {
    if words == "forgets the remote" {
        world.files.project = String::new();
        return Ok(());
    }
    let line = words.strip_prefix("sets ").and_then(|rest| rest.split_once(": "));
    let (table, line) = line.ok_or_else(|| format!("no file: {words:?}"))?;
    world.files.add(table, &format!("{line}\n"));
    Ok(())
}

/// `goes back`: somebody takes the last push away; `goes forward`: and pushes it again.
pub(crate) fn branch(world: &mut World, words: &str) -> Done {
    let [.., before, last] = world.remote.pushes.as_slice() else { return Err("too few pushes".to_string()) };
    let (before, old) = (before.clone(), Some(last.new.clone()));
    match words {
        "goes back" => world.push(Push { old, rewritten: true, commits: Vec::new(), inbox: Vec::new(), ..before }),
        "goes forward" => world.push(Push { old, rewritten: false, ..before }),
        _ => return Err(format!("nothing of the branch: {words:?}")),
    }
    Ok(())
}

impl World {
    /// Whether tmux says no this time; what was asked is not done then.
    pub(crate) fn fails(&mut self, what: &str) -> Option<Outcome> {
        let at = self.failing.iter().position(|failing| failing == what)?;
        self.failing.remove(at);
        Some(Outcome::Failed { why: "tmux says: can't do that now".to_string() })
    }

    /// A message by the program's own interface, which keeps it apart from others by its name.
    pub(crate) fn post(&mut self, agent: &AgentId, life: Incarnation, message: MessageId, text: &str) -> Outcome {
        let (now, plan) = (self.clock(), self.next_plan(agent));
        let body = self.bodies.get_mut(agent).filter(|body| body.incarnation == life && body.alive());
        let Some(body) = body else { return Outcome::Failed { why: "it has no server".to_string() } };
        if let Some(why) = &body.refuses {
            return Outcome::Failed { why: why.clone() };
        }
        if body.loses > 0 {
            body.loses -= 1;
            return Outcome::Done;
        }
        body.report(Report::PromptRecorded { prompt: text.to_string() });
        if !body.posted.contains(&message) {
            body.posted.push(message);
            let taken = Taken { messages: vec![message], text: text.to_string() };
            body.taken.push(taken.clone());
            if body.working() {
                body.queued.push(taken);
            } else {
                body.take(&taken, plan, now);
            }
        }
        Outcome::Done
    }

    /// News of an account, as fast as it answers.
    pub(crate) fn tell_slowly(&mut self, life: u64, account: &AccountId, event: Event) {
        let after = self.dice.between(self.pace.tmux) + self.slow.get(account).copied().unwrap_or_default();
        self.later(after, Happening::Tell(life, event));
    }
}

impl Body {
    /// A person presses the submit key at whatever stands in the composer.
    fn submitted(&mut self, now: Now, plan: Plan) {
        let text = self.composer.clone();
        self.enter(now, &text, || plan);
    }

    /// A person stops the turn: what waited in the program stands in the composer again.
    fn interrupt(&mut self) {
        if self.turn.take().is_none() {
            return;
        }
        self.generation += 1;
        self.say("■ Conversation interrupted");
        for back in self.queued.drain(..) {
            self.composer.push_str(&back.text);
            self.held.extend(back.messages);
        }
        self.coming.push((STOP_TOLD, Act::TellsStop));
    }

    /// The turn that runs takes in what came meanwhile, before it is over.
    fn steer(&mut self) {
        if self.turn.is_none() || self.queued.is_empty() {
            return;
        }
        let taken = self.queued.remove(0);
        self.said.extend(echo(&taken.text));
        self.report(Report::PromptRecorded { prompt: taken.text.clone() });
        self.taken.push(taken);
    }
}
