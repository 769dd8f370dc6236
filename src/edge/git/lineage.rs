//! Which commits are new: everything reachable from the new head and not from the old one, parents before children, by
//! the graph alone. Dates play no part: anybody can write any date into a commit (fault G16), and git's own walks give up
//! early where dates run backwards.

use std::collections::HashSet;

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};

use super::Fault;
use crate::pilot::fact::Commit;
use crate::pilot::id::Sha;
use crate::pilot::subject;

/// Commits looked at from a new head. A push of more is taken for rewritten history: a new baseline, and no pings. Twice
/// the largest push we mean to follow; 20 000 commits are read in about 0.2 s.
const NEW_LIMIT: usize = 20_000;
/// Commits remembered below the old head, for pushes with merges. 32 bytes each; older history than this is not told
/// apart from new, which ends in a rewrite, never in a ping.
const KNOWN_LIMIT: usize = 100_000;
/// A commit larger than this is not read. Subjects of a megabyte have been seen; this leaves room for four.
const COMMIT_CAP: usize = 4 * 1024 * 1024;
/// One byte more than the longest subject the grammar takes, so that it can refuse what is longer.
const SUBJECT_CAP: usize = 4096 + 1;
/// More of a signature is not kept.
const SIGNATURE_CAP: usize = 1024;

/// A commit as it is written, as far as it is needed.
pub(super) struct Written {
    pub(super) tree: Oid,
    pub(super) parents: Vec<Oid>,
    pub(super) subject: Vec<u8>,
    /// Lines of the head, without their word.
    author: Vec<u8>,
    committer: Vec<u8>,
}

/// What leads from one head to the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The new commits, parents before children.
    Forward(Vec<Commit>),
    /// The old head is no ancestor of the new one, or too far away to tell.
    Rewritten,
}

/// The commits below a head, remembered once a push with a merge has asked for them.
#[derive(Default)]
pub(super) struct Lineage {
    below: Option<(Oid, HashSet<Oid>)>,
}

/// One repository's commits, with the words that count.
struct Reader<'a> {
    odb: Odb<'a>,
    shallow: bool,
    prefixes: &'a [String],
}

impl Lineage {
    /// The way from `old` to `new`.
    pub(super) fn path(
        &mut self,
        repository: &Repository,
        prefixes: &[String],
        old: Oid,
        new: Oid,
    ) -> Result<Path, Fault> {
        let reader = Reader { odb: repository.odb()?, shallow: repository.is_shallow(), prefixes };
        if !reader.odb.exists(old) {
            return Ok(Path::Rewritten);
        }
        if let Some(path) = reader.straight(old, new)? {
            return Ok(path);
        }
        let known = match self.below.take() {
            Some((head, known)) if head == old => known,
            _ => reader.ancestors(old)?,
        };
        let path = reader.merged(&known, old, new)?;
        if let Path::Forward(commits) = &path {
            let mut known = known;
            known.extend(commits.iter().filter_map(|commit| Oid::from_str(commit.sha.as_str()).ok()));
            if known.len() <= KNOWN_LIMIT + NEW_LIMIT {
                self.below = Some((new, known));
            }
        }
        Ok(path)
    }
}

