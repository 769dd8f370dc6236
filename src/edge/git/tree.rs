//! Files of the watched branch, read from a commit's tree: status files and inboxes. Only regular files of a sane size
//! count; links, submodules and giants are as good as absent. Judges nothing: `pilot::done` and `pilot::inbox` do.

use git2::{ObjectType, Oid, Repository, Tree};

use super::Fault;
use crate::pilot::done;
use crate::pilot::id::{AgentId, PhaseId};
use crate::pilot::inbox::{self, InboxChange};

/// A status file is a page or two; an inbox grows for ever by design, at some hundred bytes an entry.
const STATUS_CAP: usize = 1024 * 1024;
const INBOX_CAP: usize = 4 * 1024 * 1024;
/// A folder with 50 000 entries is about 2 MiB.
const TREE_CAP: usize = 8 * 1024 * 1024;

/// Those of `phases` whose status file in `folder` says done.
pub(super) fn done(
    repository: &Repository,
    folder: Option<&Tree<'_>>,
    phases: &[PhaseId],
) -> Result<Vec<PhaseId>, Fault> {
    let mut done = Vec::new();
    for phase in phases {
        let file = file(folder, &format!("STATUS-{phase}.md"));
        if content(repository, file, STATUS_CAP)?.is_some_and(|text| done::is_done(&text)) {
            done.push(phase.clone());
        }
    }
    Ok(done)
}

/// Those of `agents` whose inbox was appended to between two folders, and by how many entries.
pub(super) fn inboxes(
    repository: &Repository,
    old: Option<&Tree<'_>>,
    new: Option<&Tree<'_>>,
    agents: &[AgentId],
) -> Result<Vec<(AgentId, u32)>, Fault> {
    let mut grown = Vec::new();
    for agent in agents {
        let name = format!("INBOX-{agent}.md");
        let (before, after) = (file(old, &name), file(new, &name));
        if after.is_none() || before == after {
            continue;
        }
        let before = match before {
            None => Some(Vec::new()),
            there => content(repository, there, INBOX_CAP)?,
        };
        let (Some(before), Some(after)) = (before, content(repository, after, INBOX_CAP)?) else {
            tracing::warn!(%agent, "its inbox is larger than {INBOX_CAP} bytes and is not read any more");
            continue;
        };
        if let InboxChange::Appended(entries) = inbox::new_entries(&before, &after) {
            grown.push((agent.clone(), entries));
        }
    }
    Ok(grown)
}

/// The folder `path` (relative, `""` for the top) below the tree `top`; `None` where there is no such folder.
pub(super) fn folder<'a>(repository: &'a Repository, top: Oid, path: &str) -> Result<Option<Tree<'a>>, Fault> {
    let mut tree = tree(repository, top)?;
    for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
        let below = tree.get_name(name).filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
        let Some(below) = below else { return Ok(None) };
        tree = self::tree(repository, below)?;
    }
    Ok(Some(tree))
}

fn tree(repository: &Repository, oid: Oid) -> Result<Tree<'_>, Fault> {
    let (size, _) = repository.odb()?.read_header(oid)?;
    if size > TREE_CAP {
        return Err(Fault::Told(format!("the folder {oid} on the watched branch is larger than {TREE_CAP} bytes")));
    }
    Ok(repository.find_tree(oid)?)
}

/// A regular file's object; the low bits of the mode are its permissions.
fn file(folder: Option<&Tree<'_>>, name: &str) -> Option<Oid> {
    let entry = folder?.get_name(name)?;
    (entry.filemode_raw() & 0o170_000 == 0o100_000).then(|| entry.id())
}

fn content(repository: &Repository, file: Option<Oid>, cap: usize) -> Result<Option<Vec<u8>>, Fault> {
    let Some(oid) = file else { return Ok(None) };
    let odb = repository.odb()?;
    let (size, kind) = odb.read_header(oid)?;
    if kind != ObjectType::Blob || size > cap {
        return Ok(None);
    }
    Ok(Some(odb.read(oid)?.data().to_vec()))
}
