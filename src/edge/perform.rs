//! Runs effects: the hands of the pilot. Each does what it was told after one more look that it may, and says what came
//! of it in three values: done, positively not done, nobody knows. It decides nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::config::model::{Backend, Config};
use crate::pilot::effect::{LaunchSpec, Outcome, Refusal};
use crate::pilot::event::Event;
use crate::pilot::fact::{Identity, Look, Place, Report, Screen, Server};
use crate::pilot::id::{AgentId, EffectId, Incarnation, MessageId};
use crate::pilot::reading;

use super::channel;
use super::channel::opencode::handover::{self, Handed};
use super::clock;
#[cfg(debug_assertions)]
use super::failpoint;
use super::process::{self, Tag};
use super::runner::{self, RunError, RunSpec};
use super::tmux::inject::{self, Injected};
use super::tmux::screen::{capture, capture_in_order};
use super::tmux::session::{self, Killed, OwnerTag, StartAgentError};
use super::tmux::{TmuxClient, TmuxError};

/// Children that began later than this after their agent are its own work, not servers it starts with.
const LATE_AFTER: Duration = Duration::from_secs(20);
/// A draft that is put aside is gone within this many looks, this far apart.
const ASIDE_LOOKS: u32 = 20;
const ASIDE_LOOK: Duration = Duration::from_millis(50);
/// A submit key is put off by this much where the pane is on the move, and so often at most.
const SUBMIT_LOOK: Duration = Duration::from_millis(100);
const SUBMIT_LOOKS: u32 = 5;
/// A server that takes so long for a picture stood still.
const STOOD_STILL_MS: i64 = 100;
/// A message comes in so many pastes at most: tmux takes 0.2 s for them, all in one step, and its time grows faster than
/// their number. A text of 64 kB has so many where its lines are shorter than 16 characters.
const PIECES: usize = 2_000;
/// The processes of a lost life get this long to end before they are killed.
const SURVIVOR_GRACE: Duration = Duration::from_secs(3);

/// What every effect needs to know; cheap to clone.
#[derive(Clone)]
pub struct Hands {
    pub client: TmuxClient,
    /// Tells this workspace's sessions and processes from all others.
    pub nonce: Arc<str>,
    /// `.flightdeck/`
    pub state_dir: Arc<Path>,
    /// Our own program, for `run-agent`.
    pub program: Arc<Path>,
    pub rules: Arc<Config>,
    pub events: mpsc::Sender<Event>,
}

impl Hands {
    /// Starts an agent, after the processes and sessions of its earlier lives are gone.
    pub async fn start(
        &self,
        agent: &AgentId,
        incarnation: Incarnation,
        server: Option<Server>,
        spec: LaunchSpec,
    ) -> Outcome {
        let Some(server) = server else { return failed("no tmux server runs") };
        if !spec.cwd.is_dir() {
            return refused(Refusal::NoCwd(spec.cwd.display().to_string()));
        }
        if let Err(outcome) = self.clear(agent, &server).await {
            return outcome;
        }
        let mut launched = self.launch(agent, incarnation, &server, spec.clone()).await;
        if let Err(StartAgentError::Foreign { session, .. }) = &launched
            && self.clear_shell(agent, &server, session).await
        {
            launched = self.launch(agent, incarnation, &server, spec).await;
        }
        let outcome = match launched {
            Ok(outcome) => outcome,
            Err(StartAgentError::Foreign { session, .. }) => refused(Refusal::Foreign(session)),
            Err(StartAgentError::NoCwd(path)) => refused(Refusal::NoCwd(path)),
            Err(StartAgentError::NoCommand) => failed("its launch argv is empty"),
            Err(StartAgentError::Tmux(error)) => of_error(&error),
        };
        if matches!(outcome, Outcome::Refused { .. } | Outcome::Failed { .. }) {
            channel::clear(&self.rules.root, agent);
        }
        outcome
    }

