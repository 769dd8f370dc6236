//! Those who say something: the command line as a process, and a client of the link, as the cockpit is one. Each says one thing after
//! the other, writes it down first, and what it was answered afterwards.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flightdeck::edge::link::Client;
use flightdeck::edge::{clock, spawn};
use flightdeck::pilot::command::{self, Command};

use super::book::Book;
use super::checker::Answer;
use super::deck::id;
use super::dice::Dice;
use super::plan::PROGRAM;
use super::texts;

/// More than this many wait for one agent only where it is stopped by something.
const WAITING: usize = 4;
/// Between two looks whether there is room.
const LOOK: Duration = Duration::from_millis(5);
/// Who finds no engine tries again after this.
const AWAY: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_secs(10);

/// What all senders share.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) book: Arc<Book>,
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) agents: Arc<Vec<String>>,
    pub(crate) seed: u64,
    /// Between two things that one sender says.
    pub(crate) gap: Duration,
    /// Nobody says anything more.
    pub(crate) over: Arc<AtomicBool>,
}

impl Post {
    /// The next thing to say, and whom it is for: the text comes of the seed and its number alone.
    fn next(&self) -> Option<(String, String, Dice)> {
        if !self.gap.is_zero() {
            clock::block(self.gap);
        }
        if self.over.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.book.take()?;
        let mut dice = Dice::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let first = usize::try_from(dice.below(self.agents.len() as u64)).expect("an index");
        let text = texts::text(&mut dice, number);
        loop {
            if self.over.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(agent) = self.book.free_from(first, WAITING) {
                return Some((self.agents[agent].clone(), text, dice));
            }
            clock::block(LOOK);
        }
    }

    /// A client of the link: connects anew whenever the engine is gone.
    pub(crate) fn by_link(&self, sender: &str) {
        let mut client = None;
        while let Some((agent, text, mut dice)) = self.next() {
            let mut connected = match client.take() {
                Some(client) => client,
                None => match self.connect() {
                    Some(client) => client,
                    None => return,
                },
            };
            // Now and then the standard words instead, which are the same each time.
            let nudge = dice.chance(5);
            let command = match nudge {
                true => Command::Ping { agent: id(&agent) },
                false => Command::Send { agent: id(&agent), text: text.clone() },
            };
            let entry = (!nudge).then(|| self.book.wish(sender, &agent, &texts::meant(&text)));
            let answer = connected.ask(&command, ANSWER);
            let answer = match answer {
                Ok(command::Answer::Queued { message }) => Answer::Message(message.0),
                Ok(command::Answer::Refused { why, .. }) => Answer::Refused(why),
                Ok(other) => panic!("{other:?}"),
                Err(_) => Answer::None,
            };
            if answer != Answer::None {
                client = Some(connected);
            }
            if let Some(entry) = entry {
                self.book.answer(entry, answer, None);
            }
        }
    }

    fn connect(&self) -> Option<Client> {
        let state = self.workspace.join(".flightdeck");
        while !self.over.load(Ordering::Relaxed) {
            if let Ok(client) = Client::connect(&state) {
                return Some(client);
            }
            clock::block(LOOK);
        }
        None
    }

    /// The command line, a process for each text; one in ten waits for what becomes of it.
    pub(crate) fn by_verb(&self, sender: &str) {
        while let Some((agent, text, mut dice)) = self.next() {
            let waits = dice.chance(100);
            let entry = self.book.wish(sender, &agent, &texts::meant(&text));
            let (answer, told) = self.verb(&agent, &text, waits);
            if answer == Answer::None {
                clock::block(AWAY);
            }
            self.book.answer(entry, answer, told);
        }
    }

    fn verb(&self, agent: &str, text: &str, waits: bool) -> (Answer, Option<String>) {
        let mut verb = spawn::blocking(PROGRAM);
        verb.args(["send", agent, "-", "--json", "--workspace"]).arg(&self.workspace).env("HOME", &self.home);
        if waits {
            verb.args(["--wait", "20s"]);
        } else {
            verb.arg("--no-wait");
        }
        verb.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = verb.spawn().expect("it runs");
        // One that found no engine does not read to the end.
        let _ = child.stdin.take().expect("a pipe").write_all(text.as_bytes());
        let output = child.wait_with_output().expect("our child");
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let code = output.status.code();
        let message = said["message"].as_u64().or_else(|| said["message"].as_str()?.strip_prefix('m')?.parse().ok());
        let stage = said["stage"]["stage"].as_str().map(|word| word.replace('_', "-"));
        match (code, message) {
            // What has settled stays as it is; anything else was the state of a moment.
            (Some(0), Some(message)) if waits => (Answer::Message(message), Some("submitted".to_string())),
            (Some(6), Some(message)) => (Answer::Message(message), stage),
            (_, Some(message)) => (Answer::Message(message), None),
            (Some(2 | 5), None) => (Answer::Refused(said.to_string()), None),
            (Some(1 | 4 | 7), None) => (Answer::None, None),
            _ => panic!("{:?}: {}", output.status, String::from_utf8_lossy(&output.stdout)),
        }
    }
}
