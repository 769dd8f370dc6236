//! The demo agent's knobs: flags, or variables of the environment named after them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::composer::Collapse;
use super::painter::Mode;
use super::plays::Play;
use super::script::{self, Script};

/// What is asked right after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StartDialog {
    Trust,
    Permission,
    /// Not a question: logged out.
    Login,
}

/// What becomes of a prompt that is submitted during a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum WhenBusy {
    /// It runs after the turn.
    #[default]
    Queue,
    /// Enter does nothing; the text stays.
    Refuse,
}

/// A small terminal program that behaves like an agent CLI, by a script.
#[derive(Debug, Parser)]
#[command(name = "demo-agent", no_binary_name = true)]
pub(super) struct Options {
    /// What it does with prompts: a script file
    #[arg(long, env = "FLIGHTDECK_DEMO_SCRIPT", value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
    /// What it does with prompts: a built-in script (default: the one for its role)
    #[arg(long, env = "FLIGHTDECK_DEMO_PLAY", conflicts_with = "script")]
    pub(super) play: Option<Play>,
    /// Switches on the script's faults of this name
    #[arg(long, env = "FLIGHTDECK_DEMO_FAULTS", value_name = "NAME")]
    pub(super) faults: Option<String>,
    /// Where it remembers what happens only once (default: inside the clone's .git)
    #[arg(long, env = "FLIGHTDECK_DEMO_STATE", value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Think this many times as long, for people who look on
    #[arg(long, env = "FLIGHTDECK_DEMO_PACE", value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) pace: u32,
    /// Lose this many Enters after each paste
    #[arg(long, env = "FLIGHTDECK_DEMO_SWALLOW_ENTER", value_name = "COUNT", default_value_t = 0)]
    pub(super) swallow_enter: u32,
    /// Lose every Enter that comes sooner than this after a paste
    #[arg(long, env = "FLIGHTDECK_DEMO_ENTER_WINDOW", value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(super) enter_window: Duration,
    /// Lose each Enter with this chance in percent
    #[arg(long, env = "FLIGHTDECK_DEMO_SWALLOW_CHANCE", value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) swallow_chance: u8,
    /// What its chances are thrown from; each life of an agent with a state folder throws others
    #[arg(long, env = "FLIGHTDECK_DEMO_SEED", value_name = "NUMBER", default_value_t = 0)]
    pub(super) seed: u64,
    /// Show long pastes as `[Pasted text #1 +20 lines]`
    #[arg(long, env = "FLIGHTDECK_DEMO_COLLAPSE", default_value = "on")]
    pub(super) collapse: Collapse,
    /// Prompts during a turn
    #[arg(long, env = "FLIGHTDECK_DEMO_BUSY", default_value = "queue")]
    pub(super) busy: WhenBusy,
    /// How it uses the screen
    #[arg(long, env = "FLIGHTDECK_DEMO_SCREEN", default_value = "inline")]
    pub(super) screen: Mode,
    /// Time from the start to the first composer; what is typed meanwhile is lost
    #[arg(long, env = "FLIGHTDECK_DEMO_START_DELAY", value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(super) start_delay: Duration,
    /// Ask this before anything else
    #[arg(long, env = "FLIGHTDECK_DEMO_START_DIALOG")]
    pub(super) start_dialog: Option<StartDialog>,
    /// Exit with this status at once
    #[arg(long, env = "FLIGHTDECK_DEMO_EXIT_AT_START", value_name = "STATUS")]
    pub(super) exit_at_start: Option<u8>,
    /// Append every byte received to this file
    #[arg(long, env = "FLIGHTDECK_DEMO_BYTE_LOG", value_name = "FILE")]
    pub(super) byte_log: Option<PathBuf>,
    /// Append every submitted prompt to this file, a JSON object a line
    #[arg(long, env = "FLIGHTDECK_DEMO_SUBMIT_LOG", value_name = "FILE")]
    pub(super) submit_log: Option<PathBuf>,
    /// Append what became of every Enter to this file, a JSON object a line
    #[arg(long, env = "FLIGHTDECK_DEMO_ENTER_LOG", value_name = "FILE")]
    pub(super) enter_log: Option<PathBuf>,
    /// The event channel
    #[arg(long, env = "FLIGHTDECK_SPOOL", value_name = "FILE")]
    pub(super) spool: Option<PathBuf>,
    /// Leave the event channel alone
    #[arg(long, env = "FLIGHTDECK_DEMO_NO_REPORTS")]
    pub(super) no_reports: bool,
    /// Name of the conversation to begin
    #[arg(long, value_name = "ID")]
    pub(super) conversation: Option<String>,
    /// Name of the conversation to go on with
    #[arg(long, value_name = "ID", conflicts_with = "conversation")]
    pub(super) resume: Option<String>,
    /// Ignored: a model's name, as real agents take one
    #[arg(long)]
    pub(super) model: Option<String>,
    #[arg(long, env = "FLIGHTDECK_AGENT", default_value = "agent", hide = true)]
    pub(super) agent: String,
    #[arg(long, env = "FLIGHTDECK_PHASE", default_value = "", hide = true)]
    pub(super) phase: String,
    #[arg(long, env = "FLIGHTDECK_ROLE", default_value = "", hide = true)]
    pub(super) role: String,
}

impl Options {
    /// The script in force, or what is wrong with it.
    pub(super) fn read_script(&self) -> Result<Script, String> {
        let Some(file) = &self.script else {
            let play = self.play.unwrap_or_else(|| Play::of_role(&self.role));
            return script::parse(play.text()).map_err(|problem| problem.to_string());
        };
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        script::parse(&text).map_err(|problem| format!("{}, {problem}", file.display()))
    }
}
