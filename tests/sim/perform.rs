//! What becomes of effects in this world: each is carried out after one more look, as the real edge does it.

use std::time::Duration;

use flightdeck::config::model::Backend;
use flightdeck::pilot::effect::{Effect, LaunchSpec, Outcome, OwnFile, Refusal};
use flightdeck::pilot::event::Event;
use flightdeck::pilot::fact::{Exit, Identity, Look, Place, Probed, Server, Work};
use flightdeck::pilot::id::{AccountId, AgentId, EffectId, Incarnation, MessageId};
use flightdeck::pilot::reading;

use super::body::Body;
use super::words;
use super::world::{Happening, Tmux, World};

impl World {
    /// Carries out an effect that an engine's life has sent.
    pub(crate) fn perform(&mut self, life: u64, effect: Effect) {
        if matches!(self.tmux, Tmux::Silent(_)) && needs_tmux(&effect) {
            self.swallow(life, effect);
            return;
        }
        match effect {
            Effect::StartServer { id } => self.start_server(life, id),
            Effect::Start { id, agent, incarnation, spec } => {
                let outcome = self.fails("start").unwrap_or_else(|| self.start_agent(&agent, incarnation, &spec));
                self.outcome(life, id, outcome);
                self.wake_feed(&agent);
            }
            Effect::Stop { .. } => self.begin_stop(life, effect),
            Effect::Paste { id, agent, place, message, text, .. } => {
                let outcome = self.fails("paste").unwrap_or_else(|| self.paste(&agent, &place, message, &text));
                self.outcome(life, id, outcome);
                self.settle(&agent);
            }
            Effect::Submit { id, agent, place, text, .. } => {
                let outcome = self.fails("press").unwrap_or_else(|| self.submit(&agent, &place, &text));
                self.outcome(life, id, outcome);
                self.settle(&agent);
            }
            Effect::Post { id, agent, incarnation, message, text } => {
                let outcome = self.post(&agent, incarnation, message, &text);
                self.outcome(life, id, outcome);
                self.settle(&agent);
            }
            Effect::Write { id, what } => {
                let outcome = match self.trouble.no_writing.clone() {
                    Some(why) => Outcome::Failed { why },
                    None => self.write_file(&what),
                };
                self.outcome(life, id, outcome);
            }
            Effect::Look { agent, incarnation, place, .. } => {
                let look = self.look(&agent, &place);
                self.tell_later(life, Event::Looked { agent, incarnation, look });
            }
            Effect::Survey => self.ping(life),
            Effect::Search { agent, .. } => {
                let found = self.by_hand.clone();
                self.tell_later(life, Event::Searched { agent, found });
            }
            Effect::Probe { account, backend, known, .. } => self.probe(life, account, backend, known),
            Effect::Seek { agent, account, conversation, .. } => self.seek(life, agent, account, conversation),
            Effect::Vet { agent, .. } => {
                let vetted = self.vetted.get(&agent).cloned().unwrap_or_default();
                self.tell_later(life, Event::Vetted { agent, vetted });
            }
            Effect::Reply { answer, .. } => {
                let words = words::answer(&answer);
                self.note(&format!("< {words}"));
            }
            Effect::Reload { .. } => self.reload(),
            Effect::Quit { code } => {
                self.note(&format!("= the engine ends with code {code}"));
                self.engine = None;
            }
        }
    }

    fn probe(&mut self, life: u64, account: AccountId, backend: String, known: Option<String>) {
        self.note(&format!("? tries account {account} with {backend}"));
        let probed = self.proofs.get(&account).cloned();
        let probed = match (probed, known) {
            (Some(Probed::Answered { failed: false, .. }) | None, Some(_)) => Probed::Same,
            (Some(probed), _) => probed,
            (None, None) => Probed::Nothing { why: "nobody is there".to_string() },
        };
        self.tell_slowly(life, &account.clone(), Event::Probed { account, backend, probed });
    }

