//! The demo agent's entry and its loop: the world's happenings to the session, the session's work to the world.
//!
//! While nothing is due it sleeps without any timer, so that a quiet one costs nothing.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;
use tokio::task::JoinHandle;

use crate::edge::{clock, spawn};

use super::options::Options;
use super::repo::{self, Said};
use super::reports::Reports;
use super::session::{Session, Work};
use super::terminal::{self, Happening, Ports, Terminal};
use super::turn::Moment;

/// A wait longer than this is looked at again: timers do not count a suspended machine's sleep.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Uses up a processor for as long as the process that started it lives; nothing from outside is in it.
const BUSY: &str = "while kill -0 \"$PPID\" 2>/dev/null; do :; done";

/// Runs the demo agent in this terminal, with the arguments after its verb. Statuses: 0 left by a key, 1 a refused trust
/// dialog or an error of the terminal, 2 wrong arguments or a wrong script, 128 + n ended by signal n, else the script's.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Without a place to say it there is nobody who could read it.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Some(code) = options.exit_at_start {
        complain("cannot start: I was told to exit at once");
        return ExitCode::from(code);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(options))) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(if error.kind() == io::ErrorKind::InvalidInput { 2 } else { 1 })
        }
    }
}

async fn run(options: Options) -> io::Result<u8> {
    let script = options.read_script().map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    let reports = Reports::open(&options)?;
    let mut terminal = Terminal::raw(options.screen)?;
    let mut ports = Ports::open()?;
    let mut session = Session::new(options, script, reports, terminal::size(), moment());
    let mut work: Option<JoinHandle<Said>> = None;
    let mut opened = false;
    loop {
        session.advance(moment())?;
        if !opened && !session.delayed() {
            terminal.open()?;
            opened = true;
        }
        // What was abandoned ends before anything new begins: both may have come with one key.
        if std::mem::take(&mut session.abandoned)
            && let Some(work) = work.take()
        {
            work.abort();
        }
        if let Some(wanted) = session.work.take() {
            work = Some(tokio::spawn(perform(wanted)));
        }
        if let Some(code) = session.over {
            terminal::write(&session.farewell())?;
            return Ok(code);
        }
        draw(&mut session)?;
        let due = session.due(moment()).map(|due| due.min(LONGEST_WAIT));
        match ports.next(due, finished(&mut work)).await? {
            Happening::Bytes(bytes) => session.received(&bytes, moment())?,
            Happening::Resized => session.resized(terminal::size()),
            Happening::Signalled(_) if session.deaf() => {}
            Happening::Signalled(number) => {
                terminal::write(&session.farewell())?;
                return Ok(128 + number);
            }
            Happening::Worked(said) => {
                work = None;
                session.worked(said);
            }
            Happening::Closed => return Ok(128 + 1),
            Happening::Due => session.rested(moment())?,
        }
    }
}

fn draw(session: &mut Session) -> io::Result<()> {
    let frame = session.frame(moment());
    if frame.is_empty() { Ok(()) } else { terminal::write(&frame) }
}

async fn perform(work: Work) -> Said {
    match work {
        Work::Git(job) => repo::run(job).await,
        Work::Child { busy, span } => child(busy, span).await,
    }
}

/// Runs a child of our own for so long: it inherits all of our environment, as an agent's tools do.
async fn child(busy: bool, span: Duration) -> Said {
    let mut command = spawn::foreground(if busy { "sh" } else { "sleep" });
    match busy {
        true => command.args(["-c", BUSY]),
        false => command.arg(span.as_secs_f64().to_string()),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    match command.kill_on_drop(true).spawn() {
        // It ends by itself, or with the handle that is dropped here.
        Ok(mut child) => {
            match clock::within(span + Duration::from_millis(200 * u64::from(!busy)), child.wait()).await {
                Ok(_) | Err(_) => vec!["the command ended".to_string()],
            }
        }
        Err(error) => vec![format!("the command did not start: {error}")],
    }
}

/// The end of the work, or never.
async fn finished(work: &mut Option<JoinHandle<Said>>) -> Said {
    match work {
        Some(work) => work.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn moment() -> Moment {
    Moment { tick: clock::monotonic_ms(), wall: clock::wall() }
}

fn complain(what: &str) {
    // Standard error may be closed; the exit status still tells.
    let _ = writeln!(io::stderr(), "demo agent: {what}");
}
