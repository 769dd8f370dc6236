//! Single questions to a tmux server, each by a short process of its own, for verbs of the command line. They must not
//! come as a second control client: the one that is written down is the engine's.
//!
//! Starts no server, and touches no session but the engine's own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tmux_interface::{CapturePane, DisplayMessage, IfShell, NewSession, SetOption, TmuxCommand};

use super::screen;
use crate::edge::spawn;

/// A server answers in milliseconds; one that is stopped never does.
const ANSWER: Duration = Duration::from_secs(2);
/// The session that `up` keeps the engine in. Agent names begin with a letter, so none can have this name.
pub const ENGINE: &str = "_engine";
/// The engine's session, exactly.
const AT_ENGINE: &str = "=_engine:";
/// Marks a session as made by us, as agents' sessions are marked.
const OWNER: &str = "@fd_owner";
const OWNED_BY_UP: &str = "engine";
/// True for an engine's session of ours whose process has ended.
const ENDED: &str = "#{&&:#{pane_dead},#{==:#{@fd_owner},engine}}";
/// Size of the engine's window; nobody looks at it, its last words should fit.
const SIZE: (usize, usize) = (200, 50);

/// What [`OneShot::page`] asks first.
const PAGE: &str = "#{history_size},#{pane_width}";
/// Rows of one page: a thousand and a screen.
const ROWS: usize = 1_500;
/// Bytes of one row: as in `glimpse.rs`, where a longer one is left empty too, since a cut one may end inside a sequence.
const ROW: usize = 64_000;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum OneShotError {
    #[error("tmux: {0}")]
    Refused(String),
    #[error(transparent)]
    NotRun(#[from] spawn::SpawnError),
    #[error("{} is not UTF-8; move the workspace", .0.display())]
    Unnameable(PathBuf),
}

/// Lines of a pane, counted from the top of its screen, upwards into its history: -1 is the last line that has left the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub pane: String,
    pub from: i64,
    /// `None`: to the bottom of the screen.
    pub to: Option<i64>,
}

/// What a pane has shown, with its colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Lines of history at this moment.
    pub history: u32,
    pub columns: u16,
    /// Oldest first, with SGR sequences: a row goes on in the colours in which the one above it ended. Outside text.
    pub rows: Vec<String>,
}

/// A server to be asked.
#[derive(Clone, Debug)]
pub struct OneShot {
    program: OsString,
    socket: PathBuf,
}

/// The session of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnginePane {
    pub dead: bool,
    /// What it shows, cleaned, without empty lines.
    pub lines: Vec<String>,
}

impl OneShot {
    /// The server on `socket`; `program` is the tmux to run.
    pub fn new(program: impl Into<OsString>, socket: impl Into<PathBuf>) -> Self {
        OneShot { program: program.into(), socket: socket.into() }
    }

    /// The version of the running server, which may be older than the installed tmux.
    pub async fn version(&self) -> Result<String, OneShotError> {
        let answer = self.ask(&[&DisplayMessage::new().print().message("#{version}").build()], None).await?;
        Ok(screen::clean_lines(&answer, 1).pop().unwrap_or_default())
    }

    /// The last lines of a pane's history and screen, cleaned, oldest first, wrapped lines joined.
    pub async fn history(&self, pane: &str, lines: usize) -> Result<Vec<String>, OneShotError> {
        let wanted = lines.min(screen::HISTORY);
        let capture = CapturePane::new().stdout().join().start_line(format!("-{wanted}")).target_pane(pane).build();
        let mut all = screen::clean_lines(&self.ask(&[&capture], None).await?, usize::MAX);
        while all.last().is_some_and(String::is_empty) {
            all.pop();
        }
        Ok(all.split_off(all.len().saturating_sub(wanted)))
    }