    fn seek(&mut self, life: u64, agent: AgentId, account: Option<AccountId>, conversation: String) {
        self.note(&format!("? looks for the conversation of {agent}"));
        let there = account.as_ref().is_some_and(|account| self.transcripts.contains(account));
        let found = if there { Ok(()) } else { Err("there is no such file".to_string()) };
        let on = account.clone();
        let event = Event::Sought { agent, account, conversation, found };
        match on {
            Some(on) => self.tell_slowly(life, &on, event),
            None => self.tell_later(life, event),
        }
    }

    fn look(&mut self, agent: &AgentId, place: &Place) -> Look {
        let (now, taken, blind) = (self.now, self.picture(), self.trial.blind);
        let hidden = self.trouble.hidden;
        match self.bodies.get_mut(agent).filter(|body| body.place == *place) {
            // A dead pane still shows its last picture.
            Some(body) if !body.alive() || hidden => Look { screen: Some(body.screen()), work: None, taken },
            Some(body) => {
                let work = body.work(now);
                let work = if blind { Work { suspended: work.suspended, ..Work::default() } } else { work };
                Look { screen: Some(body.screen()), work: Some(work), taken }
            }
            None => Look { screen: None, work: None, taken },
        }
    }

    fn outcome(&mut self, life: u64, id: EffectId, outcome: Outcome) {
        self.tell_later(life, Event::EffectFinished { id, outcome });
    }

    fn tell_later(&mut self, life: u64, event: Event) {
        let after = self.dice.between(self.pace.tmux);
        self.later(after, Happening::Tell(life, event));
    }

    /// Nobody answers: after the deadline nobody knows, and the command may still be carried out.
    fn swallow(&mut self, life: u64, effect: Effect) {
        let id = match &effect {
            Effect::StartServer { id }
            | Effect::Start { id, .. }
            | Effect::Stop { id, .. }
            | Effect::Paste { id, .. }
            | Effect::Submit { id, .. }
            | Effect::Post { id, .. } => Some(*id),
            Effect::Look { agent, incarnation, .. } => {
                let look = Look { screen: None, work: None, taken: 0 };
                let event = Event::Looked { agent: agent.clone(), incarnation: *incarnation, look };
                self.later(Duration::from_secs(2), Happening::Tell(life, event));
                None
            }
            Effect::Write { .. }
            | Effect::Survey
            | Effect::Search { .. }
            | Effect::Probe { .. }
            | Effect::Seek { .. }
            | Effect::Vet { .. }
            | Effect::Reply { .. }
            | Effect::Reload { .. }
            | Effect::Quit { .. } => None,
        };
        let Some(id) = id else { return };
        let outcome = Outcome::Unknown { why: "tmux did not answer within 2 s".to_string() };
        self.later(Duration::from_secs(2), Happening::Tell(life, Event::EffectFinished { id, outcome }));
        // A paste looks first, and that look failed; a start looks for survivors first. Only a stop is carried on.
        if matches!(effect, Effect::Start { .. } | Effect::Stop { unless_moved: None, .. }) && self.dice.chance(500) {
            self.stuck.push(effect);
        }
    }

    fn start_server(&mut self, life: u64, id: EffectId) {
        if let Some(why) = self.trouble.no_server.clone() {
            self.outcome(life, id, Outcome::Failed { why });
            return;
        }
        if self.tmux == Tmux::None {
            self.pids += 1;
            let server = Server { pid: self.pids, started: self.now.0 / 1000 };
            self.note(&format!("= a tmux server runs (process {})", server.pid));
            self.tmux = Tmux::Up(server);
        }
        self.outcome(life, id, Outcome::Done);
        self.wake_ping();
    }

