//! `flightdeck phase`: the sequence, shown and changed while it runs.

use crate::pilot::command::Command;
use crate::pilot::id::PhaseId;
use crate::pilot::view::PhaseView;
use crate::words::text;

use super::asking::{self, Asking};
use super::error::CliError;
use super::exit::Exit;
use super::table::Table;
use super::{Global, out};

/// Show and change the sequence of phases
///
/// A change is written into flightdeck.toml, whose comments stay. What the engine refuses, like a
/// phase that has no file, ends with 5.
///
/// Examples:
///   flightdeck phase list
///   flightdeck phase next
///   flightdeck phase append 3
///   flightdeck phase insert 1c --before 2
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the sequence
    List,
    /// End the current phase by hand and go to the next
    Next,
    /// Make a phase of the sequence the current one
    ///
    /// Forward, what lies between counts as done; back, the present phase is taken up afterwards.
    Goto {
        /// The phase
        phase: PhaseId,
    },
    /// Put a phase at the end; a complete sequence opens again
    Append {
        /// The phase; its plan stands in phases/
        phase: PhaseId,
    },
    /// Put a phase before another one, or before the current one, which is suspended and resumes after
    Insert {
        /// The phase; its plan stands in phases/
        phase: PhaseId,
        /// Before this one [default: the current one]
        #[arg(long, value_name = "PHASE")]
        before: Option<PhaseId>,
    },
    /// Take a phase that has not begun out of the sequence
    Remove {
        /// The phase
        phase: PhaseId,
    },
}

/// Shows it or asks for the change.
pub fn run(args: &Args, global: &Global) -> Result<Exit, CliError> {
    let command = match &args.what {
        What::List => return list(global),
        What::Next => Command::PhaseNext,
        What::Goto { phase } => Command::PhaseGoto { phase: phase.clone() },
        What::Append { phase } => Command::PhaseAppend { phase: phase.clone() },
        What::Insert { phase, before } => Command::PhaseInsert { phase: phase.clone(), before: before.clone() },
        What::Remove { phase } => Command::PhaseRemove { phase: phase.clone() },
    };
    asking::tell(global, &command)
}

fn list(global: &Global) -> Result<Exit, CliError> {
    let view = Asking::of(global)?.view()?;
    if global.json {
        out::json(&view.phase)?;
    } else {
        out::text(&shown(&view.phase))?;
    }
    Ok(Exit::Done)
}

fn shown(phases: &PhaseView) -> String {
    if phases.sequence.is_empty() {
        return "the sequence is empty: `flightdeck phase append ID` adds a phase\n".to_string();
    }
    let mut table = Table::new(&["PHASE", "STATUS"]);
    for phase in &phases.sequence {
        table.row([phase.id.as_str(), &phase.status]);
    }
    let mut shown = table.render(None);
    if phases.complete {
        shown.push_str("the sequence is complete; `flightdeck phase append ID` opens it again\n");
    }
    if let Some(why) = &phases.blocked {
        shown.push_str(&format!("it can't go on: {}\n", text::line(why)));
    }
    shown
}
