//! What the demo agent writes about itself: the event channel that flightdeck reads, and the logs that tests take as the
//! truth about what arrived. Each line is one write to a file opened for appending.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::pilot::fact::Report;
use crate::pilot::time::Time;

use super::options::Options;

/// The open files.
#[derive(Debug)]
pub(super) struct Reports {
    spool: Option<File>,
    submits: Option<File>,
    bytes: Option<File>,
    enters: Option<File>,
    agent: String,
}

impl Reports {
    pub(super) fn open(options: &Options) -> io::Result<Self> {
        let spool = options.spool.as_deref().filter(|_| !options.no_reports);
        Ok(Reports {
            spool: spool.map(appending).transpose()?,
            submits: options.submit_log.as_deref().map(appending).transpose()?,
            bytes: options.byte_log.as_deref().map(appending).transpose()?,
            enters: options.enter_log.as_deref().map(appending).transpose()?,
            agent: options.agent.clone(),
        })
    }

    /// Says it on the event channel.
    pub(super) fn report(&mut self, report: &Report) -> io::Result<()> {
        let Some(spool) = &mut self.spool else { return Ok(()) };
        line(spool, serde_json::to_string(report)?)
    }

    /// A prompt was submitted, now or into the queue.
    pub(super) fn submitted(&mut self, text: &str, queued: bool, at: Time) -> io::Result<()> {
        self.report(&Report::PromptSubmitted { prompt: text.to_string() })?;
        let Some(submits) = &mut self.submits else { return Ok(()) };
        let entry = json!({ "at": at, "agent": self.agent, "pid": std::process::id(), "queued": queued, "text": text });
        line(submits, entry.to_string())
    }

    /// What became of an Enter, in a word.
    pub(super) fn entered(&mut self, what: &str, at: Time) -> io::Result<()> {
        let Some(enters) = &mut self.enters else { return Ok(()) };
        line(enters, json!({ "at": at, "pid": std::process::id(), "enter": what }).to_string())
    }

    /// Bytes came in.
    pub(super) fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

fn appending(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn line(file: &mut File, mut text: String) -> io::Result<()> {
    text.push('\n');
    file.write_all(text.as_bytes())
}
