//! What feeds the engine: panes, the watched branch, the Builder's status file, the agents' event channels. Brought in
//! line with the state after every round, by comparing what is watched with what should be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::config::model::{Channel, Config, Role};
use crate::edge::channel::opencode::follower::{Follower, follow};
use crate::edge::clock;
use crate::edge::feed::Sight;
use crate::edge::git::{LocalStatus, NETWORK_DEADLINE, StatusTarget, WatchSettings, Watcher};
use crate::edge::perform::Hands;
use crate::edge::premises::Ground;
use crate::edge::spool::Spool;
use crate::edge::tmux::server::{ServerSpec, start_server};
use crate::pilot::account;
use crate::pilot::effect::Outcome;
use crate::pilot::event::Event;
use crate::pilot::fact::{Identity, Place, Premises, Server};
use crate::pilot::id::{AgentId, EffectId, Incarnation, Sha};
use crate::pilot::state::State;

use super::panes::Panes;

/// All sources.
pub(super) struct Supply {
    feed: Panes,
    spool: Option<Rc<Spool>>,
    watcher: Option<Watcher>,
    watched: Option<WatchSettings>,
    status: LocalStatus,
    panes: BTreeMap<AgentId, (Incarnation, Place)>,
    /// Programs whose own servers tell what they do.
    followers: BTreeMap<AgentId, Follower>,
    /// Lives that this engine began: their event channels were emptied for them.
    fresh: BTreeMap<AgentId, Incarnation>,
    server: ServerSpec,
    state_dir: Arc<std::path::Path>,
    ground: Arc<Mutex<Ground>>,
    events: mpsc::Sender<Event>,
}

impl Supply {
    /// Sources that look at nothing yet.
    pub(super) fn new(
        feed: Panes,
        spool: Option<Rc<Spool>>,
        server: ServerSpec,
        state_dir: Arc<std::path::Path>,
        ground: Ground,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let ground = Arc::new(Mutex::new(ground));
        tokio::task::spawn_local(tread(Arc::clone(&ground), events.clone()));
        let status = LocalStatus::start(None, events.clone());
        Supply {
            feed,
            spool,
            watcher: None,
            watched: None,
            status,
            panes: BTreeMap::new(),
            followers: BTreeMap::new(),
            fresh: BTreeMap::new(),
            server,
            state_dir,
            ground,
            events,
        }
    }

    /// The workspace's files, as they are now, are in force.
    pub(super) fn takes_over(&self, state_dir: &Path, rules: &Config) {
        self.ground
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take_over(folders(state_dir, rules), rules.project.watch_interval);
    }

    /// What we stand on, for whoever writes a file of ours among those that the configuration is read from.
    pub(super) fn ground(&self) -> Arc<Mutex<Ground>> {
        Arc::clone(&self.ground)
    }

    /// Watches what the state says is there.
    pub(super) fn follow(&mut self, state: &State, rules: &Config) {
        self.follow_panes(state, rules);
        self.follow_branch(state, rules);
        self.status.replace(status_target(state, rules));
    }

    /// Starts our tmux server; who was recorded last may still be alive, and then none is started.
    pub(super) fn start_server(&self, id: EffectId, hands: &Hands, recorded: Option<Server>) {
        let (spec, hands) = (self.server.clone(), hands.clone());
        let feed = self.feed.clone();
        tokio::task::spawn_local(async move {
            let outcome = match start_server(&spec, recorded.as_ref()).await {
                Ok(_) => Outcome::Done,
                Err(error) => Outcome::Failed { why: error.to_string() },
            };
            feed.find_server();
            hands.tell(id, outcome).await;
        });
    }

    /// Notes a life that this engine begins.
    pub(super) fn begins(&mut self, agent: &AgentId, incarnation: Incarnation) {
        self.fresh.insert(agent.clone(), incarnation);
    }

    /// Lists all panes now, or finds out why that can't be.
    pub(super) fn survey(&self) {
        self.feed.find_server();
    }

    /// Shows an agent's pane from now on.
    pub(super) fn peek(&self, agent: AgentId, sight: Sight) {
        self.feed.peek(agent, sight);
    }

    /// The event channels; `None`: they can't be followed, and screens are the proof.
    pub(super) fn spool(&self) -> Option<Rc<Spool>> {
        self.spool.clone()
    }

    fn follow_panes(&mut self, state: &State, rules: &Config) {
        let wanted: BTreeMap<AgentId, (Incarnation, Place)> = state
            .agents
            .iter()
            .filter_map(|(id, agent)| Some((id.clone(), (agent.incarnation, agent.place.clone()?))))
            .collect();
        if wanted == self.panes {
            return;
        }
        for id in self.panes.keys().filter(|id| wanted.get(*id) != self.panes.get(*id)) {
            self.feed.forget(id);
            self.fresh.remove(id);
            self.followers.remove(id);
        }
        for (id, (incarnation, place)) in wanted.iter().filter(|(id, at)| self.panes.get(*id) != Some(at)) {
            let process = state.agents.get(id).and_then(|agent| agent.process.clone());
            self.feed.watch(id, *incarnation, place.clone(), process.clone());
            let open = account::backend(state, rules, id).is_some_and(|backend| backend.channel == Channel::Codex);
            self.follow_spool(id, *incarnation, process.filter(|_| open));
            if account::backend(state, rules, id).is_some_and(|backend| backend.channel == Channel::OpenCode) {
                let agents = self.state_dir.join("agents");
                self.followers.insert(id.clone(), follow(&agents, id, *incarnation, self.events.clone()));
            }
        }
        self.panes = wanted;
    }

