//! `flightdeck backend read`: recorded screens, read as the engine would read them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::error::{CliError, Kind};
use crate::cli::exit::Exit;
use crate::cli::{Global, out};
use crate::config::model::Backend;
use crate::edge::files;
use crate::pilot::reading::{self, Reading, capture};
use crate::words::{reading as words, text};

use super::known::Known;

/// Largest recording; the tallest screen in all its colours has a tenth of it.
const FILE_CAP: u64 = 4 << 20;

/// Say what recorded screens are read as, and by which rule
///
/// A line for each file: what it says, by which rule, until when, what stands in the composer, the
/// last line of the answer, what is to be noted, and the evidence. A file is what `tmux capture-pane -p` prints; with `-e`
/// its colours are known, and grey text in the composer is taken for a hint and not for a draft.
/// Ends with 2 where no such backend is known, with 1 where a file can't be read.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The backend, like claude
    backend: String,
    /// Recorded screens, as text or with colours
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let known = Known::of(global)?;
    let backend = known.named(&args.backend)?;
    let mut unread = Vec::new();
    for file in &args.files {
        match recorded(file) {
            Ok(recorded) => tell(file, &read(backend, &recorded), global.json)?,
            Err(why) => unread.push(why),
        }
    }
    match unread.len() {
        0 => Ok(Exit::Done),
        1 => Err(CliError::new(Kind::Machine, format!("a file can't be read: {}", unread[0]))),
        many => Err(CliError::new(Kind::Machine, format!("{many} files can't be read: {}", unread.join("; ")))),
    }
}

fn recorded(file: &Path) -> Result<String, String> {
    let (bytes, _) = files::read_named(file, FILE_CAP).map_err(|why| why.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(backend: &Backend, recorded: &str) -> Reading {
    reading::read(backend, &capture::screen(recorded))
}

fn tell(file: &Path, reading: &Reading, as_json: bool) -> Result<(), CliError> {
    let file = file.display();
    if !as_json {
        return out::line(&text::line(&format!("{file}: {}; seen: {}", words::told(reading), reading.evidence)));
    }
    let composer = reading.composer.as_ref().map(
        |composer| json!({ "text": composer.text, "collapsed": composer.collapsed, "other_mode": composer.other_mode }),
    );
    out::json(&json!({
        "file": file.to_string(),
        "says": words::says(reading.says),
        "rule": reading.rule,
        "until": reading.until_text,
        "composer": composer,
        "notes": reading.notes,
        "final_line": reading.final_line,
        "evidence": reading.evidence,
    }))
}
