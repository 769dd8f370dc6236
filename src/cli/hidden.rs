//! Programs inside the program, started by flightdeck itself and never by a person. They come before the command line
//! is parsed, because they must be quick and their words are not the operator's.

use std::process::ExitCode;

/// Runs the one that the first word names, if it names one.
pub fn run() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let verb = words.next()?;
    match verb.to_str()? {
        "run-agent" => Some(run_agent(words.next())),
        "run-probe" => Some(run_probe(words.next())),
        "hook" => Some(hook(words.next())),
        "pane-tap" => Some(pane_tap(words.next(), words.next())),
        "demo-agent" => Some(crate::demo::agent::main(words)),
        _ => None,
    }
}

/// What a pane starts with: becomes the agent, or says in the pane why not.
fn run_agent(spec: Option<std::ffi::OsString>) -> ExitCode {
    let error = crate::edge::runner::exec_agent(std::path::Path::new(&spec.unwrap_or_default()));
    complain(&error.to_string());
    ExitCode::from(error.code())
}

/// What a tiny call on an account starts with: becomes it.
fn run_probe(spec: Option<std::ffi::OsString>) -> ExitCode {
    let error = crate::edge::runner::exec_probe(std::path::Path::new(&spec.unwrap_or_default()));
    complain(&error.to_string());
    ExitCode::from(error.code())
}

/// What agents' programs call when something happens in them. Whatever goes wrong with it is no trouble of theirs.
fn hook(program: Option<std::ffi::OsString>) -> ExitCode {
    let _ = crate::edge::channel::hook(&program.unwrap_or_default());
    ExitCode::SUCCESS
}

/// What tmux pipes a pane into: hands that pipe to the engine and is gone.
fn pane_tap(socket: Option<std::ffi::OsString>, pane: Option<std::ffi::OsString>) -> ExitCode {
    let (socket, pane) = (socket.unwrap_or_default(), pane.unwrap_or_default());
    let passed = crate::edge::feed::tap::pass_stdin(std::path::Path::new(&socket), &pane.to_string_lossy());
    // Nobody reads what a pane's pipe complains about; without it the pane is looked at like one elsewhere.
    if passed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stderr, reason = "the last words of a pane whose agent could not start")]
fn complain(text: &str) {
    eprintln!("flightdeck: {text}");
}
