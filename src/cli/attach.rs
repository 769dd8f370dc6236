//! `flightdeck attach`: in front of an agent.

use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;

use crate::edge::spawn;
use crate::edge::tmux::verb;
use crate::pilot::id::AgentId;

use super::asking::{self, Asking};
use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, out, workspace};

/// Go to an agent's session; detach with tmux's own key (Ctrl-B d), and it goes on
///
/// Works inside another tmux too. While you are in copy mode or your words stand in the composer,
/// nothing is typed there.
///
/// Examples:
///   flightdeck attach builder
///   flightdeck attach builder --read-only
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The agent
    agent: AgentId,
    /// Look only: keys do nothing
    #[arg(long)]
    read_only: bool,
}

/// Becomes a tmux client; with --json prints its command line instead.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let mut asking = Asking::of(global)?;
    let view = asking.view()?;
    let agent = asking::agent(&view, &args.agent)?;
    let Some(session) = &agent.session else {
        let id = &agent.id;
        return Err(CliError::new(Kind::Refused, format!("{id} has no session: it is {}", agent.state.word()))
            .hint(format!("`flightdeck logs {id}` shows its last screen, `flightdeck start {id}` starts it")));
    };
    let socket = workspace::tmux_socket(&asking.root);
    let socket = socket.to_str().ok_or_else(|| {
        CliError::new(Kind::Machine, format!("{} is not UTF-8", socket.display())).hint("move the workspace")
    })?;
    let mut words = verb::attach_argv(socket, session);
    if args.read_only {
        words.push("-r".to_string());
    }
    if global.json {
        words.insert(0, "tmux".to_string());
        out::json(&serde_json::json!({ "agent": agent.id, "argv": words }))?;
        return Ok(Exit::Done);
    }
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(CliError::new(Kind::Usage, "attach needs a terminal")
            .hint(format!("`flightdeck logs {}` prints what the agent has shown", agent.id)));
    }
    let cause = spawn::foreground("tmux").args(words).exec();
    Err(CliError::new(Kind::Machine, "tmux can't be run").cause(cause).hint("`flightdeck doctor` looks for it"))
}