    /// A page of what a pane has shown.
    pub async fn page(&self, span: &Span) -> Result<HistoryPage, OneShotError> {
        let facts = DisplayMessage::new().print().target_pane(&span.pane).message(PAGE).build();
        let lines = CapturePane::new().escape_sequences().trailing_spaces().stdout().start_line(span.from.to_string());
        let lines = match span.to {
            Some(to) => lines.end_line(to.to_string()),
            None => lines,
        };
        let answer = self.ask(&[&facts, &lines.target_pane(&span.pane).build()], None).await?;
        let mut rows = answer.strip_suffix(b"\n").unwrap_or(&answer).split(|byte| *byte == b'\n');
        let facts = String::from_utf8_lossy(rows.next().unwrap_or_default()).into_owned();
        let mut facts = facts.split(',').map(|number| number.parse().unwrap_or(0_u32));
        let (history, columns) = (facts.next().unwrap_or(0), facts.next().unwrap_or(0));
        let kept =
            |row: &[u8]| if row.len() <= ROW { String::from_utf8_lossy(row).into_owned() } else { String::new() };
        let columns = u16::try_from(columns).unwrap_or(u16::MAX);
        Ok(HistoryPage { history, columns, rows: rows.take(ROWS).map(kept).collect() })
    }

    /// The engine's session, if there is one.
    pub async fn engine(&self) -> Option<EnginePane> {
        let dead = DisplayMessage::new().print().target_pane(AT_ENGINE).message("#{pane_id} #{pane_dead}").build();
        let answer = self.ask(&[&dead], None).await.ok()?;
        // tmux answers with empty values for a pane that is not there.
        let word = screen::clean_lines(&answer, 1).pop().filter(|word| word.starts_with('%'))?;
        let mut lines = self.history(AT_ENGINE, SIZE.1).await.unwrap_or_default();
        lines.retain(|line| !line.is_empty());
        Some(EnginePane { dead: word.ends_with(" 1"), lines })
    }

    /// Runs `argv` as the engine in a session of its own, in the folder `cwd`. One that has ended makes room; one that
    /// lives refuses.
    pub async fn start_engine(&self, cwd: &Path, argv: &[String]) -> Result<(), OneShotError> {
        let clear = IfShell::new()
            .not_execute()
            .target_pane(AT_ENGINE)
            .shell_command(ENDED)
            .command("kill-session -t =_engine")
            .build();
        // Without a session of that name there is nothing to clear; whatever else is wrong, the next command tells.
        let _ = self.ask(&[&clear], None).await;
        let mut session = NewSession::new().detached().session_name(ENGINE).width(SIZE.0).height(SIZE.1).build();
        for word in argv {
            session.push_param(word.clone());
        }
        let mark = SetOption::new().target_pane(AT_ENGINE).option(OWNER).value(OWNED_BY_UP).build();
        self.ask(&[&session, &mark], Some(cwd)).await.map(drop)
    }

    /// Runs commands in one process: the answer to all of them, or tmux's complaint.
    async fn ask(&self, commands: &[&TmuxCommand<'_>], cwd: Option<&Path>) -> Result<Vec<u8>, OneShotError> {
        let socket = self.socket.to_str().ok_or_else(|| OneShotError::Unnameable(self.socket.clone()))?;
        let mut command = spawn::command(&self.program);
        command.args(["-S", socket, "-N", "-u"]);
        for (at, asked) in commands.iter().enumerate() {
            if at > 0 {
                command.arg(";");
            }
            command.args(asked.to_vec().iter().map(|word| literal(word)));
        }
        if let Some(cwd) = cwd {
            command.current_dir(cwd);
        }
        let output = spawn::output_within(ANSWER, command).await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(OneShotError::Refused(screen::clean_lines(&output.stderr, 5).join(" ")))
    }
}

/// tmux takes a `;` at the end of a word for the end of a command.
fn literal(word: &str) -> String {
    match word.strip_suffix(';') {
        Some(rest) => format!("{rest}\\;"),
        None => word.to_string(),
    }
}
