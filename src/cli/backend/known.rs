//! The backends that there are: the built-in ones, and in a workspace also its own, with their programs on this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::error::{CliError, Kind};
use crate::cli::{Global, check, workspace};
use crate::config::Config;
use crate::config::backend;
use crate::config::model::{Agent, Backend};
use crate::config::nearest::nearest;
use crate::edge::probe::{self, Health};

/// All backends by name, and the configuration of the workspace they were asked for in.
pub(super) struct Known {
    pub(super) config: Option<Config>,
    pub(super) backends: BTreeMap<String, Backend>,
}

impl Known {
    /// Outside of a workspace only the built-in ones are known; a workspace that was named must be one.
    pub(super) fn of(global: &Global) -> Result<Known, CliError> {
        let root = match workspace::find(global.workspace.as_deref()) {
            Ok(root) => Some(root),
            Err(error) if global.workspace.is_some() => return Err(error),
            Err(_) => None,
        };
        let config = root.map(|root| check::config(&root)).transpose()?;
        let mut backends = backend::built_in();
        // A table of the workspace stands in place of a built-in one of its name.
        backends.extend(config.iter().flat_map(|config| config.backends.clone()));
        Ok(Known { config, backends })
    }

    /// One of them.
    pub(super) fn named(&self, name: &str) -> Result<&Backend, CliError> {
        self.backends.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.backends.keys().map(String::as_str).collect();
            let near = nearest(name, names.iter().copied()).map(|near| format!("; did you mean {near}?"));
            let hint = format!("there are {}{}", names.join(", "), near.unwrap_or_default());
            CliError::new(Kind::Usage, format!("no backend is called {name}")).hint(hint)
        })
    }

    /// The agents that it is configured for.
    pub(super) fn agents(&self, backend: &str) -> Vec<&Agent> {
        let agents = self.config.iter().flat_map(|config| config.agents.values());
        agents.filter(|agent| agent.backend == backend).collect()
    }

    /// How the programs of these backends are; all are asked at once, each within its deadline.
    pub(super) fn health(&self, backends: &[&Backend]) -> Result<Vec<Health>, CliError> {
        let mut asked = Vec::new();
        for backend in backends {
            let dir = match (self.agents(&backend.name).first(), &self.config) {
                (Some(agent), _) if agent.dir.is_dir() => agent.dir.clone(),
                (_, Some(config)) => config.root.clone(),
                (_, None) => std::env::current_dir()?,
            };
            asked.push((program(backend)?, dir));
        }
        workspace::wait(async {
            let started: Vec<_> = asked
                .into_iter()
                .map(|(program, dir)| tokio::spawn(async move { probe::health(&program, &dir).await }))
                .collect();
            let mut told = Vec::new();
            for task in started {
                told.push(task.await.map_err(std::io::Error::other)?);
            }
            Ok(told)
        })?
    }
}

/// What is run; the demo agent lives in our own program, which need not be in anybody's PATH.
pub(super) fn program(backend: &Backend) -> Result<String, CliError> {
    let word = backend.launch.first().cloned().unwrap_or_default();
    let own = || std::env::current_exe().map(|file: PathBuf| file.to_string_lossy().into_owned());
    Ok(if word == "flightdeck" { own()? } else { word })
}
