//! Opening the workspace for an engine: the lock first, then the log, then everything that hangs on them. Every refusal
//! says what is in the way and what to do.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::fnv::fnv;
use crate::config::problem::Problem;
use crate::edge::clock::{self, Clock};
use crate::edge::feed::{Feed, FeedSpec, TapSpec};
use crate::edge::files::{self, FileError};
use crate::edge::link::{BindError, Link};
use crate::edge::lock::{Lock, LockError};
use crate::edge::nonce;
use crate::edge::perform::Hands;
use crate::edge::premises::Ground;
use crate::edge::process;
use crate::edge::spool::Spool;
use crate::edge::store::scribe::Scribe;
use crate::edge::store::{Folded, Store, StoreError};
use crate::edge::tmux::TmuxClient;
use crate::edge::workspace;
use crate::pilot::state::State;
use crate::pilot::time::Time;

use super::Options;
use super::desk::{Desk, KEEP_STATE, in_words};
use super::keepsakes::Keepsakes;
use super::panes::Panes;
use super::supply::{Supply, folders, server_spec};

/// Events that wait for the loop. A flood of screens is cut to the newest per agent; more than this blocks its source.
const EVENTS: usize = 1024;
/// Questions that wait for the loop; above, clients wait.
const QUESTIONS: usize = 64;

/// Why no engine began.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the configuration has {} problem(s)", .0.len())]
    Config(Vec<Problem>),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Link(#[from] BindError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the runtime could not be set up: {0}")]
    Runtime(std::io::Error),
}

/// Opens everything; what was recorded is folded, nothing has been looked at yet.
pub(super) async fn open(options: Options) -> Result<(Desk, Clock), OpenError> {
    let root = options.workspace;
    let sources = workspace::read(&root).map_err(OpenError::Config)?;
    let rules = Arc::new(crate::config::parse::load(&sources).map_err(OpenError::Config)?);
    let state_dir: Arc<Path> = workspace::state_dir(&root).into();
    for folder in ["", "spool", "agents"] {
        files::private_dir(&state_dir.join(folder))?;
    }
    let mut lock = Lock::take(&state_dir, clock::wall())?;
    let mut store = Store::open(&workspace::records(&state_dir))?;
    let old = clock::wall() - rules.retention.records;
    let (mut state, state_kept) = remember(&mut store, old)?;
    if store.last().is_none() && state.seen.damage.is_none() {
        state.seen.damage = lost(&state_dir);
    }
    lock.rise_above(state.epoch)?;
    let clock = Clock::anchored(store.last().map(|last| last.at));
    let (events, taken) = mpsc::channel(EVENTS);
    let (asked, questions) = mpsc::channel(QUESTIONS);
    let link = Link::bind(&state_dir, workspace::records(&state_dir), &lock, asked)?;
    let server = server_spec(&state_dir, &root);
    let client = TmuxClient::new(server.program.clone(), server.socket.clone());
    let (nonce, kept) = nonce(&state_dir)?;
    let nonce: Arc<str> = nonce.into();
    let program: Arc<Path> = options.program.into();
    let feed = Panes::new(Feed::new(FeedSpec {
        client: client.clone(),
        nonce: nonce.to_string(),
        // The server of the workspace that this one was copied from is none of ours, however well it lives.
        recorded: state.server.clone().filter(|_| kept),
        tap: Some(TapSpec { exe: program.to_path_buf(), socket: state_dir.join("tap.sock") }),
        identify: Box::new(process::identity),
        events: events.clone(),
    }));
    let (told, reports) = mpsc::channel(EVENTS);
    let spool = spool(&state_dir, told);
    let hands =
        Hands { client, nonce, state_dir: state_dir.clone(), program, rules: rules.clone(), events: events.clone() };
    let keepsakes = Keepsakes::new(&state_dir);
    let ground = Ground::of(&root, folders(&state_dir, &rules), rules.project.watch_interval);
    let supply = Supply::new(feed, spool, server, state_dir, ground, events);
    let seed = seed(&lock);
    let desk = Desk {
        state,
        rules,
        events: taken,
        reports,
        reported: 0,
        asked: questions,
        root,
        scribe: Scribe::new(store).map_err(OpenError::Runtime)?,
        lock: Rc::new(lock),
        link,
        hands,
        supply,
        keepsakes,
        replies: std::collections::BTreeMap::new(),
        unwritten: (Vec::new(), Vec::new()),
        writing: None,
        write_waits: Rc::default(),
        unwritable: String::new(),
        seed,
        state_kept,
    };
    Ok((desk, clock))
}