    fn start_agent(&mut self, agent: &AgentId, incarnation: Incarnation, spec: &LaunchSpec) -> Outcome {
        let Tmux::Up(server) = self.tmux.clone() else {
            return Outcome::Failed { why: "no tmux server runs".to_string() };
        };
        if self.files.missing.contains(agent) {
            return Outcome::Refused { why: Refusal::NoCwd(spec.cwd.display().to_string()) };
        }
        if let Some(body) = self.bodies.get(agent).filter(|body| body.alive()) {
            let (incarnation, place, process) = (body.incarnation, body.place.clone(), body.process.clone());
            let unnamed = Outcome::Refused { why: Refusal::AlreadyAlive(process.pid) };
            return if self.trouble.hidden { unnamed } else { Outcome::Found { incarnation, place, process } };
        }
        for body in self.survivors.iter_mut().filter(|body| body.agent == *agent) {
            body.end(Exit::Signal(9));
        }
        let ended = self.survivors.iter().filter(|body| body.agent == *agent).map(|body| body.process.pid);
        let ended: Vec<String> = ended.map(|pid| format!("= {agent}'s old process {pid} is ended first")).collect();
        self.survivors.retain(|body| body.agent != *agent);
        for line in ended {
            self.note(&line);
        }
        let place = self.place(&server);
        self.pids += 1;
        let started = u64::try_from(self.now.0).expect("after 1970");
        let process = Identity { boot: "boot".to_string(), pid: self.pids, started };
        let conversation = conversation(&spec.argv);
        let mut habits = self.habits[agent].clone();
        if let Some(dialog) = &mut self.habits.get_mut(agent).expect("known").start_dialog.take() {
            habits.start_dialog = Some(*dialog);
        }
        let mut body =
            Body::new((agent.clone(), incarnation), place.clone(), process.clone(), conversation, habits, self.now);
        let account = spec.account.as_ref().map(|account| account.account.clone());
        if self.worked_on.insert(agent.clone(), account.clone()).is_some_and(|before| before != account) {
            self.limits.remove(agent);
        }
        body.limited_until = self.limits.get(agent).copied();
        if body.habits.redraws
            && let Some(shown) = body.conversation.as_ref().and_then(|talk| self.trouble.shown.get(talk))
        {
            body.said.clone_from(shown);
        }
        body.poisoned = body.conversation.as_ref().is_some_and(|id| self.poisoned.contains(id));
        let resumed = if spec.argv.iter().any(|word| word == "--resume") { ", resumed" } else { "" };
        let talk = body.conversation.as_ref().filter(|talk| self.trouble.talks.contains(*talk));
        let talk = talk.map(|talk| format!(" in {talk}")).unwrap_or_default();
        self.note(&format!("= {agent} runs as process {}{resumed}{talk}", process.pid));
        self.bodies.insert(agent.clone(), body);
        self.settle(agent);
        Outcome::Started { place, process }
    }

    fn begin_stop(&mut self, life: u64, effect: Effect) {
        let Effect::Stop { id, agent, place, unless_moved, .. } = &effect else { return };
        let body = self.bodies.get(agent).filter(|body| Some(&body.place) == place.as_ref());
        if let Some(expected) = unless_moved {
            let same = body.is_some_and(|body| body.alive() && reading::raw(&body.screen()) == *expected);
            if !same {
                let id = *id;
                self.outcome(life, id, Outcome::Refused { why: Refusal::Moved });
                return;
            }
        }
        self.check_stop(*id, &agent.clone());
        let after = self.dice.between(self.pace.ending);
        self.later(after, Happening::Ends(life, effect));
    }

    /// The processes have ended, the session is closed.
    pub(crate) fn finish_stop(&mut self, life: u64, effect: &Effect) {
        let Effect::Stop { id, agent, place, .. } = effect else { return };
        let here = self.bodies.get(agent).is_some_and(|body| Some(&body.place) == place.as_ref());
        let mut left = Vec::new();
        let immortal = self.bodies.get(agent).filter(|body| here && body.immortal).map(|body| body.process.pid);
        left.extend(immortal.map(|pid| (pid, agent.to_string())));
        if here
            && immortal.is_none()
            && let Some(mut body) = self.bodies.remove(agent)
        {
            let pid = body.process.pid;
            left.append(&mut body.leaves);
            self.remember_talk(&body);
            if body.alive() {
                body.end(Exit::Signal(15));
                self.note(&format!("= {agent}'s process {pid} is ended by us"));
            }
        }
        self.outcome(life, *id, Outcome::Stopped { left });
    }

    /// What a conversation shows when it is taken up again.
    fn remember_talk(&mut self, body: &Body) {
        if let Some(talk) = &body.conversation {
            self.trouble.shown.insert(talk.clone(), body.said.clone());
        }
    }

