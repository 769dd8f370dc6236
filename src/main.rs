//! The program: parse, run, print the error with its hint, exit code.

use std::process::ExitCode;

use flightdeck::cli::{Cli, hidden, misuse};

fn main() -> ExitCode {
    if let Some(code) = hidden::run() {
        return code;
    }
    let words: Vec<_> = std::env::args_os().collect();
    let cli = match Cli::from_words(words.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return misuse::show(&error, &words),
    };
    let json = cli.global.json;
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.show(json);
            error.exit().into()
        }
    }
}