    /// Ends an agent's processes and its session. `unless_moved`: the picture it must still show.
    pub async fn stop(
        &self,
        agent: &AgentId,
        incarnation: Incarnation,
        at: (Option<Place>, Option<Identity>),
        grace: Duration,
        unless_moved: Option<u64>,
    ) -> Outcome {
        let (place, process) = at;
        if let (Some(expected), Some(place)) = (unless_moved, &place) {
            match capture(&self.client, &place.pane).await {
                Ok(Some(screen)) if reading::raw(&screen) == expected => {}
                Ok(_) => return refused(Refusal::Moved),
                Err(error) => return of_error(&error),
            }
        }
        let tag = self.tag(agent, incarnation);
        let left = match process::end(process.as_ref(), Some(&tag), grace).await {
            Ok(left) => left,
            Err(why) => return Outcome::Unknown { why },
        };
        #[cfg(debug_assertions)]
        failpoint::reached("stop.ended");
        if let Some(place) = &place {
            let owner = self.owner(agent, incarnation);
            match session::kill_session(&self.client, place, &owner).await {
                Ok(Killed::Yes | Killed::Missing) => {}
                Ok(Killed::NotOurs(_)) => return refused(Refusal::Foreign(place.session.clone())),
                // The processes are gone; a session that stays is cleared before the next start.
                Err(_) => {}
            }
        }
        Outcome::Stopped { left }
    }

    /// Pastes a message, if the pane and the composer are free at this very moment.
    pub async fn paste(&self, backend: &str, place: &Place, message: MessageId, text: &str) -> Outcome {
        let Some(backend) = self.rules.backends.get(backend) else {
            return failed("its backend is not configured any more");
        };
        let free = match self.free(place, backend).await {
            Ok(Err(Refusal::Draft)) => self.put_aside(place, backend).await,
            known => known,
        };
        match free {
            // Whether to speak into a running turn was decided by the pilot.
            Ok(Ok(()) | Err(Refusal::Busy)) => {}
            Ok(Err(why)) => return refused(why),
            Err(outcome) => return outcome,
        }
        #[cfg(debug_assertions)]
        failpoint::reached("paste.free");
        let text = reading::as_typed(backend, text);
        let pieces = pieces(&text, backend.paste_piece);
        match inject::paste_all(&self.client, &place.pane, &format!("fd-{message}"), &pieces).await {
            Ok(Injected::Done) => Outcome::Done,
            Ok(Injected::Refused(why)) => refused(why),
            Err(error) => of_error(&error),
        }
    }

    /// Whether a text may be pasted at this very moment.
    async fn free(&self, place: &Place, backend: &Backend) -> Result<Result<(), Refusal>, Outcome> {
        Ok(reading::may_type(backend, &self.capture(place).await?))
    }

    /// A draft makes room where the program keeps it for its writer; where it does not, it is in the way as before.
    async fn put_aside(&self, place: &Place, backend: &Backend) -> Result<Result<(), Refusal>, Outcome> {
        let Some(key) = &backend.composer.stash_key else { return Ok(Err(Refusal::Draft)) };
        match inject::press_key(&self.client, &place.pane, key).await {
            Ok(Injected::Done) => {}
            Ok(Injected::Refused(why)) => return Ok(Err(why)),
            Err(error) => return Err(of_error(&error)),
        }
        let mut free = Err(Refusal::Draft);
        for _ in 0..ASIDE_LOOKS {
            clock::pause(ASIDE_LOOK).await;
            free = self.free(place, backend).await?;
            if free != Err(Refusal::Draft) {
                break;
            }
        }
        Ok(free)
    }

    /// Presses the submit key, if our text stands in the composer at this very moment. A server that stood still has keys that
    /// were pressed before, and whose program has not come to them: a picture that took its time is taken anew, and a key
    /// goes nowhere once the cursor has moved. Only so often, for there are programs that always move it.
    pub async fn submit(&self, backend: &str, place: &Place, text: &str) -> Outcome {
        let Some(backend) = self.rules.backends.get(backend) else {
            return failed("its backend is not configured any more");
        };
        let mut looks_left = SUBMIT_LOOKS;
        loop {
            let asked = clock::monotonic_ms();
            let screen = match self.capture(place).await {
                Ok(screen) if reading::composer_holds(backend, &screen, text) => screen,
                Ok(_) => return refused(Refusal::TextGone),
                Err(outcome) => return outcome,
            };
            let late = clock::monotonic_ms() - asked >= STOOD_STILL_MS;
            if !late || looks_left == 0 {
                #[cfg(debug_assertions)]
                failpoint::reached("submit.held");
                let (pane, key) = (&place.pane, &backend.submit_key);
                let pressed = match looks_left {
                    0 => inject::press_key(&self.client, pane, key).await,
                    _ => inject::press_key_at(&self.client, pane, screen.cursor, key).await,
                };
                match pressed {
                    Ok(Injected::Done) => return Outcome::Done,
                    Ok(Injected::Refused(Refusal::Moved)) => {}
                    Ok(Injected::Refused(why)) => return refused(why),
                    Err(error) => return of_error(&error),
                }
            }
            looks_left = looks_left.saturating_sub(1);
            clock::pause(SUBMIT_LOOK).await;
        }
    }

