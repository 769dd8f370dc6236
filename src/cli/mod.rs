//! FLOOR 3: the command line. One file per verb: its arguments, whose doc comment is the help text, and one `run`.
//!
//! Verbs ask the engine over its link and print what it says; none of them touches an agent itself. Clap prints help
//! and ends before anything runs, so `--help` anywhere never acts.

pub mod accounts;
pub mod asking;
pub mod attach;
pub mod backend;
pub mod check;
pub mod cockpit;
pub mod completions;
pub mod confirm;
pub mod demo;
pub mod doctor;
pub mod down;
pub mod drill;
pub mod e_stop;
pub mod error;
pub mod events;
pub mod exit;
pub mod hidden;
pub mod hold;
pub mod init;
pub mod logfile;
pub mod logs;
pub mod man;
pub mod misuse;
pub mod out;
pub mod outbox;
pub mod overview;
pub mod patience;
pub mod pause;
pub mod phase;
pub mod phone;
pub mod ping;
pub mod recorded;
pub mod release;
pub mod reload;
pub mod report;
pub mod restart;
pub mod resume;
pub mod run;
pub mod send;
pub mod setup;
mod since;
pub mod start;
pub mod status;
pub mod stop;
pub mod table;
pub mod throwaway;
pub mod timeline;
pub mod up;
pub mod usage;
pub mod watch;
pub mod why;
pub mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use error::CliError;
use exit::Exit;

/// Keeps AI coding-agent loops working around the clock, and shows them on one screen
///
/// Without a verb it opens the cockpit, the screen of the whole fleet, and starts an engine if none runs.
///
/// An engine (`flightdeck up`) takes a Builder and an Adversary through a sequence of phases in tmux sessions of its
/// own, delivers messages that are proved to have been submitted, and heals what stalls or dies. Every other verb
/// asks that engine.
#[derive(Debug, Parser)]
#[command(name = "flightdeck", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Said before or after any verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// The workspace [default: the nearest folder upwards with a flightdeck.toml]
    #[arg(long, global = true, value_name = "DIR", env = "FLIGHTDECK_WORKSPACE", hide_env_values = true)]
    pub workspace: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// The verbs, in the order of the help.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Init(init::Args),
    Check(check::Args),
    Up(up::Args),
    Down(down::Args),
    Watch(watch::Args),
    Status(status::Args),
    Why(why::Args),
    Start(start::Args),
    Stop(stop::Args),
    Restart(restart::Args),
    Ping(ping::Args),
    Send(send::Args),
    Attach(attach::Args),
    Logs(logs::Args),
    Hold(hold::Args),
    Release(release::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    EStop(e_stop::Args),
    Phase(phase::Args),
    Outbox(outbox::Args),
    Usage(usage::Args),
    Accounts(accounts::Args),
    Events(events::Args),
    Run(run::Args),
    Reload(reload::Args),
    Demo(demo::Args),
    Drill(drill::Args),
    Doctor(doctor::Args),
    Backend(backend::Args),
    Setup(setup::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Cli {
    /// From the words of the command line, the program's name first. Help and version come back as errors too, with
    /// the exit code 0.
    pub fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let words = watchdog(words.into_iter().collect());
        let mut command = command();
        let matches = command.try_get_matches_from_mut(words)?;
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Does what was asked.
    pub fn run(self) -> Result<Exit, CliError> {
        let global = &self.global;
        let Some(verb) = &self.verb else { return cockpit::run(global) };
        match verb {
            Verb::Init(args) => init::run(args, global),
            Verb::Check(args) => check::run(args, global),
            Verb::Up(args) => up::run(args, global),
            Verb::Down(args) => down::run(args, global),
            Verb::Watch(args) => watch::run(global, args),
            Verb::Status(args) => status::run(args, global),
            Verb::Why(args) => why::run(args, global),
            Verb::Start(args) => start::run(args, global),
            Verb::Stop(args) => stop::run(args, global),
            Verb::Restart(args) => restart::run(args, global),
            Verb::Ping(args) => ping::run(args, global),
            Verb::Send(args) => send::run(args, global),
            Verb::Attach(args) => attach::run(args, global),
            Verb::Logs(args) => logs::run(args, global),
            Verb::Hold(args) => hold::run(args, global),
            Verb::Release(args) => release::run(args, global),
            Verb::Pause(args) => pause::run(args, global),
            Verb::Resume(args) => resume::run(args, global),
            Verb::EStop(args) => e_stop::run(args, global),
            Verb::Phase(args) => phase::run(args, global),
            Verb::Outbox(args) => outbox::run(args, global),
            Verb::Usage(args) => usage::run(args, global),
            Verb::Accounts(args) => accounts::run(args, global),
            Verb::Events(args) => events::run(args, global),
            Verb::Run(args) => run::run(args, global),
            Verb::Reload(args) => reload::run(args, global),
            Verb::Demo(args) => demo::run(args, global.json),
            Verb::Drill(args) => drill::run(args, global),
            Verb::Doctor(args) => doctor::run(args, global),
            Verb::Backend(args) => backend::run(args, global),
            Verb::Setup(args) => setup::run(args, global),
            Verb::Completions(args) => completions::run(args),
            Verb::Man(args) => man::run(args),
        }
    }
}

/// `flightdeck --watchdog` is `flightdeck watch`; only as the first word, so that help still explains and does not act.
fn watchdog(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "--watchdog") {
        words[1] = "watch".into();
    }
    words
}

/// The whole command line, with the exit codes below each verb's long help. Help, completions and manual come from it.
pub fn command() -> clap::Command {
    with_exit_codes(Cli::command())
}

fn with_exit_codes(command: clap::Command) -> clap::Command {
    command.after_long_help(Exit::table()).mut_subcommands(with_exit_codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

    #[test]
    fn the_help_of_every_verb_has_one_form() {
        let mut command = command();
        command.build();
        for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
            let help = verb.render_long_help().to_string();
            let name = verb.get_name();
            let places = ["\n\nExamples:\n  flightdeck ", "\nUsage: ", "\nExit codes:\n"].map(|part| help.find(part));
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{name}: {places:?} in {help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{name}: a line is too long: {help}");
        }
    }
}
