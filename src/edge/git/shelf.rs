//! One repository that is only read, kept open (a look then costs microseconds), and what flightdeck makes of its branch.
//! libgit2 reads and nothing more: no hook, filter, helper or other program named in the repository's configuration is
//! ever run by it.

use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::lineage::{self, Lineage, sha_of};
use super::mirror::no_branch;
use super::{Fault, tracking, tree};
use crate::pilot::fact::Push;
use crate::pilot::id::{AgentId, PhaseId, Sha};

/// What is looked for in a push.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) branch: String,
    /// Name of the branch in this repository.
    pub(super) reference: String,
    pub(super) state_dir: String,
    pub(super) prefixes: Vec<String>,
    pub(super) phases: Vec<PhaseId>,
    pub(super) agents: Vec<AgentId>,
}

/// The repository read last, and the commits known of it.
#[derive(Default)]
pub(super) struct Shelf {
    open: Option<(PathBuf, Repository)>,
    lineage: Lineage,
}

impl Shelf {
    /// Where the branch stands; blocks.
    pub(super) fn tip(&mut self, folder: &Path, scope: &Scope) -> Result<Sha, Fault> {
        self.again(folder, |_, repository| tip(repository, scope)).map(sha_of)
    }

    /// What was pushed since `old`; blocks. `None` for `old`: the branch is seen for the first time.
    pub(super) fn push(&mut self, folder: &Path, scope: &Scope, old: Option<&Sha>) -> Result<Push, Fault> {
        self.again(folder, |lineage, repository| push(lineage, repository, scope, old))
    }

    /// Forgets the open repository, which is about to be replaced.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Runs `read`; a repository that was open already gets a second chance with fresh eyes, because it may have been
    /// repacked or replaced meanwhile (fault G10).
    fn again<T>(
        &mut self,
        folder: &Path,
        read: impl Fn(&mut Lineage, &Repository) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some((path, repository)) = &self.open
            && path == folder
            && let Ok(value) = read(&mut self.lineage, repository)
        {
            return Ok(value);
        }
        self.open = None;
        let repository = open(folder)?;
        let value = read(&mut self.lineage, &repository);
        self.open = Some((folder.to_path_buf(), repository));
        value
    }
}

fn push(lineage: &mut Lineage, repository: &Repository, scope: &Scope, old: Option<&Sha>) -> Result<Push, Fault> {
    let new = tip(repository, scope)?;
    let mut push = Push {
        old: old.cloned(),
        new: sha_of(new),
        rewritten: false,
        commits: Vec::new(),
        inbox: Vec::new(),
        done: Vec::new(),
    };
    let folder = folder(repository, scope, new)?;
    push.done = tree::done(repository, folder.as_ref(), &scope.phases)?;
    let Some(old) = old else { return Ok(push) };
    let old = Oid::from_str(old.as_str())?;
    match lineage.path(repository, &scope.prefixes, old, new)? {
        lineage::Path::Rewritten => push.rewritten = true,
        lineage::Path::Forward(commits) if commits.is_empty() => {}
        lineage::Path::Forward(commits) => {
            push.commits = commits;
            let before = self::folder(repository, scope, old)?;
            push.inbox = tree::inboxes(repository, before.as_ref(), folder.as_ref(), &scope.agents)?;
        }
    }
    Ok(push)
}

fn folder<'a>(repository: &'a Repository, scope: &Scope, commit: Oid) -> Result<Option<git2::Tree<'a>>, Fault> {
    match lineage::written(&repository.odb()?, commit)? {
        Some(written) => tree::folder(repository, written.tree, &scope.state_dir),
        None => Ok(None),
    }
}

fn tip(repository: &Repository, scope: &Scope) -> Result<Oid, Fault> {
    repository.refname_to_id(&scope.reference).map_err(|error| match error.code() {
        ErrorCode::NotFound if repository.path().join("HEAD").exists() => Fault::Told(no_branch(&scope.branch)),
        ErrorCode::NotFound => Fault::Told(format!("the remote {} is gone", repository.path().display())),
        _ => Fault::Repository(error),
    })
}

/// Opens a bare repository, or the one of a working folder.
fn open(folder: &Path) -> Result<Repository, Fault> {
    // Every object is read once; libgit2 would keep up to 256 MiB of them.
    git2::opts::enable_caching(false);
    let git_dir = tracking::git_dir(folder).unwrap_or_else(|| folder.to_path_buf());
    let flags = RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_SEARCH;
    let none: [&str; 0] = [];
    Repository::open_ext(&git_dir, flags, none).map_err(|error| unopened(&git_dir, folder.exists(), error))
}

/// Why this one can't be opened.
fn unopened(git_dir: &Path, exists: bool, error: git2::Error) -> Fault {
    let shown = git_dir.display();
    match error.code() {
        ErrorCode::Owner => Fault::Told(format!(
            "the remote {shown} belongs to another user, so it is not read; if you trust it: \
             git config --global --add safe.directory '{shown}'"
        )),
        ErrorCode::NotFound if exists => Fault::Told(format!("the remote {shown} is no git repository")),
        ErrorCode::NotFound => Fault::Told(format!("the remote {shown} does not exist")),
        _ if error.class() == ErrorClass::Repository => Fault::Unsupported(error.message().to_string()),
        _ => Fault::Repository(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_that_can_t_be_opened_is_named_with_what_to_do() {
        let told = |code, exists| {
            let error = git2::Error::new(code, ErrorClass::Config, "libgit2's own words");
            match unopened(Path::new("/r/it.git"), exists, error) {
                Fault::Told(why) => why,
                _ => panic!("not told"),
            }
        };
        assert_eq!(
            told(ErrorCode::Owner, true),
            "the remote /r/it.git belongs to another user, so it is not read; if you trust it: \
             git config --global --add safe.directory '/r/it.git'"
        );
        assert_eq!(told(ErrorCode::NotFound, true), "the remote /r/it.git is no git repository");
        assert_eq!(told(ErrorCode::NotFound, false), "the remote /r/it.git does not exist");
    }
}