    fn backend(&self, agent: &AgentId) -> &Backend {
        &self.rules.backends[&self.rules.agents[agent].backend]
    }

    fn paste(&mut self, agent: &AgentId, place: &Place, message: MessageId, text: &str) -> Outcome {
        let Some(body) = self.bodies.get(agent).filter(|body| body.place == *place) else {
            return Outcome::Refused { why: Refusal::PaneMissing };
        };
        let keeps = self.backend(agent).composer.stash_key.is_some();
        let free = reading::may_type(self.backend(agent), &body.screen());
        let body = self.bodies.get_mut(agent).expect("it was there");
        match free {
            Ok(()) | Err(Refusal::Busy) => {}
            Err(Refusal::Draft) if keeps => body.aside = std::mem::take(&mut body.composer),
            Err(why) => return Outcome::Refused { why },
        }
        body.paste(Some(message), text);
        Outcome::Done
    }

    fn submit(&mut self, agent: &AgentId, place: &Place, text: &str) -> Outcome {
        let Some(body) = self.bodies.get(agent).filter(|body| body.place == *place) else {
            return Outcome::Refused { why: Refusal::PaneMissing };
        };
        let screen = body.screen();
        if screen.mode.dead {
            return Outcome::Refused { why: Refusal::PaneDead };
        }
        if screen.mode.in_mode {
            return Outcome::Refused { why: Refusal::InMode };
        }
        if screen.mode.input_off {
            return Outcome::Refused { why: Refusal::InputOff };
        }
        if !reading::composer_holds(self.backend(agent), &screen, text) {
            return Outcome::Refused { why: Refusal::TextGone };
        }
        let now = self.clock();
        let plan = self.next_plan(agent);
        let body = self.bodies.get_mut(agent).expect("it was there");
        if let Some(dialog) = body.enter(now, text, || plan) {
            self.wrong.push(format!("{agent}'s {dialog:?} dialog was approved by the submit key"));
        }
        Outcome::Done
    }

    fn write_file(&mut self, what: &OwnFile) -> Outcome {
        match what {
            OwnFile::SequenceComplete { .. } => self.note("= the file SEQUENCE-COMPLETE is written"),
            OwnFile::NoSequenceComplete => self.note("= the file SEQUENCE-COMPLETE is taken away"),
            OwnFile::Sequence { phases } => {
                let words: Vec<&str> = phases.iter().map(flightdeck::pilot::id::PhaseId::as_str).collect();
                self.note(&format!("= flightdeck.toml says sequence {}", words.join(" ")));
                self.files.sequence = phases.clone();
                self.read_files();
            }
        }
        Outcome::Done
    }

    /// The configuration is read again, as the engine does it: refused where the current phase is missing.
    pub(crate) fn reload(&mut self) {
        let rules = self.files.load();
        let refused = self.engine.as_ref().and_then(|engine| engine.state.sequence.refuses(&rules.sequence));
        match refused {
            Some(why) => self.feed(Event::ConfigRefused { problems: vec![why] }),
            None => {
                self.rules = rules;
                self.read_from = self.files.clone();
                self.feed(Event::ConfigLoaded);
            }
        }
    }
}

fn needs_tmux(effect: &Effect) -> bool {
    match effect {
        Effect::StartServer { .. }
        | Effect::Start { .. }
        | Effect::Stop { .. }
        | Effect::Paste { .. }
        | Effect::Submit { .. }
        | Effect::Look { .. } => true,
        Effect::Post { .. }
        | Effect::Write { .. }
        | Effect::Survey
        | Effect::Search { .. }
        | Effect::Probe { .. }
        | Effect::Seek { .. }
        | Effect::Vet { .. }
        | Effect::Reply { .. }
        | Effect::Reload { .. }
        | Effect::Quit { .. } => false,
    }
}

/// The conversation that an argv begins or takes up.
fn conversation(argv: &[String]) -> Option<String> {
    let at = argv.iter().position(|word| word == "--conversation" || word == "--resume")?;
    argv.get(at + 1).cloned()
}
