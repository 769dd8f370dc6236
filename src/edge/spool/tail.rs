//! One agent's spool file, or the transcript of its conversation, from where it was read to.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::transcripts::Note;
use crate::config::model::Channel;
use crate::edge::channel::codex::Rollout;
use crate::edge::channel::{Line, claude};
use crate::edge::files::{self, FileError};
use crate::pilot::fact::Report;
use crate::pilot::id::{AgentId, Incarnation};

/// Folder of the marks inside the spool: below it, so that writing them wakes nobody.
pub(super) const MARKS: &str = "read";
/// Longest line: a prompt of 64 KiB or a long answer, escaped, many times over. Longer ones are passed over.
const LINE_CAP: usize = 1 << 20;
/// Read at once, so that one talkative agent does not hold up the others.
const PIECE: usize = 256 << 10;
/// What was read is given back to the disk in steps of this many bytes; an agent may live for weeks.
const GIVE_BACK: u64 = 4 << 20;
/// Length of a mark: three numbers in fixed columns, so that one write replaces it whole.
const MARK: usize = 63;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Ours: reports, line by line.
    Spool,
    /// A program's own record of a conversation. Only read.
    Transcript,
}

/// In whose words a transcript is.
#[derive(Debug)]
enum Words {
    Claude,
    Codex(Rollout),
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Tail {
    kind: Kind,
    words: Words,
    path: PathBuf,
    mark: File,
    incarnation: Incarnation,
    inode: u64,
    offset: u64,
    /// In the middle of a line that is too long.
    skipping: bool,
    given_back: u64,
}

/// What one reading brought.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) reports: Vec<Report>,
    /// Lines that were no reports, or of another life.
    pub(super) passed_over: u64,
    /// Something new was there.
    pub(super) moved: bool,
    /// The file holds more than this piece.
    pub(super) more: bool,
    /// What it holds could not be read just now.
    pub(super) failed: bool,
    pub(super) offset: u64,
}

impl Tail {
    /// Begins with a new, empty file.
    pub(super) fn fresh(dir: &Path, agent: &AgentId, incarnation: Incarnation) -> Result<Self, FileError> {
        let path = dir.join(format!("{agent}.jsonl"));
        files::write_whole(&path, b"", files::PRIVATE)?;
        let mut tail = Self::at_start(dir, agent, incarnation)?;
        tail.mark(0);
        Ok(tail)
    }

    /// Goes on where the mark says, if it is of this life and this file; else from the start.
    pub(super) fn adopt(dir: &Path, agent: &AgentId, incarnation: Incarnation) -> Result<Self, FileError> {
        let mut tail = Self::at_start(dir, agent, incarnation)?;
        tail.offset = tail.marked().unwrap_or(0);
        Ok(tail)
    }

    /// The transcript that an agent writes: where the mark says, if it is of this life and this file; else from its end, for
    /// what stands there was said in an earlier life; of a `whole` one, which came in this life, all.
    pub(super) fn transcript(dir: &Path, agent: &AgentId, note: &Note, whole: bool) -> Result<Self, FileError> {
        let (incarnation, path) = (note.incarnation, note.path.clone());
        let words = if note.channel == Channel::Codex { Words::Codex(Rollout::default()) } else { Words::Claude };
        let meta = path.metadata().ok();
        let (inode, length) = meta.map_or((0, 0), |meta| (meta.ino(), meta.len()));
        let mark = files::open_private(&dir.join(MARKS).join(format!("{agent}.transcript")))?;
        let (kind, skipping) = (Kind::Transcript, false);
        let mut tail = Tail { kind, words, path, mark, incarnation, inode, offset: 0, skipping, given_back: 0 };
        let marked = tail.marked();
        tail.offset = marked.unwrap_or(if whole { 0 } else { length });
        if marked.is_none() {
            // An engine that ends before it has written down anything of it begins here again.
            tail.mark(tail.offset);
        }
        Ok(tail)
    }

