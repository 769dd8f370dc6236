//! Asking the engine of a workspace, and saying what it answered. Every verb that needs an engine goes through here, so
//! that a missing, silent or refusing one is told in the same words everywhere.
//!
//! Decides nothing and starts no engine.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::config::nearest::nearest;
use crate::edge::link::{Client, Follow, LinkError, NoEngine};
use crate::pilot::command::{Answer, Command};
use crate::pilot::id::AgentId;
use crate::pilot::view::{AgentView, View};
use crate::words::text;

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out, workspace};

/// The engine answers between two rounds of its loop, and a round waits for the disk; a starved machine needs seconds.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection to the engine of one workspace.
#[derive(Debug)]
pub struct Asking {
    /// The workspace.
    pub root: PathBuf,
    client: Client,
}

impl Asking {
    /// Connects to the engine of the workspace that the command line means.
    pub fn of(global: &Global) -> Result<Self, CliError> {
        let root = workspace::find(global.workspace.as_deref())?;
        let client = Client::connect(&workspace::state_dir(&root)).map_err(|why| no_engine(&root, why))?;
        Ok(Asking { root, client })
    }

    /// The answer to a command; a refusal is an error, with the nearest known agent where the named one is unknown.
    pub fn ask(&mut self, command: &Command) -> Result<Answer, CliError> {
        match self.client.ask(command, ANSWER).map_err(of_link)? {
            Answer::Refused { why, hint } => Err(self.refused(command, why, hint)),
            answer @ (Answer::Accepted { .. } | Answer::Queued { .. } | Answer::Status { .. }) => Ok(answer),
        }
    }

    /// The whole picture.
    pub fn view(&mut self) -> Result<View, CliError> {
        match self.ask(&Command::Status)? {
            Answer::Status { view } => Ok(*view),
            other => Err(CliError::new(Kind::Machine, format!("the engine answered something else: {other:?}"))
                .hint("use the same flightdeck as the engine")),
        }
    }

    /// Turns the connection into a stream of records after number `since`.
    pub fn follow(self, since: u64) -> Result<Follow, CliError> {
        self.client.follow(since).map_err(of_link)
    }

    fn refused(&mut self, command: &Command, why: String, hint: Option<String>) -> CliError {
        let error = CliError::new(Kind::Refused, why);
        let unknown = agent_of(command).and_then(|agent| {
            let view = self.view().ok()?;
            let known = view.agents.iter().any(|known| known.id == *agent);
            if known { None } else { did_you_mean(&view, agent) }
        });
        match (unknown, hint) {
            (Some(guess), Some(hint)) => error.hint(format!("{guess} {hint}")),
            (Some(hint), None) | (None, Some(hint)) => error.hint(hint),
            (None, None) => error,
        }
    }
}

/// Asks for something that is accepted or refused, and says which.
pub fn tell(global: &Global, command: &Command) -> Result<Exit, CliError> {
    let answer = Asking::of(global)?.ask(command)?;
    say(global, &answer)?;
    Ok(Exit::Done)
}

/// Prints an answer that is no picture.
pub fn say(global: &Global, answer: &Answer) -> Result<(), CliError> {
    if global.json {
        return out::json(answer);
    }
    match answer {
        Answer::Accepted { what } => out::line(&text::line(what)),
        Answer::Queued { message } => out::line(&format!("{message} is queued")),
        Answer::Refused { why, .. } => out::line(&text::line(why)),
        Answer::Status { view } => out::json(view),
    }
}

/// Does one thing to each of several agents, and goes on where one of them is refused. The first failure is the exit.
pub fn tell_each(
    global: &Global,
    asking: &mut Asking,
    agents: &[AgentId],
    command: impl Fn(AgentId) -> Command,
) -> Result<Exit, CliError> {
    let mut exit = Exit::Done;
    for agent in agents {
        match asking.ask(&command(agent.clone())) {
            Ok(Answer::Accepted { what }) if global.json => {
                out::json(&json!({ "agent": agent, "answer": "accepted", "what": what }))?;
            }
            Ok(answer) => say(global, &answer)?,
            // Without an engine the others can't be done either.
            Err(error) if error.kind != Kind::Refused => return Err(error),
            Err(error) => {
                error.show(global.json);
                exit = error.exit();
            }
        }
    }
    Ok(exit)
}

/// One agent of the picture, or the engine's own words for one that is not there.
pub fn agent<'v>(view: &'v View, id: &AgentId) -> Result<&'v AgentView, CliError> {
    view.agents.iter().find(|agent| agent.id == *id).ok_or_else(|| {
        let known: Vec<&str> = view.agents.iter().map(|agent| agent.id.as_str()).collect();
        let known = format!("known agents: {}", known.join(", "));
        let hint = did_you_mean(view, id).map_or(known.clone(), |guess| format!("{guess} {known}"));
        CliError::new(Kind::Refused, format!("no agent is called {id}")).hint(hint)
    })
}

/// The words for a workspace without an engine that answers.
pub fn no_engine(root: &std::path::Path, why: NoEngine) -> CliError {
    let dir = root.display();
    match why {
        NoEngine::Absent(_) => {
            CliError::new(Kind::NoEngine, format!("no engine runs in {dir}")).hint("`flightdeck up` starts one")
        }
        NoEngine::Silent(_) => CliError::new(Kind::Late, format!("the engine in {dir} does not answer"))
            .hint("`flightdeck doctor` looks at it; agents go on meanwhile"),
        other @ (NoEngine::OtherVersion { .. } | NoEngine::Io { .. }) => {
            CliError::new(Kind::Machine, format!("the engine in {dir} can't be asked")).cause(other)
        }
    }
}

/// The words for an answer that did not come.
pub fn of_link(error: LinkError) -> CliError {
    match error {
        LinkError::Late(span) => CliError::new(Kind::Late, format!("the engine gave no answer within {span:?}"))
            .hint("it may still be done: `flightdeck events` shows what happens"),
        LinkError::Closed => CliError::new(Kind::NoEngine, "the engine ended before it answered")
            .hint("`flightdeck events` shows whether it was done; `flightdeck up` starts an engine"),
        LinkError::Refused(why) => CliError::new(Kind::Refused, why),
        other @ (LinkError::Unclear(_) | LinkError::Io(_)) => {
            CliError::new(Kind::Machine, "the engine can't be asked").cause(other)
        }
    }
}

fn did_you_mean(view: &View, wrote: &AgentId) -> Option<String> {
    let names = view.agents.iter().map(|agent| agent.id.as_str());
    nearest(wrote.as_str(), names).map(|name| format!("did you mean `{name}`?"))
}

fn agent_of(command: &Command) -> Option<&AgentId> {
    match command {
        Command::Start { agent }
        | Command::Stop { agent }
        | Command::Restart { agent, .. }
        | Command::Send { agent, .. }
        | Command::Ping { agent }
        | Command::Hold { agent, .. }
        | Command::Release { agent }
        | Command::RunJob { agent, .. } => Some(agent),
        Command::Status
        | Command::Pause
        | Command::Resume
        | Command::EmergencyStop
        | Command::PhaseNext
        | Command::PhaseGoto { .. }
        | Command::PhaseAppend { .. }
        | Command::PhaseInsert { .. }
        | Command::PhaseRemove { .. }
        | Command::Drop { .. }
        | Command::Retry { .. }
        | Command::Probe { .. }
        | Command::Reload
        | Command::Shutdown => None,
    }
}