    /// Hands a message over by the program's own interface, unless it is in its conversation already: then that is told.
    pub async fn post(&self, agent: &AgentId, incarnation: Incarnation, message: MessageId, text: &str) -> Outcome {
        match handover::hand_over(&self.state_dir.join("agents"), agent, incarnation, (message, text)).await {
            Handed::Over => Outcome::Done,
            Handed::Before => {
                let report = Report::PromptRecorded { prompt: text.to_string() };
                // A closed channel means that the engine is ending; the next one looks as well.
                let _ = self.events.send(Event::Reported { agent: agent.clone(), incarnation, report }).await;
                Outcome::Done
            }
            Handed::Not(why) => failed(why),
            Handed::Unknown(why) => unknown(why),
        }
    }

    /// One look at an agent: its screen and what its processes do.
    pub async fn look(
        &self,
        agent: &AgentId,
        incarnation: Incarnation,
        place: &Place,
        process: Option<Identity>,
    ) -> Look {
        let picture = capture_in_order(&self.client, &place.pane).await.ok().flatten();
        let (taken, screen) = picture.map_or((0, None), |(taken, screen)| (taken, Some(Arc::new(screen))));
        let tag = self.tag(agent, incarnation);
        let work = process.and_then(|process| process::work(&process, Some(&tag), LATE_AFTER));
        Look { screen, work, taken }
    }

    /// Tells the engine what came of an effect.
    pub async fn tell(&self, id: EffectId, outcome: Outcome) {
        #[cfg(debug_assertions)]
        failpoint::effect(id);
        // A closed channel means that the engine is ending; the next one finds out by looking.
        let _ = self.events.send(Event::EffectFinished { id, outcome }).await;
    }

    /// Clears what is left of earlier lives; goes no further where one is still alive in a pane of ours.
    async fn clear(&self, agent: &AgentId, server: &Server) -> Result<(), Outcome> {
        let panes = session::list_panes(&self.client, server, &self.nonce).await.map_err(|error| of_error(&error))?;
        for pane in panes.into_iter().filter(|pane| pane.tag.agent == *agent) {
            if pane.dead.is_none() {
                let found = |process| Outcome::Found { incarnation: pane.tag.incarnation, place: pane.place, process };
                let unnamed = refused(Refusal::AlreadyAlive(pane.pid));
                return Err(process::identity(pane.pid).map_or(unnamed, found));
            }
            session::kill_session(&self.client, &pane.place, &pane.tag).await.map_err(|error| of_error(&error))?;
        }
        let survivors = process::survivors(&self.nonce).ok_or_else(|| unknown("the process table can't be read"))?;
        let mut lives: BTreeMap<Incarnation, Tag> = BTreeMap::new();
        for (tag, _) in survivors.into_iter().filter(|(tag, _)| tag.agent == *agent) {
            lives.insert(tag.incarnation, tag);
        }
        for tag in lives.values() {
            let left = process::end(None, Some(tag), SURVIVOR_GRACE).await.map_err(unknown)?;
            if let Some((pid, _)) = left.first() {
                return Err(refused(Refusal::AlreadyAlive(*pid)));
            }
        }
        Ok(())
    }

    /// A session of an earlier life whose own pane was closed: another pane, split off by somebody, keeps it, and the
    /// agent's name with it. Ends it as it ends with any life; says whether it did.
    async fn clear_shell(&self, agent: &AgentId, server: &Server, session: &str) -> bool {
        let place = Place { server: server.clone(), session: session.to_string(), pane: String::new() };
        let nobody = self.owner(agent, Incarnation(0));
        let Ok(Killed::NotOurs(owner)) = session::kill_session(&self.client, &place, &nobody).await else {
            return false;
        };
        let Some(owner) = OwnerTag::parse(&owner, &self.nonce).filter(|owner| owner.agent == *agent) else {
            return false;
        };
        matches!(session::kill_session(&self.client, &place, &owner).await, Ok(Killed::Yes))
    }

