//! The question before something that hits the whole fleet (fault K8).

use std::io::{self, IsTerminal, Write};

use super::error::{CliError, Kind};

/// Goes on when `yes` was said on the command line or is said now at the terminal; without a terminal nobody is asked
/// and nothing is done. `what` is what will happen, as a sentence without its full stop.
pub fn confirm(what: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let somebody = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !somebody {
        return Err(CliError::new(Kind::Usage, format!("{what}: this needs `--yes` where nobody can be asked"))
            .hint("nothing was done"));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{what}. Go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(CliError::new(Kind::Interrupted, "nothing was done"))
}
