//! `flightdeck` without a verb: the cockpit.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use crate::cockpit::keys::Keys;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Theme;
use crate::cockpit::{self, Options};
use crate::config::Config;
use crate::edge::link::{Client, NoEngine};

use super::error::{CliError, Kind};
use super::exit::Exit;
use super::{Global, check, up, workspace};

/// Opens it. An engine that does not run is started first, in its own tmux session, as `up` does.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(CliError::new(Kind::Usage, "the cockpit needs a terminal")
            .hint("`flightdeck status` prints the fleet, `flightdeck --help` lists the verbs"));
    }
    let root = workspace::find(global.workspace.as_deref())?;
    let (config, keys) = check::with_keys(&root)?;
    if let Err(NoEngine::Absent(_)) = Client::connect(&workspace::state_dir(&root)) {
        up::ensure(&root)?;
    }
    show(root, &config, keys)?;
    Ok(Exit::Done)
}

/// The cockpit of a workspace whose configuration and keys are in order, until the operator leaves it.
pub fn show(root: PathBuf, config: &Config, keys: Keys) -> Result<(), CliError> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = Theme::new(config.cockpit.theme, plain);
    let state_dir = workspace::state_dir(&root);
    let model = Model::new(config.cockpit.clone(), keys, theme, config.project.name.clone());
    cockpit::run(model, Options { state_dir, start_engine, root }).map_err(|cause| {
        CliError::new(Kind::Machine, "the cockpit has lost its terminal").cause(cause).hint("engine and agents go on")
    })
}

fn start_engine(root: &Path) -> Result<(), String> {
    up::ensure(root).map(drop).map_err(|error| error.to_string())
}