    /// An agent that outlived the last engine: its event channel is read on where that one stopped. `open`: the process that has
    /// its transcript open, where nobody names it.
    fn follow_spool(&self, id: &AgentId, incarnation: Incarnation, open: Option<Identity>) {
        let Some(spool) = self.spool.clone() else { return };
        let fresh = self.fresh.get(id) == Some(&incarnation);
        let id = id.clone();
        tokio::task::spawn_local(async move {
            if !fresh && let Err(error) = spool.adopt(&id, incarnation).await {
                tracing::warn!(agent = %id, %error, "its event channel can't be read");
            }
            if let Some(process) = open {
                spool.attend(&id, incarnation, process).await;
            }
        });
    }

    fn follow_branch(&mut self, state: &State, rules: &Config) {
        let settings = WatchSettings {
            remote: rules.project.remote.clone(),
            branch: rules.project.branch.clone(),
            interval: rules.project.watch_interval,
            state_dir: rules.project.state_dir.clone(),
            prefixes: rules.handoff.prefixes.clone(),
            phases: state.sequence.phases.clone(),
            agents: rules.agents.values().map(|agent| (agent.id.clone(), agent.dir.clone())).collect(),
            mirror: self.state_dir.join("mirror.git"),
            deadline: NETWORK_DEADLINE,
        };
        if self.watched.as_ref() == Some(&settings) {
            return;
        }
        match &self.watcher {
            None if settings.remote.is_some() => {
                let watcher = Watcher::start(settings.clone(), baseline(state, rules), self.events.clone());
                // A DONE that was pushed while no engine looked is told even where the branch has not moved since.
                watcher.restate();
                self.watcher = Some(watcher);
            }
            Some(watcher) => watcher.replace(settings.clone(), baseline(state, rules)),
            None => {}
        }
        self.watched = Some(settings);
    }
}

/// The commit from which on the branch is news, if it was seen before.
fn baseline(state: &State, rules: &Config) -> Option<Sha> {
    let (remote, branch) = state.branch.of.as_ref()?;
    let same = Some(remote) == rules.project.remote.as_ref() && *branch == rules.project.branch;
    state.branch.baseline.clone().filter(|_| same)
}

/// The Builder's status file of the current phase.
fn status_target(state: &State, rules: &Config) -> Option<StatusTarget> {
    let phase = state.sequence.current.clone()?;
    let builder = rules.agents.values().find(|agent| agent.role == Role::Builder)?;
    Some(StatusTarget {
        agent: builder.id.clone(),
        dir: builder.dir.clone(),
        state_dir: rules.project.state_dir.clone(),
        phase,
        interval: rules.project.watch_interval,
    })
}

/// Files of the workspace's state that the engine names to others.
pub(super) fn server_spec(state_dir: &std::path::Path, root: &std::path::Path) -> ServerSpec {
    ServerSpec {
        program: "tmux".into(),
        socket: crate::edge::workspace::tmux_socket(state_dir),
        conf: PathBuf::from(state_dir).join("tmux.conf"),
        cwd: root.to_path_buf(),
    }
}

/// Where we and our agents write.
pub(super) fn folders(state_dir: &Path, rules: &Config) -> Vec<PathBuf> {
    let agents = rules.agents.values().map(|agent| agent.dir.clone());
    std::iter::once(state_dir.to_path_buf()).chain(agents).collect()
}

/// Looks at files and disks now and then, and tells what is new.
async fn tread(ground: Arc<Mutex<Ground>>, events: mpsc::Sender<Event>) {
    let mut told = Premises::default();
    loop {
        let looked = Arc::clone(&ground);
        let look = move || {
            let mut ground = looked.lock().unwrap_or_else(PoisonError::into_inner);
            (ground.look(), ground.every())
        };
        let Ok((seen, every)) = tokio::task::spawn_blocking(look).await else { return };
        // Less room is no news while there is enough.
        let news = seen.changed != told.changed || tells(&seen) != tells(&told);
        if news {
            told = seen.clone();
            if events.send(Event::PremisesSeen(seen)).await.is_err() {
                return;
            }
        }
        clock::pause(every).await;
    }
}

/// What of a disk is worth telling: its percents where it gets scarce, and that there is room.
fn tells(premises: &Premises) -> Option<(u8, Option<String>)> {
    let disk = premises.disk.as_ref().filter(|disk| disk.is_low())?;
    Some((disk.free, disk.largest.clone()))
}
