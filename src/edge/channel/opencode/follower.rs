//! Follows an agent's OpenCode: its events become reports. Nothing is asked while they come; how things stand is asked once,
//! when they begin to. Where they can't be had it is tried again, ever more seldom: a program that is still starting soon, one
//! that has no server hardly ever.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::access::{self, Access};
use super::call::CallError;
use super::events::Events;
use super::{Listener, call, handover};
use crate::edge::clock;
use crate::pilot::event::Event;
use crate::pilot::fact::Report;
use crate::pilot::id::{AgentId, Incarnation};

/// In its first seconds it takes connections that it never answers.
const GLANCE: Duration = Duration::from_secs(2);
/// Between two tries: first, at most in a life's first minutes, and at most later. One that is refused costs some microseconds.
const AGAIN: (Duration, Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(15));
/// So many tries are a life's first minutes.
const EAGER: u32 = 200;
/// Messages looked at for what they used while nobody listened: the answers of one or two turns.
const MISSED: u32 = 30;

/// The engine's hold on it: following ends with this value.
#[derive(Debug)]
pub struct Follower(AbortHandle);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to follow one life of an agent. Needs a `LocalSet`.
pub fn follow(agents: &Path, agent: &AgentId, incarnation: Incarnation, events: mpsc::Sender<Event>) -> Follower {
    let ear = Ear { path: access::path(agents, agent), agent: agent.clone(), incarnation, events };
    Follower(tokio::task::spawn_local(ear.listen()).abort_handle())
}

/// Nobody takes events any more, or the stream has ended.
struct Over;

struct Ear {
    path: PathBuf,
    agent: AgentId,
    incarnation: Incarnation,
    events: mpsc::Sender<Event>,
}

impl Ear {
    async fn listen(self) {
        let (mut wait, mut tries) = (AGAIN.0, 0_u32);
        while !self.events.is_closed() {
            // None was made for this life: it was launched without a port.
            let Some(access) = access::read(&self.path, self.incarnation) else { return };
            if let Some((version, stream)) = connect(&access).await {
                (wait, tries) = (AGAIN.0, 0);
                let _ = self.tell(version).await;
                let Err(Over) = self.attend(&access, stream).await;
                let _ = self.tell([Report::Reachable { reachable: false }]).await;
            }
            clock::pause(wait).await;
            tries = tries.saturating_add(1);
            wait = (wait * 3 / 2).min(if tries < EAGER { AGAIN.1 } else { AGAIN.2 });
        }
    }

    /// Listens until nothing more comes.
    async fn attend(&self, access: &Access, mut stream: Events) -> Result<std::convert::Infallible, Over> {
        let mut listener = self.begin(access).await?;
        self.tell([Report::Reachable { reachable: true }]).await?;
        loop {
            let event = stream.next().await.ok_or(Over)?;
            let before = listener.own().map(str::to_string);
            let reports = listener.hear(&event);
            if listener.own() != before.as_deref() {
                self.note(listener.own());
            }
            self.tell(reports).await?;
            if let Some(prompt) = listener.left_behind() {
                handover::prompt_again(&self.path, self.incarnation, &prompt).await;
            }
        }
    }

    /// How things stand. Events that came meanwhile wait in the stream and are told after it, once more where they were seen
    /// by both.
    async fn begin(&self, access: &Access) -> Result<Listener, Over> {
        let known = access.session.clone();
        let session = match &known {
            Some(id) => match call::get(access, &format!("/session/{id}"), GLANCE).await.map_err(|_| Over)? {
                (200, _) => known,
                // It was deleted.
                (404, _) => None,
                _ => return Err(Over),
            },
            None if access.shares.is_some() => None,
            None => begun_since(access).await.map_err(|_| Over)?,
        };
        self.note(session.as_deref());
        let listener = if access.shares.is_some() { Listener::settled } else { Listener::of };
        let mut listener = listener(session.clone());
        let ask = async |path: &str| call::get(access, path, GLANCE).await.map(|(_, body)| body).map_err(|_| Over);
        let (statuses, permissions) = (ask("/session/status").await?, ask("/permission").await?);
        let questions = ask("/question").await?;
        let state = listener.begin(&statuses, &permissions, &questions);
        let messages = match &session {
            Some(id) => ask(&format!("/session/{id}/message?limit={MISSED}")).await?,
            None => Value::Null,
        };
        let begun = session.map(|id| Report::SessionStarted { conversation: Some(id), transcript: None });
        self.tell(begun.into_iter().chain(listener.catch_up(&messages)).chain(state)).await?;
        Ok(listener)
    }

    /// A later engine, and whoever hands a message over, finds the conversation.
    fn note(&self, session: Option<&str>) {
        let changed = access::update(&self.path, self.incarnation, |access| {
            access.session = session.map(str::to_string);
        });
        if let Err(error) = changed {
            tracing::warn!(agent = %self.agent, %error, "its conversation can't be noted");
        }
    }

    async fn tell(&self, reports: impl IntoIterator<Item = Report>) -> Result<(), Over> {
        for report in reports {
            let event = Event::Reported { agent: self.agent.clone(), incarnation: self.incarnation, report };
            self.events.send(event).await.map_err(|_| Over)?;
        }
        Ok(())
    }
}

/// The conversation that somebody began on its screen while nobody listened; none where there are several to choose from.
async fn begun_since(access: &Access) -> Result<Option<String>, CallError> {
    let (_, all) = call::get(access, "/session?roots=true&limit=10", GLANCE).await?;
    let since = |info: &&Value| info["time"]["created"].as_i64().is_some_and(|created| created >= access.made_ms);
    let mut begun = all.as_array().into_iter().flatten().filter(since);
    let only = begun.next().filter(|_| begun.next().is_none());
    Ok(only.and_then(|info| info["id"].as_str()).map(str::to_string))
}

/// Its version and its events, once it answers.
async fn connect(access: &Access) -> Option<(Option<Report>, Events)> {
    let (200, health) = call::get(access, "/global/health", GLANCE).await.ok()? else { return None };
    let version = health["version"].as_str().map(|version| Report::Version { version: version.to_string() });
    let opened = clock::within(GLANCE, call::send(access, "GET", "/event", None)).await.ok()?;
    let response = opened.ok().filter(|response| response.status() == 200)?;
    let mut events = Events::of(response.into_body());
    // Its first one says that all later ones will come.
    clock::within(GLANCE, events.next()).await.ok()??;
    Some((version, events))
}