impl Reader<'_> {
    /// Most pushes: each new commit has one parent. `None`: a merge is among them.
    fn straight(&self, old: Oid, new: Oid) -> Result<Option<Path>, Fault> {
        let mut commits = Vec::new();
        let mut at = new;
        while at != old {
            let Some(written) = self.written(at)? else { return Ok(Some(Path::Rewritten)) };
            commits.push(self.commit(at, &written));
            match written.parents[..] {
                _ if commits.len() >= NEW_LIMIT => return Ok(Some(Path::Rewritten)),
                [] => return Ok(Some(Path::Rewritten)),
                [parent] => at = parent,
                _ => return Ok(None),
            }
        }
        commits.reverse();
        Ok(Some(Path::Forward(commits)))
    }

    /// Depth first, so that a commit is written down after all of its parents, the first parent's line first.
    fn merged(&self, known: &HashSet<Oid>, old: Oid, new: Oid) -> Result<Path, Fault> {
        let (mut commits, mut seen, mut met_old) = (Vec::new(), HashSet::from([new]), false);
        let Some(written) = self.written(new)? else { return Ok(Path::Rewritten) };
        let mut open = vec![(new, written, 0)];
        while let Some((oid, written, next)) = open.last_mut() {
            let Some(parent) = written.parents.get(*next).copied() else {
                commits.push(self.commit(*oid, written));
                open.pop();
                continue;
            };
            *next += 1;
            met_old |= parent == old;
            if known.contains(&parent) || !seen.insert(parent) {
                continue;
            }
            if seen.len() > NEW_LIMIT {
                return Ok(Path::Rewritten);
            }
            match self.written(parent)? {
                Some(written) => open.push((parent, written, 0)),
                None => return Ok(Path::Rewritten),
            }
        }
        Ok(if met_old { Path::Forward(commits) } else { Path::Rewritten })
    }

    /// `head` and everything below it, nearest first where there is more than the limit.
    fn ancestors(&self, head: Oid) -> Result<HashSet<Oid>, Fault> {
        let mut known = HashSet::from([head]);
        let mut queue = std::collections::VecDeque::from([head]);
        while let Some(oid) = queue.pop_front() {
            for parent in self.written(oid)?.map(|written| written.parents).unwrap_or_default() {
                if known.len() < KNOWN_LIMIT && known.insert(parent) {
                    queue.push_back(parent);
                }
            }
        }
        Ok(known)
    }

    fn commit(&self, oid: Oid, written: &Written) -> Commit {
        let handoff = subject::parse(&written.subject, self.prefixes);
        let person = |line: &[u8]| handoff.as_ref().map_or_else(Default::default, |_| subject::person(line));
        let (author, committer) = (person(&written.author), person(&written.committer));
        Commit { sha: sha_of(oid), handoff, author, committer }
    }

    /// In a shallow repository the parents of its oldest commits are not there, which is no damage.
    fn written(&self, oid: Oid) -> Result<Option<Written>, Fault> {
        let mut written = written(&self.odb, oid)?;
        if self.shallow
            && let Some(written) = &mut written
        {
            written.parents.retain(|parent| self.odb.exists(*parent));
        }
        Ok(written)
    }
}

/// Our form of an object's name.
pub(super) fn sha_of(oid: Oid) -> Sha {
    Sha::parse(&oid.to_string()).expect("libgit2 prints object names as lower-case hex of full length")
}

/// Reads one commit; `None` where it is too large or not in the form of a commit (no git makes such, but any agent can).
pub(super) fn written(odb: &Odb<'_>, oid: Oid) -> Result<Option<Written>, Fault> {
    let (size, kind) = odb.read_header(oid)?;
    if kind != ObjectType::Commit {
        return Err(Fault::Told(format!("{oid} is a {}, not a commit", kind.str())));
    }
    if size > COMMIT_CAP {
        return Ok(None);
    }
    match odb.read(oid) {
        Ok(object) => Ok(parse(object.data())),
        Err(error) if error.code() == ErrorCode::NotFound => Err(Fault::Told(format!("commit {oid} is missing"))),
        Err(error) => Err(error.into()),
    }
}

/// `tree <oid>`, `parent <oid>`…, other headers, an empty line, the message.
fn parse(bytes: &[u8]) -> Option<Written> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let tree = oid_after(b"tree ", lines.next()?)?;
    let mut parents = Vec::new();
    let (mut author, mut committer) = (Vec::new(), Vec::new());
    let mut in_parents = true;
    for line in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        for (word, kept) in [(&b"author "[..], &mut author), (b"committer ", &mut committer)] {
            if let Some(rest) = line.strip_prefix(word).filter(|_| kept.is_empty()) {
                *kept = rest[..rest.len().min(SIGNATURE_CAP)].to_vec();
            }
        }
        match oid_after(b"parent ", line) {
            Some(parent) if in_parents => parents.push(parent),
            _ => in_parents = false,
        }
    }
    let first = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    Some(Written { tree, parents, subject: first[..first.len().min(SUBJECT_CAP)].to_vec(), author, committer })
}

fn oid_after(word: &[u8], line: &[u8]) -> Option<Oid> {
    let hex = std::str::from_utf8(line.strip_prefix(word)?).ok()?;
    (hex.len() == 40).then(|| Oid::from_str(hex).ok()).flatten()
}