    async fn launch(
        &self,
        agent: &AgentId,
        incarnation: Incarnation,
        server: &Server,
        spec: LaunchSpec,
    ) -> Result<Outcome, StartAgentError> {
        let owner = self.owner(agent, incarnation);
        let nonce = self.nonce.to_string();
        let mut run = RunSpec { agent: agent.clone(), incarnation, nonce, launch: spec.clone() };
        let agents = self.state_dir.join("agents");
        if let Err(error) = runner::check(&agents, &run) {
            return Ok(unfit(error));
        }
        if let Err(error) = channel::equip(&self.rules.root, agent, incarnation, &mut run.launch) {
            return Ok(failed(error.to_string()));
        }
        if let Err(why) = channel::arrange(&self.rules.root, agent, incarnation, &mut run.launch).await {
            return Ok(failed(why));
        }
        let spec_path = match runner::write_spec(&agents, &run) {
            Ok(path) => path,
            Err(error) => return Ok(failed(error.to_string())),
        };
        #[cfg(debug_assertions)]
        failpoint::reached("start.spec");
        let argv = vec![text(&self.program), "run-agent".to_string(), text(&spec_path)];
        let pane_spec = LaunchSpec { argv, ..spec };
        let born = session::start_agent(&self.client, server, &owner, &pane_spec).await?;
        // A process that ended within this moment has no identity any more; its pane tells how it ended.
        let process =
            process::identity(born.pid).unwrap_or_else(|| Identity { boot: String::new(), pid: born.pid, started: 0 });
        Ok(Outcome::Started { place: born.place, process })
    }

    async fn capture(&self, place: &Place) -> Result<Screen, Outcome> {
        match capture(&self.client, &place.pane).await {
            Ok(Some(screen)) => Ok(screen),
            Ok(None) => Err(refused(Refusal::PaneMissing)),
            // A look that failed has changed nothing, whatever became of it.
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn owner(&self, agent: &AgentId, incarnation: Incarnation) -> OwnerTag {
        OwnerTag { nonce: self.nonce.to_string(), agent: agent.clone(), incarnation }
    }

    fn tag(&self, agent: &AgentId, incarnation: Incarnation) -> Tag {
        Tag { nonce: self.nonce.to_string(), agent: agent.clone(), incarnation }
    }
}

/// A text in pieces of at most so many characters and line breaks; larger ones where these would be too many.
fn pieces(text: &str, most: Option<(usize, usize)>) -> Vec<&str> {
    let Some((mut chars, mut breaks)) = most else { return vec![text] };
    loop {
        let pieces = cut(text, chars.max(1), breaks);
        if pieces.len() <= PIECES {
            return pieces;
        }
        (chars, breaks) = (chars.max(1) * 2, breaks.max(1) * 2);
    }
}

fn cut(text: &str, chars: usize, breaks: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut count, mut lines) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        let full = count >= chars || (c == '\n' && lines >= breaks);
        if full && at > start {
            pieces.push(&text[start..at]);
            (start, count, lines) = (at, 0, 0);
        }
        count += 1;
        lines += usize::from(c == '\n');
    }
    pieces.push(&text[start..]);
    pieces
}

/// What the runner would end with: said before there is a pane, it is no death of the agent.
fn unfit(error: RunError) -> Outcome {
    match error {
        RunError::NoDir { dir, .. } => refused(Refusal::NoCwd(dir.display().to_string())),
        RunError::EnvFile(problem) => refused(Refusal::EnvFile(problem)),
        RunError::Account { .. } => refused(Refusal::EnvFile(error.to_string())),
        RunError::Alive { pid, .. } => refused(Refusal::AlreadyAlive(pid)),
        RunError::BadSpec(_)
        | RunError::Starting(_)
        | RunError::Servers(_)
        | RunError::NotFound { .. }
        | RunError::Exec { .. }
        | RunError::File(_) => failed(error.to_string()),
    }
}

fn of_error(error: &TmuxError) -> Outcome {
    let why = error.to_string();
    if error.leaves_doubt() { Outcome::Unknown { why } } else { Outcome::Failed { why } }
}

fn refused(why: Refusal) -> Outcome {
    Outcome::Refused { why }
}

fn failed(why: impl Into<String>) -> Outcome {
    Outcome::Failed { why: why.into() }
}

fn unknown(why: impl Into<String>) -> Outcome {
    Outcome::Unknown { why: why.into() }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Where an agent's event channel is.
pub fn spool_path(state_dir: &Path, agent: &AgentId) -> PathBuf {
    state_dir.join("spool").join(format!("{agent}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_every_character_and_their_bounds() {
        let text = "a".repeat(1500) + "\nb\nc\nd\n" + &"é".repeat(701);
        let pieces = pieces(&text, Some((700, 2)));
        assert_eq!(pieces.concat(), text);
        for piece in pieces {
            assert!(piece.chars().count() <= 700 && piece.matches('\n').count() <= 2, "{piece:?}");
        }
        let lines = "\n".repeat(64 * 1024);
        let pieces = super::pieces(&lines, Some((700, 2)));
        assert_eq!(pieces.concat(), lines);
        assert!(pieces.len() <= PIECES, "{}", pieces.len());
    }
}
