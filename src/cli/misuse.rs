//! What clap says of a call that it does not understand, on its way to the operator: as it is to a person, as JSON to who
//! asked for that, and without the bytes that act on a terminal where the call itself held some (fault U3).

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::words::text::is_unseen;

use super::error::{CliError, Kind};

/// Shows it. Help and version come this way too.
pub fn show(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let asked_for_json = words.iter().any(|word| word == "--json");
    let hostile = words.iter().any(|word| word.to_string_lossy().chars().any(is_unseen));
    let help = !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if help || !(asked_for_json || hostile) {
        // Help for a reader that went away is no failure.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let text = error.render().to_string();
    let misuse = CliError::new(Kind::Usage, text.trim_start_matches("error: ").trim_end());
    misuse.show(asked_for_json);
    misuse.exit().into()
}