    /// How far this very file was read in this very life.
    fn marked(&self) -> Option<u64> {
        let mut text = [0; MARK];
        self.mark.read_exact_at(&mut text, 0).ok()?;
        let words = std::str::from_utf8(&text).ok()?.split_ascii_whitespace();
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [life, inode, offset] if (life, inode) == (u64::from(self.incarnation.0), self.inode) => Some(offset),
            _ => None,
        }
    }

    fn at_start(dir: &Path, agent: &AgentId, incarnation: Incarnation) -> Result<Self, FileError> {
        let path = dir.join(format!("{agent}.jsonl"));
        // Made now if it is missing, so that hooks find a file that is 0600.
        let file = files::open_private(&path)?;
        let inode = file.metadata().map_or(0, |meta| meta.ino());
        let mark = files::open_private(&dir.join(MARKS).join(agent.as_str()))?;
        let (kind, words) = (Kind::Spool, Words::Claude);
        Ok(Tail { kind, words, path, mark, incarnation, inode, offset: 0, skipping: false, given_back: 0 })
    }

    pub(super) fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Notes down that everything before `offset` was told. A lost mark costs a repetition, so nothing waits for the disk.
    pub(super) fn mark(&mut self, offset: u64) {
        let text = format!("{:>20} {:>20} {offset:>20}\n", self.incarnation.0, self.inode);
        let _ = self.mark.write_all_at(text.as_bytes(), 0);
    }

    /// The next complete lines.
    pub(super) fn read(&mut self) -> Read {
        let mut read = Read { offset: self.offset, ..Read::default() };
        if let Err(error) = self.read_on(&mut read) {
            // A transcript that is gone has nothing to say any more.
            read.failed = !matches!(error, FileError::Missing(_));
        }
        read
    }

    fn read_on(&mut self, read: &mut Read) -> Result<(), FileError> {
        let file = self.open()?;
        let meta = file.metadata().map_err(|cause| FileError::io(&self.path, cause))?;
        if meta.ino() != self.inode || meta.len() < self.offset {
            // Replaced or cut: what is there now was not read yet.
            (self.inode, self.offset, self.skipping, self.given_back) = (meta.ino(), 0, false, 0);
        }
        let piece = self.piece(&file, meta.len()).map_err(|cause| FileError::io(&self.path, cause))?;
        let before = self.offset;
        self.take(&piece, read);
        read.offset = self.offset;
        read.moved = self.offset > before;
        read.more = self.offset < meta.len() && (self.offset > before || self.skipping);
        self.give_back(&file);
        Ok(())
    }

    fn open(&self) -> Result<File, FileError> {
        match self.kind {
            Kind::Spool => files::open_private(&self.path),
            Kind::Transcript => files::open_regular(&self.path),
        }
    }

    /// The next bytes: a piece, or a whole line where that is longer.
    fn piece(&self, file: &File, length: u64) -> std::io::Result<Vec<u8>> {
        let left = usize::try_from(length - self.offset).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        for size in [PIECE, LINE_CAP + 1] {
            bytes.resize(size.min(left), 0);
            file.read_exact_at(&mut bytes, self.offset)?;
            if bytes.contains(&b'\n') || size > left {
                break;
            }
        }
        Ok(bytes)
    }

    fn take(&mut self, piece: &[u8], read: &mut Read) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            match std::mem::take(&mut self.skipping) || line.len() > LINE_CAP {
                true => read.passed_over += 1,
                false => self.line(line, read),
            }
            rest = after;
        }
        // Half a line waits for its end, unless it is longer than any that would be read.
        if rest.len() > LINE_CAP || self.skipping {
            self.skipping = true;
            rest = &[];
        }
        self.offset += u64::try_from(piece.len() - rest.len()).unwrap_or(0);
    }

    fn line(&mut self, line: &[u8], read: &mut Read) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if self.kind == Kind::Transcript {
            // Most of its lines are of no interest, and that is no fault of theirs.
            return read.reports.extend(match &mut self.words {
                Words::Claude => claude::recorded(line),
                Words::Codex(rollout) => rollout.recorded(line),
            });
        }
        match serde_json::from_slice::<Line>(line) {
            Ok(line) if line.incarnation.is_none_or(|life| life == self.incarnation) => read.reports.push(line.report),
            Ok(_) | Err(_) => read.passed_over += 1,
        }
    }

    #[cfg(target_os = "linux")]
    fn give_back(&mut self, file: &File) {
        use rustix::fs::FallocateFlags;
        if self.kind == Kind::Spool && self.offset >= self.given_back + GIVE_BACK {
            self.given_back = self.offset;
            // A hole keeps all places in the file as they are, so no line is lost to a writer that appends meanwhile.
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // A file system without holes keeps the bytes; the next start of the agent ends that.
            let _ = rustix::fs::fallocate(file, hole, 0, self.offset);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn give_back(&mut self, _: &File) {
        self.given_back = self.offset.max(GIVE_BACK);
    }
}