/// What the log comes to, and the record after which that is kept for the next start; `None`: it is not.
fn remember(store: &mut Store, old: Time) -> Result<(State, Option<u64>), OpenError> {
    let mut state = recall(store).unwrap_or_default();
    let kept = state.seq;
    store.prune(old, |record| !record.is_history())?;
    let folded = store.fold_after(kept, |stamp, record| state.apply(stamp, &record))?;
    tracing::info!(records = folded.records, after = kept, "the log is folded");
    if let Some(rescued) = store.rescued() {
        tracing::error!(aside = %rescued.aside.display(), why = %rescued.why, kept = rescued.kept, "the log was damaged and rescued");
    }
    for corrupt in &folded.corrupt {
        tracing::error!(seq = corrupt.seq, why = %corrupt.why, "a record can't be read and is left out");
    }
    state.seen.damage = damage(store, &folded);
    // Each start shall tell of a damage, and a fold of all is what finds it.
    let sound = folded.corrupt.is_empty();
    let much = sound && folded.records >= KEEP_STATE;
    let kept = if much && keep(store, &state) { state.seq } else { kept };
    Ok((state, sound.then_some(kept)))
}

/// The state that was kept. `None`: all records must be folded.
fn recall(store: &mut Store) -> Option<State> {
    let known = store.checkpoint()?;
    let state: Result<State, _> = serde_json::from_str(&known.state);
    if let Err(error) = &state {
        tracing::warn!(%error, "the kept state can't be understood: all records are folded");
    }
    state.ok().filter(|state| state.seq == known.stamp.seq)
}

fn keep(store: &mut Store, state: &State) -> bool {
    let Some(words) = in_words(state) else { return false };
    let kept = store.keep_checkpoint(words);
    if let Err(error) = &kept {
        tracing::warn!(%error, "the state is not kept: the next start folds these records again");
    }
    kept.is_ok()
}

/// What an operator is told of a log that was not whole.
fn damage(store: &Store, folded: &Folded) -> Option<String> {
    if let Some(rescued) = store.rescued() {
        let aside = rescued.aside.file_name().unwrap_or_default().to_string_lossy();
        let why = &rescued.why;
        return Some(format!("the log was damaged ({why}): what could be read was kept, the damaged file is {aside}"));
    }
    let first = folded.corrupt.first()?;
    let count = folded.corrupt.len() as u64 + folded.unlisted;
    Some(format!("the log is damaged: {count} part(s) of it can't be read, the first at record {}", first.seq))
}

/// A log without one record beside files of agents that were started is no fresh workspace's (fault S3).
fn lost(state_dir: &Path) -> Option<String> {
    let mut agents = std::fs::read_dir(state_dir.join("agents")).ok()?;
    agents.next()?.ok()?;
    let why = "the log of records is gone, and nobody knows what was in it: who lives is taken over, and may be told again what \
               it was told before";
    Some(why.to_string())
}

/// Tells this workspace's sessions from all others, for ever: made once for its folder. And whether it was there.
fn nonce(state_dir: &Path) -> Result<(String, bool), FileError> {
    let path: PathBuf = state_dir.join("nonce");
    // A copied workspace must not take the original's agents for its own: the nonce belongs to this very folder.
    let io = |cause| FileError::Io { path: state_dir.to_path_buf(), cause };
    let meta = std::fs::metadata(state_dir).map_err(io)?;
    let home = format!("{}:{}", meta.dev(), meta.ino());
    if let Ok(bytes) = files::read_bounded(&path, 128)
        && let Ok(text) = String::from_utf8(bytes)
        && let Some((nonce, of)) = text.trim().split_once(' ')
        && nonce.len() == 16
        && of == home
    {
        return Ok((nonce.to_string(), true));
    }
    let nonce = nonce::nonce();
    files::write_atomic(&path, format!("{nonce} {home}\n").as_bytes(), files::PRIVATE)?;
    Ok((nonce, false))
}

/// Feeds all jitter of this engine's life.
fn seed(lock: &Lock) -> u64 {
    mixed(lock.epoch() ^ (clock::wall().0 as u64))
}

fn mixed(value: u64) -> u64 {
    // Spreads a counter; nothing here guards a secret.
    fnv(value.to_le_bytes())
}

fn spool(state_dir: &Path, reports: mpsc::Sender<crate::pilot::event::Event>) -> Option<Rc<Spool>> {
    match Spool::start(&state_dir.join("spool"), reports) {
        Ok(spool) => Some(Rc::new(spool)),
        Err(error) => {
            tracing::warn!(%error, "event channels can't be followed; screens are the proof");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_workspaces_have_one_nonce_and_each_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> = (0..500).map(|at| dir.path().join(at.to_string())).collect();
        let mut seen = BTreeSet::new();
        for folder in &folders {
            std::fs::create_dir(folder).unwrap();
            let (made, kept) = nonce(folder).unwrap();
            assert!(!kept && made.len() == 16);
            assert_eq!(nonce(folder).unwrap(), (made.clone(), true));
            seen.insert(made);
        }
        assert_eq!(seen.len(), folders.len());
    }

    #[test]
    fn a_copied_workspace_gets_a_nonce_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let [original, copy] = ["original", "copy"].map(|name| dir.path().join(name));
        std::fs::create_dir(&original).unwrap();
        std::fs::create_dir(&copy).unwrap();
        let (first, _) = nonce(&original).unwrap();
        std::fs::copy(original.join("nonce"), copy.join("nonce")).unwrap();
        let (second, kept) = nonce(&copy).unwrap();
        assert!(!kept && second != first);
    }
}
