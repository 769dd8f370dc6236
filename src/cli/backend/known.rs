//! The backends that there are: the built-in ones, and in a workspace also its own. Judges nothing of its agents.

use std::collections::BTreeMap;

use crate::cli::error::{CliError, Kind};
use crate::cli::{Global, check, workspace};
use crate::config::backend;
use crate::config::model::Backend;
use crate::config::nearest::nearest;

/// All backends by name.
pub(super) struct Known {
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
        Ok(Known { backends })
    }

    /// One of them.
    pub(super) fn named(&self, name: &str) -> Result<&Backend, CliError> {
        self.backends.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.backends.keys().map(String::as_str).collect();
            let near = nearest(name, names.iter().copied()).map(|near| format!("; did you mean {near}?"));
            CliError::new(Kind::Usage, format!("no backend is called {name}")).hint(format!(
                "there are {}{}",
                names.join(", "),
                near.unwrap_or_default()
            ))
        })
    }
}
